import { randomBytes } from 'node:crypto'
import { attach } from './attach.ts'
import { abortSignal, expected, flag, integer, oneOf, readOptions, text, texts } from './check.ts'
import { TorrentError } from './errors.ts'
import { Emitter } from './events.ts'
import { get } from './http.ts'
import { type LogEntry, toLogEntry, type Warning } from './log.ts'
import { dial } from './native/dial.ts'
import { NativeEngine } from './native/engine.ts'
import { setLog } from './native/parse.ts'
import type { Settings } from './settings.ts'
import { load, type TorrentSource } from './source.ts'
import { readTiers, type TrackerTiers } from './tiers.ts'
import { Torrent, type TorrentOwner } from './torrent.ts'
import type { Tracker } from './tracker/announcer.ts'
import { Line } from './tracker/announces.ts'
import type { Host, TrackerLimits } from './tracker/host.ts'
import { Tracking, type TrackingContext, trackerTiers } from './tracking.ts'
import { parseEndpoint } from './util/address.ts'
import { Values } from './values.ts'
import { CLIENT_NAME } from './version.ts'
import { abortable, throwIfAborted } from './wait.ts'

/** How a client is opened. */
export interface ClientOptions {
  /**
   * Where to listen for peers: `ip`, `ip:port`, several of them, or `false` for nowhere.
   * @default both families, every address
   */
  readonly listen?: string | readonly string[] | false
  /** The port of addresses that name none; 0 is the first free one from `listenPort` upwards. @default 0 */
  readonly port?: number
  /** Limits and intervals that differ from their defaults. */
  readonly settings?: Settings
  /** Threads that own sockets and torrents. @default one per core, at most four */
  readonly shards?: number
  /** The name that peers see. @default 'Bitlode' and its version */
  readonly name?: string
  /**
   * Whether trackers that stand in a .torrent file must be on public addresses (or on loopback, with a path that begins
   * with `/announce`): whoever wrote the file could else make this machine send requests into its own network. Trackers
   * of a magnet link and of the option `trackers` are the user's own choice and may be anywhere. Without it those of files
   * may be, too; what a public tracker redirects to may not. @default true
   */
  readonly ssrfMitigation?: boolean
  /** Ends the opening with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** How a torrent is added. */
export interface AddOptions {
  /** The folder that holds the content. @default the working directory */
  readonly path?: string
  /**
   * `download` fetches what is missing; `seed` needs the content to be there and never writes; `verify` only looks and
   * opens no connection. @default 'download'
   */
  readonly mode?: 'download' | 'seed' | 'verify'
  /** Write into files that are there and are not marked as this torrent's. @default false */
  readonly overwrite?: boolean
  /** Peers to try, `ip:port` each. */
  readonly peers?: readonly string[]
  /** More trackers: each string its own tier, each list a tier. Their addresses are yours: the SSRF rules do not apply. */
  readonly trackers?: TrackerTiers
  /** Start at once. @default true */
  readonly start?: boolean
  /** Ends the adding with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** What one network thread has done since the client was opened. */
export interface ShardLoad {
  /** Torrents that live there now. */
  readonly torrents: number
  /** Microseconds spent outside of waiting. */
  readonly busy: number
  /** The longest turn between two waits, microseconds; since the client was opened, or the turns begun anew. */
  readonly longestTurn: number
  /**
   * Of the same turns the longest without the time in which the processor was given to others, microseconds: the CPU
   * time of a turn that never slept, the whole of one that waited for something. Where the system does not tell,
   * `longestTurn`.
   */
  readonly longestOwnTurn: number
  /** CPU time of its thread, microseconds; 0 where the system does not tell. */
  readonly cpu: number
}

/** The events of a client. All are past. */
export interface ClientEvents {
  /** A torrent was added. */
  added: { readonly torrent: Torrent }
  /** A torrent was removed. */
  removed: { readonly torrent: Torrent }
  /** Something is not right; everything goes on. */
  warned: Warning & { readonly torrent: Torrent | null }
  /** Anything worth a line in a log that belongs to no torrent. */
  happened: LogEntry
  /** So many log entries were lost because nobody read them in time. */
  lost: { readonly count: number }
  /** The engine broke: everything has ended at its last safe state. */
  failed: { readonly error: TorrentError }
  /** Everything has ended. */
  closed: { readonly error: TorrentError | null }
}

/** The engine's threads stop within this time once it is told to, milliseconds. */
const JOIN = 4_000

/**
 * A BitTorrent client: listens, connects, and runs torrents on threads of its own. It keeps Node alive until it is closed,
 * unless `unref` is called.
 */
export class Client extends Emitter<ClientEvents> {
  readonly #engine: NativeEngine
  readonly #values: Values
  readonly #host: Host
  readonly #limits: TrackerLimits
  readonly #line: Line
  readonly #ssrfMitigation: boolean
  readonly #torrents = new Map<string, Torrent>()
  /** Of those torrents that have trackers. */
  readonly #tracking = new Map<Torrent, Tracking>()
  readonly #trackingContext: TrackingContext
  readonly #owner: TorrentOwner = {
    changed: (torrent) => this.#tracking.get(torrent)?.follow(),
    completed: (torrent) => this.#tracking.get(torrent)?.completed(),
    metadataReceived: (torrent) => this.#tracking.get(torrent)?.learned(),
    lonely: (torrent) => this.#tracking.get(torrent)?.lonely(),
    warned: (torrent, warning) => this.emit('warned', { ...warning, torrent }),
    removed: (torrent) => {
      // `remove` has taken it out of the map before: its trackers still hear `stopped`.
      this.#tracking.get(torrent)?.destroy()
      this.#drop(torrent)
    },
  }
  #closing: Promise<void> | undefined
  #closed = false

