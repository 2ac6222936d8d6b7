import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  allowedFastSet,
  compactEndpoint,
  compactNodes,
  compactPeers,
  crc32c,
  expandEndpoint,
  expandNodes,
  expandPeers,
  fitsNodeId,
  formatEndpoint,
  formatIp,
  ipVersion,
  isLocalIp,
  listPeers,
  makeNodeId,
  parseEndpoint,
  parseIp,
  peerPriority,
  unmapIp,
} from '../../ts/util/index.ts'
import { codeOf } from '../api/codes.ts'
import { digits, hex, latin1 } from './tools.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const ip4 = bytes(4).map((ip) => formatIp(ip) ?? '')
const ip6 = bytes(16).map((ip) => formatIp(ip) ?? '')
const port = fc.nat({ max: 65_535 })

describe('addresses', () => {
  test('text and bytes agree', () => {
    const pairs: [string, string][] = [
      ['192.0.2.1', 'c0000201'],
      ['0.0.0.0', '00000000'],
      ['2001:db8::1', '20010db8000000000000000000000001'],
      ['::', '00000000000000000000000000000000'],
      ['::1', '00000000000000000000000000000001'],
      ['1::', '00010000000000000000000000000000'],
      ['1:0:0:2::3', '00010000000000020000000000000003'],
      ['1::2:0:0:3', '00010000000000000002000000000003'],
      ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
      ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ]
    for (const [text, digit] of pairs) {
      expect(digits(parseIp(text)), text).toBe(digit)
      expect(formatIp(hex(digit))).toBe(text)
    }
    expect(digits(parseIp('64:ff9b::192.0.2.33'))).toBe('0064ff9b0000000000000000c0000221')
    expect(digits(parseIp('2001:DB8::A'))).toBe('20010db800000000000000000000000a')
    expect(formatIp(new Uint8Array(5))).toBeUndefined()
    expect(digits(unmapIp(parseIp('::ffff:1.2.3.4') ?? hex('')))).toBe('01020304')
  })

  test('what is no address is none', () => {
    for (const wrong of [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3.4 ',
      '1..2.3',
      '1.2.3.-4',
      'example.org',
      ':',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '1:2:3:4:5:6:7::8',
      '12345::',
      'g::',
      '::1%eth0',
      '1.2.3.4::',
      '::1.2.3',
      '::1.2.3.4:5',
      '[::1]',
    ]) {
      expect(parseIp(wrong), wrong).toBeUndefined()
      expect(ipVersion(wrong)).toBe(0)
    }
  })

  test('every address that is written is read again, as URLs read it', () => {
    fc.assert(
      fc.property(bytes(16), bytes(4), (six, four) => {
        expect(parseIp(formatIp(six) ?? '')).toEqual(six)
        expect(parseIp(formatIp(four) ?? '')).toEqual(four)
        const text = formatIp(six) ?? ''
        if (!text.includes('.')) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`)
      }),
    )
  })

  test('no text makes the readers throw, and URLs agree which IPv6 addresses there are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.]{1,24}$/), (text) => {
        parseEndpoint(text)
        if (text.includes(':')) expect(parseIp(text) !== undefined, text).toBe(URL.canParse(`http://[${text}]/`))
      }),
      { numRuns: 2000 },
    )
  })

  test('endpoints have brackets around IPv6', () => {
    expect(parseEndpoint('[2001:db8::1]:6881')).toEqual({ ip: '2001:db8::1', port: 6881 })
    expect(parseEndpoint('192.0.2.1:6881')).toEqual({ ip: '192.0.2.1', port: 6881 })
    expect(formatEndpoint({ ip: '::1', port: 80 })).toBe('[::1]:80')
    for (const wrong of [
      '192.0.2.256:1',
      '1.2.3:4',
      '::1:80',
      '[1.2.3.4]:5',
      'example.org:80',
      '1.2.3.4:65536',
      '',
      '1.2.3.4:',
    ]) {
      expect(parseEndpoint(wrong), wrong).toBeUndefined()
    }
  })

  test('private, loopback and link-local ones are local', () => {
    const local = (ip: string) => isLocalIp(parseIp(ip) ?? hex(''))
    for (const ip of ['10.1.2.3', '127.0.0.1', '192.168.1.1', '172.31.0.1', '169.254.1.1', '100.64.0.1', '0.0.0.0']) {
      expect(local(ip), ip).toBe(true)
    }
    for (const ip of ['::', '::1', 'fe80::1', 'febf::1', 'fd00::1', 'fc00::1', '::ffff:10.0.0.1']) {
      expect(local(ip), ip).toBe(true)
    }
    for (const ip of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:db8::1', 'fec0::1', '::2', '::ffff:8.8.8.8']) {
      expect(local(ip), ip).toBe(false)
    }
  })
})

