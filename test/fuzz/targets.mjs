// What is fuzzed of the TypeScript parsers. Each target reads bytes as its packets, checks that what was read is built again
// as it was, and throws where it is not; it returns what was read, so that new behaviour can be told from old. `planted` throws
// for one rare thing that only a fuzzer that changes inputs well finds.
import { deepStrictEqual, ok } from 'node:assert/strict'
import {
  buildAnnounceQuery,
  buildAnnounceReply,
  buildKrpc,
  buildScrapeReply,
  buildUdpReply,
  buildUdpRequest,
  buildWsReply,
  buildWsRequest,
  parseAnnounceQuery,
  parseAnnounceReply,
  parseKrpc,
  parseLsd,
  parseScrapeReply,
  parseUdpReply,
  parseUdpRequest,
  parseWsReply,
  parseWsRequest,
} from '../../dist/protocol/index.js'
import { BencodeReader, bdecode, bencode, bparse, IpFilter, identifyPeerId } from '../../dist/util/index.js'

/** What a parser gives, or undefined when it refuses with one of its codes. */
function read(parse, ...codes) {
  try {
    return parse()
  } catch (error) {
    if (codes.includes(error?.code)) return undefined
    throw error
  }
}

function plant(planted, found, what) {
  if (planted && found) throw new Error(`planted: ${what}`)
}

const text = (bytes) => Buffer.from(bytes).toString('latin1')
const BENCODE = ['ERR_BENCODE_INVALID', 'ERR_BENCODE_DEPTH', 'ERR_BENCODE_TOKENS']

export const targets = {
  bencode: {
    bencoded: true,
    run(bytes, planted) {
      for (const mode of ['unordered', 'lenient']) read(() => bparse(bytes, { mode }).root.value(), ...BENCODE)
      const value = read(() => bdecode(bytes), ...BENCODE)
      if (value !== undefined) ok(Buffer.from(bencode(value)).equals(bytes), 'another encoding')
      const reader = new BencodeReader({ bytes: 4096 })
      const whole = read(
        () => {
          for (let at = 0; at < bytes.length; at += 3) {
            const done = reader.push(bytes.subarray(at, at + 3))
            if (done) return at + done.used
          }
          return undefined
        },
        ...BENCODE,
        'ERR_BENCODE_SIZE',
      )
      if (value !== undefined && bytes.length <= 4096) deepStrictEqual(whole, bytes.length)
      plant(planted, Array.isArray(value?.l) && value.l.length === 3 && value.l[1] === 77, 'a list of three')
      return value
    },
  },
  krpc: {
    bencoded: true,
    run(bytes, planted) {
      const message = read(() => parseKrpc(bytes), 'ERR_KRPC_INVALID')
      if (message === undefined) return undefined
      const { flaws, ...rest } = message
      if (message.kind === 'error' && (message.code < 0 || message.message.includes('\ufffd'))) return message
      deepStrictEqual(parseKrpc(buildKrpc(rest), 65_507), rest)
      plant(planted, message.method === 'put' && message.salt?.length === 3, 'a salt of three bytes')
      return message
    },
  },
  udp_tracker: {
    run(bytes, planted) {
      const request = read(() => parseUdpRequest(bytes), 'ERR_TRACKER_INVALID')
      if (request) deepStrictEqual(parseUdpRequest(buildUdpRequest(request)), request)
      for (const family of [4, 6]) {
        const reply = read(() => parseUdpReply(bytes, family), 'ERR_TRACKER_INVALID')
        if (reply && reply.action !== 'error')
          deepStrictEqual(parseUdpReply(buildUdpReply(reply, family), family), reply)
      }
      plant(planted, request?.urlData?.length > 2 && request.event === 'stopped', 'URL data with the event stopped')
      return request
    },
  },
  http_reply: {
    bencoded: true,
    run(bytes, planted) {
      const bad = (value) => value.flaws !== undefined || JSON.stringify(value).includes('\ufffd')
      const announce = read(() => parseAnnounceReply(bytes), 'ERR_TRACKER_INVALID')
      if (announce && !bad(announce)) deepStrictEqual(parseAnnounceReply(buildAnnounceReply(announce)), announce)
      const scrape = read(() => parseScrapeReply(bytes), 'ERR_TRACKER_INVALID')
      if (
        scrape &&
        !bad(scrape) &&
        new Set(scrape.files?.map(({ infoHash }) => text(infoHash))).size === scrape.files?.length
      ) {
        const sorted = (reply) => ({
          ...reply,
          files: reply.files.toSorted((a, b) => Buffer.compare(a.infoHash, b.infoHash)),
        })
        deepStrictEqual(parseScrapeReply(buildScrapeReply(scrape)), sorted(scrape))
      }
      plant(planted, announce?.retryIn === 'never' || announce?.externalIp?.length === 16, 'never, or an IPv6 address')
      return announce ?? scrape
    },
  },
  http_query: {
    run(bytes, planted) {
      const query = read(() => parseAnnounceQuery(text(bytes)), 'ERR_TRACKER_INVALID')
      if (query === undefined) return undefined
      const built = read(() => buildAnnounceQuery(query), 'ERR_INVALID_OPTION')
      const kept = !Object.values(query).some((value) => value === '' || String(value).includes('\ufffd'))
      if (built !== undefined && kept && query.trackerId?.length !== 0)
        deepStrictEqual(parseAnnounceQuery(built), query)
      plant(planted, query.event === 'completed' && query.left > 1000, 'completed with something left')
      return query
    },
  },
  lsd: {
    run(bytes, planted) {
      const announce = read(() => parseLsd(bytes), 'ERR_LSD_INVALID')
      plant(planted, announce?.infoHashes.length === 2 && announce.cookie === undefined, 'two hashes and no cookie')
      return announce
    },
  },
  ws_tracker: {
    run(bytes, planted) {
      const request = read(() => parseWsRequest(bytes), 'ERR_TRACKER_INVALID')
      if (request) deepStrictEqual(parseWsRequest(buildWsRequest(request)), request)
      const reply = read(() => parseWsReply(bytes), 'ERR_TRACKER_INVALID')
      if (reply) deepStrictEqual(parseWsReply(buildWsReply(reply)), reply)
      plant(planted, request?.event === 'paused' && request.left > 0, 'paused with something left')
      return request ?? reply
    },
  },
  ipfilter: {
    run(bytes, planted) {
      const filter = IpFilter.parse(bytes)
      deepStrictEqual(IpFilter.parse(filter.format('dat')).ranges, filter.ranges)
      for (const { first, last, level } of filter.ranges) {
        if (level <= 127) ok(filter.blocks(first) && filter.blocks(last), 'an end that is not blocked')
      }
      plant(
        planted,
        filter.ranges.some(({ first, level }) => first.includes(':') && level === 128),
        'IPv6 at level 128',
      )
      return filter.ranges
    },
  },
  peer_id: {
    run(bytes, planted) {
      const id = new Uint8Array(20)
      id.set(bytes.subarray(0, 20))
      const found = identifyPeerId(id)
      if (found) ok(found.client !== '' && found.version !== '', 'a client without a name')
      plant(planted, found?.style === 'shadow' && found.version?.length > 8, 'a long version of a shadow')
      return found
    },
  },
}
