import { expected, integer } from '../check.ts'
import { SETTINGS } from '../settings.ts'
import { type BencodeNode, parsePrefix } from '../util/bdecode.ts'
import { type Bencodable, bencode } from '../util/bencode.ts'
import { anyBytes, sized, utf8Text } from '../util/bytes.ts'
import { badTracker, count, defined, type Loose, type ScrapeCounts, words } from './tracker.ts'

/** A peer of a list that is not compact (BEP 3). */
export interface HttpPeer {
  /** An IP address; the text allows names, too. */
  readonly ip: string
  /** 0 to 65,535. */
  readonly port: number
  /** 20 bytes; absent when the tracker was asked to leave it out. */
  readonly peerId?: Uint8Array
}

/** What a tracker answers to an announce (BEP 3). Bytes of a parsed answer are views of its body. */
export interface HttpAnnounceReply {
  readonly kind: 'announce'
  /** Seconds until the next announce. */
  readonly interval?: number
  /** Seconds before which no announce may follow. */
  readonly minInterval?: number
  /** To be sent with the next announce. */
  readonly trackerId?: Uint8Array
  /** Peers with everything. */
  readonly seeders?: number
  /** Peers without everything. */
  readonly leechers?: number
  /** How often the torrent was downloaded to its end. */
  readonly completed?: number
  /** The peer's address as the tracker sees it, 4 or 16 bytes (BEP 24). */
  readonly externalIp?: Uint8Array
  /** For a person: the announce counts all the same. */
  readonly warning?: string
  /** IPv4 peers, 6 bytes each (BEP 23): see `expandPeers` of `bitlode/util`. */
  readonly peers?: Uint8Array
  /** IPv6 peers, 18 bytes each (BEP 7). */
  readonly peers6?: Uint8Array
  /** Peers in the form of BEP 3; an answer has these or `peers`. */
  readonly peerList?: readonly HttpPeer[]
  /** Keys of a parsed answer whose value has a form that it must not have: it was left out, or cut to whole entries. */
  readonly flaws?: readonly string[]
}

/** The tracker refuses (BEP 3). */
export interface HttpTrackerFailure {
  readonly kind: 'failure'
  /** For a person: why the tracker refuses. */
  readonly reason: string
  /** Minutes until it may be asked again, or never (BEP 31). */
  readonly retryIn?: number | 'never'
}

/** A torrent in an answer to a scrape (BEP 48). */
export interface HttpScrapeFile extends ScrapeCounts {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Peers that are downloading, without partial seeds (BEP 21). */
  readonly downloaders?: number
  /** The torrent's name. */
  readonly name?: string
}

/** What a tracker answers to a scrape (BEP 48). */
export interface HttpScrapeReply {
  readonly kind: 'scrape'
  /** The counts of each torrent, in the order of the answer. */
  readonly files: readonly HttpScrapeFile[]
  /** Seconds before which no scrape may follow. */
  readonly minRequestInterval?: number
}

/** Limits of what is read. */
export interface HttpReplyLimits {
  /** Peers of each list; further ones are left out. @default 1000 (the setting `trackerPeers`) */
  readonly maxPeers?: number
  /** Lists and dictionaries inside each other. @default 16 (the setting `maxNetworkDepth`) */
  readonly depth?: number
  /** Values of any kind. @default 20000 (the setting `maxNetworkTokens`) */
  readonly tokens?: number
}

const COUNT = Number.MAX_SAFE_INTEGER

