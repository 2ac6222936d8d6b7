// Torrents of generated trees: the same info-hashes as mktorrent and libtorrent make, and another libtorrent loads them.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTorrent, Torrent, type TorrentFormat } from '../../ts/index.ts'

const here = dirname(fileURLToPath(import.meta.url))
const script = join(here, 'peers/libtorrent_create.py')
const venv = join(here, '../../target/peers/libtorrent/bin/python')

interface Tree {
  readonly name: string
  readonly piece: number
  /** Path below the folder, '' for a single file, and bytes. */
  readonly files: readonly (readonly [string, number])[]
  readonly sparse?: boolean
}

/** Numbers that are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = createHash('sha256').update(`tree ${seed}`).digest()
  return (below) => {
    state = createHash('sha256').update(state).digest()
    return state.readUInt32BE(0) % below
  }
}

/** Names whose order tells the two rules apart, and some that are not ASCII, composed and decomposed. */
const names = [
  'a',
  'b',
  'c',
  'c-',
  'c.x',
  'c 2',
  'c!',
  'c0',
  'é',
  'e\u0301',
  '三光',
  'ß',
  'Ω',
  '🎈',
  'a..b',
  'Z',
  'v1..2.txt',
]
const sizes = [0, 1, 2, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_536, 100_000, 131_072, 200_001]

function tree(seed: number): Tree {
  const below = numbers(seed)
  const piece = 32_768 << below(3)
  const paths = new Map<string, number>()
  const folders = new Set<string>()
  const count = 1 + below(40)
  while (paths.size < count) {
    const parts = Array.from({ length: 1 + below(4) }, () => names[below(names.length)] ?? 'a')
    const path = parts.join('/')
    const above = parts.map((_, at) => parts.slice(0, at).join('/')).slice(1)
    if (paths.has(path) || folders.has(path) || above.some((folder) => paths.has(folder))) continue
    for (const folder of above) folders.add(folder)
    paths.set(path, sizes[below(sizes.length)] ?? 0)
  }
  const files = [...paths]
  // Somewhere there has to be a byte.
  if (files.every(([, size]) => size === 0)) files.push(['one byte', 1])
  return { name: `tree ${seed}`, piece, files }
}

const trees: readonly Tree[] = [
  { name: 'single.bin', piece: 65_536, files: [['', 200_001]] },
  { name: 'one byte', piece: 32_768, files: [['', 1]] },
  { name: 'folder of one', piece: 32_768, files: [['only', 65_536]] },
  {
    name: 'empty and one',
    piece: 32_768,
    files: [
      ['a', 0],
      ['b', 1],
      ['c', 0],
    ],
  },
  {
    name: 'many',
    piece: 32_768,
    files: Array.from({ length: 10_000 }, (_, at) => [`${at % 100}/${at}`, (at * 7) % 61]),
  },
  {
    name: 'huge',
    piece: 4_194_304,
    files: [
      ['sparse', 2 ** 32 + 1],
      ['tail', 5],
    ],
    sparse: true,
  },
  ...Array.from({ length: 44 }, (_, seed) => tree(seed)),
]

const bytewise = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** By component, as the keys of a file tree stand. */
function treewise(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (const [at, part] of left.entries()) {
    const other = right[at]
    const order = other === undefined ? 1 : bytewise(part, other)
    if (order !== 0) return order
  }
  return left.length - right.length
}

function answers(program: string, ...words: string[]): boolean {
  try {
    execFileSync(program, words, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const libtorrent = answers('/usr/bin/python3', '-c', 'import libtorrent')
const newer = existsSync(venv) && answers(venv, '-c', 'import libtorrent')
const mktorrent = existsSync('/usr/bin/mktorrent')
const formats: readonly TorrentFormat[] = ['v1', 'v2', 'hybrid']
const limit = { maxBuffer: 2 ** 28 }

describe('torrents of 50 trees', () => {
  let root = ''
  /** Of each tree, by format: info-hashes, and where the file is. */
  const made = new Map<
    string,
    Readonly<Record<TorrentFormat, { v1: string | null; v2: string | null; file: string }>>
  >()

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'bitlode-trees-'))
    for (const { name, piece, files, sparse = false } of trees) {
      const below = numbers(name.length)
      for (const [path, size] of files) {
        const disk = join(root, name, path)
        mkdirSync(dirname(disk), { recursive: true })
        if (sparse) {
          const file = openSync(disk, 'w')
          ftruncateSync(file, size)
          closeSync(file)
        } else
          writeFileSync(
            disk,
            createHash('shake256', { outputLength: Math.max(size, 1) })
              .update(`${below(2 ** 32)}`)
              .digest()
              .subarray(0, size),
          )
      }
      const results = formats.map(async (format) => {
        const bytes = await createTorrent(join(root, name), { format, pieceLength: piece })
        const file = join(root, `${name}.${format}.torrent`)
        writeFileSync(file, bytes)
        return [format, { ...(await Torrent.open(bytes)).infoHash, file }] as const
      })
      made.set(name, Object.fromEntries(await Promise.all(results)) as never)
    }
  }, 600_000)

  afterAll(() => rmSync(root, { recursive: true, force: true }))

  test('there are 50', () => expect(made.size).toBe(50))

  test.skipIf(!libtorrent)('have the info-hashes of libtorrent 2.0', { timeout: 900_000 }, () => {
    const order = trees.map(({ name, piece, files }) => ({
      root,
      name,
      piece,
      v1: [...files].sort(([a], [b]) => bytewise(a, b)),
      v2: [...files].sort(([a], [b]) => treewise(a, b)),
    }))
    const input = JSON.stringify({ trees: order })
    const told: { v1: string; v2: string; hybrid: [string, string] }[] = JSON.parse(
      execFileSync('/usr/bin/python3', [script, 'create'], { ...limit, input }).toString(),
    )
    for (const [at, { name }] of trees.entries()) {
      const ours = made.get(name)
      const got = { v1: ours?.v1.v1, v2: ours?.v2.v2, hybrid: [ours?.hybrid.v1, ours?.hybrid.v2] }
      expect(got, name).toEqual(told[at])
    }
  })

  test.skipIf(!mktorrent)('have the v1 info-hashes of mktorrent', { timeout: 900_000 }, async () => {
    for (const { name, piece } of trees) {
      const file = join(root, 'theirs.torrent')
      rmSync(file, { force: true })
      const words = ['-d', '-l', String(Math.log2(piece)), '-a', 'http://t/', '-o', file, join(root, name)]
      execFileSync('mktorrent', words, { ...limit, stdio: 'ignore' })
      const { infoHash } = await Torrent.open(file)
      expect(infoHash.v1, name).toBe(made.get(name)?.v1.v1)
    }
  })

  test.skipIf(!newer)('are loaded by libtorrent 2.1 as what they are', { timeout: 300_000 }, () => {
    const list = trees.flatMap(({ name }) => formats.map((format) => ({ name, ...made.get(name)?.[format] })))
    const input = JSON.stringify(list.map(({ file }) => file))
    const told: unknown[] = JSON.parse(execFileSync(venv, [script, 'load'], { ...limit, input }).toString())
    for (const [at, { name, v1, v2 }] of list.entries()) {
      const { files } = trees.find((one) => one.name === name) ?? { files: [] }
      const bytes = files.reduce((sum, [, size]) => sum + size, 0)
      expect(told[at], name).toEqual([v1, v2, files.length, bytes])
    }
  })
})
