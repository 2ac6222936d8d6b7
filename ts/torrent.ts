import { abortSignal, callback, readOptions, text } from './check.ts'
import { TorrentError } from './errors.ts'
import { Emitter } from './events.ts'
import { Facts, type InfoHash } from './facts.ts'
import { File, type FileHost } from './file.ts'
import { hashcheck } from './hashcheck.ts'
import { type TorrentEvents, type TrackerReply, toLogEntry, type Warning } from './log.ts'
import type { LogFact, SignatureFacts as TorrentSignature, TorrentState } from './native/addon.d.ts'
import type { NativeEngine } from './native/engine.ts'
import { unpackPeers } from './native/unpack.ts'
import type { Peer } from './peer.ts'
import {
  type CheckProgress,
  type CheckResult,
  type HashcheckOptions,
  type Phase,
  type Progress,
  TorrentStatus,
  type WaitOptions,
} from './progress.ts'
import { type Loaded, load, type TorrentSource } from './source.ts'
import { firstPhase, Standing } from './standing.ts'
import { tell } from './tell.ts'
import { Values } from './values.ts'
import { abortable, Bell, throwIfAborted } from './wait.ts'

/** @internal What ties a torrent to an engine. */
export interface Attachment {
  readonly engine: NativeEngine
  readonly id: number
  /** It was not added to wait. */
  readonly start: boolean
}

/**
 * @internal Who has a torrent: hears what happens to it before any listener does. One for all torrents of a client, where
 * listeners would be functions and lists for each.
 */
export interface TorrentOwner {
  changed(torrent: Torrent): void
  completed(torrent: Torrent): void
  metadataReceived(torrent: Torrent): void
  /** The number of connected peers has become 0. */
  lonely(torrent: Torrent): void
  warned(torrent: Torrent, warning: Warning): void
  removed(torrent: Torrent): void
}

/** Positions in the array of counters; `Counter` in the engine. */
const [DOWNLOADED, UPLOADED, DOWN_RATE, UP_RATE, , WASTED, HASH_FAILED, , LEFT, DURABLE] = Array.from(
  { length: 10 },
  (_, at) => at,
) as [number, number, number, number, number, number, number, number, number, number]

/** The numbers of a torrent that has no engine. */
const ZEROS = new Float64Array(10)

/**
 * A torrent: what it is, how far it is, and what can be done with it. Made by `client.add`, or by `Torrent.open` without a
 * client: then its facts can be read and its content checked, and everything that needs peers throws `ERR_CLOSED`.
 */
export class Torrent extends Emitter<TorrentEvents> {
  readonly #facts: Facts
  readonly #values: Values
  readonly #standing = new Standing()
  /** Rings at every change. */
  readonly #bell = new Bell()
  /** Rings when it does something else, is complete, or ends. */
  readonly #turned = new Bell()
  /** What was counted when it was last asked. */
  #counters: Float64Array | undefined
  readonly #attachment: Attachment | undefined
  #owner: TorrentOwner | undefined
  /** Without a client: the content was looked at. */
  #checked = false
  #files: readonly File[] | undefined
  #end: TorrentError | undefined

  /** @internal */
  constructor(loaded: Loaded, values: Values, attachment?: Attachment) {
    super()
    this.#facts = new Facts(loaded, values)
    this.#values = values
    this.#attachment = attachment
    attachment?.engine.watchTorrent(attachment.id, this)
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

  /** The info-hashes, hexadecimal: v1 (BEP 3), v2 (BEP 52), or both for a hybrid. */
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
    return this.#facts.summary?.pieces ?? 0
  }

  /** Bytes of a piece; 0 before the metadata is known. */
  get pieceLength(): number {
    return this.#facts.summary?.pieceLength ?? 0
  }

  /** Bytes of all content without pads; 0 before the metadata is known. */
  get length(): number {
    return this.#facts.summary?.length ?? 0
  }

  /** Only the trackers may be asked for peers (BEP 27). */
  get private(): boolean {
    return this.#facts.summary?.private ?? false
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
    const { loaded } = this.#facts
    return loaded.kind === 'metainfo' ? loaded.path : null
  }

