// Torrents without a client: made, read, edited, checked.
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  buildMagnet,
  type CreateFile,
  createTorrent,
  editTorrent,
  parseMagnet,
  Torrent,
  type TorrentFormat,
  TorrentStatus,
} from '../../ts/index.ts'
import { rejection } from './codes.ts'

const formats: readonly TorrentFormat[] = ['v1', 'v2', 'hybrid']
const plain = { createdBy: null, creationDate: null, pieceLength: 16_384 } as const

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'bitlode-metainfo-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A folder `box` of three files. */
function box(): { root: string; files: Readonly<Record<string, Buffer>> } {
  const root = folder()
  const files = { 'a.txt': randomBytes(40_000), 'sub/b': randomBytes(32_768), 'sub/empty': Buffer.alloc(0) }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, 'box', path, '..'), { recursive: true })
    writeFileSync(join(root, 'box', path), content)
  }
  return { root, files }
}

async function* parts(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 7000) yield content.subarray(at, at + 7000)
}

describe('a torrent is made', () => {
  test.each(formats)('%s, the same from a folder, from paths, from buffers and from streams', async (format) => {
    const { root, files } = box()
    const options = { ...plain, format }
    const want = await createTorrent(join(root, 'box'), options)
    const list = (content: (path: string) => CreateFile['content']) =>
      Object.keys(files)
        .reverse()
        .map((path) => ({ path, content: content(path) }))
    const sources = [
      list((path) => join(root, 'box', path)),
      list((path) => files[path] ?? ''),
      list((path) => parts(files[path] ?? Buffer.alloc(0))),
      list((path) => new Blob([new Uint8Array(files[path] ?? [])]).stream()),
    ]
    for (const source of sources) expect(await createTorrent(source, { ...options, name: 'box' })).toEqual(want)
    const { infoHash } = await Torrent.open(want)
    expect([infoHash.v1 !== null, infoHash.v2 !== null]).toEqual([format !== 'v2', format !== 'v1'])
  })

  test('a single file from a buffer has the info-hash of its bytes', async () => {
    const made = await createTorrent({ path: 'a.txt', content: Buffer.from('hello') }, plain)
    const torrent = await Torrent.open(made)
    expect(torrent.infoHash.v1).toBe('de3edc1dfa1958affac1dbdc8f34d4d6dac43f00')
    expect(torrent.files.map(({ path }) => path)).toEqual(['a.txt'])
  })

  test('with everything that stands around it', async () => {
    const { root } = box()
    const made = await createTorrent(join(root, 'box'), {
      ...plain,
      format: 'hybrid',
      trackers: ['http://a/announce', ['udp://b:1', 'udp://c:2']],
      webSeeds: ['http://w/'],
      nodes: ['router.example:6881', '[::1]:5'],
      private: true,
      source: 'here',
      comment: 'naïve',
    })
    const torrent = await Torrent.open(made)
    expect(torrent.warnings).toEqual([])
    const { trackers, webSeeds, nodes, source, comment, createdBy, creationDate, pieceLength } = torrent
    expect([torrent.private, createdBy, creationDate]).toEqual([true, null, null])
    expect({ trackers, webSeeds, nodes, source, comment, pieceLength }).toEqual({
      trackers: [['http://a/announce'], ['udp://b:1', 'udp://c:2']],
      webSeeds: ['http://w/'],
      nodes: ['router.example:6881', '[::1]:5'],
      source: 'here',
      comment: 'naïve',
      pieceLength: 16_384,
    })
    expect(torrent.files.map(({ path, isPad }) => [path, isPad])).toEqual([
      ['box/a.txt', false],
      ['box/.pad/9152', true],
      ['box/sub/b', false],
      ['box/sub/empty', false],
    ])
    expect(torrent.files.map(({ piecesRoot }) => piecesRoot?.length ?? 0)).toEqual([32, 0, 32, 0])
    expect(torrent.magnet).not.toContain('tr=')
    const padded = await Torrent.open(await createTorrent(join(root, 'box'), { ...plain, padding: true }))
    expect(padded.files.filter(({ isPad }) => isPad)).toHaveLength(1)
  })

  test.each(formats)('%s, and says how far it is, to the last piece', async (format) => {
    const { root } = box()
    const seen: { readonly hashed: number; readonly pieces: number }[] = []
    const made = await createTorrent(join(root, 'box'), { ...plain, format }, { onProgress: (step) => seen.push(step) })
    const { pieces } = await Torrent.open(made)
    expect(seen.at(-1)).toEqual({ hashed: pieces, pieces })
    expect(seen.every((step, at) => step.pieces === pieces && step.hashed >= (seen[at - 1]?.hashed ?? 0))).toBe(true)
  })

  test('only until it is told to stop, in the middle of a file that would take long', async () => {
    const root = folder()
    const file = openSync(join(root, 'large'), 'w')
    ftruncateSync(file, 2 ** 36)
    closeSync(file)
    for (const format of formats) {
      const over = new AbortController()
      const onProgress = ({ hashed }: { readonly hashed: number }) => hashed > 0 && over.abort()
      const making = createTorrent(
        join(root, 'large'),
        { ...plain, format, pieceLength: 1 << 20 },
        { signal: over.signal, onProgress },
      )
      expect(await rejection(making)).toBe('ERR_ABORTED')
      expect(over.signal.aborted).toBe(true)
    }
  })

  test('what cannot be made says why, and a stream that fails leaves nothing behind', async () => {
    const list = [{ path: 'a', content: Buffer.from('x') }]
    expect(await rejection(createTorrent(list))).toBe('ERR_INVALID_OPTION')
    expect(await rejection(createTorrent([...list, ...list], { name: 'n' }))).toBe('ERR_INVALID_OPTION')
    expect(await rejection(createTorrent([{ path: '../a', content: list[0]?.content ?? '' }], { name: 'n' }))).toBe(
      'ERR_METAINFO_INVALID',
    )
    expect(await rejection(createTorrent([{ path: 'a', content: '/nowhere/at/all' }], { name: 'n' }))).toBe(
      'ERR_FILE_READ',
    )
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x')
      throw new Error('the line is dead')
    }
    expect(await rejection(createTorrent({ path: 'a', content: broken() }))).toBe('ERR_FILE_READ')
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(10)
    }
    const over = new AbortController()
    setTimeout(() => over.abort(), 20)
    const made = createTorrent({ path: 'a', content: endless() }, {}, { signal: over.signal })
    expect(await rejection(made)).toBe('ERR_ABORTED')
    for (const wrong of [{ format: 'v3' }, { nodes: ['a'] }, { webSeeds: ['x'] }, { padding: 1 }]) {
      expect(await rejection(createTorrent('/x', wrong as never))).toBe('ERR_INVALID_OPTION')
    }
  })
})

