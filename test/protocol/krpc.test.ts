import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildKrpc, KrpcError, type KrpcMessage, type KrpcQuery, parseKrpc } from '../../ts/protocol/index.ts'
import { bencode } from '../../ts/util/index.ts'
import { codeOf } from '../api/codes.ts'
import { coded, digits, latin1 } from '../util/tools.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const some = fc.uint8Array({ maxLength: 12 })
const want = fc.subarray(['n4', 'n6'] as const)
const yes = fc.constant(true)
const seq = fc.oneof(fc.maxSafeInteger().map(Math.abs), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }))
const value = fc
  .oneof(fc.integer(), fc.uint8Array({ maxLength: 500 }), fc.array(fc.integer()))
  .map((any) => bencode(any))
const port = fc.integer({ min: 1, max: 65_535 })
const entries = (length: number) =>
  fc.array(bytes(length), { maxLength: 8 }).map((list) => Uint8Array.from(Buffer.concat(list)))
const address = fc.oneof(bytes(6), bytes(18))

type Fields = Record<string, fc.Arbitrary<unknown>>

/** Values of a record whose keys behind the required ones may be missing. */
const record = <T>(required: Fields, optional: Fields) =>
  fc.record({ ...required, ...optional }, { requiredKeys: Object.keys(required) }) as unknown as fc.Arbitrary<T>

const query = (method: KrpcQuery['method'], required: Fields, optional: Fields) =>
  record<KrpcQuery>(
    { kind: fc.constant('query'), method: fc.constant(method), transaction: some, id: bytes(20), ...required },
    { version: bytes(4), readOnly: yes, ...optional },
  )

const signed = fc.record({ key: bytes(32), seq, signature: bytes(64) })

const messages: Record<string, fc.Arbitrary<KrpcMessage>> = {
  ping: query('ping', {}, {}),
  find_node: query('find_node', { target: bytes(20) }, { want }),
  get_peers: query('get_peers', { infoHash: bytes(20) }, { want, noSeed: yes, scrape: yes }),
  announce_peer: query(
    'announce_peer',
    { infoHash: bytes(20), port, token: some },
    { impliedPort: yes, seed: yes, name: some },
  ),
  get: query('get', { target: bytes(20) }, { seq, want }),
  'put of an immutable item': query('put', { token: some, value }, {}),
  'put of a mutable item': query(
    'put',
    { token: some, value, signed },
    { salt: fc.uint8Array({ maxLength: 64 }), cas: seq },
  ),
  sample_infohashes: query('sample_infohashes', { target: bytes(20) }, { want }),
  'an unknown query': query('other', { name: fc.stringMatching(/^[x-z\0\xff]{0,9}$/) }, { target: bytes(20), want }),
  'a reply': record<KrpcMessage>(
    { kind: fc.constant('reply'), transaction: some, id: bytes(20) },
    {
      version: bytes(4),
      ip: address,
      port: fc.nat({ max: 65_535 }),
      nodes: entries(26),
      nodes6: entries(38),
      token: some,
      values: fc.array(address, { maxLength: 9 }),
      value,
      key: bytes(32),
      seq,
      signature: bytes(64),
      samples: entries(20),
      interval: fc.nat({ max: 21_600 }),
      num: fc.nat(),
    },
  ),
  'a reply to a scrape': record<KrpcMessage>(
    { kind: fc.constant('reply'), transaction: some, id: bytes(20), seedFilter: bytes(256), peerFilter: bytes(256) },
    { token: some },
  ),
  'an error': record<KrpcMessage>(
    { kind: fc.constant('error'), transaction: some, code: fc.nat(), message: fc.string() },
    { version: bytes(4), ip: address },
  ),
}

const any = fc.oneof(...Object.values(messages))

