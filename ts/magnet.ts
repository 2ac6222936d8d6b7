import { expected, integer, readOptions, text, texts } from './check.ts'
import type { InfoHash } from './facts.ts'
import type { MagnetFacts } from './native/addon.d.ts'
import { buildMagnet as build, parseMagnet as parse } from './native/parse.ts'
import { readNodes } from './tiers.ts'
import { Values } from './values.ts'

/** What a magnet link says (BEP 9, 52, 53). */
export interface MagnetLink {
  /** `xt`: the info-hashes, hexadecimal; both are null only where `sources` names a .torrent file. */
  readonly infoHash: InfoHash
  /** `dn`: a name to show until the metadata is known; not fit for the disk. */
  readonly name: string | null
  /** `tr`: trackers, each its own tier. */
  readonly trackers: readonly string[]
  /** `ws`: URLs where the content can be fetched over HTTP (BEP 19). */
  readonly webSeeds: readonly string[]
  /** `x.pe`: peers, each `host:port`. */
  readonly peers: readonly string[]
  /** `dht`: DHT nodes to start from, each `host:port`. */
  readonly nodes: readonly string[]
  /** `xs`: where the .torrent file is. */
  readonly sources: readonly string[]
  /** `as`: where the .torrent file or its content may be had otherwise. */
  readonly acceptable: readonly string[]
  /** `xl`: bytes of the content, as the link says. */
  readonly length: number | null
  /** `kt`: words to search for. */
  readonly keywords: readonly string[]
  /** `so`: the files to fetch by index, pads counted, first and last of each run; none for all. */
  readonly select: readonly (readonly [number, number])[]
  /** What means nothing to this version or is not usable: name and value of each parameter, in order. */
  readonly other: readonly (readonly [string, string])[]
}

/**
 * Reads a magnet link, or a bare info-hash: 40 hexadecimal or 32 base32 digits for v1, 64 hexadecimal for v2. Opens no
 * connection. Nothing that the link says is lost, but what is beyond the limits (`maxTrackers` and others).
 *
 * Errors: `ERR_MAGNET_INVALID`, `ERR_INVALID_OPTION`, `ERR_ADDON_LOAD`.
 */
export function parseMagnet(link: string): MagnetLink {
  const { v1, v2, select, other, ...facts } = parse(text('link', link), new Values())
  const runs = Array.from(
    { length: select.length / 2 },
    (_, at) => [select[2 * at] ?? 0, select[2 * at + 1] ?? 0] as const,
  )
  return {
    infoHash: { v1, v2 },
    ...facts,
    select: runs,
    other: other.map(({ key, value }) => [key, value] as const),
  }
}

const lists = ['trackers', 'webSeeds', 'sources', 'acceptable', 'keywords'] as const
const known = ['infoHash', 'name', ...lists, 'peers', 'nodes', 'length', 'select', 'other']

/**
 * Writes a magnet link: info-hashes first and not escaped, everything else percent-encoded. What is left out is not in the
 * link; without an info-hash there must be `sources`.
 *
 * Errors: `ERR_MAGNET_INVALID`, `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_ADDON_LOAD`.
 */
export function buildMagnet(link: Partial<MagnetLink>): string {
  const read = readOptions(link, known, 'buildMagnet')
  const hashes = readOptions(read.infoHash, ['v1', 'v2'], 'infoHash')
  const list = (name: (typeof lists)[number]) => (read[name] === undefined ? [] : texts(name, read[name]))
  const nodes = (name: string) => (read[name] === undefined ? [] : readNodes(name, read[name]))
  const maybe = (name: string, value: unknown) => (value === undefined || value === null ? null : text(name, value))
  const { length } = read
  const facts: MagnetFacts = {
    v1: maybe('infoHash.v1', hashes.v1),
    v2: maybe('infoHash.v2', hashes.v2),
    name: maybe('name', read.name),
    trackers: list('trackers'),
    webSeeds: list('webSeeds'),
    peers: nodes('peers'),
    nodes: nodes('nodes'),
    sources: list('sources'),
    acceptable: list('acceptable'),
    length: length === undefined || length === null ? null : integer('length', length, 0, Number.MAX_SAFE_INTEGER),
    keywords: list('keywords'),
    select: pairs('select', read.select).flatMap(([first, last]) => {
      const from = integer('select', first, 0, 2 ** 32 - 1)
      return [from, integer('select', last, from, 2 ** 32 - 1)]
    }),
    other: pairs('other', read.other).map(([key, value]) => ({
      key: text('other', key),
      value: value === '' ? '' : text('other', value),
    })),
  }
  return build(facts)
}

function pairs(name: string, value: unknown): unknown[][] {
  if (value === undefined) return []
  const list = Array.isArray(value) ? Array.from(value as readonly unknown[]) : undefined
  if (!list?.every((pair): pair is unknown[] => Array.isArray(pair) && pair.length === 2)) {
    throw expected(name, 'a list of pairs', value)
  }
  return list
}
