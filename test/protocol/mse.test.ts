import { createDiffieHellman } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildMseAnswer,
  buildMseOffer,
  detectMse,
  MSE,
  MseHandshake,
  type MseMethod,
  mseKeys,
  msePublicKey,
  mseSecret,
  mseSkeyMark,
  parseMseAnswer,
  parseMseOffer,
  Rc4,
} from '../../ts/protocol/index.ts'
import { codeOf } from '../api/codes.ts'
import { chunks, coded, digits, hex, latin1, splits } from '../util/tools.ts'

const XA = hex('0102030405060708090a0b0c0d0e0f1011121314')
const XB = hex('a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4')
const SKEY = hex('101112131415161718191a1b1c1d1e1f20212223')
const NONE = new Uint8Array()
const bare = { pad: NONE, reserved: NONE }
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const pad = fc.uint8Array({ maxLength: 512 })

/** Carries bytes between two sides until neither has any, in parts. */
function play(a: MseHandshake, b: MseHandshake, lengths: readonly number[] = [4096]): void {
  for (let moved = true; moved; ) {
    moved = false
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const bytes = from.take()
      for (const part of chunks(bytes, lengths)) expect(to.push(part)).toBe(part.length)
      moved ||= bytes.length > 0
    }
  }
}

describe('Message Stream Encryption', () => {
  test('exchanges keys as OpenSSL does, always of 96 bytes', () => {
    const dh = createDiffieHellman(Buffer.from(MSE.prime, 'hex'), MSE.generator)
    dh.setPrivateKey(XA)
    dh.generateKeys()
    expect(digits(msePublicKey(XA))).toBe(dh.getPublicKey('hex').padStart(192, '0'))
    expect(digits(mseSecret(XA, msePublicKey(XB)))).toBe(
      dh.computeSecret(msePublicKey(XB), null, 'hex').padStart(192, '0'),
    )
    // A secret and a public key that start with zeros.
    const other = hex('a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b4fe')
    expect(digits(mseSecret(XA, msePublicKey(other)))).toMatch(/^000da3f9ee6a/)
    expect(digits(msePublicKey(hex('0102030405060708090a0b0c0d0e0f101112159d')))).toMatch(/^00009cc234284191/)
    for (const key of [new Uint8Array(96), hex(MSE.prime)])
      expect(codeOf(() => mseSecret(XA, key))).toBe('ERR_MSE_INVALID')
  })

  test('derives the keys of the notes', () => {
    const keys = mseKeys(mseSecret(XA, msePublicKey(XB)), SKEY)
    expect(digits(mseSkeyMark(SKEY))).toBe('32c028f94513336cd387368686f7443f0e614158')
    expect(digits(keys.sync)).toBe('90896606dafbb8f455a81bebcc266214333441a1')
    expect(digits(keys.torrent)).toBe('51b6469c4b78b4bf9368e8dce1e63f675ad5917b')
    const stream = new Uint8Array(8)
    keys.initiator.apply(stream)
    expect(digits(stream)).toBe('695a35a229697995')
  })

  test('shakes hands with the bytes of the notes', () => {
    const a = MseHandshake.initiate({
      infoHash: SKEY,
      payload: NONE,
      provide: ['rc4'],
      privateKey: XA,
      pad: hex('aaaaaa'),
      reserved: hex('cccc'),
    })
    const b = MseHandshake.respond({
      infoHashes: [SKEY],
      prefer: 'rc4',
      privateKey: XB,
      pad: hex('bbbbbbbbbb'),
      reserved: hex('dddddddd'),
    })
    const first = a.take()
    expect([first.length, digits(first.subarray(96))]).toEqual([99, 'aaaaaa'])
    b.push(first)
    a.push(b.take())
    const third = a.take()
    expect(digits(third)).toBe(
      '90896606dafbb8f455a81bebcc266214333441a151b6469c4b78b4bf9368e8dce1e63f675ad5917b695a35a229697995c44cfd2e8632ac35893c',
    )
    b.push(third)
    const fourth = b.take()
    expect(digits(fourth)).toBe('79c2d25542ead8256baf7364b62999b19257')
    expect(a.established).toBeNull()
    expect(a.push(Buffer.concat([fourth, latin1('rest')]))).toBe(fourth.length)
    expect([a.established?.method, b.established?.method]).toEqual(['rc4', 'rc4'])
    const stream = new Uint8Array(16)
    a.established?.write?.apply(stream)
    expect(digits(stream)).toBe('96600f9d4c5a56a46a3f1c30be48f881')
  })

  test('agrees between any two sides, whatever the parts and pads', () => {
    const methods = fc.constantFrom<MseMethod[][]>(['plain'], ['rc4'], ['plain', 'rc4'])
    const payloads = fc.uint8Array({ maxLength: 100 })
    fc.assert(
      fc.property(
        methods,
        fc.constantFrom<MseMethod[]>('plain', 'rc4'),
        payloads,
        splits,
        (provide, prefer, payload, lengths) => {
          const a = MseHandshake.initiate({ infoHash: SKEY, provide, payload })
          const b = MseHandshake.respond({ infoHashes: [XA, SKEY], prefer })
          play(a, b, lengths)
          const [one, other] = [a.established, b.established]
          expect(one?.method).toBe(provide.includes(prefer) ? prefer : provide[0])
          expect(other?.method).toBe(one?.method)
          expect([other?.infoHash, other?.payload]).toEqual([SKEY, payload])
          for (const [write, read] of [
            [one?.write, other?.read],
            [other?.write, one?.read],
          ] as const) {
            const text = latin1('the stream goes on')
            write?.apply(text)
            read?.apply(text)
            expect(text).toEqual(latin1('the stream goes on'))
            expect([write === null, read === null]).toEqual([one?.method === 'plain', one?.method === 'plain'])
          }
        },
      ),
      { seed: 768, numRuns: 40 },
    )
  })

  test('row 44: refuses what it should, with a code, and stays shut', () => {
    const respond = (more: object = {}) =>
      MseHandshake.respond({ infoHashes: [SKEY], privateKey: XB, ...bare, ...more })
    const zero = respond()
    expect(codeOf(() => zero.push(new Uint8Array(96)))).toBe('ERR_MSE_INVALID')
    expect(codeOf(() => zero.push(NONE))).toBe('ERR_MSE_INVALID')
    expect(codeOf(() => respond().push(Buffer.concat([msePublicKey(XA), new Uint8Array(532)])))).toBe('ERR_MSE_SYNC')
    for (const [side, infoHash, code] of [
      [respond(), XB, 'ERR_PEER_HANDSHAKE'],
      [respond({ infoHashes: () => null }), SKEY, 'ERR_PEER_HANDSHAKE'],
      [respond({ accept: ['rc4'] }), SKEY, 'ERR_MSE_REQUIRED'],
      [respond({ maxPayload: 3 }), SKEY, 'ERR_MSE_INVALID'],
    ] as const) {
      const peer = MseHandshake.initiate({
        infoHash,
        provide: ['plain'],
        payload: latin1('four'),
        privateKey: XA,
        ...bare,
      })
      side.push(peer.take())
      peer.push(side.take())
      expect(codeOf(() => side.push(peer.take()))).toBe(code)
      expect(digits(side.take())).toBe('')
    }
  })

  test('tells plain connections from encrypted ones', () => {
    const plain = latin1('\x13BitTorrent protocol')
    expect([0, 19, 20].map((length) => detectMse(plain.subarray(0, length)))).toEqual([
      'undecided',
      'undecided',
      'plain',
    ])
    expect(detectMse(hex('13426974aa'))).toBe('encrypted')
    expect(detectMse(Buffer.concat([plain, NONE, SKEY]))).toBe('plain')
  })

  test('reads its encrypted messages as it built them', () => {
    fc.assert(
      fc.property(u32, pad, fc.uint8Array(), (provide, pad, payload) => {
        const plain = buildMseOffer({ provide, pad, payload })
        expect(parseMseOffer(Buffer.concat([plain, SKEY]))).toEqual({
          offer: { provide, pad, payload },
          used: plain.length,
        })
        expect(parseMseOffer(plain.subarray(0, -1))).toBeNull()
        const answer = buildMseAnswer({ select: provide, pad })
        expect(parseMseAnswer(answer)).toEqual({ answer: { select: provide, pad }, used: answer.length })
      }),
      { seed: 3 },
    )
    const offers = fc.record({ provide: u32, pad, payload: pad }).map(buildMseOffer)
    coded(offers, ['ERR_MSE_INVALID'], (bytes) => parseMseOffer(bytes, 100), 200)
    coded(offers, ['ERR_MSE_INVALID'], parseMseAnswer, 200)
  })

  test('takes no arguments of a wrong type or length', () => {
    const infoHash = SKEY
    for (const body of [
      () => MseHandshake.initiate({ infoHash: NONE }),
      () => MseHandshake.initiate({ infoHash, pad: new Uint8Array(513) }),
      () => MseHandshake.initiate({ infoHash, payload: new Uint8Array(65_536) }),
      () => MseHandshake.initiate({ infoHash, provide: ['aes' as MseMethod] }),
      () => MseHandshake.initiate({ infoHash, privateKey: NONE }),
      () => MseHandshake.respond({ infoHashes: [NONE] }),
      () => MseHandshake.respond({ infoHashes: 'all' as unknown as [] }),
      () => MseHandshake.respond({ infoHashes: [], maxPayload: 65_536 }),
      () => msePublicKey(NONE),
      () => new Rc4('key' as unknown as Uint8Array),
      () => new Rc4(SKEY).skip(-1),
      () => buildMseOffer({ provide: 1, pad: new Uint8Array(513), payload: NONE }),
    ]) {
      expect(codeOf(body)).toBe('ERR_INVALID_OPTION')
    }
    expect(codeOf(() => MseHandshake.initiate({ infoHash, provide: [] }))).toBe('ERR_MSE_REQUIRED')
    expect(codeOf(() => MseHandshake.respond({ infoHashes: [], accept: ['rc4'], prefer: 'plain' }))).toBe(
      'ERR_MSE_REQUIRED',
    )
  })

  test('has the RC4 of RFC 6229', () => {
    const cipher = new Rc4(hex('0102030405'))
    const out = new Uint8Array(16)
    cipher.apply(out)
    expect(digits(out)).toBe('b2396305f03dc027ccc3524a0a1118a8')
    cipher.skip(1024 - 16)
    out.fill(0)
    cipher.apply(out)
    expect(digits(out)).toBe('30abbcc7c20b01609f23ee2d5f6bb7df')
  })
})

