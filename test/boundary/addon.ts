import { type Addon, addon } from '../../ts/native/load.ts'

/** What only the debug build exports. */
export interface Hooks {
  /** Panics in the call. */
  panicInCall(): void
  /** `name=sleep:MILLISECONDS`, `name=full`, `name=io`, `name=panic`, separated by commas; without `=` the point is cleared. */
  setFailpoints(text: string): void
}

/** The debug addon. */
export function debugAddon(): Addon & Hooks {
  return addon() as Addon & Hooks
}
