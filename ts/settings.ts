// Generated from crates/session/src/settings.rs by `cargo run -p bitlode-session --example settings_ts`.
// Do not edit: a test compares.

/** What the number of a setting counts. */
export type SettingUnit = 'bytes' | 'count' | 'milliseconds' | 'bytes per second' | 'per second' | 'switch'

/** One row of the table of settings. A switch is 0 or 1 here. */
export interface SettingDef {
  /** What counts when it is not set, in `unit`. */
  readonly default: number
  /** The least that it may be, in `unit`. */
  readonly min: number
  /** The most that it may be, in `unit`. */
  readonly max: number
  /** What the three numbers count. */
  readonly unit: SettingUnit
  /** It is an option of the application; others are limits that are there to be known. */
  readonly public: boolean
}

/** Every setting and limit: default, range, unit. */
export const SETTINGS = {
  /** Bytes of a .torrent file. */
  maxMetainfoBytes: { default: 10485760, min: 1024, max: 67108864, unit: 'bytes', public: true },
  /** Nested lists and dictionaries of a .torrent file or info dictionary. */
  maxMetainfoDepth: { default: 100, min: 8, max: 1000, unit: 'count', public: false },
  /** Values in a .torrent file or info dictionary. */
  maxMetainfoTokens: { default: 3000000, min: 1000, max: 10000000, unit: 'count', public: false },
  /** Nested lists and dictionaries of a message from the network. */
  maxNetworkDepth: { default: 16, min: 4, max: 100, unit: 'count', public: false },
  /** Values in a bencoded message from the network. */
  maxNetworkTokens: { default: 20000, min: 100, max: 3000000, unit: 'count', public: false },
  /** Pieces of a torrent. */
  maxPieces: { default: 2097152, min: 1, max: 4194304, unit: 'count', public: true },
  /** Bytes of a piece. */
  maxPieceLength: { default: 536870912, min: 16384, max: 536870912, unit: 'bytes', public: true },
  /** Bytes of all files of a torrent, and of one. */
  maxTotalBytes: { default: 281474976710655, min: 1, max: 281474976710655, unit: 'bytes', public: true },
  /** Files of a torrent. */
  maxFiles: { default: 500000, min: 1, max: 1000000, unit: 'count', public: true },
  /** Directories inside each other. */
  maxPathDepth: { default: 100, min: 1, max: 1000, unit: 'count', public: false },
  /** Bytes of a file or directory name on disk; a longer one is cut, its extension kept. */
  maxNameBytes: { default: 240, min: 16, max: 250, unit: 'bytes', public: false },
  /** Bytes of a path below the download folder. */
  maxPathBytes: { default: 4096, min: 256, max: 65536, unit: 'bytes', public: false },
  /** Files renamed because another one has the same name on this file system. */
  maxRenames: { default: 500, min: 0, max: 100000, unit: 'count', public: false },
  /** Trackers kept of a torrent or magnet link; further ones are dropped with a warning. */
  maxTrackers: { default: 512, min: 1, max: 4096, unit: 'count', public: false },
  /** Web seeds kept of a torrent or magnet link. */
  maxWebSeeds: { default: 256, min: 1, max: 4096, unit: 'count', public: false },
  /** DHT nodes kept of a torrent. */
  maxNodes: { default: 64, min: 1, max: 1024, unit: 'count', public: false },
  /** Bytes of a magnet link. */
  maxMagnetBytes: { default: 8192, min: 256, max: 1048576, unit: 'bytes', public: true },
  /** Peer addresses kept of a magnet link. */
  maxMagnetPeers: { default: 64, min: 1, max: 1024, unit: 'count', public: false },
  /** Peers connected for all torrents together. */
  maxConnections: { default: 200, min: 1, max: 10000, unit: 'count', public: true },
  /** Peers connected for one torrent. */
  maxConnectionsPerTorrent: { default: 50, min: 1, max: 10000, unit: 'count', public: true },
  /** Whether a torrent may have more than one peer at the same IP address. */
  allowMultiplePerIp: { default: 0, min: 0, max: 1, unit: 'switch', public: true },
  /** Connections being made, for all torrents together. */
  maxHalfOpen: { default: 100, min: 1, max: 1000, unit: 'count', public: true },
  /** Connections being made for one torrent. */
  maxHalfOpenPerTorrent: { default: 25, min: 1, max: 1000, unit: 'count', public: false },
  /** Connections begun per second. */
  connectRate: { default: 20, min: 1, max: 1000, unit: 'per second', public: true },
  /** Incoming connections whose handshake has not come yet; the oldest gives way. */
  maxPendingHandshakes: { default: 128, min: 1, max: 4096, unit: 'count', public: false },
  /** The same from one IPv4 address or one IPv6 /64. */
  maxPendingHandshakesPerIp: { default: 8, min: 1, max: 4096, unit: 'count', public: false },
  /** Banned IP addresses remembered; the oldest gives way. */
  maxBans: { default: 65536, min: 1, max: 1000000, unit: 'count', public: false },
  /** Until a connection must stand. */
  connectTimeout: { default: 10000, min: 1000, max: 120000, unit: 'milliseconds', public: true },
  /** Until the peer's handshake must be complete. */
  handshakeTimeout: { default: 10000, min: 1000, max: 120000, unit: 'milliseconds', public: true },
  /** Until a started message must be complete. */
  messageTimeout: { default: 60000, min: 5000, max: 600000, unit: 'milliseconds', public: false },
  /** From when a started message must keep `messageRate`. */
  messageGrace: { default: 15000, min: 1000, max: 600000, unit: 'milliseconds', public: false },
  /** Bytes per second at which a started message must come after `messageGrace`. */
  messageRate: { default: 256, min: 0, max: 1048576, unit: 'bytes per second', public: false },
  /** Silence after which a peer is dropped. Others send a keep-alive after 100 to 120 seconds: one that was a little late on its way must not cost the connection. */
  idleTimeout: { default: 150000, min: 10000, max: 3600000, unit: 'milliseconds', public: true },
  /** Silence of ours after which a keep-alive is sent. */
  keepAlive: { default: 100000, min: 5000, max: 3600000, unit: 'milliseconds', public: false },
  /** Bytes of a message whose type has no tighter limit (a bitfield may be as long as the torrent asks for). */
  maxMessageBytes: { default: 131085, min: 16397, max: 1048576, unit: 'bytes', public: false },
  /** Bytes of a bitfield before the number of pieces is known. */
  maxBitfieldBeforeMetadata: { default: 262145, min: 1, max: 524289, unit: 'bytes', public: false },
  /** Bytes of an extension handshake (BEP 10). */
  maxExtendedHandshakeBytes: { default: 65536, min: 1024, max: 1048576, unit: 'bytes', public: false },
  /** Names of extension messages kept of a peer. */
  maxExtensionNames: { default: 64, min: 4, max: 255, unit: 'count', public: false },
  /** Bytes of the name of an extension message. */
  maxExtensionNameBytes: { default: 64, min: 16, max: 1024, unit: 'bytes', public: false },
  /** Bytes kept of the name of a peer's client. */
  maxClientBytes: { default: 128, min: 0, max: 4096, unit: 'bytes', public: false },
  /** The most that is believed of the queue that a peer announces (`reqq`). */
  maxPeerQueue: { default: 2000, min: 1, max: 2000, unit: 'count', public: false },
  /** Bytes of another extension message. */
  maxExtendedMessageBytes: { default: 17408, min: 17408, max: 1048576, unit: 'bytes', public: false },
  /** Extension handshakes of a peer within a minute. */
  maxExtendedHandshakes: { default: 4, min: 1, max: 1000, unit: 'count', public: false },
  /** Bytes received from a peer and not yet read. */
  receiveBufferBytes: { default: 294912, min: 32768, max: 4194304, unit: 'bytes', public: false },
  /** Bytes waiting to be sent to a peer. */
  sendBufferBytes: { default: 524288, min: 32768, max: 8388608, unit: 'bytes', public: false },
  /** Blocks for which memory stands ready in one read of a connection. */
  blocksAhead: { default: 32, min: 1, max: 32, unit: 'count', public: false },
  /** Requests given up whose late answers are not held against a peer. */
  maxTolerated: { default: 2000, min: 1, max: 10000, unit: 'count', public: false },
  /** Messages of unknown type until a peer is dropped. */
  maxUnknownMessages: { default: 32, min: 0, max: 10000, unit: 'count', public: false },
  /** Bytes of blocks that nobody asked for until a peer is dropped. */
  maxUnrequestedBytes: { default: 1048576, min: 0, max: 1073741824, unit: 'bytes', public: false },
  /** Blocks that nobody asked for until a peer is dropped. */
  maxUnrequestedBlocks: { default: 64, min: 0, max: 10000, unit: 'count', public: false },
  /** HAVE messages of a peer for each piece of the torrent, until it is dropped. */
  maxHavesPerPiece: { default: 10, min: 1, max: 1000, unit: 'count', public: false },
  /** HAVE messages of a peer beside those for each piece. */
  maxHavesExtra: { default: 10000, min: 0, max: 10000000, unit: 'count', public: false },
  /** Bytes of a block that a peer may ask for. */
  maxBlockBytes: { default: 131072, min: 16384, max: 131072, unit: 'bytes', public: false },
  /** Requests of a peer that wait to be answered; more are rejected. Announced as `reqq`. */
  maxQueuedRequests: { default: 500, min: 1, max: 2000, unit: 'count', public: true },
  /** Requests open at a peer, however fast it is. */
  maxRequests: { default: 2000, min: 1, max: 2000, unit: 'count', public: true },
  /** Requests open at a peer, however slow it is. */
  minRequests: { default: 8, min: 1, max: 500, unit: 'count', public: false },
  /** Requests that a peer is taken to queue when it does not say. */
  assumedQueue: { default: 250, min: 1, max: 2000, unit: 'count', public: false },
  /** Requests outside the torrent, or for pieces that we do not have, until a peer is dropped. */
  maxInvalidRequests: { default: 50, min: 1, max: 10000, unit: 'count', public: false },
  /** Requests while choked until a peer is dropped. */
  maxChokedRequests: { default: 50, min: 1, max: 10000, unit: 'count', public: false },
  /** Rejected requests in a row until a peer is dropped; several that were rejected together count as one. */
  maxRejects: { default: 50, min: 1, max: 10000, unit: 'count', public: false },
  /** How long a peer is not asked for a piece after it rejected a block of it, while it has others. */
  rejectBackoff: { default: 10000, min: 100, max: 3600000, unit: 'milliseconds', public: false },
  /** How long a peer that rejected all it could be asked for is left alone; it doubles, up to `rejectBackoff`. */
  rejectRetry: { default: 1000, min: 100, max: 3600000, unit: 'milliseconds', public: false },
  /** The least round trip that open requests allow for: wake-ups and reading from disk. */
  delayFloor: { default: 5, min: 0, max: 1000, unit: 'milliseconds', public: false },
  /** Without a block for that long, requests open at a peer are asked of others. */
  requestTimeout: { default: 20000, min: 1000, max: 600000, unit: 'milliseconds', public: true },
  /** A peer that was silent for that long while requests were open is snubbed: it gets one request at a time. */
  snubTimeout: { default: 60000, min: 1000, max: 3600000, unit: 'milliseconds', public: true },
  /** Pieces taken at random before rarest first begins. */
  randomPieces: { default: 4, min: 0, max: 1024, unit: 'count', public: false },
  /** Copies of one block asked for at the same time when little is left. */
  endgameCopies: { default: 3, min: 1, max: 16, unit: 'count', public: false },
  /** Pieces that a reader waits for, remembered at once. */
  maxUrgentPieces: { default: 256, min: 1, max: 65536, unit: 'count', public: false },
  /** Pieces in the making at once, at up to 1 MiB a piece and as far as memory allows. */
  maxOpenPieces: { default: 16, min: 1, max: 1024, unit: 'count', public: false },
  /** A peer that sends a run (`runBytes`) of each of `maxOpenPieces` pieces within this time fetches pieces above `wholePieceBytes` side by side, which makes hashing them cheap. At 20 ms no spinning disk is that fast, and would be slowed down by it. */
  stripeRound: { default: 20, min: 0, max: 1000, unit: 'milliseconds', public: false },
  /** Attempts to connect to one address in an hour, unless the user gave it. */
  maxDialsPerHour: { default: 3, min: 1, max: 3600, unit: 'count', public: false },
  /** The first wait before an address is dialled again; it doubles. */
  dialBackoff: { default: 60000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** Addresses known of a torrent. */
  maxCandidates: { default: 3000, min: 1, max: 100000, unit: 'count', public: true },
  /** Peers of a torrent that may download from us at the same time, the optimistic one among them. */
  uploadSlots: { default: 8, min: 1, max: 1000, unit: 'count', public: true },
  /** How often it is decided who may download from us. */
  rechokeInterval: { default: 10000, min: 1000, max: 600000, unit: 'milliseconds', public: false },
  /** How often the optimistic slot changes hands. */
  optimisticInterval: { default: 30000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** Bytes of an info dictionary fetched from peers (BEP 9). */
  maxMetadataBytes: { default: 16777216, min: 16384, max: 33554432, unit: 'bytes', public: true },
  /** Metadata requests open at a peer. */
  maxMetadataRequests: { default: 2, min: 1, max: 64, unit: 'count', public: false },
  /** Without an answer for that long, metadata is asked of another peer. */
  metadataTimeout: { default: 10000, min: 1000, max: 600000, unit: 'milliseconds', public: false },
  /** How long a peer is not asked for metadata after it failed to give it. */
  metadataBackoff: { default: 60000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** How often a peer may fetch the whole metadata in ten minutes. */
  maxMetadataServed: { default: 2, min: 1, max: 100, unit: 'count', public: false },
  /** Bytes of all blocks received, being written and being sent together. */
  memory: { default: 67108864, min: 1048576, max: 17179869184, unit: 'bytes', public: true },
  /** Files open at once; at most a quarter of the system's limit is used. */
  maxOpenFiles: { default: 256, min: 4, max: 65536, unit: 'count', public: true },
  /** How long a block waits in memory for its piece before it is written unverified. */
  spillAfter: { default: 2000, min: 100, max: 600000, unit: 'milliseconds', public: false },
  /** How long written data may wait until it is made durable. */
  syncInterval: { default: 5000, min: 100, max: 600000, unit: 'milliseconds', public: true },
  /** Bytes written until they are made durable. */
  syncBytes: { default: 67108864, min: 1048576, max: 17179869184, unit: 'bytes', public: true },
  /** Bytes of the largest piece that is hashed and written in one go; larger ones are, run by run, while they arrive. */
  wholePieceBytes: { default: 1048576, min: 16384, max: 67108864, unit: 'bytes', public: false },
  /** Bytes of a run, the unit in which larger pieces are hashed and written. */
  runBytes: { default: 262144, min: 16384, max: 16777216, unit: 'bytes', public: false },
  /** Bytes written in a second from which on verified data leaves the page cache alone. */
  pastCacheRate: { default: 134217728, min: 0, max: 1099511627776, unit: 'bytes per second', public: false },
  /** Bytes of one read while content is checked. */
  checkReadBytes: { default: 262144, min: 16384, max: 16777216, unit: 'bytes', public: false },
  /** Bytes that one job of a check covers at most, unless these are fewer pieces than `checkJobPieces`. */
  checkJobBytes: { default: 16777216, min: 16384, max: 1073741824, unit: 'bytes', public: false },
  /** Pieces that one job of a check covers at least: as many as the widest processors hash side by side. */
  checkJobPieces: { default: 16, min: 1, max: 1024, unit: 'count', public: false },
  /** Jobs of a torrent's check at once. */
  maxCheckJobs: { default: 8, min: 1, max: 256, unit: 'count', public: false },
  /** Bytes of one read for upload. */
  readJobBytes: { default: 262144, min: 16384, max: 4194304, unit: 'bytes', public: false },
  /** How long a torrent that hit a full disk waits until it tries again. */
  storageRetry: { default: 60000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** Network threads; never more than processor cores. */
  maxShards: { default: 4, min: 1, max: 64, unit: 'count', public: true },
  /** Threads that hash pieces; never more than processor cores. */
  maxHashThreads: { default: 4, min: 1, max: 64, unit: 'count', public: true },
  /** How long pieces may take to come until as many are there as are hashed side by side: when it would be longer, each is hashed at once. Waiting saves three quarters of the hashing, which is much only when pieces come fast. */
  hashPatience: { default: 40, min: 0, max: 1000, unit: 'milliseconds', public: false },
  /** Descriptors left free of connections and of the pool of files: for listening, trackers and state. */
  reservedDescriptors: { default: 32, min: 0, max: 1024, unit: 'count', public: false },
  /** Threads that read and write files. 1 is for a single spinning disk: content is then checked, and torrents are made, in the order in which it lies there. */
  maxDiskThreads: { default: 4, min: 1, max: 64, unit: 'count', public: true },
  /** Bytes that one connection may move before the next one has its turn. */
  turnBytes: { default: 262144, min: 16384, max: 16777216, unit: 'bytes', public: false },
  /** Records that the application takes over in one turn. */
  drainRecords: { default: 4096, min: 16, max: 65536, unit: 'count', public: false },
  /** Bytes that the application takes over in one turn. */
  drainBytes: { default: 1048576, min: 65536, max: 16777216, unit: 'bytes', public: false },
  /** Log facts that wait for the application; the oldest are overwritten and counted. */
  logFacts: { default: 2000, min: 1, max: 1000000, unit: 'count', public: true },
  /** How often memory is dealt out anew. */
  dealInterval: { default: 50, min: 10, max: 1000, unit: 'milliseconds', public: false },
  /** A jump of the clock that counts as the machine having slept. */
  resumeGap: { default: 30000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** The first port tried for peers when none is asked for; 0 leaves the choice to the system. */
  listenPort: { default: 6881, min: 0, max: 65535, unit: 'count', public: true },
  /** Ports tried upwards from the first when it is in use. */
  listenTries: { default: 10, min: 1, max: 1000, unit: 'count', public: false },
  /** How long listening is tried again when there is no network. */
  listenPatience: { default: 30000, min: 0, max: 3600000, unit: 'milliseconds', public: false },
  /** The first wait after accepting failed for lack of file descriptors; it doubles. */
  acceptBackoffMin: { default: 100, min: 1, max: 60000, unit: 'milliseconds', public: false },
  /** The longest wait after accepting failed. */
  acceptBackoffMax: { default: 5000, min: 1, max: 600000, unit: 'milliseconds', public: false },
  /** How long closing waits for shards and hashers, and then again for disk threads. */
  joinTimeout: { default: 2000, min: 100, max: 60000, unit: 'milliseconds', public: false },
  /** How long a graceful close may take in all. */
  closeTimeout: { default: 10000, min: 100, max: 600000, unit: 'milliseconds', public: true },
  /** Bytes that a stream to a tracker holds in each direction. */
  streamBufferBytes: { default: 65536, min: 4096, max: 16777216, unit: 'bytes', public: false },
  /** Bytes that `stream()` reads ahead of its reader. */
  readAheadBytes: { default: 4194304, min: 16384, max: 268435456, unit: 'bytes', public: true },
  /** Bytes of an HTTP tracker's answer as it comes. */
  httpBodyBytes: { default: 1048576, min: 1024, max: 67108864, unit: 'bytes', public: false },
  /** Bytes of an HTTP tracker's answer when inflated. */
  httpInflatedBytes: { default: 2097152, min: 1024, max: 134217728, unit: 'bytes', public: false },
  /** Bytes of the header of an HTTP answer. */
  httpHeaderBytes: { default: 32768, min: 1024, max: 1048576, unit: 'bytes', public: false },
  /** Redirects followed in a row. */
  httpRedirects: { default: 5, min: 0, max: 20, unit: 'count', public: false },
  /** Until an HTTP answer must be complete. */
  httpTimeout: { default: 30000, min: 1000, max: 600000, unit: 'milliseconds', public: true },
  /** Until the first byte of an HTTP answer must come. */
  httpFirstByteTimeout: { default: 10000, min: 1000, max: 600000, unit: 'milliseconds', public: false },
  /** How long closing waits for trackers to hear `stopped`. */
  trackerStopTimeout: { default: 5000, min: 0, max: 60000, unit: 'milliseconds', public: true },
  /** Peers kept of a tracker's answer. */
  trackerPeers: { default: 1000, min: 1, max: 10000, unit: 'count', public: false },
  /** Peers asked of a tracker. */
  trackerNumWant: { default: 100, min: 0, max: 1000, unit: 'count', public: false },
  /** The least time between announces, whatever the tracker says. */
  trackerIntervalMin: { default: 60000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** The longest time between announces, whatever the tracker says. */
  trackerIntervalMax: { default: 86400000, min: 60000, max: 604800000, unit: 'milliseconds', public: false },
  /** The time between announces when the tracker does not say. */
  trackerIntervalDefault: { default: 1800000, min: 60000, max: 86400000, unit: 'milliseconds', public: false },
  /** The first wait after an announce failed; it doubles. */
  trackerBackoffMin: { default: 15000, min: 1000, max: 3600000, unit: 'milliseconds', public: false },
  /** The longest wait after announces failed. */
  trackerBackoffMax: { default: 1800000, min: 1000, max: 86400000, unit: 'milliseconds', public: false },
  /** Announces under way at once. */
  maxAnnounces: { default: 32, min: 1, max: 1024, unit: 'count', public: false },
  /** Until a name must be resolved. */
  dnsTimeout: { default: 10000, min: 1000, max: 120000, unit: 'milliseconds', public: false },
  /** Names being resolved at once. */
  dnsConcurrency: { default: 8, min: 1, max: 64, unit: 'count', public: false },
  /** Addresses used of a name. */
  dnsAddresses: { default: 16, min: 1, max: 256, unit: 'count', public: false },
  /** Bytes of a DHT message that is read. */
  krpcBytes: { default: 1500, min: 512, max: 65507, unit: 'bytes', public: false },
  /** Bytes of a datagram of local service discovery, read or built. */
  lsdBytes: { default: 1400, min: 256, max: 65507, unit: 'bytes', public: false },
  /** Bytes of a message of a WebSocket tracker. */
  wsMessageBytes: { default: 262144, min: 1024, max: 16777216, unit: 'bytes', public: false },
  /** Offers read of one announce to a WebSocket tracker. */
  wsOffers: { default: 82, min: 1, max: 1000, unit: 'count', public: false },
  /** Ranges of an IP filter. */
  maxFilterRanges: { default: 2000000, min: 1, max: 10000000, unit: 'count', public: false },
} as const satisfies Record<string, SettingDef>

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS

/** The settings that an application may give. Numbers are integers; see each for its unit. */
export interface Settings {
  /** Bytes of a .torrent file. Bytes, 1024 to 67108864. @default 10485760 */
  readonly maxMetainfoBytes?: number
  /** Pieces of a torrent. A number, 1 to 4194304. @default 2097152 */
  readonly maxPieces?: number
  /** Bytes of a piece. Bytes, 16384 to 536870912. @default 536870912 */
  readonly maxPieceLength?: number
  /** Bytes of all files of a torrent, and of one. Bytes, 1 to 281474976710655. @default 281474976710655 */
  readonly maxTotalBytes?: number
  /** Files of a torrent. A number, 1 to 1000000. @default 500000 */
  readonly maxFiles?: number
  /** Bytes of a magnet link. Bytes, 256 to 1048576. @default 8192 */
  readonly maxMagnetBytes?: number
  /** Peers connected for all torrents together. A number, 1 to 10000. @default 200 */
  readonly maxConnections?: number
  /** Peers connected for one torrent. A number, 1 to 10000. @default 50 */
  readonly maxConnectionsPerTorrent?: number
  /** Whether a torrent may have more than one peer at the same IP address. @default false */
  readonly allowMultiplePerIp?: boolean
  /** Connections being made, for all torrents together. A number, 1 to 1000. @default 100 */
  readonly maxHalfOpen?: number
  /** Connections begun per second. Per second, 1 to 1000. @default 20 */
  readonly connectRate?: number
  /** Until a connection must stand. Milliseconds, 1000 to 120000. @default 10000 */
  readonly connectTimeout?: number
  /** Until the peer's handshake must be complete. Milliseconds, 1000 to 120000. @default 10000 */
  readonly handshakeTimeout?: number
  /** Silence after which a peer is dropped. Others send a keep-alive after 100 to 120 seconds: one that was a little late on its way must not cost the connection. Milliseconds, 10000 to 3600000. @default 150000 */
  readonly idleTimeout?: number
  /** Requests of a peer that wait to be answered; more are rejected. Announced as `reqq`. A number, 1 to 2000. @default 500 */
  readonly maxQueuedRequests?: number
  /** Requests open at a peer, however fast it is. A number, 1 to 2000. @default 2000 */
  readonly maxRequests?: number
  /** Without a block for that long, requests open at a peer are asked of others. Milliseconds, 1000 to 600000. @default 20000 */
  readonly requestTimeout?: number
  /** A peer that was silent for that long while requests were open is snubbed: it gets one request at a time. Milliseconds, 1000 to 3600000. @default 60000 */
  readonly snubTimeout?: number
  /** Addresses known of a torrent. A number, 1 to 100000. @default 3000 */
  readonly maxCandidates?: number
  /** Peers of a torrent that may download from us at the same time, the optimistic one among them. A number, 1 to 1000. @default 8 */
  readonly uploadSlots?: number
  /** Bytes of an info dictionary fetched from peers (BEP 9). Bytes, 16384 to 33554432. @default 16777216 */
  readonly maxMetadataBytes?: number
  /** Bytes of all blocks received, being written and being sent together. Bytes, 1048576 to 17179869184. @default 67108864 */
  readonly memory?: number
  /** Files open at once; at most a quarter of the system's limit is used. A number, 4 to 65536. @default 256 */
  readonly maxOpenFiles?: number
  /** How long written data may wait until it is made durable. Milliseconds, 100 to 600000. @default 5000 */
  readonly syncInterval?: number
  /** Bytes written until they are made durable. Bytes, 1048576 to 17179869184. @default 67108864 */
  readonly syncBytes?: number
  /** Network threads; never more than processor cores. A number, 1 to 64. @default 4 */
  readonly maxShards?: number
  /** Threads that hash pieces; never more than processor cores. A number, 1 to 64. @default 4 */
  readonly maxHashThreads?: number
  /** Threads that read and write files. 1 is for a single spinning disk: content is then checked, and torrents are made, in the order in which it lies there. A number, 1 to 64. @default 4 */
  readonly maxDiskThreads?: number
  /** Log facts that wait for the application; the oldest are overwritten and counted. A number, 1 to 1000000. @default 2000 */
  readonly logFacts?: number
  /** The first port tried for peers when none is asked for; 0 leaves the choice to the system. A number, 0 to 65535. @default 6881 */
  readonly listenPort?: number
  /** How long a graceful close may take in all. Milliseconds, 100 to 600000. @default 10000 */
  readonly closeTimeout?: number
  /** Bytes that `stream()` reads ahead of its reader. Bytes, 16384 to 268435456. @default 4194304 */
  readonly readAheadBytes?: number
  /** Until an HTTP answer must be complete. Milliseconds, 1000 to 600000. @default 30000 */
  readonly httpTimeout?: number
  /** How long closing waits for trackers to hear `stopped`. Milliseconds, 0 to 60000. @default 5000 */
  readonly trackerStopTimeout?: number
}
