// Each fuzz target twice: with its planted bug, which it must find within the time; without, when it must find nothing.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { project, Score } from './lib.mjs'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, only: { type: 'string', default: '' } },
})
const score = new Score()
const env = { ...process.env, RUSTC_BOOTSTRAP: '1' }
const cargo = (args, options = {}) =>
  spawnSync('cargo', args, { cwd: join(project, 'fuzz'), env, encoding: 'utf8', maxBuffer: 1 << 28, ...options })

if (cargo(['fuzz', '--version']).status !== 0) {
  process.stdout.write('installing cargo-fuzz 0.13.1\n')
  cargo(['install', 'cargo-fuzz', '--version', '0.13.1', '--locked', '--root', join(project, 'target/tools')], {
    stdio: 'inherit',
  })
  env.PATH = `${join(project, 'target/tools/bin')}:${env.PATH}`
}
const targets = cargo(['fuzz', 'list'])
  .stdout.split('\n')
  .filter((name) => name !== '' && name.includes(values.only))
score.check(targets.length > 0, 'there are fuzz targets')
for (const target of targets) {
  for (const planted of [true, false]) {
    const scratch = mkdtempSync(join(tmpdir(), 'bitlode-fuzz-'))
    // New inputs go to a folder of their own: the committed corpus stays small.
    const args = [
      'fuzz',
      'run',
      ...(planted ? ['--features', 'planted-bugs'] : []),
      target,
      scratch,
      `corpus/${target}`,
      '--',
      `-max_total_time=${values.seconds}`,
      '-timeout=5',
      '-rss_limit_mb=512',
      '-malloc_limit_mb=64',
      '-print_final_stats=1',
      `-artifact_prefix=${scratch}/`,
    ]
    const begun = performance.now()
    const { status, stderr } = cargo(args)
    const seconds = ((performance.now() - begun) / 1000).toFixed(0)
    const runs = /stat::number_of_executed_units:\s*(\d+)/.exec(stderr)?.[1] ?? '?'
    process.stdout.write(
      `${target}${planted ? ' with its planted bug' : ''}: ${runs} runs, ${seconds} s with building, ${status === 0 ? 'nothing found' : 'found'}\n`,
    )
    const crashed = /SUMMARY: libFuzzer|panicked at|SUMMARY: AddressSanitizer/.test(stderr)
    if (planted) score.check(status !== 0 && crashed, `${target} finds its planted bug in ${values.seconds} s`)
    else score.check(status === 0, `${target} finds nothing\n${stderr.split('\n').slice(-30).join('\n')}`)
    rmSync(scratch, { recursive: true, force: true })
  }
}
score.end()
