import { callback, expected } from './check.ts'
import { tell } from './tell.ts'

/** Maps the names of events to what they carry. */
// biome-ignore lint/complexity/noBannedTypes: any interface of events is accepted
export type EventMap = {}

/** What a listener gets. */
export type Listener<Payload> = (payload: Payload) => unknown

/**
 * Tells facts to whoever listens. Events are state that has already changed: nobody has to listen, an unheard error does
 * not throw, and a listener that throws is reported by `process.emitWarning` and disturbs neither the engine nor the
 * other listeners.
 */
export class Emitter<Events extends EventMap> {
  /** There once somebody has listened. */
  #listeners: Map<keyof Events, Listener<never>[]> | undefined

  /** Calls `listener` at every event of that name from now on. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    if (typeof name !== 'string') throw expected('event', 'the name of an event', name)
    callback('listener', listener)
    this.#listeners ??= new Map()
    this.#listeners.set(name, (this.#listeners.get(name) ?? []).concat(listener))
    return this
  }

  /** Calls `listener` at the next event of that name. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    callback('listener', listener)
    const first: Listener<Events[Name]> = (payload) => {
      this.off(name, first)
      return listener(payload)
    }
    return this.on(name, first)
  }

  /** Calls `listener` no more. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const left = this.#listeners?.get(name)?.filter((other) => other !== listener) ?? []
    if (left.length > 0) this.#listeners?.set(name, left)
    else this.#listeners?.delete(name)
    return this
  }

  /** @internal */
  protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of this.#listeners?.get(name) ?? []) {
      tell(`a listener of ${String(name)}`, listener as Listener<unknown>, payload)
    }
  }
}