describe('a .torrent file', () => {
  test('shows its own bytes and those of its info dictionary', async () => {
    const { root } = box()
    const made = await createTorrent(join(root, 'box'), { ...plain, format: 'hybrid' })
    const path = join(root, 'box.torrent')
    writeFileSync(path, made)
    const torrent = await Torrent.open(path)
    expect([torrent.path, torrent.raw]).toEqual([path, new Uint8Array(made)])
    const info = torrent.rawInfo ?? new Uint8Array()
    expect(createHash('sha1').update(info).digest('hex')).toBe(torrent.infoHash.v1)
    expect(createHash('sha256').update(info).digest('hex')).toBe(torrent.infoHash.v2)
    expect(torrent.status).toBe(TorrentStatus.LOADED)
    expect([torrent.downloaded, torrent.uploaded, torrent.seed, torrent.phase]).toEqual([0, 0, false, 'detached'])
    expect(String(torrent)).toContain(torrent.infoHash.v1)
  })

  test('keeps what others wrote into it', async () => {
    const info = `d6:lengthi5e4:name1:n12:piece lengthi16384e6:pieces20:${'a'.repeat(20)}8:ssl-cert3:pem10:update-url8:http://ue`
    const file = `d11:collectionsl1:xe8:encoding3:GBK9:httpseedsl10:http://h/xe4:info${info}7:similarl20:${'b'.repeat(20)}e10:signaturesd11:com.exampled9:signature1:seee`
    const torrent = await Torrent.open(Buffer.from(file))
    const { collections, encoding, httpSeeds, similar, signatures, sslCert, updateUrl } = torrent
    expect({ collections, encoding, httpSeeds, similar, signatures, sslCert, updateUrl }).toEqual({
      collections: ['x'],
      encoding: 'GBK',
      httpSeeds: ['http://h/x'],
      similar: ['62'.repeat(20)],
      signatures: [{ signer: 'com.example', certificate: null, info: null, signature: new Uint8Array([115]) }],
      sslCert: 'pem',
      updateUrl: 'http://u',
    })
  })

  test('shows where symbolic links point', async () => {
    const link = 'd4:attr1:l4:pathl1:le12:symlink pathl1:d1:fee'
    const file = `d4:infod5:filesld6:lengthi5e4:pathl1:d1:fee${link}e4:name1:n12:piece lengthi16384e6:pieces20:${'a'.repeat(20)}ee`
    const { files } = await Torrent.open(Buffer.from(file))
    expect(files.map(({ isSymlink, symlinkTarget }) => [isSymlink, symlinkTarget])).toEqual([
      [false, null],
      [true, 'd/f'],
    ])
  })

  test('an edit changes what it names and nothing else', async () => {
    const { root } = box()
    const made = await createTorrent(join(root, 'box'), {
      ...plain,
      format: 'hybrid',
      trackers: ['http://old/'],
      comment: 'c',
    })
    const strange = Buffer.concat([Buffer.from(made).subarray(0, -1), Buffer.from('5:zebrad1:bi1e1:ai-0001e')])
    expect(editTorrent(made, {})).toEqual(made)
    expect(() => editTorrent(strange, {})).toThrow()
    const unknown = Buffer.concat([
      Buffer.from(made).subarray(0, -1),
      Buffer.from('5:zebrad1:b2:\xff\xfe1:ai-1eee', 'latin1'),
    ])
    const edited = editTorrent(unknown, {
      trackers: ['http://new/', 'udp://more:1'],
      webSeeds: ['http://w/'],
      comment: null,
      creationDate: new Date(1_700_000_000_000),
    })
    const tail = unknown.subarray(unknown.indexOf('5:zebra'))
    expect(Buffer.from(edited).subarray(-tail.length)).toEqual(tail)
    const [before, after] = [await Torrent.open(made), await Torrent.open(edited)]
    expect(after.rawInfo).toEqual(before.rawInfo)
    expect(after.infoHash).toEqual(before.infoHash)
    expect([after.trackers, after.webSeeds]).toEqual([[['http://new/'], ['udp://more:1']], ['http://w/']])
    expect(after.comment).toBe(null)
    expect(after.creationDate?.getTime()).toBe(1_700_000_000_000)
    const bare = await Torrent.open(editTorrent(edited, { trackers: [], webSeeds: [] }))
    expect([bare.trackers, bare.webSeeds]).toEqual([[], []])
    for (const wrong of [{ trackers: 'x' }, { comment: 1 }, { creationDate: 5 }, { nodes: ['a:0'] }, { name: 'x' }]) {
      expect(() => editTorrent(made, wrong as never)).toThrow(/Expected|no option/)
    }
  })
})

