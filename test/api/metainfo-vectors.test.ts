// Torrents that others made, read through the API: what is in them, file by file.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import fixtures from 'webtorrent-fixtures'
import { type File, parseMagnet, Torrent } from '../../ts/index.ts'
import { rejection } from './codes.ts'

const vectors = process.env.BITLODE_VECTORS ?? '../shared/vectors'

describe('the torrents of webtorrent-fixtures', () => {
  const whole = Object.entries(fixtures).filter(([, { parsedTorrent }]) => parsedTorrent !== undefined)

  test('are eight that are right', () => expect(whole).toHaveLength(8))

  test.each(whole)(
    '%s: info-hash, names, lengths, offsets and pieces are what parse-torrent reads',
    async (_, fixture) => {
      const { torrent: bytes = new Uint8Array(), parsedTorrent: want, magnetURI = '' } = fixture
      const torrent = await Torrent.open(bytes)
      expect(torrent.infoHash).toEqual({ v1: want?.infoHash, v2: null })
      const { name, length, pieceLength, pieces } = torrent
      const files = torrent.files.map(({ path, length, offset }) => ({ path, length, offset }))
      expect({ name, length, pieceLength, pieces, files }).toEqual({
        name: want?.name,
        length: want?.length,
        pieceLength: want?.pieceLength,
        pieces: want?.pieces.length,
        files: want?.files.map(({ path, length, offset }) => ({ path, length, offset })),
      })
      expect(torrent.private).toBe(want?.private ?? false)
      expect(torrent.trackers.flat()).toEqual(want?.announce)
      expect(torrent.webSeeds).toEqual(want?.urlList)
      expect(parseMagnet(magnetURI).infoHash).toEqual(torrent.infoHash)
    },
  )

  test.each(whole.filter(([, { contentPath }]) => contentPath !== undefined))(
    '%s: the content is right',
    async (_, fixture) => {
      const { torrent: bytes = new Uint8Array(), contentPath = '' } = fixture
      const torrent = await Torrent.open(bytes)
      const { have, pieces } = await torrent.hashcheck({ path: dirname(contentPath) })
      expect(have).toBe(pieces)
      expect(pieces).toBeGreaterThan(0)
    },
  )

  test('one without a name is refused', async () => {
    expect(await rejection(Torrent.open(fixtures.corrupt?.torrent ?? new Uint8Array()))).toBe('ERR_METAINFO_INVALID')
  })
})

interface Known {
  readonly expect: string
  readonly name: string
  readonly piece_length: number
  readonly num_pieces: number
  readonly v1: string
  readonly v2: string
  readonly private: boolean
  readonly trackers: readonly string[]
  readonly web_seeds: readonly string[]
  readonly files?: readonly KnownFile[]
}

interface KnownFile {
  readonly path: string
  readonly size: number
  readonly offset: number
  /** Letters of BEP 47. */
  readonly attr: string
  readonly symlink: string | null
  readonly root: string | null
}

/** Paths that are ours on purpose, by the number of the file; the reasons stand in docs/metainfo.md. */
const paths: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  absolute_filename: { 1: 'temp/_foobar' },
  invalid_directory_name: { 0: 'test2/_/foo', 1: 'test2/_/foo (1)' },
  invalid_filename2: { 0: '_est2/f', 1: '_est2/_/_', 2: '_est2/_/_ (1)' },
  invalid_name2: { 0: '_/foo/bar.txt', 1: '_/foo/var.txt' },
  invalid_name3: { 0: 'foobar_/foo/bar.txt', 1: 'foobar_/foo/var.txt' },
  long_name: { 0: `${'abcdefghij0123456789'.repeat(11)}abcdefghij0.23456789` },
  parent_path: { 0: 'temp/_/_/bar' },
  slash_path: { 0: 'temp/_/_/bar' },
  slash_path2: { 0: 'temp/abc_.._.._def/_/bar' },
  slash_path3: { 0: 'temp_.._.._abc' },
  v2_invalid_filename: { 0: '\u{fffd}est_MB' },
  v2_invalid_filename2: { 0: 'test/__', 1: 'test/_' },
}

/** Where links point as the torrent spells it, which is not from its folder: libtorrent looks in the link's own, too. */
const links: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  overlapping_symlinks: { 66: 'A' },
  symlink2: { 4: 'A' },
}

/** Torrents with files that are no pads here: their names say so and their attributes do not. */
const named = ['pad_file']

/** The hybrid whose pad stands behind the empty file in its list, and before it at libtorrent, which goes by the tree. */
const swapped = 'empty-files-2'

/** What is no URL without a scheme is left out, with a warning. */
const schemeless = ['tracker.publicbt.com:80/announce']

type Row = Omit<KnownFile, 'attr'> & { readonly attr: readonly string[] }

/** Files with equal names are numbered: `name (1)` here, `name.1` there. */
const numbered = (path: string): string => path.replace(/ \((\d+)\)(\.[^./]*)?$/, '.$1$2')

