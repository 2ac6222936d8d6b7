import npm from 'bencode'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildAnnounceQuery,
  buildAnnounceReply,
  buildAnnounceUrl,
  buildScrapeReply,
  buildScrapeUrl,
  buildUdpReply,
  buildUdpRequest,
  escapeBytes,
  type HttpAnnounce,
  type HttpAnnounceReply,
  type HttpScrapeReply,
  type HttpTrackerFailure,
  parseAnnounceQuery,
  parseAnnounceReply,
  parseScrapeQuery,
  parseScrapeReply,
  parseUdpReply,
  parseUdpRequest,
  scrapeUrl,
  TRACKER_EVENTS,
  type UdpTrackerReply,
  type UdpTrackerRequest,
} from '../../ts/protocol/index.ts'
import { type Bencodable, BencodeReader, bencode, formatIp } from '../../ts/util/index.ts'
import { codeOf } from '../api/codes.ts'
import { chunks, coded, digits, hex, latin1, splits } from '../util/tools.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const amount = fc.oneof(fc.maxSafeInteger().map(Math.abs), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }))
const count = fc.maxSafeInteger().map(Math.abs)
const u32 = fc.nat({ max: 0xffff_ffff })
const port = fc.nat({ max: 65_535 })
const event = fc.constantFrom(...TRACKER_EVENTS)
const words = fc.string({ unit: 'grapheme', maxLength: 20 })
const entries = (length: number) =>
  fc.array(bytes(length), { maxLength: 8 }).map((list) => Uint8Array.from(Buffer.concat(list)))
type Fields = Record<string, fc.Arbitrary<unknown>>
const record = <T>(required: Fields, optional: Fields = {}) =>
  fc.record({ ...required, ...optional }, { requiredKeys: Object.keys(required) }) as unknown as fc.Arbitrary<T>
const only = (word: string) => fc.constant(word)
const infoHash = bytes(20)

const announce = record<HttpAnnounce>(
  { infoHash, peerId: bytes(20), port, uploaded: amount, downloaded: amount, left: amount, event },
  {
    corrupt: amount,
    redundant: amount,
    key: fc.stringMatching(/^[0-9A-F]{8}$/),
    numWant: fc.integer({ min: -1, max: 1000 }),
    compact: fc.boolean(),
    noPeerId: fc.boolean(),
    supportCrypto: fc.boolean(),
    requireCrypto: fc.boolean(),
    trackerId: fc.uint8Array({ minLength: 1, maxLength: 30 }),
    ip: fc.domain(),
    ipv4: bytes(4).map((ip) => formatIp(ip)),
    ipv6: bytes(16).map((ip) => formatIp(ip)),
  },
)
const counts = { seeders: count, completed: count, leechers: count }
const announceReply = fc.oneof(
  record<HttpAnnounceReply>(
    { kind: only('announce') },
    {
      interval: count,
      minInterval: count,
      trackerId: fc.uint8Array(),
      ...counts,
      externalIp: fc.oneof(bytes(4), bytes(16)),
      warning: words,
      peers: entries(6),
      peers6: entries(18),
    },
  ),
  record<HttpAnnounceReply>(
    {
      kind: only('announce'),
      peerList: fc.array(record({ ip: words, port }, { peerId: bytes(20) }), { maxLength: 5 }),
    },
    { peers6: entries(18) },
  ),
)
const failure = record<HttpTrackerFailure>(
  { kind: only('failure'), reason: words },
  { retryIn: fc.oneof(fc.integer({ min: 1, max: 1e9 }), only('never')) },
)
const scrapeReply = record<HttpScrapeReply>(
  {
    kind: only('scrape'),
    files: fc
      .uniqueArray(
        record<HttpScrapeReply['files'][number]>({ infoHash, ...counts }, { downloaders: count, name: words }),
        {
          selector: (file) => digits(file.infoHash),
          maxLength: 5,
        },
      )
      .map((files) => files.toSorted((a, b) => Buffer.compare(a.infoHash, b.infoHash))),
  },
  { minRequestInterval: count },
)

