import { expected, integer } from '../check.ts'
import { TorrentError } from '../errors.ts'
import { type Endpoint, formatEndpoint, formatIp, ipBytes, parseEndpoint } from './address.ts'
import { anyBytes, plainBytes, sized } from './bytes.ts'

/** A node of the DHT. */
export interface NodeInfo extends Endpoint {
  /** 20 bytes. */
  readonly id: Uint8Array
}

/** The family of an address. */
export type IpFamily = 4 | 6

/** Bytes of a compact peer: 6 (BEP 23) or 18 (BEP 7). */
export const PEER_BYTES = { 4: 6, 6: 18 } as const

/** Bytes of a compact node: 26 (BEP 5) or 38 (BEP 32). */
export const NODE_BYTES = { 4: 26, 6: 38 } as const

const ID = 20

/**
 * The 6 or 18 bytes of an address: the IP address and the port, both in network order.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function compactEndpoint(endpoint: Endpoint | string): Uint8Array<ArrayBuffer> {
  const { ip, port } = endpointOf(endpoint)
  const address = ipBytes('ip', ip)
  const bytes = new Uint8Array(address.length + 2)
  bytes.set(address)
  bytes[address.length] = port >> 8
  bytes[address.length + 1] = port & 0xff
  return bytes
}

/**
 * The address in 6 or 18 bytes.
 *
 * Errors: `ERR_COMPACT_INVALID`.
 */
export function expandEndpoint(bytes: Uint8Array): Endpoint {
  anyBytes('bytes', bytes)
  const at = bytes.length - 2
  const ip = formatIp(bytes.subarray(0, Math.max(0, at)))
  if (ip === undefined) throw new TorrentError('ERR_COMPACT_INVALID', `${bytes.length} bytes are no compact address`)
  return { ip, port: ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0) }
}

/**
 * Packs peers, given as `ip:port` or in parts, into a list of 6 bytes (BEP 23) or 18 bytes each (BEP 7). The order is kept;
 * each is there once.
 *
 * Errors: `ERR_INVALID_OPTION` for what is no address and port, or of the other family.
 */
export function compactPeers(peers: Iterable<Endpoint | string>, family: IpFamily = 4): Uint8Array<ArrayBuffer> {
  return pack(peers, PEER_BYTES[familyOf(family)], compactEndpoint)
}

/**
 * The peers of a compact list, in its order.
 *
 * Errors: `ERR_COMPACT_INVALID` when the list does not hold whole peers.
 */
export function expandPeers(bytes: Uint8Array, family: IpFamily = 4): Endpoint[] {
  return unpack(bytes, PEER_BYTES[familyOf(family)], expandEndpoint)
}

/**
 * Packs nodes of the DHT into a list of 26 bytes (BEP 5) or 38 bytes each (BEP 32). The order is kept; each is there once.
 *
 * Errors: `ERR_INVALID_OPTION` for an id that has not 20 bytes, what is no address and port, or of the other family.
 */
export function compactNodes(nodes: Iterable<NodeInfo>, family: IpFamily = 4): Uint8Array<ArrayBuffer> {
  return pack(nodes, NODE_BYTES[familyOf(family)], (node) => {
    const address = compactEndpoint(node)
    const bytes = new Uint8Array(ID + address.length)
    bytes.set(sized('id', node.id, ID))
    bytes.set(address, ID)
    return bytes
  })
}

/**
 * The nodes of a compact list, in its order. Their ids are views of the list.
 *
 * Errors: `ERR_COMPACT_INVALID` when the list does not hold whole nodes.
 */
export function expandNodes(bytes: Uint8Array, family: IpFamily = 4): NodeInfo[] {
  return unpack(bytes, NODE_BYTES[familyOf(family)], (node) => ({
    id: node.subarray(0, ID),
    ...expandEndpoint(node.subarray(ID)),
  }))
}

function pack<T>(list: Iterable<T>, length: number, one: (item: T) => Uint8Array): Uint8Array<ArrayBuffer> {
  if (typeof list !== 'object' || list === null || !(Symbol.iterator in list)) throw expected('list', 'a list', list)
  const seen = new Map<string, Uint8Array>()
  for (const item of list) {
    const bytes = one(item)
    if (bytes.length !== length) throw expected('ip', `an address of ${length} compact bytes`, `${bytes.length} bytes`)
    const key = bytes.join()
    if (!seen.has(key)) seen.set(key, bytes)
  }
  const out = new Uint8Array(length * seen.size)
  let at = 0
  for (const bytes of seen.values()) {
    out.set(bytes, at)
    at += length
  }
  return out
}

function unpack<T>(bytes: Uint8Array, length: number, one: (bytes: Uint8Array) => T): T[] {
  if (anyBytes('bytes', bytes).length % length !== 0) {
    throw new TorrentError('ERR_COMPACT_INVALID', `${bytes.length} bytes are not entries of ${length} bytes`)
  }
  const list: T[] = []
  for (let at = 0; at < bytes.length; at += length) list.push(one(plainBytes(bytes).subarray(at, at + length)))
  return list
}

function endpointOf(endpoint: Endpoint | string): Endpoint {
  if (typeof endpoint === 'string') {
    const parsed = parseEndpoint(endpoint)
    if (parsed === undefined) throw expected('peer', '`ip:port`', endpoint)
    return parsed
  }
  if (typeof endpoint !== 'object' || endpoint === null) throw expected('peer', 'an address and a port', endpoint)
  return { ip: endpoint.ip, port: integer('port', endpoint.port, 0, 65_535) }
}

/** A family of addresses. Errors: `ERR_INVALID_OPTION`. */
export function familyOf(family: unknown): IpFamily {
  if (family !== 4 && family !== 6) throw expected('family', '4 or 6', family)
  return family
}

/** `ip:port` of every peer of a compact list; see {@link expandPeers}. */
export function listPeers(bytes: Uint8Array, family: IpFamily = 4): string[] {
  return expandPeers(bytes, family).map(formatEndpoint)
}
