import { expected } from '../check.ts'

/** The same memory as a `Buffer`: reading numbers and text from it is quicker. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The same memory as a plain array of bytes: parts of it are so too, also when it is a `Buffer`. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Bytes as text, one character for each byte. */
export function latin1(bytes: Uint8Array): string {
  return view(bytes).toString('latin1')
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Bytes as UTF-8 text; what is not UTF-8 becomes U+FFFD. */
export function utf8Text(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

/** Text whose characters are bytes, or undefined when one is beyond U+00FF. */
export function fromLatin1(text: string): Uint8Array<ArrayBuffer> | undefined {
  const out = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0xff) return undefined
    out[at] = code
  }
  return out
}

/** Whether two byte strings are equal. Takes as long as they are alike: not for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && view(a).equals(b)
}

/** Lowercase hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return view(bytes).toString('hex')
}

/** A byte string of one length, or of one of several. */
export function sized(name: string, value: unknown, ...lengths: readonly number[]): Uint8Array {
  if (!(value instanceof Uint8Array)) throw expected(name, `${lengths.join(' or ')} bytes`, value)
  if (!lengths.includes(value.length)) throw expected(name, `${lengths.join(' or ')} bytes`, `${value.length} bytes`)
  return value
}

/** A byte string of any length. */
export function anyBytes(name: string, value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw expected(name, 'a Uint8Array', value)
  return value
}
