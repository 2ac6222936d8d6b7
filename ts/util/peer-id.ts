import { randomBytes } from 'node:crypto'
import { expected, readOptions, text } from '../check.ts'
import { VERSION } from '../version.ts'
import { latin1, sized } from './bytes.ts'
import { AZUREUS, type ClientRow, MAINLINE, NAMED, SHADOW, type VersionForm } from './clients.ts'

/** How a client writes its peer id. */
export type PeerIdStyle = 'azureus' | 'shadow' | 'mainline' | 'named'

/** What a peer id says of its client. Anyone can write anything: good for statistics only. */
export interface PeerIdClient {
  /** The name of the program. */
  readonly client: string
  /** Its version, as the program would print it; null when the peer id does not say. */
  readonly version: string | null
  /** How it is written. */
  readonly style: PeerIdStyle
  /** The characters by which it was known. */
  readonly code: string
}

/** How to make a peer id. */
export interface PeerIdOptions {
  /**
   * The first characters, at most 16, of letters, digits and `-._~`: `-XX1234-` with a code and a version of your program's
   * own, so that trackers and other clients can tell it apart. @default Bitlode's own, `-LD0100-`
   */
  readonly prefix?: string
  /** Bytes from which the other characters are made, at least as many as there are. @default from the system */
  readonly random?: Uint8Array
}

/** Unreserved in URLs (RFC 3986 section 2.3): a tracker's log can be read. 64 of them, so that each is as likely. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const LENGTH = 20

/**
 * Makes a peer id of 20 bytes (BEP 20): the prefix and random characters that a URL need not escape.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`.
 */
export function generatePeerId(options: PeerIdOptions = {}): Uint8Array<ArrayBuffer> {
  const read = readOptions(options, ['prefix', 'random'], 'generatePeerId')
  const prefix = read.prefix === undefined ? ownPrefix() : text('prefix', read.prefix)
  if (!/^[A-Za-z0-9._~-]{1,16}$/.test(prefix)) {
    throw expected('prefix', '1 to 16 letters, digits, and characters of `-._~`', prefix)
  }
  const random = read.random === undefined ? randomBytes(LENGTH) : read.random
  const rest = LENGTH - prefix.length
  if (!(random instanceof Uint8Array) || random.length < rest) {
    throw expected('random', `at least ${rest} bytes`, random)
  }
  return Uint8Array.from({ length: LENGTH }, (_, at) =>
    (at < prefix.length ? prefix : ALPHABET).charCodeAt(
      at < prefix.length ? at : (random[at - prefix.length] ?? 0) & 63,
    ),
  )
}

/** `-LD`, a digit each for major, minor and patch, a zero. */
function ownPrefix(): string {
  const digits = VERSION.split('.').map((part) => DIGITS[Number(part)] ?? 'z')
  return `-LD${digits.join('').padEnd(4, '0').slice(0, 4)}-`
}

/**
 * Says which client a peer id of 20 bytes is of; null when it is none that is known.
 *
 * Errors: `ERR_INVALID_OPTION`.
 */
export function identifyPeerId(peerId: Uint8Array): PeerIdClient | null {
  const id = latin1(sized('peerId', peerId, LENGTH))
  return special(id) ?? azureus(id) ?? netBitTorrent(id) ?? mainline(id) ?? shadow(id) ?? byName(id)
}

const azureusRows = new Map<string, ClientRow>(AZUREUS.map((row) => [row[0], row]))
const shadowNames = new Map(SHADOW)

