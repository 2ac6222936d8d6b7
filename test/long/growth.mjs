// What costs grow with: pieces, peers, torrents. Prints what is measured; bounds are on counts and bytes, never on time.
// Run with --expose-gc; `npm run long growth` does. Parts: --only idle,swarm,peers,crowd,client; --torrents N: the
// client with so many, in place of 1,000, 10,000 and 100,000; --crowd N (10,000) peers of the simulated swarm.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { run, sharedTarget } from '../../.ci/lib.mjs'
import { disk, project, Score } from './lib.mjs'

/** Bytes of an idle torrent beside its metadata, in a node; PERFORMANCE's target for the whole is 5 KiB of small ones. */
const nodeBytes = 6 * 1024
/** The metadata may be there once, and a little for what was parsed of it. */
const metadataBytes = (pieces) => 20 * pieces + 4 * 1024
/** Bytes of an idle peer: its connection, its place in the swarm, and its bitfield. */
const peerBytes = 24 * 1024
/** Bytes of an idle torrent of the client, JavaScript's objects included: the .torrent files are 0.3 KiB, held twice. */
const clientBytes = 8 * 1024
/** What a process takes once, however many torrents it has: heaps that grow in steps, arenas of threads. */
const processBytes = 16 * 2 ** 20
/** JavaScript's own part of it. */
const heapBytes = 2 * 1024
/** Descriptors do not grow with torrents of one folder. */
const descriptors = 400

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'idle,swarm,peers,crowd,client' },
    torrents: { type: 'string', default: '1000,10000,100000' },
    crowd: { type: 'string', default: '10000' },
  },
})
const score = new Score()
const examples = join(project, 'target', sharedTarget()[1] ?? '', 'release/examples')
const say = (line) => process.stdout.write(`${line}\n`)
const parts = {
  idle: async () => {
    for (const args of [
      ['waiting', 10_000, 1_000],
      ['waiting', 10_000, 10],
      ['magnet', 10_000, 0],
      ['magnet', 100_000, 0],
    ]) {
      const line = await example('idle', args)
      const [, metadata, torrent] = /each (\d+) B metadata, (\d+) B torrent/.exec(line)?.map(Number) ?? []
      const wakes = Number(/(\d+) wakes an hour/.exec(line)?.[1])
      score.check(torrent <= nodeBytes, `${args.join(' ')}: ${torrent} B a torrent, allowed ${nodeBytes}`)
      score.check(metadata <= metadataBytes(args[2]), `${args.join(' ')}: ${metadata} B metadata`)
      score.check(wakes === 0, `${args.join(' ')}: woken ${wakes} times in an hour of nothing`)
    }
  },
  swarm: async () => {
    for (const args of [
      [1_000, 10],
      [1_000, 1_000],
      [1_000, 10_000],
      [100_000, 10],
      [100_000, 1_000],
      [500_000, 10],
      [500_000, 1_000],
    ]) {
      const line = await example('growth', args)
      const told = Number(/\((\d+) messages\)/.exec(line)?.[1])
      // Pieces come at once here, so they are told together: one by one each would cost half of the peers a message.
      score.check(told <= Math.max(20, args[1] / 20), `${args.join(' ')}: ${told} messages a piece`)
    }
  },
  peers: async () => {
    for (const args of [
      [10, 4_000],
      [1_000, 4_000],
      [9_000, 4_000],
    ]) {
      const line = await example('peers', args)
      const bytes = Number(/: (\d+) B a peer/.exec(line)?.[1])
      const stayed = Number(/\((\d+) at the end\)/.exec(line)?.[1])
      if (args[0] >= 1_000) {
        score.check(bytes <= peerBytes, `${args.join(' ')}: ${bytes} B a peer, allowed ${peerBytes}`)
        score.check(stayed === args[0], `${args.join(' ')}: ${stayed} peers stayed`)
      }
    }
  },
  crowd: async () => {
    const simulator = join(examples, '../bitlode-netsim')
    const { code, output } = await run(simulator, ['crowd', '--peers', values.crowd], { quiet: true })
    say(`crowd: ${output.trim()}`)
    score.check(code === 0, `a simulated swarm of ${values.crowd} peers`)
  },
  // Each in a process of its own: memory that one gave back would be counted for nothing by the next.
  client: async () => {
    const counts = values.torrents.split(',')
    if (counts.length === 1) return client(Number(counts[0]))
    for (const count of counts) {
      const args = ['--expose-gc', fileURLToPath(import.meta.url), '--only', 'client', '--torrents', count]
      const { code, output } = await run(process.execPath, args, { quiet: true })
      say(output.trim())
      score.check(code === 0, `the client with ${count} torrents`)
    }
  },
}
for (const part of values.only.split(',')) await parts[part]()
score.end()
process.exit()

