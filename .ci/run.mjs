// See .ci/run. Each stage ends in a line `N passed, N failed[, N skipped]`; a stage that fails without one counts as one.
import { readFileSync } from 'node:fs'
import { at, run } from './lib.mjs'
import { installPeers } from './peers.mjs'

const stages = [
  ['test', 'npm', ['test', '--silent']],
  ['lint', 'npm', ['run', '--silent', 'lint']],
  ['docs', 'npm', ['run', '--silent', 'docs']],
  ['interop', 'npm', ['run', '--silent', 'test:interop']],
  ['packages', 'npm', ['run', '--silent', 'test:packages']],
  ['portable', 'node', ['.ci/test.mjs', 'rust', 'ts'], { BITLODE_SYS: 'portable' }],
  ['netsim', 'npm', ['run', '--silent', 'long', 'netsim', '--', '--seeds', '200']],
  ['instructions', 'npm', ['run', '--silent', 'long', 'instructions']],
  ['kills', 'npm', ['run', '--silent', 'long', 'kills', '--', '--rounds', '20']],
  ['power', 'npm', ['run', '--silent', 'long', 'power', '--', '--rounds', '1']],
]

const known = readFileSync(at('.ci/skips'), 'utf8')
  .split('\n')
  .filter((text) => text.trim() !== '' && !text.startsWith('#'))
  .map((text) => text.split(' — ')[0].trim())

await installPeers()
const sum = { passed: 0, failed: 0, skipped: 0 }
const table = []
for (const [name, command, args, env] of stages) {
  const begun = process.hrtime.bigint()
  process.stdout.write(`\n=== ${name}\n`)
  const { code, output } = await run(command, args, { env })
  const seconds = Number((process.hrtime.bigint() - begun) / 1_000_000n) / 1000
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1)
  const count = { passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? 0), skipped: Number(last?.[3] ?? 0) }
  if (!last) count[code === 0 ? 'passed' : 'failed'] += 1
  else if (code !== 0 && count.failed === 0) count.failed = 1
  for (const [, skip] of output.matchAll(/^skipped: (.*)$/gm)) {
    if (known.some((start) => skip.startsWith(start))) continue
    process.stdout.write(`a skip that .ci/skips does not name: ${skip}\n`)
    count.failed += 1
  }
  for (const key of Object.keys(sum)) sum[key] += count[key]
  table.push(
    `${name.padEnd(12)} ${String(count.passed).padStart(5)} passed ${String(count.failed).padStart(3)} failed ${String(count.skipped).padStart(3)} skipped ${seconds.toFixed(0).padStart(5)} s`,
  )
}
process.stdout.write(`\n${table.join('\n')}\n${sum.passed} passed, ${sum.failed} failed\n`)
process.exit(sum.failed > 0 || sum.passed === 0 ? 1 : 0)
