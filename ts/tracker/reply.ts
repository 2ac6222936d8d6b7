import { TorrentError } from '../errors.ts'
import { type HttpAnnounceReply, parseAnnounceReply } from '../protocol/http-reply.ts'
import { formatEndpoint, formatIp, ipVersion, unmapIp } from '../util/address.ts'
import { expandPeers } from '../util/compact.ts'
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
 * Reads an announce reply, compact or not (BEP 3, 7, 23, 24, 31), and makes of it what we go by: intervals within our limits,
 * peers that can be dialled, each once. Texts are text: control characters are gone, and they are cut at 500 characters.
 *
 * Errors: `ERR_TRACKER_INVALID`, `ERR_TRACKER_FAILURE`.
 */
export function parseReply(body: Uint8Array, limits: TrackerLimits): AnnounceReply {
  const { trackerPeers: maxPeers, maxNetworkDepth: depth, maxNetworkTokens: tokens } = limits
  const reply = parseAnnounceReply(body, { maxPeers, depth, tokens })
  if (reply.kind === 'failure') {
    const { reason, retryIn } = reply
    throw new TrackerFailure(clean(reason), typeof retryIn === 'number' ? retryIn * MINUTE : (retryIn ?? null))
  }
  const clamp = (seconds: number | undefined, fallback: number) =>
    Math.min(Math.max(seconds ? seconds * 1000 : fallback, limits.trackerIntervalMin), limits.trackerIntervalMax)
  const minInterval = clamp(reply.minInterval, limits.trackerIntervalMin)
  const { trackerId, externalIp, warning } = reply
  return {
    interval: Math.max(clamp(reply.interval, limits.trackerIntervalDefault), minInterval),
    minInterval,
    trackerId: trackerId && trackerId.length <= MAX_TEXT ? trackerId : undefined,
    seeds: reply.seeders ?? null,
    leeches: reply.leechers ?? null,
    externalIp: (externalIp && formatIp(unmapIp(externalIp))) ?? null,
    warning: warning === undefined ? null : clean(warning),
    peers: peers(reply, maxPeers),
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

function clean(text: string): string {
  const start = text.slice(0, 4 * MAX_TEXT)
  return start.replace(CONTROL, ' ').slice(0, MAX_TEXT).trim()
}

const none = new Uint8Array(0)

function peers(reply: HttpAnnounceReply, max: number): string[] {
  // A name instead of an address would make us resolve whatever a tracker likes: only addresses count.
  const listed = (reply.peerList ?? []).filter(({ ip }) => ipVersion(ip) !== 0)
  const all = [...expandPeers(reply.peers ?? none, 4), ...expandPeers(reply.peers6 ?? none, 6), ...listed]
  const found = new Set<string>()
  for (const { ip, port } of all) if (port > 0 && found.size < max) found.add(formatEndpoint({ ip, port }))
  return [...found]
}
