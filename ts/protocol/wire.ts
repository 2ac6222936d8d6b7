import { expected, flag, integer, readOptions } from '../check.ts'
import { TorrentError } from '../errors.ts'
import type * as Native from '../native/addon.d.ts'
import { call } from '../native/call.ts'
import { addon } from '../native/load.ts'
import { SETTINGS } from '../settings.ts'
import { anyBytes, sized } from '../util/bytes.ts'
import { flatten, type Shape, U8, U16, U32, unflatten } from './flat.ts'

/** The 68 bytes that open a connection (BEP 3). */
export interface HandshakePacket {
  readonly kind: 'handshake'
  /** 8 bytes; see {@link parseReserved}. */
  readonly reserved: Uint8Array
  /** 20 bytes; of a v2 torrent the first 20 of its SHA-256 (BEP 52). */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
}

/** A message without fields: BEP 3, and the two of BEP 6. */
export interface BarePacket {
  /** Which one (BEP 3; `haveAll` and `haveNone` BEP 6). */
  readonly kind: 'keepAlive' | 'choke' | 'unchoke' | 'interested' | 'notInterested' | 'haveAll' | 'haveNone'
}

/** A message that names a piece: HAVE (BEP 3), SUGGEST and ALLOWED FAST (BEP 6). */
export interface PieceIndexPacket {
  /** Which one (BEP 3; `suggest` and `allowedFast` BEP 6). */
  readonly kind: 'have' | 'suggest' | 'allowedFast'
  /** 0 to 2^32 − 1. */
  readonly piece: number
}

/** The pieces that the sender has (BEP 3). */
export interface BitfieldPacket {
  readonly kind: 'bitfield'
  /** The first piece is the highest bit of the first byte. Length and spare bits are the caller's to check. */
  readonly bits: Uint8Array
}

/** A message that names a block: REQUEST and CANCEL (BEP 3), REJECT (BEP 6). */
export interface BlockPacket {
  /** Which one (BEP 3; `reject` BEP 6). */
  readonly kind: 'request' | 'cancel' | 'reject'
  /** 0 to 2^32 − 1. */
  readonly piece: number
  /** Offset inside the piece in bytes. */
  readonly begin: number
  /** Bytes. */
  readonly length: number
}

/** A block (BEP 3). */
export interface PiecePacket {
  readonly kind: 'piece'
  /** 0 to 2^32 − 1. */
  readonly piece: number
  /** Offset inside the piece in bytes. */
  readonly begin: number
  /** The bytes, at least one. */
  readonly data: Uint8Array
}

/** The UDP port of the sender's DHT node (BEP 5). */
export interface PortPacket {
  readonly kind: 'port'
  /** 0 to 65,535. */
  readonly port: number
}

/** The envelope of the extension protocol (BEP 10); see {@link ExtensionRegistry} for what is inside. */
export interface ExtendedPacket {
  readonly kind: 'extended'
  /** 0 for the extended handshake, else a number of the receiver's, up to 255. */
  readonly id: number
  /** The rest. */
  readonly payload: Uint8Array
}

/** Nodes of a file's Merkle tree, asked for or refused (BEP 52). */
export interface HashRangePacket {
  /** Asked for, or refused (BEP 52). */
  readonly kind: 'hashRequest' | 'hashReject'
  /** The root of the file's tree, 32 bytes. */
  readonly root: Uint8Array
  /** The layer: 0 for the leaves. */
  readonly base: number
  /** The first node, a multiple of `length`. */
  readonly index: number
  /** Nodes: a power of two, at least 2. */
  readonly length: number
  /** Layers above `base` for which uncles are wanted. */
  readonly proof: number
}

/** Nodes of a file's Merkle tree (BEP 52). */
export interface HashesPacket {
  readonly kind: 'hashes'
  /** The root of the file's tree, 32 bytes. */
  readonly root: Uint8Array
  /** The layer: 0 for the leaves. */
  readonly base: number
  /** The first node. */
  readonly index: number
  /** Nodes of the layer. */
  readonly length: number
  /** Layers above `base` for which uncles were wanted. */
  readonly proof: number
  /** 32 bytes for each node, then for each uncle from the lowest up. */
  readonly hashes: Uint8Array
}

