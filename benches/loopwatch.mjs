// Loaded before the program that is measured: what its JavaScript thread did, written when it ends.
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
const begun = performance.eventLoopUtilization()
process.on('exit', () => {
  const used = performance.eventLoopUtilization(begun)
  const words = { utilisation: used.utilization, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
  if (process.env.LOOPWATCH) writeFileSync(process.env.LOOPWATCH, JSON.stringify(words))
})
