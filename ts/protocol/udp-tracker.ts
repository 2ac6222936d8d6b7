import { expected, integer } from '../check.ts'
import { TorrentError } from '../errors.ts'
import { formatIp, ipBytes } from '../util/address.ts'
import { anyBytes, fromLatin1, latin1, plainBytes, sized, utf8Text, view } from '../util/bytes.ts'
import { familyOf, type IpFamily, PEER_BYTES } from '../util/compact.ts'
import { Writer } from '../util/writer.ts'
import { type ScrapeCounts, TRACKER_EVENTS, type TrackerEvent } from './tracker.ts'

/** Asks for a connection id. */
export interface UdpConnectRequest {
  readonly action: 'connect'
  /** Chosen by who asks, repeated in the answer: 0 to 2^32 − 1. */
  readonly transaction: number
}

/** Announces a torrent. */
export interface UdpAnnounceRequest {
  readonly action: 'announce'
  /** Chosen by who asks, repeated in the answer: 0 to 2^32 − 1. */
  readonly transaction: number
  /** 8 bytes, as the tracker gave them. */
  readonly connectionId: Uint8Array
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Bytes, 0 to 2^64 − 1. */
  readonly downloaded: number | bigint
  /** Bytes, 0 to 2^64 − 1. */
  readonly left: number | bigint
  /** Bytes, 0 to 2^64 − 1. */
  readonly uploaded: number | bigint
  /** What has happened; `none` for an announce in between. */
  readonly event: TrackerEvent
  /** The IPv4 address to be announced; that of the datagram when absent. */
  readonly ip?: string
  /** The same for a torrent as long as it runs: 0 to 2^32 − 1. */
  readonly key: number
  /** Peers wanted; −1 leaves it to the tracker. */
  readonly numWant: number
  /** Where the peer listens, 0 to 65,535. */
  readonly port: number
  /**
   * Path and query of the tracker's URL (BEP 41), a character for each byte; empty says that there are none. Absent: the
   * request has no such option.
   */
  readonly urlData?: string
}

/** Asks how many peers torrents have. */
export interface UdpScrapeRequest {
  readonly action: 'scrape'
  /** Chosen by who asks, repeated in the answer: 0 to 2^32 − 1. */
  readonly transaction: number
  /** 8 bytes. */
  readonly connectionId: Uint8Array
  /** 20 bytes each, 1 to 74. */
  readonly infoHashes: readonly Uint8Array[]
}

/** What a client sends to a UDP tracker (BEP 15). */
export type UdpTrackerRequest = UdpConnectRequest | UdpAnnounceRequest | UdpScrapeRequest

/** A connection id, good for 60 seconds at the client. */
export interface UdpConnectReply {
  readonly action: 'connect'
  /** That of the request, 0 to 2^32 − 1. */
  readonly transaction: number
  /** 8 bytes. */
  readonly connectionId: Uint8Array
}

/** Peers of a torrent. */
export interface UdpAnnounceReply {
  readonly action: 'announce'
  /** That of the request, 0 to 2^32 − 1. */
  readonly transaction: number
  /** Seconds until the next announce. */
  readonly interval: number
  /** Peers without everything. */
  readonly leechers: number
  /** Peers with everything. */
  readonly seeders: number
  /** 6 bytes each over IPv4, 18 over IPv6: see `expandPeers` of `bitlode/util`. */
  readonly peers: Uint8Array
}

/** How many peers torrents have, in the order of the request. */
export interface UdpScrapeReply {
  readonly action: 'scrape'
  /** That of the request, 0 to 2^32 − 1. */
  readonly transaction: number
  /** The counts of each torrent, in the order of the request. */
  readonly files: readonly ScrapeCounts[]
}

/** The tracker refuses. */
export interface UdpErrorReply {
  readonly action: 'error'
  /** That of the request, 0 to 2^32 − 1. */
  readonly transaction: number
  /** For a person: why the tracker refuses. */
  readonly message: string
}

/** What a UDP tracker answers (BEP 15). */
export type UdpTrackerReply = UdpConnectReply | UdpAnnounceReply | UdpScrapeReply | UdpErrorReply

/** The eight bytes in front of a connect request, in place of a connection id. */
const MAGIC = Buffer.from('0000041727101980', 'hex')
const ACTIONS = { connect: 0, announce: 1, scrape: 2, error: 3 } as const
/** By their number. */
const EVENTS = TRACKER_EVENTS
const U32 = 0xffff_ffff
const ANNOUNCE = 98
/** Info-hashes in a request. */
const MAX_SCRAPE = 74
/** BEP 41. */
const OPTION = { end: 0, nop: 1, url: 2 } as const

/**
 * Writes a request to a UDP tracker.
 *
 * Errors: `ERR_INVALID_OPTION` for a field of the wrong type, length or range.
 */
