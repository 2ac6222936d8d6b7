import { expected } from '../check.ts'

/** An IP address and a port. */
export interface Endpoint {
  /** IPv4 as `192.0.2.1`, IPv6 as RFC 5952 writes it. */
  readonly ip: string
  /** 0 to 65,535. */
  readonly port: number
}

/** The 4 or 16 bytes of an IP address; undefined when the text is none. Octets with leading zeros and zones are not accepted. */
export function parseIp(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (typeof text !== 'string') return undefined
  if (!text.includes(':')) return parseV4(text)
  return text.length <= 45 ? parseV6(text) : undefined
}

/** The text of 4 or 16 bytes: RFC 5952 for IPv6. Undefined for any other number of bytes. */
export function formatIp(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (bytes.length !== 16) return undefined
  if (isMapped(bytes)) return `::ffff:${formatIp(bytes.subarray(12))}`
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0))
  return shorten(groups)
}

/** 4 or 6 for the text of an IP address, else 0. */
export function ipVersion(text: string): 4 | 6 | 0 {
  const length = parseIp(text)?.length
  return length === 4 ? 4 : length === 16 ? 6 : 0
}

/** The IPv4 address inside an IPv4-mapped IPv6 one; all others as they are. Both as bytes. */
export function unmapIp(bytes: Uint8Array): Uint8Array {
  return isMapped(bytes) ? bytes.subarray(12) : bytes
}

/** `ip:port`, brackets around IPv6. */
export function formatEndpoint({ ip, port }: Endpoint): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** The two parts of `ip:port`, `[ip]:port` for IPv6; undefined when it is not one. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (typeof text !== 'string') return undefined
  const colon = text.lastIndexOf(':')
  const port = parsePort(text, colon + 1)
  if (colon < 1 || port < 0) return undefined
  const bracketed = text[0] === '[' && text[colon - 1] === ']'
  const ip = bracketed ? text.slice(1, colon - 1) : text.slice(0, colon)
  return ipVersion(ip) === (bracketed ? 6 : 4) ? { ip, port } : undefined
}

/** The bytes of an IP address. Errors: `ERR_INVALID_OPTION`. */
export function ipBytes(name: string, text: unknown): Uint8Array<ArrayBuffer> {
  const bytes = typeof text === 'string' ? parseIp(text) : undefined
  if (bytes === undefined) throw expected(name, 'an IP address', text)
  return bytes
}

/**
 * Whether an address, as bytes, is of this machine, this link or a private network, so that it means nothing elsewhere:
 * RFC 1918, RFC 6598, RFC 4193, loopback, link-local, unspecified.
 */
export function isLocalIp(bytes: Uint8Array): boolean {
  const [a = 0, b = 0] = bytes
  if (bytes.length === 4) {
    return (
      a === 0 ||
      a === 10 ||
      a === 127 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168)
    )
  }
  if (isMapped(bytes)) return isLocalIp(bytes.subarray(12))
  if ((a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80)) return true
  return bytes.every((byte, at) => byte === 0 || (at === 15 && byte === 1))
}

function isMapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false
  for (let at = 0; at < 10; at++) if (bytes[at] !== 0) return false
  return true
}

function parseV4(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > 15) return undefined
  const bytes = new Uint8Array(4)
  let at = 0
  for (let part = 0; part < 4; part++) {
    let value = 0
    const start = at
    for (; at < text.length; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const digits = at - start
    if (digits === 0 || digits > 3 || value > 255 || (digits > 1 && text[start] === '0')) return undefined
    bytes[part] = value
    if (part < 3 && text[at++] !== '.') return undefined
  }
  return at === text.length ? bytes : undefined
}

function parseV6(text: string): Uint8Array<ArrayBuffer> | undefined {
  const gap = text.indexOf('::')
  if (gap < 0) {
    const groups = parseGroups(text, true)
    return groups?.length === 16 ? Uint8Array.from(groups) : undefined
  }
  const head = gap === 0 ? [] : parseGroups(text.slice(0, gap), false)
  const tail = gap + 2 === text.length ? [] : parseGroups(text.slice(gap + 2), true)
  // `::` stands for at least one group.
  if (head === undefined || tail === undefined || head.length + tail.length > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head)
  bytes.set(tail, 16 - tail.length)
  return bytes
}

/** The bytes of groups between colons; the last one may be an IPv4 address. */
function parseGroups(text: string, v4: boolean): number[] | undefined {
  const bytes: number[] = []
  const groups = text.split(':')
  if (groups.length > 8) return undefined
  for (const [at, group] of groups.entries()) {
    if (v4 && at === groups.length - 1 && group.includes('.')) {
      const last = parseV4(group)
      if (last === undefined) return undefined
      bytes.push(...last)
    } else {
      const value = parseHex(group)
      if (value < 0) return undefined
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes
}

function parseHex(group: string): number {
  if (group.length < 1 || group.length > 4) return -1
  let value = 0
  for (let at = 0; at < group.length; at++) {
    const code = group.charCodeAt(at) | 0x20
    const digit = code >= 97 && code <= 102 ? code - 87 : code >= 48 && code <= 57 ? code - 48 : -1
    if (digit < 0 || (digit < 10 && group.charCodeAt(at) !== code)) return -1
    value = value * 16 + digit
  }
  return value
}

/** A decimal number up to 65,535 from `start` to the end, else −1. */
function parsePort(text: string, start: number): number {
  if (start >= text.length || text.length - start > 16) return -1
  let port = 0
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    port = port * 10 + digit
  }
  return port <= 65_535 ? port : -1
}

/** RFC 5952: the longest run of two or more zeros becomes `::`. */
function shorten(groups: readonly number[]): string {
  let [best, bestAt] = [1, -1]
  for (let at = 0; at < 8; at++) {
    let run = 0
    while (at + run < 8 && groups[at + run] === 0) run++
    if (run > best) [best, bestAt] = [run, at]
  }
  const digits = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (bestAt < 0) return digits(groups)
  return `${digits(groups.slice(0, bestAt))}::${digits(groups.slice(bestAt + best))}`
}