function ours(file: File): Row {
  const { path, length, offset, piecesRoot, isPad, isExecutable, isHidden, isSymlink } = file
  const letters = { p: isPad, x: isExecutable, h: isHidden, l: isSymlink }
  return {
    path: numbered(path),
    size: length,
    offset,
    attr: Object.entries(letters).flatMap(([letter, is]) => (is ? [letter] : [])),
    symlink: file.symlinkTarget,
    root: piecesRoot && Buffer.from(piecesRoot).toString('hex'),
  }
}

function theirs(stem: string, name: string, { path, attr, symlink, ...rest }: KnownFile, at: number): Row {
  const [purpose, link] = [paths[stem]?.[at], links[stem]?.[at]]
  // A difference that is none any more is no difference.
  if (purpose !== undefined) expect(numbered(purpose)).not.toBe(path)
  if (link !== undefined) expect(`${name}/${link}`).not.toBe(symlink)
  return {
    ...rest,
    path: numbered(purpose ?? path),
    attr: named.includes(stem) ? [] : ['p', 'x', 'h', 'l'].filter((letter) => attr.includes(letter)),
    symlink: link ?? symlink?.slice(name.length + 1) ?? null,
  }
}

describe.skipIf(!existsSync(join(vectors, 'libtorrent')))('the torrents of libtorrent are not at hand, or', () => {
  const folder = join(vectors, 'libtorrent')
  const table = existsSync(folder)
    ? (JSON.parse(readFileSync(join(folder, 'EXPECT.json'), 'utf8')) as Record<string, Known>)
    : {}
  const loaded = Object.entries(table).filter(([, { files, expect }]) => files !== undefined && expect === 'ok')

  test('there are more than forty that load', () => expect(loaded.length).toBeGreaterThan(40))

  test.each(loaded)('%s has its names, files, offsets and info-hashes', async (file, known) => {
    const stem = file.replace('.torrent', '')
    const torrent = await Torrent.open(readFileSync(join(folder, file)))
    expect(torrent.infoHash).toEqual({ v1: known.v1 === '-' ? null : known.v1, v2: known.v2 === '-' ? null : known.v2 })
    expect([torrent.pieceLength, torrent.pieces, torrent.private]).toEqual([
      known.piece_length,
      known.num_pieces,
      known.private,
    ])
    expect(torrent.trackers.flat()).toEqual(known.trackers.filter((url) => !schemeless.includes(url)))
    expect([...torrent.webSeeds, ...torrent.httpSeeds]).toEqual(known.web_seeds)
    const got = torrent.files.map(ours)
    const want = (known.files ?? []).map((each, at) => theirs(stem, known.name, each, at))
    const isPad = ({ attr }: Row) => attr.includes('p')
    const isListed = (row: Row) => !isPad(row) && !(stem === swapped && row.size === 0)
    expect(got.filter(isListed)).toEqual(want.filter(isListed))
    // Pads have no names that matter, and a v2 torrent has none: libtorrent makes them up.
    const pads = (rows: readonly Row[]) => rows.filter(isPad).map(({ size, offset }) => [size, offset])
    expect(pads(got)).toEqual(known.v1 === '-' ? [] : pads(want))
  })
})

describe.skipIf(!existsSync(join(vectors, 'nb')))('the torrents of nb are not at hand, or', () => {
  const folder = join(vectors, 'nb')
  const list = existsSync(folder)
    ? (JSON.parse(readFileSync(join(folder, 'torrents/EXPECT.json'), 'utf8')) as {
        file: string
        infohash: string
        name: string
        size: number
        files: number
        pieces: number
      }[])
    : []

  test.each(list.map((known) => [known.file, known] as const))('%s has its info-hash', async (file, known) => {
    const { infoHash, name, length, pieces, files } = await Torrent.open(readFileSync(join(folder, file)))
    expect({ infoHash, name, length, pieces, files: files.length }).toEqual({
      infoHash: { v1: known.infohash, v2: null },
      name: known.name,
      length: known.size,
      pieces: known.pieces,
      files: known.files,
    })
  })

  test('magnet links with a multihash name it', () => {
    const file = join(folder, 'packets/vectors.json')
    const { magnet } = JSON.parse(readFileSync(file, 'utf8')) as { magnet: { uri?: string; v2?: string }[] }
    const links = magnet.flatMap(({ uri, v2 }) => (uri === undefined ? [] : [[uri, v2] as const]))
    expect(links.length).toBeGreaterThan(0)
    for (const [uri, v2] of links) expect(parseMagnet(uri).infoHash).toEqual({ v1: null, v2 })
  })

  // The third is exactly one piece, the border between the fourth's files lies inside a piece.
  test.each([
    ['sample_one', 1],
    ['sample_two', 2],
    ['sample_three', 1],
    ['sample_four', 2],
  ])('%s: its content has the pieces that were known before', async (stem, pieces) => {
    const torrent = await Torrent.open(join(folder, 'jmc', `${stem}.torrent`))
    const known = readFileSync(join(folder, 'jmc', `${stem}.pieces`))
    expect(Buffer.from(torrent.rawInfo ?? []).includes(known)).toBe(true)
    const path = torrent.name === stem ? join(folder, 'jmc') : join(folder, 'jmc', stem)
    expect(await torrent.hashcheck({ path })).toMatchObject({ have: pieces, pieces })
  })
})
