import { expected, integer, readOptions } from '../check.ts'
import { TorrentError } from '../errors.ts'
import { SETTINGS } from '../settings.ts'
import { formatIp, ipBytes, parseIp, unmapIp } from './address.ts'
import { utf8Text } from './bytes.ts'
import { isP2b, readP2b } from './filter-p2b.ts'

/** A range of addresses, all of one family. */
export interface IpRange {
  /** The first address. */
  readonly first: string
  /** The last address, itself in the range. */
  readonly last: string
  /** eMule's access level: 0 to 127 is blocked, 128 to 255 allowed. @default 0 */
  readonly level?: number
  /** Whose it is, or why it is blocked. @default '' */
  readonly about?: string
}

/** A line, or a range of a binary file, that is none. */
export interface FilterProblem {
  /** Its number, from 1. */
  readonly line: number
  /** Its text or what is wrong with it, at most 100 characters. */
  readonly text: string
}

/** How to read a filter. */
export interface IpFilterOptions {
  /** Ranges that are kept. @default 2000000 (the setting `maxFilterRanges`) */
  readonly maxRanges?: number
}

/** How a filter is written. */
export type FilterForm = 'dat' | 'p2p' | 'cidr'

interface Rule {
  readonly first: bigint
  readonly last: bigint
  readonly range: Required<IpRange>
}

const BLOCKED_TO = 127
const PROBLEMS = 100
/** Characters of two addresses, a dash and blanks. */
const LONGEST = 120

/**
 * Addresses that are blocked. Reads eMule's `ipfilter.dat`, PeerGuardian's P2P text and lists of addresses in CIDR notation,
 * line by line, whichever each is; comments start with `#`, `//` or `;`. PeerGuardian's binary P2B, versions 1 to 3, is read
 * when a file begins as such.
 */
export class IpFilter {
  readonly #max: number
  readonly #ranges: Required<IpRange>[] = []
  readonly #rules: { readonly 4: Rule[]; readonly 6: Rule[] } = { 4: [], 6: [] }
  readonly #problems: FilterProblem[] = []
  #badLines = 0
  #sorted = true

  /** Makes an empty filter. Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`. */
  constructor(options: IpFilterOptions = {}) {
    const { maxRanges } = readOptions(options, ['maxRanges'], 'IpFilter')
    const { default: usual, max } = SETTINGS.maxFilterRanges
    this.#max = maxRanges === undefined ? usual : integer('maxRanges', maxRanges, 1, max)
  }

  /**
   * Reads a whole file. Lines and binary ranges that are none are counted, the first hundred kept in {@link problems}.
   *
   * Errors: `ERR_FILTER_LIMIT`, `ERR_INVALID_OPTION`.
   */
  static parse(file: Uint8Array | string, options: IpFilterOptions = {}): IpFilter {
    const filter = new IpFilter(options)
    if (typeof file !== 'string' && !(file instanceof Uint8Array)) throw expected('file', 'text or bytes', file)
    if (typeof file !== 'string' && isP2b(file)) filter.#readBinary(file)
    else filter.#read(typeof file === 'string' ? file : utf8Text(file))
    return filter
  }

  /** All ranges in the order in which they came, also those that allow. */
  get ranges(): readonly Required<IpRange>[] {
    return this.#ranges
  }

  /** The first lines that could not be read. */
  get problems(): readonly FilterProblem[] {
    return this.#problems
  }

  /** How many lines could not be read. */
  get badLines(): number {
    return this.#badLines
  }

