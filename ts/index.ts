/**
 * Bitlode: a BitTorrent engine for applications. `Client` runs torrents; `Torrent`, `createTorrent` and what parses work without
 * one. Lengths and offsets are bytes, rates bytes per second; each time says its unit. Every error is a `TorrentError` with a
 * `code`. Importing loads no native code; the first call that needs it throws `ERR_ADDON_LOAD` if it cannot be loaded.
 *
 * @module
 */

export { type AddOptions, Client, type ClientEvents, type ClientOptions, type ShardLoad } from './client.ts'
export type { CreateFile, CreateSource, FileContent } from './content.ts'
export {
  type CreateControl,
  type CreateOptions,
  type CreateProgress,
  createTorrent,
  editTorrent,
  type TorrentEdit,
  type TorrentFormat,
} from './create.ts'
export { ERROR_CODES, type ErrorCode, TorrentError } from './errors.ts'
export { Emitter, type EventMap, type Listener } from './events.ts'
export type { InfoHash } from './facts.ts'
export { File, type StreamOptions } from './file.ts'
export type { LogEntry, TorrentEvents, TrackerReply, Warning } from './log.ts'
export { buildMagnet, type MagnetLink, parseMagnet } from './magnet.ts'
export { parseTorrent, type TorrentFile, type TorrentMetadata } from './metainfo.ts'
export type { SignatureFacts as TorrentSignature } from './native/addon.d.ts'
export { setLog } from './native/parse.ts'
export type { Peer } from './peer.ts'
export {
  type CheckProgress,
  type CheckResult,
  type HashcheckOptions,
  type Phase,
  type Progress,
  TorrentStatus,
  type WaitOptions,
} from './progress.ts'
export { SETTINGS, type SettingDef, type Settings, type SettingUnit } from './settings.ts'
export type { TorrentSource } from './source.ts'
export type { TrackerTiers } from './tiers.ts'
export { Torrent } from './torrent.ts'
export { VERSION } from './version.ts'
