import { randomBytes } from 'node:crypto'
import { ipBytes, isLocalIp, unmapIp } from './address.ts'
import { sized } from './bytes.ts'
import { crc32c } from './crc32c.ts'

const MASK4 = [0x03, 0x0f, 0x3f, 0xff]
const MASK6 = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff]

/**
 * A DHT node id that fits an external IP address (BEP 42): its first 21 bits come from the address and from three bits of the
 * last byte; all else from `random`, 20 bytes.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function makeNodeId(ip: string, random: Uint8Array = randomBytes(20)): Uint8Array<ArrayBuffer> {
  const id = Uint8Array.from(sized('random', random, 20))
  const crc = hashOf(ipBytes('ip', ip), id[19] ?? 0)
  id[0] = crc >>> 24
  id[1] = (crc >>> 16) & 0xff
  id[2] = ((crc >>> 8) & 0xf8) | ((id[2] ?? 0) & 0x07)
  return id
}

/**
 * Whether a node at that address may have that id (BEP 42). Addresses that are not global are exempt: any id fits.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function fitsNodeId(id: Uint8Array, ip: string): boolean {
  const [a = 0, b = 0, c = 0] = sized('id', id, 20)
  const address = ipBytes('ip', ip)
  if (isLocalIp(address)) return true
  const crc = hashOf(address, id[19] ?? 0)
  return a === crc >>> 24 && b === ((crc >>> 16) & 0xff) && (c & 0xf8) === ((crc >>> 8) & 0xf8)
}

function hashOf(ip: Uint8Array, last: number): number {
  const address = unmapIp(ip)
  const masked = Uint8Array.from(address.length === 4 ? MASK4 : MASK6, (mask, at) => mask & (address[at] ?? 0))
  masked[0] = (masked[0] ?? 0) | ((last & 7) << 5)
  return crc32c(masked)
}
