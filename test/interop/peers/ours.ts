// Our own end: the shipped command line, or the API where a test needs a setting that the command line does not have.
import { join } from 'node:path'
import type { Network, Running } from '../network.ts'
import { said } from './foreign.ts'

const project = new URL('../../../', import.meta.url).pathname
export const cli = join(project, 'dist/cli/main.js')

export interface Ours {
  readonly running: Running
  readonly done: Promise<Done>
}

export interface Done {
  readonly event: 'done'
  readonly downloaded: number
}

export interface Options {
  readonly listen: string
  readonly peers?: readonly string[]
  readonly seed?: boolean
  /** Threads that own sockets; the command line uses one per core. */
  readonly shards?: number
}

/** `bitlode download`, or the API with so many shards. */
export async function download(network: Network, source: string, folder: string, options: Options): Promise<Ours> {
  const peers = (options.peers ?? []).flatMap((peer) => ['--peer', peer])
  const words = [
    'download',
    source,
    '--path',
    folder,
    '--listen',
    options.listen,
    ...peers,
    ...(options.seed ? ['--seed'] : []),
    '--json',
  ]
  const running = start(network, 'ours leech', words, options)
  await running.line(said('ready'), 60)
  return { running, done: running.line(said<Done>('done'), 90) }
}

/** `bitlode seed`. */
export async function seed(network: Network, torrent: string, folder: string, options: Options): Promise<Running> {
  const peers = (options.peers ?? []).flatMap((peer) => ['--peer', peer])
  const running = start(
    network,
    'ours seed',
    ['seed', torrent, folder, '--listen', options.listen, ...peers, '--json'],
    options,
  )
  await running.line(said('ready'), 60)
  return running
}

function start(network: Network, name: string, words: readonly string[], options: Options): Running {
  // BITLODE_SHARDS is a documented setting of the engine: how many threads own sockets.
  const env: Record<string, string> = options.shards === undefined ? {} : { BITLODE_SHARDS: String(options.shards) }
  const [host = ''] = options.listen.split(':')
  return network.start(name, host, process.execPath, [cli, ...words], env)
}
