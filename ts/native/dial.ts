import { Duplex } from 'node:stream'
import { TorrentError } from '../errors.ts'
import { abortable, throwIfAborted } from '../wait.ts'
import type { StreamState } from './addon.d.ts'
import { fromFault } from './call.ts'
import type { NativeEngine, Sink } from './engine.ts'

/** Why a stream is opened: it decides which addresses are allowed. */
export type Purpose =
  /** The user typed the address: no rule applies. */
  | 'user'
  /** A URL of a torrent: public addresses only. */
  | 'tracker'
  /** A URL of a torrent whose path begins with `/announce`: public addresses and loopback. */
  | 'announce'

/** Where to connect to. */
export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly purpose: Purpose
  /** Only addresses of this family, 4 or 6; null is whatever the name has. */
  readonly family: 4 | 6 | null
  readonly signal?: AbortSignal | undefined
}

/** A connected stream and the address behind it. */
export interface Dialed {
  readonly stream: Duplex
  /** `ip:port`, resolved and checked. */
  readonly address: string
}

/**
 * Resolves, checks the address, connects: the engine does all three, so binding, filters and proxies hold for everything.
 * A name that has no address of the family is `ERR_DNS_FAILED`.
 *
 * Errors: `ERR_DNS_FAILED`, `ERR_SSRF_BLOCKED`, `ERR_DIAL_FAILED`, `ERR_ABORTED`.
 */
export async function dial(engine: NativeEngine, options: DialOptions): Promise<Dialed> {
  const { host, port, purpose, family, signal } = options
  throwIfAborted(signal)
  const dialed = engine.ask(
    (native) => native.dial(host, port, purpose, family ?? 0),
    (reply): Dialed => ({ stream: new EngineStream(engine, reply.stream ?? 0), address: reply.address ?? '' }),
  )
  return abortable(dialed, signal, () => {
    dialed.then(
      ({ stream }) => stream.destroy(),
      () => {},
    )
  })
}

/** Bytes that are read from the engine at once. */
const CHUNK = 64 * 1024

/** A TCP connection of the engine's as a stream of Node's. */
class EngineStream extends Duplex implements Sink<StreamState> {
  readonly #engine: NativeEngine
  readonly #id: number
  #reading = false
  #over = false
  #pending: { bytes: Uint8Array; done: (error?: Error | null) => void } | undefined

  constructor(engine: NativeEngine, id: number) {
    super({ allowHalfOpen: true })
    this.#engine = engine
    this.#id = id
    engine.watchStream(id, this)
  }

  changed(state: StreamState): void {
    if (this.destroyed) return
    if (state.error) {
      this.#pull(false)
      this.destroy(fromFault(state.error))
      return
    }
    if (state.writable) this.#push()
    if (state.readable || state.ended) this.#pull(state.ended)
  }

  ended(error: TorrentError): void {
    this.destroy(error)
  }

  override _read(): void {
    this.#reading = true
    this.#pull(this.#over)
  }

  #pull(ended: boolean): void {
    this.#over ||= ended
    try {
      while (this.#reading && !this.destroyed) {
        const chunk = new Uint8Array(CHUNK)
        const length = this.#engine.readStream(this.#id, chunk)
        if (length > 0) {
          this.#reading = this.push(chunk.subarray(0, length))
          continue
        }
        if (this.#over) {
          this.#reading = false
          this.push(null)
        }
        return
      }
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#pending = { bytes: chunk, done }
    this.#push()
  }

  #push(): void {
    const pending = this.#pending
    if (!pending) return
    try {
      while (pending.bytes.length > 0) {
        const taken = this.#engine.writeStream(this.#id, pending.bytes.subarray(0, CHUNK))
        if (taken === 0) return
        pending.bytes = pending.bytes.subarray(taken)
      }
      this.#pending = undefined
      pending.done()
    } catch (error) {
      this.#pending = undefined
      pending.done(error as Error)
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    try {
      this.#engine.endStream(this.#id)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#engine.closeStream(this.#id)
    const pending = this.#pending
    this.#pending = undefined
    pending?.done(error ?? new TorrentError('ERR_CLOSED', 'The stream is closed'))
    done(error)
  }
}
