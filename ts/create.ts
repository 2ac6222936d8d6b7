import { abortSignal, bytes, callback, expected, flag, integer, oneOf, readOptions, text, texts } from './check.ts'
import { type CreateSource, type Gathered, gather } from './content.ts'
import { TorrentError } from './errors.ts'
import type { CreateOptions as NativeOptions } from './native/addon.d.ts'
import { editMetainfo, summarizeMetainfo } from './native/parse.ts'
import { withOfflineEngine } from './offline.ts'
import { tell } from './tell.ts'
import { readNodes, readTiers, type TrackerTiers } from './tiers.ts'
import { Values } from './values.ts'
import { CLIENT_NAME } from './version.ts'
import { abortable, throwIfAborted } from './wait.ts'

/** Which halves a torrent has: SHA-1 over pieces (BEP 3), hash trees over files (BEP 52), or both. */
export type TorrentFormat = 'v1' | 'v2' | 'hybrid'

/** How a torrent is made. */
export interface CreateOptions {
  /** Which halves it has. @default 'v1' */
  readonly format?: TorrentFormat
  /** The name of the file, or of the folder above the files. @default that of the path */
  readonly name?: string
  /** Trackers: each string its own tier, each list a tier. @default none */
  readonly trackers?: TrackerTiers
  /** URLs where the content can be fetched over HTTP (BEP 19). @default none */
  readonly webSeeds?: readonly string[]
  /** DHT nodes to start from, each `host:port` (BEP 5). @default none */
  readonly nodes?: readonly string[]
  /** Bytes of a piece: a power of two from 16 KiB to 512 MiB. @default chosen by size */
  readonly pieceLength?: number
  /** Let every file of a v1 torrent begin a piece (BEP 47); those of v2 and hybrid torrents always do. @default false */
  readonly padding?: boolean
  /** Only the trackers may be asked for peers (BEP 27). @default false */
  readonly private?: boolean
  /** What some trackers want in a torrent to make its info-hash their own. */
  readonly source?: string
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
 * Makes a .torrent from a file, a folder, or files that are named one by one, buffers and streams among them, and gives its
 * bytes. Runs without network, on threads of its own. The order of the files is fixed: by the bytes of their paths in a v1
 * torrent, as BEP 52 has it in others; symbolic links in a folder are left out.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_FILE_READ`, `ERR_STORAGE_…`, `ERR_METAINFO_…`, `ERR_ABORTED`,
 * `ERR_ADDON_LOAD`.
 */
export async function createTorrent(
  source: CreateSource,
  options: CreateOptions = {},
  control: CreateControl = {},
): Promise<Uint8Array> {
  const read = readCreate(options)
  const watch = readOptions(control, ['signal', 'onProgress'], 'createTorrent')
  const signal = abortSignal(watch.signal)
  const onProgress = watch.onProgress === undefined ? undefined : callback('onProgress', watch.onProgress)
  throwIfAborted(signal)
  const gathered = await gather(source, read.name ?? null, signal)
  try {
    return await make(gathered, read, signal, onProgress)
  } finally {
    await gathered.done()
  }
}

async function make(
  { path, files, name }: Gathered,
  read: ReadCreate,
  signal: AbortSignal | undefined,
  onProgress: ((argument: unknown) => unknown) | undefined,
): Promise<Uint8Array> {
  const native: NativeOptions = { ...read, path, files, name }
  const values = new Values()
  return withOfflineEngine(values, async (engine) => {
    const { request, answer } = engine.command(
      (addon) => addon.create(native),
      ({ metainfo }) => metainfo,
      ({ hashed, pieces }) => tell('onProgress', onProgress, { hashed, pieces }),
    )
    const metainfo = await abortable(answer, signal, () => engine.tell((addon) => addon.cancelCreate(request)))
    if (!metainfo) throw new TorrentError('ERR_INTERNAL', 'The engine made no torrent')
    if (onProgress !== undefined) {
      // Progress is state: the reply overtakes the last of it.
      const { pieces } = summarizeMetainfo(metainfo, values)
      tell('onProgress', onProgress, { hashed: pieces, pieces })
    }
    return metainfo
  })
}

type ReadCreate = Omit<NativeOptions, 'path' | 'files'>

const known = [
  'format',
  'name',
  'trackers',
  'webSeeds',
  'nodes',
  'pieceLength',
  'padding',
  'private',
  'source',
  'comment',
  'createdBy',
  'creationDate',
]

function readCreate(options: unknown): ReadCreate {
  const read = readOptions(options, known, 'createTorrent')
  const { createdBy, creationDate } = read
  return {
    format: read.format === undefined ? 'v1' : oneOf('format', read.format, ['v1', 'v2', 'hybrid']),
    name: read.name === undefined ? null : text('name', read.name),
    trackers: read.trackers === undefined ? [] : readTiers(read.trackers),
    webSeeds: read.webSeeds === undefined ? [] : readUrls('webSeeds', read.webSeeds),
    nodes: read.nodes === undefined ? [] : readNodes('nodes', read.nodes),
    pieceLength: read.pieceLength === undefined ? null : pieceLength(read.pieceLength),
    padding: read.padding === undefined ? false : flag('padding', read.padding),
    private: read.private === undefined ? false : flag('private', read.private),
    source: read.source === undefined ? null : text('source', read.source),
    comment: read.comment === undefined ? null : text('comment', read.comment),
    createdBy: createdBy === undefined ? CLIENT_NAME : createdBy === null ? null : text('createdBy', createdBy),
    creationDate:
      creationDate === null ? null : creationDate === undefined ? seconds(new Date()) : seconds(creationDate),
  }
}

function pieceLength(value: unknown): number {
  const length = integer('pieceLength', value, MIN_PIECE, MAX_PIECE)
  if ((length & (length - 1)) !== 0) throw expected('pieceLength', 'a power of two', value)
  return length
}

function seconds(value: unknown): number {
  const milliseconds = value instanceof Date ? value.getTime() : Number.NaN
  if (!(milliseconds >= 0)) throw expected('creationDate', 'a Date since 1970', value)
  return Math.floor(milliseconds / 1000)
}

function readUrls(name: string, value: unknown): string[] {
  const urls = texts(name, value)
  for (const url of urls) if (!URL.canParse(url)) throw expected(name, 'a list of URLs', url)
  return urls
}

/** What becomes of a .torrent file; what is left out stays as it is. */
export interface TorrentEdit {
  /** Trackers: each string its own tier, each list a tier; an empty list removes them. */
  readonly trackers?: TrackerTiers
  /** URLs where the content can be fetched over HTTP (BEP 19); an empty list removes them. */
  readonly webSeeds?: readonly string[]
  /** DHT nodes, each `host:port` (BEP 5); an empty list removes them. */
  readonly nodes?: readonly string[]
  /** Free text; null removes it. */
  readonly comment?: string | null
  /** What made it; null removes it. */
  readonly createdBy?: string | null
  /** When it was made; null removes it. */
  readonly creationDate?: Date | null
}

/**
 * Changes what stands around the info dictionary of a .torrent file and gives the new file's bytes. The info dictionary,
 * and with it the info-hash and every signature, and all keys that are not named here stay byte for byte.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_METAINFO_INVALID`, `ERR_METAINFO_TOO_LARGE`, `ERR_BENCODE_…`,
 * `ERR_ADDON_LOAD`.
 */
export function editTorrent(torrent: Uint8Array, edit: TorrentEdit): Uint8Array {
  const values = new Values()
  const file = bytes('torrent', torrent, values.number('maxMetainfoBytes'))
  const names = ['trackers', 'webSeeds', 'nodes', 'comment', 'createdBy', 'creationDate']
  const read = readOptions(edit, names, 'editTorrent')
  const given = <T>(value: unknown, of: (value: unknown) => T) => (value === undefined ? null : of(value))
  const one = (name: string) => given(read[name], (value) => (value === null ? [] : [text(name, value)]))
  const changes = {
    trackers: given(read.trackers, readTiers),
    webSeeds: given(read.webSeeds, (value) => readUrls('webSeeds', value)),
    nodes: given(read.nodes, (value) => readNodes('nodes', value)),
    comment: one('comment'),
    createdBy: one('createdBy'),
    creationDate: given(read.creationDate, (value) => (value === null ? [] : [seconds(value)])),
  }
  return editMetainfo(file, changes, values)
}
