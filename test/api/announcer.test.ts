import { describe, expect, test } from 'vitest'
import { Announcer, type Due } from '../../ts/tracker/announcer.ts'
import { Line } from '../../ts/tracker/announces.ts'
import { limits } from './host.ts'

const MINUTE = 60_000
const reply = { interval: 30 * MINUTE, minInterval: MINUTE }

function tiersOf(...tiers: string[][]) {
  return tiers.map((urls) => urls.map((url) => ({ url, trust: 'none' as const })))
}

/** `random` that rises: a shuffle that keeps the order, a back-off without spread in the first steps. */
function keepOrder(): () => number {
  let at = 0
  return () => at++ / 1000
}

function make(tiers: string[][], isPrivate = false): Announcer {
  return new Announcer({ tiers: tiersOf(...tiers), isPrivate, limits, random: keepOrder() })
}

/** Everything that is due, as `url event`. */
function due(announcer: Announcer, now: number): Due[] {
  const all: Due[] = []
  for (let next = announcer.poll(now); next; next = announcer.poll(now)) all.push(next)
  return all
}

const names = (list: readonly Due[]) => list.map(({ tracker, event }) => `${tracker.url} ${event}`)

describe('announces', () => {
  test('one tracker of every tier of a public torrent hears started', () => {
    const announcer = make([['a1', 'a2'], ['b1']])
    expect(due(announcer, 0)).toEqual([])
    announcer.start(0)
    expect(names(due(announcer, 0))).toEqual(['a1 started', 'b1 started'])
    expect(due(announcer, 0)).toEqual([])
  })

  test('only one tracker of a private torrent is asked at a time', () => {
    const announcer = make([['a1'], ['b1']], true)
    announcer.start(0)
    const [first] = due(announcer, 0)
    expect(first?.tracker.url).toBe('a1')
    announcer.failed(10, first as Due, null)
    const [second] = due(announcer, 10)
    expect(second?.tracker.url).toBe('b1')
    announcer.answered(20, second as Due, reply)
    expect(due(announcer, 21)).toEqual([])
    expect(announcer.wakeAt()).toBe(20 + reply.interval)
  })

  test('the tracker that answers moves to the front of its tier', () => {
    const announcer = make([['t1', 't2', 't3']])
    announcer.start(0)
    const [t1] = due(announcer, 0)
    announcer.failed(0, t1 as Due, null)
    const [t2] = due(announcer, 0)
    expect(t2?.tracker.url).toBe('t2')
    announcer.answered(0, t2 as Due, reply)
    const later = reply.interval
    const [again] = due(announcer, later)
    expect(names([again as Due])).toEqual(['t2 none'])
    announcer.failed(later, again as Due, null)
    // BEP 12: [t2, t1, t3] now, and t1 has waited long enough.
    expect(names(due(announcer, later))).toEqual(['t1 started'])
  })

  test('back-off doubles up to its limit and a success ends it', () => {
    const announcer = make([['only']])
    announcer.start(0)
    let now = 0
    const waits: number[] = []
    for (let round = 0; round < 12; round++) {
      const [next] = due(announcer, now)
      announcer.failed(now, next as Due, null)
      expect(due(announcer, now)).toEqual([])
      waits.push(announcer.wakeAt() - now)
      now = announcer.wakeAt()
    }
    expect(waits[0]).toBeGreaterThanOrEqual(limits.trackerBackoffMin)
    expect(waits[0]).toBeLessThan(limits.trackerBackoffMin * 1.3)
    for (let at = 1; at < 6; at++) expect(waits[at]).toBeGreaterThan((waits[at - 1] ?? 0) * 1.9)
    expect(Math.max(...waits)).toBeLessThanOrEqual(limits.trackerBackoffMax * 1.25)
    const [next] = due(announcer, now)
    announcer.answered(now, next as Due, reply)
    expect(announcer.wakeAt()).toBe(now + reply.interval)
  })

  test('retry in is obeyed, and never means never', () => {
    const announcer = make([['a'], ['b']])
    announcer.start(0)
    const [a, b] = due(announcer, 0)
    announcer.failed(0, a as Due, 5 * MINUTE)
    announcer.failed(0, b as Due, 'never')
    expect(announcer.wakeAt()).toBe(5 * MINUTE)
    expect(names(due(announcer, 1000 * MINUTE))).toEqual(['a started'])
  })

  test('completed is told once, at once, and only to trackers that know us', () => {
    const announcer = make([['a']])
    announcer.start(0)
    announcer.answered(1, due(announcer, 0)[0] as Due, reply)
    announcer.finish(2)
    const told = due(announcer, 2)
    expect(names(told)).toEqual(['a completed'])
    announcer.answered(3, told[0] as Due, reply)
    expect(announcer.wakeAt()).toBe(3 + reply.interval)
    expect(names(due(announcer, 3 + reply.interval))).toEqual(['a none'])
  })

  test('a torrent that finishes before its tracker answered tells started, then completed', () => {
    const announcer = make([['a']])
    announcer.start(0)
    const [started] = due(announcer, 0)
    announcer.finish(1)
    announcer.answered(2, started as Due, reply)
    expect(names(due(announcer, 2))).toEqual(['a completed'])
  })

  test('stopped goes to all trackers that acknowledged started, and to no other', () => {
    const announcer = make([['a'], ['b'], ['c']])
    announcer.start(0)
    const [a, b] = due(announcer, 0)
    announcer.answered(1, a as Due, reply)
    announcer.failed(1, b as Due, null)
    announcer.stop()
    expect(names(due(announcer, 2))).toEqual(['a stopped'])
    expect(announcer.wakeAt()).toBe(Number.POSITIVE_INFINITY)
  })

  test('a started that is answered after the stop is taken back', () => {
    const announcer = make([['a']])
    announcer.start(0)
    const [started] = due(announcer, 0)
    announcer.stop()
    expect(due(announcer, 1)).toEqual([])
    announcer.answered(2, started as Due, reply)
    const told = due(announcer, 2)
    expect(names(told)).toEqual(['a stopped'])
    announcer.answered(3, told[0] as Due, reply)
    expect(due(announcer, 4)).toEqual([])
  })

  test('a torrent that goes on after a pause tells started again', () => {
    const announcer = make([['a']])
    announcer.start(0)
    announcer.answered(0, due(announcer, 0)[0] as Due, reply)
    announcer.stop()
    announcer.answered(1, due(announcer, 1)[0] as Due, reply)
    announcer.start(2)
    expect(names(due(announcer, 2))).toEqual(['a started'])
  })

  test('more peers are asked for as early as the tracker allows, not earlier', () => {
    const announcer = make([['a']])
    announcer.start(0)
    announcer.answered(0, due(announcer, 0)[0] as Due, reply)
    announcer.hurry(10_000)
    expect(due(announcer, 10_000)).toEqual([])
    expect(announcer.wakeAt()).toBe(MINUTE)
    announcer.hurry(2 * MINUTE)
    expect(names(due(announcer, 2 * MINUTE))).toEqual(['a none'])
  })

  test('a tracker that cannot be used is left out for good', () => {
    const announcer = make([['udp', 'http']])
    announcer.start(0)
    const [udp] = due(announcer, 0)
    announcer.gaveUp(udp as Due)
    expect(names(due(announcer, 0))).toEqual(['http started'])
  })

  test('the shuffle of a tier keeps all its trackers', () => {
    const urls = Array.from({ length: 20 }, (_, at) => `t${at}`)
    let seed = 1
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    }
    const announcer = new Announcer({ tiers: tiersOf(urls), isPrivate: false, limits, random })
    announcer.start(0)
    const order: string[] = []
    for (const _ of urls) {
      const [next] = due(announcer, 0)
      order.push(next?.tracker.url ?? '')
      announcer.failed(0, next as Due, null)
    }
    expect([...order].sort()).toEqual([...urls].sort())
    expect(order).not.toEqual(urls)
  })
})

test('a line lets in as many as there are places, in the order of waiting, also those who come later', async () => {
  const line = new Line(2)
  const order: number[] = []
  let inside = 0
  const enter = (number: number) =>
    line.run(async () => {
      inside += 1
      expect(inside).toBeLessThanOrEqual(2)
      order.push(number)
      await Promise.resolve()
      inside -= 1
    })
  const early = Array.from({ length: 50 }, (_, number) => enter(number))
  await early[20]
  const late = Array.from({ length: 50 }, (_, number) => enter(50 + number))
  await Promise.all([...early, ...late])
  expect(order).toEqual(Array.from({ length: 100 }, (_, number) => number))
})
