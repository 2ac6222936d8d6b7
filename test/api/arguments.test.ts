import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, createTorrent, ERROR_CODES, SETTINGS, setLog, Torrent, TorrentError } from '../../ts/index.ts'
import { codeOf, rejection } from './codes.ts'
import { content } from './swarm.ts'

let here: Client
let bytes: Uint8Array

// An option that is not the path leaves the working directory, in which a path of chance may be made: that must not be
// the project's.
const project = process.cwd()
let strangeFolder: string
beforeAll(() => {
  strangeFolder = mkdtempSync(join(tmpdir(), 'bitlode-arguments-'))
  process.chdir(strangeFolder)
})
afterAll(() => {
  process.chdir(project)
  rmSync(strangeFolder, { recursive: true, force: true })
})

beforeAll(async () => {
  here = await Client.open({ listen: false })
  bytes = (await content()).torrent
})

afterAll(() => here.close())

/** Values that are nothing that any option takes, except where its type is that of the value. */
const strange = fc.oneof(
  fc.constantFrom(null, Number.NaN, -0, 2 ** 53, -1, 0.5, Number.POSITIVE_INFINITY, 10n, Symbol('x'), [], {}, () => 0),
  fc.constantFrom(new Proxy({}, {}), new Date(), /x/, new Map(), Object.create(null) as object, 'nul\0'),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
)

/** A Proxy or getter of which every access throws. */
const hostile: readonly (readonly [string, (key: string) => object])[] = [
  ['a getter that throws', (key) => Object.defineProperty({}, key, { enumerable: true, get: () => raise() })],
  [
    'a Proxy whose traps throw',
    () => new Proxy({}, { ownKeys: raise, get: raise, has: raise, getOwnPropertyDescriptor: raise }),
  ],
  ['a Proxy whose getter throws', (key) => new Proxy({ [key]: 1 }, { get: raise })],
]

function raise(): never {
  throw new Error('a trap')
}

const options: Readonly<Record<string, (options: object) => Promise<unknown>>> = {
  'Client.open': async (given) => (await Client.open({ listen: false, ...given })).close(),
  add: (given) => here.add(bytes, given),
  'Torrent.open': (given) => Torrent.open(bytes, given),
  createTorrent: (given) => createTorrent('/nowhere/at/all', given),
}

const known: Readonly<Record<string, readonly string[]>> = {
  'Client.open': ['listen', 'port', 'settings', 'shards', 'name', 'ssrfMitigation', 'signal'],
  add: ['path', 'mode', 'overwrite', 'peers', 'trackers', 'start', 'signal'],
  'Torrent.open': ['signal'],
  createTorrent: [
    ...['format', 'name', 'trackers', 'webSeeds', 'nodes', 'pieceLength', 'padding', 'private', 'source', 'comment'],
    ...['createdBy', 'creationDate'],
  ],
}

