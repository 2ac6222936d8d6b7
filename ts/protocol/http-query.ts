import { expected, integer } from '../check.ts'
import { SETTINGS } from '../settings.ts'
import { ipBytes, parseIp } from '../util/address.ts'
import { anyBytes, sized } from '../util/bytes.ts'
import { amount, badTracker, eventOf, type TrackerEvent } from './tracker.ts'

/** An announce to an HTTP tracker (BEP 3). */
export interface HttpAnnounce {
  /** 20 bytes: the v1 hash, or the first 20 bytes of the v2 one. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Where the peer listens, 0 to 65,535. */
  readonly port: number
  /** Bytes of content since `started`. */
  readonly uploaded: number | bigint
  /** Bytes of content since `started`, without those whose hash was wrong. */
  readonly downloaded: number | bigint
  /** Bytes of the torrent that are missing. */
  readonly left: number | bigint
  /** What has happened; `none` for an announce in between. */
  readonly event: TrackerEvent
  /** Bytes whose hash was wrong. */
  readonly corrupt?: number | bigint
  /** Bytes that came twice. */
  readonly redundant?: number | bigint
  /** The same for a torrent as long as it runs (BEP 7): letters and digits, usually 8 hexadecimal ones. */
  readonly key?: string
  /** Peers wanted; −1 leaves it to the tracker. */
  readonly numWant?: number
  /** Peers may come as a compact list (BEP 23). */
  readonly compact?: boolean
  /** Peers may come without their ids. */
  readonly noPeerId?: boolean
  /** Encrypted connections are accepted. */
  readonly supportCrypto?: boolean
  /** Only encrypted connections are accepted. */
  readonly requireCrypto?: boolean
  /** What the tracker gave as `tracker id`. */
  readonly trackerId?: Uint8Array
  /** The address to be announced, or a name. */
  readonly ip?: string
  /** A further IPv4 address (BEP 7 of old). */
  readonly ipv4?: string
  /** A further IPv6 address (BEP 7 of old). */
  readonly ipv6?: string
}

/** Names of the parameters that an announce is made of: a tracker's own URL must not bring them. */
export const ANNOUNCE_PARAMETERS = [
  'info_hash',
  'peer_id',
  'port',
  'uploaded',
  'downloaded',
  'left',
  'corrupt',
  'redundant',
  'event',
  'key',
  'numwant',
  'compact',
  'no_peer_id',
  'supportcrypto',
  'requirecrypto',
  'trackerid',
  'ip',
  'ipv4',
  'ipv6',
] as const

const PLAIN = /[A-Za-z0-9\-_.~]/
const escaped = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return PLAIN.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})

/** Percent-encodes bytes one by one: letters, digits, `-`, `_`, `.` and `~` stay (RFC 3986 section 2.3). */
export function escapeBytes(bytes: Uint8Array): string {
  let out = ''
  for (const byte of anyBytes('bytes', bytes)) out += escaped[byte] ?? ''
  return out
}