describe('compact lists', () => {
  test('peers are packed and unpacked', () => {
    const four: [string[], string][] = [
      [['127.0.0.1:98'], '7f0000010062'],
      [['127.0.0.1:0'], '7f0000010000'],
      [['127.0.0.1:65535'], '7f000001ffff'],
      [['127.0.0.1:3265', '255.25.21.32:0'], '7f0000010cc1ff1915200000'],
      [[], ''],
    ]
    for (const [peers, packed] of four) {
      expect(digits(compactPeers(peers))).toBe(packed)
      expect(listPeers(hex(packed))).toEqual(peers)
    }
    const six = ['[2001:db8:85a3::8a2e:370:7334]:2223', '[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:911']
    const packed = '20010db885a3000000008a2e0370733408af3ffe1900454500030200f8fffe2167cf038f'
    expect(digits(compactPeers(six, 6))).toBe(packed)
    expect(listPeers(hex(packed), 6)).toEqual(six)
    expect(digits(compactPeers(['127.0.0.1:000065']))).toBe('7f0000010041')
    expect(digits(compactPeers(['127.0.0.1:3265', { ip: '127.0.0.1', port: 3265 }]))).toBe('7f0000010cc1')
  })

  test('what is no peer is refused', () => {
    for (const wrong of [
      '270.0.0.1:0',
      '127.0.0.1:5000000',
      '127.0.0.1:500:30',
      '127.0.0.1.3:50030',
      '127.0.0.1:ABC',
      '',
      '127.0.0.1:65536',
      '[::1]:80',
    ]) {
      expect(
        codeOf(() => compactPeers([wrong])),
        wrong,
      ).toBe('ERR_INVALID_OPTION')
    }
    expect(codeOf(() => compactPeers([{ ip: '1.2.3.4', port: -1 }]))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => compactPeers(['1.2.3.4:5'], 6))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => compactNodes([{ id: hex('00'), ip: '1.2.3.4', port: 5 }]))).toBe('ERR_INVALID_OPTION')
  })

  test('a list with a part of an entry is refused', () => {
    expect(codeOf(() => expandPeers(new Uint8Array(7)))).toBe('ERR_COMPACT_INVALID')
    expect(codeOf(() => expandPeers(new Uint8Array(6), 6))).toBe('ERR_COMPACT_INVALID')
    expect(codeOf(() => expandNodes(new Uint8Array(9)))).toBe('ERR_COMPACT_INVALID')
    for (const length of [0, 1, 2, 5, 7, 17, 19]) {
      expect(
        codeOf(() => expandEndpoint(new Uint8Array(length))),
        `${length}`,
      ).toBe('ERR_COMPACT_INVALID')
    }
  })

  test('what was packed is unpacked, of both families', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(ip4, port, bytes(20))),
        fc.array(fc.tuple(ip6, port, bytes(20))),
        (fours, sixes) => {
          for (const [list, family] of [
            [fours, 4],
            [sixes, 6],
          ] as const) {
            const nodes = list.map(([ip, port, id]) => ({ id, ip, port }))
            const peers = list.map(([ip, port]) => ({ ip, port }))
            const texts = [...new Set(peers.map(formatEndpoint))]
            expect(expandNodes(compactNodes(nodes, family), family)).toEqual(
              nodes.filter(
                ({ id, ip, port }, at) =>
                  nodes.findIndex((one) => one.ip === ip && one.port === port && digits(one.id) === digits(id)) === at,
              ),
            )
            expect(listPeers(compactPeers(peers, family), family)).toEqual(texts)
            for (const peer of peers) expect(expandEndpoint(compactEndpoint(peer))).toEqual(peer)
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('what is computed from addresses', () => {
  test('CRC-32C has its known values', () => {
    expect(crc32c(latin1(''))).toBe(0)
    expect(crc32c(latin1('123456789'))).toBe(0xe3069283)
    expect(crc32c(latin1('The quick brown fox jumps over the lazy dog'))).toBe(0x22620404)
    expect(crc32c(hex('010b1fee06'))).toBe(0x7c237efd)
  })

  test('BEP 42: node ids fit their addresses as in the table of the text', () => {
    const rows: [string, number, string][] = [
      ['124.31.75.21', 1, '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
      ['21.75.31.124', 86, '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
      ['65.23.51.170', 22, 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
      ['84.124.73.14', 65, '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
      ['43.213.53.83', 90, 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
    ]
    for (const [ip, last, id] of rows) {
      expect(fitsNodeId(hex(id), ip), ip).toBe(true)
      const made = makeNodeId(ip, hex(id).with(0, 0).with(1, 0xff).with(19, last))
      expect(digits(made)).toBe(id)
      // One bit of the 21 is another: it fits no more; one of the three behind them: it still does.
      expect(
        fitsNodeId(
          hex(id).map((byte, at) => (at === 2 ? byte ^ 0x08 : byte)),
          ip,
        ),
      ).toBe(false)
      expect(
        fitsNodeId(
          hex(id).map((byte, at) => (at === 2 ? byte ^ 0x07 : byte)),
          ip,
        ),
      ).toBe(true)
      expect(fitsNodeId(hex(id).with(19, last ^ 1), ip)).toBe(false)
    }
    const six = (ip: string, last: number) => digits(makeNodeId(ip, new Uint8Array(20).with(19, last)))
    expect(six('2001:db8:85a3:8d3::1', 3)).toBe(`9b1310${'00'.repeat(16)}03`)
    expect(six('2606:2800:220:1:248:1893:25c8:1946', 90)).toBe(`ea6678${'00'.repeat(16)}5a`)
    expect(fitsNodeId(new Uint8Array(20), '192.168.1.1')).toBe(true)
    expect(fitsNodeId(new Uint8Array(20), '8.8.8.8')).toBe(false)
    expect(fitsNodeId(makeNodeId('8.8.8.8'), '::ffff:8.8.8.8')).toBe(true)
  })

  test('BEP 40: both ends compute the same priority', () => {
    const rows: [string, string, string][] = [
      ['123.213.32.10:1', '98.76.54.32:2', 'ec2d7224'],
      ['123.213.32.10:1', '123.213.32.234:2', '99568189'],
      ['230.12.23.1:1', '230.12.123.3:2', '21fd5f80'],
      ['230.12.123.3:1234', '230.12.123.3:300', 'ae8b7034'],
      ['[ffff:ffff:ffff:ffff::1]:1', '[ffff:fff:ffff:ffff::1]:1', ''],
    ]
    for (const [a, b, expected] of rows) {
      const [own, peer] = [parseEndpoint(a), parseEndpoint(b)]
      if (!own || !peer) throw new Error(`${a} ${b}`)
      const priority = peerPriority(own, peer)
      expect(peerPriority(peer, own)).toBe(priority)
      if (expected !== '') expect(priority.toString(16)).toBe(expected)
    }
    const ones = { ip: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', port: 1 }
    const six = (ip: string) => peerPriority(ones, { ip, port: 1 }).toString(16)
    expect(six('ffff:fff:ffff:ffff:ffff:ffff:ffff:ffff')).toBe('59d71f38')
    expect(six('ffff:ffff:ff0f:ffff:ffff:ffff:ffff:ffff')).toBe('755f8512')
    expect(six('ffff:ffff:ffff:fff:ffff:ffff:ffff:ffff')).toBe('27a88382')
    expect(codeOf(() => peerPriority(ones, { ip: '1.2.3.4', port: 1 }))).toBe('ERR_INVALID_OPTION')
  })

  test('BEP 6: the allowed fast set is that of the text, and ends for small torrents', () => {
    const infoHash = new Uint8Array(20).fill(0xaa)
    const ten = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508, 1246]
    const set = (ip: string, pieces: number, count: number) => allowedFastSet({ ip, infoHash, pieces, count })
    expect(set('80.4.4.200', 1313, 7)).toEqual(ten.slice(0, 7))
    expect(set('80.4.4.200', 1313, 9)).toEqual(ten.slice(0, 9))
    expect(allowedFastSet({ ip: '80.4.4.200', infoHash, pieces: 1313 })).toEqual(ten)
    expect(set('80.4.4.1', 1313, 3)).toEqual(ten.slice(0, 3))
    expect(set('80.4.5.200', 1313, 3)).toEqual([695, 1039, 1157])
    expect(set('80.4.4.200', 3, 10)).toEqual([1, 2, 0])
    expect(set('2001:db8::1', 1313, 10)).toEqual([])
    expect(codeOf(() => set('80.4.4.200', 0, 10))).toBe('ERR_INVALID_OPTION')
  })
})
