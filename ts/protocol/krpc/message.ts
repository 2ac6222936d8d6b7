import { TorrentError } from '../../errors.ts'

/** A family of nodes: IPv4 or IPv6 (BEP 32). */
export type KrpcWant = 'n4' | 'n6'

/** What every message of the DHT has (BEP 5). Bytes are views of the datagram that was parsed. */
export interface KrpcEnvelope {
  /** The query's own id, which the answer repeats; any length, usually 2 bytes. */
  readonly transaction: Uint8Array
  /** The program: two letters and two bytes of version. */
  readonly version?: Uint8Array
}

/** What every query has. */
export interface KrpcQueryBase extends KrpcEnvelope {
  readonly kind: 'query'
  /** The node that asks, 20 bytes. */
  readonly id: Uint8Array
  /** The node answers no queries and must not be put into a routing table (BEP 43). */
  readonly readOnly?: boolean
}

/** Is the node there? (BEP 5) */
export interface PingQuery extends KrpcQueryBase {
  readonly method: 'ping'
}

/** Which nodes are near an id? (BEP 5) */
export interface FindNodeQuery extends KrpcQueryBase {
  readonly method: 'find_node'
  /** 20 bytes. */
  readonly target: Uint8Array
  /** Families of nodes wanted; that of the datagram when absent (BEP 32). */
  readonly want?: readonly KrpcWant[]
}

/** Which peers has a torrent? (BEP 5) */
export interface GetPeersQuery extends KrpcQueryBase {
  readonly method: 'get_peers'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Families of nodes wanted (BEP 32). */
  readonly want?: readonly KrpcWant[]
  /** Rather no seeds (BEP 33). */
  readonly noSeed?: boolean
  /** With filters that count seeds and peers (BEP 33). */
  readonly scrape?: boolean
}

/** A peer has a torrent (BEP 5). */
export interface AnnouncePeerQuery extends KrpcQueryBase {
  readonly method: 'announce_peer'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 0 to 65,535; 0 only with `impliedPort`. */
  readonly port: number
  /** What `get_peers` was answered with. */
  readonly token: Uint8Array
  /** The port is that of the datagram. */
  readonly impliedPort?: boolean
  /** The peer is a seed (BEP 33). */
  readonly seed?: boolean
  /** The torrent's name, as libtorrent sends it. */
  readonly name?: Uint8Array
}

/** What is stored at a target? (BEP 44) */
export interface GetQuery extends KrpcQueryBase {
  readonly method: 'get'
  /** 20 bytes. */
  readonly target: Uint8Array
  /** Only if it is newer than this. */
  readonly seq?: number | bigint
  /** Families of nodes wanted (BEP 32). */
  readonly want?: readonly KrpcWant[]
}

/** A mutable item's key and signature (BEP 44). */
export interface KrpcSigned {
  /** Ed25519 public key, 32 bytes. */
  readonly key: Uint8Array
  /** 0 to 2^63 − 1. */
  readonly seq: number | bigint
  /** 64 bytes. */
  readonly signature: Uint8Array
}

/** Store a value (BEP 44): immutable without `signed`. */
export interface PutQuery extends KrpcQueryBase {
  readonly method: 'put'
  /** What `get` was answered with. */
  readonly token: Uint8Array
  /** The value in its bencoded form, at most 1,000 bytes. */
  readonly value: Uint8Array
  /** The signature of a mutable item (BEP 44); absent for an immutable one. */
  readonly signed?: KrpcSigned
  /** At most 64 bytes; mutable items only. */
  readonly salt?: Uint8Array
  /** Store it only if this is the sequence number of what is there; mutable items only. */
  readonly cas?: number | bigint
}

/** Some info-hashes that a node stores (BEP 51). */
export interface SampleInfohashesQuery extends KrpcQueryBase {
  readonly method: 'sample_infohashes'
  /** 20 bytes: which nodes come with the answer. */
  readonly target: Uint8Array
  /** Families of nodes wanted (BEP 32). */
  readonly want?: readonly KrpcWant[]
}

/**
 * A query of a method that is not known here. With a target it is answered like `find_node`, so that nodes of tomorrow find
 * their way; else with error 204.
 */