export function buildUdpRequest(request: UdpTrackerRequest): Uint8Array<ArrayBuffer> {
  const to = new Writer()
  const head = (id: Uint8Array) =>
    to
      .raw(id)
      .u32(ACTIONS[request.action])
      .u32(integer('transaction', request.transaction, 0, U32))
  switch (request.action) {
    case 'connect':
      return head(MAGIC).take()
    case 'announce':
      head(sized('connectionId', request.connectionId, 8))
      writeAnnounce(to, request)
      return to.take()
    case 'scrape': {
      const { infoHashes } = request
      if (!Array.isArray(infoHashes) || infoHashes.length < 1 || infoHashes.length > MAX_SCRAPE) {
        throw expected('infoHashes', `1 to ${MAX_SCRAPE} info-hashes`, infoHashes)
      }
      head(sized('connectionId', request.connectionId, 8))
      for (const infoHash of infoHashes) to.raw(sized('infoHash', infoHash, 20))
      return to.take()
    }
    default:
      throw expected('action', 'connect, announce or scrape', (request as { action: unknown }).action)
  }
}

function writeAnnounce(to: Writer, request: UdpAnnounceRequest): void {
  const event = EVENTS.indexOf(request.event)
  if (event < 0) throw expected('event', `one of ${EVENTS.join(', ')}`, request.event)
  const ip = ipBytes('ip', request.ip ?? '0.0.0.0')
  to.raw(sized('infoHash', request.infoHash, 20)).raw(sized('peerId', request.peerId, 20))
  // Not the order of HTTP: left stands in the middle.
  for (const name of ['downloaded', 'left', 'uploaded'] as const) to.u64(u64(name, request[name]))
  to.u32(event)
    .raw(sized('ip', ip, 4))
    .u32(integer('key', request.key, 0, U32))
  to.u32(integer('numWant', request.numWant, -(2 ** 31), 2 ** 31 - 1) >>> 0).u16(
    integer('port', request.port, 0, 65_535),
  )
  if (request.urlData === undefined) return
  const data = typeof request.urlData === 'string' ? fromLatin1(request.urlData) : undefined
  if (data === undefined) throw expected('urlData', 'characters up to U+00FF', request.urlData)
  for (let at = 0; at === 0 || at < data.length; at += 255) {
    const part = data.subarray(at, at + 255)
    to.u8(OPTION.url).u8(part.length).raw(part)
  }
}

/**
 * Reads a request to a UDP tracker. Bytes are views of the datagram. Options of BEP 41 that are not known are skipped.
 *
 * Errors: `ERR_TRACKER_INVALID`.
 */
export function parseUdpRequest(datagram: Uint8Array): UdpTrackerRequest {
  if (!(datagram instanceof Uint8Array)) throw expected('datagram', 'a Uint8Array', datagram)
  const bytes = view(datagram)
  const part = (start: number, end: number) => plainBytes(datagram).subarray(start, end)
  if (bytes.length < 16) throw short(bytes, 16)
  const action = bytes.readUInt32BE(8)
  const transaction = bytes.readUInt32BE(12)
  const connectionId = part(0, 8)
  switch (action) {
    case ACTIONS.connect:
      if (!MAGIC.equals(connectionId)) throw invalid('The request does not start with the number of the protocol')
      return { action: 'connect', transaction }
    case ACTIONS.announce: {
      if (bytes.length < ANNOUNCE) throw short(bytes, ANNOUNCE)
      const event = EVENTS[bytes.readUInt32BE(80)]
      if (event === undefined) throw invalid(`There is no event ${bytes.readUInt32BE(80)}`)
      const ip = part(84, 88)
      const urlData = parseOptions(bytes)
      return {
        action: 'announce',
        transaction,
        connectionId,
        infoHash: part(16, 36),
        peerId: part(36, 56),
        downloaded: readU64(bytes, 56),
        left: readU64(bytes, 64),
        uploaded: readU64(bytes, 72),
        event,
        ...(ip.every((byte) => byte === 0) ? {} : { ip: formatIp(ip) ?? '' }),
        key: bytes.readUInt32BE(88),
        numWant: bytes.readInt32BE(92),
        port: bytes.readUInt16BE(96),
        ...(urlData === undefined ? {} : { urlData }),
      }
    }
    case ACTIONS.scrape: {
      const infoHashes: Uint8Array[] = []
      for (let at = 16; at + 20 <= bytes.length && infoHashes.length < MAX_SCRAPE; at += 20) {
        infoHashes.push(part(at, at + 20))
      }
      if (infoHashes.length === 0) throw short(bytes, 36)
      return { action: 'scrape', transaction, connectionId, infoHashes }
    }
    default:
      throw invalid(`There is no action ${action}`)
  }
}