/**
 * The URL of an announce: the tracker's own with the query behind it, in the order of BEP 3 and its extensions. What the URL
 * brings of its own, such as a passkey, stays in front.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildAnnounceUrl(tracker: string | URL, announce: HttpAnnounce): string {
  return withQuery(tracker, buildAnnounceQuery(announce))
}

/** The query of an announce alone, without a question mark. Errors: `ERR_INVALID_OPTION`. */
export function buildAnnounceQuery(announce: HttpAnnounce): string {
  const parts: string[] = []
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined) parts.push(`${name}=${value}`)
  }
  const bytes = (name: keyof HttpAnnounce) => {
    const value = announce[name]
    return value === undefined ? undefined : String(amount(name, value))
  }
  const address = (name: 'ipv4' | 'ipv6', length: number) => {
    const text = announce[name]
    if (text !== undefined) sized(name, ipBytes(name, text), length)
    return text && escapeText(name, text)
  }
  const switched = (on: boolean | undefined) => (on === undefined ? undefined : on ? '1' : '0')
  add('info_hash', escapeBytes(sized('infoHash', announce.infoHash, 20)))
  add('peer_id', escapeBytes(sized('peerId', announce.peerId, 20)))
  add('port', `${integer('port', announce.port, 0, 65_535)}`)
  add('uploaded', String(amount('uploaded', announce.uploaded)))
  add('downloaded', String(amount('downloaded', announce.downloaded)))
  add('left', String(amount('left', announce.left)))
  add('corrupt', bytes('corrupt'))
  add('redundant', bytes('redundant'))
  add('event', eventOf(announce.event) === 'none' ? undefined : announce.event)
  add('key', announce.key && escapeText('key', announce.key))
  add(
    'numwant',
    announce.numWant === undefined ? undefined : `${integer('numWant', announce.numWant, -1, 2 ** 31 - 1)}`,
  )
  add('compact', switched(announce.compact))
  add('no_peer_id', switched(announce.noPeerId))
  add('supportcrypto', switched(announce.supportCrypto))
  add('requirecrypto', switched(announce.requireCrypto))
  add('trackerid', announce.trackerId && escapeBytes(announce.trackerId))
  add('ip', announce.ip && escapeText('ip', announce.ip))
  add('ipv4', address('ipv4', 4))
  add('ipv6', address('ipv6', 16))
  return parts.join('&')
}

/**
 * Reads the query of an announce, as a tracker does: what stands behind the question mark of the URL. Parameters that are not
 * known are ignored; of one that comes twice the first counts; a plus sign is a plus sign.
 *
 * Errors: `ERR_TRACKER_INVALID`, also for a query longer than `maxChars`.
 */
export function parseAnnounceQuery(query: string, maxChars: number = SETTINGS.httpHeaderBytes.default): HttpAnnounce {
  const read = new Query(query, maxChars)
  const { infoHash, peerId } = { infoHash: read.bytes('info_hash', 20), peerId: read.bytes('peer_id', 20) }
  const port = read.number('port', 0, 65_535)
  if (infoHash === undefined || peerId === undefined || port === undefined) {
    throw badTracker('The announce lacks info_hash, peer_id or port')
  }
  const announce: Record<string, unknown> = {
    infoHash,
    peerId,
    port,
    uploaded: read.amount('uploaded') ?? 0,
    downloaded: read.amount('downloaded') ?? 0,
    left: read.amount('left') ?? 0,
    event: read.event(),
    corrupt: read.amount('corrupt'),
    redundant: read.amount('redundant'),
    key: read.text('key'),
    numWant: read.number('numwant', -1, 2 ** 31 - 1),
    compact: read.flag('compact'),
    noPeerId: read.flag('no_peer_id'),
    supportCrypto: read.flag('supportcrypto'),
    requireCrypto: read.flag('requirecrypto'),
    trackerId: read.bytes('trackerid'),
    ip: read.text('ip'),
    ipv4: read.address('ipv4', 4),
    ipv6: read.address('ipv6', 16),
  }
  for (const [name, value] of Object.entries(announce)) if (value === undefined) delete announce[name]
  return announce as unknown as HttpAnnounce
}

/**
 * Where a tracker answers scrapes (BEP 48): `announce` at the start of the last part of its path becomes `scrape`; null when
 * it does not start so, and the tracker has none.
 */
