import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildPacket,
  buildReserved,
  PacketReader,
  parsePacket,
  parseReserved,
  type WirePacket,
} from '../../ts/protocol/index.ts'
import { codeOf } from '../api/codes.ts'
import { chunks, coded, digits, hex, splits } from '../util/tools.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const some = fc.uint8Array({ minLength: 1, maxLength: 300 })
const kinds = <K extends string>(...words: K[]) => fc.constantFrom(...words)
const block = { piece: u32, begin: u32, length: u32 }
const range = { root: bytes(32), base: u32, index: u32, length: u32, proof: u32 }

const handshakes = fc.record({ kind: kinds('handshake'), reserved: bytes(8), infoHash: bytes(20), peerId: bytes(20) })
const bare = fc.record({
  kind: kinds('keepAlive', 'choke', 'unchoke', 'interested', 'notInterested', 'haveAll', 'haveNone'),
})
const messages: fc.Arbitrary<WirePacket> = fc.oneof(
  bare,
  fc.record({ kind: kinds('have', 'suggest', 'allowedFast'), piece: u32 }),
  fc.record({ kind: kinds('bitfield'), bits: some }),
  fc.record({ kind: kinds('request', 'cancel', 'reject'), ...block }),
  fc.record({ kind: kinds('piece'), piece: u32, begin: u32, data: some }),
  fc.record({ kind: kinds('port'), port: fc.integer({ min: 0, max: 65_535 }) }),
  fc.record({ kind: kinds('extended'), id: fc.integer({ min: 0, max: 255 }), payload: some }),
  fc.record({ kind: kinds('hashRequest', 'hashReject'), ...range }),
  fc.record({
    kind: kinds('hashes'),
    ...range,
    hashes: fc.integer({ min: 0, max: 9 }).map((n) => new Uint8Array(32 * n)),
  }),
)

/** Every packet of a stream in parts. */
function read(reader: PacketReader, parts: Iterable<Uint8Array>): unknown[] {
  const packets: unknown[] = []
  for (const part of parts) {
    for (let rest = part; rest.length > 0; ) {
      const { used, packet } = reader.push(rest)
      if (packet !== null) packets.push(packet)
      expect(used === rest.length || packet !== null).toBe(true)
      rest = rest.subarray(used)
    }
  }
  return packets
}