/** The URL data behind an announce; undefined when there is none. */
function parseOptions(bytes: Buffer): string | undefined {
  let data: string | undefined
  let at = ANNOUNCE
  while (at < bytes.length) {
    const option = bytes[at++]
    if (option === OPTION.end) break
    if (option === OPTION.nop) continue
    const length = bytes[at++]
    if (length === undefined || at + length > bytes.length) throw invalid('An option is longer than the request')
    if (option === OPTION.url) data = (data ?? '') + latin1(bytes.subarray(at, at + length))
    at += length
  }
  return data
}

/**
 * Writes an answer of a UDP tracker. `family` is that of the datagram and says how long a peer is.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildUdpReply(reply: UdpTrackerReply, family: IpFamily = 4): Uint8Array<ArrayBuffer> {
  const to = new Writer()
  if (!Object.hasOwn(ACTIONS, reply.action)) throw expected('action', 'one that there is', reply.action)
  to.u32(ACTIONS[reply.action]).u32(integer('transaction', reply.transaction, 0, U32))
  switch (reply.action) {
    case 'connect':
      return to.raw(sized('connectionId', reply.connectionId, 8)).take()
    case 'announce': {
      for (const name of ['interval', 'leechers', 'seeders'] as const) to.u32(integer(name, reply[name], 0, U32))
      const size = PEER_BYTES[familyOf(family)]
      if (anyBytes('peers', reply.peers).length % size !== 0) {
        throw expected('peers', `entries of ${size} bytes`, reply.peers.length)
      }
      return to.raw(reply.peers).take()
    }
    case 'scrape':
      if (!Array.isArray(reply.files)) throw expected('files', 'a list', reply.files)
      for (const file of reply.files as readonly ScrapeCounts[]) {
        for (const name of ['seeders', 'completed', 'leechers'] as const) to.u32(integer(name, file[name], 0, U32))
      }
      return to.take()
    case 'error':
      if (typeof reply.message !== 'string') throw expected('message', 'text', reply.message)
      return to.raw(Buffer.from(reply.message)).take()
  }
}

/**
 * Reads an answer of a UDP tracker. `family` is that of the datagram and says how long a peer is; a part of a peer or of a
 * count at the end is ignored. Bytes are views of the datagram. Whether the transaction is the one that was asked for is the
 * caller's to check.
 *
 * Errors: `ERR_TRACKER_INVALID`. That the tracker refused is no error but a value.
 */
export function parseUdpReply(datagram: Uint8Array, family: IpFamily = 4): UdpTrackerReply {
  if (!(datagram instanceof Uint8Array)) throw expected('datagram', 'a Uint8Array', datagram)
  const bytes = view(datagram)
  const part = (start: number, end: number) => plainBytes(datagram).subarray(start, end)
  if (bytes.length < 8) throw short(bytes, 8)
  const action = bytes.readUInt32BE(0)
  const transaction = bytes.readUInt32BE(4)
  switch (action) {
    case ACTIONS.connect:
      if (bytes.length < 16) throw short(bytes, 16)
      return { action: 'connect', transaction, connectionId: part(8, 16) }
    case ACTIONS.announce: {
      if (bytes.length < 20) throw short(bytes, 20)
      const [interval, leechers, seeders] = [8, 12, 16].map((at) => bytes.readUInt32BE(at)) as [number, number, number]
      const end = bytes.length - ((bytes.length - 20) % PEER_BYTES[familyOf(family)])
      return { action: 'announce', transaction, interval, leechers, seeders, peers: part(20, end) }
    }
    case ACTIONS.scrape: {
      const files: ScrapeCounts[] = []
      for (let at = 8; at + 12 <= bytes.length; at += 12) {
        files.push({
          seeders: bytes.readUInt32BE(at),
          completed: bytes.readUInt32BE(at + 4),
          leechers: bytes.readUInt32BE(at + 8),
        })
      }
      return { action: 'scrape', transaction, files }
    }
    case ACTIONS.error:
      return { action: 'error', transaction, message: utf8Text(datagram.subarray(8)) }
    default:
      throw invalid(`There is no action ${action}`)
  }
}

function invalid(message: string): TorrentError {
  return new TorrentError('ERR_TRACKER_INVALID', message)
}

function short(bytes: Uint8Array, least: number): TorrentError {
  return invalid(`The datagram has ${bytes.length} bytes, fewer than ${least}`)
}

function u64(name: string, value: number | bigint): bigint {
  if (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n) return value
  return BigInt(integer(name, value, 0, Number.MAX_SAFE_INTEGER))
}

function readU64(bytes: Buffer, at: number): number | bigint {
  const value = bytes.readBigUInt64BE(at)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}
