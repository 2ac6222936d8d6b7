import { abortSignal, integer, readOptions } from './check.ts'
import { TorrentError } from './errors.ts'
import type { ReaderState } from './native/addon.d.ts'
import { fromFault } from './native/call.ts'
import type { NativeEngine, OpenReader, Sink } from './native/engine.ts'
import type { TorrentFile } from './native/unpack.ts'
import { abortable, Bell, throwIfAborted } from './wait.ts'

/** What a file needs of its torrent. */
export interface FileHost {
  /** The engine and the torrent's number there. Throws when the torrent has no engine. */
  attached(): { readonly engine: NativeEngine; readonly id: number }
  /** Waits until content can be read: metadata known, content checked. */
  readable(signal: AbortSignal | undefined): Promise<void>
  /** Whether a piece is verified. */
  has(piece: number): boolean
  readonly pieceLength: number
}

/** Which part of a file to read. */
export interface StreamOptions {
  /** First byte. @default 0 */
  readonly start?: number
  /** One past the last byte. @default the file's length */
  readonly end?: number
  /** Ends the read with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** Bytes of a chunk of a stream. */
const CHUNK = 256 * 1024

/** A file of a torrent. */
export class File {
  readonly #host: FileHost
  readonly #facts: TorrentFile
  /** The position in the torrent's list of files. */
  readonly index: number

  /** @internal */
  constructor(host: FileHost, facts: TorrentFile, index: number) {
    this.#host = host
    this.#facts = facts
    this.index = index
  }

  /** The name on disk. */
  get name(): string {
    return lastPart(this.#facts.path)
  }

  /** The path below the download folder, as it is on disk; `/` between its parts. */
  get path(): string {
    return this.#facts.path
  }

  /** The name as the torrent spells it; not fit for the disk. */
  get originalName(): string {
    return lastPart(this.#facts.originalPath)
  }

  /** The path as the torrent spells it; not fit for the disk. */
  get originalPath(): string {
    return this.#facts.originalPath
  }

  /** Bytes. */
  get length(): number {
    return this.#facts.length
  }

  /** Offset of its first byte in the torrent. */
  get offset(): number {
    return this.#facts.offset
  }

  /** Padding between files (BEP 47): zeros that are neither on disk nor downloaded. */
  get isPad(): boolean {
    return this.#facts.pad
  }

  /** Should be executable (BEP 47). */
  get isExecutable(): boolean {
    return this.#facts.executable
  }

  /** Should be hidden (BEP 47). */
  get isHidden(): boolean {
    return this.#facts.hidden
  }

  /** A symbolic link (BEP 47); links are not created. */
  get isSymlink(): boolean {
    return this.#facts.symlink
  }

  /** Where a symbolic link points, below the torrent's folder, as the torrent spells it; null for other files. */
  get symlinkTarget(): string | null {
    return this.#facts.target
  }

  /** The root of the file's hash tree (BEP 52), 32 bytes; null in v1 torrents and for files without content. A copy. */
  get piecesRoot(): Uint8Array | null {
    return this.#facts.root?.slice() ?? null
  }

  /** Bytes in verified pieces. */
  get verified(): number {
    const { offset, length } = this.#facts
    const { pieceLength } = this.#host
    const end = offset + length
    let sum = 0
    for (let piece = Math.floor(offset / pieceLength); piece * pieceLength < end; piece++) {
      const [from, to] = [Math.max(offset, piece * pieceLength), Math.min(end, (piece + 1) * pieceLength)]
      if (this.#host.has(piece)) sum += to - from
    }
    return sum
  }

  /** The verified part, from 0 to 1. */
  get progress(): number {
    return this.#facts.length === 0 ? 1 : this.verified / this.#facts.length
  }

  /**
   * Reads bytes `start` to `end` in order, as they are verified; pieces that are missing are fetched first. Not more than
   * `readAheadBytes` lie ready. The stream is whole or ends with an error: when the torrent fails, is removed or closed.
   *
   * Errors: `ERR_INVALID_OPTION` at once; `ERR_CLOSED`, `ERR_STORAGE_…`, `ERR_ABORTED` while reading.
   */
  stream(options: StreamOptions = {}): AsyncIterableIterator<Uint8Array> {
    const read = readOptions(options, ['start', 'end', 'signal'], 'stream')
    const end = read.end === undefined ? this.length : integer('end', read.end, 0, this.length)
    const start = read.start === undefined ? 0 : integer('start', read.start, 0, end)
    return this.#stream(start, end, abortSignal(read.signal))
  }

  /** The whole file, or a part of it, in memory. Errors: as {@link stream}. */
  async arrayBuffer(options: StreamOptions = {}): Promise<ArrayBuffer> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this.stream(options)) chunks.push(chunk)
    const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    let at = 0
    for (const chunk of chunks) {
      all.set(chunk, at)
      at += chunk.length
    }
    return all.buffer
  }

  /** The file, or a part of it, as UTF-8 text; bytes that are none become U+FFFD. Errors: as {@link stream}. */
  async text(options: StreamOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer(options))
  }

  async *#stream(start: number, end: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, undefined> {
    throwIfAborted(signal)
    if (start === end) return
    await this.#host.readable(signal)
    const { engine, id } = this.#host.attached()
    const state = new ReadState()
    const opening = engine.openReader((native) => native.openReader(id, this.index, start, end), state)
    const reader = await abortable(opening, signal, () => {
      opening.then(
        (late) => late.close(),
        () => {},
      )
    })
    try {
      yield* this.#chunks(reader, state, end - start, signal)
    } finally {
      reader.close()
    }
  }

  async *#chunks(
    reader: OpenReader,
    state: ReadState,
    length: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, undefined> {
    for (let left = length; left > 0; ) {
      throwIfAborted(signal)
      // Before taking: a state that comes while we look must not be slept through.
      const changed = state.bell.rung()
      const chunk = new Uint8Array(Math.min(CHUNK, left))
      const taken = state.closed ? 0 : reader.take(chunk)
      if (taken > 0) {
        left -= taken
        yield chunk.subarray(0, taken)
        continue
      }
      if (state.error) throw state.error
      if (state.over) throw new TorrentError('ERR_INTERNAL', `The stream ended ${left} bytes early`)
      await abortable(changed, signal)
    }
  }
}

/** The newest state of a reader. */
class ReadState implements Sink<ReaderState> {
  readonly bell = new Bell()
  error: TorrentError | undefined
  over = false
  closed = false

  changed(state: ReaderState): void {
    if (state.error) this.error ??= fromFault(state.error)
    this.over ||= state.ended
    this.bell.wake()
  }

  ended(error: TorrentError): void {
    this.error = error
    this.closed = true
    this.bell.wake()
  }
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
