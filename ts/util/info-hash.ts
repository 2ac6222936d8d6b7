import { expected, oneOf } from '../check.ts'
import { hex, plainBytes, sized } from './bytes.ts'

/** An info-hash. */
export interface ParsedInfoHash {
  /** 1: SHA-1, 20 bytes (BEP 3). 2: SHA-256, 32 bytes (BEP 52). */
  readonly version: 1 | 2
  /** The hash itself. */
  readonly bytes: Uint8Array
}

/** How an info-hash is written. */
export type InfoHashForm = 'hex' | 'base32' | 'multihash' | 'urn'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** Multihash: SHA-256, 32 bytes. */
const SHA256 = '1220'

/**
 * Reads an info-hash in any of its forms, letters in any case: 40 hexadecimal digits or 32 of base32 (RFC 4648) for v1; 64
 * hexadecimal digits or a multihash (`1220` and 64 digits) for v2; `urn:btih:` and `urn:btmh:` with what belongs behind them
 * (BEP 9, BEP 52).
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function parseInfoHash(text: string): ParsedInfoHash {
  if (typeof text !== 'string') throw expected('infoHash', 'text', text)
  const match = /^urn:(btih|btmh):/i.exec(text)
  const urn = match?.[1]?.toLowerCase()
  const body = text.slice(match?.[0].length ?? 0)
  const isHex = /^[0-9a-f]*$/i.test(body)
  if (urn !== 'btmh') {
    if (isHex && body.length === 40) return { version: 1, bytes: fromHex(body) }
    if (body.length === 32 && /^[a-z2-7]*$/i.test(body)) return { version: 1, bytes: fromBase32(body) }
  }
  if (urn !== 'btih' && isHex && body.length === 68 && body.startsWith(SHA256)) {
    return { version: 2, bytes: fromHex(body.slice(4)) }
  }
  if (urn === undefined && isHex && body.length === 64) return { version: 2, bytes: fromHex(body) }
  throw expected('infoHash', 'an info-hash in hex, base32 or as a multihash', text)
}

/**
 * Writes an info-hash of 20 or 32 bytes: digits in lower case, base32 (v1 only) in upper case; `urn` is `urn:btih:` with hex
 * for v1, `urn:btmh:` with the multihash for v2; `multihash` is for v2 only.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function formatInfoHash(bytes: Uint8Array, form: InfoHashForm = 'hex'): string {
  sized('infoHash', bytes, 20, 32)
  const digits = hex(bytes)
  const v2 = bytes.length === 32
  switch (oneOf('form', form, ['hex', 'base32', 'multihash', 'urn'])) {
    case 'hex':
      return digits
    case 'urn':
      return v2 ? `urn:btmh:${SHA256}${digits}` : `urn:btih:${digits}`
    case 'base32':
      if (v2) throw expected('form', 'one that there is for v2', form)
      return toBase32(bytes)
    case 'multihash':
      if (!v2) throw expected('form', 'one that there is for v1', form)
      return `${SHA256}${digits}`
  }
}

/**
 * The 20 bytes of an info-hash that handshakes, trackers and the DHT use: a v2 one is cut (BEP 52).
 *
 * Errors: `ERR_INVALID_OPTION` for what has neither 20 nor 32 bytes.
 */
export function shortInfoHash(bytes: Uint8Array): Uint8Array {
  return plainBytes(sized('infoHash', bytes, 20, 32)).subarray(0, 20)
}

function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length * 5) / 8)
  let bits = 0
  let held = 0
  let at = 0
  for (const letter of text.toUpperCase()) {
    bits = (bits << 5) | BASE32.indexOf(letter)
    held += 5
    if (held >= 8) {
      held -= 8
      bytes[at++] = bits >> held
      bits &= (1 << held) - 1
    }
  }
  return bytes
}

function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    held += 8
    while (held >= 5) {
      held -= 5
      text += BASE32[bits >> held] ?? ''
      bits &= (1 << held) - 1
    }
  }
  return text
}
