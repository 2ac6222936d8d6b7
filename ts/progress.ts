/** What a torrent is doing. `detached`: it has no client; `removed`: it had one. */
export type Phase = 'metadata' | 'checking' | 'paused' | 'downloading' | 'seeding' | 'failed' | 'detached' | 'removed'

/** How far a torrent is. */
export interface Progress {
  readonly phase: Phase
  /** Bytes verified and written. */
  readonly verified: number
  /** Bytes of all content; 0 before the metadata is known. */
  readonly total: number
  /** Bytes that are safe on disk, whatever happens to the machine. */
  readonly durable: number
  /** Payload received per second, bytes. */
  readonly rate: number
  /** Payload sent per second, bytes. */
  readonly uploadRate: number
  /** Payload received since the torrent was added, bytes. */
  readonly downloaded: number
  /** Payload sent since the torrent was added, bytes. */
  readonly uploaded: number
  /** Bytes received that were of no use or failed their hash. */
  readonly wasted: number
  /** Connected peers. */
  readonly peers: number
  /** Connected peers that have everything. */
  readonly seeds: number
  /** Pieces looked at by a check that is running; null when none is. */
  readonly checked: number | null
  /** Pieces verified. */
  readonly have: number
  /** Pieces of the torrent. */
  readonly pieces: number
  /** Seconds until everything is there at this rate; null when that cannot be said. */
  readonly timeLeft: number | null
}

/** How far a check is. */
export interface CheckProgress {
  /** Pieces looked at. */
  readonly checked: number
  /** Pieces of the torrent. */
  readonly pieces: number
}

/** What a check found. */
export interface CheckResult {
  /** Pieces that are right. */
  readonly have: number
  /** Pieces of the torrent. */
  readonly pieces: number
  /** Which: wire order, the highest bit of the first byte is piece 0. */
  readonly bitfield: Uint8Array
}

/** What every method that waits takes. */
export interface WaitOptions {
  /** Ends the wait with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}
