import { expected, integer, oneOf, readOptions } from '../check.ts'
import { anyBytes, sized } from '../util/bytes.ts'

/** The fields of one kind of packet in the order in which they cross into native code: numbers and their greatest values, byte
 * strings and their lengths. Only the last byte string may be of any length, written as null. */
export interface Shape {
  readonly numbers?: readonly (readonly [name: string, max: number])[]
  readonly bytes?: readonly (readonly [name: string, length: number | null])[]
}

/** A packet as it crosses. */
export interface Flat {
  readonly kind: string
  readonly numbers: readonly number[]
  readonly bytes: Uint8Array
}

export const U8 = 0xff
export const U16 = 0xffff
export const U32 = 0xffff_ffff

/** The parts of a packet, checked. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`. */
export function flatten(where: string, packet: unknown, shapes: Readonly<Record<string, Shape>>): Flat {
  const kinds = Object.keys(shapes)
  const known = new Set(['kind'])
  if (typeof packet !== 'object' || packet === null) throw expected('the packet', 'an object', packet)
  for (const shape of Object.values(shapes)) {
    for (const [name] of [...(shape.numbers ?? []), ...(shape.bytes ?? [])]) known.add(name)
  }
  const read = readOptions(packet, [...known], where)
  const kind = oneOf('kind', read.kind, kinds)
  const { numbers = [], bytes = [] } = shapes[kind] ?? {}
  return {
    kind,
    numbers: numbers.map(([name, max]) => integer(name, read[name], 0, max)),
    bytes: join(
      bytes.map(([name, length]) => (length === null ? anyBytes(name, read[name]) : sized(name, read[name], length))),
    ),
  }
}

/** The fields of a packet by their names. Byte strings are views of one copy. */
export function unflatten(flat: Flat, shapes: Readonly<Record<string, Shape>>): Record<string, unknown> {
  const { numbers = [], bytes = [] } = shapes[flat.kind] ?? {}
  const packet: Record<string, unknown> = { kind: flat.kind }
  numbers.forEach(([name], at) => {
    packet[name] = flat.numbers[at]
  })
  let at = 0
  for (const [name, length] of bytes) {
    const end = length === null ? flat.bytes.length : at + length
    packet[name] = flat.bytes.subarray(at, end)
    at = end
  }
  return packet
}

/** Byte strings one after the other. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
