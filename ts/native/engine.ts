import { messageOf, TorrentError, toTorrentError } from '../errors.ts'
import { type Deferred, deferred } from '../wait.ts'
import type {
  CreateProgress,
  EngineOptions,
  LogFact,
  Engine as Native,
  ReaderState,
  Reply,
  StreamState,
  TorrentState,
} from './addon.d.ts'
import { call, fromFault, fromNative } from './call.ts'
import { addon } from './load.ts'

/** What hears of a torrent, a stream or a reader. No method may throw. */
export interface Sink<State> {
  /** The newest state. */
  changed(state: State): void
  /** The engine is gone; nothing comes any more. */
  ended(error: TorrentError): void
}

/** What hears of a torrent. */
export interface TorrentSink extends Sink<TorrentState> {
  /** Something happened that is worth a line in a log. */
  happened(fact: LogFact): void
}

/** What the owner of an engine hears. No method may throw. */
export interface EngineOwner {
  /** A fact that belongs to no torrent. */
  happened(fact: LogFact): void
  /** So many facts were overwritten before they were read. */
  lost(count: number): void
  /** The engine broke and accepts nothing more. */
  failed(error: TorrentError): void
}

/** How often things that are only counted are looked at again, milliseconds. */
const TICK = 500

interface Request {
  readonly answer: Deferred<unknown>
  readonly read: (reply: Reply) => unknown
  readonly progress: ((progress: CreateProgress) => void) | undefined
}

/**
 * The addon's engine with promises: commands out, replies and states in. One timer keeps Node alive while the engine is
 * open; the engine's threads and its doorbell do not.
 */
export class NativeEngine {
  readonly #native: Native
  readonly #owner: EngineOwner
  readonly #timer: NodeJS.Timeout
  readonly #requests = new Map<number, Request>()
  readonly #torrents = new Sinks<TorrentState, TorrentSink>()
  readonly #streams = new Sinks<StreamState, Sink<StreamState>>()
  readonly #readers = new Sinks<ReaderState, Sink<ReaderState>>()
  readonly #ticks = new Set<() => void>()
  /** Torrents that somebody got to know in this turn of the event loop, and what they will be told in the next. */
  readonly #fresh = new Set<number>()
  #early: (() => void)[] = []
  #end: TorrentError | undefined
  #closing: Promise<void> | undefined

  /** Starts an engine. */
  constructor(options: EngineOptions, owner: EngineOwner) {
    this.#owner = owner
    const { Engine } = addon()
    this.#native = call(() => new Engine(options, () => this.#drain()))
    this.#timer = setInterval(() => this.#tick(), TICK)
  }

