// npm run bench [-- --size MiB --rounds N --pieces 262144,4194304 --quick --write NAME]
// Transfers between separate processes on ext4, content seeded and incompressible, every result compared; the floor and the
// foreign clients run in the same rounds. Quote ratios: the machine is noisy.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeContent } from '../test/long/lib.mjs'
import { aria2, lt, ltTuned, ours, project, webtorrent } from './actors.mjs'
import { available, checkFloor, compile, leechFloor, seedFloor } from './floor.mjs'
import { event, GB, median, Stage, warm } from './measure.mjs'
import { plot, table } from './report.mjs'

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
const pieces = values.pieces.split(',').map(Number)
const scratch = mkdtempSync(join(process.env.BITLODE_TMP ?? '/var/tmp', 'bitlode-bench-'))
const log = (text) => process.stderr.write(`${text}\n`)
const floorBinary = available() ? compile('peer') : null
const source = {
  name: 'neutral source',
  missing: () => (floorBinary ? null : 'the floor is not here'),
  async seed(stage, { torrent, content, host }) {
    const actor = stage.start('source', [floorBinary, 'source', `${host}:6881`, torrent, content])
    await actor.line(event('source'), 20)
    return actor
  },
}
const sink = {
  name: 'neutral sink',
  missing: source.missing,
  async leech(stage, { torrent, peers }) {
    const actor = stage.start('sink', [floorBinary, 'sink', peers[0], torrent])
    return { actor, done: actor.line((line) => line.startsWith('{') || null, 600), discards: true }
  },
}

const pairs = [
  [ours, ours],
  [source, ours],
  [ours, sink],
  [lt, lt],
  [ltTuned, ltTuned],
  [source, lt],
  [lt, sink],
  [lt, ours],
  [ours, lt],
  [aria2, lt],
  [lt, aria2],
  [webtorrent, webtorrent],
].filter(([seeder, leecher]) => !values.only || `${seeder.name}>${leecher.name}`.includes(values.only))

/** The smallest of what was measured; NaN when nothing was. */
const least = (...figures) => {
  const measured = figures.filter((figure) => !Number.isNaN(figure))
  return measured.length > 0 ? Math.min(...measured) : Number.NaN
}

const hash = async (path) => {
  const sum = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) sum.update(chunk)
  return sum.digest('hex')
}

/** One transfer. Resolves to figures; throws when the bytes differ. */
async function transfer(seeder, leecher, { torrent, name, folder, digest }) {
  warm(bytes + 2 * 2 ** 30)
  const stage = new Stage()
  const into = join(scratch, 'into')
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into)
  try {
    const [a, b] = [stage.host(), stage.host()]
    let used = torrent
    if (seeder.needsTracker || leecher.needsTracker) used = await tracked(stage, torrent)
    const watch = join(scratch, 'loop.json')
    rmSync(watch, { force: true })
    const content = join(folder, name)
    const up = await seeder.seed(stage, { torrent: used, folder, content, host: a, state: join(scratch, 'state-a') })
    // What a seeder spends before it is ready (checking, starting) is no part of seeding.
    const before = up.usage().cpu
    const sampler = await stage.sample()
    const {
      actor: down,
      done,
      discards,
    } = await leecher.leech(stage, {
      torrent: used,
      into,
      host: b,
      peers: [`${a}:6881`],
      state: join(scratch, 'state-b'),
      watch,
    })
    await done
    const seconds = await sampler.stop()
    const [seedUse, leechUse] = [up.usage(), discards ? null : down.usage()]
    const sinkCpu = discards ? JSON.parse(down.lines.findLast((line) => line.startsWith('{'))).cpu : null
    await Promise.all([down.stop('SIGTERM'), up.stop('SIGTERM')])
    if (!discards && (await hash(join(into, name))) !== digest)
      throw new Error(`${seeder.name} → ${leecher.name}: the bytes differ`)
    const loop = existsSync(watch) ? JSON.parse(readFileSync(watch, 'utf8')) : null
    return {
      seconds,
      rate: bytes / GB / seconds,
      seed: (seedUse.cpu - before) / (bytes / GB),
      leech: (leechUse?.cpu ?? sinkCpu) / (bytes / GB),
      rss: leechUse?.rss ?? 0,
      seedRss: seedUse.rss,
      node: leechUse?.mainThread ?? 0,
      loop,
    }
  } finally {
    await stage.close()
    rmSync(into, { recursive: true, force: true })
  }
}

async function tracked(stage, torrent) {
  const host = stage.host()
  const id = /Hash: ([0-9a-f]{40})/.exec(execFileSync('transmission-show', [torrent], { encoding: 'utf8' }))[1]
  const list = join(scratch, 'whitelist')
  writeFileSync(list, `${id}\n`)
  stage.start('opentracker', ['opentracker', '-i', host, '-p', '6969', '-P', '6969', '-w', list])
  const copy = join(scratch, 'tracked.torrent')
  execFileSync('cp', [torrent, copy])
  execFileSync('transmission-edit', ['-a', `http://${host}:6969/announce`, copy])
  return copy
}

