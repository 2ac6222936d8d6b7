import bencode from 'bencode'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { escapeBytes } from '../../ts/protocol/index.ts'
import { announceUrl, judge } from '../../ts/tracker/query.ts'
import { parseReply, TrackerFailure } from '../../ts/tracker/reply.ts'
import { codeOf } from './codes.ts'
import { limits } from './host.ts'

const parse = (value: unknown) => parseReply(bencode.encode(value), limits)
const raw = (text: string) => parseReply(Buffer.from(text, 'latin1'), limits)

describe('the announce URL', () => {
  const query = {
    infoHash: Buffer.from('123456789abcdef123456789abcdef123456789a', 'hex'),
    peerId: Buffer.from('-LD0100-0123456789ab'),
    port: 6881,
    uploaded: 1,
    downloaded: 2,
    left: 3,
    event: 'started',
    key: 'CAFEBABE',
    numWant: 100,
    trackerId: undefined,
  } as const

  test('bytes are escaped one by one, never through text', () => {
    expect(escapeBytes(query.infoHash)).toBe('%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        const back = escapeBytes(bytes).replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
        expect(Buffer.from(back, 'latin1').equals(Buffer.from(bytes))).toBe(true)
      }),
    )
  })

  test('a query that the tracker brings stays in front of ours', () => {
    const url = announceUrl(new URL('http://t.example/announce?passkey=abc#x'), query)
    expect(url.href).toBe(
      'http://t.example/announce?passkey=abc&info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-LD0100-0123456789ab&port=6881&uploaded=1&downloaded=2&left=3&event=started&key=CAFEBABE&numwant=100&compact=1&no_peer_id=1',
    )
  })

  test('an event of none is left out, stopped asks for no peers, the tracker id is echoed', () => {
    const none = announceUrl(new URL('http://t.example/a'), { ...query, event: 'none', trackerId: Buffer.from('a b') })
    expect(none.search).not.toContain('event=')
    expect(none.search).toContain('trackerid=a%20b')
    expect(announceUrl(new URL('http://t.example/a'), { ...query, event: 'stopped' }).search).toContain('numwant=0')
  })

  test('a URL that wants to write our part of the query is refused unless the user typed it', () => {
    const url = new URL('http://t.example/announce?info_hash=aaaaaaaaaaaaaaaaaaaa')
    const idn = new URL('http://xn--bcher-kva.example/announce')
    for (const trust of ['none', 'address'] as const) {
      expect(codeOf(() => judge(url, trust))).toBe('ERR_SSRF_BLOCKED')
      expect(codeOf(() => judge(idn, trust))).toBe('ERR_SSRF_BLOCKED')
      expect(codeOf(() => judge(new URL('file:///etc/passwd'), trust))).toBe('ERR_TRACKER_SCHEME')
    }
    expect([judge(url, 'all'), judge(idn, 'all')]).toEqual(['user', 'user'])
    expect(codeOf(() => judge(new URL('udp://t.example:80'), 'all'))).toBe('ERR_TRACKER_SCHEME')
    expect(judge(new URL('http://t.example/announce.php'), 'none')).toBe('announce')
    expect(judge(new URL('http://t.example/x/announce'), 'none')).toBe('tracker')
    expect(judge(new URL('http://t.example/x/announce'), 'address')).toBe('user')
  })
})