function azureus(id: string): PeerIdClient | null {
  if (id[0] !== '-') return null
  const row = azureusRows.get(id.slice(1, 3))
  // µTorrent has a fifth character of version in place of the dash from 3.4 on; FlashGet never had the dash.
  const loose = row !== undefined && (row[2] === 'mnemonic' || row[0] === 'FG')
  if (row === undefined || (id[7] !== '-' && !loose) || !/^[0-9A-Za-z.~_]{4}$/.test(id.slice(3, 7))) return null
  const [code, client, form] = row
  return { client, version: version(form, id.slice(3, 8)), style: 'azureus', code }
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A digit; letters go on after 9. */
function digit(char: string | undefined): number {
  const value = char === undefined || char === '' ? -1 : DIGITS.indexOf(char)
  return Math.max(value, 0)
}

function version(form: VersionForm, text: string): string | null {
  const [a = '', b = '', c = '', d = '', e = ''] = text
  const numbers = (...list: string[]) => list.map(digit).join('.')
  const two = (tens: string, ones: string) => Number(`${digit(tens)}${digit(ones)}`)
  switch (form) {
    case 'none':
      return null
    case 'two':
      return numbers(a, b)
    case 'three':
      return numbers(a, b, c)
    case 'four':
      return numbers(a, b, c, d).replace(/(\.0){1,2}$/, '')
    case 'pairs':
      return `${two(a, b)}.${digit(c)}${digit(d)}`
    case 'skip':
      return `${digit(b)}.${digit(c)}${digit(d)}`
    case 'decimal':
      return `${digit(a)}.${digit(b)}${digit(c)}${digit(d)}`
    case 'ctorrent':
      return `${digit(a)}.${digit(b)}.${two(c, d)}`
    case 'mnemonic':
      // 355S: 3.5.5; with a fifth character the third number has two digits.
      return e === '-' || d < '0' || d > '9'
        ? `${numbers(a, b, c)}${mnemonic(d)}`
        : `${numbers(a, b)}.${two(c, d)}${mnemonic(e)}`
    case 'webtorrent':
      return `${two(a, b)}.${two(c, d)}`
    case 'ktorrent': {
      const kind = c === 'D' ? ' Dev ' : c === 'R' ? ' RC ' : undefined
      return kind === undefined ? numbers(a, b, c) : `${numbers(a, b)}${kind}${digit(d)}`
    }
    case 'transmission': {
      if (a === '0' && b === '0') return c === '0' ? `0.${d}` : `0.${c}${d}`
      const end = d === 'Z' || d === 'X' ? ' Dev' : d === 'B' ? ' Beta' : ''
      return digit(a) >= 4 ? `${numbers(a, b, c)}${end}` : `${digit(a)}.${b}${c}${end}`
    }
    case 'netbt':
      return `${digit(a)}.${b}${c}${d === 'U' ? ' unstable' : ''}`
  }
}

function mnemonic(char: string): string {
  if (char === 'B' || char === 'b') return ' Beta'
  if (char === 'A' || char === 'a') return ' Alpha'
  return char === 'd' ? ' Debug' : ''
}

/** Net::BitTorrent 0.x: `NB`, three digits, stable or not, a dash, eight characters, a signature of five. */
function netBitTorrent(id: string): PeerIdClient | null {
  const match = /^NB(\d)(\d\d)([SU])-/.exec(id)
  if (!match) return null
  const end = match[3] === 'U' ? ' unstable' : ''
  return { client: 'Net::BitTorrent', version: `${match[1]}.0${match[2]}${end}`, style: 'named', code: 'NB' }
}

/** A letter, then numbers of one or two digits between dashes, eight characters in all. */
function mainline(id: string): PeerIdClient | null {
  for (const [code, client] of MAINLINE) {
    if (!id.startsWith(code)) continue
    const match = /^(\d{1,2})-(\d{1,2})-(\d{1,2})-/.exec(id.slice(code.length, 9 + code.length))
    if (match) return { client, version: match.slice(1).join('.'), style: 'mainline', code }
  }
  return null
}

const SHADOW_DIGITS = `${DIGITS}.-`

/** A letter, up to five characters of version, dashes up to the ninth character. */
function shadow(id: string): PeerIdClient | null {
  const code = id[0] ?? ''
  const client = shadowNames.get(code)
  const match = /^([0-9A-Za-z.]{1,5})-*$/.exec(id.slice(1, 6))
  // The three dashes are there in all but the oldest, which had two and then zero bytes.
  if (client === undefined || !match || !(id.slice(6, 9) === '---' || (id.slice(4, 6) === '--' && id[8] === '\0')))
    return null
  const version = Array.from(match[1] ?? '', (char) => SHADOW_DIGITS.indexOf(char)).join('.')
  return { client, version, style: 'shadow', code }
}

function byName(id: string): PeerIdClient | null {
  for (const { at, text, name, version } of NAMED) {
    if (!id.startsWith(text, at)) continue
    const found = version && id.slice(version[0], version[0] + version[1]).replace(/[^0-9A-Za-z.]+.*$/, '')
    return { client: name, version: found || null, style: 'named', code: text }
  }
  return null
}

/** Those whose version has a form of its own (BEP 20 tells of most). */
function special(id: string): PeerIdClient | null {
  const made = (client: string, version: string | null, code: string): PeerIdClient => ({
    client,
    version,
    style: 'named',
    code,
  })
  const byte = (at: number) => id.charCodeAt(at)
  const comet = /^(exbc|FUTB|xUTB)/.exec(id)?.[1]
  if (comet !== undefined) {
    return made(
      id.startsWith('LORD', 6) ? 'BitLord' : 'BitComet',
      `${byte(4)}.${String(byte(5)).padStart(2, '0')}`,
      comet,
    )
  }
  if (id.startsWith('BS', 2) && byte(0) === 0) return made('BitSpirit', byte(1) === 0 ? null : `${byte(1)}`, 'BS')
  if (id.endsWith('UDP0') || id.endsWith('HTTPBT'))
    return made('BitSpirit', null, id.endsWith('UDP0') ? 'UDP0' : 'HTTPBT')
  if (id.startsWith('RS', 2) && byte(0) < 32 && byte(1) < 100) return made('Rufus', `${byte(0)}.${byte(1)}`, 'RS')
  const forms: [RegExp, string, (...parts: string[]) => string | null][] = [
    [/^(XBT)(\d)(\d)(\d)([d-])/, 'XBT Client', (a, b, c, d) => `${a}.${b}.${c}${d === 'd' ? ' Debug' : ''}`],
    [/^(OP)(\d{4})/, 'Opera', (build) => build ?? null],
    [/^(-BOW)(.)(.)(.)-/, 'Bits on Wheels', (...parts) => wheels(parts.join(''))],
    [/^(AP)(\d[\d.]*)-/, 'AllPeers', (version) => version ?? null],
    [/^(A2)-(\d)-(\d{1,2})-(\d{1,2})-/, 'aria2', (...parts) => parts.join('.')],
    [/^(DNA)(\d\d)(\d\d)(\d\d)/, 'BitTorrent DNA', (...parts) => parts.map(Number).join('.')],
    [/^(Mbrst)(\d)-(\d)-(\d)/, 'burst!', (...parts) => parts.join('.')],
    [/^(TIX)(\d\d)(\d\d)-/, 'Tixati', (major, minor) => `${Number(major)}.${minor}`],
    [/^(-WT-)/, 'BitLet', () => null],
  ]
  for (const [pattern, client, version] of forms) {
    const match = pattern.exec(id)
    if (match) return made(client, version(...match.slice(2)), match[1] ?? '')
  }
  return null
}

/** Its author named two. */
function wheels(code: string): string {
  return code === 'A0C' ? '1.0.6' : code === 'A0B' ? '1.0.5' : Array.from(code).join('.')
}
