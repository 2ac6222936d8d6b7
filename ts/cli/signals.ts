// Signals: the first stops cleanly, the second ends the process at once.

/** Says whether, and by which signal, the user wants to stop. */
export interface Interrupt {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal
  /** The exit code of the signal that came, or null. */
  readonly code: number | null
  /** Stops listening. */
  stop(): void
}

const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Listens for Ctrl-C, SIGTERM and SIGHUP. */
export function watchSignals(): Interrupt {
  const controller = new AbortController()
  let code: number | null = null
  const names = Object.keys(codes) as (keyof typeof codes)[]
  const listeners = names.map((name) => {
    const listener = () => {
      if (code !== null) process.exit(codes[name])
      code = codes[name]
      controller.abort()
    }
    process.on(name, listener)
    return [name, listener] as const
  })
  return {
    signal: controller.signal,
    get code() {
      return code
    },
    stop() {
      for (const [name, listener] of listeners) process.off(name, listener)
    },
  }
}
