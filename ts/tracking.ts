import { randomBytes } from 'node:crypto'
import type { NativeEngine } from './native/engine.ts'
import type { Torrent } from './torrent.ts'
import type { Tracker } from './tracker/announcer.ts'
import { Announces, type Line } from './tracker/announces.ts'
import type { Family, Host, TrackerLimits } from './tracker/host.ts'
import type { Trust } from './tracker/query.ts'
import { parseEndpoint } from './util/address.ts'

/** What announcing a torrent needs of the client. */
export interface TrackingContext {
  readonly host: Host
  readonly limits: TrackerLimits
  readonly line: Line
  readonly engine: NativeEngine
  readonly peerId: Uint8Array
  /** Where we listen, `ip:port` each. */
  readonly listening: () => readonly string[]
  /** Trackers that the user typed; undefined when the torrent opens no connection at all. */
  readonly trackers: readonly (readonly string[])[] | undefined
  /** How far the trackers are trusted that the torrent itself names. */
  readonly trust: Trust
}

/** Bytes named as left before the metadata is known: with 0, trackers would take us for a seed. */
const UNKNOWN_LEFT = 16_384

/** How often a torrent without peers asks its trackers for more, as far as they allow it; milliseconds. */
const HURRY = 10_000

/** Ties a torrent to its trackers: it runs, they hear `started`; it is complete, `completed`; it stops, `stopped`. */
export class Tracking {
  readonly #torrent: Torrent
  readonly #context: TrackingContext
  readonly #key = randomBytes(4).toString('hex').toUpperCase()
  readonly #untick: () => void
  #announces: Announces | undefined
  #running = false
  #hurriedAt = 0
  #over = false

  constructor(torrent: Torrent, context: TrackingContext) {
    this.#torrent = torrent
    this.#context = context
    this.#announces = this.#make()
    torrent.on('changed', () => this.#follow())
    torrent.on('completed', () => this.#completed())
    // Private torrents announce otherwise, and a magnet link does not say that it is one.
    torrent.on('metadataReceived', () => this.#learned())
    this.#untick = context.engine.onTick(() => this.#tick())
    this.#follow()
  }

  /** Tells trackers that the torrent stops; at most `trackerStopTimeout`. */
  async stop(): Promise<void> {
    this.#over = true
    this.#untick()
    await this.#announces?.stop()
  }

  /** Ends everything now. */
  destroy(): void {
    this.#over = true
    this.#untick()
    this.#announces?.destroy()
  }

  #make(): Announces | undefined {
    const { trackers, host, limits, line, peerId, listening, trust } = this.#context
    if (!trackers) return undefined
    const torrent = this.#torrent
    const seen = new Set<string>()
    const tier = (urls: readonly string[], trust: Trust): Tracker[] =>
      urls.filter((url) => !seen.has(url) && seen.add(url)).map((url) => ({ url, trust }))
    const tiers = [
      ...trackers.map((urls) => tier(urls, 'all')),
      ...torrent.trackers.map((urls) => tier(urls, trust)),
    ].filter((urls) => urls.length > 0)
    if (tiers.length === 0) return undefined
    return new Announces(host, limits, line, {
      infoHashes: infoHashes(torrent),
      tiers,
      isPrivate: torrent.private,
      families: families(listening()),
      peerId,
      key: this.#key,
      facts: () => {
        const { downloaded, uploaded } = torrent.state
        // Port 1 says that nobody can connect: some trackers refuse 0.
        const port = parseEndpoint(listening()[0] ?? '')?.port ?? 1
        return { port, downloaded, uploaded, left: torrent.left ?? UNKNOWN_LEFT }
      },
      onPeers: (peers) => torrent.addCandidates(peers),
      onReply: (tracker, reply, family) => {
        const { seeds, leeches, interval, externalIp, warning, peers } = reply
        torrent.announced({ tracker: tracker.url, family, peers: peers.length, seeds, leeches, interval, externalIp })
        if (warning !== null) {
          torrent.warn({ code: 'ERR_TRACKER_FAILURE', message: `The tracker warns: ${warning}`, tracker: tracker.url })
        }
      },
      onFailure: (tracker, { code, message }) => torrent.warn({ code, message, tracker: tracker.url }),
    })
  }

  #follow(): void {
    if (this.#over) return
    const { phase } = this.#torrent
    const runs = phase === 'metadata' || phase === 'downloading' || phase === 'seeding'
    // A check in between is no reason to leave: it ends soon.
    if (phase === 'checking' || runs === this.#running) return
    this.#running = runs
    if (runs) this.#announces?.start()
    else this.#announces?.stop().catch(() => {})
  }

  #completed(): void {
    // One that was complete when it was checked has fetched nothing.
    if (!this.#over && this.#running && this.#torrent.state.downloaded > 0) this.#announces?.finish()
  }

  #learned(): void {
    if (this.#over || !this.#torrent.private || !this.#announces) return
    this.#announces.destroy()
    this.#announces = this.#make()
    if (this.#running) this.#announces?.start()
  }

  #tick(): void {
    const now = this.#context.host.now()
    const { phase } = this.#torrent
    if (now - this.#hurriedAt < HURRY || (phase !== 'metadata' && phase !== 'downloading')) return
    this.#hurriedAt = now
    if (this.#torrent.state.peers === 0) this.#announces?.hurry()
  }
}

/** Trackers are asked once in each family that we listen in; whoever listens in one or none asks once, as it comes. */
function families(listening: readonly string[]): readonly Family[] {
  const listens = (family: 4 | 6) =>
    listening.some((address) => (parseEndpoint(address)?.ip.includes(':') ? 6 : 4) === family)
  return listens(4) && listens(6) ? [4, 6] : [null]
}

function infoHashes({ infoHash: { v1, v2 } }: Torrent): Uint8Array[] {
  // BEP 52: trackers know a v2 hash by its first 20 bytes.
  return [v1, v2?.slice(0, 40)].flatMap((hex) => (hex ? [new Uint8Array(Buffer.from(hex, 'hex'))] : []))
}
