// Torrents, edits and magnet links through the addon, any of them: read as they were made.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildMagnet,
  type CreateOptions,
  createTorrent,
  editTorrent,
  parseMagnet,
  Torrent,
  type TorrentEdit,
} from '../../ts/index.ts'
import { bdecode, bencode, bparse } from '../../ts/util/index.ts'
import { codeOf } from './codes.ts'

type Fields = Record<string, fc.Arbitrary<unknown>>
const record = <T>(required: Fields, optional: Fields) =>
  fc.record({ ...required, ...optional }, { requiredKeys: Object.keys(required) }) as unknown as fc.Arbitrary<T>

// Names that mean themselves on every system; what becomes of others is another test's.
const name = fc.stringMatching(/^[a-zA-Z0-9é三Ω🎈 ._+-]{0,8}[a-z]$/u).filter((name) => /^[^. ]/.test(name))
const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'))
const port = fc.integer({ min: 1, max: 65_535 })
const host = fc.constantFrom('10.0.0.1', 'h.example', '[2001:db8::7]', 'a-b.example')
const nodes = fc.uniqueArray(
  fc.tuple(host, port).map(([host, port]) => `${host}:${port}`),
  { maxLength: 4 },
)
const urls = (...schemes: string[]) =>
  fc.uniqueArray(
    fc
      .tuple(fc.constantFrom(...schemes), port, fc.stringMatching(/^[a-z0-9?&=_-]{0,9}$/))
      .map(([scheme, port, path]) => `${scheme}://h.example:${port}/${path}`),
    { maxLength: 5 },
  )
const trackers = urls('http', 'https', 'udp', 'ws', 'wss')
/** The list cut into tiers. */
const tiers = fc.tuple(trackers, fc.integer({ min: 1, max: 3 })).map(([list, length]) => {
  const out: string[][] = []
  for (let at = 0; at < list.length; at += length) out.push(list.slice(at, at + length))
  return out
})
const folders = urls('http', 'https').map((list) => list.map((url) => `${url}/`))
const date = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000))
const edits: Fields = { trackers: tiers, webSeeds: folders, nodes }

const options = record<CreateOptions>(
  {
    format: fc.constantFrom('v1', 'v2', 'hybrid'),
    createdBy: fc.option(words),
    creationDate: fc.option(date),
    pieceLength: fc.constantFrom(16_384, 32_768),
  },
  { ...edits, name, padding: fc.boolean(), private: fc.boolean(), source: words, comment: words },
)
const sizes = fc.constantFrom(0, 1, 3, 16_383, 16_384, 16_385, 40_000)
const files = fc.uniqueArray(fc.record({ path: fc.array(name, { minLength: 1, maxLength: 3 }), size: sizes }), {
  selector: ({ path }) => path[0]?.toLowerCase().normalize(),
  minLength: 2,
  maxLength: 6,
})
const cuts = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 })

/** Bytes that depend on a path only. */
const content = (path: string, size: number) =>
  createHash('shake256', { outputLength: Math.max(size, 1) })
    .update(path)
    .digest()
    .subarray(0, size)

