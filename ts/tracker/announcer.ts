import type { AnnounceEvent, TrackerLimits } from './host.ts'
import type { Trust } from './query.ts'

/** A tracker of a torrent, as the policy sees it. */
export interface Tracker {
  readonly url: string
  /** By which rules its URL is judged. */
  readonly trust: Trust
}

/** An announce that is due: the answer comes by `answered`, `failed` or `gaveUp`. */
export interface Due {
  readonly tracker: Tracker
  readonly event: AnnounceEvent
}

interface State {
  readonly tracker: Tracker
  /** Not before this time. */
  notBefore: number
  minInterval: number
  announcedAt: number
  failures: number
  /** It has acknowledged `started`. */
  started: boolean
  completed: boolean
  busy: boolean
  dead: boolean
}

/** Trackers of which one is announced to at a time: a tier, or all tiers of a private torrent. */
interface Group {
  /** In the order in which they are tried. */
  tiers: State[][]
  nextAt: number
}

/**
 * Decides when which tracker hears what (BEP 3, 12, 27, 31), for one family of addresses. It does nothing by itself: time
 * comes in, announces that are due go out. After each call ask `poll` until it gives null, then again at `wakeAt`.
 *
 * A public torrent announces to one working tracker of each tier, all tiers side by side; a private one to one tracker in
 * all, tier after tier. The one that answers moves to the front of its tier. Back-off after failures doubles, from
 * `trackerBackoffMin` to `trackerBackoffMax`.
 */
export class Announcer {
  readonly #limits: TrackerLimits
  readonly #random: () => number
  readonly #groups: Group[]
  #running = false
  #stopping = false
  /** The download has finished in this session. */
  #finished = false

  constructor(setup: {
    tiers: readonly (readonly Tracker[])[]
    isPrivate: boolean
    limits: TrackerLimits
    random: () => number
  }) {
    this.#limits = setup.limits
    this.#random = setup.random
    const tiers = setup.tiers.map((tier) => this.#shuffle(tier).map(fresh))
    this.#groups = (setup.isPrivate ? [tiers] : tiers.map((tier) => [tier])).map((group) => ({
      tiers: group,
      nextAt: 0,
    }))
  }

  /** The torrent runs: each tracker hears `started` with its first announce. */
  start(now: number): void {
    if (this.#running) return
    this.#running = true
    this.#stopping = false
    for (const group of this.#groups) group.nextAt = now
    for (const state of this.#states()) [state.started, state.notBefore, state.failures] = [false, 0, 0]
  }

  /**
   * The torrent has become complete while it ran: trackers hear `completed`, once. One that was complete from the start
   * never does.
   */
  finish(now: number): void {
    this.#finished = true
    for (const group of this.#groups) {
      if (group.tiers.flat().some((state) => state.started && !state.completed)) group.nextAt = now
    }
  }

  /** The torrent stops: every tracker that has acknowledged `started` hears `stopped`, all at once. */
  stop(): void {
    if (!this.#running) return
    this.#running = false
    this.#stopping = true
  }

  /** More peers are wanted: as early as trackers allow. */
  hurry(now: number): void {
    if (!this.#running) return
    for (const group of this.#groups) {
      const last = group.tiers.flat().find((state) => state.started && state.failures === 0)
      if (last) group.nextAt = Math.min(group.nextAt, Math.max(now, last.announcedAt + last.minInterval))
    }
  }

  /** The next announce that is due, or null. */
  poll(now: number): Due | null {
    if (this.#stopping) {
      const state = this.#states().find((state) => state.started && !state.busy && !state.dead)
      if (!state) return null
      state.started = false
      state.busy = true
      return { tracker: state.tracker, event: 'stopped' }
    }
    if (!this.#running) return null
    for (const group of this.#groups) {
      if (now < group.nextAt || busy(group)) continue
      const state = group.tiers.flat().find((state) => !state.dead && state.notBefore <= now)
      if (!state) continue
      state.busy = true
      state.announcedAt = now
      return { tracker: state.tracker, event: this.#event(state) }
    }
    return null
  }

  /** When `poll` has something next, as far as is known; infinity when nothing will be. */
  wakeAt(): number {
    if (!this.#running) return Number.POSITIVE_INFINITY
    const times = this.#groups.map((group) => {
      const ready = group.tiers.flat().filter((state) => !state.dead)
      if (busy(group) || ready.length === 0) return Number.POSITIVE_INFINITY
      return Math.max(group.nextAt, Math.min(...ready.map((state) => state.notBefore)))
    })
    return Math.min(Number.POSITIVE_INFINITY, ...times)
  }

  /** A tracker answered. */
  answered(now: number, due: Due, reply: { interval: number; minInterval: number }): void {
    const found = this.#find(due.tracker)
    if (!found) return
    const { group, state } = found
    state.busy = false
    state.failures = 0
    state.notBefore = 0
    state.minInterval = reply.minInterval
    if (due.event === 'stopped' || !this.#running) {
      // `stop` came while this announce was under way: the tracker counts us, so it must hear that too.
      state.started = due.event !== 'stopped'
      return
    }
    state.started = true
    if (due.event === 'completed') state.completed = true
    const tier = group.tiers.find((tier) => tier.includes(state))
    tier?.unshift(...tier.splice(tier.indexOf(state), 1))
    group.nextAt = this.#finished && !state.completed ? now : now + reply.interval
  }

  /** An announce failed: the next tracker has its turn at once. */
  failed(now: number, due: Due, retryIn: number | 'never' | null): void {
    const found = this.#find(due.tracker)
    if (!found) return
    const { group, state } = found
    state.busy = false
    if (due.event === 'stopped') return
    state.failures++
    if (retryIn === 'never') state.dead = true
    state.notBefore = now + (typeof retryIn === 'number' ? this.#clamp(retryIn) : this.#backoff(state.failures))
    group.nextAt = now
  }

  /** A tracker that cannot be used at all. */
  gaveUp(due: Due): void {
    const found = this.#find(due.tracker)
    if (!found) return
    found.state.busy = false
    found.state.dead = true
  }

  #event(state: State): AnnounceEvent {
    if (!state.started) return 'started'
    return this.#finished && !state.completed ? 'completed' : 'none'
  }

  #backoff(failures: number): number {
    const { trackerBackoffMin: min, trackerBackoffMax: max } = this.#limits
    // Up to a quarter more, so that a tracker that comes back is not met by everyone at once.
    return Math.min(min * 2 ** Math.min(failures - 1, 30), max) * (1 + this.#random() / 4)
  }

  #clamp(interval: number): number {
    return Math.min(Math.max(interval, this.#limits.trackerIntervalMin), this.#limits.trackerIntervalMax)
  }

  #states(): State[] {
    return this.#groups.flatMap((group) => group.tiers.flat())
  }

  #find(tracker: Tracker): { group: Group; state: State } | undefined {
    for (const group of this.#groups) {
      const state = group.tiers.flat().find((state) => state.tracker === tracker)
      if (state) return { group, state }
    }
    return undefined
  }

  /** BEP 12: shuffled once, when loaded. */
  #shuffle<T>(list: readonly T[]): T[] {
    const keyed = list.map((item) => ({ item, key: this.#random() }))
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
  }
}

function fresh(tracker: Tracker): State {
  return {
    tracker,
    notBefore: 0,
    minInterval: 0,
    announcedAt: 0,
    failures: 0,
    started: false,
    completed: false,
    busy: false,
    dead: false,
  }
}

function busy(group: Group): boolean {
  return group.tiers.flat().some((state) => state.busy)
}
