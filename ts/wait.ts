import { TorrentError } from './errors.ts'

/** A promise with its two ends. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** Makes a promise that is settled from outside. */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((...ends) => {
    ;[resolve, reject] = ends
  })
  return { promise, resolve, reject }
}

/** The error of an operation that its signal ended. */
export function aborted(signal: AbortSignal): TorrentError {
  return new TorrentError('ERR_ABORTED', 'The operation was aborted', { cause: signal.reason })
}

/** Throws when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal)
}

/**
 * Waits for `promise`, but no longer than the signal allows. `undo` is called once when the signal ends the wait, and the
 * promise's own end is then of no interest.
 */
export async function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  undo?: () => void,
): Promise<T> {
  if (!signal) return promise
  const ended = deferred<never>()
  const onAbort = () => {
    ended.reject(aborted(signal))
    undo?.()
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  // The loser of the race may reject later: nobody listens then.
  promise.catch(() => {})
  try {
    return await Promise.race([ended.promise, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Waiting parties that are all woken by the next call of `wake`. */
export class Bell {
  /** There while anyone waits: most bells of most torrents are never listened to. */
  #next: Deferred<void> | undefined

  /** Resolves at the next `wake`. */
  rung(): Promise<void> {
    this.#next ??= deferred<void>()
    return this.#next.promise
  }

  /** Wakes everyone. */
  wake(): void {
    this.#next?.resolve()
    this.#next = undefined
  }
}
