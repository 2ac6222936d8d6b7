/**
 * Every code an error of Bitlode carries, with the sentence that explains it. The same table stands in
 * `crates/base/src/code.rs`; a test keeps the two equal.
 */
export const ERROR_CODES = {
  ERR_BENCODE_DEPTH: 'Lists and dictionaries are nested deeper than the limit.',
  ERR_BENCODE_TOKENS: 'More values than the limit.',
  ERR_BENCODE_INVALID: 'Not valid bencoding; the message names the byte.',
  ERR_BENCODE_SIZE: 'The value is longer than the limit of bytes.',
  ERR_METAINFO_INVALID: 'The .torrent file or info dictionary is not a valid one; the message names the key.',
  ERR_METAINFO_TOO_LARGE: 'The .torrent file is larger than `maxMetainfoBytes`.',
  ERR_METAINFO_PIECE_LENGTH:
    'The piece length is zero, negative, over 512 MiB, or (v2) not a power of two of at least 16 KiB.',
  ERR_METAINFO_SIZE: 'File lengths are negative, not integers, or add up to more than 2^48 − 1 bytes.',
  ERR_METAINFO_PIECES: '`pieces` is not 20 bytes for each piece.',
  ERR_METAINFO_LIMIT: 'More pieces or files than the limit.',
  ERR_METAINFO_PATH_CONFLICT: 'A file is also a directory of another file.',
  ERR_METAINFO_PATH_DEPTH: 'Directories are nested deeper than the limit.',
  ERR_METAINFO_DUPLICATES: 'More equal file names than the limit of renames.',
  ERR_METAINFO_HYBRID_MISMATCH: 'The v1 and v2 halves of a hybrid torrent describe different content.',
  ERR_METAINFO_V2_ONLY: 'A v2-only torrent: it is parsed, but this version cannot transfer it.',
  ERR_MAGNET_INVALID: 'Not a valid magnet link.',
  ERR_PEER_MSG_TOO_LARGE: 'A message is longer than its type allows.',
  ERR_PEER_PROTOCOL: 'The peer broke a rule of the protocol.',
  ERR_PEER_BITFIELD: 'The bitfield has the wrong length or spare bits set.',
  ERR_PEER_INDEX: 'A piece index lies outside the torrent.',
  ERR_PEER_TIMEOUT: 'The peer did not answer or send in time.',
  ERR_PEER_HANDSHAKE: "The handshake is not BitTorrent's, or names a torrent that is not here.",
  ERR_PEER_BANNED: 'The peer sent data that failed its hash and is banned.',
  ERR_PEER_CLOSED: 'The peer closed the connection, or the network did.',
  ERR_PEER_UNREACHABLE: 'The connection could not be made.',
  ERR_PEER_LIMIT: 'More connections than the limit, or a second one to the same peer.',
  ERR_UTP_INVALID: 'Not a valid packet of µTP (BEP 29).',
  ERR_MSE_INVALID:
    'The encryption handshake broke a rule: a degenerate key, a pad or payload over its limit, a choice that was not offered.',
  ERR_MSE_SYNC: 'The encryption handshake found no end of the padding within its limit.',
  ERR_MSE_REQUIRED:
    'The two sides share no method of encryption, or the connection is not encrypted though it has to be.',
  ERR_STORAGE_FULL: 'No space left on the device.',
  ERR_STORAGE_IO: 'Reading, writing or syncing failed.',
  ERR_STORAGE_ACCESS: 'No permission, or a read-only file system.',
  ERR_STORAGE_EXISTS: "A file with that name exists, is not this torrent's, and `overwrite` was not given.",
  ERR_STORAGE_CHANGED: 'A file vanished or changed while it was in use.',
  ERR_STORAGE_MISSING: 'The folder, or a file that should be complete, is not there.',
  ERR_STORAGE_SYMLINK: 'A symbolic link lies in the path.',
  ERR_STORAGE_PATH: 'The name or path is not possible on this file system.',
  ERR_STORAGE_FS_LIMIT: 'The file system cannot hold a file of that size.',
  ERR_STORAGE_FDS: 'No file descriptor is left.',
  ERR_VERIFY_FAILED: 'The content does not match the torrent.',
  ERR_TRACKER_TIMEOUT: 'The tracker did not answer in time.',
  ERR_TRACKER_BODY_LIMIT: 'The tracker answered more than the limit.',
  ERR_TRACKER_FAILURE: 'The tracker refused: the message is its `failure reason`.',
  ERR_TRACKER_INVALID: "The tracker's answer is not one.",
  ERR_TRACKER_UNREACHABLE: 'The tracker could not be reached.',
  ERR_TRACKER_SCHEME: "The URL's scheme is not supported.",
  ERR_COMPACT_INVALID: 'A compact list of peers or nodes does not hold whole entries.',
  ERR_KRPC_INVALID: 'Not a valid message of the DHT (KRPC).',
  ERR_LSD_INVALID: 'Not a valid datagram of local service discovery (BEP 14).',
  ERR_FILTER_LIMIT: 'The IP filter has more ranges than the limit.',
  ERR_SSRF_BLOCKED: 'The address is not allowed for a URL that came from a torrent.',
  ERR_DNS_FAILED: 'The name has no address.',
  ERR_DIAL_FAILED: 'Nothing answered at that address.',
  ERR_LISTEN_FAILED: 'No port could be listened on.',
  ERR_INVALID_OPTION: 'An argument or option has the wrong type or range.',
  ERR_UNKNOWN_OPTION: 'No such option.',
  ERR_DUPLICATE_TORRENT: 'A torrent with this info-hash is already here.',
  ERR_NOT_FOUND: 'No such torrent, file or handle.',
  ERR_NO_METADATA: 'The torrent has no metadata yet.',
  ERR_FILE_READ: 'The file could not be read.',
  ERR_CLOSED: 'The client or torrent is closed.',
  ERR_ABORTED: 'The operation was aborted by its signal.',
  ERR_OUT_OF_MEMORY: 'Memory could not be had.',
  ERR_ADDON_LOAD: 'The native addon could not be loaded.',
  ERR_INTERNAL: 'A bug in Bitlode: what it hit has ended at its last safe state.',
  ERR_USAGE: 'Wrong use of the command line.',
} as const

/** A stable error code. Its string never changes; messages may. */
export type ErrorCode = keyof typeof ERROR_CODES

/** The one error class of Bitlode: tell errors apart by `code`, never by message. */
export class TorrentError extends Error {
  /** The stable code. */
  readonly code: ErrorCode

  /** Makes an error with a code of the table. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TorrentError'
    this.code = code
  }
}

/** Whether `code` stands in the table. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)
}

/**
 * Makes a `TorrentError` of anything that was thrown: one is returned as it is, an error with a code of the table keeps
 * it, all else gets `code`.
 */
export function toTorrentError(thrown: unknown, code: ErrorCode = 'ERR_INTERNAL'): TorrentError {
  if (thrown instanceof TorrentError) return thrown
  const message = messageOf(thrown)
  const own = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return new TorrentError(isErrorCode(own) ? own : code, message, { cause: thrown })
}

/** A sentence for anything that was thrown; reading it never throws. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message
    return String(thrown)
  } catch {
    return 'something that cannot be printed was thrown'
  }
}