/** A seeder whose content has one flipped byte: the download must not complete. */
async function flipped({ torrent, name, folder }) {
  const stage = new Stage()
  const into = join(scratch, 'into')
  mkdirSync(into, { recursive: true })
  const file = openSync(join(folder, name), 'r+')
  const at = Math.floor(bytes / 3)
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.from([byte[0] ^ 1]), 0, 1, at)
  try {
    const [a, b] = [stage.host(), stage.host()]
    await source.seed(stage, { torrent, content: join(folder, name), host: a })
    const { done } = await ours.leech(stage, { torrent, into, host: b, peers: [`${a}:6881`] })
    const completed = await Promise.race([
      done.then(
        () => true,
        () => false,
      ),
      new Promise((resolve) => setTimeout(() => resolve(false), 15_000 + (bytes / GB) * 2000)),
    ])
    if (completed) throw new Error('a download from a seeder with a flipped byte completed')
    log('flipped byte: did not complete, as it must')
  } finally {
    writeSync(file, byte, 0, 1, at)
    closeSync(file)
    await stage.close()
    rmSync(into, { recursive: true, force: true })
  }
}

/** CPU and wall seconds per GB of a command over the content. */
function timed(words) {
  const out = join(scratch, 'time.txt')
  execFileSync('bash', ['-c', `TIMEFORMAT='%U %S %R'; { time "$@" >/dev/null 2>&1 ; } 2>${out}`, 'bash', ...words])
  const [user, system, wall] = readFileSync(out, 'utf8').trim().split(/\s+/).map(Number)
  return { cpu: (user + system) / (bytes / GB), wall: wall / (bytes / GB) }
}

