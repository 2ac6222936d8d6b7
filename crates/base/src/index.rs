//! Indices that cannot be mistaken for one another.

/// Bytes of a block, the unit of request (BEP 3): 16 KiB. Only the last block of a piece may be shorter.
pub const BLOCK_LEN: u32 = 16 * 1024;

/// A piece of a torrent, counted from 0 over all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceIndex(pub u32);

/// A file of a torrent, counted from 0 in the order of the metainfo, pad files included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIndex(pub u32);

impl PieceIndex {
    /// The index as a position in a list.
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

impl FileIndex {
    /// The index as a position in a list.
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// A range of bytes inside a piece, as REQUEST, PIECE, CANCEL and REJECT name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRef {
    /// The piece.
    pub piece: PieceIndex,
    /// Offset of the first byte inside the piece.
    pub begin: u32,
    /// Bytes.
    pub len: u32,
}

impl BlockRef {
    /// Block number inside its piece, for blocks that lie on the 16 KiB grid.
    pub const fn number(self) -> u32 {
        self.begin / BLOCK_LEN
    }
}