describe('arguments of every wrong kind', () => {
  test.each(Object.keys(options))('row 106: %s refuses options that it does not know, and says which', async (name) => {
    const call = options[name] as (options: object) => Promise<unknown>
    for (const option of ['nonsense', 'stateFile', '__proto__x', 'Path', '']) {
      const failure = await call({ [option]: 1 }).then(
        () => undefined,
        (error: TorrentError) => error,
      )
      expect(failure?.code, option).toBe('ERR_UNKNOWN_OPTION')
      expect(failure?.message).toContain(`\`${option}\``)
    }
    expect(await rejection(call({ [Symbol('s')]: 1 }))).toBe('ERR_UNKNOWN_OPTION')
  })

  test.each(Object.keys(options))('row 106: %s takes no option of a wrong type', async (name) => {
    const call = options[name] as (options: object) => Promise<unknown>
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...(known[name] ?? [])), strange, async (option, value) => {
        const code = await rejection(call({ [option]: value }))
        // What is of the right type by chance may fail later, for another reason; nothing else may come out.
        expect(code === undefined || code in ERROR_CODES, `${option}: ${String(code)}`).toBe(true)
        expect(code).not.toBe('ERR_INTERNAL')
        for (const torrent of here.torrents.values()) await here.remove(torrent)
      }),
      { numRuns: 150 },
    )
  })

  test.each(hostile)('row 106: %s is an error with a code, not its own', async (_, make) => {
    for (const [name, call] of Object.entries(options)) {
      if (name === 'Client.open') continue
      expect(await rejection(call(make((known[name] ?? [])[0] ?? ''))), name).toBe('ERR_INVALID_OPTION')
    }
    expect(await rejection(Client.open(make('port')))).toBe('ERR_INVALID_OPTION')
    expect(await rejection(Client.open({ settings: make('memory') }))).toBe('ERR_INVALID_OPTION')
  })

  test('row 106: numbers must be integers within their range, to the last one', async () => {
    for (const port of [-1, -0, 65_536, 1.5, Number.NaN, 2 ** 53, '80', 80n, null, [80], { valueOf: () => 80 }]) {
      expect(await rejection(Client.open({ port: port as number })), String(port)).toBe('ERR_INVALID_OPTION')
    }
    for (const [name, { min, max, unit }] of Object.entries(SETTINGS)) {
      const wrong =
        unit === 'switch' ? [0, 1, 'yes', null] : [min - 1, max + 1, min + 0.5, String(min), null, BigInt(min), true]
      for (const value of wrong) {
        const code = await rejection(Client.open({ listen: false, settings: { [name]: value } }))
        expect(code, `${name} = ${String(value)}`).toBe('ERR_INVALID_OPTION')
      }
    }
    expect(await rejection(Client.open({ settings: { nonsense: 1 } as never }))).toBe('ERR_UNKNOWN_OPTION')
  })

  test('row 106: sources, addresses, trackers, offsets and callbacks are looked at before anything happens', async () => {
    for (const source of ['', 'a\0b', null, undefined, 5, {}, [], 10n, new URL('ftp://example.org/x')]) {
      expect(await rejection(here.add(source as string)), String(source)).toBe('ERR_INVALID_OPTION')
    }
    for (const peers of [
      '1.2.3.4:5',
      ['1.2.3.4'],
      ['1.2.3.4:0'],
      ['example.org:80'],
      ['[::1]'],
      [5],
      [['1.2.3.4:5']],
    ]) {
      expect(await rejection(here.add(bytes, { peers: peers as string[] })), String(peers)).toBe('ERR_INVALID_OPTION')
    }
    for (const trackers of ['http://a/', [5], ['not a url'], [['http://a/', 5]], [[['http://a/']]]]) {
      expect(await rejection(here.add(bytes, { trackers: trackers as never })), String(trackers)).toBe(
        'ERR_INVALID_OPTION',
      )
    }
    expect(await rejection(here.add(bytes, { mode: 'steal' as 'seed' }))).toBe('ERR_INVALID_OPTION')
    for (const listen of ['nowhere', '1.2.3', [''], [5], true, '1.2.3.4:99999']) {
      expect(await rejection(Client.open({ listen: listen as string })), String(listen)).toBe('ERR_INVALID_OPTION')
    }
    const torrent = await here.add(bytes, { start: false, path: '/nowhere/at/all' })
    const [file] = torrent.files
    for (const range of [
      { start: -1 },
      { end: 1e9 },
      { start: 5, end: 4 },
      { start: 0.5 },
      { start: '0' },
      { start: -0 },
    ]) {
      expect(
        codeOf(() => file?.stream(range as object)),
        JSON.stringify(range),
      ).toBe('ERR_INVALID_OPTION')
    }
    expect(await rejection(torrent.check({ onProgress: 5 as never }))).toBe('ERR_INVALID_OPTION')
    expect(await rejection(torrent.done({ signal: {} as AbortSignal }))).toBe('ERR_INVALID_OPTION')
    expect(await rejection(torrent.done({ timeout: 5 } as never))).toBe('ERR_UNKNOWN_OPTION')
    expect(await rejection(torrent.addPeer('example.org:80'))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => torrent.on('changed', 5 as never))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => setLog('no=such=filter=['))).toBe('ERR_INVALID_OPTION')
    await here.remove(torrent)
  })

  test('row 106: an option that changes while it is read counts as it was read', async () => {
    let reads = 0
    const shifty = {
      get path() {
        reads++
        return reads === 1 ? '/nowhere/at/all' : 5
      },
    }
    const torrent = await here.add(bytes, shifty as { path: string })
    expect(reads).toBe(1)
    await here.remove(torrent)
  })

  test('row 106: the message says what was expected and what came', async () => {
    const failure = await Client.open({ port: 70_000 }).catch((error: TorrentError) => error)
    expect((failure as TorrentError).message).toBe('Expected `port` to be an integer from 0 to 65535, got `70000`')
    expect(failure).toBeInstanceOf(TorrentError)
  })
})