  /**
   * Adds a range.
   *
   * Errors: `ERR_INVALID_OPTION` for addresses of different families or in the wrong order, `ERR_FILTER_LIMIT`.
   */
  add({ first, last, level = 0, about = '' }: IpRange): void {
    const ends = [ipBytes('first', first), ipBytes('last', last)] as const
    const [v4, other] = [unmapIp(ends[0]), unmapIp(ends[1])]
    // Only a range that is mapped as a whole is one of IPv4.
    const [a, b] = v4.length === other.length ? [v4, other] : ends
    integer('level', level, 0, 255)
    if (a.length !== b.length || Buffer.compare(a, b) > 0) throw expected('last', `an address behind ${first}`, last)
    if (this.#ranges.length >= this.#max) {
      throw new TorrentError('ERR_FILTER_LIMIT', `More than ${this.#max} ranges`)
    }
    const range = { first: formatIp(a) ?? '', last: formatIp(b) ?? '', level, about: line(about) }
    this.#ranges.push(range)
    if (level > BLOCKED_TO) return
    this.#rules[a.length === 4 ? 4 : 6].push({ first: numberOf(a), last: numberOf(b), range })
    this.#sorted = false
  }

  /** The range that blocks an address; null when it is allowed. Errors: `ERR_INVALID_OPTION`. */
  find(ip: string): Required<IpRange> | null {
    const bytes = ipBytes('ip', ip)
    const v4 = unmapIp(bytes)
    if (!this.#sorted) this.#sort()
    return this.#search(v4) ?? (v4.length === bytes.length ? null : this.#search(bytes))
  }

  /** Whether an address is blocked. Errors: `ERR_INVALID_OPTION`. */
  blocks(ip: string): boolean {
    return this.find(ip) !== null
  }

  /**
   * The filter as a file: `dat` with levels, `p2p` and `cidr` with the blocked ranges only, `cidr` without their texts.
   *
   * Errors: `ERR_INVALID_OPTION`.
   */
  format(form: FilterForm = 'dat'): string {
    const blocked = this.#ranges.filter(({ level }) => level <= BLOCKED_TO)
    switch (form) {
      case 'dat':
        return this.#ranges
          .map(({ first, last, level, about }) => `${first} - ${last} , ${String(level).padStart(3, '0')} , ${about}\n`)
          .join('')
      case 'p2p':
        return blocked.map(({ first, last, about }) => `${about}:${first}-${last}\n`).join('')
      case 'cidr':
        return blocked.flatMap(({ first, last }) => [...networks(first, last)].map((text) => `${text}\n`)).join('')
      default:
        throw expected('form', 'dat, p2p or cidr', form)
    }
  }

  #search(bytes: Uint8Array): Required<IpRange> | null {
    const rules = this.#rules[bytes.length === 4 ? 4 : 6]
    const at = numberOf(bytes)
    let [low, high] = [0, rules.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((rules[middle]?.first ?? 0n) <= at) low = middle + 1
      else high = middle
    }
    const rule = rules[low - 1]
    return rule !== undefined && at <= rule.last ? rule.range : null
  }

  #read(text: string): void {
    let number = 0
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf('\n', at)
      const whole = text.slice(at, end < 0 ? undefined : end)
      at = end < 0 ? text.length : end + 1
      number++
      const trimmed = whole.trim()
      if (trimmed === '' || trimmed[0] === '#' || trimmed[0] === ';' || trimmed.startsWith('//')) continue
      const range = readLine(trimmed)
      if (range !== undefined) this.add(range)
      else this.#bad(number, trimmed)
    }
  }

  #readBinary(file: Uint8Array): void {
    let number = 0
    for (const entry of readP2b(file)) {
      number++
      if (typeof entry === 'string') this.#bad(number, entry)
      else this.add(entry)
    }
  }

  #bad(line: number, text: string): void {
    if (this.#badLines++ < PROBLEMS) this.#problems.push({ line, text: text.slice(0, 100) })
  }

  /** Sorts, and cuts ranges that overlap so that each address is in one at most: that of the range which starts first. */
  #sort(): void {
    for (const family of [4, 6] as const) {
      const rules = this.#rules[family].toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
      this.#rules[family].length = 0
      let next = 0n
      for (const rule of rules) {
        if (rule.last < next) continue
        this.#rules[family].push(rule.first < next ? { ...rule, first: next } : rule)
        next = rule.last + 1n
      }
    }
    this.#sorted = true
  }
}