  /**
   * Sends a command. `read` runs while the reply is handed out, before any state that follows it.
   *
   * Errors: what the command answers; `ERR_CLOSED` when the engine is or gets closed.
   */
  command<T>(
    send: (native: Native) => number,
    read: (reply: Reply) => T,
    onProgress?: (progress: CreateProgress) => void,
  ): { readonly request: number; readonly answer: Promise<T> } {
    if (this.#end) throw this.#end
    const request = call(() => send(this.#native))
    const answer = deferred<unknown>()
    this.#requests.set(request, { answer, read, progress: onProgress })
    return { request, answer: answer.promise as Promise<T> }
  }

  /** Sends a command and waits for its reply. */
  async ask<T>(send: (native: Native) => number, read: (reply: Reply) => T): Promise<T> {
    return this.command(send, read).answer
  }

  /** Sends a command whose reply is of no interest. */
  tell(send: (native: Native) => number): void {
    if (this.#end) return
    this.ask(send, () => {}).catch(() => {})
  }

  /**
   * From now on `sink` hears of the torrent. What came with the reply that named it waits for the next turn of the event
   * loop, so that whoever awaits that reply can listen first.
   */
  watchTorrent(id: number, sink: TorrentSink): void {
    if (this.#fresh.size === 0) setImmediate(() => this.#tellFresh())
    this.#fresh.add(id)
    this.#torrents.add(id, sink, (state) => this.#tellTorrent(id, () => sink.changed(state)))
  }

  /** Tells a torrent something: at once, or soon when nobody can have listened yet. */
  #tellTorrent(id: number, news: () => void): void {
    if (this.#fresh.has(id)) this.#early.push(news)
    else safely(news)
  }

  #tellFresh(): void {
    const early = this.#early
    this.#early = []
    this.#fresh.clear()
    for (const news of early) safely(news)
  }

  /** No one hears of the torrent any more. */
  dropTorrent(id: number): void {
    this.#torrents.delete(id)
  }

  /** A torrent's counters, by the positions of `Counter`; undefined when there is no such torrent. */
  counters(id: number, out: Float64Array): boolean {
    return !this.#end && call(() => this.#native.counters(id, out))
  }

  /** From now on `sink` hears of the stream. */
  watchStream(id: number, sink: Sink<StreamState>): void {
    this.#streams.add(id, sink)
  }

  /** Copies received bytes into `out`; 0 when there are none now. */
  readStream(id: number, out: Uint8Array): number {
    return call(() => this.#native.streamRead(id, out))
  }

  /** Queues bytes and says how many were taken. */
  writeStream(id: number, bytes: Uint8Array): number {
    return call(() => this.#native.streamWrite(id, bytes))
  }

  /** Ends writing behind what was queued. */
  endStream(id: number): void {
    call(() => this.#native.streamEnd(id))
  }

  /** Closes and forgets a stream. */
  closeStream(id: number): void {
    this.#streams.delete(id)
    if (!this.#end) call(() => this.#native.streamClose(id))
  }

  /** Opens a reader; `sink` hears of it. */
  async openReader(send: (native: Native) => number, sink: Sink<ReaderState>): Promise<OpenReader> {
    return this.ask(send, ({ reader }) => {
      const id = reader ?? 0
      const native = call(() => this.#native.reader(id))
      this.#readers.add(id, sink)
      return {
        take: (out) => call(() => native.take(out)),
        close: () => {
          this.#readers.delete(id)
          if (!this.#end) call(() => native.close())
        },
      }
    })
  }

  /** Where the engine listens. */
  listening(): string[] {
    return this.#end ? [] : call(() => this.#native.listening())
  }

  /** The peer id of all handshakes, 20 bytes. */
  peerId(): Uint8Array {
    return call(() => this.#native.peerId())
  }

  /** What each shard has done, five numbers each; see the addon. */
  shardLoads(anew: boolean): Float64Array {
    return this.#end ? new Float64Array() : call(() => this.#native.shardLoads(anew))
  }

  /** Calls `listener` about twice a second; the result ends that. */
  onTick(listener: () => void): () => void {
    this.#ticks.add(listener)
    return () => this.#ticks.delete(listener)
  }

  /** The engine keeps Node alive (it does from the start). */
  ref(): void {
    if (!this.#end) this.#timer.ref()
  }

  /** The engine does not keep Node alive. */
  unref(): void {
    this.#timer.unref()
  }

  /** Ends gracefully, within `limit` milliseconds and the time that stopping threads takes. May be called again. */
  close(limit: number): Promise<void> {
    this.#closing ??= this.#close(limit)
    return this.#closing
  }

  async #close(limit: number): Promise<void> {
    if (this.#end) return
    const late = deferred<void>()
    const timer = setTimeout(late.resolve, limit)
    const done = this.ask(
      (native) => native.close(),
      () => {},
    )
    // An engine that cannot end gracefully is ended.
    await Promise.race([late.promise, done.catch(() => {})])
    clearTimeout(timer)
    this.destroy()
  }

  /** Stops all threads now. What waits for a reply gets `ERR_CLOSED`. */
  destroy(): void {
    this.#finish(new TorrentError('ERR_CLOSED', 'The engine is closed'))
  }

  #finish(error: TorrentError): void {
    if (this.#end) return
    this.#end = error
    clearInterval(this.#timer)
    this.#ticks.clear()
    try {
      this.#native.shutdown()
    } catch {
      // A poisoned engine cannot even stop; its threads hold nothing of ours.
    }
    const requests = [...this.#requests.values()]
    this.#requests.clear()
    for (const { answer } of requests) answer.reject(error)
    this.#readers.end(error)
    this.#streams.end(error)
    this.#torrents.end(error)
  }

  #tick(): void {
    for (const listener of [...this.#ticks]) safely(listener)
  }

  /** Called by the doorbell, on a stack of Node's own: nothing may be thrown. */
  #drain(): void {
    if (this.#end) return
    try {
      const drained = this.#native.drain()
      for (const reply of drained.replies) this.#reply(reply)
      for (const progress of drained.progress) {
        safely(() => this.#requests.get(progress.request)?.progress?.(progress))
      }
      for (const state of drained.torrents) {
        this.#torrents.changed(state.torrent, state, (sink) => {
          this.#tellTorrent(state.torrent, () => sink.changed(state))
        })
      }
      for (const state of drained.streams) this.#streams.changed(state.stream, state)
      for (const state of drained.readers) this.#readers.changed(state.reader, state)
      for (const fact of drained.facts) {
        const sink = fact.torrent === null ? undefined : this.#torrents.get(fact.torrent)
        if (fact.torrent !== null && sink) this.#tellTorrent(fact.torrent, () => sink.happened(fact))
        else safely(() => this.#owner.happened(fact))
      }
      if (drained.lost > 0) safely(() => this.#owner.lost(drained.lost))
      if (drained.failed) this.#fail(fromFault(drained.failed))
    } catch (thrown) {
      this.#fail(fromNative(thrown))
    }
  }

  #fail(error: TorrentError): void {
    this.#finish(error)
    safely(() => this.#owner.failed(error))
  }

  #reply(reply: Reply): void {
    const request = this.#requests.get(reply.request)
    this.#requests.delete(reply.request)
    if (!request) return
    try {
      if (reply.error) throw fromFault(reply.error)
      request.answer.resolve(request.read(reply))
    } catch (error) {
      request.answer.reject(toTorrentError(error))
    }
  }
}

/** A reader that was opened. */
export interface OpenReader {
  /** Copies the next bytes into `out` and says how many; 0 when there are none now. */
  readonly take: (out: Uint8Array) => number
  /** Ends the read. */
  readonly close: () => void
}

/**
 * Who hears of what. A state may come before its thing's number is known here, in the same drain as the reply; it waits
 * until somebody asks for it. Numbers are never used twice, so what nobody has asked for by then is dropped first.
 */
class Sinks<State, Listener extends Sink<State>> {
  readonly #sinks = new Map<number, Listener>()
  readonly #early = new Map<number, State[]>()

  add(id: number, sink: Listener, tell: (state: State) => void = (state) => safely(() => sink.changed(state))): void {
    this.#sinks.set(id, sink)
    const early = this.#early.get(id)
    if (!early) return
    this.#early.delete(id)
    for (const state of early) tell(state)
  }

  get(id: number): Listener | undefined {
    return this.#sinks.get(id)
  }

  delete(id: number): void {
    this.#sinks.delete(id)
    this.#early.delete(id)
  }

  changed(id: number, state: State, tell = (sink: Listener) => safely(() => sink.changed(state))): void {
    const sink = this.#sinks.get(id)
    if (sink) {
      tell(sink)
      return
    }
    this.#early.set(id, [...(this.#early.get(id) ?? []), state])
    for (const oldest of this.#early.keys()) {
      if (this.#early.size <= EARLY) break
      this.#early.delete(oldest)
    }
  }

  end(error: TorrentError): void {
    const sinks = [...this.#sinks.values()]
    this.#sinks.clear()
    this.#early.clear()
    for (const sink of sinks) safely(() => sink.ended(error))
  }
}

/** Things whose states are kept although nobody has asked for them yet. */
const EARLY = 64

/** Runs our own code where nothing may be thrown; a bug shows as a warning. */
function safely(body: () => void): void {
  try {
    body()
  } catch (error) {
    process.emitWarning(`A bug in Bitlode: ${messageOf(error)}`, { type: 'BitlodeInternal' })
  }
}