/** A message of a type that is not known. Its payload was skipped; it cannot be built. */
export interface UnknownPacket {
  readonly kind: 'unknown'
  /** The message's id. */
  readonly id: number
  /** Bytes of payload. */
  readonly length: number
}

/** A packet that can be built. */
export type WirePacket =
  | HandshakePacket
  | BarePacket
  | PieceIndexPacket
  | BitfieldPacket
  | BlockPacket
  | PiecePacket
  | PortPacket
  | ExtendedPacket
  | HashRangePacket
  | HashesPacket

const piece = { numbers: [['piece', U32]] } as const
const block = {
  numbers: [
    ['piece', U32],
    ['begin', U32],
    ['length', U32],
  ],
} as const
const range = [
  ['base', U32],
  ['index', U32],
  ['length', U32],
  ['proof', U32],
] as const

const BUILT: Readonly<Record<WirePacket['kind'], Shape>> = {
  handshake: {
    bytes: [
      ['reserved', 8],
      ['infoHash', 20],
      ['peerId', 20],
    ],
  },
  keepAlive: {},
  choke: {},
  unchoke: {},
  interested: {},
  notInterested: {},
  have: piece,
  bitfield: { bytes: [['bits', null]] },
  request: block,
  piece: {
    numbers: [
      ['piece', U32],
      ['begin', U32],
    ],
    bytes: [['data', null]],
  },
  cancel: block,
  port: { numbers: [['port', U16]] },
  suggest: piece,
  haveAll: {},
  haveNone: {},
  reject: block,
  allowedFast: piece,
  extended: { numbers: [['id', U8]], bytes: [['payload', null]] },
  hashRequest: { numbers: range, bytes: [['root', 32]] },
  hashes: {
    numbers: range,
    bytes: [
      ['root', 32],
      ['hashes', null],
    ],
  },
  hashReject: { numbers: range, bytes: [['root', 32]] },
}

const READ: Readonly<Record<string, Shape>> = {
  ...BUILT,
  unknown: {
    numbers: [
      ['id', U8],
      ['length', U32],
    ],
  },
}

/**
 * The bytes of a packet, length prefix included.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`.
 */
export function buildPacket(packet: WirePacket): Uint8Array<ArrayBuffer> {
  const { kind, numbers, bytes } = flatten('buildPacket', packet, BUILT)
  if (packet.kind === 'hashes' && packet.hashes.length % 32 !== 0) {
    throw expected('hashes', 'whole hashes of 32 bytes', `${packet.hashes.length} bytes`)
  }
  if (kind === 'piece' && bytes.length === 0) throw expected('data', 'at least one byte', 'none')
  return call(() => addon().buildPacket(kind, [...numbers], bytes))
}

/** What a {@link PacketReader} accepts. Each limit counts the bytes of a message behind its length prefix. */
export interface PacketReaderOptions {
  /** Whether the stream starts with a handshake. @default true */
  readonly handshake?: boolean
  /** A block, hashes, or a message of unknown type. @default 131085 (the setting `maxMessageBytes`) */
  readonly maxMessageBytes?: number
  /** A bitfield. @default 262145 (the setting `maxBitfieldBeforeMetadata`) */
  readonly maxBitfieldBytes?: number
  /** An extended handshake. @default 65536 (the setting `maxExtendedHandshakeBytes`) */
  readonly maxExtendedHandshakeBytes?: number
  /** Another extended message. @default 17408 (the setting `maxExtendedMessageBytes`) */
  readonly maxExtendedMessageBytes?: number
}

const LIMITS = [
  ['maxMessageBytes', SETTINGS.maxMessageBytes],
  ['maxBitfieldBytes', SETTINGS.maxBitfieldBeforeMetadata],
  ['maxExtendedHandshakeBytes', SETTINGS.maxExtendedHandshakeBytes],
  ['maxExtendedMessageBytes', SETTINGS.maxExtendedMessageBytes],
] as const

/** Most packets are short: so much is looked at first, and more only when a packet is longer. */
const FIRST_LOOK = 512
const NEXT_LOOK = 64 * 1024