function readLine(text: string): IpRange | undefined {
  return readDat(text) ?? readP2p(text) ?? readCidr(text)
}

/** `first - last , level , about`; level and about may be missing. */
function readDat(text: string): IpRange | undefined {
  const comma = text.indexOf(',')
  const addresses = between(comma < 0 ? text : text.slice(0, comma))
  if (addresses === undefined) return undefined
  if (comma < 0) return addresses
  const second = text.indexOf(',', comma + 1)
  const level = text.slice(comma + 1, second < 0 ? undefined : second).trim()
  if (!/^\d{1,3}$/.test(level) || Number(level) > 255) return undefined
  return { ...addresses, level: Number(level), about: second < 0 ? '' : text.slice(second + 1).trim() }
}

/** `about:first-last`; the text may hold colons, and so do IPv6 addresses. */
function readP2p(text: string): IpRange | undefined {
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    // Two addresses and blanks are shorter: a line of colons must not be read from each of them.
    if (text.length - colon > LONGEST) continue
    const addresses = between(text.slice(colon + 1))
    if (addresses !== undefined) return { ...addresses, about: text.slice(0, colon).trim() }
  }
  return undefined
}

/** `address/bits`, or one address; text behind a blank is what it is about. */
function readCidr(text: string): IpRange | undefined {
  const [network = '', ...rest] = text.split(/[\s,]+/, 3)
  const slash = network.indexOf('/')
  const bytes = padded(slash < 0 ? network : network.slice(0, slash))
  // Two addresses that are no range are not taken for the first of them.
  if (bytes === undefined || rest[0]?.startsWith('-')) return undefined
  const width = bytes.length * 8
  const bits = slash < 0 ? width : /^\d{1,3}$/.test(network.slice(slash + 1)) ? Number(network.slice(slash + 1)) : -1
  if (bits < 0 || bits > width) return undefined
  const host = (1n << BigInt(width - bits)) - 1n
  const first = numberOf(bytes) & ~host
  const about = rest.length > 0 ? text.slice(network.length).replace(/^[\s,#;]+/, '') : ''
  return { first: textOf(first, width), last: textOf(first | host, width), about }
}

/** Two addresses with a dash between them. */
function between(text: string): { first: string; last: string } | undefined {
  const dash = text.indexOf('-')
  if (dash < 0) return undefined
  const [first, last] = [padded(text.slice(0, dash).trim()), padded(text.slice(dash + 1).trim())]
  if (first?.length !== last?.length || first === undefined || last === undefined) return undefined
  if (Buffer.compare(first, last) > 0) return undefined
  return { first: formatIp(first) ?? '', last: formatIp(last) ?? '' }
}

/** An address; those of eMule have octets with leading zeros. */
function padded(text: string): Uint8Array | undefined {
  return parseIp(/^[\d.]+$/.test(text) ? text.replace(/(^|\.)0{1,2}(?=\d)/g, '$1') : text)
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function textOf(number: bigint, width: number): string {
  return formatIp(Buffer.from(number.toString(16).padStart(width / 4, '0'), 'hex')) ?? ''
}

/** The fewest networks that are exactly a range. */
function* networks(first: string, last: string): Generator<string> {
  const bytes = ipBytes('first', first)
  const width = bytes.length * 8
  const end = numberOf(ipBytes('last', last))
  for (let at = numberOf(bytes); at <= end; ) {
    let host = 0
    while (host < width && (at >> BigInt(host)) % 2n === 0n && at + (1n << BigInt(host + 1)) - 1n <= end) host++
    yield `${textOf(at, width)}/${width - host}`
    at += 1n << BigInt(host)
  }
}

/** Without line ends: a file has one range in a line. */
function line(text: unknown): string {
  if (typeof text !== 'string') throw expected('about', 'text', text)
  return text.replace(/[\r\n]+/g, ' ')
}
