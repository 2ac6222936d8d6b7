import { messageOf, TorrentError, toTorrentError } from '../errors.ts'
import { get } from '../http.ts'
import { ipVersion, isLocalIp, parseEndpoint, parseIp } from '../util/address.ts'
import { deferred } from '../wait.ts'
import { Announcer, type Due, type Tracker } from './announcer.ts'
import type { Family, Host, TrackerLimits } from './host.ts'
import { announceUrl, judge, judgeRedirect } from './query.ts'
import { type AnnounceReply, parseReply, TrackerFailure } from './reply.ts'

/** Why a tracker could not be asked. Kept for each tracker that does not answer, so without the error's stack. */
export type Failure = Pick<TorrentError, 'code' | 'message'>

/** What a torrent tells its trackers. */
export interface Announced {
  /** 20 bytes each: the v1 hash, and for hybrids the first 20 bytes of the v2 one too. */
  readonly infoHashes: readonly Uint8Array[]
  readonly tiers: readonly (readonly Tracker[])[]
  readonly isPrivate: boolean
  /**
   * The families of addresses by which trackers are asked, each for itself: a tracker sees the address that an announce
   * comes from, so peers of both families find us only when it hears of both.
   */
  readonly families: readonly Family[]
  readonly peerId: Uint8Array
  /** 8 hexadecimal digits, the same in every family: trackers know by it who announces twice (BEP 7). */
  readonly key: string
  /** What is true now. */
  facts(): { port: number; uploaded: number; downloaded: number; left: number }
  /** Peers that a tracker named, `ip:port`. */
  onPeers(peers: readonly string[]): void
  /** A tracker answered, in one family. */
  onReply(tracker: Tracker, reply: AnnounceReply, family: 4 | 6): void
  /** A tracker failed; by no family was it reached. */
  onFailure(tracker: Tracker, failure: Failure): void
}

/** So many announces at once for all torrents together; the rest wait in line. */
export class Line {
  #free: number
  #waiting: (() => void)[] = []
  /** Those before it had their turn: taking the first of a long array away moves all the others. */
  #first = 0

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
      const next = this.#waiting[this.#first]
      if (next) {
        this.#first++
        if (this.#first * 2 > this.#waiting.length) {
          this.#waiting = this.#waiting.slice(this.#first)
          this.#first = 0
        }
        next()
      } else this.#free++
    }
  }
}

/** What became of the last announce to a tracker in one family. */
type Outcome = 'asking' | 'answered' | Failure

/** The announces of one family, which wait for no other. */
interface Lane {
  readonly family: Family
  readonly policy: Announcer
  readonly outcomes: Map<Tracker, Outcome>
}

/** Announces that are under way, and what ends them. */
interface Work {
  readonly running: Set<Promise<void>>
  readonly abort: AbortController
}

/** An answer, and the family that it came by. */
interface Answer extends AnnounceReply {
  readonly family: 4 | 6
}

/** Announces one torrent to its HTTP trackers for as long as it runs. */
export class Announces {
  readonly #host: Host
  readonly #limits: TrackerLimits
  readonly #line: Line
  readonly #torrent: Announced
  readonly #lanes: readonly Lane[]
  /** Tracker ids, where a tracker has given one. */
  #ids: Map<string, Uint8Array> | undefined
  /** There while an announce is under way: a torrent that waits for its next one keeps little. */
  #work: Work | undefined
  #destroyed = false
  #cancelTimer: (() => void) | undefined

