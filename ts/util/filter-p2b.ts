import { formatIp } from './address.ts'
import { latin1, utf8Text } from './bytes.ts'

/** A range of a P2B file, or what stands there instead of one. */
export type P2bEntry = { readonly first: string; readonly last: string; readonly about: string } | string

const MAGIC = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x50, 0x32, 0x42)
const RANGE = 8
const INDEXED = 12
/** Bytes of a text of version 3 that count: any number of ranges may name the same one. */
const TEXT = 512

/** Whether a file begins as PeerGuardian's binary lists do. */
export function isP2b(file: Uint8Array): boolean {
  return MAGIC.every((byte, at) => file[at] === byte)
}

/**
 * The ranges of a P2B file, one after the other: four bytes of ones, `P2B`, the version, and then, in versions 1 (ISO 8859-1)
 * and 2 (UTF-8), a text that ends with a zero byte, the first address and the last; in version 3 a number of texts, the
 * texts, a number of ranges, and for each the number of its text (of which 512 bytes count) and its addresses. Numbers have 32
 * bits, big end first.
 * What is cut off or no range is told as text. Source: PeerGuardian's wiki, "dev-blocklist-format-p2b".
 */
export function* readP2b(file: Uint8Array): Generator<P2bEntry> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const version = file[MAGIC.length]
  const start = MAGIC.length + 1
  if (version === 1 || version === 2) yield* named(view, file, start, version === 1 ? latin1 : utf8Text)
  else if (version === 3) yield* indexed(view, file, start)
  else yield version === undefined ? CUT : `P2B of version ${version}`
}

const CUT = 'the file is cut off'

function* named(
  view: DataView,
  file: Uint8Array,
  start: number,
  text: (bytes: Uint8Array) => string,
): Generator<P2bEntry> {
  for (let at = start; at < file.length; ) {
    const end = file.indexOf(0, at)
    if (end < 0 || end + 1 + RANGE > file.length) return yield CUT
    yield range(view, end + 1, text(file.subarray(at, end)))
    at = end + 1 + RANGE
  }
}

function* indexed(view: DataView, file: Uint8Array, start: number): Generator<P2bEntry> {
  if (start + 4 > file.length) return yield CUT
  const texts: string[] = []
  let at = start + 4
  // Each text has a range of its own, or nothing would need it.
  if (view.getUint32(start) > file.length / (1 + INDEXED)) return yield CUT
  // A number that the file does not keep is noticed where its bytes end: nothing is made for it before.
  for (let left = view.getUint32(start); left > 0; left--) {
    const end = file.indexOf(0, at)
    if (end < 0) return yield CUT
    texts.push(utf8Text(file.subarray(at, Math.min(end, at + TEXT))))
    at = end + 1
  }
  if (at + 4 > file.length) return yield CUT
  const count = view.getUint32(at)
  at += 4
  for (let left = count; left > 0; left--, at += INDEXED) {
    if (at + INDEXED > file.length) return yield CUT
    yield range(view, at + 4, texts[view.getUint32(at)] ?? '')
  }
}

function range(view: DataView, at: number, about: string): P2bEntry {
  const [first, last] = [view.getUint32(at), view.getUint32(at + 4)]
  const ends = { first: address(first), last: address(last) }
  return first > last ? `${ends.first}-${ends.last}` : { ...ends, about: about.trim() }
}

function address(number: number): string {
  return formatIp(Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)) ?? ''
}
