/** A connected peer, as it was when `torrent.peers()` was called. */
export interface Peer {
  /** `ip:port`. */
  readonly address: string
  /** The name its client gives itself; empty when it gives none. It is the peer's word. */
  readonly client: string
  /** Its peer id, 20 bytes. */
  readonly id: Uint8Array
  /** We dialled it. */
  readonly outgoing: boolean
  /** We choke it. */
  readonly choking: boolean
  /** It chokes us. */
  readonly choked: boolean
  /** We want something from it. */
  readonly interested: boolean
  /** It wants something from us. */
  readonly wanted: boolean
  /** It did not answer in time. */
  readonly snubbed: boolean
  /** Pieces it has. */
  readonly pieces: number
  /** Payload received, bytes. */
  readonly downloaded: number
  /** Payload sent, bytes. */
  readonly uploaded: number
  /** Bytes per second. */
  readonly downloadRate: number
  /** Bytes per second. */
  readonly uploadRate: number
  /** Requests of ours that are open. */
  readonly requests: number
}
