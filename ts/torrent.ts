import { Bits } from './bits.ts'
import { abortSignal, callback, readOptions, text } from './check.ts'
import { TorrentError } from './errors.ts'
import { Emitter } from './events.ts'
import { Facts, type InfoHash } from './facts.ts'
import { File, type FileHost } from './file.ts'
import { type TorrentEvents, type TrackerReply, toLogEntry, type Warning } from './log.ts'
import type { TorrentInfo, SignatureFacts as TorrentSignature, TorrentState } from './native/addon.d.ts'
import { fromFault } from './native/call.ts'
import type { NativeEngine, TorrentSink } from './native/engine.ts'
import { buildMagnet } from './native/parse.ts'
import { unpackPeers } from './native/unpack.ts'
import { withOfflineEngine } from './offline.ts'
import type { Peer } from './peer.ts'
import {
  type CheckProgress,
  type CheckResult,
  type HashcheckOptions,
  indices,
  type Phase,
  type Progress,
  runs,
  TorrentStatus,
  type WaitOptions,
} from './progress.ts'
import { type Loaded, load, type TorrentSource } from './source.ts'
import { tell } from './tell.ts'
import { Values } from './values.ts'
import { abortable, Bell, throwIfAborted } from './wait.ts'

/** @internal What ties a torrent to an engine. */
export interface Attachment {
  readonly engine: NativeEngine
  readonly id: number
}

/** Positions in the array of counters; `Counter` in the engine. */
const [DOWNLOADED, UPLOADED, DOWN_RATE, UP_RATE, , WASTED, HASH_FAILED, , LEFT, DURABLE] = Array.from(
  { length: 10 },
  (_, at) => at,
) as [number, number, number, number, number, number, number, number, number, number]

/**
 * A torrent: what it is, how far it is, and what can be done with it. Made by `client.add`, or by `Torrent.open` without a
 * client: then its facts can be read and its content checked, and everything that needs peers throws `ERR_CLOSED`.
 */
export class Torrent extends Emitter<TorrentEvents> {
  readonly #loaded: Loaded
  readonly #facts: Facts
  readonly #values: Values
  /** Rings at every change. */
  readonly #bell = new Bell()
  /** Rings when it does something else, is complete, or ends. */
  readonly #turned = new Bell()
  readonly #counters = new Float64Array(10)
  #attachment: Attachment | undefined
  #state: TorrentState | undefined
  /** Without a client: the content was looked at. */
  #checked = false
  #bits = new Bits(0)
  #files: readonly File[] | undefined
  #error: TorrentError | null = null
  #end: TorrentError | undefined

