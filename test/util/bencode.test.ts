import npm from 'bencode'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BdecodeOptions, type BencodeValue, bdecode, bparse, bparsePrefix } from '../../ts/util/bdecode.ts'
import { type Bencodable, bencode } from '../../ts/util/bencode.ts'
import { BencodeReader } from '../../ts/util/reader.ts'
import { BencodeError } from '../../ts/util/scan.ts'
import { codeOf } from '../api/codes.ts'
import { chunks, coded, latin1, splits } from './tools.ts'

const decode = (text: string, options?: BdecodeOptions) => plain(bdecode(latin1(text), options))

/** Strings as text, to compare with what a test says. */
function plain(value: BencodeValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

/** The error with its offset. */
function fault(body: () => unknown): [code: string, offset: number] | undefined {
  try {
    body()
    return undefined
  } catch (error) {
    if (error instanceof BencodeError) return [error.code, error.offset]
    throw error
  }
}

const value: fc.Arbitrary<Bencodable> = fc.letrec<{ any: Bencodable }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('any'), { maxLength: 6 }),
    fc.dictionary(
      fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
      tie('any'),
      {
        maxKeys: 6,
        noNullPrototype: true,
      },
    ),
  ),
})).any

describe('bencoding', () => {
  test('values are read as BEP 3 writes them', () => {
    const cases: [string, unknown][] = [
      ['i4e', 4],
      ['i0e', 0],
      ['i-10e', -10],
      ['4:Perl', 'Perl'],
      ['0:', ''],
      ['4:0:0:', '0:0:'],
      ['10:1234567890', '1234567890'],
      ['le', []],
      ['li1ei2ei3ee', [1, 2, 3]],
      [
        'll5:Alice3:Bobeli2ei3eee',
        [
          ['Alice', 'Bob'],
          [2, 3],
        ],
      ],
      ['de', {}],
      ['d3:agei25e4:eyes4:bluee', { age: 25, eyes: 'blue' }],
      ['d4:dated5:month7:January4:yeari2009eee', { date: { month: 'January', year: 2009 } }],
      ['d4:spaml1:a1:bee', { spam: ['a', 'b'] }],
    ]
    for (const [text, expected] of cases) {
      expect(decode(text), text).toEqual(expected)
      expect(Buffer.from(bencode(bdecode(latin1(text)))).toString('latin1')).toBe(text)
    }
  })

  test('what is not bencoding is refused, and the byte is named', () => {
    const cases: [string, number][] = [
      ['', 0],
      ['i-0e', 2],
      ['i03e', 1],
      ['i+5e', 1],
      ['i', 1],
      ['i0', 2],
      ['ie', 1],
      ['i-e', 2],
      ['i341foo382e', 4],
      ['02:xy', 0],
      ['00:', 0],
      ['1:', 0],
      ['-1:a', 0],
      ['35208734823ljdahflajhdf', 0],
      ['99999999999999999999:', 0],
      ['l', 1],
      ['li1e', 4],
      ['d', 1],
      ['e', 0],
      ['relwjhrlewjh', 0],
      ['d3:fooe', 6],
      ['di1ei2ee', 1],
      ['d3:moo3:cow3:cat4:meowe', 11],
      ['d1:ai1e1:ai2ee', 7],
      ['d1:bd1:ai1ee1:ai2ee', 12],
      ['i6easd', 3],
      ['2:abfdj', 4],
      ['leanfd', 2],
      ['defoobar', 2],
      ['0:0:', 2],
      ['i9223372036854775808e', 0],
      ['i-9223372036854775809e', 0],
      ['i99999999999999999999e', 0],
    ]
    for (const [text, offset] of cases) {
      expect(
        fault(() => decode(text)),
        text,
      ).toEqual(['ERR_BENCODE_INVALID', offset])
    }
  })

  test('integers beyond 2^53 − 1 are bigints, up to 64 bits', () => {
    expect(decode('i9007199254740991e')).toBe(Number.MAX_SAFE_INTEGER)
    expect(decode('i9007199254740992e')).toBe(2n ** 53n)
    expect(decode('i-9007199254740992e')).toBe(-(2n ** 53n))
    expect(decode('i9223372036854775807e')).toBe(2n ** 63n - 1n)
    expect(decode('i-9223372036854775808e')).toBe(-(2n ** 63n))
    expect(decode('i1000000000000000e')).toBe(1e15)
  })

  test('row 1: nesting has a limit, exact to the level, and needs no stack', () => {
    const nested = (depth: number) => latin1('l'.repeat(depth) + 'e'.repeat(depth))
    for (const limit of [1, 16, 100]) {
      expect(fault(() => bdecode(nested(limit), { depth: limit }))).toBeUndefined()
      expect(fault(() => bdecode(nested(limit + 1), { depth: limit }))).toEqual(['ERR_BENCODE_DEPTH', limit])
    }
    expect(fault(() => bdecode(nested(1_000_000)))).toEqual(['ERR_BENCODE_DEPTH', 100])
    expect(codeOf(() => bdecode(nested(1), { depth: 1001 }))).toBe('ERR_INVALID_OPTION')
  })

  test('row 2: values have a limit, exact to the value', () => {
    const many = latin1(`l${'de'.repeat(99)}e`)
    expect(bdecode(many, { tokens: 100 })).toHaveLength(99)
    expect(fault(() => bdecode(many, { tokens: 99 }))).toEqual(['ERR_BENCODE_TOKENS', 197])
  })

  test('keys out of order are read where that is asked for, and counted; the first of two counts', () => {
    const text = 'd1:bi1e1:ai2e1:ai3ee'
    const document = bparse(latin1(text), { mode: 'unordered' })
    expect(plain(document.root.value())).toEqual({ a: 2, b: 1 })
    expect(document.root.get('a')?.integer()).toBe(2)
    expect(document.warnings).toEqual({
      unsortedKeys: 1,
      duplicateKeys: 1,
      looseNumbers: 0,
      trailingBytes: 0,
      firstAt: 7,
    })
    for (const loose of ['i03e', '02:xy', 'i1exx'])
      expect(fault(() => decode(loose, { mode: 'unordered' }))).toBeDefined()
  })

  test('leniently, loose numbers and bytes behind the value are read, and counted', () => {
    const cases: [string, unknown, number, number][] = [
      ['i-0e', 0, 1, 0],
      ['i03e', 3, 1, 0],
      ['i-007e', -7, 1, 0],
      ['i+5e', 5, 1, 0],
      ['i00000000000000000000012e', 12, 1, 0],
      ['02:xy', 'xy', 1, 0],
      ['00:', '', 1, 0],
      ['i6easd', 6, 0, 3],
      ['d1:ai1e1:ai2ee\n', { a: 1 }, 0, 1],
    ]
    for (const [text, expected, looseNumbers, trailingBytes] of cases) {
      const { root, warnings } = bparse(latin1(text), { mode: 'lenient' })
      expect(plain(root.value()), text).toEqual(expected)
      expect(Object.is(root.value(), -0)).toBe(false)
      expect(warnings).toMatchObject({ looseNumbers, trailingBytes })
    }
    for (const hopeless of ['', 'l', 'i1', '3:ab', 'd3:fooe', 'di1ei2ee', 'ie']) {
      expect(
        fault(() => decode(hopeless, { mode: 'lenient' })),
        hopeless,
      ).toBeDefined()
    }
  })

  test('parts of an input keep their bytes, also when they are written again', () => {
    const text = 'd4:infod3:zzz1:x1:a2:yye4:name1:ne'
    const { root } = bparse(latin1(text), { mode: 'unordered' })
    const info = root.get('info')
    expect([info?.start, info?.end, info?.kind]).toEqual([7, 24, 'dict'])
    expect(Buffer.from(info?.raw ?? []).toString()).toBe('d3:zzz1:x1:a2:yye')
    const edited = bencode({ comment: 'new', info, name: root.get('name') })
    expect(Buffer.from(edited).toString()).toBe('d7:comment3:new4:infod3:zzz1:x1:a2:yye4:name1:ne')
    expect([...root.entries()].map(([key]) => key)).toEqual(['info', 'name'])
    expect(root.get('nam')).toBeUndefined()
    expect(root.get('')).toBeUndefined()
    expect(root.get(latin1('name'))?.bytes()).toEqual(latin1('n'))
    expect(info?.get('zzz')?.integer()).toBeUndefined()
  })

  test('a key that ends like a longer one is not taken for it', () => {
    const { root } = bparse(latin1('d3:2:ai1e1:ai2ee'), { mode: 'unordered' })
    expect(root.get('a')?.integer()).toBe(2)
    expect(root.get('2:a')?.integer()).toBe(1)
  })

  test('the first value of an input leaves the rest alone', () => {
    const { root, length } = bparsePrefix(latin1('d8:msg_typei1eerest'))
    expect([length, root.get('msg_type')?.integer()]).toEqual([15, 1])
  })

  test('keys are only data', () => {
    const dict = bdecode(latin1('d9:__proto__d8:polluted1:ye11:constructor1:xe')) as Record<string, BencodeValue>
    expect(Object.getPrototypeOf(dict)).toBeNull()
    expect(Object.keys(dict)).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(Buffer.from(bencode(dict)).toString()).toBe('d9:__proto__d8:polluted1:ye11:constructor1:xe')
  })

  test('the encoder refuses what has no bencoding', () => {
    const circle: unknown[] = []
    circle.push(circle)
    const wrong: unknown[] = [
      1.5,
      Number.NaN,
      2 ** 53,
      2n ** 63n,
      null,
      undefined,
      true,
      [undefined],
      new Array(1),
      { a: null },
    ]
    wrong.push(new Date(0), new Set(), Symbol('x'), () => 0, { 'µ€': 1 }, new Proxy({}, {}), new ArrayBuffer(2))
    wrong.push(
      new Map<unknown, number>([
        ['a', 1],
        [latin1('a'), 2],
      ]),
    )
    for (const bad of wrong)
      expect(
        codeOf(() => bencode(bad as Bencodable)),
        String(bad),
      ).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => bencode(circle as Bencodable))).toBe('ERR_BENCODE_DEPTH')
  })

  test('the encoder sorts keys by bytes, leaves out undefined, writes text as UTF-8', () => {
    const dict = { b: 1, a: -0, '\u00ff': 'ü', '10': undefined, Z: new Map([[latin1('k'), 2n]]) }
    expect(Buffer.from(bencode(dict)).toString('latin1')).toBe('d1:Zd1:ki2ee1:ai0e1:bi1e1:\u00ff2:\u00c3\u00bce')
  })

  test('what was encoded is decoded to the same, and encodes to the same bytes', () => {
    fc.assert(
      fc.property(value, (any) => {
        const bytes = bencode(any)
        const back = bdecode(bytes)
        expect(Buffer.from(bencode(back)).equals(bytes)).toBe(true)
        expect(plain(back)).toEqual(plain(normal(any)))
      }),
    )
  })

  test('the npm package `bencode` reads and writes the same where it can', () => {
    const small = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.uint8Array({ maxLength: 20 }),
        fc.array(tie('any'), { maxLength: 5 }),
        fc.dictionary(fc.stringMatching(/^[a-z ]{1,8}$/), tie('any'), { maxKeys: 5, noNullPrototype: true }),
      ),
    })).any
    fc.assert(
      fc.property(small, (any) => {
        const bytes = bencode(any as Bencodable)
        expect(Buffer.from(bytes).equals(npm.encode(any))).toBe(true)
        expect(plain(npm.decode(bytes) as BencodeValue)).toEqual(plain(bdecode(bytes)))
      }),
    )
  })

  test('no bytes make a decoder throw anything but its codes', () => {
    const codes = [undefined, 'ERR_BENCODE_INVALID', 'ERR_BENCODE_DEPTH', 'ERR_BENCODE_TOKENS']
    coded(
      value.map((any) => bencode(any)),
      codes,
      (bytes) => {
        for (const mode of ['strict', 'unordered', 'lenient'] as const) {
          const code = codeOf(() => bdecode(bytes, { mode }))
          expect(codes).toContain(code)
        }
        bdecode(bytes)
      },
    )
  })
})

