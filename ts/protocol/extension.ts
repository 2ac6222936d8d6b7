import { expected, flag, integer, oneOf, readOptions } from '../check.ts'
import { TorrentError } from '../errors.ts'
import type * as Native from '../native/addon.d.ts'
import { call } from '../native/call.ts'
import { addon } from '../native/load.ts'
import { type Endpoint, formatIp, ipBytes, unmapIp } from '../util/address.ts'
import { anyBytes } from '../util/bytes.ts'
import { type Flat, flatten, join, type Shape, U8, U16, U32, unflatten } from './flat.ts'
import type { ExtendedPacket } from './wire.ts'

/** The extended handshake (BEP 10): what a peer supports and says of itself. */
export interface ExtendedHandshake {
  /** The sender's numbers, 0 to 255, by the names of the messages it takes; 0 disables. */
  readonly m: ReadonlyMap<string, number>
  /** The port it listens on, 1 to 65,535. */
  readonly p?: number
  /** Client name and version. */
  readonly v?: string
  /** The address it sees its peer at: a vote, not a fact. */
  readonly yourip?: string
  /** Its IPv4 address. Not checked for being public. */
  readonly ipv4?: string
  /** Its IPv6 address. Not checked for being public. */
  readonly ipv6?: string
  /** Requests it queues without dropping any, at least 1; at most 2,000 is believed (the setting `maxPeerQueue`). */
  readonly reqq?: number
  /** Bytes of the info dictionary (BEP 9), at least 1. */
  readonly metadataSize?: number
  /** It prefers encryption. */
  readonly e?: boolean
  /** It wants nothing (BEP 21). */
  readonly uploadOnly?: boolean
  /** Seconds since it last saw a complete copy, -1 for never (libtorrent). */
  readonly completeAgo?: number
}

/** A peer that the sender is connected to (BEP 11). */
export interface PexPeer extends Endpoint {
  /** Bits of {@link PEX_FLAGS}. */
  readonly flags: number
}

/** What a sender of PEX says of a peer (BEP 11). */
export const PEX_FLAGS = { encryption: 0x01, seed: 0x02, utp: 0x04, holepunch: 0x08, reachable: 0x10 } as const

/** Why a rendezvous failed, by its number (BEP 55). */
export const HOLEPUNCH_ERRORS = { noSuchPeer: 1, notConnected: 2, noSupport: 3, noSelf: 4 } as const

/** `ut_metadata` (BEP 9): a piece of 16 KiB of the info dictionary is asked for or refused. */
export interface MetadataPiece {
  /** `metadataReject`: the piece that was asked for is not to be had. */
  readonly kind: 'metadataRequest' | 'metadataReject'
  /** 0 to 2^32 − 1. */
  readonly piece: number
}

/** `ut_metadata` (BEP 9): a piece of the info dictionary. */
export interface MetadataData {
  readonly kind: 'metadataData'
  /** 0 to 2^32 − 1. */
  readonly piece: number
  /** Bytes of the whole info dictionary. */
  readonly totalSize: number
  /** 16 KiB; the last piece has the rest. Not checked. */
  readonly data: Uint8Array
}

/** `ut_metadata`: a message of a type that is not known, to be ignored (BEP 9). It cannot be built. */
export interface MetadataUnknown {
  readonly kind: 'metadataUnknown'
}

/** `ut_pex` (BEP 11): what changed since the last message. IPv4 comes first in both lists. */
export interface PexMessage {
  readonly kind: 'pex'
  /** Peers it connected to. */
  readonly added: readonly PexPeer[]
  /** Peers it is no longer connected to. */
  readonly dropped: readonly Endpoint[]
}

/** `ut_holepunch` (BEP 55): to a relay, to have this peer called; or from it, to call this peer now. */
export interface HolepunchCall extends Endpoint {
  /** `rendezvous`: please put me through to that peer. `connect`: that peer wants you to connect at once. */
  readonly kind: 'rendezvous' | 'connect'
}

