import { type ErrorCode, TorrentError } from '../errors.ts'

/** Bytes that are not the bencoding that was asked for. */
export class BencodeError extends TorrentError {
  /** Offset of the byte that is wrong. */
  readonly offset: number

  /** Makes an error; the message names the byte. */
  constructor(code: ErrorCode, problem: string, offset: number) {
    super(code, `${problem} at byte ${offset}`)
    this.name = 'BencodeError'
    this.offset = offset
  }
}

/**
 * What is accepted.
 *
 * * `strict`: BEP 3 to the letter, as an info dictionary must be: every other reading has another hash.
 * * `unordered`: the same, but keys may come in any order or twice (the first one counts), as many programs write them.
 * * `lenient`: leading zeros, `-0`, `+` and bytes behind the value too. For showing what is in a file, never for hashing.
 */
export type BencodeMode = 'strict' | 'unordered' | 'lenient'

/** What was accepted although BEP 3 forbids it. */
export interface BencodeWarnings {
  /** Keys that sort before the key in front of them. */
  unsortedKeys: number
  /** Keys that are equal to the key in front of them. */
  duplicateKeys: number
  /** Integers and lengths that are not in their shortest form. */
  looseNumbers: number
  /** Bytes behind the value. */
  trailingBytes: number
  /** Offset of the first of them; null when there is none. */
  firstAt: number | null
}

/** How much structure is accepted. */
export interface Limits {
  readonly depth: number
  readonly tokens: number
}

export const LETTER = { i: 0x69, l: 0x6c, d: 0x64, e: 0x65, colon: 0x3a, minus: 0x2d, plus: 0x2b, zero: 0x30 } as const

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

export function invalid(problem: string, at: number): BencodeError {
  return new BencodeError('ERR_BENCODE_INVALID', problem, at)
}

export function tooDeep(limit: number, at: number): BencodeError {
  return new BencodeError('ERR_BENCODE_DEPTH', `nested deeper than ${limit}`, at)
}

export function tooMany(limit: number, at: number): BencodeError {
  return new BencodeError('ERR_BENCODE_TOKENS', `more than ${limit} values`, at)
}

/**
 * The table of values of an input: three numbers for each value in the order of the input, keys included. Where it starts;
 * behind its end; the number of the value that follows it and all that is in it.
 */
export type Table = number[]

/** Numbers in a row of a table. */
export const ROW = 3

/** Reads one value and fills the table; says where the value ends. One pass, no recursion. */
export function scan(
  input: Uint8Array,
  mode: BencodeMode,
  limits: Limits,
  table: Table,
  warnings: BencodeWarnings,
): number {
  const lenient = mode === 'lenient'
  const open: number[] = []
  // Of the innermost dictionary: where the bytes of its last key are (-1: none yet), and whether that key lacks its value.
  const keys: number[] = []
  let inDict = false
  let keyAt = -1
  let keyEnd = -1
  let valueDue = false
  let tokens = 0
  let at = 0
  for (;;) {
    const byte = input[at]
    if (byte === undefined) throw invalid('the input ends inside a value', at)
    if (byte === LETTER.e) {
      const row = open.pop()
      if (row === undefined) throw invalid('no value starts with this byte', at)
      if (inDict && valueDue) throw invalid('dictionary key has no value', at)
      at++
      table[row + 1] = at
      table[row + 2] = tokens
      valueDue = keys.pop() === 1
      keyEnd = keys.pop() ?? -1
      keyAt = keys.pop() ?? -1
      inDict = keys.pop() === 1
      // The container that ended was the value of its key.
      if (inDict) valueDue = false
    } else {
      if (tokens >= limits.tokens) throw tooMany(limits.tokens, at)
      const start = at
      const row = tokens * ROW
      tokens++
      if (inDict && !valueDue) {
        if (!isDigit(byte)) throw invalid('dictionary key is not a string', at)
        const end = stringEnd(input, at, lenient, warnings)
        const body = bodyOf(input, at)
        if (keyAt >= 0) {
          const order = compare(input, keyAt, keyEnd, body, end)
          if (order >= 0) {
            if (mode === 'strict') {
              throw invalid(order === 0 ? 'dictionary key comes twice' : 'dictionary keys are not sorted', at)
            }
            if (order === 0) warnings.duplicateKeys++
            else warnings.unsortedKeys++
            warnings.firstAt ??= at
          }
        }
        keyAt = body
        keyEnd = end
        valueDue = true
        at = end
      } else if (byte === LETTER.l || byte === LETTER.d) {
        if (open.length >= limits.depth) throw tooDeep(limits.depth, at)
        keys.push(inDict ? 1 : 0, keyAt, keyEnd, valueDue ? 1 : 0)
        open.push(row)
        inDict = byte === LETTER.d
        keyAt = -1
        keyEnd = -1
        valueDue = false
        table.push(start, 0, 0)
        at++
        continue
      } else {
        if (byte === LETTER.i) at = integerEnd(input, at, lenient, warnings)
        else if (isDigit(byte)) at = stringEnd(input, at, lenient, warnings)
        else throw invalid('no value starts with this byte', at)
        valueDue = false
      }
      table.push(start, at, tokens)
    }
    if (open.length === 0) return at
  }
}

