/** Which pieces are there: wire order, the highest bit of the first byte is piece 0. */
export class Bits {
  #bytes: Uint8Array

  constructor(pieces: number) {
    this.#bytes = new Uint8Array(Math.ceil(pieces / 8))
  }

  has(piece: number): boolean {
    return ((this.#bytes[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0
  }

  /** Whether all of the first `pieces` are there. */
  full(pieces: number): boolean {
    const whole = pieces >> 3
    for (let at = 0; at < whole; at++) if (this.#bytes[at] !== 0xff) return false
    const rest = (0xff00 >> (pieces & 7)) & 0xff
    return ((this.#bytes[whole] ?? 0) & rest) === rest
  }

  add(piece: number): void {
    const at = piece >> 3
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (0x80 >> (piece & 7))
  }

  /** Takes over a whole bitfield and says which pieces are new in it. */
  replace(bytes: Uint8Array): number[] {
    const added: number[] = []
    for (const [at, byte] of bytes.entries()) {
      const fresh = byte & ~(this.#bytes[at] ?? 0)
      for (let bit = 0; fresh !== 0 && bit < 8; bit++) if ((fresh & (0x80 >> bit)) !== 0) added.push(8 * at + bit)
    }
    this.#bytes = bytes
    return added
  }

  /** A copy. */
  toBytes(): Uint8Array {
    return this.#bytes.slice()
  }
}
