//! Why something is not a torrent or not a magnet link.

use bitlode_base::{Code, Coded};
use bitlode_bencode::DecodeError;

/// Why a .torrent file or info dictionary was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetainfoError {
    /// Not bencoding.
    #[error(transparent)]
    Bencode(#[from] DecodeError),
    /// A key that must be there is not, or its value has the wrong type.
    #[error("`{key}` is missing or of the wrong type")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value breaks a rule.
    #[error("`{key}`: {why}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The rule.
        why: &'static str,
    },
    /// The file is larger than the limit.
    #[error("the .torrent file is larger than {limit} bytes (`maxMetainfoBytes`)")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The piece length is not possible.
    #[error("piece length {got} is not possible: {why}")]
    PieceLength {
        /// What the torrent says.
        got: i64,
        /// The rule.
        why: &'static str,
    },
    /// A file's length, or their sum, is not possible.
    #[error("{why}")]
    Size {
        /// The rule.
        why: &'static str,
    },
    /// `pieces` does not fit the content.
    #[error("`pieces` has {got} bytes, {want} are right for the content")]
    Pieces {
        /// 20 bytes a piece.
        want: u64,
        /// What is there.
        got: u64,
    },
    /// More of something than the limit.
    #[error("more than {limit} {what} (`{setting}`)")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u32,
        /// The setting that raises it.
        setting: &'static str,
    },
    /// A file is also a directory of another file.
    #[error("`{path}` is a file and a directory")]
    PathConflict {
        /// The path on disk.
        path: String,
    },
    /// A path has too many components or bytes.
    #[error("a path has more than {limit} {what}")]
    PathDepth {
        /// `directories` or `bytes`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Too many files with equal names.
    #[error("more than {limit} files would have to be renamed")]
    Duplicates {
        /// The limit.
        limit: u32,
    },
    /// The halves of a hybrid disagree, or a hash of the v2 half does not fit what it covers.
    #[error("the torrent contradicts itself: {why}")]
    HybridMismatch {
        /// What does not fit.
        why: &'static str,
    },
    /// A v2-only torrent, which this version parses and does not transfer.
    #[error("v2-only torrents cannot be transferred by this version")]
    V2Only,
}

impl Coded for MetainfoError {
    fn code(&self) -> Code {
        match self {
            MetainfoError::Bencode(error) => error.code(),
            MetainfoError::Missing { .. } | MetainfoError::Invalid { .. } => Code::MetainfoInvalid,
            MetainfoError::TooLarge { .. } => Code::MetainfoTooLarge,
            MetainfoError::PieceLength { .. } => Code::MetainfoPieceLength,
            MetainfoError::Size { .. } => Code::MetainfoSize,
            MetainfoError::Pieces { .. } => Code::MetainfoPieces,
            MetainfoError::Limit { .. } => Code::MetainfoLimit,
            MetainfoError::PathConflict { .. } => Code::MetainfoPathConflict,
            MetainfoError::PathDepth { .. } => Code::MetainfoPathDepth,
            MetainfoError::Duplicates { .. } => Code::MetainfoDuplicates,
            MetainfoError::HybridMismatch { .. } => Code::MetainfoHybridMismatch,
            MetainfoError::V2Only => Code::MetainfoV2Only,
        }
    }
}

/// Why a text is not a magnet link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MagnetError {
    /// It is longer than the limit.
    #[error("the link is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// It does not start with `magnet:?` and is not an info-hash.
    #[error("not a magnet link")]
    Scheme,
    /// A `urn:btih:` that is neither 40 hexadecimal nor 32 base32 characters.
    #[error("`urn:btih:` wants 40 hexadecimal or 32 base32 characters")]
    Btih,
    /// A `urn:btmh:` that is not `1220` and 64 hexadecimal characters.
    #[error("`urn:btmh:` wants 1220 and 64 hexadecimal characters")]
    Btmh,
    /// Two different hashes of one kind.
    #[error("the link names two torrents")]
    Ambiguous,
    /// No info-hash, and no address of a .torrent file.
    #[error("the link has no info-hash")]
    NoHash,
}

impl Coded for MagnetError {
    fn code(&self) -> Code {
        Code::MagnetInvalid
    }
}
