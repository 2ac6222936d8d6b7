import { messageOf } from './errors.ts'

/** Calls a function of the user's; what it throws is told as a warning and disturbs nothing. */
export function tell(name: string, listener: ((argument: unknown) => unknown) | undefined, argument: unknown): void {
  try {
    const result = listener?.(argument)
    if (result instanceof Promise) result.catch((error: unknown) => report(name, error))
  } catch (error) {
    report(name, error)
  }
}

function report(name: string, error: unknown): void {
  process.emitWarning(`\`${name}\` threw: ${messageOf(error)}`, { type: 'BitlodeListener' })
}
