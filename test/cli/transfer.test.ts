import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fixtures, folder, run, start, startIn } from './run.ts'

const leaves = join(fixtures, 'leaves.torrent')
const book = 'Leaves of Grass by Walt Whitman.epub'
const original = () => readFileSync(join(fixtures, book))

/** A seeder of the fixture; resolves to its address. */
async function seeder(torrent = leaves, content = fixtures): Promise<string> {
  const { listening } = await start('seed', torrent, content, '--listen', '127.0.0.1:0', '--json').event('ready')
  return (listening as string[])[0] ?? ''
}

const local = ['--listen', '127.0.0.1:0', '--json']

describe('download', () => {
  test('fetches a real torrent from a seeder, byte for byte, and leaves no marker', async () => {
    const into = folder()
    const ended = await run('download', leaves, '--path', into, '--peer', await seeder(), ...local)
    expect(ended.code, ended.out + ended.err).toBe(0)
    expect(readFileSync(join(into, book)).equals(original())).toBe(true)
    expect(readdirSync(into)).toEqual([book])
    expect(ended.events.map(({ event }) => event).filter((event, at, all) => all.indexOf(event) === at)).toEqual(
      expect.arrayContaining(['ready', 'progress', 'done', 'closed']),
    )
    expect(ended.events.at(-1)?.event).toBe('closed')
  })

  test('fetches the metadata of a magnet link first', async () => {
    const into = folder()
    const { code, events } = await run(
      'download',
      'magnet:?xt=urn:btih:d2474e86c95b19b8bcfdb92bc12c9d44667cfa36',
      '--path',
      into,
      '--peer',
      await seeder(),
      ...local,
    )
    expect([code, events.find(({ event }) => event === 'done')?.name]).toEqual([0, book])
    expect(readFileSync(join(into, book)).equals(original())).toBe(true)
  })

  test('goes on where it was: what is there is checked, only what is missing is fetched', async () => {
    const into = folder()
    const peer = await seeder()
    expect((await run('download', leaves, '--path', into, '--peer', peer, ...local)).code).toBe(0)
    const size = original().length
    truncateSync(join(into, book), Math.floor(size / 2))
    const again = await run('download', leaves, '--path', into, '--peer', peer, '--overwrite', ...local)
    expect(again.code).toBe(0)
    const downloaded = again.events.find(({ event }) => event === 'done')?.downloaded
    expect(downloaded).toBeGreaterThan(0)
    expect(downloaded).toBeLessThan(size * 0.75)
    expect(readFileSync(join(into, book)).equals(original())).toBe(true)
  })

  test('a second run of a finished download fetches nothing', async () => {
    const into = folder()
    writeFileSync(join(into, book), original())
    const { code, events } = await run('download', leaves, '--path', into, ...local)
    expect([code, events.find(({ event }) => event === 'done')?.downloaded]).toEqual([0, 0])
  })

  test('row 82: a foreign file of the same name is neither cut nor written to without --overwrite', async () => {
    const into = folder()
    writeFileSync(join(into, book), 'mine')
    const { code, events } = await run('download', leaves, '--path', into, '--peer', await seeder(), ...local)
    expect([code, events.find(({ event }) => event === 'error')?.code]).toEqual([1, 'ERR_STORAGE_EXISTS'])
    // It is said before anything is called ready.
    expect(events.map(({ event }) => event)).not.toContain('ready')
    expect(readFileSync(join(into, book), 'utf8')).toBe('mine')
    expect(readdirSync(into)).toEqual([book])
  })

  test('a dead tracker is a warning and the download waits; Ctrl-C ends it with 130', async () => {
    const into = folder()
    const torrent = join(folder(), 'dead.torrent')
    expect(
      (await run('create', join(fixtures, 'alice.txt'), '-o', torrent, '--tracker', 'http://127.0.0.1:9/announce'))
        .code,
    ).toBe(0)
    const download = start('download', torrent, '--path', into, ...local)
    expect(await download.event('warning')).toMatchObject({ code: expect.stringMatching(/^ERR_(TRACKER|DIAL)/) })
    download.signal('SIGINT')
    const { code, events } = await download.ended
    expect([code, events.at(-1)?.event]).toEqual([130, 'closed'])
  })

  test('row 60: a tracker inside the network is asked when the user names it or switches the rules off', async () => {
    const asked: string[] = []
    const tracker = createServer((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').pathname)
      response.end('d8:intervali1800e5:peers0:e')
    }).listen(0, '127.0.0.1')
    await once(tracker, 'listening')
    onTestFinished(() => void tracker.close())
    const url = (name: string) => `http://127.0.0.1:${(tracker.address() as AddressInfo).port}/${name}`
    const torrent = join(folder(), 'inside.torrent')
    await run('create', join(fixtures, 'alice.txt'), '-o', torrent, '--tracker', url('file'))
    const words = ['download', torrent, '--path', folder(), ...local]
    const named = start(...words, '--tracker', url('named'))
    expect(await named.event('warning')).toMatchObject({ code: 'ERR_SSRF_BLOCKED' })
    while (!asked.includes('/named')) await once(tracker, 'request')
    named.signal('SIGINT')
    expect((await named.ended).code).toBe(130)
    expect(new Set(asked)).toEqual(new Set(['/named']))
    const open = start(...words, '--no-ssrf-mitigation')
    while (!asked.includes('/file')) await once(tracker, 'request')
    open.signal('SIGINT')
    expect((await open.ended).events.filter(({ event }) => event === 'warning')).toEqual([])
  })

  test('row 93: who waits for an address to listen on is told so, and may stop', async () => {
    const waiting = start('download', leaves, '--path', folder(), '--listen', '192.0.2.7:0', '--json')
    expect(await waiting.event('warning')).toMatchObject({ code: 'ERR_LISTEN_FAILED' })
    waiting.signal('SIGINT')
    expect((await waiting.ended).code).toBe(130)
  })

  test('row 97: SIGTERM stops cleanly, and the next run goes on', async () => {
    const into = folder()
    const download = start('download', leaves, '--path', into, ...local)
    await download.event('ready')
    download.signal('SIGTERM')
    expect((await download.ended).code).toBe(143)
    expect((await run('download', leaves, '--path', into, '--peer', await seeder(), ...local)).code).toBe(0)
    expect(existsSync(join(into, book))).toBe(true)
  })
})

