// What a JavaScript thread does between two moments: how busy its event loop is, how late its timers ring, how long it
// takes in what the engine has to say.
import { createHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** Nanoseconds as milliseconds. */
const milliseconds = (nanoseconds) => nanoseconds / 1e6

export class LoopMeter {
  #delay = monitorEventLoopDelay({ resolution: 1 })
  #drains = createHistogram()
  #begun
  #result = null

  /** What was measured, between `begin` and the first `end`; null before. */
  get result() {
    return this.#result
  }

  begin() {
    this.#drains.reset()
    this.#delay.enable()
    this.#delay.reset()
    this.#begun = { at: performance.now(), loop: performance.eventLoopUtilization() }
  }

  end() {
    if (!this.#begun || this.#result) return
    const { utilization } = performance.eventLoopUtilization(this.#begun.loop)
    this.#delay.disable()
    this.#result = {
      seconds: (performance.now() - this.#begun.at) / 1000,
      utilisation: utilization,
      // The histogram's timer rings every millisecond: an undisturbed loop shows about one.
      delayP99: milliseconds(this.#delay.percentile(99)),
      delayMax: milliseconds(this.#delay.max),
      drains: this.#drains.count,
      drainP99: milliseconds(this.#drains.count > 0 ? this.#drains.percentile(99) : 0),
      drainMax: milliseconds(this.#drains.count > 0 ? this.#drains.max : 0),
    }
  }

  /**
   * Takes the time of one drain: call it when it begins. It ends with the stack of the callback that it is part of, and
   * that is when microtasks run; so all that the callback does with what was drained counts, too.
   */
  drain() {
    if (!this.#begun || this.#result) return
    const begun = process.hrtime.bigint()
    queueMicrotask(() => this.#drains.record(process.hrtime.bigint() - begun))
  }
}
