import { isProxy } from 'node:util/types'
import { expected, show } from '../check.ts'
import { TorrentError } from '../errors.ts'
import { SETTINGS } from '../settings.ts'
import { BencodeNode } from './bdecode.ts'
import { anyBytes, fromLatin1, view } from './bytes.ts'
import { Writer } from './writer.ts'

/**
 * What can be encoded. Text becomes UTF-8. The keys of an object have one character for each byte, as {@link bdecode} gives
 * them; a map may have bytes as keys. A part of a parsed input is written as it stood there, byte for byte. What is
 * `undefined` in a dictionary is left out.
 */
export type Bencodable =
  | number
  | bigint
  | string
  | Uint8Array
  | BencodeNode
  | readonly Bencodable[]
  | ReadonlyMap<string | Uint8Array, Bencodable | undefined>
  | { readonly [key: string]: Bencodable | undefined }

/**
 * Encodes a value (BEP 3): integers in their shortest form, keys sorted by their bytes.
 *
 * Errors: `ERR_INVALID_OPTION` for what has no bencoding – fractions, integers beyond 64 bits, numbers beyond 2^53 − 1 that
 * are not `bigint`, null, keys with characters beyond U+00FF, equal keys –, `ERR_BENCODE_DEPTH` for what is nested deeper
 * than 1,000 (and so for circles).
 */
export function bencode(value: Bencodable): Uint8Array<ArrayBuffer> {
  const writer = new Writer()
  write(writer, value, 0)
  return writer.take()
}

const DEEPEST = SETTINGS.maxMetainfoDepth.max

function write(to: Writer, value: unknown, depth: number): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw expected('value', 'an integer below 2^53, or a bigint', value)
    to.integer(value)
  } else if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) throw expected('value', 'an integer of 64 bits', value)
    to.integer(value)
  } else if (typeof value === 'string') to.text(value)
  else if (typeof value !== 'object' || value === null || isProxy(value)) throw expected('value', 'bencodable', value)
  else if (value instanceof Uint8Array) to.bytes(value)
  else if (value instanceof BencodeNode) to.raw(value.raw)
  else {
    if (depth >= DEEPEST) throw new TorrentError('ERR_BENCODE_DEPTH', `The value is nested deeper than ${DEEPEST}`)
    if (Array.isArray(value)) {
      to.ascii('l')
      // Not for-of: holes and changed iterators would be skipped or run.
      for (let at = 0; at < value.length; at++) write(to, value[at], depth + 1)
    } else {
      to.ascii('d')
      for (const [key, part] of sorted(value)) {
        to.bytes(key)
        write(to, part, depth + 1)
      }
    }
    to.ascii('e')
  }
}

function sorted(dict: object): [Uint8Array, unknown][] {
  const entries: [Uint8Array, unknown][] = []
  for (const [key, part] of dict instanceof Map ? dict : Object.entries(plain(dict))) {
    if (part === undefined) continue
    const bytes = typeof key === 'string' ? fromLatin1(key) : anyBytes('key', key)
    if (bytes === undefined) throw expected('key', 'characters up to U+00FF, one for each byte', key)
    entries.push([bytes, part])
  }
  entries.sort(([a], [b]) => Buffer.compare(a, b))
  for (let at = 1; at < entries.length; at++) {
    const [key] = entries[at] ?? []
    const [before] = entries[at - 1] ?? []
    if (key && before && view(key).equals(before)) throw expected('key', 'different from all others', show(key))
  }
  return entries
}

/** An object that is only its keys: dates, sets, buffers and the like are not dictionaries. */
function plain(value: object): object {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return value
  throw expected('value', 'bencodable', value)
}