const result = {
  commit: execFileSync('git', ['-C', project, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0].model.trim()}, ${cpus().length} cores`,
  kernel: execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim(),
  bytes,
  rounds,
  versions: {},
  pieces: {},
}
const texts = [
  `Bitlode benchmark, commit ${result.commit}, ${result.date}, ${result.machine}, Linux ${result.kernel}`,
  `${(bytes / 2 ** 30).toFixed(2)} GiB a transfer, ${rounds} rounds, median [range]; CPU in seconds per GB`,
]
const bars = []
try {
  const name = 'content.bin'
  const folder = join(scratch, 'content')
  mkdirSync(folder)
  log(`writing ${values.size} MiB of content …`)
  await writeContent(join(folder, name), bytes, 7)
  const digest = await hash(join(folder, name))
  const cast = pairs.filter(([seeder, leecher]) => {
    const missing = [seeder, leecher].map((actor) => actor.missing()).find((why) => why !== null)
    if (missing) texts.push(`left out: ${seeder.name} → ${leecher.name}: ${missing}`)
    return !missing
  })
  for (const actor of new Set(cast.flat())) if (actor.version) result.versions[actor.name] = actor.version()
  for (const piece of pieces) {
    const torrent = join(scratch, `${piece}.torrent`)
    execFileSync('mktorrent', ['-l', String(Math.log2(piece)), '-o', torrent, join(folder, name)], { stdio: 'ignore' })
    const runs = new Map(cast.map((pair) => [pair, []]))
    const floors = { leech: [], seed: [], simple: [], lanes: [] }
    const checks = { verify: [], create: [] }
    for (let round = 0; round < rounds; round += 1) {
      for (const [pair, list] of runs) {
        const [seeder, leecher] = pair
        try {
          const figures = await transfer(seeder, leecher, { torrent, name, folder, digest })
          list.push(figures)
          log(
            `${piece} round ${round + 1}: ${seeder.name} → ${leecher.name}: ${figures.rate.toFixed(2)} GB/s, seed ${figures.seed.toFixed(2)}, leech ${figures.leech.toFixed(2)}`,
          )
        } catch (error) {
          log(`${piece} round ${round + 1}: ${seeder.name} → ${leecher.name}: ${error.message}`)
          if (leecher === ours || seeder === ours) throw error
        }
      }
      const cli = [process.execPath, join(project, 'dist/cli/main.js')]
      checks.verify.push(timed([...cli, 'verify', torrent, folder]))
      checks.create.push(
        timed([
          ...cli,
          'create',
          join(folder, name),
          '-o',
          join(scratch, 'made.torrent'),
          '--piece-length',
          String(piece),
        ]),
      )
      if (available()) {
        floors.leech.push(leechFloor(scratch, 'C4', Number(values.size)))
        floors.seed.push(seedFloor(scratch, join(folder, name)))
        const check = checkFloor(scratch, join(folder, name))
        floors.simple.push(check.simple)
        floors.lanes.push(check.lanes)
      }
    }
    if (available()) await flipped({ torrent, name, folder })
    const figure = (list, key) =>
      `${median(list.map((run) => run[key])).toFixed(2)} [${Math.min(...list.map((run) => run[key])).toFixed(2)}–${Math.max(...list.map((run) => run[key])).toFixed(2)}]`
    const rows = [...runs]
      .filter(([, list]) => list.length > 0)
      .map(([[seeder, leecher], list]) => [
        `${seeder.name} → ${leecher.name}`,
        figure(list, 'rate'),
        figure(list, 'seed'),
        figure(list, 'leech'),
        leecher === sink ? '–' : median(list.map((run) => run.rss)).toFixed(0),
      ])
    texts.push(
      '',
      `pieces of ${piece / 1024} KiB`,
      table(['seeder → leecher', 'GB/s', 'seed CPU s/GB', 'leech CPU s/GB', 'leech RSS MiB'], rows),
    )
    const of = (seeder, leecher, key) => {
      const list = [...runs].find(([pair]) => pair[0] === seeder && pair[1] === leecher)?.[1] ?? []
      return list.length > 0 ? median(list.map((run) => run[key])) : Number.NaN
    }
    const both = (actor) => of(actor, actor, 'seed') + of(actor, actor, 'leech')
    const best = least(both(lt), both(ltTuned))
    const ltSeconds = least(of(lt, lt, 'seconds'), of(ltTuned, ltTuned, 'seconds'))
    const floor = Object.fromEntries(
      Object.entries(floors).map(([key, list]) => [key, list.length > 0 ? median(list) : Number.NaN]),
    )
    const perCore = (list) => median(list.map((run) => run.cpu))
    const loops =
      [...runs]
        .find(([pair]) => pair[0] === ours && pair[1] === ours)?.[1]
        .map((run) => run.loop)
        .filter(Boolean) ?? []
    const targets = [
      ['leech (from the neutral source) / floor C4', of(source, ours, 'leech') / floor.leech, '≤ 1.4'],
      ['seed (to the neutral sink) / floor 2b', of(ours, sink, 'seed') / floor.seed, '≤ 1.6'],
      ['both ends / libtorrent, the better', both(ours) / best, '≤ 0.5'],
      ['payload time of libtorrent → itself / ours', ltSeconds / of(ours, ours, 'seconds'), '≥ 1.5'],
      [
        'payload time of webtorrent → itself / ours',
        of(webtorrent, webtorrent, 'seconds') / of(ours, ours, 'seconds'),
        '≥ 3',
      ],
      ['floor pread 64K + SHA-NI / verify, per core', floor.simple / perCore(checks.verify), '≥ 0.75'],
      ['floor pread 64K + SHA-NI / create, per core', floor.simple / perCore(checks.create), '≥ 0.75'],
      ['RSS of our leecher, MiB', of(ours, ours, 'rss'), '≤ 160'],
      [
        'event-loop utilisation of our leecher, %',
        loops.length > 0 ? median(loops.map((loop) => loop.utilisation * 100)) : Number.NaN,
        '≤ 2',
      ],
      [
        'p99 of its loop delay, ms (1 ms timer included)',
        loops.length > 0 ? median(loops.map((loop) => loop.p99)) : Number.NaN,
        '≤ idle + 1',
      ],
    ]
    texts.push(
      '',
      table(
        ['ratio', 'figure', 'wanted'],
        targets.map(([what, value, want]) => [what, Number.isNaN(value) ? 'not measured' : value.toFixed(2), want]),
      ),
    )
    texts.push(
      `floor: C4 ${floor.leech.toFixed(3)}, 2b ${floor.seed.toFixed(3)}, pread 64K + SHA-NI ${floor.simple.toFixed(3)}, 16 × pread 256K + AVX-512 ${floor.lanes.toFixed(3)} s/GB`,
    )
    result.pieces[piece] = {
      runs: Object.fromEntries(
        [...runs].map(([[seeder, leecher], list]) => [`${seeder.name} → ${leecher.name}`, list]),
      ),
      floors,
      checks,
      targets: targets.map(([what, value, want]) => ({ what, value, want })),
    }
    for (const [[seeder, leecher], list] of runs)
      if (list.length > 0)
        bars.push({
          name: `${seeder.name} → ${leecher.name}, ${piece / 1024} K`,
          seed: median(list.map((run) => run.seed)),
          leech: median(list.map((run) => run.leech)),
          note: `${median(list.map((run) => run.rate)).toFixed(2)} GB/s`,
        })
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
const text = `${texts.join('\n')}\nversions: ${Object.entries(result.versions)
  .map(([name, version]) => `${name} ${version}`)
  .join(', ')}\n`
process.stdout.write(text)
const results = join(project, values.write ? 'docs/results' : 'target')
mkdirSync(results, { recursive: true })
const stem = join(results, values.write || 'bench')
writeFileSync(`${stem}.txt`, text)
writeFileSync(`${stem}.json`, `${JSON.stringify(result, null, 1)}\n`)
writeFileSync(`${stem}.svg`, plot(`Bitlode benchmark ${result.commit} ${result.date}`, bars))
