import { expected, integer, oneOf, readOptions } from '../check.ts'
import { call } from '../native/call.ts'
import { addon } from '../native/load.ts'
import { anyBytes, sized } from '../util/bytes.ts'
import { join, U8, U16, U32 } from './flat.ts'

/** What a packet of µTP is for. */
export type UtpKind = 'data' | 'fin' | 'state' | 'reset' | 'syn'

const KINDS: readonly UtpKind[] = ['data', 'fin', 'state', 'reset', 'syn']

/** An extension of a µTP packet. */
export type UtpExtension =
  | {
      readonly kind: 'selectiveAck'
      /** Bit i, least significant first in each byte, stands for packet ack + 2 + i; see {@link utpReceived}. */
      readonly mask: Uint8Array
    }
  | {
      readonly kind: 'bits'
      /** 8 bytes, of old µTorrent. */
      readonly bits: Uint8Array
    }
  | {
      readonly kind: 'closeReason'
      /** 0 by convention. */
      readonly reserved: number
      /** libtorrent's number, 0 to 65,535. libutp drops packets whose first extension this is. */
      readonly reason: number
    }
  | {
      readonly kind: 'other'
      /** 3 to 255; 3 only with another length than 4. */
      readonly id: number
      /** At most 255 bytes. */
      readonly data: Uint8Array
    }

/** A packet of µTP (BEP 29). */
export interface UtpPacket {
  /** What it is for (BEP 29): `syn` opens, `state` acknowledges, `data` carries, `fin` ends, `reset` breaks off. */
  readonly kind: UtpKind
  /** 0 to 65,535. */
  readonly connectionId: number
  /** The sender's clock in microseconds, modulo 2^32. */
  readonly timestamp: number
  /** The one-way delay of the last packet as its receiver measured it, in microseconds. */
  readonly delay: number
  /** Bytes free in the sender's receive buffer. */
  readonly window: number
  /** The packet's number, 0 to 65,535. */
  readonly seq: number
  /** The last number that came in order. */
  readonly ack: number
  /** In their order. */
  readonly extensions: readonly UtpExtension[]
  /** What the stream carries; empty but in `data`. */
  readonly payload: Uint8Array
}

const FIELDS = [
  ['connectionId', U16],
  ['timestamp', U32],
  ['delay', U32],
  ['window', U32],
  ['seq', U16],
  ['ack', U16],
] as const

/**
 * The datagram of a packet. `extensions` and `payload` may be absent.
 *
 * Errors: `ERR_INVALID_OPTION`, also for an extension that would be read as another one; `ERR_UNKNOWN_OPTION`.
 */
export function buildUtp(
  packet: Omit<UtpPacket, 'extensions' | 'payload'> & Partial<Pick<UtpPacket, 'extensions' | 'payload'>>,
): Uint8Array<ArrayBuffer> {
  const read = readOptions(packet, ['kind', ...FIELDS.map(([name]) => name), 'extensions', 'payload'], 'buildUtp')
  const kind = oneOf('kind', read.kind, KINDS)
  const numbers = FIELDS.map(([name, max]) => integer(name, read[name], 0, max))
  const list = read.extensions ?? []
  if (!Array.isArray(list)) throw expected('extensions', 'a list', list)
  const extensions = (list as UtpExtension[]).map(extensionData)
  const payload = anyBytes('payload', read.payload ?? new Uint8Array())
  const ids = extensions.map(({ id }) => id)
  const lengths = extensions.map(({ data }) => data.length)
  const bytes = join([...extensions.map(({ data }) => data), payload])
  return call(() => addon().buildUtp(kind, numbers, ids, lengths, bytes))
}

/**
 * Reads a datagram. Extensions that are not known are kept.
 *
 * Errors: `ERR_UTP_INVALID`.
 */
export function parseUtp(datagram: Uint8Array): UtpPacket {
  anyBytes('datagram', datagram)
  const { kind, numbers, ids, lengths, bytes } = call(() => addon().parseUtp(datagram))
  const [connectionId = 0, timestamp = 0, delay = 0, window = 0, seq = 0, ack = 0] = numbers
  let at = 0
  const extensions = ids.map((id, index) => {
    const data = bytes.subarray(at, at + (lengths[index] ?? 0))
    at += data.length
    return extensionOf(id, data)
  })
  const payload = bytes.subarray(at)
  return { kind: kind as UtpKind, connectionId, timestamp, delay, window, seq, ack, extensions, payload }
}

/**
 * The numbers of the packets that a selective ack names (BEP 29), in ascending order from `ack` + 2; they wrap at 65,536.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function utpReceived(mask: Uint8Array, ack: number): number[] {
  anyBytes('mask', mask)
  const number = integer('ack', ack, 0, U16)
  return [...call(() => addon().utpReceived(mask, number))]
}

/**
 * The mask of a selective ack for packets that came behind `ack` + 1: a multiple of four bytes. Packets that no mask can name
 * are left out.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function utpMask(ack: number, received: Iterable<number>): Uint8Array<ArrayBuffer> {
  const number = integer('ack', ack, 0, U16)
  const list = Array.from(received, (seq) => integer('seq', seq, 0, U16))
  return call(() => addon().utpMask(number, list))
}

function extensionData(extension: UtpExtension): { readonly id: number; readonly data: Uint8Array } {
  switch (extension?.kind) {
    case 'selectiveAck':
      return { id: 1, data: anyBytes('mask', extension.mask) }
    case 'bits':
      return { id: 2, data: sized('bits', extension.bits, 8) }
    case 'closeReason': {
      const [reserved, reason] = [extension.reserved, extension.reason].map((number) =>
        integer('reason', number, 0, U16),
      )
      return { id: 3, data: words(reserved ?? 0, reason ?? 0) }
    }
    case 'other': {
      const [id, data] = [integer('id', extension.id, 3, U8), anyBytes('data', extension.data)]
      if (id === 3 && data.length === 4) throw expected('extension', 'a close reason as `closeReason`', '`other`')
      return { id, data }
    }
    default:
      throw expected('extension', 'an extension of µTP', extension)
  }
}

function extensionOf(id: number, data: Uint8Array): UtpExtension {
  if (id === 1) return { kind: 'selectiveAck', mask: data }
  if (id === 2) return { kind: 'bits', bits: data }
  if (id === 3 && data.length === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = data
    return { kind: 'closeReason', reserved: (a << 8) | b, reason: (c << 8) | d }
  }
  return { kind: 'other', id, data }
}

function words(a: number, b: number): Uint8Array {
  return Uint8Array.of(a >> 8, a & U8, b >> 8, b & U8)
}