  constructor(host: Host, limits: TrackerLimits, line: Line, torrent: Announced) {
    this.#host = host
    this.#limits = limits
    this.#line = line
    this.#torrent = torrent
    const random = () => host.random()
    this.#lanes = torrent.families.map((family) => {
      const tiers = torrent.tiers.map((tier) => tier.filter((tracker) => has(tracker, family)))
      const policy = new Announcer({ tiers, isPrivate: torrent.isPrivate, limits, random })
      return { family, policy, outcomes: new Map() }
    })
  }

  /** The torrent runs. */
  start(): void {
    for (const { policy } of this.#lanes) policy.start(this.#host.now())
    this.#turn()
  }

  /** The torrent has become complete while it ran. */
  finish(): void {
    for (const { policy } of this.#lanes) policy.finish(this.#host.now())
    this.#turn()
  }

  /** More peers are wanted. */
  hurry(): void {
    for (const { policy } of this.#lanes) policy.hurry(this.#host.now())
    this.#turn()
  }

  /** The torrent stops: trackers are told, best effort, within `trackerStopTimeout`. */
  async stop(): Promise<void> {
    for (const { policy } of this.#lanes) policy.stop()
    this.#turn()
    const late = deferred<void>()
    const cancel = this.#host.timer(this.#limits.trackerStopTimeout, late.resolve)
    const told = async () => {
      while (this.#work) await Promise.all(this.#work.running)
    }
    await Promise.race([late.promise, told()])
    cancel()
  }

  /** Ends everything now; nobody is told. */
  destroy(): void {
    for (const { policy } of this.#lanes) policy.stop()
    this.#cancelTimer?.()
    this.#destroyed = true
    this.#work?.abort.abort(new TorrentError('ERR_CLOSED', 'The torrent is closed'))
  }

  #turn(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#destroyed) return
    const now = this.#host.now()
    for (const lane of this.#lanes) {
      for (let due = lane.policy.poll(now); due; due = lane.policy.poll(now)) {
        this.#work ??= { running: new Set(), abort: new AbortController() }
        const { running, abort } = this.#work
        const announce: Promise<void> = this.#announce(lane, due, abort.signal).then(() => {
          running.delete(announce)
          if (running.size === 0) this.#work = undefined
          this.#turn()
        })
        running.add(announce)
      }
    }
    const wake = Math.min(Number.POSITIVE_INFINITY, ...this.#lanes.map(({ policy }) => policy.wakeAt()))
    if (wake < Number.POSITIVE_INFINITY) {
      this.#cancelTimer = this.#host.timer(Math.min(Math.max(wake - now, 0), MAX_TIMER), () => this.#turn())
    }
  }

  /** Never rejects. A hybrid announces both hashes; one answer is enough. */
  async #announce(lane: Lane, due: Due, signal: AbortSignal): Promise<void> {
    const { tracker } = due
    const { family, policy } = lane
    lane.outcomes.set(tracker, 'asking')
    const results = await Promise.allSettled(
      this.#torrent.infoHashes.map((hash) => this.#line.run(() => this.#ask(due, hash, family, signal))),
    )
    const now = this.#host.now()
    const replies = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const failure = results.flatMap((result) =>
      result.status === 'rejected' ? [toTorrentError(result.reason)] : [],
    )[0]
    if (replies.length > 0) {
      const least = (pick: (reply: AnnounceReply) => number) => Math.min(...replies.map(pick))
      policy.answered(now, due, {
        interval: least((reply) => reply.interval),
        minInterval: least((reply) => reply.minInterval),
      })
    } else if (failure && UNUSABLE.has(failure.code)) policy.gaveUp(due)
    else policy.failed(now, due, failure instanceof TrackerFailure ? failure.retryIn : null)
    if (this.#destroyed) return
    const outcome = replies.length > 0 || !failure ? 'answered' : { code: failure.code, message: failure.message }
    lane.outcomes.set(tracker, outcome)
    for (const reply of replies) this.#torrent.onReply(tracker, reply, reply.family)
    const peers = replies.flatMap((reply) => reply.peers)
    if (peers.length > 0 && due.event !== 'stopped') this.#torrent.onPeers(peers)
    const told = replies.length > 0 ? failure : this.#failure(tracker)
    if (told) this.#torrent.onFailure(tracker, told)
  }

  /**
   * Why a tracker cannot be reached: when no family has reached it, and none is still trying. That it has no address of
   * one family, or that we have no way there, is nothing to tell of a tracker that answers in the other.
   */
  #failure(tracker: Tracker): Failure | undefined {
    const outcomes = this.#lanes.flatMap((lane) => lane.outcomes.get(tracker) ?? [])
    const errors = outcomes.filter((outcome) => typeof outcome === 'object')
    if (errors.length < outcomes.length) return undefined
    // A name without an address of one family says less than why the other family failed.
    return errors.find(({ code }) => code !== 'ERR_DNS_FAILED') ?? errors[0]
  }

  async #ask(due: Due, infoHash: Uint8Array, family: Family, signal: AbortSignal): Promise<Answer> {
    const { tracker, event } = due
    const { peerId, key } = this.#torrent
    const limits = this.#limits
    if (!URL.canParse(tracker.url)) throw new TorrentError('ERR_TRACKER_SCHEME', `Not a URL: ${tracker.url}`)
    const bare = new URL(tracker.url)
    judge(bare, tracker.trust)
    const idKey = `${family} ${tracker.url} ${infoHash.join()}`
    const query = { infoHash, peerId, key, event, numWant: limits.trackerNumWant, trackerId: this.#ids?.get(idKey) }
    const result = await get({
      url: announceUrl(bare, { ...query, ...this.#torrent.facts() }),
      signal,
      // What the user chose is exempt, and so is what the same server redirects to; elsewhere the rules hold.
      judge: (url, first) => {
        if (url === first) return judge(bare, tracker.trust)
        return tracker.trust !== 'none' && url.host === first.host ? 'user' : judgeRedirect(url)
      },
      dial: (to) => this.#host.dial({ ...to, family }),
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
    if (reply.trackerId !== undefined) {
      this.#ids ??= new Map()
      this.#ids.set(idKey, reply.trackerId)
    }
    const from = parseEndpoint(result.address)?.ip ?? ''
    return { ...reply, peers: usable(reply.peers, from), family: ipVersion(from) === 6 ? 6 : 4 }
  }

  /** Some trackers say why with a status of 4xx or 5xx and a body in bencoding. */
  #read(status: number, body: Uint8Array, url: URL): AnnounceReply {
    try {
      return parseReply(body, this.#limits)
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
  const isLocal = (ip: string) => isLocalIp(parseIp(ip) ?? new Uint8Array(0))
  return isLocal(tracker) ? peers : peers.filter((peer) => !isLocal(parseEndpoint(peer)?.ip ?? ''))
}

/** Whether a tracker may have an address of that family: a name may, an address has its own. */
function has({ url }: Tracker, family: Family): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : ''
  const version = ipVersion(host)
  return version === 0 || family === null || version === family
}