/**
 * Writes the answer to an announce, or a failure.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildAnnounceReply(reply: HttpAnnounceReply | HttpTrackerFailure): Uint8Array<ArrayBuffer> {
  if (reply.kind === 'failure') return buildFailure(reply)
  if (reply.kind !== 'announce') throw expected('kind', 'announce or failure', (reply as { kind: unknown }).kind)
  const { peers, peers6, peerList, externalIp, trackerId } = reply
  if (peers !== undefined && peerList !== undefined) throw expected('peers', 'absent beside `peerList`', peers)
  return bencode({
    complete: count('seeders', reply.seeders),
    downloaded: count('completed', reply.completed),
    'external ip': externalIp && sized('externalIp', externalIp, 4, 16),
    incomplete: count('leechers', reply.leechers),
    interval: count('interval', reply.interval),
    'min interval': count('minInterval', reply.minInterval),
    peers: peerList ? peerList.map(writePeer) : peers && entries('peers', peers, 6),
    peers6: peers6 && entries('peers6', peers6, 18),
    'tracker id': trackerId && anyBytes('trackerId', trackerId),
    'warning message': words('warning', reply.warning),
  })
}

function buildFailure({ reason, retryIn }: HttpTrackerFailure): Uint8Array<ArrayBuffer> {
  return bencode({
    'failure reason': words('reason', reason) ?? '',
    'retry in': retryIn === 'never' ? retryIn : count('retryIn', retryIn),
  })
}

function writePeer({ ip, port, peerId }: HttpPeer): Bencodable {
  return {
    ip: words('ip', ip),
    'peer id': peerId && sized('peerId', peerId, 20),
    port: integer('port', port, 0, 65_535),
  }
}

/**
 * Reads the answer to an announce: compact or not, both families, failures with `retry in` (BEP 3, 7, 23, 24, 31). Keys may
 * come in any order. Texts are as the tracker wrote them: show them as text.
 *
 * Errors: `ERR_TRACKER_INVALID`. That the tracker refused is no error but a value.
 */
export function parseAnnounceReply(
  body: Uint8Array,
  limits: HttpReplyLimits = {},
): HttpAnnounceReply | HttpTrackerFailure {
  const root = dictOf(body, limits)
  const failure = readFailure(root)
  if (failure !== undefined) return failure
  const maxPeers = limits.maxPeers ?? SETTINGS.trackerPeers.default
  const fields = new Fields(root)
  const { list, compact } = readPeers(fields, maxPeers)
  return fields.keep<HttpAnnounceReply>({
    kind: 'announce',
    interval: fields.count('interval'),
    minInterval: fields.count('min interval'),
    trackerId: fields.bytes('tracker id'),
    seeders: fields.count('complete'),
    leechers: fields.count('incomplete'),
    completed: fields.count('downloaded'),
    externalIp: fields.bytes('external ip', 4, 16),
    warning: fields.text('warning message'),
    peers: compact,
    peers6: fields.entries('peers6', 18, maxPeers),
    peerList: list,
  })
}

function readPeers(fields: Fields, max: number): { list?: HttpPeer[] | undefined; compact?: Uint8Array | undefined } {
  const node = fields.node('peers')
  if (node?.kind !== 'list') return { compact: fields.entries('peers', 6, max) }
  const list: HttpPeer[] = []
  for (const item of node.items()) {
    if (list.length >= max) break
    const ip = item.get('ip')?.bytes()
    const port = item.get('port')?.integer()
    const peerId = item.get('peer id')?.bytes()
    if (ip === undefined || typeof port !== 'number' || port < 0 || port > 65_535) fields.flaw('peers')
    else list.push({ ip: utf8Text(ip), port, ...(peerId?.length === 20 ? { peerId } : {}) })
  }
  return { list }
}

/**
 * Writes the answer to a scrape, or a failure.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildScrapeReply(reply: HttpScrapeReply | HttpTrackerFailure): Uint8Array<ArrayBuffer> {
  if (reply.kind === 'failure') return buildFailure(reply)
  if (reply.kind !== 'scrape' || !Array.isArray(reply.files)) throw expected('files', 'a list', reply)
  const files = (reply.files as readonly HttpScrapeFile[]).map((file): [Uint8Array, Bencodable] => [
    sized('infoHash', file.infoHash, 20),
    {
      complete: integer('seeders', file.seeders, 0, COUNT),
      downloaded: integer('completed', file.completed, 0, COUNT),
      downloaders: count('downloaders', file.downloaders),
      incomplete: integer('leechers', file.leechers, 0, COUNT),
      name: words('name', file.name),
    },
  ])
  const interval = count('minRequestInterval', reply.minRequestInterval)
  return bencode({
    files: new Map(files),
    flags: interval === undefined ? undefined : { min_request_interval: interval },
  })
}

/**
 * Reads the answer to a scrape (BEP 48). Torrents without a hash of 20 bytes are left out; counts that are missing or no
 * counts are 0.
 *
 * Errors: `ERR_TRACKER_INVALID`. That the tracker refused is no error but a value.
 */
