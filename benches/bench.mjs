// npm run bench [-- --size MiB --rounds N --pieces 262144,4194304 --only SEEDER>LEECHER,… --write NAME]
// Transfers between separate processes on ext4, content seeded and incompressible, every result compared; the floor and the
// foreign clients run in the same rounds. Quote ratios: the machine is noisy. BITLODE_ISA (avx512, avx2, sha-ni, portable)
// holds our hashing down and chooses the floor that it is compared with.
// On two cores that also compiled, a round at one piece size took 1.6 minutes with 256 MiB and 4.5 with 1 GiB, so the whole
// (five rounds of 4 GiB at two sizes) takes about two hours and a half there and half of that on a quiet machine; it needs
// 18 GiB of disk and 6 GiB of memory. A pair that hangs costs 30 seconds and 50 for each GB, and is reported.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeContent } from '../test/long/lib.mjs'
import { cli, ours, project } from './actors.mjs'
import { pairName, pairs, sink, source } from './cast.mjs'
import { spread } from './figures.mjs'
import { available, Floors, instructionSet } from './floor.mjs'
import { plot, targetTable, transferTable } from './report.mjs'
import { loopText, targets } from './targets.mjs'
import { flippedByte, sha256, timed, transfer } from './transfer.mjs'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4096' },
    rounds: { type: 'string', default: '5' },
    pieces: { type: 'string', default: '262144,4194304' },
    only: { type: 'string', default: '' },
    write: { type: 'string', default: '' },
  },
})
const bytes = Number(values.size) * 2 ** 20
const rounds = Number(values.rounds)
const isa = instructionSet()
const scratch = mkdtempSync(join(process.env.BITLODE_TMP ?? '/var/tmp', 'bitlode-bench-'))
// The tracker gives up root before it reads its list.
chmodSync(scratch, 0o755)
const log = (text) => process.stderr.write(`${text}\n`)
const failed = (text) => {
  process.exitCode = 1
  log(text)
  texts.push(text)
}

const begun = performance.now()
const result = {
  commit: execFileSync('git', ['-C', project, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0].model.trim()}, ${cpus().length} cores`,
  kernel: execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim(),
  isa: isa.text,
  bytes,
  rounds,
  versions: {},
  pieces: {},
}
const texts = [
  `Bitlode benchmark, commit ${result.commit}, ${result.date}`,
  `${result.machine}, Linux ${result.kernel}, hashing with ${isa.text}`,
  `${(bytes / 2 ** 30).toFixed(2)} GiB a transfer, ${rounds} rounds, median [range]; CPU in seconds per GB`,
]
const panels = []

/** Those whose programs are here and whose names were asked for. */
function chosen() {
  const wanted = values.only.split(',')
  return pairs
    .filter(({ seeder, leecher }) => wanted.some((text) => `${seeder.name}>${leecher.name}`.includes(text)))
    .filter(({ seeder, leecher }) => {
      const missing = seeder.missing() ?? leecher.missing()
      if (missing) texts.push(`left out: ${pairName({ seeder, leecher })}: ${missing}`)
      return !missing
    })
}

/** All rounds at one piece size. */
async function series(piece, cast, base) {
  const torrent = join(scratch, `${piece}.torrent`)
  const path = join(base.folder, base.name)
  execFileSync('mktorrent', ['-l', String(Math.log2(piece)), '-o', torrent, path], { stdio: 'ignore' })
  const content = { ...base, torrent }
  const runs = new Map(cast.map((pair) => [pairName(pair), []]))
  const failures = new Map(cast.map((pair) => [pairName(pair), 0]))
  const checks = { verify: [], create: [] }
  // Without a neutral peer in it the run is about clients beside one another: neither floors nor checks take part.
  const beside = !cast.some(({ seeder, leecher }) => seeder === source || leecher === sink)
  const floored = available() && !beside
  const floors = new Floors({ scratch, content: path, mebibytes: Number(values.size), isa })
  for (let round = 1; round <= rounds; round += 1) {
    // Whoever comes first after the floor finds memory in another state: each round begins with another pair.
    const first = Math.floor(((round - 1) * cast.length) / rounds)
    for (const pair of [...cast.slice(first), ...cast.slice(0, first)]) {
      const name = pairName(pair)
      const label = `${piece / 1024} KiB, round ${round}: ${name}`
      try {
        const figures = await transfer(pair, content)
        runs.get(name).push(figures)
        const [rate, seed, leech] = [figures.rate, figures.seed, figures.leech].map((figure) => figure.toFixed(2))
        log(`${label}: ${rate} GB/s, seed ${seed}, leech ${leech}`)
      } catch (error) {
        failures.set(name, failures.get(name) + 1)
        const why = `${label}: did not complete: ${error.message}`
        if (pair.seeder === ours || pair.leecher === ours) failed(why)
        else log(why)
      }
    }
    if (beside) continue
    const run = [process.execPath, cli]
    const made = join(scratch, 'made.torrent')
    checks.verify.push(timed([...run, 'verify', torrent, base.folder], content).cpu)
    checks.create.push(timed([...run, 'create', path, '-o', made, '--piece-length', String(piece)], content).cpu)
    if (floored) await floors.round()
  }
  const flipped = floored ? await flippedByte({ seeder: source, leecher: ours }, content) : null
  const words = { piece, runs, floors, isa, checks: { verify: spread(checks.verify), create: spread(checks.create) } }
  const rows = targets(words)
  const name = `pieces of ${piece / 1024} KiB`
  texts.push('', name, transferTable({ cast, runs, failures, rounds }), '', targetTable(rows), '')
  texts.push(floored ? floors.text : 'floor: not measured', loopText(runs))
  if (flipped?.holds) texts.push('a seeder with one flipped byte: the download did not complete, as it must')
  else if (flipped) failed(`a seeder with one flipped byte: ${JSON.stringify(flipped)}`)
  panels.push({ name, cast, runs, rows })
  result.pieces[piece] = {
    runs: Object.fromEntries(runs),
    failures: Object.fromEntries(failures),
    floors: floors.rounds,
    checks,
    flipped,
    targets: rows.map(({ what, figure, target, first }) => ({
      what,
      ...figure,
      target: target && `${target.sign} ${target.limit}`,
      first: first && `${first.sign} ${first.limit}`,
    })),
  }
}

try {
  const [name, folder] = ['content.bin', join(scratch, 'content')]
  mkdirSync(folder)
  log(`writing ${values.size} MiB of content …`)
  await writeContent(join(folder, name), bytes, 7)
  const base = { scratch, bytes, name, folder, digest: await sha256(join(folder, name)) }
  const cast = chosen()
  for (const actor of new Set(cast.flatMap(({ seeder, leecher }) => [seeder, leecher])))
    if (actor.version) result.versions[actor.name] = actor.version()
  for (const piece of values.pieces.split(',').map(Number)) await series(piece, cast, base)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
result.minutes = Math.round((performance.now() - begun) / 6_000) / 10
const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`)
texts.push('', `versions: ${versions.join(', ')}`, `it took ${result.minutes} minutes`)
const text = `${texts.join('\n')}\n`
process.stdout.write(text)
const results = join(project, values.write ? 'docs/results' : 'target')
mkdirSync(results, { recursive: true })
const stem = join(results, values.write || 'bench')
writeFileSync(`${stem}.txt`, text)
writeFileSync(`${stem}.json`, `${JSON.stringify(result, null, 1)}\n`)
writeFileSync(`${stem}.svg`, plot(`Bitlode benchmark ${result.commit}, ${result.date}, ${isa.text}`, panels))
