import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  immutableTarget,
  mutableTarget,
  publicKeyOf,
  ScrapeFilter,
  signedBytes,
  signItem,
  verifyItem,
} from '../../ts/protocol/index.ts'
import { bencode, formatIp } from '../../ts/util/index.ts'
import { codeOf } from '../api/codes.ts'
import { digits, hex, latin1 } from '../util/tools.ts'

const key = hex('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548')
const value = latin1('12:Hello World!')

describe('BEP 44: items of the DHT', () => {
  test('the vectors of the text: what is signed, where it is stored, that the signatures are right', () => {
    const one = {
      key,
      value,
      seq: 1,
      signature: hex(
        '305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01',
      ),
    }
    expect(Buffer.from(signedBytes(one)).toString()).toBe('3:seqi1e1:v12:Hello World!')
    expect(digits(mutableTarget(key))).toBe('4a533d47ec9c7d95b1ad75f576cffc641853b750')
    expect(verifyItem(one, mutableTarget(key))).toBe(true)
    const two = {
      ...one,
      salt: latin1('foobar'),
      signature: hex(
        '6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17ddf9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08',
      ),
    }
    expect(Buffer.from(signedBytes(two)).toString()).toBe('4:salt6:foobar3:seqi1e1:v12:Hello World!')
    expect(digits(mutableTarget(key, two.salt))).toBe('411eba73b6f087ca51a3795d9c8c938d365e32c1')
    expect(verifyItem(two, mutableTarget(key, two.salt))).toBe(true)
    expect(digits(immutableTarget(value))).toBe('e5f96f6f38320f0f33959cb4d3d656452117aadb')
    for (const wrong of [
      { ...one, seq: 2 },
      { ...two, salt: latin1('foo') },
      { ...one, value: latin1('i1e') },
      { ...one, key: two.signature.subarray(0, 32) },
    ]) {
      expect(verifyItem(wrong)).toBe(false)
    }
    expect(verifyItem(one, new Uint8Array(20))).toBe(false)
  })

  test('an item signed with a seed, as other libraries sign it', () => {
    const seed = Uint8Array.from({ length: 32 }, (_, at) => at)
    const content = {
      value: bencode({ ih: Uint8Array.from({ length: 20 }, (_, at) => at) }),
      seq: 4,
      salt: latin1('n'),
    }
    expect(digits(publicKeyOf(seed))).toBe('03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8')
    expect(digits(signedBytes(content))).toBe(
      '343a73616c74313a6e333a736571693465313a7664323a696832303a000102030405060708090a0b0c0d0e0f1011121365',
    )
    const signed = signItem(content, seed)
    expect(digits(signed.signature)).toBe(
      'd9ca323256e076581caf81ca0c982a888487e6d61eb2b2a36c640f217b510e943171baba8e7f7f9b5f8095ff43bba29eef6edeba403f6e6f75f707d1f8d2ee06',
    )
    expect(digits(mutableTarget(signed.key, content.salt))).toBe('a5700998b63f3177256e7650024d3d37f76f3838')
    expect(verifyItem({ ...content, ...signed })).toBe(true)
    expect(verifyItem({ ...content, ...signed, salt: new Uint8Array(0) })).toBe(false)
  })

  test('an empty salt is none', () => {
    expect(signedBytes({ value, seq: 1, salt: new Uint8Array(0) })).toEqual(signedBytes({ value, seq: 1 }))
    expect(mutableTarget(key, new Uint8Array(0))).toEqual(mutableTarget(key))
  })

  test('BEP 46: targets of mutable torrents', () => {
    const feed = hex('8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e')
    expect(digits(mutableTarget(feed))).toBe('cc3f9d90b572172053626f9980ce261a850d050b')
    expect(digits(mutableTarget(feed, hex('6e')))).toBe('59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f')
  })

  test('what was signed verifies, and one changed bit does not', () => {
    const any = fc.record({
      value: fc.uint8Array({ maxLength: 300 }).map((bytes) => bencode(bytes)),
      seq: fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
      salt: fc.uint8Array({ maxLength: 64 }),
    })
    fc.assert(
      fc.property(any, fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat({ max: 511 }), (content, seed, bit) => {
        const signed = signItem(content, seed)
        expect(verifyItem({ ...content, ...signed })).toBe(true)
        const signature = signed.signature.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
        expect(verifyItem({ ...content, ...signed, signature })).toBe(false)
        verifyItem({ ...content, ...signed, key: seed })
      }),
      { numRuns: 50 },
    )
  })

  test('what cannot be an item is refused', () => {
    const seed = new Uint8Array(32)
    expect(codeOf(() => signItem({ value: latin1('i1e3:x'), seq: 1 }, seed))).toBe('ERR_BENCODE_INVALID')
    expect(codeOf(() => signItem({ value: new Uint8Array(1001).fill(0x6c), seq: 1 }, seed))).toMatch(/^ERR_/)
    expect(codeOf(() => signItem({ value, seq: -1 }, seed))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => signItem({ value, seq: 2n ** 63n }, seed))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => signItem({ value, seq: 1, salt: new Uint8Array(65) }, seed))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => signItem({ value, seq: 1 }, new Uint8Array(64)))).toBe('ERR_INVALID_OPTION')
  })
})

describe('BEP 33: filters that count', () => {
  test('the vector of the text', () => {
    const filter = new ScrapeFilter()
    for (let last = 0; last < 256; last++) filter.add(`192.0.2.${last}`)
    for (let last = 0; last <= 0x3e7; last++) filter.add(`2001:db8::${last.toString(16)}`)
    expect(digits(filter.toBytes())).toBe(
      (
        'F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAEFE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFD' +
        'F4FFD3E9DFF12D1BDF59DB53DBE9FA5B7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24FD8DC7ADF' +
        'FD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B' +
        '7F2BD93FEB4386CFDD6F7FD5BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB5762ABE8FF237279BF' +
        'EFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6FD8F72EF'
      ).toLowerCase(),
    )
    expect(filter.size).toBeCloseTo(1224.93, 2)
    expect(filter.has('192.0.2.77')).toBe(true)
  })

  test('what was added is in it, also after a merge', () => {
    const ip = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    fc.assert(
      fc.property(fc.array(ip), fc.array(ip), (a, b) => {
        const [one, two] = [new ScrapeFilter(), new ScrapeFilter()]
        for (const bytes of a) one.add(bytes)
        for (const bytes of b) two.add(formatIp(bytes) ?? '')
        one.merge(new ScrapeFilter(two.toBytes()))
        expect([...a, ...b].every((bytes) => one.has(bytes))).toBe(true)
      }),
    )
  })

  test('empty and full ones have a size', () => {
    expect(new ScrapeFilter().size).toBe(0)
    const full = new ScrapeFilter(new Uint8Array(256).fill(0xff))
    expect(full.size).toBeGreaterThan(7000)
    expect(Number.isFinite(full.size)).toBe(true)
    expect(codeOf(() => new ScrapeFilter(new Uint8Array(255)))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => new ScrapeFilter().add('example.org'))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => new ScrapeFilter().add(new Uint8Array(5)))).toBe('ERR_INVALID_OPTION')
  })
})
