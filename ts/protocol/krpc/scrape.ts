import { createHash } from 'node:crypto'
import { ipBytes } from '../../util/address.ts'
import { anyBytes, sized } from '../../util/bytes.ts'

const BYTES = 256
const BITS = 8 * BYTES

/**
 * A set of IP addresses in 256 bytes that says about how many they are (BEP 33): what `get_peers` with `scrape` is answered
 * with. Up to about 6,000 addresses the estimate is good.
 */
export class ScrapeFilter {
  readonly #bits: Uint8Array<ArrayBuffer>

  /** An empty filter, or one of 256 bytes, which are copied. Errors: `ERR_INVALID_OPTION`. */
  constructor(bytes?: Uint8Array) {
    this.#bits = bytes === undefined ? new Uint8Array(BYTES) : Uint8Array.from(sized('bytes', bytes, BYTES))
  }

  /** Adds an address, as text or its 4 or 16 bytes. Errors: `ERR_INVALID_OPTION`. */
  add(ip: string | Uint8Array): void {
    for (const bit of bitsOf(ip)) this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7))
  }

  /** Whether an address may be in it; false is certain. Errors: `ERR_INVALID_OPTION`. */
  has(ip: string | Uint8Array): boolean {
    return bitsOf(ip).every((bit) => ((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0)
  }

  /** Adds all addresses of another one. */
  merge(other: ScrapeFilter): void {
    for (let at = 0; at < BYTES; at++) this.#bits[at] = (this.#bits[at] ?? 0) | (other.#bits[at] ?? 0)
  }

  /** About how many addresses are in it. */
  get size(): number {
    let zeros = 0
    for (const byte of this.#bits) for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) === 0) zeros++
    if (zeros === BITS) return 0
    // A full one would be infinite.
    return Math.log(Math.max(1, zeros) / BITS) / (2 * Math.log(1 - 1 / BITS))
  }

  /** The 256 bytes, copied. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bits.slice()
  }
}

function bitsOf(ip: string | Uint8Array): number[] {
  const bytes = typeof ip === 'string' ? ipBytes('ip', ip) : sized('ip', anyBytes('ip', ip), 4, 16)
  const hash = createHash('sha1').update(bytes).digest()
  return [hash.readUInt16LE(0) % BITS, hash.readUInt16LE(2) % BITS]
}
