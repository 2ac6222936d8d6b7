import fc from 'fast-check'
import { expect } from 'vitest'
import { codeOf } from '../api/codes.ts'

/** Text as bytes, one for each character. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

/** The bytes of hexadecimal digits; spaces are only for the eye. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'))
}

/** Hexadecimal digits of bytes. */
export function digits(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')
}

/** Lengths of the parts into which a stream is cut. */
export const splits = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 })

/** A stream in parts of these lengths, from the first again when they are used up. */
export function* chunks(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/**
 * Feeds a parser whole messages, messages with some bytes changed, added or cut off, and noise: whatever it throws must have
 * one of the codes.
 */
export function coded(
  messages: fc.Arbitrary<Uint8Array>,
  codes: readonly (string | undefined)[],
  parse: (bytes: Uint8Array) => unknown,
  numRuns = 1000,
): void {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
  const changed = fc.tuple(messages, changes, fc.nat(), fc.boolean()).map(([bytes, list, cut, whether]) => {
    const copy = Uint8Array.from(bytes)
    for (const [at, byte] of list) if (copy.length > 0) copy[at % copy.length] = byte
    return whether ? copy : copy.subarray(0, cut % (copy.length + 1))
  })
  fc.assert(
    fc.property(fc.oneof(messages, changed, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      expect([undefined, ...codes]).toContain(codeOf(() => parse(bytes)))
    }),
    { numRuns },
  )
}
