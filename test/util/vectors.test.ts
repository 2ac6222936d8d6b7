import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  allowedFastSet,
  type BencodeValue,
  bdecode,
  bencode,
  bparsePrefix,
  compactPeers,
  crc32c,
  listPeers,
  makeNodeId,
} from '../../ts/util/index.ts'
import { codeOf } from '../api/codes.ts'
import { digits, hex } from './tools.ts'

// Data of other projects: it lies outside this one, and what is asserted without it stands in the tests beside this file.
const path = `${process.env.BITLODE_VECTORS ?? '../shared/vectors'}/nb/packets/vectors.json`

interface Vectors {
  readonly bencode: { bencoded: string; text: string; value: unknown; canonical: boolean; note: string }[]
  readonly compact: { peers: string[]; hex: string; family: 4 | 6 }[]
  readonly compact_invalid: { input: string; expect: string }[]
  readonly allowed_fast: { k: number; pieces: number; infohash: string; ip: string; set: number[] }[]
  readonly crc32c: { input: string; crc32c: string }[]
  readonly bep42: { ip: string; rand: number; prefix21: string }[]
}

/** As the file writes values. */
function plain(value: BencodeValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

describe.skipIf(!existsSync(path))(
  'the vectors of Net::BitTorrent (skipped where they are not beside the project)',
  () => {
    const vectors = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Vectors) : ({} as Vectors)

    test('bencoding: what is canonical is read and written again, what is not is refused', () => {
      for (const { bencoded, text, value, canonical, note } of vectors.bencode) {
        const bytes = hex(bencoded)
        if (!canonical) {
          expect(
            codeOf(() => bdecode(bytes)),
            text,
          ).toBe('ERR_BENCODE_INVALID')
          continue
        }
        const { root, length } = bparsePrefix(bytes)
        expect(plain(root.value()), text).toEqual(value)
        expect(digits(bencode(root.value()))).toBe(bencoded.slice(0, 2 * length))
        const trailing = note.includes('trailing')
        expect(length < bytes.length).toBe(trailing)
        if (trailing)
          expect(
            codeOf(() => bdecode(bytes)),
            text,
          ).toBe('ERR_BENCODE_INVALID')
      }
    })

    test('compact lists', () => {
      for (const { peers, hex: packed, family } of vectors.compact) {
        expect(digits(compactPeers(peers, family))).toBe(packed)
        expect(listPeers(hex(packed), family)).toEqual(peers)
      }
      for (const { input, expect: expected } of vectors.compact_invalid) {
        if (input === 'duplicates') continue
        if (expected === 'reject')
          expect(
            codeOf(() => compactPeers([input])),
            input,
          ).toBe('ERR_INVALID_OPTION')
        else expect(digits(compactPeers([input]))).toBe(expected)
      }
    })

    test('allowed fast sets, CRC-32C, BEP 42', () => {
      for (const { k, pieces, infohash, ip, set } of vectors.allowed_fast) {
        expect(allowedFastSet({ ip, infoHash: hex(infohash), pieces, count: k })).toEqual(set)
      }
      for (const { input, crc32c: sum } of vectors.crc32c) {
        expect(crc32c(hex(input)).toString(16).padStart(8, '0')).toBe(sum)
      }
      for (const { ip, rand, prefix21 } of vectors.bep42) {
        expect(digits(makeNodeId(ip, new Uint8Array(20).with(19, rand)))?.slice(0, 6), ip).toBe(prefix21)
      }
    })
  },
)