describe('a magnet link', () => {
  const v1 = '12'.repeat(20)
  const v2 = 'ab'.repeat(32)
  const link =
    `magnet:?xt=urn:btih:${v1}&xt=urn:btmh:1220${v2}&dn=a%20b&tr=http%3A%2F%2Ft%2Fa%3Fx%3D1&ws=http%3A%2F%2Fw%2F` +
    '&xs=http%3A%2F%2Fx%2Fa.torrent&as=http%3A%2F%2Fy%2Fb&x.pe=10.0.0.1:6881&x.pe=[::1]:6882&dht=r.example:1&so=0,2,4-8' +
    '&xl=5&kt=one+two&mt=x&tr=gopher%3A%2F%2Fx'

  test('is read whole and written back the same', () => {
    const magnet = parseMagnet(link)
    expect(magnet).toMatchObject({
      infoHash: { v1, v2 },
      name: 'a b',
      trackers: ['http://t/a?x=1'],
      webSeeds: ['http://w/'],
      sources: ['http://x/a.torrent'],
      acceptable: ['http://y/b'],
      peers: ['10.0.0.1:6881', '[::1]:6882'],
      nodes: ['r.example:1'],
      length: 5,
      keywords: ['one', 'two'],
      select: [
        [0, 0],
        [2, 2],
        [4, 8],
      ],
      other: [
        ['mt', 'x'],
        ['tr', 'gopher://x'],
      ],
    })
    expect(buildMagnet(magnet)).toBe(link)
  })

  test('of a torrent made of one loses nothing', async () => {
    expect((await Torrent.open(link)).magnet).toBe(link)
  })

  test('is refused with a code', () => {
    expect(() => parseMagnet('magnet:?dn=x')).toThrow('no info-hash')
    expect(() => buildMagnet({})).toThrow('info-hash')
    expect(() => buildMagnet({ infoHash: { v1: '12', v2: null } })).toThrow('hexadecimal')
    expect(() => buildMagnet({ infoHash: { v1, v2: null }, select: [[2, 1]] })).toThrow('select')
    expect(() => buildMagnet({ infoHash: { v1, v2: null }, nonsense: 1 } as never)).toThrow('nonsense')
  })
})

