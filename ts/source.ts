import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { bytes, expected } from './check.ts'
import { messageOf, TorrentError } from './errors.ts'
import type { MagnetFacts, MetainfoSummary } from './native/addon.d.ts'
import { parseMagnet, summarizeMetainfo } from './native/parse.ts'
import type { Values } from './values.ts'
import { abortable, throwIfAborted } from './wait.ts'

/**
 * Where a torrent comes from: a magnet link or bare info-hash, the path of a .torrent file, an `http(s):` or `file:` URL of
 * one, or its bytes.
 */
export type TorrentSource = string | URL | Uint8Array

/** A source that was read. */
export type Loaded =
  | {
      readonly kind: 'metainfo'
      readonly bytes: Uint8Array
      readonly facts: MetainfoSummary
      /** The file it was read from. */
      readonly path: string | null
    }
  | { readonly kind: 'magnet'; readonly link: string; readonly facts: MagnetFacts }

/** What reading a source may use. */
export interface LoadOptions {
  readonly values: Values
  readonly signal: AbortSignal | undefined
  /** Fetches a URL; absent where there is no network. */
  readonly download: ((url: URL, signal: AbortSignal | undefined) => Promise<Uint8Array>) | undefined
}

/**
 * Reads and parses a source.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_FILE_READ`, `ERR_METAINFO_…`, `ERR_BENCODE_…`, `ERR_MAGNET_INVALID`, `ERR_ABORTED`, and
 * those of a download.
 */
export async function load(source: TorrentSource, options: LoadOptions): Promise<Loaded> {
  const { values, signal, download } = options
  throwIfAborted(signal)
  const max = values.number('maxMetainfoBytes')
  const metainfo = (raw: Uint8Array, path: string | null = null): Loaded => {
    return { kind: 'metainfo', bytes: raw, facts: summarizeMetainfo(raw, values), path }
  }
  if (typeof source === 'string' || source instanceof URL) {
    const text = typeof source === 'string' ? source : source.href
    if (isMagnet(text)) return { kind: 'magnet', link: text, facts: parseMagnet(text, values) }
    if (/^https?:\/\//i.test(text)) {
      if (!download) throw new TorrentError('ERR_INVALID_OPTION', 'A URL needs a client: there is no network here')
      if (!URL.canParse(text)) throw expected('source', 'a valid URL', text)
      return metainfo(await download(new URL(text), signal))
    }
    if (source instanceof URL && source.protocol !== 'file:')
      throw expected('source', 'an http, file or magnet URL', text)
    if (text === '' || text.includes('\0')) throw expected('source', 'a path, a URL or a magnet link', text)
    const path = source instanceof URL ? fileURLToPath(source) : text
    return metainfo(await abortable(readFile(path, max), signal), path)
  }
  return metainfo(bytes('source', source, max))
}

function isMagnet(text: string): boolean {
  return /^\s*magnet:/i.test(text) || /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text)
}

const CHUNK = 64 * 1024

/** Reads a file that may be endless: no more than one byte beyond `max`. */
async function readFile(path: string, max: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    const file = await open(path, 'r')
    try {
      while (length <= max) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(CHUNK, max + 1 - length)))
        if (bytesRead === 0) break
        chunks.push(buffer.subarray(0, bytesRead))
        length += bytesRead
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    // The system's words without its name for the error and without the path, which is said already.
    const why = messageOf(error).replace(/^[A-Z0-9]+: |, \w+(?: '.*')?$/g, '')
    throw new TorrentError('ERR_FILE_READ', `${path} cannot be read: ${why}`, { cause: error })
  }
  if (length > max) {
    throw new TorrentError('ERR_METAINFO_TOO_LARGE', `${path} is larger than ${max} bytes (setting maxMetainfoBytes)`)
  }
  return new Uint8Array(Buffer.concat(chunks, length))
}