describe('the announce reply', () => {
  test('row 63: compact peers of both families and dictionaries are read, each once', () => {
    const compact = Buffer.from('c0000201' + '1ae1' + 'c0000201' + '1ae1' + 'c0000202' + '0000' + 'c0', 'hex')
    const six = Buffer.from('20010db8000000000000000000000001' + '1ae1', 'hex')
    expect(parse({ interval: 1800, peers: compact, peers6: six }).peers).toEqual([
      '192.0.2.1:6881',
      '[2001:db8::1]:6881',
    ])
    const list = [
      { ip: '192.0.2.3', port: 1, 'peer id': 'x' },
      { ip: 'victim.example', port: 80 },
      { ip: '2001:db8::2', port: 2 },
      { ip: '192.0.2.4', port: 70_000 },
      'nonsense',
    ]
    expect(parse({ peers: list }).peers).toEqual(['192.0.2.3:1', '[2001:db8::2]:2'])
  })

  test('row 63: a million peers are cut to the limit', () => {
    const many = new Uint8Array(6 * 150_000)
    for (let at = 0; at < many.length; at += 6) {
      new DataView(many.buffer).setUint32(at, 0x0800_0000 + at)
      many[at + 5] = 1
    }
    expect(parse({ peers: many }).peers.length).toBe(limits.trackerPeers)
  })

  test('row 63: intervals are clamped: negative, zero, huge, absent, not a number', () => {
    const cases: [unknown, number][] = [
      [-5, limits.trackerIntervalDefault],
      [0, limits.trackerIntervalDefault],
      [1, limits.trackerIntervalMin],
      [2 ** 40, limits.trackerIntervalMax],
      [undefined, limits.trackerIntervalDefault],
      ['soon', limits.trackerIntervalDefault],
      [3600, 3_600_000],
    ]
    for (const [interval, expected] of cases) {
      const { interval: got } = parse(interval === undefined ? { peers: '' } : { interval, peers: '' })
      expect(got, String(interval)).toBe(expected)
    }
    const { interval, minInterval } = parse({ interval: 60, 'min interval': 900 })
    expect([interval, minInterval]).toEqual([900_000, 900_000])
  })

  test('row 63: a failure is a failure even with peers beside it, and says when to come back', () => {
    const fail = (retry: unknown) => {
      try {
        parse({ 'failure reason': 'go away', 'retry in': retry, peers: Buffer.alloc(6, 1) })
        return undefined
      } catch (error) {
        return error as TrackerFailure
      }
    }
    expect(fail(5)).toBeInstanceOf(TrackerFailure)
    expect([fail(5)?.code, fail(5)?.message, fail(5)?.retryIn]).toEqual(['ERR_TRACKER_FAILURE', 'go away', 300_000])
    expect([fail('5')?.retryIn, fail('never')?.retryIn, fail('soon')?.retryIn, fail(-1)?.retryIn]).toEqual([
      300_000,
      'never',
      null,
      null,
    ])
  })

  test('row 63: texts are text: no control characters, no markup is interpreted, a limit on their length', () => {
    const { warning } = parse({
      'warning message': `<script>alert(1)</script>\u001b[31m\n${'x'.repeat(5000)}`,
      peers: '',
    })
    expect(warning).toMatch(/^<script>alert\(1\)<\/script> \[31m x+$/)
    expect(warning?.length).toBeLessThanOrEqual(500)
    const invalid = raw('d7:failure1:x15:warning message3:\xff\xfea5:peers0:e')
    expect(invalid.warning).toBe('\ufffd\ufffda')
  })

  test('row 63: external ip and counts are read, nonsense in their place is not', () => {
    const good = parse({
      'external ip': Buffer.from('c0000207', 'hex'),
      complete: 3,
      incomplete: 4,
      'tracker id': 'abc',
    })
    expect([good.externalIp, good.seeds, good.leeches]).toEqual(['192.0.2.7', 3, 4])
    expect(Buffer.from(good.trackerId ?? []).toString()).toBe('abc')
    const bad = parse({ 'external ip': 'xyz', complete: -1, incomplete: 'many' })
    expect([bad.externalIp, bad.seeds, bad.leeches, bad.trackerId]).toEqual([null, null, null, undefined])
  })

  test('row 63: what the strict decoder refuses never reaches the lenient one', () => {
    for (const wrong of [
      '',
      'd',
      'le',
      'i1e',
      'd8:intervali1800ee<html>',
      'd1:ai-0ee',
      '<html></html>',
      'd5:peers99:xe',
      'l'.repeat(20_000),
    ]) {
      expect(
        codeOf(() => raw(wrong)),
        wrong.slice(0, 40),
      ).toBe('ERR_TRACKER_INVALID')
    }
  })

  test('row 63: keys of objects are only data', () => {
    const reply = raw('d9:__proto__d14:failure reason4:evile11:constructor1:x5:peers0:e')
    expect(reply.peers).toEqual([])
    expect(({} as Record<string, unknown>)['failure reason']).toBeUndefined()
  })

  test('row 63: tracker_response: no bytes make it throw anything but its two errors', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.string(),
        fc.uint8Array(),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(
          fc.constantFrom('peers', 'peers6', 'interval', 'failure reason', 'retry in', 'external ip', 'complete', 'x'),
          tie('any'),
          { maxKeys: 5 },
        ),
      ),
    })).any
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          value.map((v) => bencode.encode(v)),
        ),
        (bytes) => {
          const code = codeOf(() => parseReply(bytes, limits))
          expect([undefined, 'ERR_TRACKER_INVALID', 'ERR_TRACKER_FAILURE']).toContain(code)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
