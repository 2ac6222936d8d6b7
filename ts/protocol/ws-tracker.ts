import { expected, integer } from '../check.ts'
import { SETTINGS } from '../settings.ts'
import { latin1, sized } from '../util/bytes.ts'
import type { HttpScrapeFile } from './http-reply.ts'
import { amount, badTracker, count, defined, eventOf, type TrackerEvent, words } from './tracker.ts'

/** An offer of a connection, to be given to some peer. */
export interface WsOffer {
  /** 20 bytes, by which the answer names it. */
  readonly offerId: Uint8Array
  /** The session description. */
  readonly sdp: string
}

/** An announce to a WebSocket tracker. */
export interface WsAnnounce {
  readonly action: 'announce'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Bytes. */
  readonly uploaded: number
  /** Bytes. */
  readonly downloaded: number
  /** Bytes of the torrent that are missing; null when its size is not known yet. */
  readonly left: number | null
  /** What has happened; `none` for an announce in between. */
  readonly event: TrackerEvent
  /** Peers wanted: usually as many as there are offers. */
  readonly numWant?: number
  /** WebRTC offers, each for one peer that the tracker picks. */
  readonly offers?: readonly WsOffer[]
  /** What the tracker gave as `tracker id`. */
  readonly trackerId?: string
  /** The same for a torrent as long as it runs. */
  readonly key?: string
}

/** An answer to an offer, to be given to the peer that made it. */
export interface WsAnswer {
  readonly action: 'answer'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Who answers, 20 bytes. */
  readonly peerId: Uint8Array
  /** Who made the offer, 20 bytes; only towards the tracker. */
  readonly toPeerId: Uint8Array
  /** 20 bytes. */
  readonly offerId: Uint8Array
  /** The session description. */
  readonly sdp: string
}

/** Asks how many peers torrents have. */
export interface WsScrape {
  readonly action: 'scrape'
  /** 20 bytes each; none means all. */
  readonly infoHashes: readonly Uint8Array[]
}

/** What a client sends to a WebSocket tracker. */
export type WsTrackerRequest = WsAnnounce | WsAnswer | WsScrape

/** What a tracker answers to an announce. */
export interface WsAnnounceReply {
  readonly action: 'announce'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Seconds until the next announce. */
  readonly interval?: number
  /** Seconds before which no announce may follow. */
  readonly minInterval?: number
  /** Peers with everything. */
  readonly seeders?: number
  /** Peers without everything. */
  readonly leechers?: number
  /** To be sent with the next announce. */
  readonly trackerId?: string
  /** For a person: the announce counts all the same. */
  readonly warning?: string
}

/** An offer or an answer of another peer, passed on. */
export interface WsForward {
  /** What the other peer sent: an offer, or the answer to one of ours. */
  readonly action: 'offer' | 'answer'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Whose it is, 20 bytes. */
  readonly peerId: Uint8Array
  /** 20 bytes. */
  readonly offerId: Uint8Array
  /** The session description. */
  readonly sdp: string
}

/** What a tracker answers to a scrape. */
export interface WsScrapeReply {
  readonly action: 'scrape'
  /** The counts of each torrent, in the order of the answer. */
  readonly files: readonly HttpScrapeFile[]
  /** Seconds before which no scrape may follow. */
  readonly minRequestInterval?: number
}

/** The tracker refuses. */
export interface WsFailure {
  readonly action: 'failure'
  /** For a person: why the tracker refuses. */
  readonly reason: string
  /** The torrent, when the tracker says, 20 bytes. */
  readonly infoHash?: Uint8Array
}

/** What a WebSocket tracker sends. */
export type WsTrackerReply = WsAnnounceReply | WsForward | WsScrapeReply | WsFailure

/** Limits of what is read. */
export interface WsLimits {
  /** Bytes of a message. @default 262144 (the setting `wsMessageBytes`) */
  readonly bytes?: number
  /** Offers of an announce; further ones are left out. @default 82 (the setting `wsOffers`) */
  readonly offers?: number
}

const COUNT = Number.MAX_SAFE_INTEGER