export interface OtherQuery extends KrpcQueryBase {
  readonly method: 'other'
  /** The method, a character for each byte. */
  readonly name: string
  /** `target` or `info_hash`, 20 bytes. */
  readonly target?: Uint8Array
  /** Families of nodes wanted (BEP 32). */
  readonly want?: readonly KrpcWant[]
}

/** A query. */
export type KrpcQuery =
  | PingQuery
  | FindNodeQuery
  | GetPeersQuery
  | AnnouncePeerQuery
  | GetQuery
  | PutQuery
  | SampleInfohashesQuery
  | OtherQuery

/** An answer. Which fields are there depends on the query, which the answer does not name. */
export interface KrpcReply extends KrpcEnvelope {
  readonly kind: 'reply'
  /** The node that answers, 20 bytes. */
  readonly id: Uint8Array
  /** The address of who asked, as the answering node sees it: 6 or 18 bytes (BEP 42). */
  readonly ip?: Uint8Array
  /** The port of who asked, as libtorrent adds it. */
  readonly port?: number
  /** IPv4 nodes, 26 bytes each: see `expandNodes` of `bitlode/util`. */
  readonly nodes?: Uint8Array
  /** IPv6 nodes, 38 bytes each (BEP 32). */
  readonly nodes6?: Uint8Array
  /** To be sent with an announce or a put. */
  readonly token?: Uint8Array
  /** Peers, 6 or 18 bytes each: see `expandEndpoint` of `bitlode/util`. */
  readonly values?: readonly Uint8Array[]
  /** Filter of the seeds, 256 bytes (BEP 33). */
  readonly seedFilter?: Uint8Array
  /** Filter of the peers that are no seeds, 256 bytes (BEP 33). */
  readonly peerFilter?: Uint8Array
  /** A stored value in its bencoded form (BEP 44). */
  readonly value?: Uint8Array
  /** The key of a mutable item, 32 bytes. */
  readonly key?: Uint8Array
  /** Its sequence number. */
  readonly seq?: number | bigint
  /** Its signature, 64 bytes. */
  readonly signature?: Uint8Array
  /** Info-hashes, 20 bytes each (BEP 51). */
  readonly samples?: Uint8Array
  /** Seconds until there are other samples, 0 to 21,600. */
  readonly interval?: number
  /** How many info-hashes the node stores. */
  readonly num?: number
  /**
   * Fields that a parsed answer has in a form that they must not have, by their name in the message. A list keeps its whole
   * entries; everything else is left out. Building ignores it.
   */
  readonly flaws?: readonly string[]
}

/** An error (BEP 5). */
export interface KrpcFault extends KrpcEnvelope {
  readonly kind: 'error'
  /** One of {@link KRPC_ERRORS}, or another. */
  readonly code: number
  /** For a person. */
  readonly message: string
  /** The address of who asked, 6 or 18 bytes (BEP 42). */
  readonly ip?: Uint8Array
}

/** A message of the DHT. */
export type KrpcMessage = KrpcQuery | KrpcReply | KrpcFault

/** Codes of errors: 201 to 204 of BEP 5, the others of BEP 44. */
export const KRPC_ERRORS = {
  generic: 201,
  server: 202,
  /** A malformed message, invalid arguments, or a bad token. */
  protocol: 203,
  unknownMethod: 204,
  valueTooBig: 205,
  badSignature: 206,
  saltTooBig: 207,
  casMismatch: 301,
  seqTooLow: 302,
} as const

/** Bytes of a value that every node stores (BEP 44). */
export const MAX_VALUE = 1000
/** Bytes of a salt (BEP 44). */
export const MAX_SALT = 64

/** A datagram that is no valid message. */
export class KrpcError extends TorrentError {
  /** What to answer, when it was a query whose transaction could be read; null: nothing, who lies about one thing lies about all. */
  readonly reply: KrpcFault | null

  /** Makes an error. */
  constructor(message: string, reply: KrpcFault | null = null, options?: ErrorOptions) {
    super('ERR_KRPC_INVALID', message, options)
    this.name = 'KrpcError'
    this.reply = reply
  }
}
