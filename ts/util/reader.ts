import { expected, integer, readOptions } from '../check.ts'
import { TorrentError } from '../errors.ts'
import { SETTINGS } from '../settings.ts'
import { type BdecodeOptions, type BencodeDocument, decodeOptions, parsePrefix } from './bdecode.ts'
import { invalid, isDigit, LETTER, type Limits, tooDeep, tooMany } from './scan.ts'

/** How to read a value that comes in parts. */
export interface BencodeReaderOptions extends BdecodeOptions {
  /** Bytes of the value. @default 10485760 (the setting `maxMetainfoBytes`) */
  readonly bytes?: number
}

/**
 * Reads one bencoded value from a stream that may be cut anywhere. It takes exactly the bytes of the value and refuses what
 * is too long as soon as the length is known, before it is kept.
 *
 * Call {@link push} with what came until it gives a document; then make a new reader for the next value.
 */
export class BencodeReader {
  readonly #mode: ReturnType<typeof decodeOptions>['mode']
  readonly #limits: Limits
  readonly #max: number
  #parts: Uint8Array[] = []
  #total = 0
  #open = 0
  #tokens = 0
  /** Digits of the length of a string; -1 outside one. */
  #length = -1
  /** Bytes of a string that are still to come. */
  #skip = 0
  #inInteger = false
  #done = false

  /** Makes a reader for one value. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`. */
  constructor(options: BencodeReaderOptions = {}) {
    const { bytes, ...rest } = readOptions(options, ['bytes', 'mode', 'depth', 'tokens'], 'BencodeReader')
    const { mode, depth, tokens } = decodeOptions(rest, 'BencodeReader')
    this.#mode = mode
    this.#limits = { depth, tokens }
    const { default: usual, max } = SETTINGS.maxMetainfoBytes
    this.#max = bytes === undefined ? usual : integer('bytes', bytes, 1, max)
  }

  /** Bytes kept so far. */
  get length(): number {
    return this.#total
  }

  /**
   * Takes bytes. Null as long as the value is not whole; then the document, and how many of these bytes belonged to it:
   * those behind are not the value's. The bytes are copied.
   *
   * Errors: as {@link bdecode}, and `ERR_BENCODE_SIZE` for a value that is longer than the limit. After an error, or when
   * the value was whole, the reader takes nothing more: `ERR_CLOSED`.
   */
  push(chunk: Uint8Array): { readonly document: BencodeDocument; readonly used: number } | null {
    if (!(chunk instanceof Uint8Array)) throw expected('chunk', 'a Uint8Array', chunk)
    if (this.#done) throw new TorrentError('ERR_CLOSED', 'This reader has read its value')
    // Only a value that goes on keeps the reader open: whatever is thrown below ends it.
    this.#done = true
    const end = this.#walk(chunk)
    const used = end ?? chunk.length
    if (this.#total + used > this.#max) throw this.#tooLong()
    this.#parts.push(chunk.slice(0, used))
    this.#total += used
    if (end === undefined) {
      this.#done = false
      return null
    }
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    return { document: parsePrefix(whole, this.#mode, this.#limits), used }
  }

  /** Follows the structure only: where the value ends in the chunk, or undefined. The rest is checked when it is whole. */
  #walk(chunk: Uint8Array): number | undefined {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at)
        this.#skip -= step
        at += step
        if (this.#skip === 0 && this.#open === 0) return at
        continue
      }
      const byte = chunk[at] ?? 0
      const offset = this.#total + at
      at++
      if (this.#length >= 0) {
        if (byte === LETTER.colon) {
          if (offset + 1 + this.#length > this.#max) throw this.#tooLong()
          this.#skip = this.#length
          this.#length = -1
          if (this.#skip === 0 && this.#open === 0) return at
        } else if (isDigit(byte)) {
          this.#length = this.#length * 10 + byte - LETTER.zero
          if (this.#length > this.#max) throw this.#tooLong()
        } else throw invalid('not the length of a string', offset)
      } else if (this.#inInteger) {
        this.#inInteger = byte !== LETTER.e
        if (!this.#inInteger && this.#open === 0) return at
      } else if (byte === LETTER.e) {
        if (this.#open === 0) throw invalid('no value starts with this byte', offset)
        this.#open--
        if (this.#open === 0) return at
      } else {
        if (this.#tokens >= this.#limits.tokens) throw tooMany(this.#limits.tokens, offset)
        this.#tokens++
        if (byte === LETTER.l || byte === LETTER.d) {
          if (this.#open >= this.#limits.depth) throw tooDeep(this.#limits.depth, offset)
          this.#open++
        } else if (byte === LETTER.i) this.#inInteger = true
        else if (isDigit(byte)) this.#length = byte - LETTER.zero
        else throw invalid('no value starts with this byte', offset)
      }
    }
    return undefined
  }

  #tooLong(): TorrentError {
    this.#parts = []
    return new TorrentError('ERR_BENCODE_SIZE', `The value is longer than ${this.#max} bytes`)
  }
}