  /** @internal */
  constructor(loaded: Loaded, values: Values, attachment?: Attachment) {
    super()
    this.#loaded = loaded
    this.#facts = new Facts(loaded)
    this.#values = values
    this.#attachment = attachment
    if (this.#facts.info) this.#bits = new Bits(this.#facts.info.pieces)
    attachment?.engine.watchTorrent(attachment.id, this.#sink())
  }

  /**
   * Reads a torrent without a client and without network: a path, bytes, a `file:` URL or a magnet link.
   *
   * Errors: `ERR_FILE_READ`, `ERR_METAINFO_…`, `ERR_BENCODE_…`, `ERR_MAGNET_INVALID`, `ERR_INVALID_OPTION`, `ERR_ABORTED`.
   */
  static async open(source: TorrentSource, options: WaitOptions = {}): Promise<Torrent> {
    const read = readOptions(options, ['signal'], 'Torrent.open')
    const values = new Values()
    const loaded = await load(source, { values, signal: abortSignal(read.signal), download: undefined })
    return new Torrent(loaded, values)
  }

  /** The name on disk of the file or folder; a magnet link's own, or the info-hash, until the metadata is known. */
  get name(): string {
    return this.#facts.name
  }

  /** The name as the torrent spells it; not fit for the disk. */
  get originalName(): string {
    return this.#facts.originalName
  }

  get infoHash(): InfoHash {
    return this.#facts.infoHash
  }

  /** The files, pads included; none before the metadata is known. */
  get files(): readonly File[] {
    const list = this.#facts.files
    if (!list) return []
    this.#files ??= Object.freeze(this.#makeFiles(list.length))
    return this.#files
  }

  /** Pieces; 0 before the metadata is known. */
  get pieces(): number {
    return this.#facts.info?.pieces ?? 0
  }

  /** Bytes of a piece; 0 before the metadata is known. */
  get pieceLength(): number {
    return this.#facts.info?.pieceLength ?? 0
  }

  /** Bytes of all content without pads; 0 before the metadata is known. */
  get length(): number {
    return this.#facts.info?.length ?? 0
  }

  /** Only the trackers may be asked for peers (BEP 27). */
  get private(): boolean {
    return this.#facts.info?.private ?? false
  }

  /** `source`: what some trackers want in a torrent to make its info-hash their own. */
  get source(): string | null {
    return this.#facts.info?.source ?? null
  }

  /** Where a newer version of the torrent may be (BEP 39). Nothing asks there by itself. */
  get updateUrl(): string | null {
    return this.#facts.info?.updateUrl ?? null
  }

  /** The certificate, in PEM, that signs those of all peers (`ssl-cert`). */
  get sslCert(): string | null {
    return this.#facts.info?.sslCert ?? null
  }

  /** The path of the .torrent file that it was read from; null for other sources. */
  get path(): string | null {
    return this.#loaded.kind === 'metainfo' ? this.#loaded.path : null
  }

  /** The bytes of the .torrent file, as they are; null for a magnet link. A copy. */
  get raw(): Uint8Array | null {
    return this.#loaded.kind === 'metainfo' ? this.#loaded.bytes.slice() : null
  }

  /** The bytes of the info dictionary, which the info-hashes are of; null for a magnet link. A copy. */
  get rawInfo(): Uint8Array | null {
    if (this.#loaded.kind !== 'metainfo') return null
    const { infoOffset, infoBytes } = this.#loaded.facts
    return this.#loaded.bytes.slice(infoOffset, infoOffset + infoBytes)
  }

  /** Tracker tiers, as the torrent or magnet link names them. */
  get trackers(): readonly (readonly string[])[] {
    return this.#facts.trackers
  }

  /** URLs of web seeds. They are not used yet. */
  get webSeeds(): readonly string[] {
    return this.#facts.webSeeds
  }

  /** Seeds of the kind of BEP 17. They are kept, not used. */
  get httpSeeds(): readonly string[] {
    return this.#facts.file.httpSeeds ?? []
  }

  /** DHT nodes to start from, each `host:port` (BEP 5). */
  get nodes(): readonly string[] {
    return this.#facts.file.nodes ?? this.#facts.link?.nodes ?? []
  }

  /** v1 info-hashes, hexadecimal, of torrents that may share files (BEP 38). */
  get similar(): readonly string[] {
    return this.#facts.file.similar ?? []
  }

  /** What the torrent belongs to (BEP 38). */
  get collections(): readonly string[] {
    return this.#facts.file.collections ?? []
  }

  /** Who vouches for the info dictionary (BEP 35). Nothing is checked. */
  get signatures(): readonly TorrentSignature[] {
    return this.#facts.file.signatures ?? []
  }

  /** The character set of names that are not UTF-8, as the .torrent file names it. */
  get encoding(): string | null {
    return this.#facts.file.encoding ?? null
  }

  get comment(): string | null {
    return this.#facts.comment
  }

  get createdBy(): string | null {
    return this.#facts.createdBy
  }

  get creationDate(): Date | null {
    return this.#facts.creationDate === null ? null : new Date(this.#facts.creationDate * 1000)
  }

  /** What is odd about the .torrent file and was accepted. */
  get warnings(): readonly string[] {
    return this.#facts.warnings
  }

  /** What it is doing. */
  get phase(): Phase {
    if (this.#end) return 'removed'
    if (!this.#attachment) return 'detached'
    // Before the engine's first word: it looks at the disk, or asks for metadata.
    return this.#state?.phase ?? (this.#facts.info ? 'checking' : 'metadata')
  }

  /** Why it stopped; null unless `phase` is `failed` or `removed`. */
  get error(): TorrentError | null {
    return this.#end ?? this.#error
  }

  /** Whether every wanted byte is verified, on disk and durable. */
  get complete(): boolean {
    return this.#state?.complete ?? false
  }

  /** Which pieces are verified: wire order, the highest bit of the first byte is piece 0. A copy. */
  get bitfield(): Uint8Array {
    return this.#bits.toBytes()
  }

  /**
   * The magnet link of this torrent: the one it was made of, or one of its own. That of a private torrent names no
   * trackers, which often hold a secret of their user.
   */
  get magnet(): string {
    const { infoHash, link, name, trackers } = this.#facts
    if (link) return buildMagnet(link)
    const shown = this.private ? [] : trackers.flat()
    const none = {
      webSeeds: [],
      peers: [],
      nodes: [],
      sources: [],
      acceptable: [],
      keywords: [],
      select: [],
      other: [],
    }
    return buildMagnet({ ...none, ...infoHash, name, trackers: shown, length: null })
  }

  /** Bytes of content received from peers. */
  get downloaded(): number {
    return this.state.downloaded
  }

  /** Bytes of content sent to peers. */
  get uploaded(): number {
    return this.state.uploaded
  }

  /** Whether every piece is verified, wanted or not; after `hashcheck`, of a torrent without a client too. */
  get seed(): boolean {
    const { pieces } = this
    return pieces > 0 && this.#bits.full(pieces)
  }

  /** Bits that say what it is doing; see {@link TorrentStatus}. */
  get status(): number {
    const { phase } = this
    const active = phase === 'metadata' || phase === 'downloading' || phase === 'seeding' || phase === 'checking'
    let bits = this.#facts.info ? TorrentStatus.LOADED : 0
    if (active) bits |= TorrentStatus.STARTED
    if (phase === 'checking') bits |= TorrentStatus.CHECKING | TorrentStatus.START_AFTER_CHECK
    if (this.#checked || this.#state?.ready) bits |= TorrentStatus.CHECKED
    if (phase === 'failed') bits |= TorrentStatus.ERROR
    if (phase === 'paused') bits |= TorrentStatus.PAUSED
    if (this.#attachment && !this.#end) bits |= TorrentStatus.QUEUED
    return bits
  }

  /** Its name, info-hash, size and what it is doing, for people. */
  override toString(): string {
    const { key } = this.#facts
    const size = this.#facts.info ? `${this.length} bytes in ${this.pieces} pieces` : 'no metadata yet'
    return `Torrent ${key} (${this.name}): ${size}, ${this.phase}`
  }

  /** How far it is, now. */
  get state(): Progress {
    const state = this.#state
    const counters = this.#count()
    const at = (position: number) => counters[position] ?? 0
    const [verified, total, rate] = [state?.verifiedBytes ?? 0, this.length, at(DOWN_RATE)]
    return {
      phase: this.phase,
      verified,
      total,
      durable: state?.complete ? verified : at(DURABLE),
      rate,
      uploadRate: at(UP_RATE),
      downloaded: at(DOWNLOADED),
      uploaded: at(UPLOADED),
      wasted: at(WASTED) + at(HASH_FAILED),
      peers: state?.peers ?? 0,
      seeds: state?.seeds ?? 0,
      checked: state?.checked ?? null,
      have: state?.have ?? 0,
      pieces: this.pieces,
      timeLeft: verified === total ? 0 : rate > 0 ? (total - verified) / rate : null,
    }
  }

  /**
   * Tells how far it is about twice a second, and a last time when it is complete. Ends with an error when the torrent
   * fails, is removed, or the client is closed.
   */
  async *progress(options: WaitOptions = {}): AsyncGenerator<Progress, undefined> {
    const read = readOptions(options, ['signal'], 'progress')
    const signal = abortSignal(read.signal)
    const { engine } = this.#attached()
    const ticks = new Bell()
    const untick = engine.onTick(() => ticks.wake())
    try {
      for (;;) {
        throwIfAborted(signal)
        this.#throwIfOver()
        const next = Promise.race([ticks.rung(), this.#turned.rung()])
        const last = this.complete
        yield this.state
        if (last) return
        await abortable(next, signal)
      }
    } finally {
      untick()
    }
  }

  /** Waits until the metadata is known. Rejects when the torrent fails, is removed, or the client is closed. */
  async metadata(options: WaitOptions = {}): Promise<this> {
    await this.#until('metadata', options, () => this.#facts.info !== undefined)
    return this
  }

  /** Waits until the content on disk has been checked. Rejects like `metadata`. */
  async ready(options: WaitOptions = {}): Promise<this> {
    await this.#until('ready', options, () => this.#state?.ready === true)
    return this
  }

  /** Waits until every wanted byte is verified, on disk and durable. Rejects like `metadata`. */
  async done(options: WaitOptions = {}): Promise<this> {
    await this.#until('done', options, () => this.complete)
    return this
  }

  /** Starts, or goes on after `pause`. */
  async start(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.run(id, true), nothing))
  }

  /** Stops fetching and serving; connections are closed. */
  async pause(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.run(id, false), nothing))
  }

  /** Tries again after the torrent failed. */
  async retry(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.retry(id), nothing))
  }

  /** Makes all that is written durable now. */
  async barrier(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.barrier(id), nothing))
  }

  /** Checks all content on disk again. */
  async check(
    options: WaitOptions & { readonly onProgress?: (progress: CheckProgress) => void } = {},
  ): Promise<CheckResult> {
    const read = readOptions(options, ['signal', 'onProgress'], 'check')
    const signal = abortSignal(read.signal)
    const onProgress = read.onProgress === undefined ? undefined : callback('onProgress', read.onProgress)
    throwIfAborted(signal)
    const { engine, id } = this.#attached()
    const untick = engine.onTick(() => {
      const checked = this.#state?.checked
      if (checked !== null && checked !== undefined) tell('onProgress', onProgress, { checked, pieces: this.pieces })
    })
    try {
      const answer = engine.ask(
        (native) => native.check(id),
        ({ have, pieces }) => ({ have: have ?? 0, pieces: pieces ?? 0 }),
      )
      const found = await abortable(answer, signal, () => engine.tell((native) => native.cancelCheck(id)))
      tell('onProgress', onProgress, { checked: found.pieces, pieces: found.pieces })
      return { ...found, bitfield: this.bitfield }
    } finally {
      untick()
    }
  }

  /** Who is connected. */
  async peers(): Promise<Peer[]> {
    return this.#ask((engine, id) =>
      engine.ask(
        (native) => native.peers(id),
        ({ peers }) => (peers ? unpackPeers(peers) : []),
      ),
    )
  }

