import { isProxy } from 'node:util/types'
import { expected, integer } from './check.ts'

/** What a torrent is doing. `detached`: it has no client; `removed`: it had one. */
export type Phase = 'metadata' | 'checking' | 'paused' | 'downloading' | 'seeding' | 'failed' | 'detached' | 'removed'

/** How far a torrent is. */
export interface Progress {
  /** What it is doing. */
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
  /** Pieces that are to be looked at. */
  readonly pieces: number
}

/** What a check found. */
export interface CheckResult {
  /** Pieces that are right. */
  readonly have: number
  /** Pieces that were looked at: those of the torrent, unless only some were asked for. */
  readonly pieces: number
  /** Which are right: wire order, the highest bit of the first byte is piece 0. */
  readonly bitfield: Uint8Array
}

/** What every method that waits takes. */
export interface WaitOptions {
  /** Ends the wait with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** What a check looks at. With `pieces` and `files`, both together; without, everything. */
export interface HashcheckOptions extends WaitOptions {
  /** The folder that holds the content. @default the current one */
  readonly path?: string
  /** Pieces by number, and runs of them, first and last. */
  readonly pieces?: readonly (number | readonly [number, number])[]
  /** Files by their position in `torrent.files`: every piece that holds a byte of one. */
  readonly files?: readonly number[]
  /** Hears how far it is. */
  readonly onProgress?: (progress: CheckProgress) => void
}

/** The bits of `torrent.status`. */
export const TorrentStatus = Object.freeze({
  /** It runs. */
  STARTED: 1,
  /** Its content is being checked. */
  CHECKING: 2,
  /** It goes on by itself when the check is over. */
  START_AFTER_CHECK: 4,
  /** Its content was checked. */
  CHECKED: 8,
  /** It failed. */
  ERROR: 16,
  /** It is paused. */
  PAUSED: 32,
  /** Its metadata is known. */
  LOADED: 64,
  /** It has a client. */
  QUEUED: 128,
})

const MAX_INDEX = 2 ** 32 - 1

/** An option of numbers and runs of them, as first and last of each; null when it was not given. */
export function runs(name: string, value: unknown): number[] | null {
  if (value === undefined) return null
  if (!Array.isArray(value) || isProxy(value)) throw expected(name, 'a list of numbers and of pairs of them', value)
  return Array.from(value as readonly unknown[]).flatMap((run) => {
    const pair: readonly unknown[] = Array.isArray(run) && !isProxy(run) ? run : [run, run]
    if (pair.length !== 2) throw expected(name, 'a list of numbers and of pairs of them', run)
    const first = integer(name, pair[0], 0, MAX_INDEX)
    return [first, integer(name, pair[1], first, MAX_INDEX)]
  })
}

/** An option of numbers; null when it was not given. */
export function indices(name: string, value: unknown): number[] | null {
  if (value === undefined) return null
  if (!Array.isArray(value) || isProxy(value)) throw expected(name, 'a list of numbers', value)
  return Array.from(value as readonly unknown[], (index) => integer(name, index, 0, MAX_INDEX))
}