  /** The bytes of the .torrent file, as they are; null for a magnet link. A copy. */
  get raw(): Uint8Array | null {
    const { loaded } = this.#facts
    return loaded.kind === 'metainfo' ? loaded.bytes.slice() : null
  }

  /** The bytes of the info dictionary, which the info-hashes are of; null for a magnet link. A copy. */
  get rawInfo(): Uint8Array | null {
    const { file, loaded } = this.#facts
    const { infoOffset = 0, infoBytes = 0 } = file
    return loaded.kind === 'metainfo' ? loaded.bytes.slice(infoOffset, infoOffset + infoBytes) : null
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

  /** Free text of who made the .torrent file; null when there is none. */
  get comment(): string | null {
    return this.#facts.file.comment ?? null
  }

  /** What made the .torrent file, as it says; null when it does not. */
  get createdBy(): string | null {
    return this.#facts.file.createdBy ?? null
  }

  /** When the .torrent file was made, as it says; null when it does not. */
  get creationDate(): Date | null {
    const date = this.#facts.file.creationDate ?? null
    return date === null ? null : new Date(date * 1000)
  }

  /** What is odd about the .torrent file and was accepted. */
  get warnings(): readonly string[] {
    return this.#facts.file.warnings ?? []
  }

  /** What it is doing. */
  get phase(): Phase {
    if (this.#end) return 'removed'
    if (!this.#attachment) return 'detached'
    return this.#standing.phase ?? firstPhase(this.#facts.summary !== undefined, this.#attachment.start)
  }

  /** Why it stopped; null unless `phase` is `failed` or `removed`. */
  get error(): TorrentError | null {
    return this.#end ?? this.#standing.error
  }

  /** Whether every wanted byte is verified, on disk and durable. */
  get complete(): boolean {
    return this.#standing.complete
  }

  /** Which pieces are verified: wire order, the highest bit of the first byte is piece 0. A copy. */
  get bitfield(): Uint8Array {
    return this.#standing.bitfield(this.pieces)
  }

  /**
   * The magnet link of this torrent: the one it was made of, or one of its own. That of a private torrent names no
   * trackers, which often hold a secret of their user.
   */
  get magnet(): string {
    return this.#facts.magnet
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
    return this.#standing.full(this.pieces)
  }

  /** Bits that say what it is doing; see {@link TorrentStatus}. */
  get status(): number {
    const { phase } = this
    const active = phase === 'metadata' || phase === 'downloading' || phase === 'seeding' || phase === 'checking'
    let bits = this.#facts.summary ? TorrentStatus.LOADED : 0
    if (active) bits |= TorrentStatus.STARTED
    if (phase === 'checking') bits |= TorrentStatus.CHECKING | TorrentStatus.START_AFTER_CHECK
    if (this.#checked || this.#standing.ready) bits |= TorrentStatus.CHECKED
    if (phase === 'failed') bits |= TorrentStatus.ERROR
    if (phase === 'paused') bits |= TorrentStatus.PAUSED
    if (this.#attachment && !this.#end) bits |= TorrentStatus.QUEUED
    return bits
  }

  /** Its name, info-hash, size and what it is doing, for people. */
  override toString(): string {
    const { key } = this.#facts
    const size = this.#facts.summary ? `${this.length} bytes in ${this.pieces} pieces` : 'no metadata yet'
    return `Torrent ${key} (${this.name}): ${size}, ${this.phase}`
  }

  /** How far it is, now. */
  get state(): Progress {
    const { complete, verified, peers, seeds, checked, have } = this.#standing
    const counters = this.#count()
    const at = (position: number) => counters[position] ?? 0
    const [total, rate] = [this.length, at(DOWN_RATE)]
    return {
      phase: this.phase,
      verified,
      total,
      durable: complete ? verified : at(DURABLE),
      rate,
      uploadRate: at(UP_RATE),
      downloaded: at(DOWNLOADED),
      uploaded: at(UPLOADED),
      wasted: at(WASTED) + at(HASH_FAILED),
      peers,
      seeds,
      checked,
      have,
      pieces: this.pieces,
      timeLeft: verified === total ? 0 : rate > 0 ? (total - verified) / rate : null,
    }
  }

  /**
   * Tells how far it is about twice a second, and a last time when it is complete.
   *
   * Errors: `ERR_CLOSED` without a client, and when the torrent is removed or the client closed; why the torrent failed;
   * `ERR_ABORTED`, `ERR_INVALID_OPTION`, `ERR_UNKNOWN_OPTION`.
   */
  async *progress(options: WaitOptions = {}): AsyncGenerator<Progress, undefined> {
    const read = readOptions(options, ['signal'], 'progress')
    const signal = abortSignal(read.signal)
    const { engine } = this.#attached()
    const ticks = new Bell()
    const untick = engine.onTick(() => ticks.wake())
    let over = false
    // Tied to the ticks once for each turn: what waits for a turn at every tick would pile up until there is one.
    const tie = () => {
      this.#turned.rung().then(() => {
        ticks.wake()
        if (!over) tie()
      })
    }
    tie()
    try {
      for (;;) {
        throwIfAborted(signal)
        this.#throwIfOver()
        const next = ticks.rung()
        const last = this.complete
        yield this.state
        if (last) return
        await abortable(next, signal)
      }
    } finally {
      over = true
      untick()
    }
  }

  /**
   * Waits until the metadata is known (BEP 9); at once for what was added as a .torrent file.
   *
   * Errors: as {@link progress}.
   */
  async metadata(options: WaitOptions = {}): Promise<this> {
    await this.#until('metadata', options, () => this.#facts.summary !== undefined)
    return this
  }

  /** Waits until the content on disk has been checked. Errors: as {@link progress}. */
  async ready(options: WaitOptions = {}): Promise<this> {
    await this.#until('ready', options, () => this.#standing.ready)
    return this
  }

  /** Waits until every wanted byte is verified, on disk and durable. Errors: as {@link progress}. */
  async done(options: WaitOptions = {}): Promise<this> {
    await this.#until('done', options, () => this.complete)
    return this
  }

  /** Starts, or goes on after `pause`; tries again what storage stopped. Errors: `ERR_CLOSED`, `ERR_NOT_FOUND`. */
  async start(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.run(id, true), nothing))
  }

  /** Stops fetching and serving; connections are closed. Errors: `ERR_CLOSED`, `ERR_NOT_FOUND`. */
  async pause(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.run(id, false), nothing))
  }

  /**
   * Tries again after the torrent failed: storage goes on, a check that was not ended begins anew. `ERR_INTERNAL` and
   * `ERR_METAINFO_V2_ONLY` stay. Resolves when it was taken up; `phase` and the event `failed` say what comes of it.
   *
   * Errors: `ERR_CLOSED`, `ERR_NOT_FOUND`.
   */
  async retry(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.retry(id), nothing))
  }

  /**
   * Makes all that is written durable now, and resolves when it is.
   *
   * Errors: `ERR_NO_METADATA`, `ERR_STORAGE_…`, `ERR_CLOSED`, `ERR_NOT_FOUND`, why the torrent failed.
   */
  async barrier(): Promise<void> {
    await this.#ask((engine, id) => engine.ask((native) => native.barrier(id), nothing))
  }

  /**
   * Checks all content on disk again; one check at a time. `onProgress` hears about twice a second how many pieces were
   * looked at.
   *
   * Errors: `ERR_NO_METADATA`, `ERR_STORAGE_…`, `ERR_CLOSED`, `ERR_NOT_FOUND`, `ERR_ABORTED`, `ERR_INVALID_OPTION`,
   * `ERR_UNKNOWN_OPTION`, why the torrent failed.
   */
  async check(
    options: WaitOptions & { readonly onProgress?: (progress: CheckProgress) => void } = {},
  ): Promise<CheckResult> {
    const read = readOptions(options, ['signal', 'onProgress'], 'check')
    const signal = abortSignal(read.signal)
    const onProgress = read.onProgress === undefined ? undefined : callback('onProgress', read.onProgress)
    throwIfAborted(signal)
    const { engine, id } = this.#attached()
    const untick = engine.onTick(() => {
      const { checked } = this.#standing
      if (checked !== null) tell('onProgress', onProgress, { checked, pieces: this.pieces })
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

  /** Who is connected: a picture of this moment, in no order. Errors: `ERR_CLOSED`, `ERR_NOT_FOUND`. */
  async peers(): Promise<Peer[]> {
    return this.#ask((engine, id) =>
      engine.ask(
        (native) => native.peers(id),
        ({ peers }) => (peers ? unpackPeers(peers) : []),
      ),
    )
  }

  /**
   * Names a peer to try, `ip:port`, brackets around IPv6. Resolves when it is known, not when it is connected.
   *
   * Errors: `ERR_INVALID_OPTION`, `ERR_CLOSED`, `ERR_NOT_FOUND`.
   */
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
    const result = await hashcheck(this.#facts.loaded, this.#values, options)
    if (!this.#attachment) {
      this.#standing.found(result.bitfield.slice())
      this.#checked = true
    }
    return result
  }

  /** @internal What its client knows it by. */
  get key(): string {
    return this.#facts.key
  }

  /** @internal The same of anything; undefined of what is no torrent, and none of its code runs. */
  static keyOf(value: unknown): string | undefined {
    return typeof value === 'object' && value !== null && #facts in value ? value.#facts.key : undefined
  }

  /** @internal From now on `owner` hears of it. */
  belong(owner: TorrentOwner): void {
    this.#owner = owner
  }

  /** @internal Connected peers, without asking the engine for anything. */
  get connected(): number {
    return this.#standing.peers
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
    // What its trackers are told at the end.
    this.#count()
    const left = engine.ask((native) => native.remove(id), nothing)
    this.end(new TorrentError('ERR_CLOSED', 'The torrent was removed'))
    await left
  }

  /** @internal Tells a warning of somebody who works for this torrent. */
  warn(warning: Warning): void {
    this.#owner?.warned(this, warning)
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
    this.#owner?.removed(this)
    this.emit('removed', { error })
  }

  #wake(): void {
    this.#turned.wake()
    this.#bell.wake()
  }

  /** @internal The engine has a fact for the log. */
  happened(fact: LogFact): void {
    this.emit('happened', toLogEntry(fact))
  }

  /** @internal The engine is gone. */
  ended(error: TorrentError): void {
    this.end(error)
  }

  /** @internal The engine says how far it is. */
  changed(state: TorrentState): void {
    if (this.#end) return
    const { phase: previous, connected } = this
    const learned = state.info !== null && !this.#facts.summary
    if (learned && state.info) this.#facts.learn(state.info)
    const { added, checked, completed, failed } = this.#standing.take(state)
    const { phase, error } = this
    if (previous !== phase || completed) this.#turned.wake()
    this.#bell.wake()
    if (learned) {
      this.#owner?.metadataReceived(this)
      this.emit('metadataReceived', { name: this.name })
    }
    if (added.length > 0) this.emit('verified', { pieces: added })
    if (checked) this.emit('checked', { have: state.have, pieces: state.pieces })
    if (previous !== phase) {
      this.#owner?.changed(this)
      this.emit('changed', { phase, previous })
    }
    if (connected > 0 && this.connected === 0) this.#owner?.lonely(this)
    if (completed) {
      this.#owner?.completed(this)
      this.emit('completed', { downloaded: this.downloaded })
    }
    if (error && failed) this.emit('failed', { error })
  }

  #makeFiles(count: number): File[] {
    const list = this.#facts.files
    const torrent = this
    const host: FileHost = {
      attached: () => this.#attached(),
      readable: async (signal) => {
        await this.ready({ signal })
      },
      has: (piece) => this.#standing.has(piece),
      get pieceLength() {
        return torrent.pieceLength
      },
    }
    return list ? Array.from({ length: count }, (_, index) => new File(host, list.at(index), index)) : []
  }

  #count(): Float64Array {
    const attachment = this.#attachment
    if (!attachment) return ZEROS
    this.#counters ??= new Float64Array(10)
    if (!this.#end) attachment.engine.counters(attachment.id, this.#counters)
    return this.#counters
  }

  /** Bytes that are still wanted; null before the metadata is known. */
  get left(): number | null {
    if (!this.#facts.summary) return null
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
    if (this.phase === 'failed') throw this.#standing.error ?? new TorrentError('ERR_INTERNAL', 'The torrent failed')
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

function nothing(): void {}