  private constructor(values: Values, shards: number | null, name: string, ssrfMitigation: boolean) {
    super()
    this.#values = values
    this.#ssrfMitigation = ssrfMitigation
    const portable = process.env.BITLODE_SYS === 'portable'
    const options = { ...values.packed, shards, network: true, client: name, portable }
    this.#engine = new NativeEngine(options, {
      happened: (fact) => this.emit('happened', toLogEntry(fact)),
      lost: (count) => this.emit('lost', { count }),
      failed: (error) => this.#failed(error),
    })
    const peerId = this.#engine.peerId()
    this.#limits = trackerLimits(values)
    this.#line = new Line(this.#limits.maxAnnounces)
    this.#host = {
      now: () => performance.now(),
      random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
      timer: (delay, ring) => {
        const timer = setTimeout(ring, delay)
        // The engine's own timer keeps Node alive; these never do.
        timer.unref()
        return () => clearTimeout(timer)
      },
      dial: (to) => dial(this.#engine, to),
    }
    const [host, limits, line, engine] = [this.#host, this.#limits, this.#line, this.#engine]
    this.#trackingContext = { host, limits, line, peerId, listening: () => engine.listening() }
  }

  /**
   * Starts a client and listens.
   *
   * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_LISTEN_FAILED`, `ERR_ADDON_LOAD`, `ERR_ABORTED`.
   */
  static async open(options: ClientOptions = {}): Promise<Client> {
    const known = ['listen', 'port', 'settings', 'shards', 'name', 'ssrfMitigation', 'signal']
    const read = readOptions(options, known, 'Client.open')
    const port = read.port === undefined ? 0 : integer('port', read.port, 0, 65_535)
    const addresses = listenAddresses(read.listen, port)
    const values = new Values(read.settings as Settings | undefined)
    const shards = read.shards === undefined ? null : integer('shards', read.shards, 1, 64)
    const name = read.name === undefined ? CLIENT_NAME : text('name', read.name)
    const mitigation = read.ssrfMitigation === undefined ? true : flag('ssrfMitigation', read.ssrfMitigation)
    const signal = abortSignal(read.signal)
    throwIfAborted(signal)
    if (process.env.BITLODE_LOG) setLog(process.env.BITLODE_LOG)
    const client = new Client(values, shards, name, mitigation)
    try {
      if (addresses.length > 0) {
        const listening = client.#engine.ask(
          (native) => native.listen(addresses),
          () => {},
        )
        await abortable(listening, signal)
      }
      return client
    } catch (error) {
      client.destroy()
      throw error
    }
  }

  /** The torrents, by info-hash in hexadecimal: the v1 hash where there is one. */
  get torrents(): ReadonlyMap<string, Torrent> {
    return this.#torrents
  }

  /** Where the client listens: the port, and every address as `ip:port`; null when it does not. */
  address(): { readonly port: number; readonly addresses: readonly string[] } | null {
    const addresses = this.#engine.listening()
    const first = parseEndpoint(addresses[0] ?? '')
    return first ? { port: first.port, addresses } : null
  }

  /**
   * What each network thread has done so far.
   * @param options With `anew` (default false) the longest turns begin anew behind it, so that the next call tells of
   * what came between. A monitor that asks in intervals wants this; there should be one of them.
   */
  loads(options: { readonly anew?: boolean } = {}): readonly ShardLoad[] {
    const numbers = this.#engine.shardLoads(options.anew ?? false)
    return Array.from({ length: numbers.length / 5 }, (_, shard) => {
      const five = numbers.subarray(5 * shard, 5 * shard + 5)
      const [torrents = 0, busy = 0, longestTurn = 0, longestOwnTurn = 0, cpu = 0] = five
      return { torrents, busy, longestTurn, longestOwnTurn, cpu }
    })
  }

  /**
   * Adds a torrent: a magnet link or bare info-hash, the path of a .torrent file, a URL of one, or its bytes. Resolves when
   * it is known to the engine; `ready`, `metadata` and `done` say more.
   *
   * Errors: `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`, `ERR_FILE_READ`, `ERR_METAINFO_…`, `ERR_BENCODE_…`,
   * `ERR_MAGNET_INVALID`, `ERR_DUPLICATE_TORRENT`, `ERR_CLOSED`, `ERR_ABORTED`.
   */
  async add(source: TorrentSource, options: AddOptions = {}): Promise<Torrent> {
    const known = ['path', 'mode', 'overwrite', 'peers', 'trackers', 'start', 'signal']
    const read = readOptions(options, known, 'add')
    const folder = read.path === undefined ? '.' : text('path', read.path)
    const mode = read.mode === undefined ? 'download' : oneOf('mode', read.mode, ['download', 'seed', 'verify'])
    const overwrite = read.overwrite === undefined ? false : flag('overwrite', read.overwrite)
    const start = read.start === undefined ? true : flag('start', read.start)
    const peers = read.peers === undefined ? [] : texts('peers', read.peers).map(peerAddress)
    const trackers = read.trackers === undefined ? [] : readTiers(read.trackers)
    const signal = abortSignal(read.signal)
    this.#throwIfClosed()
    const download = (url: URL, stop: AbortSignal | undefined) => this.#download(url, stop)
    const loaded = await load(source, { values: this.#values, signal, download })
    this.#throwIfClosed()
    const adding = attach(this.#engine, loaded, this.#values, { folder, mode, overwrite, start })
    const torrent = await abortable(adding, signal, () => {
      adding.then(
        (late) => this.#forget(late),
        () => {},
      )
    })
    if (this.#closed) throw torrent.error ?? closed()
    const trust = loaded.kind === 'magnet' || !this.#ssrfMitigation ? 'address' : 'none'
    // One that only looks opens no connection at all.
    this.#adopt(torrent, mode === 'verify' ? undefined : trackerTiers(torrent, trackers, trust))
    const named = loaded.kind === 'magnet' ? loaded.facts.peers.filter((peer) => parseEndpoint(peer)) : []
    for (const peer of [...peers, ...named]) torrent.addPeer(peer).catch(() => {})
    return torrent
  }

  /**
   * Forgets a torrent; its files stay. Resolves when its connections are closed and its files are written.
   *
   * Errors: `ERR_NOT_FOUND`, `ERR_CLOSED`.
   */
  async remove(torrent: Torrent | string): Promise<void> {
    this.#throwIfClosed()
    const found = typeof torrent === 'string' ? this.#torrents.get(torrent.toLowerCase()) : torrent
    if (!found || this.#torrents.get(Torrent.keyOf(found) ?? '') !== found)
      throw new TorrentError('ERR_NOT_FOUND', 'This client has no such torrent')
    const tracking = this.#tracking.get(found)
    this.#drop(found)
    const told = tracking?.stop()
    try {
      await this.#forget(found)
      await told
    } finally {
      tracking?.destroy()
    }
    this.emit('removed', { torrent: found })
  }

  /**
   * Ends gracefully: trackers are told (at most `trackerStopTimeout`), what was received is written and made durable,
   * threads stop. May be called again; later calls of all other methods reject with `ERR_CLOSED`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const began = performance.now()
    await Promise.all([...this.#tracking.values()].map((tracking) => tracking.stop()))
    const spent = performance.now() - began
    await this.#engine.close(Math.max(this.#values.number('closeTimeout') - spent - JOIN, 1_000))
    this.#end(null)
  }

  /** Ends now: nothing is told to anyone, what is not written is lost. What is claimed stays true. */
  destroy(): void {
    if (this.#closing) this.#engine.destroy()
    if (this.#closed) return
    this.#closed = true
    this.#closing = Promise.resolve()
    this.#engine.destroy()
    this.#end(null)
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The client keeps Node alive; it does from the start. */
  ref(): this {
    this.#engine.ref()
    return this
  }

  /** The client does not keep Node alive. */
  unref(): this {
    this.#engine.unref()
    return this
  }

  #adopt(torrent: Torrent, tiers: readonly (readonly Tracker[])[] = []): void {
    this.#torrents.set(torrent.key, torrent)
    torrent.belong(this.#owner)
    if (tiers.length > 0) this.#tracking.set(torrent, new Tracking(torrent, tiers, this.#trackingContext))
    this.emit('added', { torrent })
  }

  #drop(torrent: Torrent): void {
    // A later one may go by the same name.
    if (this.#torrents.get(torrent.key) === torrent) this.#torrents.delete(torrent.key)
    this.#tracking.delete(torrent)
  }

  /** Takes a torrent out of the engine. */
  async #forget(torrent: Torrent): Promise<void> {
    await torrent.leave()
  }

  #failed(error: TorrentError): void {
    this.#closed = true
    this.#closing ??= Promise.resolve()
    this.emit('failed', { error })
    this.#end(error)
  }

  #end(error: TorrentError | null): void {
    for (const tracking of this.#tracking.values()) tracking.destroy()
    this.#tracking.clear()
    this.#torrents.clear()
    this.emit('closed', { error })
  }

  #throwIfClosed(): void {
    if (this.#closed) throw closed()
  }

  async #download(url: URL, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { httpHeaderBytes, httpRedirects, httpTimeout, httpFirstByteTimeout } = this.#limits
    const max = this.#values.number('maxMetainfoBytes')
    const { status, body } = await get({
      url,
      signal,
      // The user typed this URL: its own server is exempt from the SSRF rules, what it redirects to elsewhere is not.
      judge: (next, first) => (next.host === first.host ? 'user' : 'tracker'),
      dial: (to) => this.#host.dial({ ...to, family: null }),
      timer: (delay, ring) => this.#host.timer(delay, ring),
      limits: {
        body: max,
        inflated: max,
        header: httpHeaderBytes,
        redirects: httpRedirects,
        total: httpTimeout,
        firstByte: httpFirstByteTimeout,
      },
      codes: { timeout: 'ERR_FILE_READ', limit: 'ERR_METAINFO_TOO_LARGE', unreachable: 'ERR_FILE_READ' },
    })
    if (status !== 200) throw new TorrentError('ERR_FILE_READ', `${url.host} answered ${status}`)
    return body
  }
}

function closed(): TorrentError {
  return new TorrentError('ERR_CLOSED', 'The client is closed')
}

function listenAddresses(value: unknown, port: number): string[] {
  if (value === false) return []
  const given = value === undefined ? ['0.0.0.0', '::'] : typeof value === 'string' ? [value] : texts('listen', value)
  return given.map((address) => {
    if (parseEndpoint(address)) return address
    const bare = address.replace(/^\[|\]$/g, '')
    const whole = bare.includes(':') ? `[${bare}]:${port}` : `${bare}:${port}`
    if (!parseEndpoint(whole)) throw expected('listen', 'an IP address, with or without a port', address)
    return whole
  })
}

function peerAddress(address: string): string {
  const parts = parseEndpoint(address)
  if (!parts || parts.port === 0) throw expected('peers', 'addresses of the form ip:port', address)
  return address
}

function trackerLimits(values: Values): TrackerLimits {
  return values.numbers(
    'httpBodyBytes',
    'httpInflatedBytes',
    'httpHeaderBytes',
    'httpRedirects',
    'httpTimeout',
    'httpFirstByteTimeout',
    'trackerStopTimeout',
    'trackerPeers',
    'trackerNumWant',
    'trackerIntervalMin',
    'trackerIntervalMax',
    'trackerIntervalDefault',
    'trackerBackoffMin',
    'trackerBackoffMax',
    'maxAnnounces',
    'maxNetworkDepth',
    'maxNetworkTokens',
  )
}
