// The foreign clients: how each is started, told of torrents and asked whether it has finished.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstExisting, type Network, type Running } from '../network.ts'
import {
  announceUrl,
  aria2Command,
  aria2Done,
  aria2Version,
  infoHash,
  opentrackerCommand,
  output,
} from './commands.mjs'

export { infoHash }

export interface Job {
  readonly torrent: string
  /** The folder that holds the content. */
  readonly folder: string
  readonly host: string
  readonly port: number
  /** Addresses to connect to; only clients that can be told of peers use them. */
  readonly peers: readonly string[]
  /** A folder for the client's own state. */
  readonly state: string
}

export interface Foreign {
  readonly name: string
  readonly version: string
  /** Whether it must learn of peers by a tracker. */
  readonly needsTracker: boolean
  /** Seconds that the slowest honest transfer of 200 MiB takes. */
  readonly patience: number
  seed(network: Network, job: Job): Promise<Running>
  /** `done` resolves when the client says that it has everything. */
  leech(network: Network, job: Job): Promise<{ running: Running; done: Promise<void> }>
}

const here = new URL('.', import.meta.url).pathname
const project = new URL('../../../', import.meta.url).pathname

interface Said {
  readonly event: string
  readonly version?: string
  readonly message?: string
}

/** A JSON line with this event, else null. */
export function said<T extends Said>(event: string): (line: string) => T | null {
  return (line) => {
    if (!line.startsWith('{')) return null
    try {
      const words: T = JSON.parse(line)
      return words.event === event ? words : null
    } catch {
      return null
    }
  }
}

function libtorrent(name: string, python: string): Foreign {
  const version = execFileSync(python, ['-c', 'import libtorrent; print(libtorrent.version)'], {
    encoding: 'utf8',
  }).trim()
  const start = async (network: Network, mode: string, job: Job) => {
    const words = { mode, torrent: job.torrent, path: job.folder, listen: `${job.host}:${job.port}`, peers: job.peers }
    const running = network.start(`${name} ${mode}`, job.host, python, [
      join(here, 'libtorrent_peer.py'),
      JSON.stringify(words),
    ])
    await running.line(said('ready'), 20)
    return running
  }
  return {
    name,
    version,
    needsTracker: false,
    patience: 60,
    seed: (network, job) => start(network, 'seed', job),
    async leech(network, job) {
      const running = await start(network, 'leech', job)
      return { running, done: running.line(said('done'), 90).then(() => undefined) }
    },
  }
}

function transmission(): Foreign {
  const version = /transmission-daemon ([^\s]+)/.exec(output('transmission-daemon', ['-V']))?.[1] ?? 'unknown'
  const start = async (network: Network, job: Job, seeding: boolean) => {
    mkdirSync(join(job.state, 'torrents'), { recursive: true })
    const settings = {
      'bind-address-ipv4': job.host,
      'peer-port': job.port,
      'rpc-bind-address': job.host,
      'rpc-port': 9091,
      'rpc-whitelist-enabled': false,
      'rpc-host-whitelist-enabled': false,
      'download-dir': job.folder,
      'dht-enabled': false,
      'lpd-enabled': false,
      'pex-enabled': false,
      'utp-enabled': false,
      encryption: 0,
      'port-forwarding-enabled': false,
      'ratio-limit-enabled': false,
      'speed-limit-up-enabled': false,
      'upload-slots-per-torrent': 14,
      'incomplete-dir-enabled': false,
    }
    writeFileSync(join(job.state, 'settings.json'), JSON.stringify(settings))
    const running = network.start(`transmission ${seeding ? 'seed' : 'leech'}`, job.host, 'transmission-daemon', [
      '-f',
      '-g',
      job.state,
      '--log-debug',
    ])
    const rpc = (method: string, words: object) => call(network, job.host, method, words)
    await until(20, () => tries(() => rpc('session-get', {})))
    rpc('torrent-add', { filename: job.torrent, 'download-dir': job.folder, paused: false })
    if (seeding) {
      await until(60, () => {
        const [torrent] = rpc('torrent-get', { fields: ['status', 'percentDone'] }).torrents
        return torrent?.status === 6 && torrent.percentDone === 1
      })
    }
    return { running, rpc }
  }
  return {
    name: 'transmission',
    version,
    needsTracker: true,
    patience: 90,
    async seed(network, job) {
      return (await start(network, job, true)).running
    },
    async leech(network, job) {
      const { running, rpc } = await start(network, job, false)
      const done = until(90, () => {
        const [torrent] = rpc('torrent-get', {
          fields: ['percentDone', 'leftUntilDone', 'status', 'errorString'],
        }).torrents
        return torrent?.percentDone === 1 && torrent.leftUntilDone === 0
      })
      return { running, done }
    },
  }
}

function call(
  network: Network,
  host: string,
  method: string,
  words: object,
): { torrents: { status: number; percentDone: number; leftUntilDone: number }[] } {
  const url = `http://${host}:9091/transmission/rpc`
  const session = /X-Transmission-Session-Id: (\S+)/.exec(network.exec('curl', '-s', '-i', '-m', '5', url))?.[1] ?? ''
  const reply = network.exec(
    'curl',
    '-s',
    '-m',
    '5',
    '-H',
    `X-Transmission-Session-Id: ${session}`,
    '-d',
    JSON.stringify({ method, arguments: words }),
    url,
  )
  return JSON.parse(reply).arguments
}

function aria2(): Foreign {
  const version = aria2Version()
  const start = (network: Network, job: Job, seeding: boolean) => {
    const [command = '', ...args] = aria2Command({ ...job, seeding })
    return network.start(`aria2 ${seeding ? 'seed' : 'leech'}`, job.host, command, args)
  }
  return {
    name: 'aria2',
    version,
    needsTracker: true,
    patience: 90,
    async seed(network, job) {
      return start(network, job, true)
    },
    async leech(network, job) {
      const running = start(network, job, false)
      return { running, done: running.line(aria2Done, 90).then(() => undefined) }
    },
  }
}

/** The foreign clients of this machine, and what is missing. */
export function foreignClients(): { clients: Foreign[]; missing: string[] } {
  const clients: Foreign[] = []
  const missing: string[] = []
  const add = (name: string, make: () => Foreign) => {
    try {
      clients.push(make())
    } catch {
      missing.push(name)
    }
  }
  const venv = firstExisting(join(project, 'target/peers/libtorrent/bin/python'))
  add('libtorrent 2.1', () => {
    if (!venv) throw new Error('no libtorrent 2.1')
    return libtorrent('libtorrent 2.1', venv)
  })
  add('libtorrent 2.0', () => libtorrent('libtorrent 2.0', '/usr/bin/python3'))
  add('transmission', transmission)
  add('aria2', aria2)
  return { clients, missing }
}

export interface Tracker {
  readonly url: string
  readonly running: Running
}

/** Starts opentracker for these info-hashes (hex). */
export async function opentracker(network: Network, state: string, hashes: readonly string[]): Promise<Tracker> {
  const host = network.host()
  const [command = '', ...args] = opentrackerCommand(host, state, hashes)
  const running = network.start('opentracker', host, command, args)
  await until(10, () => tries(() => network.exec('curl', '-s', '-m', '2', `http://${host}:6969/stats`)))
  return { url: announceUrl(host), running }
}

function tries(act: () => unknown): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}

/** Polls a foreign process, which offers no event to wait for. */
export async function until(seconds: number, holds: () => boolean): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
