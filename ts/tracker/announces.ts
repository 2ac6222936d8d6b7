import { messageOf, TorrentError, toTorrentError } from '../errors.ts'
import { get } from '../http.ts'
import { deferred } from '../wait.ts'
import { isLocal, splitEndpoint } from './address.ts'
import { Announcer, type Due, type Tracker } from './announcer.ts'
import type { Host, TrackerLimits } from './host.ts'
import { announceUrl, judge } from './query.ts'
import { type AnnounceReply, parseReply, TrackerFailure } from './reply.ts'

/** What a torrent tells its trackers. */
export interface Announced {
  /** 20 bytes each: the v1 hash, and for hybrids the first 20 bytes of the v2 one too. */
  readonly infoHashes: readonly Uint8Array[]
  readonly tiers: readonly (readonly Tracker[])[]
  readonly isPrivate: boolean
  readonly peerId: Uint8Array
  /** 8 hexadecimal digits. */
  readonly key: string
  /** What is true now. */
  readonly facts: () => { port: number; uploaded: number; downloaded: number; left: number }
  /** Peers that a tracker named, `ip:port`. */
  readonly onPeers: (peers: readonly string[]) => void
  /** A tracker answered. */
  readonly onReply: (tracker: Tracker, reply: AnnounceReply) => void
  /** A tracker failed. */
  readonly onFailure: (tracker: Tracker, error: TorrentError) => void
}

/** So many announces at once for all torrents together; the rest wait in line. */
export class Line {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(places: number) {
    this.#free = places
  }

  /** Runs `body` when there is a place. */
  async run<T>(body: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else {
      const turn = deferred<void>()
      this.#waiting.push(turn.resolve)
      await turn.promise
    }
    try {
      return await body()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}

/** Announces one torrent to its HTTP trackers for as long as it runs. */
export class Announces {
  readonly #host: Host
  readonly #limits: TrackerLimits
  readonly #line: Line
  readonly #torrent: Announced
  readonly #policy: Announcer
  readonly #ids = new Map<string, Uint8Array>()
  readonly #running = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  #cancelTimer: (() => void) | undefined

  constructor(host: Host, limits: TrackerLimits, line: Line, torrent: Announced) {
    this.#host = host
    this.#limits = limits
    this.#line = line
    this.#torrent = torrent
    const { tiers, isPrivate } = torrent
    this.#policy = new Announcer({ tiers, isPrivate, limits, random: () => host.random() })
  }

  /** The torrent runs. */
  start(): void {
    this.#policy.start(this.#host.now())
    this.#turn()
  }

  /** The torrent has become complete while it ran. */
  finish(): void {
    this.#policy.finish(this.#host.now())
    this.#turn()
  }

  /** More peers are wanted. */
  hurry(): void {
    this.#policy.hurry(this.#host.now())
    this.#turn()
  }

  /** The torrent stops: trackers are told, best effort, within `trackerStopTimeout`. */
  async stop(): Promise<void> {
    this.#policy.stop()
    this.#turn()
    const late = deferred<void>()
    const cancel = this.#host.timer(this.#limits.trackerStopTimeout, late.resolve)
    const told = async () => {
      while (this.#running.size > 0) await Promise.all(this.#running)
    }
    await Promise.race([late.promise, told()])
    cancel()
  }

  /** Ends everything now; nobody is told. */
  destroy(): void {
    this.#policy.stop()
    this.#cancelTimer?.()
    this.#abort.abort(new TorrentError('ERR_CLOSED', 'The torrent is closed'))
  }

  #turn(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#abort.signal.aborted) return
    const now = this.#host.now()
    for (let due = this.#policy.poll(now); due; due = this.#policy.poll(now)) {
      const announce: Promise<void> = this.#announce(due).then(() => {
        this.#running.delete(announce)
        this.#turn()
      })
      this.#running.add(announce)
    }
    const wake = this.#policy.wakeAt()
    if (wake < Number.POSITIVE_INFINITY) {
      this.#cancelTimer = this.#host.timer(Math.min(Math.max(wake - now, 0), MAX_TIMER), () => this.#turn())
    }
  }

