import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildExtendedHandshake,
  buildExtension,
  EXTENSION_NAMES,
  type ExtendedHandshake,
  type ExtensionMessage,
  ExtensionRegistry,
  PEX_FLAGS,
  parseExtendedHandshake,
  parseExtension,
} from '../../ts/protocol/index.ts'
import { codeOf } from '../api/codes.ts'
import { coded, digits, hex, latin1 } from '../util/tools.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const port = fc.integer({ min: 0, max: 65_535 })
const octet = fc.integer({ min: 0, max: 255 })
const v4 = fc.array(octet, { minLength: 4, maxLength: 4 }).map((octets) => octets.join('.'))
const v6 = fc
  .array(fc.integer({ min: 0x1000, max: 0xffff }), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'))
const kinds = <K extends string>(...words: K[]) => fc.constantFrom(...words)
const ip = fc.oneof(v4, v6)

/** IPv4 first, as the wire has it. */
const byFamily = <T extends { ip: string }>(list: T[]) => [
  ...list.filter((peer) => !peer.ip.includes(':')),
  ...list.filter((peer) => peer.ip.includes(':')),
]

const messages: fc.Arbitrary<ExtensionMessage> = fc.oneof(
  fc.record({ kind: kinds('metadataRequest', 'metadataReject'), piece: u32 }),
  fc.record({ kind: kinds('metadataData'), piece: u32, totalSize: u32, data: fc.uint8Array() }),
  fc.record({
    kind: kinds('pex'),
    added: fc.array(fc.record({ ip, port, flags: octet })).map(byFamily),
    dropped: fc.array(fc.record({ ip, port })).map(byFamily),
  }),
  fc.record({ kind: kinds('rendezvous', 'connect'), ip, port }),
  fc.record({ kind: kinds('holepunchError'), ip, port, error: u32 }),
  fc.record({ kind: kinds('dontHave'), piece: u32 }),
  fc.record({ kind: kinds('uploadOnly'), uploadOnly: fc.boolean() }),
  fc.record({ kind: kinds('custom'), name: fc.constantFrom('my_chat', '__proto__'), payload: fc.uint8Array() }),
)

const handshakes = fc.record(
  {
    m: fc
      .uniqueArray(fc.tuple(fc.constantFrom('a', 'ut_pex', '__proto__', 'µ'), octet), { selector: ([name]) => name })
      .map((list) => new Map(list)),
    p: fc.integer({ min: 1, max: 65_535 }),
    v: fc.string({ unit: 'grapheme', maxLength: 9 }),
    yourip: ip,
    ipv4: v4,
    ipv6: v6,
    reqq: fc.integer({ min: 1, max: 2000 }),
    metadataSize: fc.integer({ min: 1, max: 1 << 20 }),
    e: fc.boolean(),
    uploadOnly: fc.boolean(),
    completeAgo: fc.integer({ min: -1 }),
  },
  { requiredKeys: ['m'] },
) as fc.Arbitrary<ExtendedHandshake>

describe('the extended handshake', () => {
  test('has the bytes of the notes', () => {
    const m = new Map([
      ['ut_metadata', 2],
      ['ut_pex', 1],
      ['lt_donthave', 7],
      ['upload_only', 3],
      ['ut_holepunch', 4],
    ])
    const shake = { m, p: 6881, v: 'test 1.0', yourip: '192.0.2.1', reqq: 250, metadataSize: 31_235 }
    const text =
      'd1:md11:lt_donthavei7e11:upload_onlyi3e12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e1:pi6881e4:reqqi250e1:v8:test 1.06:yourip4:\xc0\x00\x02\x01e'
    expect(buildExtendedHandshake(shake)).toEqual(latin1(text))
    expect(parseExtendedHandshake(latin1(text))).toEqual(shake)
  })

  test('is read as it was built', () => {
    fc.assert(
      fc.property(handshakes, (shake) => {
        expect(parseExtendedHandshake(buildExtendedHandshake(shake))).toEqual(shake)
      }),
      { seed: 10 },
    )
  })

  test('loses keys that are not what they should be, and nothing else', () => {
    expect(parseExtendedHandshake(latin1('d1:pi0e4:reqqi9e1:vi1ee'))).toEqual({ m: new Map(), reqq: 9 })
    expect(codeOf(() => parseExtendedHandshake(latin1('le')))).toBe('ERR_PEER_PROTOCOL')
    expect(codeOf(() => parseExtendedHandshake(latin1('l'.repeat(1000))))).toBe('ERR_BENCODE_DEPTH')
    expect(codeOf(() => parseExtendedHandshake(latin1('d1:m')))).toBe('ERR_BENCODE_INVALID')
  })

  test('with fields of a wrong type or range is not built', () => {
    const m = new Map()
    for (const shake of [
      {},
      { m: { ut_pex: 1 } },
      { m: new Map([['a', 256]]) },
      { m: new Map([['', 1]]) },
      { m, p: 0 },
      { m, v: 1 },
      { m, ipv4: '::1' },
      { m, ipv6: '1.2.3.4' },
      { m, yourip: 'here' },
      { m, reqq: 0 },
      { m, e: 1 },
      { m, completeAgo: -2 },
    ]) {
      expect(codeOf(() => buildExtendedHandshake(shake as unknown as ExtendedHandshake))).toBe('ERR_INVALID_OPTION')
    }
    expect(codeOf(() => buildExtendedHandshake({ m, q: 1 } as ExtendedHandshake))).toBe('ERR_UNKNOWN_OPTION')
  })
})

describe('messages of extensions', () => {
  test('have the bytes of the notes', () => {
    const peer = { ip: '192.0.2.1', port: 6881 }
    const flags = PEX_FLAGS.utp | PEX_FLAGS.reachable
    const pex = 'd5:added6:\xc0\x00\x02\x01\x1a\xe17:added.f1:\x146:added60:8:added6.f0:7:dropped0:8:dropped60:e'
    for (const [message, bytes] of [
      [{ kind: 'rendezvous', ...peer }, hex('0000c00002011ae100000000')],
      [{ kind: 'connect', ip: '2001:db8::1', port: 6881 }, hex('010120010db80000000000000000000000011ae100000000')],
      [{ kind: 'holepunchError', ...peer, error: 2 }, hex('0200c00002011ae100000002')],
      [{ kind: 'dontHave', piece: 5 }, hex('00000005')],
      [{ kind: 'uploadOnly', uploadOnly: true }, hex('01')],
      [{ kind: 'metadataRequest', piece: 0 }, latin1('d8:msg_typei0e5:piecei0ee')],
      [{ kind: 'pex', added: [{ ...peer, flags }], dropped: [] }, latin1(pex)],
    ] as [ExtensionMessage, Uint8Array][]) {
      const { name, payload } = buildExtension(message)
      expect(digits(payload)).toBe(digits(bytes))
      expect(parseExtension(name, payload)).toEqual(message)
    }
    expect(parseExtension('ut_holepunch', hex('0000c00002011ae1'))).toEqual({ kind: 'rendezvous', ...peer })
    expect(parseExtension('ut_metadata', latin1('d8:msg_typei9ee'))).toEqual({ kind: 'metadataUnknown' })
  })

  test('are read as they were built', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const { name, payload } = buildExtension(message)
        expect(parseExtension(name, payload)).toEqual(message)
      }),
      { seed: 11, numRuns: 300 },
    )
  })

  test('throw nothing without a code, whatever the bytes', () => {
    const codes = ['ERR_PEER_PROTOCOL', 'ERR_BENCODE_INVALID', 'ERR_BENCODE_DEPTH', 'ERR_BENCODE_TOKENS']
    for (const name of EXTENSION_NAMES) {
      coded(
        messages.map((message) => buildExtension(message).payload),
        codes,
        (data) => parseExtension(name, data),
        100,
      )
    }
  })

  test('with fields of a wrong type or range are not built', () => {
    for (const message of [
      null,
      {},
      { kind: 'toString' },
      { kind: 'dontHave', piece: -1 },
      { kind: 'uploadOnly', uploadOnly: 1 },
      { kind: 'connect', ip: 'here', port: 1 },
      { kind: 'connect', ip: '1.2.3.4', port: 65_536 },
      { kind: 'pex', added: [{ ip: '1.2.3.4', port: 1 }], dropped: [] },
      { kind: 'pex', added: [] },
      { kind: 'custom', name: '', payload: new Uint8Array() },
    ]) {
      expect(codeOf(() => buildExtension(message as ExtensionMessage))).toBe('ERR_INVALID_OPTION')
    }
  })
})

