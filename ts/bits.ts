/** Which pieces are there: wire order, the highest bit of the first byte is piece 0. */
export class Bits {
  #bytes: Uint8Array

  constructor(pieces: number) {
    this.#bytes = new Uint8Array(Math.ceil(pieces / 8))
  }

  has(piece: number): boolean {
    return ((this.#bytes[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0
  }

  add(piece: number): void {
    const at = piece >> 3
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (0x80 >> (piece & 7))
  }

  /** Takes over a whole bitfield. */
  replace(bytes: Uint8Array): void {
    this.#bytes = bytes
  }

  /** A copy. */
  toBytes(): Uint8Array {
    return this.#bytes.slice()
  }
}
