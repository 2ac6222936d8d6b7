/**
 * Packets of BitTorrent, built and parsed alone: messages between peers and their extensions, the encryption handshake, µTP,
 * messages of the DHT, of HTTP, UDP and WebSocket trackers in both roles, and of local service discovery. One value for each
 * packet; nothing here opens a socket or reads a clock. What peers say to each other is built and read by native code, which is
 * loaded when it is first used, never on import; if it cannot be, that call throws `ERR_ADDON_LOAD`.
 *
 * ```ts
 * import { buildKrpc, parseKrpc } from 'bitlode/protocol'
 * ```
 *
 * @module
 */

export { ERROR_CODES, type ErrorCode, TorrentError } from '../errors.ts'
export type { Endpoint } from '../util/address.ts'
export type { IpFamily } from '../util/compact.ts'
export {
  buildExtendedHandshake,
  buildExtension,
  type CustomExtension,
  type DontHave,
  EXTENSION_NAMES,
  type ExtendedHandshake,
  type ExtensionMessage,
  ExtensionRegistry,
  HOLEPUNCH_ERRORS,
  type HolepunchCall,
  type HolepunchError,
  type MetadataData,
  type MetadataPiece,
  type MetadataUnknown,
  PEX_FLAGS,
  type PexMessage,
  type PexPeer,
  parseExtendedHandshake,
  parseExtension,
  type UploadOnly,
} from './extension.ts'
export {
  ANNOUNCE_PARAMETERS,
  buildAnnounceQuery,
  buildAnnounceUrl,
  buildScrapeUrl,
  escapeBytes,
  type HttpAnnounce,
  parseAnnounceQuery,
  parseScrapeQuery,
  scrapeUrl,
} from './http-query.ts'
export {
  buildAnnounceReply,
  buildScrapeReply,
  type HttpAnnounceReply,
  type HttpPeer,
  type HttpReplyLimits,
  type HttpScrapeFile,
  type HttpScrapeReply,
  type HttpTrackerFailure,
  parseAnnounceReply,
  parseScrapeReply,
} from './http-reply.ts'
export { buildKrpc } from './krpc/build.ts'
export {
  type ItemContent,
  immutableTarget,
  mutableTarget,
  publicKeyOf,
  signedBytes,
  signItem,
  verifyItem,
} from './krpc/item.ts'
export {
  type AnnouncePeerQuery,
  type FindNodeQuery,
  type GetPeersQuery,
  type GetQuery,
  KRPC_ERRORS,
  type KrpcEnvelope,
  KrpcError,
  type KrpcFault,
  type KrpcMessage,
  type KrpcQuery,
  type KrpcQueryBase,
  type KrpcReply,
  type KrpcSigned,
  type KrpcWant,
  type OtherQuery,
  type PingQuery,
  type PutQuery,
  type SampleInfohashesQuery,
} from './krpc/message.ts'
export { parseKrpc } from './krpc/parse.ts'
export { ScrapeFilter } from './krpc/scrape.ts'
export { buildLsd, LSD_GROUPS, type LsdAnnounce, parseLsd } from './lsd.ts'
export {
  buildMseAnswer,
  buildMseOffer,
  detectMse,
  MSE,
  type MseAnswer,
  type MseChance,
  type MseEstablished,
  MseHandshake,
  type MseInitiateOptions,
  type MseKeys,
  type MseMethod,
  type MseOffer,
  type MseRespondOptions,
  mseKeys,
  msePublicKey,
  mseSecret,
  mseSkeyMark,
  parseMseAnswer,
  parseMseOffer,
  Rc4,
} from './mse.ts'
export { type ScrapeCounts, TRACKER_EVENTS, type TrackerEvent } from './tracker.ts'
export {
  buildUdpReply,
  buildUdpRequest,
  parseUdpReply,
  parseUdpRequest,
  type UdpAnnounceReply,
  type UdpAnnounceRequest,
  type UdpConnectReply,
  type UdpConnectRequest,
  type UdpErrorReply,
  type UdpScrapeReply,
  type UdpScrapeRequest,
  type UdpTrackerReply,
  type UdpTrackerRequest,
} from './udp-tracker.ts'
export { buildUtp, parseUtp, type UtpExtension, type UtpKind, type UtpPacket, utpMask, utpReceived } from './utp.ts'
export {
  type BarePacket,
  type BitfieldPacket,
  type BlockPacket,
  buildPacket,
  buildReserved,
  type ExtendedPacket,
  type HandshakePacket,
  type HashesPacket,
  type HashRangePacket,
  PacketReader,
  type PacketReaderOptions,
  type PieceIndexPacket,
  type PiecePacket,
  type PortPacket,
  parsePacket,
  parseReserved,
  type ReservedBits,
  type UnknownPacket,
  type WirePacket,
} from './wire.ts'
export {
  buildWsReply,
  buildWsRequest,
  parseWsReply,
  parseWsRequest,
  type WsAnnounce,
  type WsAnnounceReply,
  type WsAnswer,
  type WsFailure,
  type WsForward,
  type WsLimits,
  type WsOffer,
  type WsScrape,
  type WsScrapeReply,
  type WsTrackerReply,
  type WsTrackerRequest,
} from './ws-tracker.ts'
