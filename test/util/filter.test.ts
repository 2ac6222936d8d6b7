import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIp, IpFilter } from '../../ts/util/index.ts'
import { codeOf } from '../api/codes.ts'
import { hex, latin1 } from './tools.ts'

const ip4 = fc.nat({ max: 0xffff_ffff })
const text4 = (number: number) => formatIp(Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)) ?? ''

describe('an IP filter', () => {
  test('reads the lines of eMule, of PeerGuardian and in CIDR notation, and says which line it could not read', () => {
    const filter = IpFilter.parse(
      [
        '# a comment',
        '// another',
        '; and one',
        '',
        '001.002.003.000 - 001.002.003.255 , 000 , [L1]Somebody, Inc',
        '5.6.7.0-5.6.7.255,127,at the edge',
        '5.6.8.0 - 5.6.8.255 , 128 , allowed',
        '9.9.9.9 - 9.9.9.10',
        'Some-Company: Ltd:10.0.0.0-10.0.0.255',
        'Six:2001:db8::-2001:db8::ffff',
        '20.0.0.0/8',
        '2001:db8:1::/48 a network',
        '30.1.1.1',
        'no address at all',
        '4.4.4.4 - 4.4.4.3 , 0 , wrong way round',
        '1.1.1.0/33',
        '300.1.1.1 - 300.1.1.2 , 0 , x',
      ].join('\r\n'),
    )
    expect(filter.ranges).toHaveLength(9)
    expect(filter.find('1.2.3.4')).toEqual({
      first: '1.2.3.0',
      last: '1.2.3.255',
      level: 0,
      about: '[L1]Somebody, Inc',
    })
    expect(filter.find('5.6.7.255')?.about).toBe('at the edge')
    expect(filter.find('10.0.0.77')?.about).toBe('Some-Company: Ltd')
    expect(filter.find('2001:db8::1:0')).toBeNull()
    expect(filter.find('2001:db8::ffff')?.about).toBe('Six')
    expect(filter.find('2001:db8:1:ffff::1')?.about).toBe('a network')
    const blocked = ['9.9.9.9', '9.9.9.10', '20.255.255.255', '30.1.1.1', '::ffff:30.1.1.1']
    const allowed = ['1.2.2.255', '1.2.4.0', '5.6.8.1', '9.9.9.8', '9.9.9.11', '21.0.0.0', '30.1.1.2', '4.4.4.4', '::1']
    for (const ip of blocked) expect(filter.blocks(ip), ip).toBe(true)
    for (const ip of allowed) expect(filter.blocks(ip), ip).toBe(false)
    expect(filter.badLines).toBe(4)
    expect(filter.problems.map(({ line }) => line)).toEqual([14, 15, 16, 17])
  })

  test('reads the example of the seed where it is there', (context) => {
    const path = process.env.BITLODE_VECTORS ?? '../shared/vectors'
    const file = `${path}/nb/packets/ipfilter.dat`
    if (!existsSync(file)) return context.skip('no vectors beside the project')
    const filter = IpFilter.parse(readFileSync(file))
    expect([filter.ranges.length, filter.badLines]).toEqual([24, 0])
    expect(filter.find('4.18.48.25')?.about).toBe('[L2]Bank of America')
    expect(filter.blocks('4.18.48.32')).toBe(false)
  })

  test("reads PeerGuardian's binary lists of versions 1 to 3", () => {
    const head = (version: number) => `ffffffff503242${version.toString(16).padStart(2, '0')}`
    const text = (words: string, encoding: 'latin1' | 'utf8') => `${Buffer.from(words, encoding).toString('hex')}00`
    const one = '01020300010203ff'
    const files: [number, string][] = [
      [1, `${head(1)}${text(' naïf ', 'latin1')}${one}${text('', 'latin1')}ffffffffffffffff`],
      [2, `${head(2)}${text('naïf', 'utf8')}${one}${text('', 'utf8')}ffffffffffffffff`],
      [3, `${head(3)}00000002${text('naïf', 'utf8')}${text('', 'utf8')}0000000200000000${one}00000001ffffffffffffffff`],
    ]
    for (const [version, digits] of files) {
      const filter = IpFilter.parse(hex(digits))
      expect(filter.ranges, String(version)).toEqual([
        { first: '1.2.3.0', last: '1.2.3.255', level: 0, about: 'naïf' },
        { first: '255.255.255.255', last: '255.255.255.255', level: 0, about: '' },
      ])
      expect(['1.2.2.255', '1.2.3.7', '1.2.4.0'].map((ip) => filter.blocks(ip))).toEqual([false, true, false])
      expect(filter.badLines).toBe(0)
      // The first range is whole, the second is not.
      const cut = IpFilter.parse(hex(digits).subarray(0, -1))
      expect([cut.ranges.length, cut.problems]).toEqual([1, [{ line: 2, text: 'the file is cut off' }]])
    }
    const odd = IpFilter.parse(hex(`${head(1)}00 05060708 01020304 00 09000001 09000002`))
    expect([odd.ranges.length, odd.problems]).toEqual([1, [{ line: 1, text: '5.6.7.8-1.2.3.4' }]])
    const texts = IpFilter.parse(hex(`${head(3)} 00000000 00000001 00000009 05060708 05060708`))
    expect(texts.ranges).toMatchObject([{ first: '5.6.7.8', about: '' }])
    for (const [digits, text] of [
      [head(4), 'P2B of version 4'],
      [head(3), 'the file is cut off'],
      [`${head(3)}ffffffff`, 'the file is cut off'],
      [`${head(3)}00000000ffffffff`, 'the file is cut off'],
      ['ffffffff503242', 'the file is cut off'],
    ] as const) {
      const filter = IpFilter.parse(hex(digits))
      expect([filter.ranges, filter.problems], digits).toEqual([[], [{ line: 1, text }]])
    }
    expect(IpFilter.parse(hex('ffffffff503243')).badLines).toBe(1)
    expect(codeOf(() => IpFilter.parse(hex(`${head(1)}${`00${one}`.repeat(2)}`), { maxRanges: 1 }))).toBe(
      'ERR_FILTER_LIMIT',
    )
  })

  test('one text that all ranges of a binary list name is not read for each of them whole', () => {
    const [words, count] = [1_000_000, 50_000]
    const file = Buffer.alloc(8 + 4 + words + 1 + 4 + 12 * count)
    file.set(hex('ffffffff50324203 00000001'))
    file.fill('a\n', 12, 12 + words)
    file.writeUInt32BE(count, 12 + words + 1)
    for (let at = 0; at < count; at++) {
      const to = 12 + words + 1 + 4 + 12 * at
      file.writeUInt32BE(at * 2, to + 4)
      file.writeUInt32BE(at * 2, to + 8)
    }
    const { ranges } = IpFilter.parse(file)
    expect(ranges).toHaveLength(count)
    expect(new Set(ranges.map(({ about }) => about))).toEqual(new Set([`${'a '.repeat(255)}a`]))
  })

  test('ranges that overlap block all that any of them blocks', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(ip4, ip4), { maxLength: 30 }), fc.array(ip4, { minLength: 1 }), (pairs, probes) => {
        const filter = new IpFilter()
        const ranges = pairs.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
        for (const [first, last] of ranges) filter.add({ first: text4(first), last: text4(last) })
        const edges = ranges.flatMap(([first, last]) => [first, last, first - 1, last + 1])
        for (const probe of [...probes, ...edges.filter((ip) => ip >= 0 && ip <= 0xffff_ffff)]) {
          const expected = ranges.some(([first, last]) => first <= probe && probe <= last)
          expect(filter.blocks(text4(probe)), text4(probe)).toBe(expected)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('written in any form it is read again and blocks the same', () => {
    const filter = new IpFilter()
    filter.add({ first: '1.2.3.5', last: '1.2.4.77', level: 90, about: 'one' })
    filter.add({ first: '255.255.255.255', last: '255.255.255.255', level: 0 })
    filter.add({ first: '0.0.0.0', last: '0.255.255.255', level: 200, about: 'allowed' })
    filter.add({ first: '2001:db8::5', last: '2001:db8::1:4', about: 'six' })
    expect(IpFilter.parse(filter.format('dat')).ranges).toEqual(filter.ranges)
    expect(filter.format('cidr').split('\n').slice(0, 3)).toEqual(['1.2.3.5/32', '1.2.3.6/31', '1.2.3.8/29'])
    for (const form of ['dat', 'p2p', 'cidr'] as const) {
      const back = IpFilter.parse(filter.format(form))
      expect(back.badLines).toBe(0)
      for (const ip of ['1.2.3.4', '1.2.3.5', '1.2.4.77', '1.2.4.78', '255.255.255.255', '0.1.1.1']) {
        expect(back.blocks(ip), `${form} ${ip}`).toBe(filter.blocks(ip))
      }
      for (const ip of ['2001:db8::4', '2001:db8::5', '2001:db8::1:4', '2001:db8::1:5']) {
        expect(back.blocks(ip), `${form} ${ip}`).toBe(filter.blocks(ip))
      }
    }
  })

  test('a range of IPv6 that ends among the mapped IPv4 addresses is one of IPv6', () => {
    const filter = IpFilter.parse(':: - ::ffff:255.255.255.255 , 0 , x\n::ffff:10.0.0.0 - ::ffff:10.0.0.255 , 0 , y\n')
    expect(filter.badLines).toBe(0)
    expect([filter.find('10.0.0.7')?.about, filter.find('11.0.0.7'), filter.find('::7')?.about]).toEqual([
      'y',
      null,
      'x',
    ])
    expect(filter.find('::ffff:11.0.0.7')?.about).toBe('x')
  })

  test('has a limit, and refuses ranges that are none', () => {
    expect(codeOf(() => IpFilter.parse('1.1.1.1\n2.2.2.2\n', { maxRanges: 1 }))).toBe('ERR_FILTER_LIMIT')
    const filter = new IpFilter()
    expect(codeOf(() => filter.add({ first: '1.1.1.2', last: '1.1.1.1' }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => filter.add({ first: '1.1.1.1', last: '::1' }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => filter.add({ first: '1.1.1.1', last: '1.1.1.1', level: 256 }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => filter.find('nowhere'))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => filter.format('xml' as never))).toBe('ERR_INVALID_OPTION')
  })

  test('no file makes it throw', () => {
    const word = fc.constantFrom(
      '1.2.3.4',
      '2001:db8::1',
      '::',
      ' - ',
      '-',
      ',',
      '/8',
      '/',
      ':',
      '000',
      '#',
      '\n',
      '\r\n',
      'x',
      '127',
    )
    const binary = fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.array(fc.constantFrom(0, 0, 0, 1, 2, 65, 255), { maxLength: 60 }))
      .map(([version, rest]) => Uint8Array.of(255, 255, 255, 255, 80, 50, 66, version, ...rest))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word).map((words) => latin1(words.join(''))),
          fc.uint8Array(),
          binary,
        ),
        (file) => {
          const filter = IpFilter.parse(file)
          expect(IpFilter.parse(filter.format('dat')).ranges).toEqual(filter.ranges)
        },
      ),
      { numRuns: 1000 },
    )
    expect(IpFilter.parse(':'.repeat(200_000)).badLines).toBe(1)
  })
})