describe('packets between peers', () => {
  test('have the bytes of their BEP', () => {
    const root = hex('5f43818f2ac4de92ee0995725456d10ac55236753d3dee6dc112132c1d89c581')
    const vectors: [WirePacket, string][] = [
      [{ kind: 'keepAlive' }, '00000000'],
      [{ kind: 'notInterested' }, '0000000103'],
      [{ kind: 'have', piece: 2 ** 32 - 1 }, '0000000504ffffffff'],
      [{ kind: 'port', port: 6881 }, '00000003091ae1'],
      [{ kind: 'reject', piece: 1, begin: 0, length: 16_384 }, '0000000d10000000010000000000004000'],
      [{ kind: 'allowedFast', piece: 1059 }, '000000051100000423'],
      [{ kind: 'piece', piece: 1, begin: 2, data: hex('585858') }, '0000000c070000000100000002585858'],
      [{ kind: 'extended', id: 7, payload: hex('00000005') }, '00000006140700000005'],
      [
        { kind: 'hashRequest', root, base: 2, index: 0, length: 32, proof: 4 },
        `0000003115${digits(root)}00000002000000000000002000000004`,
      ],
    ]
    for (const [packet, text] of vectors) {
      expect(digits(buildPacket(packet))).toBe(text)
      expect(parsePacket(hex(text))).toEqual(packet)
    }
  })

  test('are read as they were built, whatever the parts', () => {
    fc.assert(
      fc.property(handshakes, fc.array(messages, { maxLength: 12 }), splits, (shake, list, lengths) => {
        const stream = Buffer.concat([shake, ...list].map(buildPacket))
        const reader = new PacketReader()
        expect(read(reader, chunks(stream, lengths))).toEqual([shake, ...list])
        expect(reader.buffered).toBe(0)
        expect(read(new PacketReader(), [stream])).toEqual([shake, ...list])
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  test('longer than a look at the start come whole', () => {
    const packet: WirePacket = { kind: 'piece', piece: 1, begin: 0, data: new Uint8Array(100_000).fill(7) }
    const stream = buildPacket(packet)
    const { used, packet: got } = new PacketReader({ handshake: false }).push(Buffer.concat([stream, stream]))
    expect(used).toBe(stream.length)
    expect(got).toEqual(packet)
  })

  test('of unknown type are skipped, and cannot be built', () => {
    const reader = new PacketReader({ handshake: false })
    expect(reader.push(hex('000000052000000046')).packet).toEqual({ kind: 'unknown', id: 32, length: 4 })
    expect(codeOf(() => buildPacket({ kind: 'unknown', id: 32, length: 4 } as unknown as WirePacket))).toBe(
      'ERR_INVALID_OPTION',
    )
  })

  test('of a wrong length are refused before their payload comes, and the reader stays shut', () => {
    for (const [text, code] of [
      ['ffffffff', 'ERR_PEER_MSG_TOO_LARGE'],
      ['0000000309', undefined],
      ['0000000509', 'ERR_PEER_PROTOCOL'],
      ['0000000907', 'ERR_PEER_PROTOCOL'],
      ['000000ff05', 'ERR_PEER_MSG_TOO_LARGE'],
    ] as const) {
      const reader = new PacketReader({ handshake: false, maxBitfieldBytes: 100 })
      expect(codeOf(() => reader.push(hex(text)))).toBe(code)
      if (code) expect(codeOf(() => reader.push(hex('00')))).toBe(code)
    }
    expect(codeOf(() => new PacketReader().push(hex('1342697454')))).toBe(undefined)
    expect(codeOf(() => new PacketReader().push(hex('134e6f74')))).toBe('ERR_PEER_HANDSHAKE')
    expect(codeOf(() => parsePacket(hex('00000001')))).toBe('ERR_PEER_PROTOCOL')
    expect(codeOf(() => parsePacket(hex('000000010000')))).toBe('ERR_PEER_PROTOCOL')
  })

  test('throw nothing without a code, whatever the bytes', () => {
    coded(messages.map(buildPacket), ['ERR_PEER_PROTOCOL', 'ERR_PEER_MSG_TOO_LARGE'], (data) => parsePacket(data), 300)
  })

  test('with fields of a wrong type or range are refused', () => {
    for (const packet of [
      null,
      'choke',
      {},
      { kind: 'toString' },
      { kind: 'have' },
      { kind: 'have', piece: -1 },
      { kind: 'have', piece: 2 ** 32 },
      { kind: 'have', piece: 1.5 },
      { kind: 'have', piece: 1n },
      { kind: 'port', port: 65_536 },
      { kind: 'extended', id: 256, payload: new Uint8Array() },
      { kind: 'bitfield', bits: 'ff' },
      { kind: 'piece', piece: 0, begin: 0, data: new Uint8Array() },
      { kind: 'handshake', reserved: new Uint8Array(7), infoHash: new Uint8Array(20), peerId: new Uint8Array(20) },
      { kind: 'hashes', root: new Uint8Array(32), base: 0, index: 0, length: 2, proof: 0, hashes: new Uint8Array(31) },
    ]) {
      expect(codeOf(() => buildPacket(packet as WirePacket))).toBe('ERR_INVALID_OPTION')
    }
    expect(codeOf(() => buildPacket({ kind: 'choke', more: 1 } as unknown as WirePacket))).toBe('ERR_UNKNOWN_OPTION')
    expect(codeOf(() => new PacketReader({ maxMessageBytes: 0 }))).toBe('ERR_INVALID_OPTION')
  })

  test('say in their reserved bytes what the sender supports', () => {
    const all = { extended: true, dht: true, fast: true, v2: true }
    expect(digits(buildReserved(all))).toBe('0000000000100015')
    expect(parseReserved(buildReserved(all))).toEqual(all)
    for (const name of ['extended', 'dht', 'fast', 'v2'] as const) {
      const none = { extended: false, dht: false, fast: false, v2: false }
      expect(parseReserved(buildReserved({ [name]: true }))).toEqual({ ...none, [name]: true })
    }
    expect(parseReserved(hex('ffffffffffefffea'))).toEqual({ extended: false, dht: false, fast: false, v2: false })
  })
})

// Data of other projects: it lies outside this one, and what is asserted without it stands above.
const path = `${process.env.BITLODE_VECTORS ?? '../shared/vectors'}/nb/packets/vectors.json`

interface Vector {
  readonly name: string
  readonly hex: string
  readonly meaning: Record<string, unknown>
  readonly spec_ok: boolean | null
}

describe.skipIf(!existsSync(path))('the vectors of Net::BitTorrent for peers', () => {
  const file: { peer_wire: Vector[] } = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as { peer_wire: Vector[] })
    : { peer_wire: [] }
  const whole = (vector: Vector) => parsePacket(hex(vector.hex), { handshake: vector.hex.startsWith('13') })

  test('that are right are read and built again', () => {
    const right = file.peer_wire.filter((vector) => vector.spec_ok === true)
    expect(right.length).toBeGreaterThan(30)
    for (const vector of right) {
      const packet = whole(vector) as unknown as Record<string, unknown>
      expect(digits(buildPacket(packet as unknown as WirePacket))).toBe(vector.hex)
      const { index, begin, length, port } = vector.meaning
      for (const [name, want] of Object.entries({ piece: index, begin, length, port })) {
        if (want !== undefined) expect(packet[name]).toBe(want)
      }
    }
  })

  test('that are wrong are refused', () => {
    const wrong = file.peer_wire.filter((vector) => vector.spec_ok !== true && !vector.name.startsWith('unknown'))
    expect(wrong.length).toBeGreaterThan(2)
    for (const vector of wrong) expect(codeOf(() => whole(vector))).toMatch(/^ERR_PEER_(PROTOCOL|HANDSHAKE)$/)
  })
})
