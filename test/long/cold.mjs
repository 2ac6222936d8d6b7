// Seeding from a disk whose page cache is empty: each byte is read from the device once (/proc/diskstats), and the network
// thread never waits for the disk (its longest turn). --size MiB (8192).
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { sharedTarget } from '../../.ci/lib.mjs'
import { fill } from '../../benches/measure.mjs'
import { bitlode, disk, project, Score, writeContent } from './lib.mjs'

const { values } = parseArgs({ options: { size: { type: 'string', default: '8192' } } })
const bytes = Number(values.size) * 2 ** 20
const score = new Score()
const base = mkdtempSync(join(disk, 'bitlode-cold-'))
const { Client } = await import(join(project, 'dist/index.js'))

/** Bytes that the device below a path has read since it was attached. */
function read(path) {
  const { dev } = statSync(path)
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)]
  const line = readFileSync('/proc/diskstats', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => Number(fields[0]) === major && Number(fields[1]) === minor)
  return line ? Number(line[5]) * 512 : null
}

/** Bytes that this process had the device read: what others read meanwhile, programs that lost their cache, is not in it. */
const ours = () => Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])

/** Watches each processor for stops that no priority prevents; `end()` gives the longest in milliseconds, NaN if it may not. */
function watchStops() {
  const program = join(project, 'target', sharedTarget()[1] ?? '', 'release/examples/stops')
  const watchers = Array.from({ length: availableParallelism() }, (_, cpu) =>
    spawn('taskset', ['-c', String(cpu), 'chrt', '-f', '90', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  for (const child of watchers) child.on('error', (error) => process.stderr.write(`${error.message}\n`))
  const said = watchers.map((child) => text(child.stdout))
  return {
    async end() {
      for (const child of watchers) child.stdin.end()
      return Math.max(...(await Promise.all(said)).map((line) => Number.parseFloat(line)))
    },
  }
}

/** The longest turn of any network thread in milliseconds, with and without what others had the processor. */
const longestTurns = (loads) =>
  ['longestTurn', 'longestOwnTurn'].map((name) => Math.max(...loads.map((load) => load[name])) / 1000)

function dropCache() {
  execFileSync('sync')
  writeFileSync('/proc/sys/vm/drop_caches', '3')
}

try {
  const content = join(base, 'content')
  const into = join(base, 'into')
  mkdirSync(content)
  mkdirSync(into)
  await writeContent(join(content, 'big.bin'), bytes, 5)
  const torrent = join(base, 'big.torrent')
  await bitlode(['create', join(content, 'big.bin'), '-o', torrent, '--piece-length', '1048576']).event('done')
  let able = process.getuid() === 0 && read(base) !== null
  try {
    if (able) dropCache()
  } catch {
    able = false
  }
  if (!able) score.skip('cold disk: needs root, /proc/diskstats and a page cache that can be dropped')
  else {
    fill(base)
    const client = await Client.open({ listen: '127.0.0.1:0' })
    const seed = await client.add(torrent, { path: content, mode: 'seed' })
    await seed.ready()
    dropCache()
    fill(base)
    // Turns of the check count, too; how long those were is told beside the others.
    const checking = longestTurns(client.loads({ anew: true }))
    const stops = watchStops()
    const [before, oursBefore] = [read(base), ours()]
    const down = bitlode([
      'download',
      torrent,
      '--path',
      into,
      '--listen',
      '127.0.0.1:0',
      '--peer',
      client.address().addresses[0],
    ])
    // A seed that breaks would leave the download waiting for ever.
    const broken = new Promise((_, reject) => client.on('failed', ({ error }) => reject(error)))
    try {
      await Promise.race([down.event('done'), broken])
    } finally {
      if (!down.events.some(({ event }) => event === 'done')) down.child.kill()
    }
    const stop = await stops.end()
    const times = (read(base) - before) / bytes
    const oursTimes = (ours() - oursBefore) / bytes
    const seeding = longestTurns(client.loads())
    const [longest, own] = seeding.map((turn, which) => Math.max(turn, checking[which]))
    await down.ended
    await client.close()
    process.stdout.write(
      `${values.size} MiB seeded from a cold disk: ${times.toFixed(4)} × its bytes read, ${oursTimes.toFixed(4)} × by the seed, longest turn ${own.toFixed(1)} ms of its own, ${longest.toFixed(1)} ms with what others had the processor (${seeding[1].toFixed(1)} and ${seeding[0].toFixed(1)} while seeding); longest stop of a processor for a thread that nothing may push aside ${stop.toFixed(1)} ms\n`,
    )
    score.check(times > 0.98 && times < 1.02, `each byte is read once, not ${times.toFixed(4)} times`)
    // Two checks: a turn of its own that is long waited or worked; one that is only long with what others had the processor,
    // the leech's threads for instance, says that the machine has too few. The stop is only told: it says how much of such a
    // turn no thread could have prevented.
    score.check(own <= 20, `the longest turn of its own is at most 20 ms, not ${own.toFixed(1)}`)
    score.check(longest <= 20, `the longest turn is at most 20 ms, not ${longest.toFixed(1)}`)
  }
} finally {
  rmSync(base, { recursive: true, force: true })
}
score.end()
