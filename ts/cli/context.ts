// What a command is given.

import type { Arguments } from './args.ts'
import type { Output } from './output.ts'
import type { Interrupt } from './signals.ts'

/** The words, where to say things, and whether to stop. */
export interface Context {
  readonly args: Arguments
  readonly output: Output
  readonly interrupt: Interrupt
}