/**
 * Writes a request to a WebSocket tracker: the text of a frame. Strings of bytes have a character for each byte, as the
 * protocol of WebTorrent wants it.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildWsRequest(request: WsTrackerRequest): string {
  switch (request.action) {
    case 'announce':
      return JSON.stringify({
        action: 'announce',
        info_hash: binary('infoHash', request.infoHash),
        peer_id: binary('peerId', request.peerId),
        numwant: count('numWant', request.numWant),
        uploaded: Number(amount('uploaded', request.uploaded)),
        downloaded: Number(amount('downloaded', request.downloaded)),
        left: request.left === null ? null : Number(amount('left', request.left)),
        event: eventOf(request.event) === 'none' ? undefined : request.event,
        offers: request.offers?.map(({ offerId, sdp }) => ({
          offer_id: binary('offerId', offerId),
          offer: { type: 'offer', sdp: words('sdp', sdp) },
        })),
        trackerid: words('trackerId', request.trackerId),
        key: words('key', request.key),
      })
    case 'answer':
      return JSON.stringify({
        action: 'announce',
        info_hash: binary('infoHash', request.infoHash),
        peer_id: binary('peerId', request.peerId),
        to_peer_id: binary('toPeerId', request.toPeerId),
        offer_id: binary('offerId', request.offerId),
        answer: { type: 'answer', sdp: words('sdp', request.sdp) },
      })
    case 'scrape': {
      const hashes = request.infoHashes.map((infoHash) => binary('infoHash', infoHash))
      return JSON.stringify({ action: 'scrape', info_hash: hashes.length === 0 ? undefined : hashes })
    }
    default:
      throw expected('action', 'announce, answer or scrape', (request as { action: unknown }).action)
  }
}

/**
 * Reads a request to a WebSocket tracker, a frame of text or bytes.
 *
 * Errors: `ERR_TRACKER_INVALID`.
 */
export function parseWsRequest(frame: string | Uint8Array, limits: WsLimits = {}): WsTrackerRequest {
  const fields = parseFrame(frame, limits)
  const action = fields.word('action')
  if (action === 'scrape') return { action, infoHashes: fields.hashes('info_hash') }
  if (action !== 'announce') throw badTracker('There is no such action')
  const base = { infoHash: fields.bytes('info_hash'), peerId: fields.bytes('peer_id') }
  if (fields.has('answer')) {
    const toPeerId = fields.bytes('to_peer_id')
    return { action: 'answer', ...base, toPeerId, offerId: fields.bytes('offer_id'), sdp: fields.sdp('answer') }
  }
  return defined<WsAnnounce>({
    action: 'announce',
    ...base,
    uploaded: fields.count('uploaded') ?? 0,
    downloaded: fields.count('downloaded') ?? 0,
    left: fields.count('left') ?? null,
    event: fields.event(),
    numWant: fields.count('numwant'),
    offers: fields.offers(limits.offers ?? SETTINGS.wsOffers.default),
    trackerId: fields.word('trackerid'),
    key: fields.word('key'),
  })
}

/**
 * Writes a message of a WebSocket tracker: the text of a frame.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function buildWsReply(reply: WsTrackerReply): string {
  switch (reply.action) {
    case 'announce':
      return JSON.stringify({
        action: 'announce',
        info_hash: binary('infoHash', reply.infoHash),
        interval: count('interval', reply.interval),
        'min interval': count('minInterval', reply.minInterval),
        complete: count('seeders', reply.seeders),
        incomplete: count('leechers', reply.leechers),
        'tracker id': words('trackerId', reply.trackerId),
        'warning message': words('warning', reply.warning),
      })
    case 'offer':
    case 'answer':
      return JSON.stringify({
        action: 'announce',
        info_hash: binary('infoHash', reply.infoHash),
        peer_id: binary('peerId', reply.peerId),
        offer_id: binary('offerId', reply.offerId),
        [reply.action]: { type: reply.action, sdp: words('sdp', reply.sdp) },
      })
    case 'scrape':
      return JSON.stringify({
        action: 'scrape',
        files: Object.fromEntries(reply.files.map((file) => [binary('infoHash', file.infoHash), counts(file)])),
        flags:
          reply.minRequestInterval === undefined
            ? undefined
            : { min_request_interval: count('minRequestInterval', reply.minRequestInterval) },
      })
    case 'failure':
      return JSON.stringify({
        'failure reason': words('reason', reply.reason),
        info_hash: reply.infoHash && binary('infoHash', reply.infoHash),
      })
    default:
      throw expected('action', 'one that there is', (reply as { action: unknown }).action)
  }
}

function counts(file: HttpScrapeFile): object {
  return {
    complete: integer('seeders', file.seeders, 0, COUNT),
    incomplete: integer('leechers', file.leechers, 0, COUNT),
    downloaded: integer('completed', file.completed, 0, COUNT),
    downloaders: count('downloaders', file.downloaders),
    name: words('name', file.name),
  }
}

/**
 * Reads a message of a WebSocket tracker, a frame of text or bytes. An action that is not known is an error that should not
 * end the connection.
 *
 * Errors: `ERR_TRACKER_INVALID`. That the tracker refused is no error but a value.
 */