async function* stream(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/** What stands around the info dictionary. */
const around = ({ trackers, webSeeds, nodes, comment, createdBy, creationDate }: Torrent) => ({
  trackers,
  webSeeds,
  nodes,
  comment,
  createdBy,
  creationDate,
})

describe('metainfo through the addon', () => {
  test('any torrent of buffers or streams, however they are cut, is read as it was made', { timeout: 120_000 }, () =>
    fc.assert(
      fc.asyncProperty(options, files, cuts, async (options, list, lengths) => {
        const all = list.map(({ path, size }) => ({ path: path.join('/'), bytes: content(path.join('/'), size) }))
        // Somewhere there has to be a byte.
        if (all.every(({ bytes }) => bytes.length === 0)) all[0] = { path: all[0]?.path ?? 'a', bytes: content('x', 1) }
        const named = { ...options, name: options.name ?? 'box' }
        const made = await createTorrent(
          all.map(({ path, bytes }) => ({ path, content: bytes })),
          named,
        )
        const streamed = all.map(({ path, bytes }) => ({ path, content: stream(bytes, lengths) }))
        expect(await createTorrent(streamed, named)).toEqual(made)
        // Canonical: what the strict decoder reads is written again as it was.
        expect(bencode(bdecode(made))).toEqual(made)

        const torrent = await Torrent.open(made)
        expect(torrent.warnings).toEqual([])
        expect([torrent.name, torrent.pieceLength, torrent.private]).toEqual([
          named.name,
          options.pieceLength,
          options.private ?? false,
        ])
        expect({ ...around(torrent), source: torrent.source }).toEqual({
          trackers: options.trackers ?? [],
          webSeeds: options.webSeeds ?? [],
          nodes: options.nodes ?? [],
          comment: options.comment ?? null,
          createdBy: options.createdBy,
          creationDate: options.creationDate,
          source: options.source ?? null,
        })
        const listed = torrent.files.filter(({ isPad }) => !isPad).map(({ path, length }) => [path, length] as const)
        const want = all.map(({ path, bytes }) => [`${named.name}/${path}`, bytes.length] as const)
        const order = (a: readonly [string, number], b: readonly [string, number]) => (a[0] < b[0] ? -1 : 1)
        expect(listed.toSorted(order)).toEqual(want.toSorted(order))
        const info = torrent.rawInfo ?? new Uint8Array()
        expect(torrent.infoHash).toEqual({
          v1: options.format === 'v2' ? null : createHash('sha1').update(info).digest('hex'),
          v2: options.format === 'v1' ? null : createHash('sha256').update(info).digest('hex'),
        })
      }),
      { seed: 3, numRuns: 60 },
    ),
  )

  test('any edit changes what it names, and every other key stays byte for byte', async () => {
    const made = await createTorrent(
      { path: 'a', content: Buffer.from('hello') },
      { createdBy: null, creationDate: null },
    )
    const strange = fc.dictionary(
      fc.stringMatching(/^x[a-z]{0,5}$/),
      fc.oneof(fc.integer(), fc.uint8Array(), fc.array(fc.integer())),
    )
    const changes = record<TorrentEdit>(
      {},
      { ...edits, comment: fc.option(words), createdBy: fc.option(words), creationDate: fc.option(date) },
    )
    await fc.assert(
      fc.asyncProperty(strange, changes, changes, async (unknown, first, second) => {
        const file = editTorrent(bencode({ ...(bdecode(made) as object), ...unknown }), first)
        const edited = editTorrent(file, second)
        const [before, after] = [await Torrent.open(file), await Torrent.open(edited)]
        expect(after.warnings).toEqual([])
        expect(after.rawInfo).toEqual(before.rawInfo)
        expect(after.infoHash).toEqual(before.infoHash)
        expect(around(after)).toEqual({ ...around(before), ...second })
        const old = bparse(file).root
        const now = bparse(edited).root
        for (const key of Object.keys(unknown)) expect(now.get(key)?.raw).toEqual(old.get(key)?.raw)
        expect(editTorrent(edited, second)).toEqual(edited)
      }),
      { seed: 4, numRuns: 150 },
    )
  })

  test('any magnet link is read as it was built', () => {
    const digits = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'))
    const hashes = fc
      .record({ v1: fc.option(digits(20)), v2: fc.option(digits(32)) })
      .filter(({ v1, v2 }) => v1 !== null || v2 !== null)
    const runs = fc
      .uniqueArray(fc.integer({ min: 0, max: 400_000 }), { maxLength: 8 })
      .map((list) => list.sort((a, b) => a - b))
      .map((list) => Array.from({ length: list.length >> 1 }, (_, at) => [list[2 * at] ?? 0, list[2 * at + 1] ?? 0]))
    const links = fc.record({
      infoHash: hashes,
      name: fc.option(words),
      trackers,
      webSeeds: urls('http', 'https'),
      peers: nodes,
      nodes,
      sources: urls('http', 'https'),
      acceptable: urls('http', 'https'),
      length: fc.option(fc.maxSafeNat()),
      keywords: fc.array(words, { maxLength: 4 }),
      select: runs as fc.Arbitrary<[number, number][]>,
      other: fc.array(fc.tuple(fc.constantFrom('mt', 'x.y', 'urn'), words), { maxLength: 4 }),
    })
    fc.assert(
      fc.property(links, (link) => {
        const text = buildMagnet(link)
        expect(parseMagnet(text)).toEqual(link)
        expect(buildMagnet(parseMagnet(text))).toBe(text)
      }),
      { seed: 9, numRuns: 500 },
    )
  })

  test('no bytes make the readers throw anything without a code', async () => {
    const made = await createTorrent({ path: 'a', content: Buffer.from('hello') }, { format: 'hybrid' })
    const changed = fc
      .array(fc.tuple(fc.nat({ max: made.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 })
      .map((list) => {
        const copy = Uint8Array.from(made)
        for (const [at, byte] of list) copy[at] = byte
        return copy
      })
    const code = /^ERR_(METAINFO|BENCODE|MAGNET)_[A-Z_]+$/
    await fc.assert(
      fc.asyncProperty(fc.oneof(changed, fc.uint8Array({ maxLength: 80 })), fc.string(), async (bytes, text) => {
        for (const failed of [
          await Torrent.open(bytes).then(
            () => undefined,
            (error: { code: string }) => error.code,
          ),
          codeOf(() => editTorrent(bytes, { comment: 'x' })),
          codeOf(() => parseMagnet(`magnet:?${text}`)),
        ]) {
          if (failed !== undefined) expect(failed).toMatch(code)
        }
      }),
      { seed: 5, numRuns: 500 },
    )
  })
})
