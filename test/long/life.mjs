// Life cycle: ends of every kind while a download runs, a thousand openings, a JavaScript thread that does not listen.
// Run with --expose-gc; `npm run long life` does. Parts: --only terminate,stuck,ends,slope,blocked
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { bitlode, disk, project, Score, writeContent } from './lib.mjs'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'ends,terminate,stuck,slope,blocked' },
    rounds: { type: 'string', default: '' },
  },
})
const parts = values.only.split(',')
const score = new Score()
const base = mkdtempSync(join(disk, 'bitlode-life-'))
const content = join(base, 'content')
const worker = fileURLToPath(new URL('life-worker.mjs', import.meta.url))
const index = join(project, 'dist/index.js')
let seeder
try {
  mkdirSync(content)
  const size = 1 << 30
  await writeContent(join(content, 'big.bin'), size, 3)
  const torrent = join(base, 'big.torrent')
  await bitlode(['create', join(content, 'big.bin'), '-o', torrent, '--piece-length', '262144']).event('done')
  seeder = bitlode(['seed', torrent, content, '--listen', '127.0.0.1:0'])
  const peer = (await seeder.event('ready')).listening[0]
  let folders = 0
  const into = () => {
    folders += 1
    const path = join(base, `into-${folders}`)
    mkdirSync(path)
    return path
  }
  if (parts.includes('ends')) await ends({ torrent, peer, into })
  if (parts.includes('terminate')) await terminate({ torrent, peer, into, rounds: Number(values.rounds || 100) })
  if (parts.includes('stuck')) await stuck({ torrent, peer, into })
  if (parts.includes('slope')) await slope(Number(values.rounds || 1000))
  if (parts.includes('blocked')) await blocked({ torrent, peer, into, size })
} finally {
  seeder?.child.kill('SIGKILL')
  rmSync(base, { recursive: true, force: true })
}
score.end()
process.exit()

/** Runs the worker's code as a process of its own. */
function process_(way, job, native = 'release') {
  const child = spawn(process.execPath, [worker, JSON.stringify({ ...job, way, index })], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BITLODE_NATIVE: native },
  })
  let out = ''
  let err = ''
  let ready
  const going = new Promise((resolve) => (ready = resolve))
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    if (out.includes('going')) ready()
  })
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text))
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, err })))
  return { child, going: Promise.race([going, ended]), ended }
}

async function ends({ torrent, peer, into }) {
  const expected = { close: 0, natural: 0, exit: 3, throw: 1, 'close-twice': 0, destroy: 0 }
  for (const [way, code] of Object.entries(expected)) {
    const run = process_(way, { torrent, peer, path: into() })
    const got = await run.ended
    score.check(got.code === code, `${way}: ends with ${code}, got ${got.code} ${got.signal} ${got.err.slice(0, 300)}`)
  }
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const run = process_('wait', { torrent, peer, path: into() })
    await run.going
    run.child.kill(signal)
    const got = await run.ended
    score.check(got.signal === signal, `${signal}: ends by it, got ${got.code} ${got.signal} ${got.err.slice(0, 300)}`)
  }
}

async function startWorker(job) {
  const thread = new Worker(worker, { workerData: { ...job, way: 'wait', index } })
  const failed = new Promise((_, reject) => thread.once('error', reject))
  await Promise.race([new Promise((resolve) => thread.once('message', resolve)), failed])
  return thread
}

async function terminate({ torrent, peer, into, rounds }) {
  let slowest = 0
  for (let round = 0; round < rounds; round += 1) {
    const path = into()
    const thread = await startWorker({ torrent, peer, path })
    const begun = performance.now()
    await thread.terminate()
    slowest = Math.max(slowest, performance.now() - begun)
    rmSync(path, { recursive: true, force: true })
  }
  score.check(slowest <= 5000, `terminate() × ${rounds} while downloading: the slowest took ${slowest.toFixed(0)} ms`)
  process.stdout.write(`terminate × ${rounds}: slowest ${slowest.toFixed(0)} ms\n`)
}

