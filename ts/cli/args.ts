// The command line as typed values. Wrong usage ends in ERR_USAGE and exit code 2.

import { parseArgs } from 'node:util'
import { TorrentError } from '../errors.ts'

/** Everything that can be said on the command line, checked. */
export interface Arguments {
  readonly command: string
  readonly operands: readonly string[]
  readonly json: boolean
  readonly help: boolean
  readonly log: string | null
  readonly path: string
  readonly peers: readonly string[]
  readonly listen: readonly string[]
  readonly seed: boolean
  readonly overwrite: boolean
  readonly output: string | null
  readonly trackers: readonly string[]
  readonly ssrfMitigation: boolean
  readonly pieceLength: number | null
  readonly private: boolean
  readonly format: 'v1' | 'v2' | 'hybrid'
  readonly name: string | null
  readonly webSeeds: readonly string[]
  readonly nodes: readonly string[]
  readonly comment: string | null
  readonly source: string | null
  readonly padding: boolean
  /** What `edit` takes away: `trackers`, `web-seeds`, `nodes` or `comment`. */
  readonly remove: readonly string[]
}

const common = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, log: { type: 'string' } } as const
const network = {
  peer: { type: 'string', multiple: true },
  tracker: { type: 'string', multiple: true },
  listen: { type: 'string', multiple: true },
  'no-ssrf-mitigation': { type: 'boolean' },
} as const

const options = {
  download: {
    ...common,
    ...network,
    path: { type: 'string' },
    seed: { type: 'boolean' },
    overwrite: { type: 'boolean' },
  },
  seed: { ...common, ...network },
  create: {
    ...common,
    output: { type: 'string', short: 'o' },
    tracker: { type: 'string', multiple: true },
    'piece-length': { type: 'string' },
    private: { type: 'boolean' },
    v1: { type: 'boolean' },
    v2: { type: 'boolean' },
    hybrid: { type: 'boolean' },
    name: { type: 'string' },
    'web-seed': { type: 'string', multiple: true },
    node: { type: 'string', multiple: true },
    comment: { type: 'string' },
    source: { type: 'string' },
    padding: { type: 'boolean' },
  },
  edit: {
    ...common,
    output: { type: 'string', short: 'o' },
    tracker: { type: 'string', multiple: true },
    'web-seed': { type: 'string', multiple: true },
    node: { type: 'string', multiple: true },
    comment: { type: 'string' },
    remove: { type: 'string', multiple: true },
  },
  info: common,
  verify: common,
} as const

const operands: Readonly<Record<keyof typeof options, readonly string[]>> = {
  download: ['a .torrent file, a magnet link or a URL'],
  seed: ['a .torrent file', 'the folder that holds the content'],
  create: ['a file or folder'],
  edit: ['a .torrent file'],
  info: ['a .torrent file or a magnet link'],
  verify: ['a .torrent file', 'the folder that holds the content'],
}

/** What `edit --remove` takes. */
export const removable: readonly string[] = ['trackers', 'web-seeds', 'nodes', 'comment']

export const levels: readonly string[] = ['error', 'warn', 'info', 'debug', 'trace']

/** Reads the words behind `bitlode`. @throws TorrentError ERR_USAGE */
export function parse(words: readonly string[]): Arguments {
  const [command = '', ...rest] = words
  if (!isCommand(command)) {
    throw usage(`Expected a command (${Object.keys(options).join(', ')}), got \`${command}\``)
  }
  const { values, positionals } = read(command, rest)
  const wanted = operands[command]
  if (values.help !== true && positionals.length !== wanted.length) {
    throw usage(
      `Expected ${wanted.join(' and ')}, got ${positionals.length === 0 ? 'nothing' : positionals.map((word) => `\`${word}\``).join(' ')}`,
    )
  }
  const log = text(values.log)
  if (log !== null && !levels.includes(log))
    throw usage(`Expected --log to be one of ${levels.join(', ')}, got \`${log}\``)
  const peers = list(values.peer)
  const listen = list(values.listen)
  for (const peer of peers) endpoint('--peer', peer, 1)
  for (const address of listen) endpoint('--listen', address, 0)
  const trackers = list(values.tracker)
  for (const tracker of trackers) {
    if (!URL.canParse(tracker)) throw usage(`Expected --tracker to be a URL, got \`${tracker}\``)
  }
  const webSeeds = list(values['web-seed'])
  for (const url of webSeeds) {
    if (!URL.canParse(url)) throw usage(`Expected --web-seed to be a URL, got \`${url}\``)
  }
  const nodes = list(values.node)
  for (const node of nodes) {
    if (!/^(\[[0-9a-f:.]+\]|[^:[\]\s]+):\d{1,5}$/i.test(node)) {
      throw usage(`Expected --node to be HOST:PORT, got \`${node}\``)
    }
  }
  const remove = list(values.remove)
  for (const word of remove) {
    if (!removable.includes(word))
      throw usage(`Expected --remove to be one of ${removable.join(', ')}, got \`${word}\``)
  }
  return {
    command,
    operands: positionals,
    json: values.json === true,
    help: values.help === true,
    log,
    path: text(values.path) ?? '.',
    peers,
    listen,
    seed: values.seed === true,
    overwrite: values.overwrite === true,
    output: text(values.output),
    trackers,
    ssrfMitigation: values['no-ssrf-mitigation'] !== true,
    pieceLength: pieceLength(text(values['piece-length'])),
    private: values.private === true,
    format: format(values),
    name: text(values.name),
    webSeeds,
    nodes,
    comment: text(values.comment),
    source: text(values.source),
    padding: values.padding === true,
    remove,
  }
}

/** An error of usage. */
export function usage(message: string): TorrentError {
  return new TorrentError('ERR_USAGE', message)
}

function isCommand(word: string): word is keyof typeof options {
  return Object.hasOwn(options, word)
}

function read(
  command: keyof typeof options,
  words: string[],
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: words, options: options[command], allowPositionals: true, strict: true })
  } catch (error) {
    throw usage(String(error instanceof Error ? error.message : error).split('. ')[0] ?? 'wrong usage')
  }
}

function endpoint(option: string, value: string, lowest: number): void {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3})):(\d{1,5})$/.exec(value)
  const port = Number(match?.[3])
  if (!match || port < lowest || port > 65_535) {
    throw usage(`Expected ${option} to be IP:PORT or [IPv6]:PORT, got \`${value}\``)
  }
}

function format(values: Record<string, unknown>): 'v1' | 'v2' | 'hybrid' {
  const given = (['v1', 'v2', 'hybrid'] as const).filter((name) => values[name] === true)
  if (given.length > 1)
    throw usage(`Expected one of --v1, --v2 and --hybrid, got ${given.map((name) => `--${name}`).join(' and ')}`)
  return given[0] ?? 'v1'
}

function pieceLength(value: string | null): number | null {
  if (value === null) return null
  const length = Number(value)
  if (!/^\d+$/.test(value) || length < 16_384 || length > 2 ** 29 || (length & (length - 1)) !== 0) {
    throw usage(`Expected --piece-length to be a power of two from 16384 to ${2 ** 29}, got \`${value}\``)
  }
  return length
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
