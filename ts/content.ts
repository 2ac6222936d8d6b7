import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isProxy } from 'node:util/types'
import { bytes, expected, readOptions, text } from './check.ts'
import { messageOf, TorrentError } from './errors.ts'
import type { CreateFile as NativeFile } from './native/addon.d.ts'
import { throwIfAborted } from './wait.ts'

/** Content of a file that is not on disk: bytes, or a stream of them, read once. */
export type FileContent = Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

/** A file of a torrent that is made. */
export interface CreateFile {
  /** Its path in the torrent, `/` between the parts; of a single file its name. */
  readonly path: string
  /** Where it lies on disk, or its content. */
  readonly content: string | FileContent
}

/**
 * What a torrent is made of: the path of a file or folder; one file, which becomes a torrent of a single file; or a list
 * of files, for which the option `name` gives the folder's name.
 *
 * Buffers and streams are written to a temporary folder first: the order of the files and the length of pieces depend on
 * all of them.
 */
export type CreateSource = string | CreateFile | readonly CreateFile[]

/** What the engine reads. */
export interface Gathered {
  readonly path: string | null
  readonly files: NativeFile[]
  readonly name: string | null
  /** Removes what was written for it. */
  done(): Promise<void>
}

/** Bytes of a buffer at most: longer content comes as a stream. */
const MAX_BUFFER = 2 ** 32

/** Brings everything to disk. */
export async function gather(source: unknown, name: string | null, signal: AbortSignal | undefined): Promise<Gathered> {
  if (typeof source === 'string') return { path: text('source', source), files: [], name, done: async () => {} }
  const single = !Array.isArray(source)
  if (isProxy(source)) throw expected('source', 'a path, a file or a list of files', source)
  const list = (single ? [source] : [...source]).map((file: unknown, at) => readFile(file, at))
  if (!single && name === null) throw expected('name', 'given with a list of files', undefined)
  const folder = list.some(({ content }) => typeof content !== 'string') ? await temporary() : null
  const done = async () => {
    if (folder !== null) await rm(folder, { recursive: true, force: true })
  }
  try {
    const files: NativeFile[] = []
    for (const [at, { path, content }] of list.entries()) {
      throwIfAborted(signal)
      const disk = typeof content === 'string' ? content : join(folder ?? '', String(at))
      if (typeof content !== 'string') await spool(content, disk, signal)
      files.push({ path: single ? [] : path.split('/'), disk })
    }
    return { path: null, files, name: name ?? (single ? (list[0]?.path ?? null) : null), done }
  } catch (error) {
    await done()
    throw error
  }
}

function readFile(file: unknown, at: number): CreateFile {
  const { path, content } = readOptions(file ?? null, ['path', 'content'], `file ${at}`)
  if (typeof content === 'string') return { path: text('path', path), content: text('content', content) }
  if (content instanceof Uint8Array) return { path: text('path', path), content: bytes('content', content, MAX_BUFFER) }
  const streams = typeof content === 'object' && content !== null && !isProxy(content)
  if (!streams || !(Symbol.asyncIterator in content || content instanceof ReadableStream)) {
    throw expected('content', 'a path, bytes or a stream of bytes', content)
  }
  return { path: text('path', path), content: content as FileContent }
}

async function temporary(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'bitlode-create-'))
  } catch (error) {
    throw new TorrentError('ERR_STORAGE_IO', `No temporary folder: ${messageOf(error)}`, { cause: error })
  }
}

async function spool(content: FileContent, disk: string, signal: AbortSignal | undefined): Promise<void> {
  const parts = content instanceof Uint8Array ? [content] : (content as AsyncIterable<unknown>)
  async function* checked() {
    for await (const part of parts) {
      if (!(part instanceof Uint8Array)) throw expected('content', 'a stream of Uint8Arrays', part)
      yield part
    }
  }
  try {
    const target = createWriteStream(disk, { flags: 'wx', mode: 0o600 })
    await pipeline(Readable.from(checked()), target, signal === undefined ? {} : { signal })
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof TorrentError) throw error
    throw new TorrentError('ERR_FILE_READ', `Content cannot be read: ${messageOf(error)}`, { cause: error })
  }
  throwIfAborted(signal)
}