/** A write that sleeps for a minute in the kernel's place: terminate() does not wait for it. */
async function stuck({ torrent, peer, into }) {
  const run = process_('stuck', { torrent, peer, path: into(), addon: addonFile() }, 'debug')
  const { code, err } = await run.ended
  score.check(
    code === 0,
    `a write that sleeps 60 s: terminate() returns in 5 s and the process lives, got ${code} ${err.slice(0, 300)}`,
  )
}

function addonFile() {
  const folder = join(project, 'bindings/out/debug')
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.node')) ?? 'missing')
}

/** Memory, threads and descriptors over many openings, beside a server of Node's own. */
async function slope(rounds) {
  const { Client } = await import(index)
  const ours = async () => {
    const client = await Client.open({ listen: ['127.0.0.1:0'] })
    await client.close()
  }
  const control = async () => {
    const server = createServer()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    await new Promise((resolve) => server.close(resolve))
  }
  const figures = {}
  for (const [name, round] of [
    ['control', control],
    ['ours', ours],
  ]) {
    for (let at = 0; at < 200; at += 1) await round()
    const points = []
    globalThis.gc()
    const before = counts()
    for (let at = 0; at < rounds; at += 1) {
      await round()
      if (at % 10 === 9) {
        globalThis.gc()
        points.push([at, process.memoryUsage.rss() / 1024])
      }
    }
    figures[name] = { slope: growth(points), before, after: counts() }
  }
  const above = figures.ours.slope - figures.control.slope
  process.stdout.write(
    `RSS: ${figures.ours.slope.toFixed(2)} KiB a round, control ${figures.control.slope.toFixed(2)}\n`,
  )
  score.check(above <= 2, `${rounds} × open and close: RSS grows ${above.toFixed(2)} KiB a round above the control`)
  const { before, after } = figures.ours
  score.check(
    after.threads === before.threads && after.fds === before.fds,
    `threads and descriptors: ${JSON.stringify(before)} before, ${JSON.stringify(after)} after`,
  )
}

function counts() {
  return { threads: readdirSync('/proc/self/task').length, fds: readdirSync('/proc/self/fd').length }
}

/** Least squares. */
function growth(points) {
  const n = points.length
  const [x, y] = [0, 1].map((at) => points.reduce((sum, point) => sum + point[at], 0) / n)
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0)
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
}

/** JavaScript blocked for 30 s at full download with 1,000 adds pending. */
async function blocked({ torrent, peer, into, size }) {
  const { Client } = await import(index)
  const path = into()
  const client = await Client.open({ listen: ['127.0.0.1:0'] })
  const adds = []
  const added = await client.add(torrent, { path, peers: [peer] })
  await added.ready()
  for (let at = 0; at < 1000; at += 1)
    adds.push(client.add(`magnet:?xt=urn:btih:b${at.toString(16).padStart(39, '0')}`, { path: base }))
  // The commands are sent in this turn; then nothing is heard for 30 s.
  await new Promise((resolve) => setImmediate(resolve))
  const rss = process.memoryUsage.rss()
  const until = performance.now() + 30_000
  let most = 0
  while (performance.now() < until)
    most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024)
  const all = await Promise.all(adds)
  await added.done()
  score.check(added.complete && added.state.verified === size, 'after 30 s without JavaScript the download is complete')
  score.check(
    all.length === 1000 && new Set(all).size === 1000 && client.torrents.size === 1001,
    'all 1,000 adds are answered',
  )
  score.check(most - rss < 200 << 20, `memory stayed bounded: ${((most - rss) / 2 ** 20).toFixed(0)} MiB more`)
  score.check(
    added.bitfield.every((byte, at, list) => at === list.length - 1 || byte === 255),
    'the final bitmap is whole',
  )
  await client.close()
}