/** Where the bytes of the string that starts at `at` begin. The string was checked. */
export function bodyOf(input: Uint8Array, at: number): number {
  let pos = at
  while (input[pos] !== LETTER.colon) pos++
  return pos + 1
}

/** Behind the string that starts at `at`. */
function stringEnd(input: Uint8Array, at: number, lenient: boolean, warnings: BencodeWarnings): number {
  let length = 0
  let pos = at
  for (; ; pos++) {
    const byte = input[pos]
    if (byte === undefined) throw invalid('the input ends inside a value', pos)
    if (byte === LETTER.colon) break
    if (!isDigit(byte)) throw invalid('not the length of a string', pos)
    length = length * 10 + byte - LETTER.zero
    if (length > input.length) throw invalid('string is longer than the input', at)
  }
  if (input[at] === LETTER.zero && pos - at > 1) {
    if (!lenient) throw invalid('not the length of a string', at)
    warnings.looseNumbers++
    warnings.firstAt ??= at
  }
  const end = pos + 1 + length
  if (end > input.length) throw invalid('string is longer than the input', at)
  return end
}

/** Behind the integer that starts at `at`. */
function integerEnd(input: Uint8Array, at: number, lenient: boolean, warnings: BencodeWarnings): number {
  const sign = input[at + 1]
  const negative = sign === LETTER.minus
  const first = negative || (lenient && sign === LETTER.plus) ? at + 2 : at + 1
  let pos = first
  for (; ; pos++) {
    const byte = input[pos]
    if (byte === undefined) throw invalid('the input ends inside a value', pos)
    if (byte === LETTER.e && pos > first) break
    if (!isDigit(byte)) throw invalid('not an integer in its shortest form', pos)
  }
  let digits = first
  while (digits < pos - 1 && input[digits] === LETTER.zero) digits++
  const loose = digits > first || sign === LETTER.plus || (negative && input[digits] === LETTER.zero)
  if (loose) {
    if (!lenient) throw invalid('not an integer in its shortest form', first)
    warnings.looseNumbers++
    warnings.firstAt ??= at
  }
  if (pos - digits >= 19 && !fits64(input, digits, pos, negative)) throw invalid('integer does not fit 64 bits', at)
  return pos + 1
}

const MAX = '9223372036854775807'
const MIN = '9223372036854775808'

/** Whether so many digits are a signed number of 64 bits. */
function fits64(input: Uint8Array, start: number, end: number, negative: boolean): boolean {
  if (end - start > MAX.length) return false
  const limit = negative ? MIN : MAX
  for (let at = start; at < end; at++) {
    const order = (input[at] ?? 0) - limit.charCodeAt(at - start)
    if (order !== 0) return order < 0
  }
  return true
}

/** The value of a checked integer that starts at `at` and ends at `end`. */
export function integerAt(input: Uint8Array, at: number, end: number): number | bigint {
  const sign = input[at + 1]
  const negative = sign === LETTER.minus
  let pos = negative || sign === LETTER.plus ? at + 2 : at + 1
  while (pos < end - 2 && input[pos] === LETTER.zero) pos++
  if (end - 1 - pos <= 15) {
    let value = 0
    for (; pos < end - 1; pos++) value = value * 10 + (input[pos] ?? 0) - LETTER.zero
    return negative && value !== 0 ? -value : value
  }
  let text = negative ? '-' : ''
  for (; pos < end - 1; pos++) text += String.fromCharCode(input[pos] ?? 0)
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

/** Below zero when the first sorts before the second, 0 when they are equal. */
function compare(input: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  for (; a < aEnd && b < bEnd; a++, b++) {
    const order = (input[a] ?? 0) - (input[b] ?? 0)
    if (order !== 0) return order
  }
  return aEnd - a - (bEnd - b)
}
