import { expected, integer, oneOf, readOptions } from '../check.ts'
import { SETTINGS } from '../settings.ts'
import { latin1, view } from './bytes.ts'
import {
  type BencodeMode,
  type BencodeWarnings,
  bodyOf,
  integerAt,
  invalid,
  isDigit,
  LETTER,
  type Limits,
  ROW,
  scan,
  type Table,
} from './scan.ts'

/**
 * A decoded value. Integers beyond 2^53 − 1 are `bigint`; strings are bytes, as views of the input; dictionaries are objects
 * without a prototype whose keys have one character for each byte.
 */
export type BencodeValue = number | bigint | Uint8Array | BencodeValue[] | BencodeDict

/** A decoded dictionary. */
export interface BencodeDict {
  [key: string]: BencodeValue
}

/** The kind of a value. */
export type BencodeKind = 'integer' | 'bytes' | 'list' | 'dict'

/** How to decode. */
export interface BdecodeOptions {
  /** What is accepted. @default 'strict' */
  readonly mode?: BencodeMode
  /** Lists and dictionaries inside each other, 1 to 1,000. @default 100 (the setting `maxMetainfoDepth`) */
  readonly depth?: number
  /** Values of any kind, keys included, 1 to 10,000,000. @default 3,000,000 (the setting `maxMetainfoTokens`) */
  readonly tokens?: number
}

const MODES = ['strict', 'unordered', 'lenient'] as const

/** The limits for files. */
const FILE: Limits & { readonly mode: BencodeMode } = {
  mode: 'strict',
  depth: SETTINGS.maxMetainfoDepth.default,
  tokens: SETTINGS.maxMetainfoTokens.default,
}

/** Reads the options of a decoder. */
export function decodeOptions(options: BdecodeOptions | undefined, where: string): typeof FILE {
  if (options === undefined) return FILE
  const read = readOptions(options, ['mode', 'depth', 'tokens'], where)
  const number = (name: 'depth' | 'tokens', max: number) =>
    read[name] === undefined ? FILE[name] : integer(name, read[name], 1, max)
  return {
    mode: read.mode === undefined ? FILE.mode : oneOf('mode', read.mode, MODES),
    depth: number('depth', SETTINGS.maxMetainfoDepth.max),
    tokens: number('tokens', SETTINGS.maxMetainfoTokens.max),
  }
}

/**
 * Decodes bencoding (BEP 3): the whole input is one value, unless the mode is `lenient`.
 *
 * Errors: `ERR_BENCODE_INVALID`, `ERR_BENCODE_DEPTH`, `ERR_BENCODE_TOKENS`, each a {@link BencodeError} with the offset of
 * the byte; `ERR_INVALID_OPTION`.
 */
export function bdecode(input: Uint8Array, options?: BdecodeOptions): BencodeValue {
  return bparse(input, options).root.value()
}

/** What {@link bparse} read. */
export interface BencodeDocument {
  /** The value. */
  readonly root: BencodeNode
  /** Bytes of the value; less than the input when bytes follow it. */
  readonly length: number
  /** What is not canonical about it. */
  readonly warnings: Readonly<BencodeWarnings>
}

/**
 * Reads bencoding into a tree that knows where every value stands in the input, so that parts can be hashed, kept or written
 * again byte for byte. Nothing is copied: the tree is as good as the input stays unchanged.
 *
 * Errors: as {@link bdecode}.
 */
export function bparse(input: Uint8Array, options?: BdecodeOptions): BencodeDocument {
  if (!(input instanceof Uint8Array)) throw expected('input', 'a Uint8Array', input)
  const { mode, ...limits } = decodeOptions(options, 'bdecode')
  const document = parsePrefix(input, mode, limits)
  const rest = input.length - document.length
  if (rest === 0) return document
  if (mode !== 'lenient') throw invalid('bytes behind the value', document.length)
  const { warnings } = document
  return {
    ...document,
    warnings: { ...warnings, trailingBytes: rest, firstAt: warnings.firstAt ?? document.length },
  }
}

/**
 * Reads the first value of an input and leaves what follows it alone: `length` says where that begins.
 *
 * Errors: as {@link bdecode}.
 */
export function bparsePrefix(input: Uint8Array, options?: BdecodeOptions): BencodeDocument {
  if (!(input instanceof Uint8Array)) throw expected('input', 'a Uint8Array', input)
  const { mode, ...limits } = decodeOptions(options, 'bparsePrefix')
  return parsePrefix(input, mode, limits)
}