describe('content is checked without a client', () => {
  test.each(formats)('%s, whole, by pieces and by files', async (format) => {
    const { root } = box()
    const torrent = await Torrent.open(await createTorrent(join(root, 'box'), { ...plain, format }))
    const seen: number[] = []
    const whole = await torrent.hashcheck({ path: root, onProgress: ({ checked }) => seen.push(checked) })
    expect([whole.have, whole.pieces]).toEqual([torrent.pieces, torrent.pieces])
    expect(seen.at(-1)).toBe(torrent.pieces)
    expect([torrent.seed, torrent.status & TorrentStatus.CHECKED]).toEqual([true, TorrentStatus.CHECKED])
    expect(torrent.bitfield).toEqual(whole.bitfield)
    const some = await torrent.hashcheck({ path: root, pieces: [0, [2, 3]] })
    expect([some.have, some.pieces, [...some.bitfield]]).toEqual([3, 3, [0b1011_0000]])
    unlinkSync(join(root, 'box/a.txt'))
    const b = torrent.files.findIndex(({ name }) => name === 'b')
    const file = await torrent.hashcheck({ path: root, files: [b] })
    // In a v1 torrent the first of its pieces holds the end of the file that is gone.
    expect([file.have, file.pieces]).toEqual(format === 'v1' ? [2, 3] : [2, 2])
    expect(torrent.seed).toBe(false)
    for (const wrong of [{ pieces: [99] }, { files: [99] }, { pieces: [[2, 1]] }, { files: 'a' }, { pieces: [-1] }]) {
      expect(await rejection(torrent.hashcheck({ path: root, ...(wrong as object) }))).toBe('ERR_INVALID_OPTION')
    }
  })

  test('a file that is exactly one piece, and files whose border lies inside a piece', async () => {
    for (const sizes of [[16_384], [32_768], [20_000, 13_614], [19, 8]]) {
      const files = sizes.map((size, at) => ({ path: `f${at}`, content: randomBytes(size) }))
      const root = folder()
      mkdirSync(join(root, 'n'))
      for (const { path, content } of files) writeFileSync(join(root, 'n', path), content)
      const torrent = await Torrent.open(await createTorrent(files, { ...plain, name: 'n' }))
      const { have } = await torrent.hashcheck({ path: root })
      expect(have, String(sizes)).toBe(Math.ceil(sizes.reduce((a, b) => a + b) / 16_384))
      const last = join(root, 'n', `f${sizes.length - 1}`)
      const bytes = readFileSync(last)
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      writeFileSync(last, bytes)
      expect((await torrent.hashcheck({ path: root })).have).toBe(have - 1)
    }
  })

  test('a check ends when it is told to', async () => {
    const { root } = box()
    const torrent = await Torrent.open(await createTorrent(join(root, 'box'), plain))
    const over = new AbortController()
    const check = torrent.hashcheck({ path: root, signal: over.signal })
    over.abort()
    expect(await rejection(check)).toBe('ERR_ABORTED')
  })
})
