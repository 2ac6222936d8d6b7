/**
 * The small tools of BitTorrent, each alone: bencoding, compact lists, peer ids, IP filters, forms of info-hashes, checksums
 * and what is computed from addresses. Importing it opens nothing, starts nothing and loads no native code.
 *
 * ```ts
 * import { bdecode, bencode, identifyPeerId } from 'bitlode/util'
 * ```
 *
 * @module
 */

export { ERROR_CODES, type ErrorCode, TorrentError } from '../errors.ts'
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