/** The same with options that were read. */
export function parsePrefix(input: Uint8Array, mode: BencodeMode, limits: Limits): BencodeDocument {
  const warnings = { unsortedKeys: 0, duplicateKeys: 0, looseNumbers: 0, trailingBytes: 0, firstAt: null }
  const table: Table = []
  const length = scan(input, mode, limits, table, warnings)
  return { root: new BencodeNode(view(input), table, 0), length, warnings }
}

/** A value of a parsed input. */
export class BencodeNode {
  readonly #input: Buffer
  readonly #table: Table
  /** Its row in the table. */
  readonly #row: number

  /** @internal */
  constructor(input: Buffer, table: Table, row: number) {
    this.#input = input
    this.#table = table
    this.#row = row
  }

  /** Offset of its first byte in the input. */
  get start(): number {
    return this.#number(0)
  }

  /** Offset behind its last byte. */
  get end(): number {
    return this.#number(1)
  }

  /** Its bytes as they stand in the input. A view. */
  get raw(): Uint8Array {
    return bytesOf(this.#input, this.start, this.end)
  }

  /** What it is. */
  get kind(): BencodeKind {
    const letter = this.#input[this.start]
    if (letter === LETTER.i) return 'integer'
    return letter === LETTER.l ? 'list' : letter === LETTER.d ? 'dict' : 'bytes'
  }

  /** The integer; undefined when it is something else. */
  integer(): number | bigint | undefined {
    const { start } = this
    return this.#input[start] === LETTER.i ? integerAt(this.#input, start, this.end) : undefined
  }

  /** The bytes of a string, as a view of the input; undefined when it is something else. */
  bytes(): Uint8Array | undefined {
    const { start } = this
    return isDigit(this.#input[start]) ? bytesOf(this.#input, bodyOf(this.#input, start), this.end) : undefined
  }

  /**
   * The value of a key, given as text with one character for each byte, or as bytes; the first when it comes twice. Undefined
   * when the key is not there, or this is no dictionary.
   */
  get(key: string | Uint8Array): BencodeNode | undefined {
    if (this.#input[this.start] !== LETTER.d) return undefined
    const name = typeof key === 'string' ? key : latin1(key)
    const table = this.#table
    const last = this.#number(2) * ROW
    for (let row = this.#row + ROW; row < last; ) {
      const value = row + ROW
      if (this.#isKey(table[row] ?? 0, table[row + 1] ?? 0, name)) return new BencodeNode(this.#input, table, value)
      row = (table[value + 2] ?? 0) * ROW
    }
    return undefined
  }

  /** Keys and values of a dictionary in the order of the input; nothing for other values. */
  *entries(): Generator<[key: string, value: BencodeNode]> {
    if (this.#input[this.start] !== LETTER.d) return
    const table = this.#table
    const last = this.#number(2) * ROW
    for (let row = this.#row + ROW; row < last; row = (table[row + ROW + 2] ?? 0) * ROW) {
      yield [this.#text(row), new BencodeNode(this.#input, table, row + ROW)]
    }
  }

  /** The values of a list; nothing for other values. */
  *items(): Generator<BencodeNode> {
    if (this.#input[this.start] !== LETTER.l) return
    const table = this.#table
    const last = this.#number(2) * ROW
    for (let row = this.#row + ROW; row < last; row = (table[row + 2] ?? 0) * ROW) {
      yield new BencodeNode(this.#input, table, row)
    }
  }

  /** It and all that is in it as plain values. Strings are views of the input. */
  value(): BencodeValue {
    const number = this.integer()
    if (number !== undefined) return number
    const bytes = this.bytes()
    if (bytes !== undefined) return bytes
    // As deep as the limit of nesting allowed.
    if (this.#input[this.start] === LETTER.l) return Array.from(this.items(), (item) => item.value())
    const dict = Object.create(null) as BencodeDict
    for (const [key, value] of this.entries()) if (!(key in dict)) dict[key] = value.value()
    return dict
  }

  #number(column: number): number {
    return this.#table[this.#row + column] ?? 0
  }

  #isKey(start: number, end: number, name: string): boolean {
    const length = name.length
    const body = end - length
    // The length in front of it is a digit for a short name; the colon tells a whole key from the end of a longer one.
    if (body <= start || this.#input[body - 1] !== LETTER.colon || bodyOf(this.#input, start) !== body) return false
    for (let at = 0; at < length; at++) if (this.#input[body + at] !== name.charCodeAt(at)) return false
    return true
  }

  #text(row: number): string {
    const start = this.#table[row] ?? 0
    return this.#input.toString('latin1', bodyOf(this.#input, start), this.#table[row + 1] ?? 0)
  }
}

/** A part of the input that is no `Buffer`: what users get behaves like any `Uint8Array`. */
function bytesOf(input: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(input.buffer, input.byteOffset + start, end - start)
}
