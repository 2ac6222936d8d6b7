import { createHash } from 'node:crypto'
import { integer } from '../check.ts'
import { SETTINGS } from '../settings.ts'
import { ipBytes, unmapIp } from './address.ts'
import { sized } from './bytes.ts'

/** What the set depends on. */
export interface AllowedFastOptions {
  /** The peer that may request these pieces while choked, as we see it. BEP 6 has no rule for IPv6: the set is empty. */
  readonly ip: string
  /** 20 bytes: the hash of the handshake. */
  readonly infoHash: Uint8Array
  /** Pieces of the torrent. */
  readonly pieces: number
  /** Pieces wanted in the set; never more than the torrent has. @default 10 */
  readonly count?: number
}

/**
 * The pieces that a peer may request while it is choked (BEP 6), in the order in which they are found.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function allowedFastSet({ ip, infoHash, pieces, count = 10 }: AllowedFastOptions): number[] {
  const address = unmapIp(ipBytes('ip', ip))
  sized('infoHash', infoHash, 20)
  const total = integer('pieces', pieces, 1, SETTINGS.maxPieces.max)
  // Without this a torrent of fewer pieces would be searched for ever.
  const wanted = Math.min(integer('count', count, 0, SETTINGS.maxPieces.max), total)
  const set = new Set<number>()
  if (address.length !== 4) return []
  let x = Buffer.concat([address.with(3, 0), infoHash])
  while (set.size < wanted) {
    x = createHash('sha1').update(x).digest()
    for (let at = 0; at < 20 && set.size < wanted; at += 4) set.add(x.readUInt32BE(at) % total)
  }
  return [...set]
}
