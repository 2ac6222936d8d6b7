// Each fuzz target twice: with its planted bug, which it must find within the time; without, when it must find nothing.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { targets as parsers } from '../fuzz/targets.mjs'
import { project, Score } from './lib.mjs'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, only: { type: 'string', default: '' } },
})
const score = new Score()
const targets = readdirSync(join(project, 'fuzz/fuzz_targets'))
  .map((file) => file.replace(/\.rs$/, ''))
  .filter((name) => name.includes(values.only))
const inTypeScript = Object.keys(parsers).filter((name) => name.includes(values.only))
score.check(targets.length + inTypeScript.length > 0, 'there are fuzz targets')
const rust = targets.map((target) => ({ target, command: [join(project, 'fuzz/run')] }))
const typescript = inTypeScript.map((target) => ({
  target,
  command: [process.execPath, join(project, 'test/fuzz/run.mjs')],
}))
for (const { target, command } of [...rust, ...typescript]) {
  for (const planted of [true, false]) {
    const words = [...(planted ? ['--planted'] : []), '--seconds', values.seconds, target]
    const code = await fuzz([...command, ...words])
    score.check(
      code === 0,
      planted
        ? `${target} finds its planted bug in ${values.seconds} s`
        : `${target} finds nothing in ${values.seconds} s`,
    )
  }
}
score.end()

function fuzz([command, ...words]) {
  const child = spawn(command, words, { stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve) => child.on('close', resolve))
}