/** `ut_holepunch` (BEP 55): from a relay, that there will be no call. */
export interface HolepunchError extends Endpoint {
  readonly kind: 'holepunchError'
  /** One of {@link HOLEPUNCH_ERRORS}, or another number. */
  readonly error: number
}

/** `lt_donthave` (BEP 54): the sender no longer has a piece. */
export interface DontHave {
  readonly kind: 'dontHave'
  /** 0 to 2^32 − 1. */
  readonly piece: number
}

/** `upload_only` (BEP 21 as it is deployed). */
export interface UploadOnly {
  readonly kind: 'uploadOnly'
  /** Whether the sender will request nothing more. */
  readonly uploadOnly: boolean
}

/** A message of an extension of the application's own. */
export interface CustomExtension {
  readonly kind: 'custom'
  /** The name it has in `m`. */
  readonly name: string
  /** The whole payload. */
  readonly payload: Uint8Array
}

/** A message of an extension that can be built. */
export type ExtensionMessage =
  | MetadataPiece
  | MetadataData
  | PexMessage
  | HolepunchCall
  | HolepunchError
  | DontHave
  | UploadOnly
  | CustomExtension

const piece = { numbers: [['piece', U32]] } as const

/** Messages whose fields cross as they are. */
const PLAIN: Readonly<Record<string, Shape>> = {
  metadataRequest: piece,
  metadataData: {
    numbers: [
      ['piece', U32],
      ['totalSize', U32],
    ],
    bytes: [['data', null]],
  },
  metadataReject: piece,
  metadataUnknown: {},
  dontHave: piece,
}

const NAMES = {
  metadataRequest: 'ut_metadata',
  metadataData: 'ut_metadata',
  metadataReject: 'ut_metadata',
  pex: 'ut_pex',
  rendezvous: 'ut_holepunch',
  connect: 'ut_holepunch',
  holepunchError: 'ut_holepunch',
  dontHave: 'lt_donthave',
  uploadOnly: 'upload_only',
} as const

/** The names of extensions whose messages have a type, as they stand in `m`. */
export const EXTENSION_NAMES: readonly string[] = [...new Set(Object.values(NAMES))]

/**
 * The payload of an extended handshake: what stands behind extended id 0.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`.
 */
export function buildExtendedHandshake(handshake: ExtendedHandshake): Uint8Array<ArrayBuffer> {
  const read = readOptions(
    handshake,
    ['m', 'p', 'v', 'yourip', 'ipv4', 'ipv6', 'reqq', 'metadataSize', 'e', 'uploadOnly', 'completeAgo'],
    'buildExtendedHandshake',
  )
  const number = (name: string, min: number, max: number) =>
    read[name] === undefined ? null : integer(name, read[name], min, max)
  const truth = (name: string) => (read[name] === undefined ? null : flag(name, read[name]))
  const ip = (name: string, ...lengths: number[]) => {
    if (read[name] === undefined) return null
    const bytes = ipBytes(name, read[name])
    if (!lengths.includes(bytes.length)) throw expected(name, `an address of ${lengths.join(' or ')} bytes`, read[name])
    return formatIp(bytes) ?? null
  }
  if (read.v !== undefined && typeof read.v !== 'string') throw expected('v', 'text', read.v)
  const m = entries('m', read.m)
  const parts = {
    names: m.map(([name]) => name),
    ids: m.map(([, id]) => id),
    p: number('p', 1, U16),
    v: read.v ?? null,
    yourip: ip('yourip', 4, 16),
    ipv4: ip('ipv4', 4),
    ipv6: ip('ipv6', 16),
    reqq: number('reqq', 1, U32),
    metadataSize: number('metadataSize', 1, U32),
    e: truth('e'),
    uploadOnly: truth('uploadOnly'),
    completeAgo: number('completeAgo', -1, Number.MAX_SAFE_INTEGER),
  }
  return call(() => addon().buildExtendedHandshake(parts))
}

/**
 * Reads the payload of an extended handshake. A key of a wrong type, length or range counts as absent, because peers disagree
 * about all of them; keys may come in any order.
 *
 * Errors: `ERR_BENCODE_INVALID`, `ERR_BENCODE_DEPTH`, `ERR_BENCODE_TOKENS`, `ERR_PEER_PROTOCOL` for what is no dictionary.
 */
