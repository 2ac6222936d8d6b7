import { expected, integer } from '../check.ts'
import { type Endpoint, ipBytes, unmapIp } from './address.ts'
import { crc32c } from './crc32c.ts'

/**
 * The canonical priority of a connection between two peers (BEP 40), 0 to 2^32 − 1: the same at both ends, whichever is
 * named first. Connections of higher priority are kept when there are too many. `own` is our address as the other peer sees
 * it.
 *
 * Where the clients disagree – IPv6 addresses with the same first five bytes or more – it follows the text.
 *
 * Errors: `ERR_INVALID_OPTION` for what is no address, or two of different families.
 */
export function peerPriority(own: Endpoint, peer: Endpoint): number {
  const a = unmapIp(ipBytes('ip', own.ip))
  const b = unmapIp(ipBytes('ip', peer.ip))
  if (a.length !== b.length) throw expected('peer', `an IPv${a.length === 4 ? 4 : 6} address`, peer.ip)
  const order = Buffer.compare(a, b)
  if (order === 0) {
    const ports = [own.port, peer.port].map((port) => integer('port', port, 0, 65_535)).sort((x, y) => x - y)
    return crc32c(Uint8Array.from(ports.flatMap((port) => [port >> 8, port & 0xff])))
  }
  let same = 0
  while (a[same] === b[same]) same++
  // Whole bytes that count: those of a /16 (IPv4) or /48 (IPv6), and one more for each byte that is the same beyond it.
  const least = a.length === 4 ? 2 : 6
  const whole = same < least ? least : same + 1
  const masked = (ip: Uint8Array) => ip.map((byte, at) => (at < whole ? byte : byte & 0x55))
  return crc32c(Buffer.concat(order < 0 ? [masked(a), masked(b)] : [masked(b), masked(a)]))
}
