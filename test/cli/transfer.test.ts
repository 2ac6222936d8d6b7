import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixtures, folder, run, start } from './run.ts'

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

  test('info prints both hashes of a torrent and of a magnet', async () => {
    const { out } = await run('info', leaves)
    expect(out).toContain('d2474e86c95b19b8bcfdb92bc12c9d44667cfa36')
    const { events } = await run('info', 'magnet:?xt=urn:btih:D2474E86C95B19B8BCFDB92BC12C9D44667CFA36&dn=x', '--json')
    expect(events[0]).toMatchObject({ infoHash: { v1: 'd2474e86c95b19b8bcfdb92bc12c9d44667cfa36', v2: null } })
  })
})
