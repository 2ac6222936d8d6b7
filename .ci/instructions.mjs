// npm run long instructions [-- --bless]. Counts the instructions per block of a fixed transfer (crates/node/examples/blocks.rs)
// with callgrind, once for the leech and once for the seed. More than 5 % above benches/instructions.json fails. Counting is
// repeatable whatever else the machine does; valgrind offers AVX2 at most, so that is the instruction set that is counted.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { at, run, sharedTarget } from './lib.mjs'

const allowed = 1.05
const ratchet = at('benches/instructions.json')
const bless = process.argv.includes('--bless')
const valgrind = await run('valgrind', ['--version'], { quiet: true })
if (valgrind.code !== 0) {
  process.stdout.write('skipped: instructions: valgrind is not here\n0 passed, 0 failed, 1 skipped\n')
  process.exit(0)
}
const build = ['build', '--release', '-q', '-p', 'bitlode-node', '--example', 'blocks', ...sharedTarget()]
if ((await run('cargo', build)).code !== 0) process.exit(1)
const binary = ['target', sharedTarget()[1], 'release/examples/blocks'].filter(Boolean).join('/')
mkdirSync(at('target/callgrind'), { recursive: true })
const before = existsSync(ratchet) ? JSON.parse(readFileSync(ratchet, 'utf8')) : {}
const now = {}
let failed = 0
for (const end of ['leech', 'seed']) {
  const out = at(`target/callgrind/${end}.out`)
  const { code, output } = await run(
    'valgrind',
    [
      '--tool=callgrind',
      '--collect-atstart=no',
      `--toggle-collect=*${end}_turn*`,
      `--callgrind-out-file=${out}`,
      at(binary),
    ],
    { quiet: true },
  )
  const blocks = Number(/^(\d+) blocks/m.exec(output)?.[1])
  const total = Number(/Collected : (\d+)/.exec(output)?.[1])
  if (code !== 0 || !(blocks > 0) || !(total > 0)) {
    process.stdout.write(`${output}\n${end}: not counted\n`)
    failed += 1
    continue
  }
  now[end] = Math.round(total / blocks)
  const ratio = now[end] / (before[end] ?? Number.NaN)
  const wrong = !bless && !(ratio <= allowed)
  if (wrong) failed += 1
  process.stdout.write(
    `${end}: ${now[end]} instructions per block, ${ratio.toFixed(3)} × ${before[end] ?? 'nothing'}${wrong ? ' – more than 5 % above' : ''}\n`,
  )
  if (!bless && ratio < 2 - allowed) process.stdout.write(`${end}: fewer than before; keep it with -- --bless\n`)
}
if (bless && failed === 0) writeFileSync(ratchet, `${JSON.stringify(now, null, 2)}\n`)
process.stdout.write(`${2 - failed} passed, ${failed} failed\n`)
process.exit(failed > 0 ? 1 : 0)
