declare module 'bencode' {
  const bencode: {
    /** Decodes what a strict decoder has accepted first: alone this one is lenient and recursive. */
    decode(data: Uint8Array): unknown
    encode(value: unknown): Uint8Array
  }
  export default bencode
}
