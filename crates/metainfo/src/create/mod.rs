//! Making .torrent files: v1 (BEP 3), v2 and hybrid (BEP 52).
//!
//! Put the files in order with [`in_order`], hash what [`slots`] says, hand everything to [`Create`].

mod order;
mod trees;
mod write;

use bitlode_base::{BLOCK_LEN, Code, Coded};

pub use order::{Slot, in_order, slots};
pub use trees::{FileTree, OnlyPiece, piece_node};
pub(crate) use write::{announce, node_list, url_list};

/// Which halves a torrent has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// SHA-1 over pieces (BEP 3).
    #[default]
    V1,
    /// A hash tree for each file (BEP 52).
    V2,
    /// Both over the same files, padded to whole pieces.
    Hybrid,
}

impl Format {
    /// Whether there is a v1 half.
    pub fn has_v1(self) -> bool {
        self != Format::V2
    }

    /// Whether there is a v2 half.
    pub fn has_v2(self) -> bool {
        self != Format::V1
    }
}

/// Whether the files of a v1 torrent are padded to whole pieces (BEP 47), as those of a hybrid always are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Padding {
    /// One file begins where the other ends.
    #[default]
    Packed,
    /// Every file begins a piece.
    Aligned,
}

/// A torrent to write. Paths and lengths come from the files, hashes from reading them in this order.
#[derive(Debug, Clone, Default)]
pub struct Create {
    /// Which halves it has.
    pub format: Format,
    /// Name of the file, or of the directory above the files.
    pub name: String,
    /// Path components below the directory and bytes of each file, in order; one file with an empty path is a
    /// single-file torrent. Pads are not among them. With a v2 half the order is that of [`in_order`].
    pub files: Vec<(Vec<String>, u64)>,
    /// Bytes of a piece: a power of two of at least 16 KiB.
    pub piece_length: u32,
    /// Whether v1 files are padded; a torrent with a v2 half does not ask.
    pub padding: Padding,
    /// SHA-1 of each piece over the [`slots`], 20 bytes a piece; empty without a v1 half.
    pub pieces: Vec<u8>,
    /// The hash tree of each file, in order; empty without a v2 half.
    pub trees: Vec<FileTree>,
    /// Whether peers may come from the trackers only (BEP 27).
    pub private: Privacy,
    /// `source`, which changes the info-hash.
    pub source: Option<String>,
    /// Tiers of tracker URLs (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// DHT nodes to start from: host and port (BEP 5).
    pub nodes: Vec<(String, u16)>,
    /// A remark.
    pub comment: Option<String>,
    /// The program that makes it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<i64>,
}

/// Where peers may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Privacy {
    /// From everywhere.
    #[default]
    Public,
    /// From the torrent's trackers only (BEP 27).
    Private,
}

/// Why a torrent cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The piece length is not a power of two of at least 16 KiB.
    #[error("piece length {got} is not a power of two of at least 16 KiB")]
    PieceLength {
        /// What was given.
        got: u32,
    },
    /// A name is empty, `.` or `..`, or has a separator or NUL in it.
    #[error("`{name}` cannot be the name of a file in a torrent")]
    Name {
        /// The name.
        name: String,
    },
    /// There are no bytes, or more than 2^63 − 1.
    #[error("the files have no bytes, or too many")]
    Size,
    /// A path is empty although there are more files.
    #[error("only a single file may stand without a path")]
    Path,
    /// The files of a v2 half are not in the order of its tree, or one is there twice or a directory of another.
    #[error("`{path}` is not in the order of the file tree, or is there twice")]
    Order {
        /// The file, or the directory that is also a file.
        path: String,
    },
    /// The hashes are not 20 bytes for each piece.
    #[error("{want} bytes of piece hashes are right, got {got}")]
    Pieces {
        /// 20 bytes a piece.
        want: u64,
        /// What was given.
        got: u64,
    },
    /// The hash trees are not one for each file, or a layer is not 32 bytes for each piece of its file.
    #[error("the hash trees do not fit the files")]
    Trees,
}

impl Coded for CreateError {
    fn code(&self) -> Code {
        match self {
            CreateError::PieceLength { .. } => Code::MetainfoPieceLength,
            CreateError::Name { .. } | CreateError::Path | CreateError::Order { .. } => Code::MetainfoInvalid,
            CreateError::Size => Code::MetainfoSize,
            CreateError::Pieces { .. } | CreateError::Trees => Code::MetainfoPieces,
        }
    }
}

/// A piece length for `total` bytes: the smallest power of two that makes at most 1,500 pieces, from 16 KiB to 16 MiB.
pub fn piece_length_for(total: u64) -> u32 {
    let most = 16 * 1024 * 1024;
    let mut length = BLOCK_LEN;
    while length < most && total.div_ceil(u64::from(length.max(1))) > 1_500 {
        length = length.saturating_mul(2);
    }
    length
}