describe('HTTP trackers', () => {
  test('round trip: the query of an announce', () => {
    fc.assert(
      fc.property(announce, (value) => {
        expect(parseAnnounceQuery(buildAnnounceQuery(value))).toEqual(value)
        const url = new URL(buildAnnounceUrl('http://t.example/announce?passkey=a&x', value))
        expect(parseAnnounceQuery(url.search)).toEqual(value)
        expect(url.search.startsWith('?passkey=a&x&info_hash=')).toBe(true)
      }),
    )
  })

  test('round trip: the answer to an announce', () => {
    fc.assert(
      fc.property(fc.oneof(announceReply, failure), (value) => {
        expect(parseAnnounceReply(buildAnnounceReply(value))).toEqual(value)
      }),
    )
  })

  test('round trip: the query of a scrape and its answer', () => {
    fc.assert(
      fc.property(fc.array(infoHash), fc.oneof(scrapeReply, failure), (hashes, value) => {
        expect(parseScrapeQuery(new URL(buildScrapeUrl('http://t.example/scrape', hashes)).search)).toEqual(hashes)
        expect(parseScrapeReply(buildScrapeReply(value))).toEqual(value)
      }),
    )
  })

  test('an answer that comes in parts is read whichever way it is cut', () => {
    fc.assert(
      fc.property(announceReply, splits, (value, cuts) => {
        const reader = new BencodeReader({ mode: 'unordered', bytes: 100_000 })
        let body: Uint8Array | undefined
        for (const chunk of chunks(buildAnnounceReply(value), cuts)) body = reader.push(chunk)?.document.root.raw
        expect(parseAnnounceReply(body ?? latin1(''))).toEqual(value)
      }),
    )
  })

  test('bytes are escaped one by one, in the order of the parameters that trackers know', () => {
    expect(escapeBytes(hex('123456789abcdef123456789abcdef123456789a'))).toBe(
      '%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A',
    )
    const value = {
      infoHash: hex('123456789abcdef123456789abcdef123456789a'),
      peerId: latin1('-LD0100-0123456789ab'),
      port: 6881,
      uploaded: 1,
      downloaded: 2,
      left: 3,
      event: 'started',
      key: 'CAFEBABE',
      numWant: 100,
      compact: true,
      noPeerId: true,
    } as const
    expect(buildAnnounceUrl(new URL('http://t.example/announce?passkey=abc#x'), value)).toBe(
      'http://t.example/announce?passkey=abc&info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-LD0100-0123456789ab&port=6881&uploaded=1&downloaded=2&left=3&event=started&key=CAFEBABE&numwant=100&compact=1&no_peer_id=1',
    )
    expect(parseAnnounceQuery(`?info_hash=${'+'.repeat(20)}&peer_id=${'%2b'.repeat(20)}&port=1&event=`)).toMatchObject({
      infoHash: latin1('+'.repeat(20)),
      peerId: latin1('+'.repeat(20)),
      event: 'none',
      left: 0,
    })
  })

  test('a query that is none is refused', () => {
    const good = buildAnnounceQuery({
      infoHash: new Uint8Array(20),
      peerId: new Uint8Array(20),
      port: 1,
      uploaded: 0,
      downloaded: 0,
      left: 0,
      event: 'none',
    })
    expect(codeOf(() => parseAnnounceQuery(good))).toBeUndefined()
    for (const wrong of [
      '',
      'info_hash=abc',
      good.replace('port=1', 'port=65536'),
      good.replace('port=1', 'port=-1'),
      good.replace('left=0', 'left=x'),
      good.replace('left=0', 'left=-1'),
      good.replace('left=0', 'left=18446744073709551616'),
      `${good}&event=finished`,
      `${good}&ipv4=::1`,
      `${good}&x=%zz`,
      `${good}&x=%4`,
      `${good}&x=\u0100`,
      `${good}&x=${'y'.repeat(40_000)}`,
    ]) {
      expect(
        codeOf(() => parseAnnounceQuery(wrong)),
        wrong.slice(-40),
      ).toBe('ERR_TRACKER_INVALID')
    }
  })

  test('BEP 48: where scrapes are answered', () => {
    const cases: [string, string | null][] = [
      ['http://a/announce', 'http://a/scrape'],
      ['http://a/x/announce', 'http://a/x/scrape'],
      ['http://a/announce.php', 'http://a/scrape.php'],
      ['http://a/a', null],
      ['http://a/announce?x=2/4', 'http://a/scrape?x=2/4'],
      ['http://a/announce?x2%0644', 'http://a/scrape?x2%0644'],
      ['http://a/x%064announce', null],
      ['http://a/xannounce', null],
    ]
    for (const [announce, scrape] of cases) expect(scrapeUrl(announce), announce).toBe(scrape)
  })

  test('row 63: values of the wrong kind are left out of an answer and named', () => {
    const body = bencode({
      complete: -1,
      'external ip': 'xyz',
      incomplete: 'many',
      interval: 2n ** 60n,
      peers: new Uint8Array(13),
      peers6: 5,
      'tracker id': [],
      'warning message': 7,
    })
    const { flaws, ...rest } = parseAnnounceReply(body) as HttpAnnounceReply
    expect(rest).toEqual({ kind: 'announce', peers: new Uint8Array(12) })
    expect([...(flaws ?? [])].sort()).toEqual(
      ['complete', 'external ip', 'incomplete', 'interval', 'peers', 'peers6', 'tracker id', 'warning message'].sort(),
    )
    const list = bencode({ peers: [{ ip: '1.2.3.4', port: 5 }, 'x', { ip: 5, port: 5 }, { ip: 'a', port: 65_536 }] })
    expect(parseAnnounceReply(list)).toEqual({
      kind: 'announce',
      peerList: [{ ip: '1.2.3.4', port: 5 }],
      flaws: ['peers'],
    })
  })

  test('row 63: a million peers are cut to the limit', () => {
    const reply = parseAnnounceReply(bencode({ peers: new Uint8Array(6_000_000), peers6: new Uint8Array(180_000) }), {
      maxPeers: 10,
    })
    expect(reply).toMatchObject({ peers: new Uint8Array(60), peers6: new Uint8Array(180) })
    const list = Array.from({ length: 1000 }, () => ({ ip: '1.2.3.4', port: 5 }))
    expect((parseAnnounceReply(bencode({ peers: list }), { maxPeers: 10 }) as HttpAnnounceReply).peerList).toHaveLength(
      10,
    )
  })

  test('BEP 31: a failure says when to come back, as an integer, in digits, or never', () => {
    const retry = (value: Bencodable) =>
      (parseAnnounceReply(bencode({ 'failure reason': 'x', 'retry in': value })) as HttpTrackerFailure).retryIn
    expect([5, '5', 'never', 'soon', -1, 0, '0', [], '99999999999'].map((value) => retry(value))).toEqual([
      5,
      5,
      'never',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  test('what is no answer is refused', () => {
    for (const text of [
      '',
      'd',
      'le',
      'i1e',
      'd8:intervali1800ee<html>',
      'd1:ai-0ee',
      '<html></html>',
      'd5:peers99:xe',
    ]) {
      expect(
        codeOf(() => parseAnnounceReply(latin1(text))),
        text,
      ).toBe('ERR_TRACKER_INVALID')
      expect(
        codeOf(() => parseScrapeReply(latin1(text))),
        text,
      ).toBe('ERR_TRACKER_INVALID')
    }
    expect(codeOf(() => parseScrapeReply(latin1('de')))).toBe('ERR_TRACKER_INVALID')
    expect(codeOf(() => parseAnnounceReply(latin1('l'.repeat(20_000))))).toBe('ERR_TRACKER_INVALID')
  })

  test('the npm package `bencode` reads what a tracker is made to answer', () => {
    const decoded = npm.decode(buildAnnounceReply({ kind: 'announce', interval: 5, warning: 'ü' })) as Record<
      string,
      unknown
    >
    expect(decoded.interval).toBe(5)
    expect(Buffer.from(decoded['warning message'] as Uint8Array).toString()).toBe('ü')
  })

  test('no bytes make the readers throw anything but their error', () => {
    const codes = ['ERR_TRACKER_INVALID']
    coded(
      fc.oneof(announceReply, failure).map((value) => buildAnnounceReply(value)),
      codes,
      (body) => parseAnnounceReply(body),
    )
    coded(
      scrapeReply.map((value) => buildScrapeReply(value)),
      codes,
      (body) => parseScrapeReply(body),
    )
    coded(
      announce.map((value) => latin1(buildAnnounceQuery(value))),
      codes,
      (query) => parseAnnounceQuery(Buffer.from(query).toString('latin1')),
    )
  })
})

const requests: Record<string, fc.Arbitrary<UdpTrackerRequest>> = {
  connect: record({ action: only('connect'), transaction: u32 }),
  announce: record(
    {
      action: only('announce'),
      transaction: u32,
      connectionId: bytes(8),
      infoHash,
      peerId: bytes(20),
      downloaded: amount,
      left: amount,
      uploaded: amount,
      event,
      key: u32,
      numWant: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      port,
    },
    {
      ip: bytes(4)
        .filter((ip) => ip.some((byte) => byte > 0))
        .map((ip) => formatIp(ip)),
      urlData: fc.string({ unit: 'binary-ascii', maxLength: 600 }),
    },
  ),
  scrape: record({
    action: only('scrape'),
    transaction: u32,
    connectionId: bytes(8),
    infoHashes: fc.array(infoHash, { minLength: 1, maxLength: 74 }),
  }),
}
const udpCounts = { seeders: u32, completed: u32, leechers: u32 }
const replies: Record<string, (family: 4 | 6) => fc.Arbitrary<UdpTrackerReply>> = {
  connect: () => record({ action: only('connect'), transaction: u32, connectionId: bytes(8) }),
  announce: (family) =>
    record({
      action: only('announce'),
      transaction: u32,
      interval: u32,
      leechers: u32,
      seeders: u32,
      peers: entries(family === 4 ? 6 : 18),
    }),
  scrape: () => record({ action: only('scrape'), transaction: u32, files: fc.array(record(udpCounts)) }),
  error: () => record({ action: only('error'), transaction: u32, message: words }),
}

describe('UDP trackers', () => {
  test.each(Object.keys(requests))('round trip: the request %s', (name) => {
    fc.assert(
      fc.property(requests[name] as fc.Arbitrary<UdpTrackerRequest>, (value) => {
        expect(parseUdpRequest(buildUdpRequest(value))).toEqual(value)
      }),
    )
  })

  test.each(Object.keys(replies))('round trip: the answer %s', (name) => {
    for (const family of [4, 6] as const) {
      fc.assert(
        fc.property(replies[name]?.(family) as fc.Arbitrary<UdpTrackerReply>, (value) => {
          expect(parseUdpReply(buildUdpReply(value, family), family)).toEqual(value)
        }),
      )
    }
  })

  test('packets as they stand in notes and captures', () => {
    const infoHash = hex('000102030405060708090a0b0c0d0e0f10111213')
    const connectionId = hex('0123456789abcdef')
    const sent: [UdpTrackerRequest, string][] = [
      [{ action: 'connect', transaction: 0x12345678 }, '00000417271019800000000012345678'],
      [
        {
          action: 'announce',
          transaction: 0x9abcdef0,
          connectionId,
          infoHash,
          peerId: latin1('-XX0001-0123456789ab'),
          downloaded: 1000,
          left: 2000,
          uploaded: 3000,
          event: 'started',
          key: 0xcafebabe,
          numWant: -1,
          port: 6881,
        },
        '0123456789abcdef000000019abcdef0000102030405060708090a0b0c0d0e0f101112132d5858303030312d30313233343536373839616200000000000003e800000000000007d00000000000000bb80000000200000000cafebabeffffffff1ae1',
      ],
      [
        { action: 'scrape', transaction: 1, connectionId, infoHashes: [infoHash] },
        '0123456789abcdef0000000200000001000102030405060708090a0b0c0d0e0f10111213',
      ],
    ]
    for (const [request, packet] of sent) {
      expect(digits(buildUdpRequest(request))).toBe(packet)
      expect(parseUdpRequest(hex(packet))).toEqual(request)
    }
    const received: [UdpTrackerReply, string][] = [
      [{ action: 'connect', transaction: 0x12345678, connectionId }, '00000000123456780123456789abcdef'],
      [
        {
          action: 'announce',
          transaction: 0x9abcdef0,
          interval: 1800,
          leechers: 5,
          seeders: 7,
          peers: hex('c00002011ae1'),
        },
        '000000019abcdef0000007080000000500000007c00002011ae1',
      ],
      [
        { action: 'scrape', transaction: 1, files: [{ seeders: 7, completed: 100, leechers: 5 }] },
        '0000000200000001000000070000006400000005',
      ],
      [{ action: 'error', transaction: 1, message: 'denied' }, '000000030000000164656e696564'],
    ]
    for (const [reply, packet] of received) {
      expect(digits(buildUdpReply(reply))).toBe(packet)
      expect(parseUdpReply(hex(packet))).toEqual(reply)
    }
  })

  test('BEP 41: URL data as in the text, in parts, between other options, and what follows the end is ignored', () => {
    const head = buildUdpRequest({
      action: 'announce',
      transaction: 1,
      connectionId: new Uint8Array(8),
      infoHash: new Uint8Array(20),
      peerId: new Uint8Array(20),
      downloaded: 0,
      left: 0,
      uploaded: 0,
      event: 'none',
      key: 0,
      numWant: -1,
      port: 1,
    })
    const read = (options: string) => {
      const request = parseUdpRequest(Buffer.concat([head, hex(options)]))
      return request.action === 'announce' ? request.urlData : 'no announce'
    }
    const url = '020c2f6469723f613d6226633d64'
    expect(read('')).toBeUndefined()
    expect(read(url)).toBe('/dir?a=b&c=d')
    expect(read(`${url}010100`)).toBe('/dir?a=b&c=d')
    expect(read(`01${url}`)).toBe('/dir?a=b&c=d')
    expect(read('0200')).toBe('')
    expect(read(`02012f0903aabbcc02026162${url}00ff`)).toBe('/ab/dir?a=b&c=d')
    expect(read(`00${url}`)).toBeUndefined()
    expect(codeOf(() => read('02'))).toBe('ERR_TRACKER_INVALID')
    expect(codeOf(() => read('0205aa'))).toBe('ERR_TRACKER_INVALID')
    const request = parseUdpRequest(head)
    if (request.action !== 'announce') throw new Error('no announce')
    expect(digits(buildUdpRequest({ ...request, urlData: '/dir?a=b&c=d' }))?.slice(196)).toBe(url)
    expect(digits(buildUdpRequest({ ...request, urlData: '' }))?.slice(196)).toBe('0200')
  })

  test('row 64: short packets and unknown actions are refused, longer ones are read', () => {
    for (const packet of [
      '',
      '00',
      '00000000000000',
      '0000000000000001',
      '000000010000000100000000',
      '0000000400000001',
    ]) {
      expect(
        codeOf(() => parseUdpReply(hex(packet))),
        packet,
      ).toBe('ERR_TRACKER_INVALID')
    }
    for (const packet of [
      '',
      '00000417271019800000000012',
      '0000041727101981000000001234567800',
      '00'.repeat(97),
      '00'.repeat(16),
    ]) {
      expect(
        codeOf(() => parseUdpRequest(hex(packet))),
        packet,
      ).toBe('ERR_TRACKER_INVALID')
    }
    expect(parseUdpReply(hex('00000000123456780123456789abcdef00'))).toMatchObject({ action: 'connect' })
    expect(parseUdpReply(hex('000000019abcdef0000007080000000500000007c00002011ae1c0'))).toMatchObject({
      peers: hex('c00002011ae1'),
    })
    expect(parseUdpRequest(hex('0000041727101980000000001234567800'))).toMatchObject({ action: 'connect' })
  })

  test('the builders refuse what does not fit its field', () => {
    const base = { transaction: 1, connectionId: new Uint8Array(8) }
    for (const wrong of [
      { action: 'connect', transaction: -1 },
      { action: 'connect', transaction: 2 ** 32 },
      { action: 'dance', transaction: 1 },
      { action: 'scrape', ...base, infoHashes: [] },
      { action: 'scrape', ...base, infoHashes: Array(75).fill(new Uint8Array(20)) },
      { action: 'scrape', ...base, connectionId: new Uint8Array(7), infoHashes: [new Uint8Array(20)] },
    ]) {
      expect(
        codeOf(() => buildUdpRequest(wrong as UdpTrackerRequest)),
        String(Object.values(wrong)),
      ).toBe('ERR_INVALID_OPTION')
    }
    const reply = { action: 'announce', transaction: 1, interval: 1, leechers: 1, seeders: 1 } as const
    expect(codeOf(() => buildUdpReply({ ...reply, peers: new Uint8Array(7) }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => buildUdpReply({ ...reply, peers: new Uint8Array(6) }, 6))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => parseUdpReply(new Uint8Array(30).fill(1, 3, 4), 5 as never))).toBe('ERR_INVALID_OPTION')
  })

  test('no bytes make the readers throw anything but their error', () => {
    const request = fc.oneof(...Object.values(requests)).map((value) => buildUdpRequest(value))
    const reply = fc.oneof(...Object.values(replies).map((make) => make(4))).map((value) => buildUdpReply(value))
    coded(request, ['ERR_TRACKER_INVALID'], (datagram) => {
      const read = parseUdpRequest(datagram)
      expect(parseUdpRequest(buildUdpRequest(read))).toEqual(read)
    })
    coded(reply, ['ERR_TRACKER_INVALID'], (datagram) => {
      const read = parseUdpReply(datagram)
      if (read.action !== 'error') expect(parseUdpReply(buildUdpReply(read))).toEqual(read)
    })
  })
})