export function parseScrapeReply(body: Uint8Array, limits: HttpReplyLimits = {}): HttpScrapeReply | HttpTrackerFailure {
  const root = dictOf(body, limits)
  const failure = readFailure(root)
  if (failure !== undefined) return failure
  const dict = root.get('files')
  if (dict?.kind !== 'dict') throw badTracker('The answer has no `files`')
  const files: HttpScrapeFile[] = []
  for (const [key, node] of dict.entries()) {
    if (key.length !== 20) continue
    const fields = new Fields(node)
    const file = {
      infoHash: Uint8Array.from(Buffer.from(key, 'latin1')),
      seeders: fields.count('complete') ?? 0,
      completed: fields.count('downloaded') ?? 0,
      leechers: fields.count('incomplete') ?? 0,
      downloaders: fields.count('downloaders'),
      name: fields.text('name'),
    }
    files.push(defined<HttpScrapeFile>(file))
  }
  const flags = root.get('flags')
  const minRequestInterval = flags && new Fields(flags).count('min_request_interval')
  return defined<HttpScrapeReply>({ kind: 'scrape', files, minRequestInterval })
}

/** The dictionary that a body is. */
function dictOf(body: Uint8Array, { depth, tokens }: HttpReplyLimits): BencodeNode {
  if (!(body instanceof Uint8Array)) throw expected('body', 'a Uint8Array', body)
  const limits = {
    depth: depth ?? SETTINGS.maxNetworkDepth.default,
    tokens: tokens ?? SETTINGS.maxNetworkTokens.default,
  }
  let document: ReturnType<typeof parsePrefix>
  try {
    document = parsePrefix(body, 'unordered', limits)
  } catch (error) {
    throw badTracker('The tracker did not answer in bencoding', error)
  }
  if (document.length < body.length) throw badTracker('The tracker answered more than one value')
  if (document.root.kind !== 'dict') throw badTracker('The tracker did not answer with a dictionary')
  return document.root
}

function readFailure(root: BencodeNode): HttpTrackerFailure | undefined {
  const reason = root.get('failure reason')?.bytes()
  if (reason === undefined) return undefined
  return defined<HttpTrackerFailure>({
    kind: 'failure',
    reason: utf8Text(reason),
    retryIn: retryIn(root.get('retry in')),
  })
}

/** BEP 31: minutes as an integer or its digits, or `never`. */
function retryIn(node: BencodeNode | undefined): number | 'never' | undefined {
  const number = node?.integer()
  if (typeof number === 'number') return number > 0 ? number : undefined
  const bytes = node?.bytes()
  const word = bytes === undefined || bytes.length > 9 ? '' : utf8Text(bytes)
  if (word === 'never') return 'never'
  return /^\d+$/.test(word) && Number(word) > 0 ? Number(word) : undefined
}

/** Reads the keys of a dictionary and remembers which had a wrong value. */
class Fields {
  readonly #dict: BencodeNode
  readonly #flaws = new Set<string>()

  constructor(dict: BencodeNode) {
    this.#dict = dict
  }

  flaw(key: string): undefined {
    this.#flaws.add(key)
  }

  node(key: string): BencodeNode | undefined {
    return this.#dict.get(key)
  }

  count(key: string): number | undefined {
    const node = this.node(key)
    if (node === undefined) return undefined
    const value = node.integer()
    return typeof value === 'number' && value >= 0 ? value : this.flaw(key)
  }

  bytes(key: string, ...lengths: readonly number[]): Uint8Array | undefined {
    const node = this.node(key)
    if (node === undefined) return undefined
    const bytes = node.bytes()
    if (bytes === undefined || (lengths.length > 0 && !lengths.includes(bytes.length))) return this.flaw(key)
    return bytes
  }

  text(key: string): string | undefined {
    const bytes = this.bytes(key)
    return bytes && utf8Text(bytes)
  }

  /** A compact list: a part of an entry at the end is left out. */
  entries(key: string, length: number, max: number): Uint8Array | undefined {
    const bytes = this.bytes(key)
    if (bytes === undefined) return undefined
    if (bytes.length % length !== 0) this.flaw(key)
    return bytes.subarray(0, Math.min(Math.floor(bytes.length / length), max) * length)
  }

  /** The answer without what is not there, with the flaws. */
  keep<T>(fields: Loose<T>): T {
    return defined<T>({ ...fields, ...(this.#flaws.size > 0 ? { flaws: [...this.#flaws] } : {}) })
  }
}

function entries(name: string, bytes: Uint8Array, length: number): Uint8Array {
  if (anyBytes(name, bytes).length % length !== 0) throw expected(name, `entries of ${length} bytes`, bytes.length)
  return bytes
}