describe('a value that comes in parts', () => {
  test('is read whichever way it is cut, and takes exactly its bytes', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ maxLength: 9 }), splits, (any, rest, cuts) => {
        const bytes = bencode(any)
        const reader = new BencodeReader()
        let taken = 0
        for (const chunk of chunks(Buffer.concat([bytes, rest]), cuts)) {
          const done = reader.push(chunk)
          taken += done?.used ?? chunk.length
          if (!done) continue
          expect(taken).toBe(bytes.length)
          expect(Buffer.from(done.document.root.raw).equals(bytes)).toBe(true)
          expect(codeOf(() => reader.push(chunk))).toBe('ERR_CLOSED')
          return
        }
        expect.unreachable('the value is whole')
      }),
    )
  })

  test('is refused before it is kept when its length is too large', () => {
    const reader = new BencodeReader({ bytes: 1000 })
    expect(reader.push(latin1('d4:info99'))).toBeNull()
    expect(reader.length).toBe(9)
    expect(codeOf(() => reader.push(latin1('9:')))).toBe('ERR_BENCODE_SIZE')
    expect(codeOf(() => new BencodeReader({ bytes: 1000 }).push(latin1('9999')))).toBe('ERR_BENCODE_SIZE')
    const exact = new BencodeReader({ bytes: 5 })
    expect(exact.push(latin1('3:abc'))?.used).toBe(5)
    expect(codeOf(() => new BencodeReader({ bytes: 4 }).push(latin1('3:')))).toBe('ERR_BENCODE_SIZE')
    expect(codeOf(() => new BencodeReader({ bytes: 4 }).push(latin1('i12345')))).toBe('ERR_BENCODE_SIZE')
    expect(codeOf(() => new BencodeReader({ depth: 3 }).push(latin1('llll')))).toBe('ERR_BENCODE_DEPTH')
    expect(codeOf(() => new BencodeReader({ tokens: 3 }).push(latin1('li1ei1ei1e')))).toBe('ERR_BENCODE_TOKENS')
  })

  test('fails with the same codes as in one part', () => {
    const codes = ['ERR_BENCODE_INVALID', 'ERR_BENCODE_DEPTH', 'ERR_BENCODE_TOKENS', 'ERR_BENCODE_SIZE']
    coded(
      value.map((any) => bencode(any)),
      codes,
      (bytes) => {
        const reader = new BencodeReader({ bytes: 200 })
        for (let at = 0; at < bytes.length; at += 7) if (reader.push(bytes.subarray(at, at + 7))) return
      },
    )
  })
})

/** What decoding gives for a value: bigints that are small become numbers. */
function normal(any: Bencodable): BencodeValue {
  if (typeof any === 'bigint' && BigInt.asIntN(54, any) === any)
    return Number.isSafeInteger(Number(any)) ? Number(any) : any
  if (Object.is(any, -0)) return 0
  if (Array.isArray(any)) return any.map(normal)
  if (typeof any === 'object' && !(any instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(any).map(([key, part]) => [key, normal(part as Bencodable)]))
  }
  return any as BencodeValue
}
