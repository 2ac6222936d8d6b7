import bencode from 'bencode'
import { TorrentError } from '../errors.ts'
import { endpoint, ipText, ipVersion } from './address.ts'
import type { TrackerLimits } from './host.ts'

/** What a tracker answered. */
export interface AnnounceReply {
  /** Milliseconds until the next announce, clamped. */
  readonly interval: number
  /** Milliseconds before which no announce may follow, clamped. */
  readonly minInterval: number
  readonly trackerId: Uint8Array | undefined
  /** Peers with everything; null when the tracker does not say. */
  readonly seeds: number | null
  /** Peers without everything. */
  readonly leeches: number | null
  /** Our address as the tracker sees it. */
  readonly externalIp: string | null
  readonly warning: string | null
  /** `ip:port`, each once. */
  readonly peers: readonly string[]
}

/** A tracker that refused. */
export class TrackerFailure extends TorrentError {
  /** Milliseconds, `never`, or null when the tracker does not say (BEP 31). */
  readonly retryIn: number | 'never' | null

  constructor(reason: string, retryIn: number | 'never' | null) {
    super('ERR_TRACKER_FAILURE', reason)
    this.retryIn = retryIn
  }
}

const MINUTE = 60_000
const MAX_TEXT = 500

/**
 * Reads an announce reply, compact or not (BEP 3, 7, 23, 24, 31). The bytes pass the strict decoder before npm `bencode`
 * sees them. Texts are text: control characters are gone, and they are cut at 500 characters.
 *
 * Errors: `ERR_TRACKER_INVALID`, `ERR_TRACKER_FAILURE`.
 */
export function parseReply(body: Uint8Array, check: (bytes: Uint8Array) => void, limits: TrackerLimits): AnnounceReply {
  let decoded: unknown
  try {
    check(body)
    decoded = bencode.decode(body)
  } catch (error) {
    throw new TorrentError('ERR_TRACKER_INVALID', 'The tracker did not answer in bencoding', { cause: error })
  }
  if (!isDict(decoded)) throw new TorrentError('ERR_TRACKER_INVALID', 'The tracker did not answer with a dictionary')
  const reason = text(own(decoded, 'failure reason'))
  if (reason !== null) throw new TrackerFailure(reason, retryIn(own(decoded, 'retry in')))
  const clamp = (value: unknown, fallback: number) => {
    const milliseconds = typeof value === 'number' && value > 0 ? value * 1000 : fallback
    return Math.min(Math.max(milliseconds, limits.trackerIntervalMin), limits.trackerIntervalMax)
  }
  const minInterval = clamp(own(decoded, 'min interval'), limits.trackerIntervalMin)
  const trackerId = own(decoded, 'tracker id')
  const external = own(decoded, 'external ip')
  return {
    interval: Math.max(clamp(own(decoded, 'interval'), limits.trackerIntervalDefault), minInterval),
    minInterval,
    trackerId: trackerId instanceof Uint8Array && trackerId.length <= MAX_TEXT ? trackerId : undefined,
    seeds: count(own(decoded, 'complete')),
    leeches: count(own(decoded, 'incomplete')),
    externalIp: external instanceof Uint8Array ? (ipText(external) ?? null) : null,
    warning: text(own(decoded, 'warning message')),
    peers: peers(decoded, limits.trackerPeers),
  }
}

type Dict = Readonly<Record<string, unknown>>

function isDict(value: unknown): value is Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

/** A key of the dictionary itself: `__proto__` in a message must not bring others. */
function own(dict: Dict, key: string): unknown {
  return Object.hasOwn(dict, key) ? dict[key] : undefined
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

const utf8 = new TextDecoder()

function text(value: unknown): string | null {
  if (!(value instanceof Uint8Array)) return null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  const clean = utf8.decode(value.subarray(0, 4 * MAX_TEXT)).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
  return clean.slice(0, MAX_TEXT).trim()
}

/** BEP 31: minutes, as an integer or its digits, or `never`. */
function retryIn(value: unknown): number | 'never' | null {
  if (typeof value === 'number') return value > 0 ? value * MINUTE : null
  const word = text(value)
  if (word === 'never') return 'never'
  return word !== null && /^\d{1,9}$/.test(word) ? Number(word) * MINUTE : null
}

function peers(reply: Dict, max: number): string[] {
  const found = new Set<string>()
  const add = (ip: string | undefined, port: number) => {
    if (ip !== undefined && port > 0 && port <= 65_535 && found.size < max) found.add(endpoint(ip, port))
  }
  const compact = (list: unknown, length: number) => {
    if (!(list instanceof Uint8Array)) return
    // A part of a peer at the end is ignored.
    for (let at = 0; at + length <= list.length && found.size < max; at += length) {
      const port = ((list[at + length - 2] ?? 0) << 8) | (list[at + length - 1] ?? 0)
      add(ipText(list.subarray(at, at + length - 2)), port)
    }
  }
  const list = own(reply, 'peers')
  compact(list, 6)
  compact(own(reply, 'peers6'), 18)
  for (const peer of Array.isArray(list) ? list.slice(0, max) : []) {
    if (!isDict(peer)) continue
    const [ip, port] = [text(own(peer, 'ip')), own(peer, 'port')]
    // A name instead of an address would make us resolve whatever a tracker likes: only addresses count.
    if (ip !== null && ipVersion(ip) !== 0 && typeof port === 'number' && Number.isInteger(port)) add(ip, port)
  }
  return [...found]
}