/**
 * Reads one direction of a connection that may be cut anywhere. A length is judged as soon as it is known, before anything of
 * the payload is kept. Call {@link push} with what came until nothing is left of it.
 */
export class PacketReader {
  readonly #reader: Native.PacketReader

  /** Makes a reader. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_ADDON_LOAD`. */
  constructor(options: PacketReaderOptions = {}) {
    const read = readOptions(options, ['handshake', ...LIMITS.map(([name]) => name)], 'PacketReader')
    const handshake = read.handshake === undefined ? true : flag('handshake', read.handshake)
    const [message = 0, bitfield = 0, shake = 0, extended = 0] = LIMITS.map(([name, { default: usual, max }]) =>
      read[name] === undefined ? usual : integer(name, read[name], 1, max),
    )
    this.#reader = call(() => new (addon().PacketReader)(handshake, message, bitfield, shake, extended))
  }

  /** Bytes kept of a packet that is not whole. */
  get buffered(): number {
    return call(() => this.#reader.buffered)
  }

  /**
   * Takes the bytes of at most one packet: how many, and the packet when it is whole. Push the rest again.
   *
   * Errors: `ERR_PEER_HANDSHAKE`, `ERR_PEER_PROTOCOL`, `ERR_PEER_MSG_TOO_LARGE`; the same one ever after, because the stream
   * has no meaning any more.
   */
  push(chunk: Uint8Array): { readonly used: number; readonly packet: WirePacket | UnknownPacket | null } {
    anyBytes('chunk', chunk)
    let used = 0
    for (let look = FIRST_LOOK; ; look = NEXT_LOOK) {
      const part = chunk.subarray(used, used + look)
      const read = call(() => this.#reader.read(part))
      used += read.used
      if (read.packet !== null) return { used, packet: unflatten(read.packet, READ) as unknown as WirePacket }
      if (used >= chunk.length) return { used, packet: null }
    }
  }
}

/**
 * Reads exactly one packet.
 *
 * Errors: as {@link PacketReader.push}, and `ERR_PEER_PROTOCOL` for bytes that are missing or too many.
 */
export function parsePacket(bytes: Uint8Array, options: PacketReaderOptions = {}): WirePacket | UnknownPacket {
  const { used, packet } = new PacketReader({ handshake: false, ...options }).push(bytes)
  if (packet === null) throw new TorrentError('ERR_PEER_PROTOCOL', `A packet has more than ${bytes.length} bytes`)
  if (used < bytes.length) throw new TorrentError('ERR_PEER_PROTOCOL', `${bytes.length - used} bytes behind a packet`)
  return packet
}

/** What the reserved bytes of a handshake say. */
export interface ReservedBits {
  /** Speaks the extension protocol (BEP 10). */
  readonly extended: boolean
  /** Runs a DHT node and takes PORT (BEP 5). */
  readonly dht: boolean
  /** Speaks the fast extension (BEP 6). */
  readonly fast: boolean
  /** Would upgrade the connection of a hybrid torrent to v2 (BEP 52). */
  readonly v2: boolean
}

const BITS = { extended: [5, 0x10], dht: [7, 0x01], fast: [7, 0x04], v2: [7, 0x10] } as const

/** The reserved bytes of a handshake. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`. */
export function buildReserved(bits: Partial<ReservedBits> = {}): Uint8Array<ArrayBuffer> {
  const read = readOptions(bits, Object.keys(BITS), 'buildReserved')
  const bytes = new Uint8Array(8)
  for (const [name, [at, mask]] of Object.entries(BITS)) {
    if (read[name] !== undefined && flag(name, read[name])) bytes[at] = (bytes[at] ?? 0) | mask
  }
  return bytes
}

/** What the reserved bytes of a handshake say; unknown bits are ignored. Errors: `ERR_INVALID_OPTION`. */
export function parseReserved(reserved: Uint8Array): ReservedBits {
  const bytes = sized('reserved', reserved, 8)
  const has = ([at, mask]: readonly [number, number]) => ((bytes[at] ?? 0) & mask) !== 0
  return { extended: has(BITS.extended), dht: has(BITS.dht), fast: has(BITS.fast), v2: has(BITS.v2) }
}
