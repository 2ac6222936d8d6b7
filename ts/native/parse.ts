import type { Values } from '../values.ts'
import type { EditOptions, MagnetFacts, MetainfoFacts, MetainfoSummary } from './addon.d.ts'
import { call } from './call.ts'
import { addon } from './load.ts'

/** Parses a .torrent file; the limits are those of the settings. */
export function parseMetainfo(bytes: Uint8Array, values: Values): MetainfoFacts {
  const { settingNames, settingValues } = values.packed
  return call(() => addon().parseMetainfo(bytes, settingNames, settingValues))
}

/**
 * Parses a .torrent file like `parseMetainfo`, and gives the least of it. What comes from the addon is a dictionary that
 * grew property by property; the copy takes a third of its memory, and there is one for each torrent.
 */
export function summarizeMetainfo(bytes: Uint8Array, values: Values): MetainfoSummary {
  const { settingNames, settingValues } = values.packed
  const facts = call(() => addon().summarizeMetainfo(bytes, settingNames, settingValues))
  const { name, originalName, v1, v2, length, pieceLength, pieces, trackers } = facts
  return { name, originalName, v1, v2, private: facts.private, pieceLength, pieces, length, trackers }
}

/** Changes what stands around an info dictionary; the limits are those of the settings. */
export function editMetainfo(bytes: Uint8Array, edit: EditOptions, values: Values): Uint8Array {
  const { settingNames, settingValues } = values.packed
  return call(() => addon().editMetainfo(bytes, edit, settingNames, settingValues))
}

/** Parses a magnet link or a bare info-hash. */
export function parseMagnet(link: string, values: Values): MagnetFacts {
  const { settingNames, settingValues } = values.packed
  return call(() => addon().parseMagnet(link, settingNames, settingValues))
}

/** Writes a magnet link. */
export function buildMagnet(magnet: MagnetFacts): string {
  return call(() => addon().buildMagnet(magnet))
}

/**
 * Writes the engine's log to the standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter of Rust's `tracing`. It
 * counts for the whole process, and the first call decides.
 *
 * Errors: `ERR_INVALID_OPTION`, `ERR_ADDON_LOAD`.
 */
export function setLog(filter: string): void {
  call(() => addon().setLog(filter))
}

/** The version of the addon. */
export function nativeVersion(): string {
  return call(() => addon().version())
}
