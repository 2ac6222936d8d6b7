/**
 * Packets of BitTorrent, built and parsed alone: messages of the DHT, of HTTP, UDP and WebSocket trackers in both roles, and
 * of local service discovery. One value for each packet; nothing here opens a socket, reads a clock or loads native code.
 *
 * ```ts
 * import { buildKrpc, parseKrpc } from 'bitlode/protocol'
 * ```
 *
 * @module
 */

export { ERROR_CODES, type ErrorCode, TorrentError } from '../errors.ts'
export type { IpFamily } from '../util/compact.ts'
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