  /** Never rejects. A hybrid announces both hashes; one answer is enough. */
  async #announce(due: Due): Promise<void> {
    const { tracker } = due
    const results = await Promise.allSettled(
      this.#torrent.infoHashes.map((hash) => this.#line.run(() => this.#ask(due, hash))),
    )
    const now = this.#host.now()
    const replies = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const failure = results.flatMap((result) =>
      result.status === 'rejected' ? [toTorrentError(result.reason)] : [],
    )[0]
    if (replies.length > 0) {
      const least = (pick: (reply: AnnounceReply) => number) => Math.min(...replies.map(pick))
      this.#policy.answered(now, due, {
        interval: least((reply) => reply.interval),
        minInterval: least((reply) => reply.minInterval),
      })
    } else if (failure && UNUSABLE.has(failure.code)) this.#policy.gaveUp(due)
    else this.#policy.failed(now, due, failure instanceof TrackerFailure ? failure.retryIn : null)
    if (this.#abort.signal.aborted) return
    for (const reply of replies) this.#torrent.onReply(tracker, reply)
    const peers = replies.flatMap((reply) => reply.peers)
    if (peers.length > 0 && due.event !== 'stopped') this.#torrent.onPeers(peers)
    if (failure) this.#torrent.onFailure(tracker, failure)
  }

  async #ask(due: Due, infoHash: Uint8Array): Promise<AnnounceReply> {
    const { tracker, event } = due
    const { peerId, key, facts } = this.#torrent
    const limits = this.#limits
    if (!URL.canParse(tracker.url)) throw new TorrentError('ERR_TRACKER_SCHEME', `Not a URL: ${tracker.url}`)
    const bare = new URL(tracker.url)
    judge(bare, tracker.typed)
    const idKey = `${tracker.url} ${infoHash.join()}`
    const query = { infoHash, peerId, key, event, numWant: limits.trackerNumWant, trackerId: this.#ids.get(idKey) }
    const result = await get({
      url: announceUrl(bare, { ...query, ...facts() }),
      signal: this.#abort.signal,
      // What the user typed is exempt, and so is what the same server redirects to; elsewhere the rules hold.
      judge: (url, first) => {
        if (url === first) return judge(bare, tracker.typed)
        const typed = tracker.typed && url.host === first.host
        return typed ? 'user' : url.pathname.startsWith('/announce') ? 'announce' : 'tracker'
      },
      dial: (to) => this.#host.dial(to),
      timer: (delay, ring) => this.#host.timer(delay, ring),
      limits: {
        body: limits.httpBodyBytes,
        inflated: limits.httpInflatedBytes,
        header: limits.httpHeaderBytes,
        redirects: limits.httpRedirects,
        total: event === 'stopped' ? Math.max(limits.trackerStopTimeout, 1) : limits.httpTimeout,
        firstByte: limits.httpFirstByteTimeout,
      },
      codes: {
        timeout: 'ERR_TRACKER_TIMEOUT',
        limit: 'ERR_TRACKER_BODY_LIMIT',
        unreachable: 'ERR_TRACKER_UNREACHABLE',
      },
    })
    const reply = this.#read(result.status, result.body, bare)
    if (reply.trackerId !== undefined) this.#ids.set(idKey, reply.trackerId)
    return { ...reply, peers: usable(reply.peers, result.address) }
  }

  /** Some trackers say why with a status of 4xx or 5xx and a body in bencoding. */
  #read(status: number, body: Uint8Array, url: URL): AnnounceReply {
    try {
      return parseReply(body, (bytes) => this.#host.checkBencode(bytes), this.#limits)
    } catch (error) {
      if (error instanceof TrackerFailure || status === 200) throw error
      throw new TorrentError('ERR_TRACKER_INVALID', `${url.host} answered ${status}: ${messageOf(error)}`)
    }
  }
}

/** Failures that no waiting mends. */
const UNUSABLE: ReadonlySet<string> = new Set(['ERR_TRACKER_SCHEME', 'ERR_SSRF_BLOCKED'])

/** Timers of Node's hold 31 bits; `wakeAt` is asked again when one rings. */
const MAX_TIMER = 2 ** 31 - 1

/** A public tracker cannot know addresses of private networks: such peers are left out. */
function usable(peers: readonly string[], tracker: string): readonly string[] {
  const local = (address: string) => isLocal(splitEndpoint(address)?.ip ?? '')
  return local(tracker) ? peers : peers.filter((peer) => !local(peer))
}