describe('the registry of extensions', () => {
  test('gives each side the numbers of the other, for names of applications too', () => {
    const a = new ExtensionRegistry(
      new Map([
        ['lt_donthave', 7],
        ['my_chat', 200],
      ]),
    )
    const b = new ExtensionRegistry(
      new Map([
        ['lt_donthave', 3],
        ['my_chat', 4],
      ]),
    )
    a.learn(parseExtendedHandshake(buildExtendedHandshake({ m: b.ours })))
    b.learn(parseExtendedHandshake(buildExtendedHandshake({ m: a.ours })))
    for (const message of [
      { kind: 'dontHave', piece: 5 },
      { kind: 'custom', name: 'my_chat', payload: latin1('hello') },
    ] as ExtensionMessage[]) {
      const packet = a.write(message)
      expect(packet?.id).toBe(message.kind === 'custom' ? 4 : 3)
      expect(packet && b.read(packet)).toEqual(message)
    }
    expect(a.write({ kind: 'uploadOnly', uploadOnly: true })).toBeNull()
    expect(b.read({ kind: 'extended', id: 99, payload: new Uint8Array() })).toBeNull()
    a.learn({ m: new Map([['my_chat', 0]]) })
    expect([a.idOf('my_chat'), a.idOf('lt_donthave')]).toEqual([null, 3])
  })

  test('gives a name or number once, and 0 never', () => {
    const registry = new ExtensionRegistry(new Map([['a', 1]]))
    for (const [name, id] of [
      ['a', 2],
      ['b', 1],
      ['c', 0],
      ['d', 256],
      ['', 3],
    ] as const) {
      expect(codeOf(() => registry.register(name, id))).toBe('ERR_INVALID_OPTION')
    }
    expect([...registry.ours]).toEqual([['a', 1]])
  })
})
