// Runs inside the namespace of a transfer: how many bytes crossed its loopback device, every 10 ms.
import { readFileSync } from 'node:fs'

const samples = []
const read = () => Number(/lo:\s*(\d+)/.exec(readFileSync('/proc/net/dev', 'utf8'))?.[1] ?? 0)
samples.push([performance.now(), read()])
process.stdout.write('sampling\n')
const timer = setInterval(() => samples.push([performance.now(), read()]), 10)
process.on('SIGTERM', () => {
  clearInterval(timer)
  const first = samples[0]?.[1] ?? 0
  const last = samples.at(-1)?.[1] ?? 0
  // Handshakes and bitfields are below 64 KiB; the same distance from the end cuts what follows the last payload.
  const edge = 64 * 1024
  const begin = samples.find(([, bytes]) => bytes > first + edge)?.[0] ?? 0
  const end = samples.find(([, bytes]) => bytes >= last - edge)?.[0] ?? 0
  process.stdout.write(`${JSON.stringify({ seconds: (end - begin) / 1000, bytes: last - first })}\n`)
  process.exit(0)
})