export function parseWsReply(frame: string | Uint8Array, limits: WsLimits = {}): WsTrackerReply {
  const fields = parseFrame(frame, limits)
  const reason = fields.word('failure reason')
  if (reason !== undefined) {
    const infoHash = fields.has('info_hash') ? fields.bytes('info_hash') : undefined
    return defined<WsFailure>({ action: 'failure', reason, infoHash })
  }
  const action = fields.word('action')
  if (action === 'scrape') {
    const minRequestInterval = fields.inner('flags')?.count('min_request_interval')
    return defined<WsScrapeReply>({ action, files: readFiles(fields), minRequestInterval })
  }
  if (action !== 'announce') throw badTracker('There is no such action')
  const infoHash = fields.bytes('info_hash')
  for (const kind of ['offer', 'answer'] as const) {
    if (!fields.has(kind)) continue
    return {
      action: kind,
      infoHash,
      peerId: fields.bytes('peer_id'),
      offerId: fields.bytes('offer_id'),
      sdp: fields.sdp(kind),
    }
  }
  return defined<WsAnnounceReply>({
    action,
    infoHash,
    interval: fields.count('interval'),
    minInterval: fields.count('min interval') ?? fields.count('min_interval'),
    seeders: fields.count('complete'),
    leechers: fields.count('incomplete'),
    trackerId: fields.word('tracker id'),
    warning: fields.word('warning message'),
  })
}

function readFiles(fields: Fields): HttpScrapeFile[] {
  const files = fields.inner('files')
  if (files === undefined) throw badTracker('The answer has no `files`')
  return files.keys().flatMap((key) => {
    const infoHash = bytesOf(key)
    const file = files.inner(key)
    if (infoHash === undefined || file === undefined) return []
    return defined<HttpScrapeFile>({
      infoHash,
      seeders: file.count('complete') ?? 0,
      completed: file.count('downloaded') ?? 0,
      leechers: file.count('incomplete') ?? 0,
      downloaders: file.count('downloaders'),
      name: file.word('name'),
    })
  })
}

/** An object of JSON. */
class Fields {
  readonly #object: object

  constructor(object: object) {
    this.#object = object
  }

  keys(): string[] {
    return Object.keys(this.#object)
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined
  }

  /** Text; absent when it is null. */
  word(key: string): string | undefined {
    const value = this.#value(key)
    if (value !== undefined && typeof value !== 'string') throw badTracker(`\`${key}\` is not text`)
    return value
  }

  count(key: string): number | undefined {
    const value = this.#value(key)
    if (value !== undefined && (!Number.isSafeInteger(value) || Number(value) < 0)) {
      throw badTracker(`\`${key}\` is not a count`)
    }
    // JSON has a negative zero.
    return value === undefined ? undefined : Number(value) + 0
  }

  bytes(key: string): Uint8Array {
    const bytes = bytesOf(this.#value(key))
    if (bytes === undefined) throw badTracker(`\`${key}\` is not 20 bytes`)
    return bytes
  }

  /** One hash, a list of them, or none. */
  hashes(key: string): Uint8Array[] {
    const value = this.#value(key)
    if (value === undefined) return []
    return (Array.isArray(value) ? value : [value]).map((item: unknown) => {
      const bytes = bytesOf(item)
      if (bytes === undefined) throw badTracker(`\`${key}\` is not 20 bytes`)
      return bytes
    })
  }

  inner(key: string): Fields | undefined {
    const value = this.#value(key)
    if (value === undefined) return undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badTracker(`\`${key}\` is not an object`)
    return new Fields(value)
  }

  sdp(key: string): string {
    const sdp = this.inner(key)?.word('sdp')
    if (sdp === undefined) throw badTracker(`\`${key}\` has no session description`)
    return sdp
  }

  offers(max: number): WsOffer[] | undefined {
    const value = this.#value('offers')
    if (value === undefined) return undefined
    if (!Array.isArray(value)) throw badTracker('`offers` is not a list')
    return value.slice(0, max).map((item: unknown) => {
      const offer = new Fields(typeof item === 'object' && item !== null ? item : {})
      return { offerId: offer.bytes('offer_id'), sdp: offer.sdp('offer') }
    })
  }

  event(): TrackerEvent {
    const word = this.word('event')
    if (word === undefined || word === '' || word === 'update') return 'none'
    try {
      return eventOf(word)
    } catch (error) {
      throw badTracker('There is no such event', error)
    }
  }

  /** Only what the object itself has; null is as good as nothing. */
  #value(key: string): unknown {
    const value: unknown = Object.hasOwn(this.#object, key) ? Reflect.get(this.#object, key) : undefined
    return value ?? undefined
  }
}

function parseFrame(frame: string | Uint8Array, limits: WsLimits): Fields {
  const max = limits.bytes ?? SETTINGS.wsMessageBytes.default
  if (typeof frame !== 'string' && !(frame instanceof Uint8Array)) throw expected('frame', 'text or bytes', frame)
  if (frame.length > max) throw badTracker(`The message is longer than ${max} bytes`)
  let value: unknown
  try {
    value = JSON.parse(typeof frame === 'string' ? frame : Buffer.from(frame).toString())
  } catch (error) {
    throw badTracker('The message is not JSON', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badTracker('The message is not an object')
  return new Fields(value)
}

/** 20 characters up to U+00FF as bytes. */
function bytesOf(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length !== 20) return undefined
  for (let at = 0; at < 20; at++) if (text.charCodeAt(at) > 0xff) return undefined
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

function binary(name: string, bytes: Uint8Array): string {
  return latin1(sized(name, bytes, 20))
}
