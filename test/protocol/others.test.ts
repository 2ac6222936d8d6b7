import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildLsd,
  buildWsReply,
  buildWsRequest,
  LSD_GROUPS,
  type LsdAnnounce,
  parseLsd,
  parseWsReply,
  parseWsRequest,
  TRACKER_EVENTS,
  type WsTrackerReply,
  type WsTrackerRequest,
} from '../../ts/protocol/index.ts'
import { codeOf } from '../api/codes.ts'
import { coded, digits, hex, latin1 } from '../util/tools.ts'

const hash = fc.uint8Array({ minLength: 20, maxLength: 20 })
const count = fc.maxSafeInteger().map(Math.abs)
const words = fc.string({ unit: 'grapheme' })
const only = (word: string) => fc.constant(word)
type Fields = Record<string, fc.Arbitrary<unknown>>
const record = <T>(required: Fields, optional: Fields = {}) =>
  fc.record({ ...required, ...optional }, { requiredKeys: Object.keys(required) }) as unknown as fc.Arbitrary<T>

describe('local service discovery (BEP 14)', () => {
  const announce = record<LsdAnnounce>(
    {
      host: fc.constantFrom(LSD_GROUPS[4].host, LSD_GROUPS[6].host),
      port: fc.integer({ min: 1, max: 65_535 }),
      infoHashes: fc.uniqueArray(hash, { selector: digits, minLength: 1, maxLength: 20 }),
    },
    { cookie: fc.stringMatching(/^[\x21-\x7e]{1,12}$/) },
  )

  test('round trip', () => {
    fc.assert(
      fc.property(announce, (value) => {
        expect(parseLsd(buildLsd(value))).toEqual(value)
      }),
    )
  })

  test('an announce is what the text says, byte for byte', () => {
    const value = {
      host: LSD_GROUPS[4].host,
      port: 6881,
      infoHashes: [new Uint8Array(20).fill(0xaa)],
      cookie: '1a2b',
    }
    const bytes = buildLsd(value)
    expect(bytes).toHaveLength(132)
    expect(Buffer.from(bytes).toString()).toBe(
      `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${'aa'.repeat(20)}\r\ncookie: 1a2b\r\n\r\n\r\n`,
    )
  })

  test('names are in any case, several info-hashes count, unknown headers and wrong hashes do not', () => {
    const text = [
      'bt-search * http/1.1',
      'HOST:x',
      'PORT:  6881 ',
      `INFOHASH: ${'AB'.repeat(20)}`,
      `infohash: ${'ab'.repeat(20)}`,
      `InfoHash: ${'cd'.repeat(32)}`,
      'Infohash: short',
      `infohash:${'01'.repeat(20)}`,
      'X-Future: yes',
      '',
      '',
    ].join('\r\n')
    expect(parseLsd(latin1(text))).toEqual({
      host: 'x',
      port: 6881,
      infoHashes: [new Uint8Array(20).fill(0xab), new Uint8Array(20).fill(1)],
    })
    expect(parseLsd(latin1(text.replaceAll('\r', '')))).toMatchObject({ port: 6881 })
  })

  test('row 69: what is no announce is refused: port 0, no hash, too long, another method', () => {
    const infohash = `Infohash: ${'aa'.repeat(20)}\r\n`
    for (const text of [
      '',
      'GET / HTTP/1.1\r\n\r\n',
      `BT-SEARCH * HTTP/1.1\r\nPort: 0\r\n${infohash}\r\n`,
      `BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\n${infohash}\r\n`,
      `BT-SEARCH * HTTP/1.1\r\n${infohash}\r\n`,
      'BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n',
      `BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n${infohash}`,
      `BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nnonsense\r\n${infohash}`,
      `BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n${infohash.repeat(100)}`,
    ]) {
      expect(
        codeOf(() => parseLsd(latin1(text))),
        text.slice(0, 60),
      ).toBe('ERR_LSD_INVALID')
    }
    const many = Array.from({ length: 25 }, (_, at) => new Uint8Array(20).fill(at))
    const value = { host: LSD_GROUPS[4].host, port: 1, infoHashes: many, cookie: '12345678' }
    expect(buildLsd(value).length).toBeLessThanOrEqual(1400)
    expect(codeOf(() => buildLsd({ ...value, infoHashes: [...many, new Uint8Array(20)] }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => buildLsd({ ...value, cookie: 'a\r\nb' }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => buildLsd({ ...value, infoHashes: [] }))).toBe('ERR_INVALID_OPTION')
    expect(codeOf(() => buildLsd({ ...value, port: 0 }))).toBe('ERR_INVALID_OPTION')
  })

  test('no datagram makes the reader throw anything but its error', () => {
    coded(
      announce.map((value) => buildLsd(value)),
      ['ERR_LSD_INVALID'],
      (datagram) => parseLsd(datagram),
    )
  })
})

describe('WebSocket trackers', () => {
  const offer = record({ offerId: hash, sdp: words })
  const requests = fc.oneof(
    record<WsTrackerRequest>(
      {
        action: only('announce'),
        infoHash: hash,
        peerId: hash,
        uploaded: count,
        downloaded: count,
        left: fc.oneof(count, fc.constant(null)),
        event: fc.constantFrom(...TRACKER_EVENTS),
      },
      { numWant: count, offers: fc.array(offer, { maxLength: 5 }), trackerId: words, key: words },
    ),
    record<WsTrackerRequest>({
      action: only('answer'),
      infoHash: hash,
      peerId: hash,
      toPeerId: hash,
      offerId: hash,
      sdp: words,
    }),
    record<WsTrackerRequest>({ action: only('scrape'), infoHashes: fc.array(hash) }),
  )
  const counts = { seeders: count, completed: count, leechers: count }
  const replies = fc.oneof(
    record<WsTrackerReply>(
      { action: only('announce'), infoHash: hash },
      { interval: count, minInterval: count, seeders: count, leechers: count, trackerId: words, warning: words },
    ),
    record<WsTrackerReply>({
      action: fc.constantFrom('offer', 'answer'),
      infoHash: hash,
      peerId: hash,
      offerId: hash,
      sdp: words,
    }),
    record<WsTrackerReply>(
      {
        action: only('scrape'),
        files: fc.uniqueArray(
          record<{ infoHash: Uint8Array }>({ infoHash: hash, ...counts }, { downloaders: count, name: words }),
          {
            selector: (file) => digits(file.infoHash),
          },
        ),
      },
      { minRequestInterval: count },
    ),
    record<WsTrackerReply>({ action: only('failure'), reason: words }, { infoHash: hash }),
  )

  test('round trip: requests, as text and as bytes', () => {
    fc.assert(
      fc.property(requests, (value) => {
        const text = buildWsRequest(value)
        expect(parseWsRequest(text)).toEqual(value)
        expect(parseWsRequest(Buffer.from(text))).toEqual(value)
      }),
    )
  })

  test('round trip: answers', () => {
    fc.assert(
      fc.property(replies, (value) => {
        expect(parseWsReply(buildWsReply(value))).toEqual(value)
      }),
    )
  })

  test('strings of bytes have a character for each byte', () => {
    const infoHash = hex('00011f225c7f80c8ff4142424242424242424242')
    const text = buildWsRequest({ action: 'scrape', infoHashes: [infoHash] })
    expect(Buffer.from(text).toString('hex')).toContain(
      '225c75303030305c75303030315c75303031665c225c5c7fc280c388c3bf414242424242424242424222',
    )
    const escaped = text.replace(/[\u0080-\u00ff]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
    expect(parseWsRequest(escaped)).toEqual({ action: 'scrape', infoHashes: [infoHash] })
    expect(parseWsRequest(text.replace('[', '').replace(']', ''))).toEqual({ action: 'scrape', infoHashes: [infoHash] })
    expect(parseWsRequest('{"action":"scrape"}')).toEqual({ action: 'scrape', infoHashes: [] })
  })

  test('what others send: no left, an event of update, min_interval', () => {
    const id = 'x'.repeat(20)
    expect(parseWsRequest(`{"action":"announce","info_hash":"${id}","peer_id":"${id}","event":"update"}`)).toEqual({
      action: 'announce',
      infoHash: latin1(id),
      peerId: latin1(id),
      uploaded: 0,
      downloaded: 0,
      left: null,
      event: 'none',
    })
    expect(parseWsReply(`{"action":"announce","info_hash":"${id}","interval":-0,"min_interval":60}`)).toMatchObject({
      interval: 0,
      minInterval: 60,
    })
  })

  test('what is no message is refused', () => {
    const id = 'x'.repeat(20)
    const announce = (rest: string) => `{"action":"announce","info_hash":"${id}","peer_id":"${id}"${rest}}`
    expect(codeOf(() => parseWsRequest(announce('')))).toBeUndefined()
    for (const frame of [
      '',
      '[]',
      'null',
      '"x"',
      '{}',
      '{"action":"dance"}',
      '{"action":5}',
      announce('').replace(id, 'x'.repeat(19)),
      announce('').replace(id, `${'x'.repeat(19)}€`),
      announce(',"left":-1'),
      announce(',"left":"many"'),
      announce(',"event":"finished"'),
      announce(',"offers":5'),
      announce(',"offers":[null]'),
      announce(`,"offers":[{"offer_id":"${id}"}]`),
      announce(`,"offers":[{"offer_id":"${id}","offer":{"sdp":5}}]`),
      announce(',"answer":{"sdp":"x"}'),
      '['.repeat(100_000),
      `{"action":"announce","x":"${'y'.repeat(300_000)}"}`,
    ]) {
      expect(
        codeOf(() => parseWsRequest(frame)),
        frame.slice(0, 60),
      ).toBe('ERR_TRACKER_INVALID')
    }
    for (const frame of [
      '{"action":"scrape"}',
      `{"action":"scrape","files":[]}`,
      '{"action":"announce"}',
      '{"failure reason":5}',
    ]) {
      expect(
        codeOf(() => parseWsReply(frame)),
        frame,
      ).toBe('ERR_TRACKER_INVALID')
    }
  })

  test('offers beyond the limit are left out', () => {
    const offers = Array.from({ length: 100 }, (_, at) => ({ offerId: new Uint8Array(20).fill(at), sdp: 'v=0' }))
    const base = { infoHash: new Uint8Array(20), peerId: new Uint8Array(20), uploaded: 0, downloaded: 0, left: 0 }
    const text = buildWsRequest({ action: 'announce', ...base, event: 'none', offers })
    const read = (limits?: { offers: number }) => {
      const request = parseWsRequest(text, limits)
      return request.action === 'announce' ? request.offers?.length : undefined
    }
    expect([read(), read({ offers: 3 })]).toEqual([82, 3])
  })

  test('keys are only data', () => {
    const id = 'x'.repeat(20)
    const reply = parseWsReply(`{"__proto__":{"failure reason":"evil"},"action":"announce","info_hash":"${id}"}`)
    expect(reply).toEqual({ action: 'announce', infoHash: latin1(id) })
  })

  test('no frame makes the readers throw anything but their error', () => {
    const codes = ['ERR_TRACKER_INVALID']
    coded(
      requests.map((value) => latin1(buildWsRequest(value))),
      codes,
      (frame) => parseWsRequest(frame),
    )
    coded(
      replies.map((value) => Uint8Array.from(Buffer.from(buildWsReply(value)))),
      codes,
      (frame) => parseWsReply(frame),
    )
    const shuffled = fc.dictionary(
      fc.constantFrom(
        'action',
        'info_hash',
        'peer_id',
        'files',
        'flags',
        'offers',
        'offer',
        'answer',
        'left',
        'event',
        'failure reason',
      ),
      fc.oneof(fc.jsonValue(), fc.constantFrom('announce', 'scrape', 'x'.repeat(20))),
    )
    fc.assert(
      fc.property(shuffled, (any) => {
        for (const parse of [parseWsRequest, parseWsReply]) {
          expect([undefined, ...codes]).toContain(codeOf(() => parse(JSON.stringify(any))))
        }
      }),
      { numRuns: 1000 },
    )
  })
})