describe('messages of the DHT', () => {
  test.each(Object.keys(messages))('round trip: %s', (name) => {
    fc.assert(
      fc.property(messages[name] as fc.Arbitrary<KrpcMessage>, (message) => {
        const datagram = buildKrpc(message)
        expect(parseKrpc(datagram, 65_507)).toEqual(message)
      }),
      { numRuns: 200 },
    )
  })

  test('the samples of BEP 5 are read and written byte for byte', () => {
    const samples: [string, object][] = [
      ['d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe', { method: 'ping' }],
      ['d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re', { kind: 'reply' }],
      [
        'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe',
        { method: 'find_node', target: latin1('mnopqrstuvwxyz123456') },
      ],
      [
        'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe',
        { method: 'get_peers', infoHash: latin1('mnopqrstuvwxyz123456') },
      ],
      [
        'd1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re',
        { token: latin1('aoeusnth'), values: [latin1('axje.u'), latin1('idhtnm')] },
      ],
      [
        'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe',
        { method: 'announce_peer', impliedPort: true, port: 6881, token: latin1('aoeusnth') },
      ],
      ['d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee', { code: 201, message: 'A Generic Error Ocurred' }],
    ]
    for (const [text, expected] of samples) {
      const message = parseKrpc(latin1(text))
      expect(message).toMatchObject(expected)
      expect(Buffer.from(buildKrpc(message)).toString('latin1')).toBe(text)
    }
  })

  test('the samples of BEP 5 with nodes of 9 bytes have a flaw, and no nodes', () => {
    for (const text of [
      'd1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re',
      'd1:rd2:id20:abcdefghij01234567895:nodes9:def456...5:token8:aoeusnthe1:t2:aa1:y1:re',
    ]) {
      expect(parseKrpc(latin1(text))).toMatchObject({ nodes: new Uint8Array(0), flaws: ['nodes'] })
    }
  })

  test('row 58: fields that must not be so are left out of an answer and named, lists keep their whole entries', () => {
    const reply = bencode({
      ip: 'short',
      r: {
        BFsd: new Uint8Array(255),
        id: new Uint8Array(20),
        interval: 21_601,
        nodes: new Uint8Array(27),
        nodes6: 6,
        num: -1,
        p: 'x',
        samples: new Uint8Array(41),
        seq: -5,
        token: [],
        unknown: 1,
        v: new Uint8Array(1001),
        values: [new Uint8Array(6), new Uint8Array(7), 3, new Uint8Array(18)],
      },
      t: 'aa',
      y: 'r',
    })
    const { flaws, ...kept } = parseKrpc(reply, 65_507) as Extract<KrpcMessage, { kind: 'reply' }>
    expect(flaws?.join()).toBe('ip,BFsd,interval,nodes,nodes6,num,p,samples,seq,token,v,values')
    expect(kept).toEqual({
      kind: 'reply',
      transaction: latin1('aa'),
      id: new Uint8Array(20),
      nodes: new Uint8Array(26),
      samples: new Uint8Array(40),
      values: [new Uint8Array(6), new Uint8Array(18)],
    })
  })

  test('keys may come in any order, and what is unknown is ignored', () => {
    const text = 'd1:y1:q1:t2:aa1:q4:ping1:xi1e1:ad3:foo3:bar2:id20:abcdefghij0123456789ee'
    expect(parseKrpc(latin1(text))).toMatchObject({ method: 'ping', transaction: latin1('aa') })
  })

  test('BEP 43: a node that only asks says so', () => {
    expect(parseKrpc(latin1('d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t1:01:y1:qe'))).toMatchObject({
      readOnly: true,
    })
    expect(parseKrpc(latin1('d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi0e1:t1:01:y1:qe'))).not.toHaveProperty(
      'readOnly',
    )
  })

  test('a query with wrong arguments is refused with the error that is to be answered', () => {
    const id = new Uint8Array(20)
    const target = new Uint8Array(20)
    const token = 'tt'
    const key = { k: new Uint8Array(32), seq: 1, sig: new Uint8Array(64) }
    const cases: [string, object, number][] = [
      ['ping', {}, 203],
      ['ping', { id: 'short' }, 203],
      ['find_node', { id }, 203],
      ['get_peers', { id, info_hash: new Uint8Array(19) }, 203],
      ['announce_peer', { id, info_hash: target, port: 0, token }, 203],
      ['announce_peer', { id, info_hash: target, port: 65_536, token }, 203],
      ['announce_peer', { id, info_hash: target, port: 1 }, 203],
      ['get', { id, target, seq: -1 }, 203],
      ['get', { id, target, seq: 'x' }, 203],
      ['put', { id, token }, 203],
      ['put', { id, v: 1 }, 203],
      ['put', { id, token, v: new Uint8Array(997) }, 205],
      ['put', { id, token, v: 1, k: new Uint8Array(32) }, 203],
      ['put', { id, token, v: 1, ...key, sig: new Uint8Array(63) }, 203],
      ['put', { id, token, v: 1, ...key, salt: new Uint8Array(65) }, 207],
      ['put', { id, token, v: 1, ...key, cas: -1 }, 203],
    ]
    for (const [q, a, code] of cases) {
      const error = thrown(() => parseKrpc(bencode({ a: a as never, q, t: 'xy', y: 'q' })))
      expect(error?.reply, `${q} ${Object.keys(a)}`).toMatchObject({ kind: 'error', transaction: latin1('xy'), code })
      if (error?.reply) expect(parseKrpc(buildKrpc(error.reply))).toEqual(error.reply)
    }
    expect(thrown(() => parseKrpc(latin1('d1:y1:q1:t1:xe')))?.reply).toMatchObject({ code: 203 })
  })

  test('BEP 44: a value whose keys are not sorted is refused, also within a message whose own keys are not', () => {
    const id = '2:id20:abcdefghij0123456789'
    const put = (value: string, rest = '') => latin1(`d1:ad${id}5:token1:t1:v${value}${rest}e1:q3:put1:t1:a1:y1:qe`)
    expect(thrown(() => parseKrpc(put('d1:bi1e1:ai1ee')))?.reply).toMatchObject({ code: 203 })
    expect(thrown(() => parseKrpc(put('d1:ai1e1:ai1ee')))?.reply).toMatchObject({ code: 203 })
    expect(parseKrpc(put('d1:ai1e1:bi1ee'))).toMatchObject({ value: latin1('d1:ai1e1:bi1ee') })
    expect(parseKrpc(put('d1:ai1e1:bi1ee', '1:a1:b'))).toMatchObject({ value: latin1('d1:ai1e1:bi1ee') })
  })

  test('what is no message is refused and not answered', () => {
    const id = '2:id20:abcdefghij0123456789'
    for (const text of [
      '',
      'le',
      'i1e',
      'de',
      'hello',
      'd1:t2:aae',
      'd1:t2:aa1:y1:ze',
      'd1:t2:aa1:y1:re',
      'd1:rde1:t2:aa1:y1:re',
      'd1:t2:aa1:y1:ee',
      'd1:ele1:t2:aa1:y1:ee',
      'd1:e3:2011:t2:aa1:y1:ee',
      'd1:el1:ae1:t2:aa1:y1:ee',
      `d1:ad${id}e1:q4:ping1:y1:qe`,
      `d1:ad${id}e1:q4:ping1:ti5e1:y1:qe`,
      `d1:ad${id}e1:q4:ping1:t1:a1:y1:qee`,
      `d1:ad${id}e1:q4:ping1:t1:a1:y1:qi03ee`,
      `d1:a${'l'.repeat(20)}${'e'.repeat(20)}1:t1:a1:y1:qe`,
    ]) {
      const error = thrown(() => parseKrpc(latin1(text)))
      expect(error?.code, text).toBe('ERR_KRPC_INVALID')
      expect(error?.reply, text).toBeNull()
    }
    const long = bencode({ a: { id: new Uint8Array(20) }, q: 'ping', t: new Uint8Array(1500), y: 'q' })
    expect(thrown(() => parseKrpc(long))?.message).toContain('longer than 1500')
    expect(parseKrpc(long, 2000)).toMatchObject({ method: 'ping' })
  })

  test('the builder refuses fields of the wrong length, type or range', () => {
    const base = { transaction: new Uint8Array(2), id: new Uint8Array(20) }
    const wrong: object[] = [
      { kind: 'query', method: 'ping', ...base, id: new Uint8Array(19) },
      { kind: 'query', method: 'ping', id: base.id },
      { kind: 'query', method: 'pong', ...base },
      { kind: 'query', method: 'other', ...base, name: '€' },
      { kind: 'query', method: 'find_node', ...base },
      { kind: 'query', method: 'find_node', ...base, target: base.id, want: ['n5'] },
      { kind: 'query', method: 'announce_peer', ...base, infoHash: base.id, port: 0, token: base.id },
      { kind: 'query', method: 'put', ...base, token: base.id, value: latin1('d1:bi1e1:ai1ee'), what: 'unsorted' },
      { kind: 'query', method: 'put', ...base, token: base.id, value: latin1('i1e5:extra') },
      { kind: 'query', method: 'put', ...base, token: base.id, value: bencode('x'.repeat(1000)) },
      { kind: 'query', method: 'put', ...base, token: base.id, value: latin1('i1e'), salt: base.id },
      { kind: 'reply', ...base, nodes: new Uint8Array(25) },
      { kind: 'reply', ...base, values: [new Uint8Array(7)] },
      { kind: 'reply', ...base, seq: -1 },
      { kind: 'reply', ...base, seq: 2n ** 63n },
      { kind: 'error', ...base, code: 1.5, message: '' },
      { kind: 'error', ...base, code: 201, message: 5 },
      { kind: 'nothing', ...base },
    ]
    for (const message of wrong) {
      expect(['ERR_INVALID_OPTION', 'ERR_BENCODE_INVALID'], Object.values(message).join()).toContain(
        codeOf(() => buildKrpc(message as KrpcMessage)),
      )
    }
  })

  test('no datagram makes the parser throw anything but its error', () => {
    coded(
      any.map((message) => buildKrpc(message)),
      ['ERR_KRPC_INVALID'],
      (datagram) => {
        const message = parseKrpc(datagram)
        // What was read can be written, and is read as the same again.
        const { flaws, ...rest } = message as Extract<KrpcMessage, { kind: 'reply' }>
        if (message.kind === 'error' && (message.code < 0 || message.message.includes('\ufffd'))) return
        expect(parseKrpc(buildKrpc(rest), 65_507)).toEqual(rest)
      },
      4000,
    )
  })

  test('its parts are views: nothing of a datagram is copied', () => {
    const datagram = buildKrpc({ kind: 'query', method: 'ping', transaction: latin1('aa'), id: new Uint8Array(20) })
    const { transaction } = parseKrpc(datagram)
    datagram.fill(0x62)
    expect(digits(transaction)).toBe('6262')
  })
})

function thrown(body: () => unknown): KrpcError | undefined {
  try {
    body()
    return undefined
  } catch (error) {
    if (error instanceof KrpcError) return error
    throw error
  }
}