export function parseExtendedHandshake(payload: Uint8Array): ExtendedHandshake {
  anyBytes('payload', payload)
  const { names, ids, ...rest } = call(() => addon().parseExtendedHandshake(payload))
  const present = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined)
  return { m: new Map(names.map((name, at) => [name, ids[at] ?? 0])), ...Object.fromEntries(present) }
}

/**
 * The name and the payload of an extension's message.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`.
 */
export function buildExtension(message: ExtensionMessage): {
  readonly name: string
  readonly payload: Uint8Array<ArrayBuffer>
} {
  if (typeof message !== 'object' || message === null) throw expected('the message', 'an object', message)
  const kind = oneOf('kind', message.kind, [...(Object.keys(NAMES) as (keyof typeof NAMES)[]), 'custom'])
  if (message.kind === 'custom' || kind === 'custom') {
    const { name, payload } = readOptions(message, ['kind', 'name', 'payload'], 'buildExtension')
    return { name: word(name), payload: Uint8Array.from(anyBytes('payload', payload)) }
  }
  const { numbers, bytes } = parts(message)
  return { name: NAMES[kind], payload: call(() => addon().buildExtension(kind, [...numbers], bytes)) }
}

/**
 * Reads the payload of the extension with this name; a name without a type gives {@link CustomExtension}.
 *
 * Errors: `ERR_PEER_PROTOCOL`, and those of bencoding.
 */
export function parseExtension(name: string, payload: Uint8Array): ExtensionMessage | MetadataUnknown {
  anyBytes('payload', payload)
  if (!EXTENSION_NAMES.includes(word(name))) return { kind: 'custom', name, payload }
  const flat = call(() => addon().parseExtension(name, payload))
  const { kind, numbers, bytes } = flat
  switch (kind) {
    case 'pex':
      return readPex(numbers, bytes)
    case 'rendezvous':
    case 'connect':
      return { kind, ...readEndpoint(bytes, 0).endpoint }
    case 'holepunchError':
      return { kind, ...readEndpoint(bytes, 0).endpoint, error: numbers[0] ?? 0 }
    case 'uploadOnly':
      return { kind, uploadOnly: numbers[0] !== 0 }
    default:
      return unflatten(flat, PLAIN) as unknown as MetadataData
  }
}

/**
 * The numbers of extension messages on one connection: ours, which we choose, and the other side's, which it tells in its
 * extended handshakes. An application registers names of its own beside those of {@link EXTENSION_NAMES}.
 */
export class ExtensionRegistry {
  readonly #native: Native.ExtensionRegistry
  readonly #ours = new Map<string, number>()

  /**
   * Makes a registry with our numbers, 1 to 255, by name.
   *
   * Errors: `ERR_INVALID_OPTION` for a number that is 0 or there twice, or an empty name; `ERR_ADDON_LOAD`.
   */
  constructor(ours: ReadonlyMap<string, number>) {
    const list = entries('ours', ours)
    this.#native = call(() => new (addon().ExtensionRegistry)())
    for (const [name, id] of list) this.register(name, id)
  }

