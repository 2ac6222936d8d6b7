import { TorrentError } from '../errors.ts'
import { buildAnnounceUrl } from '../protocol/http-query.ts'
import type { AnnounceEvent, Purpose } from './host.ts'

/** What is told to a tracker. */
export interface AnnounceQuery {
  /** 20 bytes: the v1 hash, or the first 20 bytes of the v2 one. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  readonly port: number
  readonly uploaded: number
  readonly downloaded: number
  readonly left: number
  readonly event: AnnounceEvent
  /** 8 hexadecimal digits; the same for a torrent as long as it runs (BEP 7). */
  readonly key: string
  readonly numWant: number
  /** What the tracker gave as `tracker id`. */
  readonly trackerId: Uint8Array | undefined
}

/** The URL of an announce: the tracker's own with the query behind it. Who stops wants no peers. */
export function announceUrl(tracker: URL, { trackerId, ...query }: AnnounceQuery): URL {
  const numWant = query.event === 'stopped' ? 0 : query.numWant
  const more = trackerId === undefined ? {} : { trackerId }
  return new URL(buildAnnounceUrl(tracker, { ...query, ...more, numWant, compact: true, noPeerId: true }))
}

/** Keys that only we may write: a torrent that brings them wants to choose what is sent to a server of its choice. */
const OURS = ['info_hash', 'peer_id', 'port', 'uploaded', 'downloaded', 'left', 'event', 'key', 'corrupt']

/** By which rules a tracker's URL is judged. */
export type Trust =
  /** The user typed the URL: it is asked as it stands. */
  | 'all'
  /** The user chose the link, or switched the SSRF rules off: any address, but the query stays ours. */
  | 'address'
  /** It stands in a file that somebody else wrote: the SSRF rules hold. */
  | 'none'

/**
 * Checks a tracker's URL and says by which rule its address will be judged. Names in punycode and prepared queries are
 * refused unless the user typed the URL.
 *
 * Errors: `ERR_TRACKER_SCHEME`, `ERR_SSRF_BLOCKED`.
 */
export function judge(url: URL, trust: Trust): Purpose {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TorrentError(
      'ERR_TRACKER_SCHEME',
      `Trackers with \`${url.protocol}\` URLs are not supported: ${url.href}`,
    )
  }
  if (trust === 'all') return 'user'
  if (OURS.some((key) => url.searchParams.has(key))) {
    throw new TorrentError('ERR_SSRF_BLOCKED', `The tracker URL brings parts of the query that are ours: ${url.href}`)
  }
  if (url.hostname.split('.').some((label) => label.startsWith('xn--'))) {
    throw new TorrentError('ERR_SSRF_BLOCKED', `The tracker's name is not plain ASCII: ${url.href}`)
  }
  return trust === 'address' ? 'user' : judgeRedirect(url)
}

/** By which rule the address is judged to which a tracker redirects: like that of a URL that a file brings. */
export function judgeRedirect(url: URL): Purpose {
  return url.pathname.startsWith('/announce') ? 'announce' : 'tracker'
}
