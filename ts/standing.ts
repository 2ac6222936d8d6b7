import { Bits } from './bits.ts'
import type { TorrentError } from './errors.ts'
import type { TorrentState } from './native/addon.d.ts'
import { fromFault } from './native/call.ts'
import type { Phase } from './progress.ts'

/** What the engine says of a torrent while it has it. */
type EnginePhase = TorrentState['phase']

/** What a new state brought. */
export interface Advance {
  /** Pieces that are verified now and were not before. */
  readonly added: readonly number[]
  /** A check ended, or the first one found nothing to check. */
  readonly checked: boolean
  /** It has become complete. */
  readonly completed: boolean
  /** It stopped, or stopped for another reason. */
  readonly failed: boolean
}

const NOTHING: readonly number[] = Object.freeze([])

/** One string for each phase: those that come from the addon are new each time. */
const PHASES: Readonly<Record<EnginePhase, EnginePhase>> = {
  metadata: 'metadata',
  checking: 'checking',
  paused: 'paused',
  downloading: 'downloading',
  seeding: 'seeding',
  failed: 'failed',
}

/** How far a torrent is, as the engine said last; of one that nothing was said of, what is true before. */
export class Standing {
  /** Undefined before the engine's first word. */
  phase: EnginePhase | undefined
  error: TorrentError | null = null
  complete = false
  ready = false
  /** Pieces verified. */
  have = 0
  /** Bytes verified. */
  verified = 0
  peers = 0
  seeds = 0
  /** Pieces looked at by a check that runs. */
  checked: number | null = null
  /** Which pieces are verified; undefined while none is. */
  #bits: Bits | undefined

  /** Takes over what the engine says. */
  take(state: TorrentState): Advance {
    const { phase, error, complete, ready, checked } = this
    this.phase = PHASES[state.phase]
    this.error = state.error ? fromFault(state.error) : null
    this.complete = state.complete
    this.ready = state.ready
    this.have = state.have
    this.verified = state.verifiedBytes
    this.peers = state.peers
    this.seeds = state.seeds
    this.checked = state.checked
    const known = phase !== undefined
    return {
      added: this.#merge(state),
      checked: state.ready && (!ready || (known && checked !== null && state.checked === null)),
      completed: state.complete && !complete,
      failed: this.phase === 'failed' && !(phase === 'failed' && error?.code === this.error?.code),
    }
  }

  /** Whether a piece is verified. */
  has(piece: number): boolean {
    return this.#bits?.has(piece) ?? false
  }

  /** Whether all of the pieces are. */
  full(pieces: number): boolean {
    return pieces > 0 && (this.#bits?.full(pieces) ?? false)
  }

  /** Which pieces are verified, in wire order, of so many. A copy. */
  bitfield(pieces: number): Uint8Array {
    return this.#bits?.toBytes() ?? new Bits(pieces).toBytes()
  }

  /** What a check without a client has found. */
  found(bitfield: Uint8Array): void {
    this.#bits = new Bits(0)
    this.#bits.replace(bitfield)
  }

  /** Takes over which pieces are verified and says which are new. */
  #merge({ whole, added, pieces }: TorrentState): readonly number[] {
    if (whole) {
      if (!this.#bits && whole.every((byte) => byte === 0)) return NOTHING
      this.#bits ??= new Bits(pieces)
      return this.#bits.replace(whole)
    }
    if (!added || added.length === 0) return NOTHING
    this.#bits ??= new Bits(pieces)
    for (const piece of added) this.#bits.add(piece)
    return Array.from(added)
  }
}

/** The phase of a torrent that an engine has, before the engine's first word: it looks at the disk, or asks for metadata. */
export function firstPhase(knowsMetadata: boolean, start: boolean): Phase {
  if (knowsMetadata) return 'checking'
  return start ? 'metadata' : 'paused'
}