  /** Registers another name. Errors: `ERR_INVALID_OPTION` for a name or number that is taken or not one. */
  register(name: string, id: number): void {
    const byte = integer('id', id, 1, U8)
    call(() => this.#native.register(word(name), byte))
    this.#ours.set(name, byte)
  }

  /** Our numbers by name, for `m` of our extended handshake. */
  get ours(): ReadonlyMap<string, number> {
    return new Map(this.#ours)
  }

  /** The other side's number for a name; null when it does not take such messages. */
  idOf(name: string): number | null {
    return call(() => this.#native.idOf(word(name)))
  }

  /** Learns from an extended handshake of the other side: it changes only what it names, 0 disables (BEP 10). */
  learn(handshake: ExtendedHandshake): void {
    const m = entries('m', handshake.m)
    call(() =>
      this.#native.learn(
        m.map(([name]) => name),
        m.map(([, id]) => id),
      ),
    )
  }

  /**
   * Reads an extended message; null for a number that we never announced, which is to be ignored. Number 0 is
   * {@link parseExtendedHandshake}'s.
   *
   * Errors: as {@link parseExtension}.
   */
  read(packet: ExtendedPacket): ExtensionMessage | MetadataUnknown | null {
    const id = integer('id', packet.id, 0, U8)
    const name = call(() => this.#native.nameOf(id))
    return name === null ? null : parseExtension(name, packet.payload)
  }

  /** The packet of a message; null when the other side does not take such messages. Errors: as {@link buildExtension}. */
  write(message: ExtensionMessage): ExtendedPacket | null {
    const { name, payload } = buildExtension(message)
    const id = this.idOf(name)
    return id === null ? null : { kind: 'extended', id, payload }
  }
}

/** The parts of a message that has a type. */
function parts(message: Exclude<ExtensionMessage, CustomExtension>): Flat {
  const { kind } = message
  switch (kind) {
    case 'pex': {
      const { added, dropped } = readOptions(message, ['kind', 'added', 'dropped'], 'buildExtension')
      if (!Array.isArray(added)) throw expected('added', 'a list', added)
      if (!Array.isArray(dropped)) throw expected('dropped', 'a list', dropped)
      const first = (added as PexPeer[]).flatMap((peer) => [
        Uint8Array.of(integer('flags', peer.flags, 0, U8)),
        endpointBytes(peer),
      ])
      const bytes = join([...first, ...(dropped as Endpoint[]).map(endpointBytes)])
      return { kind, numbers: [added.length, dropped.length], bytes }
    }
    case 'rendezvous':
    case 'connect':
      return { kind, numbers: [], bytes: endpointBytes(message) }
    case 'holepunchError':
      return { kind, numbers: [integer('error', message.error, 0, U32)], bytes: endpointBytes(message) }
    case 'uploadOnly':
      return { kind, numbers: [Number(flag('uploadOnly', message.uploadOnly))], bytes: new Uint8Array() }
    default:
      return flatten('buildExtension', message, PLAIN)
  }
}

/** Family, address and port, as an endpoint crosses. */
function endpointBytes({ ip, port }: Endpoint): Uint8Array {
  const address = unmapIp(ipBytes('ip', ip))
  const number = integer('port', port, 0, U16)
  return join([Uint8Array.of(address.length === 4 ? 4 : 6), address, Uint8Array.of(number >> 8, number & U8)])
}

function readEndpoint(bytes: Uint8Array, at: number): { endpoint: Endpoint; end: number } {
  const end = at + (bytes[at] === 4 ? 7 : 19)
  const ip = formatIp(bytes.subarray(at + 1, end - 2))
  if (ip === undefined) throw new TorrentError('ERR_INTERNAL', 'An address does not have its length')
  return { endpoint: { ip, port: ((bytes[end - 2] ?? 0) << 8) | (bytes[end - 1] ?? 0) }, end }
}

function readPex(counts: readonly number[], bytes: Uint8Array): PexMessage {
  const [adds = 0, drops = 0] = counts
  const added: PexPeer[] = []
  const dropped: Endpoint[] = []
  let at = 0
  while (added.length < adds) {
    const { endpoint, end } = readEndpoint(bytes, at + 1)
    added.push({ ...endpoint, flags: bytes[at] ?? 0 })
    at = end
  }
  while (dropped.length < drops) {
    const { endpoint, end } = readEndpoint(bytes, at)
    dropped.push(endpoint)
    at = end
  }
  return { kind: 'pex', added, dropped }
}

function entries(name: string, map: unknown): [string, number][] {
  if (!(map instanceof Map)) throw expected(name, 'a Map', map)
  return [...(map as Map<unknown, unknown>)].map(([key, id]) => [
    word(key),
    integer(`${name}.${String(key)}`, id, 0, U8),
  ])
}

function word(name: unknown): string {
  if (typeof name !== 'string' || name === '') throw expected('name', 'the name of an extension', name)
  return name
}
