import { abortSignal, callback, expected, flag, integer, readOptions, text } from './check.ts'
import { TorrentError } from './errors.ts'
import type { CreateOptions as NativeOptions } from './native/addon.d.ts'
import { withOfflineEngine } from './offline.ts'
import { tell } from './tell.ts'
import { readTiers, type TrackerTiers } from './tiers.ts'
import { Values } from './values.ts'
import { CLIENT_NAME } from './version.ts'
import { abortable, throwIfAborted } from './wait.ts'

/** How a torrent is made. */
export interface CreateOptions {
  /** Trackers: each string its own tier, each list a tier. @default none */
  readonly trackers?: TrackerTiers
  /** Bytes of a piece: a power of two from 16 KiB to 512 MiB. @default chosen by size */
  readonly pieceLength?: number
  /** Only the trackers may be asked for peers (BEP 27). @default false */
  readonly private?: boolean
  /** Free text. */
  readonly comment?: string
  /** What made it; null leaves it out. @default 'Bitlode' and its version */
  readonly createdBy?: string | null
  /** When it was made; null leaves it out. @default now */
  readonly creationDate?: Date | null
}

/** How far making a torrent is. */
export interface CreateProgress {
  /** Pieces hashed. */
  readonly hashed: number
  /** Pieces in all. */
  readonly pieces: number
}

/** What ends and watches the making of a torrent. */
export interface CreateControl {
  /** Ends it with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** Hears how far it is. */
  readonly onProgress?: (progress: CreateProgress) => void
}

const MIN_PIECE = 16 * 1024
const MAX_PIECE = 512 * 1024 * 1024

/**
 * Makes a .torrent (v1) from a file or a folder and gives its bytes. Runs without network on threads of its own.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_FILE_READ`, `ERR_STORAGE_…`, `ERR_METAINFO_…`, `ERR_ABORTED`.
 */
export async function createTorrent(
  path: string,
  options: CreateOptions = {},
  control: CreateControl = {},
): Promise<Uint8Array> {
  const native = readCreate(path, options)
  const read = readOptions(control, ['signal', 'onProgress'], 'createTorrent')
  const signal = abortSignal(read.signal)
  const onProgress = read.onProgress === undefined ? undefined : callback('onProgress', read.onProgress)
  throwIfAborted(signal)
  return withOfflineEngine(new Values(), async (engine) => {
    const { request, answer } = engine.command(
      (addon) => addon.create(native),
      ({ metainfo }) => metainfo,
      ({ hashed, pieces }) => tell('onProgress', onProgress, { hashed, pieces }),
    )
    const metainfo = await abortable(answer, signal, () => engine.tell((addon) => addon.cancelCreate(request)))
    if (!metainfo) throw new TorrentError('ERR_INTERNAL', 'The engine made no torrent')
    return metainfo
  })
}

function readCreate(path: unknown, options: unknown): NativeOptions {
  const known = ['trackers', 'pieceLength', 'private', 'comment', 'createdBy', 'creationDate']
  const read = readOptions(options, known, 'createTorrent')
  const { createdBy, creationDate } = read
  return {
    path: text('path', path),
    trackers: read.trackers === undefined ? [] : readTiers(read.trackers),
    pieceLength: read.pieceLength === undefined ? null : pieceLength(read.pieceLength),
    private: read.private === undefined ? false : flag('private', read.private),
    comment: read.comment === undefined ? null : text('comment', read.comment),
    createdBy: createdBy === undefined ? CLIENT_NAME : createdBy === null ? null : text('createdBy', createdBy),
    creationDate: creationDate === null ? null : Math.floor(time(creationDate) / 1000),
  }
}

function pieceLength(value: unknown): number {
  const length = integer('pieceLength', value, MIN_PIECE, MAX_PIECE)
  if ((length & (length - 1)) !== 0) throw expected('pieceLength', 'a power of two', value)
  return length
}

function time(value: unknown): number {
  if (value === undefined) return Date.now()
  const milliseconds = value instanceof Date ? value.getTime() : Number.NaN
  if (!(milliseconds >= 0)) throw expected('creationDate', 'a Date since 1970', value)
  return milliseconds
}