export function scrapeUrl(announce: string): string | null {
  const end = announce.search(/[?#]/)
  const path = end < 0 ? announce : announce.slice(0, end)
  const at = path.lastIndexOf('/') + 1
  if (at === 0 || !path.startsWith('announce', at)) return null
  return `${path.slice(0, at)}scrape${announce.slice(at + 'announce'.length)}`
}

/**
 * The URL of a scrape of some torrents; of all when there are none. `scrape` is what {@link scrapeUrl} gave.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildScrapeUrl(scrape: string | URL, infoHashes: readonly Uint8Array[]): string {
  if (!Array.isArray(infoHashes)) throw expected('infoHashes', 'a list', infoHashes)
  const hashes = infoHashes.map((infoHash) => `info_hash=${escapeBytes(sized('infoHash', infoHash, 20))}`)
  return withQuery(scrape, hashes.join('&'))
}

/**
 * Reads the query of a scrape, as a tracker does: the info-hashes, 20 bytes each; none means all.
 *
 * Errors: `ERR_TRACKER_INVALID`, also for a query longer than `maxChars`.
 */
export function parseScrapeQuery(query: string, maxChars: number = SETTINGS.httpHeaderBytes.default): Uint8Array[] {
  return new Query(query, maxChars).all('info_hash').map((value) => exactly('info_hash', value, 20))
}

function withQuery(base: string | URL, query: string): string {
  if (!(base instanceof URL) && (typeof base !== 'string' || !URL.canParse(base)))
    throw expected('tracker', 'a URL', base)
  const url = new URL(base)
  url.hash = ''
  if (query !== '') url.search = `${url.search === '' ? '?' : `${url.search}&`}${query}`
  return url.href
}

function escapeText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw expected(name, 'text', value)
  return escapeBytes(Buffer.from(value))
}

/** Parameters of a query, as bytes with one character each. */
class Query {
  readonly #parts: [name: string, value: string][] = []

  constructor(query: string, maxChars: number) {
    if (typeof query !== 'string') throw expected('query', 'text', query)
    if (query.length > maxChars) throw badTracker(`The query is longer than ${maxChars} characters`)
    for (const part of (query.startsWith('?') ? query.slice(1) : query).split('&')) {
      const equals = part.indexOf('=')
      if (equals > 0) this.#parts.push([percentDecode(part.slice(0, equals)), percentDecode(part.slice(equals + 1))])
    }
  }

  all(name: string): string[] {
    return this.#parts.filter(([key]) => key === name).map(([, value]) => value)
  }

  bytes(name: string, length?: number): Uint8Array | undefined {
    const value = this.#first(name)
    if (value === undefined) return undefined
    return exactly(name, value, length ?? value.length)
  }

  text(name: string): string | undefined {
    const value = this.#first(name)
    return value === undefined ? undefined : Buffer.from(value, 'latin1').toString()
  }

  number(name: string, min: number, max: number): number | undefined {
    const value = this.amount(name, min < 0)
    if (value !== undefined && (value < min || value > max))
      throw badTracker(`\`${name}\` is not from ${min} to ${max}`)
    return value === undefined ? undefined : Number(value)
  }

  amount(name: string, negative = false): number | bigint | undefined {
    const text = this.#first(name)
    if (text === undefined) return undefined
    const match = /^(-?)\d{1,20}$/.exec(text)
    if (!match || (match[1] === '-' && !negative)) throw badTracker(`\`${name}\` is not a number`)
    const value = BigInt(text)
    if (value >= 2n ** 64n) throw badTracker(`\`${name}\` does not fit 64 bits`)
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
  }

  flag(name: string): boolean | undefined {
    const value = this.#first(name)
    return value === undefined ? undefined : value === '1'
  }

  event(): TrackerEvent {
    const value = this.#first('event')
    if (value === undefined || value === '') return 'none'
    try {
      return eventOf(value)
    } catch (error) {
      throw badTracker('There is no such event', error)
    }
  }

  address(name: string, length: number): string | undefined {
    const text = this.text(name)
    if (text !== undefined && parseIp(text)?.length !== length) throw badTracker(`\`${name}\` is not an address`)
    return text
  }

  #first(name: string): string | undefined {
    return this.#parts.find(([key]) => key === name)?.[1]
  }
}

function exactly(name: string, value: string, length: number): Uint8Array {
  if (value.length !== length) throw badTracker(`\`${name}\` is not ${length} bytes`)
  return Uint8Array.from(Buffer.from(value, 'latin1'))
}

/** The bytes of a part of a query, a character for each. */
function percentDecode(text: string): string {
  if (!/^(?:[\x21-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*$/.test(text)) throw badTracker('The query is not percent-encoded')
  return text.includes('%')
    ? text.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    : text
}
