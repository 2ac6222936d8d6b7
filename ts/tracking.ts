import { randomBytes } from 'node:crypto'
import type { TorrentError } from './errors.ts'
import type { Torrent } from './torrent.ts'
import type { Tracker } from './tracker/announcer.ts'
import { type Announced, Announces, type Line } from './tracker/announces.ts'
import type { Family, Host, TrackerLimits } from './tracker/host.ts'
import type { Trust } from './tracker/query.ts'
import type { AnnounceReply } from './tracker/reply.ts'
import { parseEndpoint } from './util/address.ts'

/** What announcing torrents needs of their client; one for all of them. */
export interface TrackingContext {
  readonly host: Host
  readonly limits: TrackerLimits
  readonly line: Line
  readonly peerId: Uint8Array
  /** Where we listen, `ip:port` each. */
  readonly listening: () => readonly string[]
}

/** Bytes named as left before the metadata is known: with 0, trackers would take us for a seed. */
const UNKNOWN_LEFT = 16_384

/** How long a torrent is without peers before it asks its trackers for more, as far as they allow it; milliseconds. */
const HURRY = 10_000

/** The tiers of a torrent's trackers, each tracker once: those that the user typed come first, then its own. */
export function trackerTiers(
  torrent: Torrent,
  typed: readonly (readonly string[])[],
  trust: Trust,
): readonly (readonly Tracker[])[] {
  const seen = new Set<string>()
  const tier = (urls: readonly string[], trust: Trust): Tracker[] =>
    urls.filter((url) => !seen.has(url) && seen.add(url)).map((url) => ({ url, trust }))
  const tiers = [...typed.map((urls) => tier(urls, 'all')), ...torrent.trackers.map((urls) => tier(urls, trust))]
  return tiers.filter((urls) => urls.length > 0)
}

/** Ties a torrent to its trackers: it runs, they hear `started`; it is complete, `completed`; it stops, `stopped`. */
export class Tracking implements Announced {
  readonly #torrent: Torrent
  readonly #context: TrackingContext
  readonly tiers: readonly (readonly Tracker[])[]
  readonly key = randomBytes(4).toString('hex').toUpperCase()
  #announces: Announces
  #running = false
  /** Armed while it may soon want more peers than it has. */
  #unhurry: (() => void) | undefined
  #over = false

  constructor(torrent: Torrent, tiers: readonly (readonly Tracker[])[], context: TrackingContext) {
    this.#torrent = torrent
    this.#context = context
    this.tiers = tiers
    this.#announces = this.#make()
    this.follow()
  }

  /** Tells trackers that the torrent stops; at most `trackerStopTimeout`. */
  async stop(): Promise<void> {
    this.#finish()
    await this.#announces.stop()
  }

  /** Ends everything now. */
  destroy(): void {
    this.#finish()
    this.#announces.destroy()
  }

  #finish(): void {
    this.#over = true
    this.#unhurry?.()
    this.#unhurry = undefined
  }

  #make(): Announces {
    const { host, limits, line } = this.#context
    return new Announces(host, limits, line, this)
  }

  get infoHashes(): readonly Uint8Array[] {
    // BEP 52: trackers know a v2 hash by its first 20 bytes.
    const { v1, v2 } = this.#torrent.infoHash
    return [v1, v2?.slice(0, 40)].flatMap((hex) => (hex ? [new Uint8Array(Buffer.from(hex, 'hex'))] : []))
  }

  get isPrivate(): boolean {
    return this.#torrent.private
  }

  /** Trackers are asked once in each family that we listen in; whoever listens in one or none asks once, as it comes. */
  get families(): readonly Family[] {
    const listening = this.#context.listening()
    const listens = (family: 4 | 6) =>
      listening.some((address) => (parseEndpoint(address)?.ip.includes(':') ? 6 : 4) === family)
    return listens(4) && listens(6) ? [4, 6] : [null]
  }

  get peerId(): Uint8Array {
    return this.#context.peerId
  }

  facts() {
    const { downloaded, uploaded } = this.#torrent.state
    // Port 1 says that nobody can connect: some trackers refuse 0.
    const port = parseEndpoint(this.#context.listening()[0] ?? '')?.port ?? 1
    return { port, downloaded, uploaded, left: this.#torrent.left ?? UNKNOWN_LEFT }
  }

  onPeers(peers: readonly string[]): void {
    this.#torrent.addCandidates(peers)
  }

  onReply({ url }: Tracker, reply: AnnounceReply, family: 4 | 6): void {
    const { seeds, leeches, interval, externalIp, warning, peers } = reply
    // It may be asked again before its interval is over, should nobody come of this answer.
    this.#hurry()
    this.#torrent.announced({ tracker: url, family, peers: peers.length, seeds, leeches, interval, externalIp })
    if (warning !== null) {
      this.#torrent.warn({ code: 'ERR_TRACKER_FAILURE', message: `The tracker warns: ${warning}`, tracker: url })
    }
  }

  onFailure({ url }: Tracker, { code, message }: Pick<TorrentError, 'code' | 'message'>): void {
    this.#torrent.warn({ code, message, tracker: url })
  }

  /** The torrent does something else. */
  follow(): void {
    if (this.#over) return
    const { phase } = this.#torrent
    const runs = phase === 'metadata' || phase === 'downloading' || phase === 'seeding'
    // A check in between is no reason to leave: it ends soon.
    if (phase === 'checking') return
    this.#hurry()
    if (runs === this.#running) return
    this.#running = runs
    if (runs) this.#announces.start()
    else this.#announces.stop().catch(() => {})
  }

  /** The torrent is complete. */
  completed(): void {
    // One that was complete when it was checked has fetched nothing.
    if (!this.#over && this.#running && this.#torrent.downloaded > 0) this.#announces.finish()
  }

  /** The metadata is known: private torrents announce otherwise, and a magnet link does not say that it is one. */
  learned(): void {
    if (this.#over || !this.#torrent.private) return
    this.#announces.destroy()
    this.#announces = this.#make()
    if (this.#running) this.#announces.start()
  }

  /** The last peer has left. */
  lonely(): void {
    this.#hurry()
  }

  get #wantsPeers(): boolean {
    const { phase } = this.#torrent
    return !this.#over && (phase === 'metadata' || phase === 'downloading')
  }

  /**
   * Asks for more peers a little later, if there are none by then. Only what calls this can change that: a tracker's
   * answer, a peer that leaves, a torrent that starts. So nothing looks at torrents to which nothing happens.
   */
  #hurry(): void {
    if (this.#unhurry || !this.#wantsPeers) return
    this.#unhurry = this.#context.host.timer(HURRY, () => {
      this.#unhurry = undefined
      if (this.#wantsPeers && this.#torrent.connected === 0) this.#announces.hurry()
    })
  }
}
