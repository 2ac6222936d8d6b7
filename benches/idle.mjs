// The idle control: a Node process that does nothing but measure its own event loop, from SIGUSR2 to SIGTERM.
import { LoopMeter } from './loopmeter.mjs'

const meter = new LoopMeter()
const alive = setInterval(() => {}, 2 ** 30)
process.on('SIGUSR2', () => meter.begin())
process.on('SIGTERM', () => {
  meter.end()
  clearInterval(alive)
  process.stdout.write(`${JSON.stringify({ event: 'idle', ...meter.result })}\n`)
})
process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`)
