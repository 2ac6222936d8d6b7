import { once } from 'node:events'
import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Client, type ClientOptions, Torrent } from '../../ts/index.ts'
import { codeOf, rejection } from './codes.ts'
import { addressOf, client, content, folder, hashes, MIXED, onDisk, seeder } from './swarm.ts'

describe('a client', () => {
  test('listens where it is told and says where', async () => {
    const here = await client({ listen: ['127.0.0.1', '[::1]'] })
    const address = here.address()
    expect(address?.addresses).toEqual([`127.0.0.1:${address?.port}`, `[::1]:${address?.port}`])
    const nowhere = await client({ listen: false })
    expect(nowhere.address()).toBeNull()
  })

  test('says that a port is taken', async () => {
    const other = createTcp().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    expect(await rejection(Client.open({ listen: `127.0.0.1:${port}` }))).toBe('ERR_LISTEN_FAILED')
    other.close()
  })

  test('knows its torrents by info-hash, once each, until they are removed', async () => {
    const made = await content()
    const here = await client()
    const added: string[] = []
    here.on('added', ({ torrent }) => added.push(torrent.name))
    const torrent = await here.add(made.torrent, { path: made.folder })
    expect([...here.torrents]).toEqual([[torrent.infoHash.v1, torrent]])
    expect(await rejection(here.add(made.torrent, { path: made.folder }))).toBe('ERR_DUPLICATE_TORRENT')
    await here.remove(torrent.infoHash.v1 ?? '')
    expect([here.torrents.size, torrent.phase, torrent.error?.code]).toEqual([0, 'removed', 'ERR_CLOSED'])
    expect(await rejection(here.remove(torrent))).toBe('ERR_NOT_FOUND')
    expect(await rejection(torrent.pause())).toBe('ERR_CLOSED')
    const again = await here.add(made.torrent, { path: made.folder })
    expect(again.infoHash).toEqual(torrent.infoHash)
    expect(added).toEqual(['content', 'content'])
  })

  test('pauses and goes on', async () => {
    const made = await content()
    const seed = await seeder(made)
    const leech = await client()
    const path = folder()
    const torrent = await leech.add(made.torrent, { path, start: false, peers: [addressOf(seed.client)] })
    await torrent.ready()
    expect(torrent.phase).toBe('paused')
    await torrent.start()
    await torrent.done()
    await torrent.pause()
    expect(torrent.phase).toBe('paused')
    expect(onDisk(path)).toEqual(hashes(made))
  })

  test('names the peers of a torrent while they are connected', async () => {
    const made = await content({ 'big.bin': 1_000_000 })
    const seed = await seeder(made)
    // It has nothing and gets nothing: both stay connected.
    const leech = await client({ name: 'Test 1.0' })
    const torrent = await leech.add(made.torrent, { path: folder(), peers: [addressOf(seed.client)] })
    const joined = new Promise((resolve) =>
      seed.torrent.on('happened', ({ kind }) => kind === 'peer-joined' && resolve(0)),
    )
    await joined
    const [peer] = await seed.torrent.peers()
    expect(peer === undefined || peer.id.length === 20).toBe(true)
    await torrent.done()
  })

  test('checks again on request: what was damaged is found and fetched once more', async () => {
    const made = await content({ 'big.bin': 200_000 })
    const seed = await seeder(made)
    const leech = await client()
    const path = folder()
    const torrent = await leech.add(made.torrent, { path, peers: [addressOf(seed.client)] })
    await torrent.done()
    await torrent.pause()
    const bytes = Buffer.from(made.files.get('content/big.bin') as Buffer)
    bytes[100_000] = (bytes[100_000] ?? 0) ^ 1
    writeFileSync(join(path, 'content/big.bin'), bytes)
    const seen: unknown[] = []
    const found = await torrent.check({ onProgress: (step) => seen.push(step) })
    expect([found.have, found.pieces]).toEqual([12, 13])
    expect(seen.at(-1)).toEqual({ checked: 13, pieces: 13 })
    expect(torrent.complete).toBe(false)
    // Another seed: to the same one we do not go back so soon.
    await torrent.addPeer(addressOf((await seeder(made)).client))
    await torrent.start()
    await torrent.done()
    expect(onDisk(path)).toEqual(hashes(made))
  })

  test('row 82: foreign files are not touched without overwrite', async () => {
    const made = await content({ 'a.bin': 50_000 })
    const seed = await seeder(made)
    const leech = await client()
    const path = folder()
    const { mkdirSync } = await import('node:fs')
    mkdirSync(join(path, 'content'))
    writeFileSync(join(path, 'content/a.bin'), 'precious')
    const torrent = await leech.add(made.torrent, { path, peers: [addressOf(seed.client)] })
    expect(await rejection(torrent.done())).toBe('ERR_STORAGE_EXISTS')
    expect([torrent.phase, torrent.error?.code]).toEqual(['failed', 'ERR_STORAGE_EXISTS'])
    await leech.remove(torrent)
    appendFileSync(join(path, 'content/a.bin'), '!')
    const forced = await leech.add(made.torrent, { path, overwrite: true, peers: [addressOf(seed.client)] })
    await forced.done()
    expect(onDisk(path)).toEqual(hashes(made))
  })

  test('row 60: a service inside the machine gets no request for a URL that a torrent brings', async () => {
    let hits = 0
    const service = createServer((_, response) => {
      hits++
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await once(service, 'listening')
    const { port } = service.address() as AddressInfo
    const inside = [
      `http://127.0.0.1:${port}/x`,
      `http://2130706433:${port}/x`,
      `http://[::ffff:127.0.0.1]:${port}/announce`,
      `http://localhost:${port}/x`,
      'http://169.254.169.254/announce',
      'http://10.0.0.1/announce',
    ]
    const made = await content(MIXED, { trackers: inside })
    const here = await client()
    const torrent = await here.add(made.torrent, { path: made.folder })
    const codes = new Map<string | null, string>()
    await new Promise<void>((resolve) => {
      torrent.on('warned', ({ tracker, code }) => {
        codes.set(tracker, code)
        if (codes.size === inside.length - 1) resolve()
      })
    })
    // The mapped address with the path of an announce is loopback, like its IPv4 form.
    codes.delete(inside[2] ?? '')
    expect(new Set(codes.values())).toEqual(new Set(['ERR_SSRF_BLOCKED']))
    await here.remove(torrent)
    expect(hits).toBeLessThanOrEqual(1)
    service.close()
  })

  test('row 60: a tracker inside the network is asked when the user chose it, by option, magnet link or switch', async () => {
    const heard: string[] = []
    const tracker = createServer((request, response) => {
      heard.push(new URL(request.url ?? '', 'http://x').pathname)
      response.end('d8:intervali1800e5:peers0:e')
    }).listen(0, '127.0.0.1')
    await once(tracker, 'listening')
    // A path that is no announce: loopback too is then refused to a file.
    const url = (name: string) => `http://127.0.0.1:${(tracker.address() as AddressInfo).port}/${name}`
    const ask = async (options: ClientOptions, source: string | Uint8Array, trackers: string[] = []) => {
      const here = await client(options)
      const torrent = await here.add(source, { path: folder(), trackers })
      const outcome = await new Promise<string>((resolve) => {
        torrent.on('announced', (reply) => resolve(reply.tracker))
        torrent.on('warned', ({ code }) => resolve(code))
      })
      await here.remove(torrent)
      return outcome
    }
    const { torrent } = await content(MIXED, { trackers: [url('file')] })
    expect(await ask({}, torrent)).toBe('ERR_SSRF_BLOCKED')
    expect(heard).toEqual([])
    expect(await ask({ ssrfMitigation: false }, torrent)).toBe(url('file'))
    const plain = await content(MIXED)
    expect(await ask({}, plain.torrent, [url('option')])).toBe(url('option'))
    const hash = (await Torrent.open(plain.torrent)).infoHash.v1 ?? ''
    expect(await ask({}, `magnet:?xt=urn:btih:${hash}&tr=${encodeURIComponent(url('magnet'))}`)).toBe(url('magnet'))
    expect(new Set(heard)).toEqual(new Set(['/file', '/option', '/magnet']))
    tracker.close()
  })

  test('a magnet link that is added to wait is told to no tracker before it is started', async () => {
    const heard: string[] = []
    const tracker = createServer((request, response) => {
      heard.push(new URL(request.url ?? '', 'http://x').searchParams.get('event') ?? '')
      response.end('d8:intervali1800e5:peers0:e')
    }).listen(0, '127.0.0.1')
    await once(tracker, 'listening')
    const here = await client()
    const link = `magnet:?xt=urn:btih:${'ab'.repeat(20)}&tr=http://127.0.0.1:${(tracker.address() as AddressInfo).port}/announce`
    const torrent = await here.add(link, { path: folder(), start: false })
    expect(torrent.phase).toBe('paused')
    await torrent.pause()
    const announced = new Promise((resolve) => torrent.on('announced', resolve))
    await torrent.start()
    await announced
    expect(heard).toEqual(['started'])
    tracker.close()
  })

  test('after a destroy nobody is announced to any more and nothing is warned of', async () => {
    // It asks and gets no answer.
    const tracker = createServer().listen(0, '127.0.0.1')
    await once(tracker, 'listening')
    const here = await client()
    const { torrent: bytes } = await content(MIXED)
    const warned: unknown[] = []
    const url = `http://127.0.0.1:${(tracker.address() as AddressInfo).port}/announce`
    const [added] = await Promise.all([here.add(bytes, { path: folder(), trackers: [url] }), once(tracker, 'request')])
    here.on('warned', (warning) => warned.push(warning))
    added.on('warned', (warning) => warned.push(warning))
    here.destroy()
    tracker.closeAllConnections()
    // Time for what was under way to be told.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(warned).toEqual([])
    tracker.close()
  })
})

describe('close', () => {
  test('row 96: ends everything that waits, may be called twice, and rejects what comes later', async () => {
    const made = await content()
    const here = await client()
    const torrent = await here.add(made.torrent, { path: folder() })
    const events: string[] = []
    here.on('closed', () => events.push('closed'))
    torrent.on('removed', () => events.push('removed'))
    const waiting = [
      rejection(torrent.done()),
      rejection(torrent.files[0]?.text() ?? Promise.resolve()),
      rejection(torrent.progress().return?.(undefined) ?? Promise.resolve()),
    ]
    const watching = rejection(
      (async () => {
        for await (const _ of torrent.progress()) events.length
      })(),
    )
    await torrent.ready()
    const [first, second] = [here.close(), here.close()]
    expect(second).toBe(first)
    await Promise.all([first, second])
    expect(await Promise.all(waiting)).toEqual(['ERR_CLOSED', 'ERR_CLOSED', undefined])
    expect(await watching).toBe('ERR_CLOSED')
    expect(events).toEqual(['removed', 'closed'])
    expect(here.address()).toBeNull()
    expect(torrent.phase).toBe('removed')
    expect(await rejection(here.add(made.torrent))).toBe('ERR_CLOSED')
    expect(await rejection(here.remove(torrent))).toBe('ERR_CLOSED')
    expect(await rejection(torrent.start())).toBe('ERR_CLOSED')
    expect(await rejection(torrent.peers())).toBe('ERR_CLOSED')
    expect(await rejection(torrent.done())).toBe('ERR_CLOSED')
    expect(codeOf(() => here.destroy())).toBeUndefined()
    await here.close()
  })

  test('row 96: a destroy in the middle of a download leaves no thread and no promise behind', async () => {
    const made = await content({ 'big.bin': 4_000_000 })
    const seed = await seeder(made)
    const leech = await client()
    const torrent = await leech.add(made.torrent, { path: folder(), peers: [addressOf(seed.client)] })
    const done = rejection(torrent.done())
    await new Promise((resolve) => torrent.once('verified', resolve))
    leech.destroy()
    leech.destroy()
    await leech.close()
    expect(await done).toBe('ERR_CLOSED')
  })

  test('row 96: await using closes', async () => {
    const opened = await Client.open({ listen: false })
    await opened[Symbol.asyncDispose]()
    expect(await rejection(opened.add('x'))).toBe('ERR_CLOSED')
  })
})

describe('every wait', () => {
  test('ends when its signal fires, at once when it has fired', async () => {
    const made = await content()
    const here = await client()
    const torrent = await here.add(made.torrent, { path: folder() })
    const over = AbortSignal.abort()
    for (const wait of [
      () => torrent.done({ signal: over }),
      () => torrent.ready({ signal: over }),
      () => torrent.metadata({ signal: over }),
      () => torrent.check({ signal: over }),
      () => torrent.progress({ signal: over }).next(),
      () => torrent.hashcheck({ signal: over }),
      () => here.add(made.torrent, { signal: over }),
      () => Client.open({ signal: over }),
      () => Torrent.open(made.torrent, { signal: over }),
      () => torrent.files[0]?.arrayBuffer({ signal: over }) ?? Promise.resolve(),
    ]) {
      expect(await rejection(wait()), String(wait)).toBe('ERR_ABORTED')
    }
    const stop = new AbortController()
    const waits = [
      torrent.done({ signal: stop.signal }),
      torrent.files[0]?.text({ signal: stop.signal }) ?? Promise.resolve(),
    ]
    const ended = Promise.all(waits.map(rejection))
    await torrent.ready()
    stop.abort()
    expect(await ended).toEqual(['ERR_ABORTED', 'ERR_ABORTED'])
  })
})

describe('a torrent without a client', () => {
  test('tells its facts and checks its content', async () => {
    const made = await content()
    const torrent = await Torrent.open(made.torrent)
    expect([torrent.name, torrent.phase, torrent.files.length, torrent.length]).toEqual([
      'content',
      'detached',
      4,
      400_008,
    ])
    expect(torrent.files.map((file) => [file.path, file.originalPath, file.length, file.offset])).toEqual([
      ['content/a.bin', 'content/a.bin', 100_001, 0],
      ['content/empty.txt', 'content/empty.txt', 0, 100_001],
      ['content/sub/b.bin', 'content/sub/b.bin', 300_000, 100_001],
      ['content/sub/c.bin', 'content/sub/c.bin', 7, 400_001],
    ])
    expect([torrent.createdBy, torrent.private, torrent.trackers]).toEqual(['Bitlode 0.1.0', false, []])
    const right = await torrent.hashcheck({ path: made.folder })
    expect([right.have, right.pieces]).toEqual([25, 25])
    const wrong = await content()
    const none = await torrent.hashcheck({ path: wrong.folder })
    expect(none.have).toBe(0)
    expect(none.bitfield.every((byte) => byte === 0)).toBe(true)
    expect(onDisk(wrong.folder)).toEqual(hashes(wrong))
    expect(await rejection(torrent.start())).toBe('ERR_CLOSED')
    expect(await rejection(torrent.done())).toBe('ERR_CLOSED')
  })

  test('opens from a path, a file URL and a magnet link, and says what is wrong with others', async () => {
    const made = await content()
    const path = join(made.folder, 'x.torrent')
    writeFileSync(path, made.torrent)
    const { infoHash, magnet } = await Torrent.open(path)
    expect((await Torrent.open(new URL(`file://${path}`))).infoHash).toEqual(infoHash)
    const linked = await Torrent.open(magnet)
    expect([linked.infoHash, linked.name, linked.pieces]).toEqual([infoHash, 'content', 0])
    expect((await Torrent.open(infoHash.v1 ?? '')).infoHash).toEqual(infoHash)
    expect(await rejection(linked.hashcheck())).toBe('ERR_NO_METADATA')
    expect(await rejection(Torrent.open(join(made.folder, 'none.torrent')))).toBe('ERR_FILE_READ')
    expect(await rejection(Torrent.open('magnet:?dn=x'))).toBe('ERR_MAGNET_INVALID')
    expect(await rejection(Torrent.open('http://example.org/x.torrent'))).toBe('ERR_INVALID_OPTION')
    expect(await rejection(Torrent.open(join(made.folder, 'content/a.bin')))).toBe('ERR_BENCODE_INVALID')
    expect(await rejection(Torrent.open('/dev/zero'))).toBe('ERR_METAINFO_TOO_LARGE')
  })
})
