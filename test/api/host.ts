import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { SETTINGS } from '../../ts/settings.ts'
import type { Host, Purpose, TrackerLimits } from '../../ts/tracker/host.ts'

/** A clock that stands still until it is told to go on. */
export class Clock {
  now = 0
  readonly #timers = new Map<object, { at: number; ring: () => void }>()

  timer(delay: number, ring: () => void): () => void {
    const key = {}
    this.#timers.set(key, { at: this.now + delay, ring })
    return () => this.#timers.delete(key)
  }

  /** Rings all timers up to that time, in order. */
  advance(by: number): void {
    const end = this.now + by
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0]
      if (!due) break
      this.#timers.delete(due[0])
      this.now = Math.max(this.now, due[1].at)
      due[1].ring()
    }
    this.now = end
  }
}

/** The limits of the table of settings. */
export const limits: TrackerLimits = {
  ...(Object.fromEntries(
    Object.entries(SETTINGS).map(([name, row]) => [name, row.default]),
  ) as unknown as TrackerLimits),
}

/** Dials of a test. */
export interface Dial {
  readonly host: string
  readonly port: number
  readonly purpose: Purpose
}

/** A host whose streams are real sockets to this machine and whose clock is the test's. */
export function hostOf(clock: Clock, dials: Dial[] = []): Host {
  return {
    now: () => clock.now,
    random: () => 0,
    timer: (delay, ring) => clock.timer(delay, ring),
    dial: ({ host, port, purpose, signal }) =>
      new Promise<{ stream: Duplex; address: string }>((resolve, reject) => {
        dials.push({ host, port, purpose })
        const socket = connect({ host, port, signal })
        socket.once('error', reject)
        socket.once('connect', () => {
          socket.off('error', reject)
          resolve({ stream: socket, address: `127.0.0.1:${port}` })
        })
      }),
  }
}
