import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import Server from 'bittorrent-tracker/server'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../../ts/index.ts'
import { rejection } from './codes.ts'
import { addressOf, client, content, folder, hashes, MIXED, onDisk, seeder } from './swarm.ts'

describe('a download', () => {
  test('of many files ends with the same bytes on disk, told by progress, events and state', async () => {
    const wanted = await content()
    const seed = await seeder(wanted)
    const leech = await client()
    const path = folder()
    const torrent = await leech.add(wanted.torrent, { path, peers: [addressOf(seed.client)] })
    const verified: number[] = []
    const facts: string[] = []
    torrent.on('verified', ({ pieces }) => verified.push(...pieces))
    torrent.on('completed', () => facts.push('completed'))
    torrent.on('changed', ({ phase }) => facts.push(phase))
    const steps: Progress[] = []
    for await (const step of torrent.progress()) steps.push(step)
    await torrent.done()
    expect(onDisk(path)).toEqual(hashes(wanted))
    const last = steps.at(-1)
    expect([last?.phase, last?.verified, last?.total, last?.timeLeft]).toEqual([
      'seeding',
      torrent.length,
      torrent.length,
      0,
    ])
    expect(verified.sort((a, b) => a - b)).toEqual(Array.from({ length: torrent.pieces }, (_, at) => at))
    expect(facts).toEqual(['downloading', 'seeding', 'completed'])
    expect(torrent.files.map((file) => [file.path, file.progress])).toEqual(
      Object.keys(MIXED).map((name) => [`content/${name}`, 1]),
    )
    await expect.poll(() => seed.torrent.state.uploaded).toBe(torrent.length)
  })

  test('from a magnet link with a manual peer fetches the metadata first', async () => {
    const wanted = await content()
    const seed = await seeder(wanted)
    const leech = await client()
    const path = folder()
    const torrent = await leech.add(seed.torrent.magnet, { path, peers: [addressOf(seed.client)] })
    expect([torrent.phase, torrent.files, torrent.length]).toEqual(['metadata', [], 0])
    await torrent.metadata()
    expect([torrent.name, torrent.files.length]).toEqual(['content', 4])
    await torrent.done()
    expect(onDisk(path)).toEqual(hashes(wanted))
  })

  test('finds its peers through a tracker, from a torrent that was downloaded', async () => {
    const tracker = new Server({ udp: false, ws: false, http: true, stats: false })
    tracker.listen(0, '127.0.0.1')
    await once(tracker, 'listening')
    const announce = `http://127.0.0.1:${(tracker.http.address() as AddressInfo).port}/announce`
    const heard: string[] = []
    for (const event of ['start', 'complete', 'stop'] as const) tracker.on(event, () => heard.push(event))
    const wanted = await content(MIXED, { trackers: [announce] })
    const web = createServer((_, response) => response.end(wanted.torrent)).listen(0, '127.0.0.1')
    await once(web, 'listening')
    try {
      const seed = await client()
      const seeding = await seed.add(wanted.torrent, { path: wanted.folder, mode: 'seed' })
      const answered = new Promise((resolve) => seeding.once('announced', resolve))
      await seeding.ready()
      await answered
      const leech = await client()
      const path = folder()
      const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/some.torrent`
      const torrent = await leech.add(url, { path })
      await torrent.done()
      expect(onDisk(path)).toEqual(hashes(wanted))
      await leech.close()
      await seed.close()
      expect(heard).toEqual(['start', 'start', 'complete', 'stop', 'stop'])
    } finally {
      web.close()
      tracker.close()
    }
  })

  test('goes on in a second client where the first was closed, and fetches only what is missing', async () => {
    const wanted = await content({ 'big.bin': 4_000_000 })
    const seed = await seeder(wanted)
    const path = folder()
    const first = await client()
    const begun = await first.add(wanted.torrent, { path, peers: [addressOf(seed.client)] })
    await new Promise((resolve) => begun.once('verified', resolve))
    await first.close()
    const second = await client()
    const torrent = await second.add(wanted.torrent, { path, peers: [addressOf(seed.client)] })
    await torrent.ready()
    const there = torrent.state.verified
    await torrent.done()
    expect(onDisk(path)).toEqual(hashes(wanted))
    expect(there).toBeGreaterThan(0)
    expect(torrent.state.downloaded).toBe(torrent.length - there)
  })

  test('runs between two worker threads', async () => {
    const wanted = await content()
    const path = folder()
    const index = new URL('../../dist/index.js', import.meta.url).href
    const code = (body: string) => `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.index).then(async ({ Client }) => {
        const client = await Client.open({ listen: '127.0.0.1', settings: { listenPort: 0 } })
        ${body}
      })`
    const seeding = new Worker(
      code(`const torrent = await client.add(workerData.torrent, { path: workerData.path, mode: 'seed' })
        await torrent.ready()
        parentPort.postMessage(client.address().addresses[0])
        parentPort.once('message', () => client.close())`),
      { eval: true, workerData: { index, torrent: wanted.torrent, path: wanted.folder } },
    )
    const [peer] = await once(seeding, 'message')
    const leeching = new Worker(
      code(`const torrent = await client.add(workerData.torrent, { path: workerData.path, peers: [workerData.peer] })
        await torrent.done()
        await client.close()`),
      { eval: true, workerData: { index, torrent: wanted.torrent, path, peer } },
    )
    expect(await once(leeching, 'exit')).toEqual([0])
    const exited = once(seeding, 'exit')
    seeding.postMessage('enough')
    expect(await exited).toEqual([0])
    expect(onDisk(path)).toEqual(hashes(wanted))
  })
})

describe('a stream of a file', () => {
  test('gives its bytes while they are downloaded, any part of them', async () => {
    const wanted = await content()
    const seed = await seeder(wanted)
    const leech = await client()
    const torrent = await leech.add(wanted.torrent, { path: folder(), peers: [addressOf(seed.client)] })
    for (const file of torrent.files) {
      const bytes = wanted.files.get(file.path) as Buffer
      expect(Buffer.from(await file.arrayBuffer()).equals(bytes), file.path).toBe(true)
      if (bytes.length < 10) continue
      const part = await file.arrayBuffer({ start: 3, end: bytes.length - 4 })
      expect(Buffer.from(part).equals(bytes.subarray(3, -4)), file.path).toBe(true)
    }
    expect(await rejection((async () => torrent.files[0]?.stream({ end: 1e9 }))())).toBe('ERR_INVALID_OPTION')
  })

  test('reads ahead no further than its limit', async () => {
    const wanted = await content({ 'big.bin': 3_000_000 })
    const seed = await seeder(wanted, { settings: { listenPort: 0, readAheadBytes: 65_536 } })
    const [file] = seed.torrent.files
    const chunks: number[] = []
    for await (const chunk of file?.stream() ?? []) chunks.push(chunk.length)
    expect(chunks.reduce((sum, length) => sum + length, 0)).toBe(3_000_000)
    expect(Math.max(...chunks)).toBeLessThanOrEqual(65_536)
  })

  test('ends with an error when its torrent is removed, never early without one', async () => {
    const wanted = await content()
    const leech = await client()
    const torrent = await leech.add(wanted.torrent, { path: folder() })
    const reading = rejection(torrent.files[0]?.text() ?? Promise.resolve())
    await torrent.ready()
    await leech.remove(torrent)
    expect(await reading).toBe('ERR_CLOSED')
  })

  test('that is left in the middle closes, and its signal ends it', async () => {
    const wanted = await content({ 'big.bin': 3_000_000 })
    const { torrent } = await seeder(wanted)
    for await (const chunk of torrent.files[0]?.stream() ?? []) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    const stop = new AbortController()
    const read = async () => {
      for await (const _ of torrent.files[0]?.stream({ signal: stop.signal }) ?? []) stop.abort()
    }
    expect(await rejection(read())).toBe('ERR_ABORTED')
  })

  test('of a small file is there as text', async () => {
    const made = await content({ 'hello.txt': 5 })
    const { torrent } = await seeder(made)
    expect(await torrent.files[0]?.text()).toBe(readFileSync(join(made.folder, 'content/hello.txt')).toString())
  })
})