  /** Names a peer to try, `ip:port`. */
  async addPeer(address: string): Promise<void> {
    const peer = text('address', address)
    await this.#ask((engine, id) => engine.ask((native) => native.addPeers(id, [peer], 'manual'), nothing))
  }

  /**
   * Checks the content in a folder, without network and whether or not there is a client: SHA-1 and hash trees, as far as
   * the torrent has them. Nothing is written. A torrent without a client shows the result as its `bitfield`.
   *
   * Errors: `ERR_NO_METADATA`, `ERR_INVALID_OPTION`, `ERR_METAINFO_INVALID` when piece layers are missing, `ERR_STORAGE_…`,
   * `ERR_ABORTED`.
   */
  async hashcheck(options: HashcheckOptions = {}): Promise<CheckResult> {
    const read = readOptions(options, ['path', 'pieces', 'files', 'signal', 'onProgress'], 'hashcheck')
    const folder = read.path === undefined ? '.' : text('path', read.path)
    const wanted = { folder, pieces: runs('pieces', read.pieces), files: indices('files', read.files) }
    const signal = abortSignal(read.signal)
    const onProgress = read.onProgress === undefined ? undefined : callback('onProgress', read.onProgress)
    throwIfAborted(signal)
    const loaded = this.#loaded
    if (loaded.kind === 'magnet') {
      throw new TorrentError('ERR_NO_METADATA', 'A magnet link does not say what the content must be')
    }
    return withOfflineEngine(this.#values, async (engine) => {
      const { request, answer } = engine.command(
        (addon) => addon.checkContent(loaded.bytes, wanted),
        ({ have, pieces, right }) => ({ have: have ?? 0, pieces: pieces ?? 0, bitfield: right ?? new Uint8Array() }),
        ({ hashed, pieces }) => tell('onProgress', onProgress, { checked: hashed, pieces }),
      )
      const result = await abortable(answer, signal, () => engine.tell((addon) => addon.cancelCreate(request)))
      tell('onProgress', onProgress, { checked: result.pieces, pieces: result.pieces })
      if (!this.#attachment) {
        this.#bits.replace(result.bitfield.slice())
        this.#checked = true
      }
      return result
    })
  }

  /** @internal Peers that a tracker named. */
  addCandidates(peers: readonly string[]): void {
    if (this.#end) return
    const { engine, id } = this.#attached()
    engine.tell((native) => native.addPeers(id, [...peers], 'tracker'))
  }

  /** @internal Leaves the engine. */
  async leave(): Promise<void> {
    if (this.#end) return
    const { engine, id } = this.#attached()
    const left = engine.ask((native) => native.remove(id), nothing)
    this.end(new TorrentError('ERR_CLOSED', 'The torrent was removed'))
    await left
  }

  /** @internal Tells a warning of somebody who works for this torrent. */
  warn(warning: Warning): void {
    this.emit('warned', warning)
  }

  /** @internal Tells what a tracker answered. */
  announced(reply: TrackerReply): void {
    this.emit('announced', reply)
  }

  /** @internal The client has forgotten this torrent. */
  end(error: TorrentError): void {
    if (this.#end) return
    this.#end = error
    if (this.#attachment) this.#attachment.engine.dropTorrent(this.#attachment.id)
    this.#wake()
    this.emit('removed', { error })
  }

  #wake(): void {
    this.#turned.wake()
    this.#bell.wake()
  }

  #sink(): TorrentSink {
    return {
      changed: (state) => this.#changed(state),
      happened: (fact) => this.emit('happened', toLogEntry(fact)),
      ended: (error) => this.end(error),
    }
  }

  #changed(state: TorrentState): void {
    if (this.#end) return
    const before = this.#state
    const previous = this.phase
    this.#state = state
    const learned = state.info !== null && this.#learn(state.info)
    const added = this.#merge(state)
    this.#error = state.error ? fromFault(state.error) : null
    if (previous !== this.phase || (state.complete && !before?.complete)) this.#turned.wake()
    this.#bell.wake()
    if (learned) this.emit('metadataReceived', { name: this.name })
    if (added.length > 0) this.emit('verified', { pieces: added })
    const checkEnded = before !== undefined && before.checked !== null && state.checked === null
    if ((state.ready && !before?.ready) || (state.ready && checkEnded)) {
      this.emit('checked', { have: state.have, pieces: state.pieces })
    }
    if (previous !== this.phase) this.emit('changed', { phase: this.phase, previous })
    if (state.complete && !before?.complete) this.emit('completed', { downloaded: this.state.downloaded })
    if (
      this.#error &&
      this.phase === 'failed' &&
      !(previous === 'failed' && before?.error?.code === this.#error.code)
    ) {
      this.emit('failed', { error: this.#error })
    }
  }

  /** @internal The metadata is known, from the reply to `add` or from peers. */
  learn(info: TorrentInfo): void {
    this.#learn(info)
  }

  #learn(info: TorrentInfo): boolean {
    if (this.#facts.info) return false
    this.#facts.learn(info)
    this.#bits = new Bits(info.pieces)
    return true
  }

  /** Takes over which pieces are verified and says which are new. */
  #merge(state: TorrentState): readonly number[] {
    if (state.whole) return this.#bits.replace(state.whole)
    const added = state.added ? Array.from(state.added) : []
    for (const piece of added) this.#bits.add(piece)
    return added
  }

  #makeFiles(count: number): File[] {
    const list = this.#facts.files
    const torrent = this
    const host: FileHost = {
      attached: () => this.#attached(),
      readable: async (signal) => {
        await this.ready({ signal })
      },
      has: (piece) => this.#bits.has(piece),
      get pieceLength() {
        return torrent.pieceLength
      },
    }
    return list ? Array.from({ length: count }, (_, index) => new File(host, list.at(index), index)) : []
  }

  #count(): Float64Array {
    const attachment = this.#end ? undefined : this.#attachment
    if (attachment) attachment.engine.counters(attachment.id, this.#counters)
    return this.#counters
  }

  /** Bytes that are still wanted; null before the metadata is known. */
  get left(): number | null {
    if (!this.#facts.info) return null
    if (this.complete) return 0
    return this.#count()[LEFT] ?? null
  }

  #attached(): Attachment {
    if (this.#end) throw this.#end
    if (!this.#attachment) throw new TorrentError('ERR_CLOSED', 'This torrent has no client')
    return this.#attachment
  }

  async #ask<T>(send: (engine: NativeEngine, id: number) => Promise<T>): Promise<T> {
    const { engine, id } = this.#attached()
    return send(engine, id)
  }

  #throwIfOver(): void {
    if (this.#end) throw this.#end
    if (this.phase === 'failed') throw this.#error ?? new TorrentError('ERR_INTERNAL', 'The torrent failed')
  }

  async #until(where: string, options: WaitOptions, test: () => boolean): Promise<void> {
    const signal = abortSignal(readOptions(options, ['signal'], where).signal)
    this.#attached()
    for (;;) {
      throwIfAborted(signal)
      const changed = this.#bell.rung()
      if (!this.#end && test()) return
      this.#throwIfOver()
      await abortable(changed, signal)
    }
  }
}

/** What becomes of the content of a torrent that is added. */
export interface AddSpec {
  readonly folder: string
  readonly mode: 'download' | 'seed' | 'verify'
  readonly overwrite?: boolean
  readonly start?: boolean
}

/** @internal Adds a torrent to an engine. States that follow the reply find the torrent in place. */
export function attach(engine: NativeEngine, loaded: Loaded, values: Values, spec: AddSpec): Promise<Torrent> {
  const { folder, mode, overwrite = false, start = true } = spec
  const options = { folder, mode, overwrite, start }
  return engine.ask(
    (native) =>
      loaded.kind === 'metainfo' ? native.addMetainfo(loaded.bytes, options) : native.addMagnet(loaded.link, options),
    (reply) => {
      const torrent = new Torrent(loaded, values, { engine, id: reply.torrent ?? 0 })
      if (reply.info) torrent.learn(reply.info)
      return torrent
    },
  )
}

function nothing(): void {}