describe('create, info and verify', () => {
  test('what is created says what it holds, verifies, and can be fetched', async () => {
    const content = folder()
    mkdirSync(join(content, 'box', 'deep'), { recursive: true })
    writeFileSync(join(content, 'box', 'one'), Buffer.alloc(100_000, 1))
    writeFileSync(join(content, 'box', 'deep', 'two'), Buffer.alloc(16_385, 2))
    writeFileSync(join(content, 'box', 'empty'), '')
    const torrent = join(folder(), 'box.torrent')
    const made = await run(
      'create',
      join(content, 'box'),
      '-o',
      torrent,
      '--piece-length',
      '16384',
      '--private',
      '--json',
    )
    expect(made.code, made.err).toBe(0)
    const { events } = await run('info', torrent, '--json')
    expect(events[0]).toMatchObject({
      name: 'box',
      private: true,
      pieceLength: 16_384,
      length: 116_385,
      infoHash: made.events.at(-1)?.infoHash,
    })
    expect((await run('verify', torrent, content)).code).toBe(0)
    const into = folder()
    expect(
      (await run('download', torrent, '--path', into, '--peer', await seeder(torrent, content), ...local)).code,
    ).toBe(0)
    for (const file of ['one', 'deep/two', 'empty']) {
      expect(readFileSync(join(into, 'box', file)).equals(readFileSync(join(content, 'box', file)))).toBe(true)
    }
    writeFileSync(join(into, 'box', 'one'), Buffer.alloc(100_000, 3))
    const bad = await run('verify', torrent, into, '--json')
    expect([bad.code, bad.events.at(-1)?.code]).toEqual([1, 'ERR_VERIFY_FAILED'])
  })

  test('create replaces a file only when it was named, and says what stands in the way', async () => {
    const place = folder()
    writeFileSync(join(place, 'alice.txt.torrent'), 'precious')
    const words = ['create', join(fixtures, 'alice.txt'), '--json']
    const kept = await startIn(place, ...words).ended
    expect([kept.code, kept.events.at(-1)?.code]).toEqual([1, 'ERR_STORAGE_EXISTS'])
    expect(readFileSync(join(place, 'alice.txt.torrent'), 'utf8')).toBe('precious')
    expect((await startIn(place, ...words, '-o', 'alice.txt.torrent').ended).code).toBe(0)
    expect(readFileSync(join(place, 'alice.txt.torrent'), 'utf8')).toMatch(/^d/)
    const nowhere = await run(...words, '-o', join(place, 'none', 'x.torrent'))
    expect([nowhere.code, nowhere.events.at(-1)?.code]).toEqual([1, 'ERR_STORAGE_MISSING'])
  })

  test('info prints both hashes of a torrent and of a magnet', async () => {
    const { out } = await run('info', leaves)
    expect(out).toContain('d2474e86c95b19b8bcfdb92bc12c9d44667cfa36')
    const { events } = await run('info', 'magnet:?xt=urn:btih:D2474E86C95B19B8BCFDB92BC12C9D44667CFA36&dn=x', '--json')
    expect(events[0]).toMatchObject({ infoHash: { v1: 'd2474e86c95b19b8bcfdb92bc12c9d44667cfa36', v2: null } })
  })
})
