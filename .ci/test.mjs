// Runs test suites by name and prints their sum: node .ci/test.mjs [rust] [ts] [interop] [packages]
import { mkdirSync, writeFileSync } from 'node:fs'
import { at, countCargo, countVitest, must, run, sharedTarget, tool } from './lib.mjs'
import { setup } from './setup.mjs'

/** The debug addon's features: with them nothing is compiled twice, and the failpoints are tested too. */
const hooks = ['--features', 'bitlode-bindings/test-hooks']

const suites = {
  async rust() {
    const { code, output } = await run('cargo', ['test', '--workspace', '--no-fail-fast', ...sharedTarget(), ...hooks])
    return settle(code, countCargo(output))
  },
  ts: () => vitest('unit'),
  interop: () => vitest('interop'),
  async packages() {
    await must('node', ['.ci/pack.mjs'])
    return vitest('packages')
  },
}

async function vitest(project) {
  const report = at('target', `vitest-${project}.json`)
  mkdirSync(at('target'), { recursive: true })
  writeFileSync(report, '{"testResults":[]}')
  const { code } = await run(tool('vitest'), [
    'run',
    '--project',
    project,
    '--reporter=verbose',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  return settle(code, countVitest(report))
}

/** A runner that failed without a failed test counts as one. */
function settle(code, count) {
  if (code !== 0 && count.failed === 0) count.failed = 1
  return count
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !suites[name])
if (unknown.length > 0 || names.length === 0) {
  process.stderr.write(`Expected some of ${Object.keys(suites).join(', ')}, got ${unknown.join(', ') || 'nothing'}\n`)
  process.exit(2)
}
if (names.some((name) => name !== 'packages')) await setup({ profile: 'debug' })
if (names.includes('interop')) await setup({ profile: 'release' })
const sum = { passed: 0, failed: 0, skipped: 0 }
for (const name of names) {
  const count = await suites[name]()
  for (const key of ['passed', 'failed', 'skipped']) sum[key] += count[key]
  for (const skip of count.skips ?? []) process.stdout.write(`skipped: ${skip}\n`)
}
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`)
process.exit(sum.failed > 0 ? 1 : 0)
