import { type ErrorCode, isErrorCode, type TorrentError } from './errors.ts'
import type { LogFact } from './native/addon.d.ts'
import type { Phase } from './progress.ts'

/** Something that happened, for a log. */
export interface LogEntry {
  /** Microseconds since the engine started. */
  readonly time: number
  /** What: `peer-joined`, `peer-left`, `piece-failed`, and so on. */
  readonly kind: string
  /** The peer, `ip:port`. */
  readonly peer: string | null
  /** The piece it is about; null for anything else. */
  readonly piece: number | null
  /** Why, where something is wrong. */
  readonly code: ErrorCode | null
  /** One line for a person; may be empty. */
  readonly message: string
}

/** What a tracker answered. */
export interface TrackerReply {
  /** The tracker's URL. */
  readonly tracker: string
  /** By which family of addresses it was asked; one that has both is asked in each that we listen in. */
  readonly family: 4 | 6
  /** Peers it named. */
  readonly peers: number
  /** Peers that have everything, as the tracker counts; null when it does not say. */
  readonly seeds: number | null
  /** Peers that lack something, as the tracker counts; null when it does not say. */
  readonly leeches: number | null
  /** Milliseconds until the next announce. */
  readonly interval: number
  /** Our address as the tracker sees it. */
  readonly externalIp: string | null
}

/** Something that is not right and that does not stop anything. */
export interface Warning {
  /** What is wrong, stable. */
  readonly code: ErrorCode
  /** The same for a person. */
  readonly message: string
  /** The tracker it is about. */
  readonly tracker: string | null
}

/** The events of a torrent. All are past: the torrent's properties say the same. */
export interface TorrentEvents {
  /** It does something else now. */
  changed: { readonly phase: Phase; readonly previous: Phase }
  /** A magnet link's metadata is known. */
  metadataReceived: { readonly name: string }
  /** A check ended, or the first one did not find anything to check. */
  checked: { readonly have: number; readonly pieces: number }
  /** Pieces were verified and written. */
  verified: { readonly pieces: readonly number[] }
  /** Every wanted byte is verified, on disk and durable. */
  completed: { readonly downloaded: number }
  /** It stopped; `error` says why. */
  failed: { readonly error: TorrentError }
  /** A tracker answered. */
  announced: TrackerReply
  /** Something is not right; the torrent goes on. */
  warned: Warning
  /** Anything worth a line in a log. */
  happened: LogEntry
  /** The client has forgotten it; its files stay. */
  removed: { readonly error: TorrentError }
}

/** @internal */
export function toLogEntry({ time, kind, peer, piece, code, message }: LogFact): LogEntry {
  return { time, kind, peer, piece, code: isErrorCode(code) ? code : null, message }
}
