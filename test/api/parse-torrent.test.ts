import { expect, test } from 'vitest'
import { Torrent } from '../../ts/index.ts'
import { bencode, type CreateOptions, createTorrent, parseTorrent } from '../../ts/util/index.ts'

const files = [
  { path: 'a/one.bin', content: new Uint8Array(40_000).fill(1) },
  { path: 'two.bin', content: new Uint8Array(20_000).fill(2) },
  { path: 'empty', content: new Uint8Array(0) },
]
const options: CreateOptions = {
  format: 'hybrid',
  name: 'some files',
  trackers: [['http://one.example/announce', 'http://two.example/announce'], 'udp://three.example:80'],
  webSeeds: ['http://seed.example/'],
  nodes: ['router.example:6881'],
  pieceLength: 16_384,
  private: true,
  source: 'a tracker',
  comment: 'a comment',
  createdBy: 'a test',
  creationDate: new Date(1_700_000_000_000),
}

test('parseTorrent says what the torrent was made of', async () => {
  const parsed = parseTorrent(await createTorrent(files, options))
  expect(parsed).toMatchObject({
    name: 'some files',
    originalName: 'some files',
    length: 60_000,
    pieceLength: 16_384,
    private: true,
    trackers: [['http://one.example/announce', 'http://two.example/announce'], ['udp://three.example:80']],
    webSeeds: ['http://seed.example/'],
    nodes: ['router.example:6881'],
    source: 'a tracker',
    comment: 'a comment',
    createdBy: 'a test',
    creationDate: new Date(1_700_000_000_000),
    sslCert: null,
    warnings: [],
  })
  const content = parsed.files.filter(({ pad }) => !pad)
  expect(content.map(({ path, length, offset }) => [path, length, offset])).toEqual([
    ['some files/a/one.bin', 40_000, 0],
    ['some files/empty', 0, 49_152],
    ['some files/two.bin', 20_000, 49_152],
  ])
  expect(content.map(({ root }) => root?.length ?? null)).toEqual([32, null, 32])
  expect(parsed.files).toBe(parsed.files)
})

test('parseTorrent says the same as an opened torrent, for each format', async () => {
  for (const format of ['v1', 'v2', 'hybrid'] as const) {
    const bytes = await createTorrent(files, { ...options, format })
    const [{ files: list, ...parsed }, torrent] = [parseTorrent(bytes), await Torrent.open(bytes)]
    for (const [name, value] of Object.entries(parsed)) {
      expect(torrent[name as keyof typeof parsed], `${format}: ${name}`).toEqual(value)
    }
    for (const [at, file] of list.entries())
      expect(torrent.files[at]).toMatchObject({ path: file.path, length: file.length })
    expect(list.length).toBe(torrent.files.length)
  }
})

test('parseTorrent keeps nothing of the memory that it was given, and can be written as JSON', async () => {
  const bytes = await createTorrent(files, options)
  const [parsed, before] = [parseTorrent(bytes), parseTorrent(bytes.slice())]
  bytes.fill(0)
  expect(parsed).toEqual(before)
  const plain = JSON.parse(JSON.stringify(parsed)) as { files: { path: string }[] }
  expect(plain.files[0]?.path).toBe('some files/a/one.bin')
})

test('parseTorrent refuses what is not a .torrent file, with the code of the reason', () => {
  const code = (value: unknown) => {
    try {
      return parseTorrent(value as Uint8Array)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect(code('some.torrent')).toBe('ERR_INVALID_OPTION')
  expect(code(new Uint8Array(11 * 2 ** 20))).toBe('ERR_INVALID_OPTION')
  expect(code(Buffer.from('d4:info'))).toBe('ERR_BENCODE_INVALID')
  expect(code(bencode({ info: {} }))).toBe('ERR_METAINFO_INVALID')
})