async function example(name, args) {
  const { code, output } = await run(join(examples, name), args.map(String), { quiet: true })
  const line = output.trim()
  say(`${name}: ${line}`)
  score.check(code === 0, `${name} ${args.join(' ')} ended with ${code}`)
  return line
}

/** Torrents of ten pieces that wait, through the API. */
async function client(count) {
  const { Client } = await import(join(project, 'dist/index.js'))
  const base = mkdtempSync(join(disk, 'bitlode-growth-'))
  const torrents = Array.from({ length: count }, (_, number) => torrentFile(number))
  const metadata = torrents.reduce((sum, bytes) => sum + bytes.length, 0) / count
  const app = await Client.open({ listen: ['127.0.0.1:0'] })
  try {
    await new Promise((resolve) => setTimeout(resolve, 500))
    globalThis.gc?.()
    const before = process.memoryUsage()
    const begin = performance.now()
    // A batch at a time, as a program that opens would.
    for (let at = 0; at < count; at += 100) {
      await Promise.all(torrents.slice(at, at + 100).map((bytes) => app.add(bytes, { path: base, start: true })))
    }
    const adding = ((performance.now() - begin) * 1000) / count
    for (const torrent of app.torrents.values()) await torrent.ready()
    const ready = ((performance.now() - begin) * 1000) / count
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    globalThis.gc?.()
    const after = process.memoryUsage()
    const each = Math.round((after.rss - before.rss) / count)
    const heap = Math.round((after.heapUsed - before.heapUsed) / count)
    const [cpu, loop] = [process.cpuUsage(), performance.eventLoopUtilization()]
    await new Promise((resolve) => setTimeout(resolve, 20_000))
    const used = process.cpuUsage(cpu)
    const busy = performance.eventLoopUtilization(loop).utilization
    say(
      `client: ${count} torrents, ${Math.round(metadata)} B metadata each: ${each} B resident (${heap} B heap), ` +
        `${adding.toFixed(0)} µs to add, ${ready.toFixed(0)} µs until looked at and marked on disk; ` +
        `idle: ${((used.user + used.system) / 200_000).toFixed(2)} % CPU, ` +
        `${(busy * 100).toFixed(2)} % of the event loop`,
    )
    const allowed = Math.round(clientBytes + processBytes / count)
    score.check(each <= allowed, `${each} B a torrent through the API, allowed ${allowed}`)
    score.check(heap <= heapBytes + 2 ** 20 / count, `${heap} B of heap a torrent, allowed ${heapBytes}`)
    const open = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
    score.check(open <= descriptors, `${open} descriptors for ${count} torrents of one folder`)
    // Held until now, so that what the client copied of them is counted.
    score.check(app.torrents.size === torrents.length, `${app.torrents.size} torrents of ${torrents.length}`)
  } finally {
    await app.destroy()
    rmSync(base, { recursive: true, force: true })
  }
}

function torrentFile(number) {
  const pieces = Buffer.concat(
    Array.from({ length: 10 }, (_, piece) => createHash('sha1').update(`${number} ${piece}`).digest()),
  )
  const name = `torrent ${String(number).padStart(6, '0')} of many.iso`
  const head = `d4:infod6:lengthi${10 * 262_144}e4:name${name.length}:${name}12:piece lengthi262144e6:pieces${pieces.length}:`
  return Buffer.concat([Buffer.from(head), pieces, Buffer.from('ee')])
}
