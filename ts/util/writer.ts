/** Writes bytes one behind the other into memory that grows. */
export class Writer {
  #out = Buffer.allocUnsafe(256)
  #at = 0

  /** ASCII or latin-1 text, a byte for each character. */
  ascii(text: string): this {
    const at = this.#room(text.length)
    if (text.length > 24) this.#out.write(text, at, 'latin1')
    else for (let i = 0; i < text.length; i++) this.#out[at + i] = text.charCodeAt(i)
    return this
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#out.set(bytes, at)
    return this
  }

  /** A bencoded string. */
  bytes(bytes: Uint8Array): this {
    return this.ascii(`${bytes.length}:`).raw(bytes)
  }

  /** A bencoded string of UTF-8. */
  text(text: string): this {
    const length = Buffer.byteLength(text)
    this.ascii(`${length}:`)
    const at = this.#room(length)
    this.#out.write(text, at, 'utf8')
    return this
  }

  /** A bencoded integer. */
  integer(value: number | bigint): this {
    // A negative zero prints as zero.
    return this.ascii(`i${value}e`)
  }

  /** Unsigned, big-endian. */
  u8(value: number): this {
    const at = this.#room(1)
    this.#out[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#room(2)
    this.#out.writeUInt16BE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#room(4)
    this.#out.writeUInt32BE(value, at)
    return this
  }

  u64(value: number | bigint): this {
    const at = this.#room(8)
    this.#out.writeBigUInt64BE(BigInt(value), at)
    return this
  }

  /** What was written, copied. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#at)
    bytes.set(this.#out.subarray(0, this.#at))
    return bytes
  }

  #room(length: number): number {
    const at = this.#at
    const end = at + length
    if (end > this.#out.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, 2 * this.#out.length))
      this.#out.copy(larger, 0, 0, at)
      this.#out = larger
    }
    this.#at = end
    return at
  }
}
