import { expected, integer } from '../check.ts'
import { type ErrorCode, TorrentError } from '../errors.ts'

/** What an announce tells, by its number in BEP 15; `paused` is what partial seeds send (BEP 21). */
export const TRACKER_EVENTS = ['none', 'completed', 'started', 'stopped', 'paused'] as const

/** What an announce tells. */
export type TrackerEvent = (typeof TRACKER_EVENTS)[number]

/** How many peers a torrent has. */
export interface ScrapeCounts {
  /** Peers with everything. */
  readonly seeders: number
  /** How often it was downloaded to its end. */
  readonly completed: number
  /** Peers without everything. */
  readonly leechers: number
}

/** The error for what is no message of a tracker or to one. */
export function badTracker(message: string, cause?: unknown): TorrentError {
  const code: ErrorCode = 'ERR_TRACKER_INVALID'
  return cause === undefined ? new TorrentError(code, message) : new TorrentError(code, message, { cause })
}

/** A number of bytes, peers or seconds that is written. */
export function amount(name: string, value: unknown): number | bigint {
  if (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n) return value
  return integer(name, value, 0, Number.MAX_SAFE_INTEGER)
}

/** An event that is written. */
export function eventOf(event: unknown): TrackerEvent {
  const found = TRACKER_EVENTS.find((word) => word === event)
  if (found === undefined) throw expected('event', `one of ${TRACKER_EVENTS.join(', ')}`, event)
  return found
}

/** A count that is written, or its absence. */
export function count(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : integer(name, value, 0, Number.MAX_SAFE_INTEGER)
}

/** Text that is written, or its absence. */
export function words(name: string, value: string | undefined): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw expected(name, 'text', value)
  return value
}

/** A message as it is read: fields that are not there are undefined. */
export type Loose<T> = { [Key in keyof T]: T[Key] | undefined }

/** A message without the fields that are undefined. */
export function defined<T>(fields: Loose<T>): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}
