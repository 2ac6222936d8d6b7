import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildUtp, parseUtp, type UtpExtension, type UtpPacket, utpMask, utpReceived } from '../../ts/protocol/index.ts'
import { codeOf } from '../api/codes.ts'
import { coded, digits, hex } from '../util/tools.ts'

const u16 = fc.integer({ min: 0, max: 65_535 })
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const kinds = <K extends string>(...words: K[]) => fc.constantFrom(...words)
const extensions: fc.Arbitrary<UtpExtension> = fc.oneof(
  fc.record({ kind: kinds('selectiveAck'), mask: fc.uint8Array({ minLength: 1, maxLength: 255 }) }),
  fc.record({ kind: kinds('bits'), bits: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
  fc.record({ kind: kinds('closeReason'), reserved: u16, reason: u16 }),
  fc.record({ kind: kinds('other'), id: fc.integer({ min: 4, max: 255 }), data: fc.uint8Array({ maxLength: 255 }) }),
)
const packets: fc.Arbitrary<UtpPacket> = fc.record({
  kind: kinds('data', 'fin', 'state', 'reset', 'syn'),
  connectionId: u16,
  timestamp: u32,
  delay: u32,
  window: u32,
  seq: u16,
  ack: u16,
  extensions: fc.array(extensions, { maxLength: 4 }),
  payload: fc.uint8Array({ maxLength: 60 }),
})

describe('packets of µTP (BEP 29)', () => {
  test('have the bytes of the notes', () => {
    const fin = '110112340000000100000002000000030004000503040100000000040000000e'
    const packet = parseUtp(hex(fin))
    expect(packet).toEqual({
      kind: 'fin',
      connectionId: 0x1234,
      timestamp: 1,
      delay: 2,
      window: 3,
      seq: 4,
      ack: 5,
      extensions: [
        { kind: 'selectiveAck', mask: hex('01000000') },
        { kind: 'closeReason', reserved: 0, reason: 14 },
      ],
      payload: new Uint8Array(),
    })
    for (const text of [
      fin,
      '4100123400112233000000000010000043210000',
      '01001235001124000000cafe0010000043228fff68656c6c6f',
      '01c8123400000001000000020000000300040005010361626300040000000078',
    ]) {
      expect(digits(buildUtp(parseUtp(hex(text))))).toBe(text)
    }
  })

  test('are read as they were built', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(parseUtp(buildUtp(packet))).toEqual(packet)
      }),
      { seed: 29, numRuns: 300 },
    )
  })

  test('name in a selective ack what came behind the hole, also across the wrap', () => {
    expect(utpReceived(hex('0d000080'), 1000)).toEqual([1002, 1004, 1005, 1033])
    expect(digits(utpMask(1000, [1033, 1002, 1005, 1004]))).toBe('0d000080')
    expect(digits(utpMask(65_534, [0, 1, 3]))).toBe('0b000000')
    expect(utpReceived(hex('0b000000'), 65_534)).toEqual([0, 1, 3])
  })

  test('throw nothing without a code, whatever the bytes', () => {
    coded(packets.map(buildUtp), ['ERR_UTP_INVALID'], parseUtp)
    for (const text of [
      '',
      '41',
      '4200123400112233000000000010000043210000',
      '5100123400112233000000000010000043210000',
    ]) {
      expect(codeOf(() => parseUtp(hex(text)))).toBe('ERR_UTP_INVALID')
    }
  })

  test('with fields of a wrong type or range are not built', () => {
    const good = { kind: 'state', connectionId: 1, timestamp: 2, delay: 3, window: 4, seq: 5, ack: 6 } as const
    expect(buildUtp(good)).toHaveLength(20)
    for (const more of [
      { kind: 'ack' },
      { seq: 65_536 },
      { window: -1 },
      { payload: 'x' },
      { extensions: {} },
      { extensions: [null] },
      { extensions: [{ kind: 'selectiveAck', mask: new Uint8Array() }] },
      { extensions: [{ kind: 'selectiveAck', mask: new Uint8Array(256) }] },
      { extensions: [{ kind: 'bits', bits: new Uint8Array(4) }] },
      { extensions: [{ kind: 'other', id: 1, data: new Uint8Array(4) }] },
      { extensions: [{ kind: 'other', id: 3, data: new Uint8Array(4) }] },
    ]) {
      expect(codeOf(() => buildUtp({ ...good, ...more } as UtpPacket))).toBe('ERR_INVALID_OPTION')
    }
  })
})
