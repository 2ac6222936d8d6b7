//! The one table of error codes. `ts/errors.ts` holds the same table; a test keeps them equal.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A stable error code. Its string never changes; messages may.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The code as users see it: `ERR_…`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => concat!("ERR_", $text),)+ }
            }

            /// One sentence for the reference.
            pub const fn about(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    // Bencode
    /// Lists and dictionaries are nested deeper than the limit.
    BencodeDepth = "BENCODE_DEPTH",
    /// More values than the limit.
    BencodeTokens = "BENCODE_TOKENS",
    /// Not valid bencoding; the message names the byte.
    BencodeInvalid = "BENCODE_INVALID",
    /// The value is longer than the limit of bytes.
    BencodeSize = "BENCODE_SIZE",
    // Metainfo and magnets
    /// The .torrent file or info dictionary is not a valid one; the message names the key.
    MetainfoInvalid = "METAINFO_INVALID",
    /// The .torrent file is larger than `maxMetainfoBytes`.
    MetainfoTooLarge = "METAINFO_TOO_LARGE",
    /// The piece length is zero, negative, over 512 MiB, or (v2) not a power of two of at least 16 KiB.
    MetainfoPieceLength = "METAINFO_PIECE_LENGTH",
    /// File lengths are negative, not integers, or add up to more than 2^48 − 1 bytes.
    MetainfoSize = "METAINFO_SIZE",
    /// `pieces` is not 20 bytes for each piece.
    MetainfoPieces = "METAINFO_PIECES",
    /// More pieces or files than the limit.
    MetainfoLimit = "METAINFO_LIMIT",
    /// A file is also a directory of another file.
    MetainfoPathConflict = "METAINFO_PATH_CONFLICT",
    /// Directories are nested deeper than the limit.
    MetainfoPathDepth = "METAINFO_PATH_DEPTH",
    /// More equal file names than the limit of renames.
    MetainfoDuplicates = "METAINFO_DUPLICATES",
    /// The v1 and v2 halves of a hybrid torrent describe different content.
    MetainfoHybridMismatch = "METAINFO_HYBRID_MISMATCH",
    /// A v2-only torrent: it is parsed, but this version cannot transfer it.
    MetainfoV2Only = "METAINFO_V2_ONLY",
    /// Not a valid magnet link.
    MagnetInvalid = "MAGNET_INVALID",
    // Peers
    /// A message is longer than its type allows.
    PeerMsgTooLarge = "PEER_MSG_TOO_LARGE",
    /// The peer broke a rule of the protocol.
    PeerProtocol = "PEER_PROTOCOL",
    /// The bitfield has the wrong length or spare bits set.
    PeerBitfield = "PEER_BITFIELD",
    /// A piece index lies outside the torrent.
    PeerIndex = "PEER_INDEX",
    /// The peer did not answer or send in time.
    PeerTimeout = "PEER_TIMEOUT",
    /// The handshake is not BitTorrent's, or names a torrent that is not here.
    PeerHandshake = "PEER_HANDSHAKE",
    /// The peer sent data that failed its hash and is banned.
    PeerBanned = "PEER_BANNED",
    /// The peer closed the connection, or the network did.
    PeerClosed = "PEER_CLOSED",
    /// The connection could not be made.
    PeerUnreachable = "PEER_UNREACHABLE",
    /// More connections than the limit, or a second one to the same peer.
    PeerLimit = "PEER_LIMIT",
    /// Not a valid packet of µTP (BEP 29).
    UtpInvalid = "UTP_INVALID",
    /// The encryption handshake broke a rule: a degenerate key, a pad or payload over its limit, a choice that was not offered.
    MseInvalid = "MSE_INVALID",
    /// The encryption handshake found no end of the padding within its limit.
    MseSync = "MSE_SYNC",
    /// The two sides share no method of encryption, or the connection is not encrypted though it has to be.
    MseRequired = "MSE_REQUIRED",
    // Storage
    /// No space left on the device.
    StorageFull = "STORAGE_FULL",
    /// Reading, writing or syncing failed.
    StorageIo = "STORAGE_IO",
    /// No permission, or a read-only file system.
    StorageAccess = "STORAGE_ACCESS",
    /// A file with that name exists, is not this torrent's, and `overwrite` was not given.
    StorageExists = "STORAGE_EXISTS",
    /// A file vanished or changed while it was in use.
    StorageChanged = "STORAGE_CHANGED",
    /// The folder, or a file that should be complete, is not there.
    StorageMissing = "STORAGE_MISSING",
    /// A symbolic link lies in the path.
    StorageSymlink = "STORAGE_SYMLINK",
    /// The name or path is not possible on this file system.
    StoragePath = "STORAGE_PATH",
    /// The file system cannot hold a file of that size.
    StorageFsLimit = "STORAGE_FS_LIMIT",
    /// No file descriptor is left.
    StorageFds = "STORAGE_FDS",
    /// The content does not match the torrent.
    VerifyFailed = "VERIFY_FAILED",
    // Trackers and addresses
    /// The tracker did not answer in time.
    TrackerTimeout = "TRACKER_TIMEOUT",
    /// The tracker answered more than the limit.
    TrackerBodyLimit = "TRACKER_BODY_LIMIT",
    /// The tracker refused: the message is its `failure reason`.
    TrackerFailure = "TRACKER_FAILURE",
    /// The tracker's answer is not one.
    TrackerInvalid = "TRACKER_INVALID",
    /// The tracker could not be reached.
    TrackerUnreachable = "TRACKER_UNREACHABLE",
    /// The URL's scheme is not supported.
    TrackerScheme = "TRACKER_SCHEME",
    /// A compact list of peers or nodes does not hold whole entries.
    CompactInvalid = "COMPACT_INVALID",
    /// Not a valid message of the DHT (KRPC).
    KrpcInvalid = "KRPC_INVALID",
    /// Not a valid datagram of local service discovery (BEP 14).
    LsdInvalid = "LSD_INVALID",
    /// The IP filter has more ranges than the limit.
    FilterLimit = "FILTER_LIMIT",
    /// The address is not allowed for a URL that came from a torrent.
    SsrfBlocked = "SSRF_BLOCKED",
    /// The name has no address.
    DnsFailed = "DNS_FAILED",
    /// Nothing answered at that address.
    DialFailed = "DIAL_FAILED",
    /// No port could be listened on.
    ListenFailed = "LISTEN_FAILED",
    // API
    /// An argument or option has the wrong type or range.
    InvalidOption = "INVALID_OPTION",
    /// No such option.
    UnknownOption = "UNKNOWN_OPTION",
    /// A torrent with this info-hash is already here.
    DuplicateTorrent = "DUPLICATE_TORRENT",
    /// No such torrent, file or handle.
    NotFound = "NOT_FOUND",
    /// The torrent has no metadata yet.
    NoMetadata = "NO_METADATA",
    /// The file could not be read.
    FileRead = "FILE_READ",
    /// The client or torrent is closed.
    Closed = "CLOSED",
    /// The operation was aborted by its signal.
    Aborted = "ABORTED",
    /// Memory could not be had.
    OutOfMemory = "OUT_OF_MEMORY",
    /// The native addon could not be loaded.
    AddonLoad = "ADDON_LOAD",
    /// A bug in Bitlode: what it hit has ended at its last safe state.
    Internal = "INTERNAL",
    /// Wrong use of the command line.
    Usage = "USAGE",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that carries a stable code.
pub trait Coded: std::fmt::Display {
    /// The code.
    fn code(&self) -> Code;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_has_a_sentence() {
        let mut names: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| c.about().ends_with('.')));
    }
}