// Data of other projects: it lies outside this one, and what is asserted without it stands above.
const captures = `${process.env.BITLODE_VECTORS ?? '../shared/vectors'}/nb/wire`

describe.skipIf(!existsSync(captures))('the vectors of Net::BitTorrent for encryption', () => {
  const capture = (name: string): Record<string, string> => {
    const text = readFileSync(`${captures}/${name}.json`, 'utf8')
    // Private keys are longer than numbers are exact.
    return JSON.parse(text.replace(/("X\w+": )(\d+)/g, '$1"$2"')) as Record<string, string>
  }
  const key = (number = '') => hex(BigInt(number).toString(16).padStart(40, '0'))

  /** Feeds our initiator what a responder sent to its key; gives what stands behind the handshake, as it came. */
  function replay(name: string, lengths: readonly number[]): { side: MseHandshake; rest: Uint8Array } {
    const { X_initiator, infohash = '', rx = '' } = capture(name)
    const side = MseHandshake.initiate({ infoHash: hex(infohash), provide: ['rc4'], privateKey: key(X_initiator) })
    side.take()
    let used = 0
    for (const part of chunks(hex(rx), lengths)) {
      if (side.established) break
      used += side.push(part)
      side.take()
    }
    return { side, rest: hex(rx).subarray(used) }
  }

  const rc4 = ['mse_rc4_IA', 'mse_rc4_noIA_1', 'mse_rc4_noIA_2', 'mse_rc4_noIA_3']

  test.each(rc4)('%s: private keys give the public ones that were sent', (name) => {
    const { X_initiator, Xb_responder, tx = '', rx = '' } = capture(name)
    expect(digits(msePublicKey(key(X_initiator)))).toBe(tx.slice(0, 192))
    expect(digits(msePublicKey(key(Xb_responder)))).toBe(rx.slice(0, 192))
  })

  test('what a responder sent is read, whatever the parts', () => {
    for (const lengths of [[4096], [1], [7, 100, 3]]) {
      const { side, rest } = replay('mse_rc4_IA', lengths)
      expect(side.established?.method).toBe('rc4')
      side.established?.read?.apply(rest)
      expect(digits(rest.subarray(0, 20))).toBe('13426974546f7272656e742070726f746f636f6c')
      expect(digits(rest.subarray(28, 48))).toBe(capture('mse_rc4_IA').infohash)
    }
  })

  // That client sends its key and padding twice: the other three have more than 512 bytes before the constant.
  test.each(rc4.slice(1))('%s: padding that is too long is refused', (name) => {
    for (const lengths of [[4096], [1]]) expect(codeOf(() => replay(name, lengths))).toBe('ERR_MSE_SYNC')
  })

  test('mse_headeronly_run9: padding that is too long is refused', () => {
    const { Xa, infohash = '', a_to_b = '', b_to_a = '' } = capture('mse_headeronly_run9')
    expect(digits(msePublicKey(key(Xa)))).toBe(a_to_b.slice(0, 192))
    const side = MseHandshake.initiate({ infoHash: hex(infohash), privateKey: key(Xa) })
    side.take()
    expect(codeOf(() => side.push(hex(b_to_a)))).toBe('ERR_MSE_SYNC')
  })
})
