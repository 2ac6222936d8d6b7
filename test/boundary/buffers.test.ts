import { describe, expect, test } from 'vitest'
import { createTorrent, Torrent } from '../../ts/index.ts'
import { codeOf, rejection } from '../api/codes.ts'
import { client, content, hashes, onDisk } from '../api/swarm.ts'
import { debugAddon } from './addon.ts'

const { checkBencode, parseMetainfo } = debugAddon()

describe('a buffer of JavaScript', () => {
  test('row 102: is copied on entry: what happens to it afterwards has no effect', async () => {
    const made = await content()
    const bytes = new Uint8Array(made.torrent)
    const here = await client()
    const adding = here.add(bytes, { path: made.folder })
    bytes.fill(0)
    const torrent = await adding
    await torrent.done()
    expect(onDisk(made.folder)).toEqual(hashes(made))
    const moved = new Uint8Array(made.torrent)
    const opening = Torrent.open(moved)
    structuredClone(moved.buffer, { transfer: [moved.buffer] })
    expect((await opening).infoHash).toEqual(torrent.infoHash)
  })

  test('row 102: that is shared, transferred away or of another type is refused', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8))
    const gone = new Uint8Array(8)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const here = await client({ listen: false })
    for (const [name, wrong] of Object.entries({
      shared,
      gone,
      view: new DataView(new ArrayBuffer(8)),
      words: new Uint16Array(4),
      buffer: new ArrayBuffer(8),
      proxy: new Proxy(new Uint8Array(8), {}),
      fake: { length: 8, buffer: new ArrayBuffer(8), __proto__: Uint8Array.prototype },
    })) {
      expect(await rejection(Torrent.open(wrong as Uint8Array)), name).toBe('ERR_INVALID_OPTION')
      expect(await rejection(here.add(wrong as Uint8Array)), name).toBe('ERR_INVALID_OPTION')
      // The addon looks again: it is its memory that would be read.
      expect(
        codeOf(() => checkBencode(wrong as Uint8Array, 1, 1)),
        name,
      ).toMatch(/^(InvalidArg|ObjectExpected)$/)
    }
  })

  test('row 102: of length 0, a window of a larger one, or resizable is taken as what it is', async () => {
    expect(codeOf(() => checkBencode(new Uint8Array(0), 1, 1))).toBe('ERR_BENCODE_INVALID')
    const whole = Buffer.concat([Buffer.from('xx'), Buffer.from('i7e'), Buffer.from('yy')])
    expect(codeOf(() => checkBencode(whole.subarray(2, 5), 1, 1))).toBeUndefined()
    const Resizable = ArrayBuffer as unknown as new (
      length: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer & {
      resize(length: number): void
    }
    const buffer = new Resizable(3, { maxByteLength: 10 })
    const view = new Uint8Array(buffer)
    view.set(Buffer.from('i7e'))
    expect(codeOf(() => checkBencode(view, 1, 1))).toBeUndefined()
    buffer.resize(2)
    expect(codeOf(() => checkBencode(view, 1, 1))).toBe('ERR_BENCODE_INVALID')
  })

  test('row 102: beyond the limit of a call is refused, and so is one of more than 2 GiB', async () => {
    expect(codeOf(() => checkBencode(new Uint8Array(16 * 2 ** 20 + 1), 1, 1))).toBe('InvalidArg')
    expect(codeOf(() => parseMetainfo(new Uint8Array(64 * 2 ** 20 + 1), [], []))).toBe('InvalidArg')
    const huge = new Uint8Array(2 ** 31 + 1)
    expect(codeOf(() => checkBencode(huge, 1, 1))).toBe('InvalidArg')
    expect(await rejection(Torrent.open(huge))).toBe('ERR_INVALID_OPTION')
  })

  test("row 102: that comes out is JavaScript's own: changing it changes nothing else", async () => {
    const made = await content()
    const torrent = await Torrent.open(made.torrent)
    const { bitfield } = await torrent.hashcheck({ path: made.folder })
    const again = await torrent.hashcheck({ path: made.folder })
    bitfield.fill(0)
    expect(again.bitfield[0]).toBe(255)
    const bytes = await createTorrent(made.folder, { pieceLength: 16_384 })
    structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
    expect(bytes.length).toBe(0)
  })
})
