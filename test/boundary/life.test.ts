import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { Client } from '../../ts/index.ts'
import { addressOf, client, content, folder, hashes, onDisk, seeder } from '../api/swarm.ts'
import { debugAddon } from './addon.ts'

const index = new URL('../../dist/index.js', import.meta.url).href

/** Downloads until it is ended from outside. */
const downloading = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.index).then(async ({ Client }) => {
    const client = await Client.open({ listen: false })
    const torrent = await client.add(workerData.torrent, { path: workerData.path, peers: [workerData.peer] })
    torrent.once('verified', () => parentPort.postMessage('going'))
    for (const fact of ['verified', 'changed', 'happened']) torrent.on(fact, () => {})
  })`

const threads = () => readdirSync('/proc/self/task').length
const fds = () => readdirSync('/proc/self/fd').length

describe('the end of an environment', () => {
  test('row 103: in the middle of a download ends its threads and disturbs nobody else', async () => {
    const made = await content({ 'big.bin': 20_000_000 })
    const seed = await seeder(made)
    const before = threads()
    for (let round = 0; round < 10; round++) {
      const workerData = { index, torrent: made.torrent, path: folder(), peer: addressOf(seed.client) }
      const worker = new Worker(downloading, { eval: true, workerData })
      await once(worker, 'message')
      await worker.terminate()
    }
    expect(seed.torrent.phase).toBe('seeding')
    await expect.poll(threads).toBeLessThanOrEqual(before)
    const leech = await client()
    const path = folder()
    const torrent = await leech.add(made.torrent, { path, peers: [addressOf(seed.client)] })
    await torrent.done()
    expect(onDisk(path)).toEqual(hashes(made))
  })

  test('row 103: does not wait for a disk that hangs longer than it must', async () => {
    const made = await content({ 'big.bin': 2_000_000 })
    const seed = await seeder(made)
    const { setFailpoints } = debugAddon()
    // Everything has come and waits to be written, so that some thread is inside a write by now.
    const code = downloading.replace(
      "torrent.once('verified', () => parentPort.postMessage('going'))",
      "const look = setInterval(() => torrent.state.downloaded === 2_000_000 && (clearInterval(look), parentPort.postMessage('going')), 20)",
    )
    const workerData = { index, torrent: made.torrent, path: folder(), peer: addressOf(seed.client) }
    setFailpoints('disk.write=sleep:8000')
    try {
      const worker = new Worker(code, { eval: true, workerData })
      await once(worker, 'message')
      const began = performance.now()
      await worker.terminate()
      const took = performance.now() - began
      // It did wait for the thread that hangs, and left it behind.
      expect(took).toBeGreaterThan(1_000)
      expect(took).toBeLessThan(5_000)
    } finally {
      setFailpoints('disk.write')
    }
  })
})

describe('opening and closing', () => {
  test('row 96: again and again leaves no thread and no descriptor behind', async () => {
    const round = async () => {
      const opened = await Client.open({ listen: '127.0.0.1', settings: { listenPort: 0 } })
      await opened.close()
    }
    for (let warm = 0; warm < 5; warm++) await round()
    const before = [threads(), fds()]
    for (let at = 0; at < 50; at++) await round()
    await expect.poll(() => [threads(), fds()]).toEqual(before)
  })

  test('row 96: an engine that is collected without having been closed stops its threads', () => {
    const code = `
      const { readdirSync } = require('node:fs')
      const { Engine } = require(process.argv[1])
      const threads = () => readdirSync('/proc/self/task').length
      const options = { settingNames: [], settingValues: [], shards: 2, network: true, client: 'x', portable: false }
      const before = threads()
      let engine = new Engine(options, () => {})
      const during = threads()
      engine = undefined
      const look = (rounds) => {
        gc()
        if (threads() <= before) process.stdout.write(String(during > before))
        else if (rounds > 0) setImmediate(look, rounds - 1)
      }
      setImmediate(look, 10_000)`
    const file = fileURLToPath(new URL('../../bindings/out/debug/bitlode.linux-x64-gnu.node', import.meta.url))
    expect(execFileSync(process.execPath, ['--expose-gc', '-e', code, file]).toString()).toBe('true')
  })
})

describe('JavaScript that does not listen', () => {
  test('row 105: stops nothing: the download goes on, state is whole afterwards, lost facts are counted', async () => {
    const made = await content({ 'big.bin': 30_000_000 }, { pieceLength: 16_384 })
    const settings = { listenPort: 0, logFacts: 1 }
    const wanted = await content({ 'x.bin': 20_000 })
    // The seeder has a thread of its own: only the downloader's JavaScript is blocked.
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.index).then(async ({ Client }) => {
        const client = await Client.open({ listen: '127.0.0.1', settings: { listenPort: 0 } })
        const torrent = await client.add(workerData.torrent, { path: workerData.path, mode: 'seed' })
        await torrent.ready()
        parentPort.postMessage(client.address().addresses[0])
        parentPort.once('message', () => client.close())
      })`
    const worker = new Worker(code, { eval: true, workerData: { index, torrent: made.torrent, path: made.folder } })
    const [peer] = (await once(worker, 'message')) as [string]
    const here = await client({ settings })
    let lost = 0
    here.on('lost', ({ count }) => {
      lost += count
    })
    const path = folder()
    const torrent = await here.add(made.torrent, { path, peers: [peer] })
    await torrent.ready()
    const adds = Array.from({ length: 200 }, () =>
      here.add(wanted.torrent, { path: wanted.folder }).catch(() => undefined),
    )
    const until = performance.now() + 3_000
    while (performance.now() < until);
    // Everything has come while nobody listened: the next drains hold all of it.
    await torrent.done({ signal: AbortSignal.timeout(10_000) })
    expect((await Promise.all(adds)).filter((added) => added !== undefined).length).toBe(1)
    expect([torrent.state.have, torrent.state.durable]).toEqual([torrent.pieces, torrent.length])
    expect(torrent.bitfield.filter((byte) => byte === 255).length).toBe(Math.floor(torrent.pieces / 8))
    expect(onDisk(path)).toEqual(hashes(made))
    await here.close()
    const ended = once(worker, 'exit')
    worker.postMessage('enough')
    await ended
    expect(lost).toBeGreaterThan(0)
  })
})
