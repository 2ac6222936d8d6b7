import { isProxy } from 'node:util/types'
import { messageOf, TorrentError } from './errors.ts'

/** What was read of an options object: each option once, before anything was done. */
export type Read = Readonly<Record<string, unknown>>

/**
 * Reads an options object: `known` options once each, in that order. Anything that is not a plain set of options — another
 * type, an option that is not known, a getter that throws — is an error before it can do harm.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`.
 */
export function readOptions(options: unknown, known: readonly string[], where: string): Read {
  const read: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  if (options === undefined) return read
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw expected(`the options of ${where}`, 'an object', options)
  }
  try {
    for (const key of Reflect.ownKeys(options)) {
      if (typeof key === 'symbol' || !known.includes(key)) {
        throw new TorrentError('ERR_UNKNOWN_OPTION', `${where} has no option \`${show(key)}\``)
      }
    }
    for (const key of known) {
      const value: unknown = Reflect.get(options, key)
      if (value !== undefined) read[key] = value
    }
  } catch (error) {
    if (error instanceof TorrentError) throw error
    throw new TorrentError('ERR_INVALID_OPTION', `The options of ${where} cannot be read: ${messageOf(error)}`, {
      cause: error,
    })
  }
  return read
}

/** An integer within a range. −0, NaN, fractions, bigints and all other types are refused. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || Object.is(value, -0) || value < min || value > max) {
    throw expected(name, `an integer from ${min} to ${max}`, value)
  }
  return value
}

/** A string of at least one character without NUL. */
export function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw expected(name, 'a string that is not empty and has no NUL', value)
  }
  return value
}

/** `true` or `false`. */
export function flag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw expected(name, 'true or false', value)
  return value
}

/** One of a few words. */
export function oneOf<Word extends string>(name: string, value: unknown, words: readonly Word[]): Word {
  const found = words.find((word) => word === value)
  if (found === undefined) throw expected(name, `one of ${words.join(', ')}`, value)
  return found
}

/** A function. */
export function callback(name: string, value: unknown): (argument: unknown) => unknown {
  if (typeof value !== 'function') throw expected(name, 'a function', value)
  return value as (argument: unknown) => unknown
}

/** A list of strings, copied. */
export function texts(name: string, value: unknown): string[] {
  if (!Array.isArray(value) || isProxy(value)) throw expected(name, 'an array of strings', value)
  return Array.from(value, (item: unknown, at) => text(`${name}[${at}]`, item))
}

/** The signal that ends a waiting operation. */
export function abortSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined
  if (isProxy(value) || !(value instanceof AbortSignal)) throw expected('signal', 'an AbortSignal', value)
  return value
}

/**
 * Bytes, copied: what the caller does to its memory later has no effect. Memory that is shared with other threads or was
 * transferred away is refused.
 */
export function bytes(name: string, value: unknown, max: number): Uint8Array<ArrayBuffer> {
  if (isProxy(value) || !(value instanceof Uint8Array)) throw expected(name, 'a Uint8Array', value)
  if (!(value.buffer instanceof ArrayBuffer)) throw expected(name, 'bytes in memory that is not shared', value)
  if (value.length > max) throw expected(name, `at most ${max} bytes`, `${value.length} bytes`)
  const length = value.length
  try {
    // A view of memory that was transferred away has length 0 and cannot be sliced.
    const copy = Uint8Array.prototype.slice.call(value)
    if (copy.length === length && !detached(value.buffer)) return new Uint8Array(copy)
  } catch {}
  throw expected(name, 'bytes that were not transferred away', value)
}

function detached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

/** The error for an argument that is not what it must be: says what was expected and what came. */
export function expected(name: string, what: string, got: unknown): TorrentError {
  return new TorrentError('ERR_INVALID_OPTION', `Expected \`${name}\` to be ${what}, got \`${show(got)}\``)
}

/** A short text for any value; printing it runs none of its code. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `${value.slice(0, 60)}…` : value
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (isProxy(value)) return 'a Proxy'
  return Array.isArray(value) ? 'an array' : 'an object'
}
