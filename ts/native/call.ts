import { isErrorCode, messageOf, TorrentError } from '../errors.ts'
import type { Fault } from './addon.d.ts'

/** Calls into the addon: whatever comes out is a value or a `TorrentError` with a code of the table. */
export function call<T>(body: () => T): T {
  try {
    return body()
  } catch (thrown) {
    throw fromNative(thrown)
  }
}

/** The error that an error of the addon stands for. napi-rs has codes of its own for arguments of a wrong type. */
export function fromNative(thrown: unknown): TorrentError {
  if (thrown instanceof TorrentError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (isErrorCode(code)) return new TorrentError(code, messageOf(thrown))
  const wrongType = typeof code === 'string' && /^InvalidArg$|Expected$/.test(code)
  return new TorrentError(wrongType ? 'ERR_INVALID_OPTION' : 'ERR_INTERNAL', messageOf(thrown), { cause: thrown })
}

/** The error that a failure in a reply or a state stands for. */
export function fromFault(fault: Fault): TorrentError {
  return new TorrentError(isErrorCode(fault.code) ? fault.code : 'ERR_INTERNAL', fault.message)
}
