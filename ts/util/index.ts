/**
 * The small tools of BitTorrent, each alone: .torrent files and magnet links, read and made; bencoding, compact lists, peer ids,
 * IP filters, forms of info-hashes, checksums and what is computed from addresses. Importing it opens nothing, starts nothing
 * and loads no native code. `createTorrent`, `editTorrent`, `parseTorrent`, `buildMagnet` and `parseMagnet`, the same as those of
 * `bitlode`, load it when one is first called; the others never do.
 *
 * ```ts
 * import { bdecode, bencode, createTorrent, identifyPeerId, parseTorrent } from 'bitlode/util'
 * ```
 *
 * @module
 */

export type { CreateFile, CreateSource, FileContent } from '../content.ts'
export {
  type CreateControl,
  type CreateOptions,
  type CreateProgress,
  createTorrent,
  editTorrent,
  type TorrentEdit,
  type TorrentFormat,
} from '../create.ts'
export { ERROR_CODES, type ErrorCode, TorrentError } from '../errors.ts'
export type { InfoHash } from '../facts.ts'
export { buildMagnet, type MagnetLink, parseMagnet } from '../magnet.ts'
export { parseTorrent, type TorrentFile, type TorrentMetadata } from '../metainfo.ts'
export type { SignatureFacts as TorrentSignature } from '../native/addon.d.ts'
export type { TrackerTiers } from '../tiers.ts'
export {
  type Endpoint,
  formatEndpoint,
  formatIp,
  ipVersion,
  isLocalIp,
  parseEndpoint,
  parseIp,
  unmapIp,
} from './address.ts'
export { type AllowedFastOptions, allowedFastSet } from './allowed-fast.ts'
export {
  type BdecodeOptions,
  type BencodeDict,
  type BencodeDocument,
  type BencodeKind,
  BencodeNode,
  type BencodeValue,
  bdecode,
  bparse,
  bparsePrefix,
} from './bdecode.ts'
export { type Bencodable, bencode } from './bencode.ts'
export {
  compactEndpoint,
  compactNodes,
  compactPeers,
  expandEndpoint,
  expandNodes,
  expandPeers,
  type IpFamily,
  listPeers,
  NODE_BYTES,
  type NodeInfo,
  PEER_BYTES,
} from './compact.ts'
export { crc32c } from './crc32c.ts'
export { type FilterForm, type FilterProblem, IpFilter, type IpFilterOptions, type IpRange } from './filter.ts'
export {
  formatInfoHash,
  type InfoHashForm,
  type ParsedInfoHash,
  parseInfoHash,
  shortInfoHash,
} from './info-hash.ts'
export { fitsNodeId, makeNodeId } from './node-id.ts'
export { generatePeerId, identifyPeerId, type PeerIdClient, type PeerIdOptions, type PeerIdStyle } from './peer-id.ts'
export { peerPriority } from './priority.ts'
export { BencodeReader, type BencodeReaderOptions } from './reader.ts'
export { BencodeError, type BencodeMode, type BencodeWarnings } from './scan.ts'
