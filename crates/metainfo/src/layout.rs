//! Where pieces lie in files.

use std::ops::Range;

use bitlode_base::{BLOCK_LEN, BlockRef, FileIndex, PieceIndex};

use crate::path::{Component, NodeId, Paths};

/// The geometry of a torrent: files one behind the other in one space of bytes, cut into pieces.
///
/// v1 and hybrid: files touch each other, pad files included (BEP 3, 47). v2-only: every file that is not empty starts
/// at a piece boundary, and the gap behind its end does not exist (BEP 52), so a file's last piece may be short.
#[derive(Debug, Clone)]
pub struct Layout {
    pub(crate) piece_length: u32,
    pub(crate) pieces: u32,
    pub(crate) total: u64,
    pub(crate) aligned: bool,
    pub(crate) files: Vec<File>,
    pub(crate) paths: Paths,
}

/// A file of a torrent.
#[derive(Debug, Clone)]
pub struct File {
    /// Bytes.
    pub len: u64,
    /// Offset of its first byte in the torrent.
    pub offset: u64,
    /// What BEP 47 says about it.
    pub attr: Attr,
    /// Root of its hash tree (BEP 52); absent in v1 and for empty files.
    pub pieces_root: Option<[u8; 32]>,
    pub(crate) node: NodeId,
    pub(crate) target: Option<NodeId>,
}

/// Attributes of a file (BEP 47).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attr {
    /// Fills the space to the next piece boundary: zeros, never on disk, never requested.
    pub pad: bool,
    /// Should be executable.
    pub executable: bool,
    /// Should be hidden.
    pub hidden: bool,
    /// A symbolic link without content. Links are not created.
    pub symlink: bool,
}

/// A part of a piece that lies in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: FileIndex,
    /// Offset in the file.
    pub offset: u64,
    /// Bytes.
    pub len: u32,
    /// Whether the file is padding: zeros that are not on disk.
    pub pad: bool,
}

impl File {
    /// Offset behind its last byte in the torrent.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// Whether it exists on disk: pad files and symbolic links do not.
    pub fn on_disk(&self) -> bool {
        !self.attr.pad && !self.attr.symlink
    }
}

impl Layout {
    /// Number of pieces.
    pub fn piece_count(&self) -> u32 {
        self.pieces
    }

    /// Bytes of a piece that is not the last of anything.
    pub fn nominal_piece_len(&self) -> u32 {
        self.piece_length
    }

    /// Bytes of all files together, pad files included.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The files in order, pad files included.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The file with that index.
    pub fn file(&self, file: FileIndex) -> Option<&File> {
        self.files.get(file.at())
    }

    /// The components of a file's path below the torrent's root directory; none for a single-file torrent, whose only
    /// file has the torrent's name.
    pub fn path(&self, file: FileIndex) -> impl DoubleEndedIterator<Item = Component<'_>> + ExactSizeIterator {
        self.paths.path(self.file(file).map_or(NodeId::ROOT, |file| file.node))
    }

    /// Where a symbolic link points: components below the torrent's root directory. `None` for other files.
    pub fn symlink_target(
        &self,
        file: FileIndex,
    ) -> Option<impl DoubleEndedIterator<Item = Component<'_>> + ExactSizeIterator> {
        self.file(file)?.target.map(|target| self.paths.path(target))
    }

    /// Bytes of a piece; 0 beyond the last.
    pub fn piece_len(&self, piece: PieceIndex) -> u32 {
        if piece.0 >= self.pieces {
            return 0;
        }
        let start = self.start_of(piece);
        let end = if self.aligned { self.files.get(self.file_at(start)).map_or(start, File::end) } else { self.total };
        u32::try_from(end.saturating_sub(start)).unwrap_or(u32::MAX).min(self.piece_length)
    }

    /// Number of blocks in a piece.
    pub fn blocks_in(&self, piece: PieceIndex) -> u32 {
        self.piece_len(piece).div_ceil(BLOCK_LEN)
    }

    /// Block `number` of a piece; of length 0 beyond the last.
    pub fn block(&self, piece: PieceIndex, number: u32) -> BlockRef {
        let begin = number.saturating_mul(BLOCK_LEN);
        BlockRef { piece, begin, len: self.piece_len(piece).saturating_sub(begin).min(BLOCK_LEN) }
    }

    /// The pieces that hold a byte of the file.
    pub fn pieces_of(&self, file: FileIndex) -> Range<u32> {
        let length = u64::from(self.piece_length);
        let piece = |offset: u64| u32::try_from(offset.checked_div(length).unwrap_or(0)).unwrap_or(u32::MAX);
        match self.file(file) {
            Some(file) if file.len > 0 => piece(file.offset)..piece(file.end().saturating_sub(1)).saturating_add(1),
            Some(file) => piece(file.offset)..piece(file.offset),
            None => 0..0,
        }
    }

    /// The parts of `len` bytes at `begin` of a piece, in order; what lies behind the end of the piece is left out.
    pub fn spans(&self, piece: PieceIndex, begin: u32, len: u32) -> impl Iterator<Item = Span> + '_ {
        let len = len.min(self.piece_len(piece).saturating_sub(begin));
        let mut at = self.start_of(piece).saturating_add(u64::from(begin));
        let end = at.saturating_add(u64::from(len));
        let mut number = if len > 0 { self.file_at(at) } else { self.files.len() };
        std::iter::from_fn(move || {
            while at < end {
                let file = self.files.get(number)?;
                let index = FileIndex(u32::try_from(number).ok()?);
                number = number.saturating_add(1);
                let stop = file.end().min(end);
                if stop <= at {
                    continue;
                }
                let span = Span {
                    file: index,
                    offset: at.saturating_sub(file.offset),
                    len: u32::try_from(stop.saturating_sub(at)).unwrap_or(u32::MAX),
                    pad: file.attr.pad,
                };
                at = stop;
                return Some(span);
            }
            None
        })
    }

    /// The blocks of a piece that lie wholly in padding, in order: known to be zeros and not asked of anybody (BEP 47). A
    /// block that holds content too is fetched whole, as others fetch it.
    pub fn pad_blocks(&self, piece: PieceIndex) -> Vec<u32> {
        let (len, mut at, mut from) = (self.piece_len(piece), 0u32, None);
        let mut blocks = Vec::new();
        let mut run = |from: Option<u32>, to: u32| {
            if let Some(from) = from {
                // The last block of a piece ends with it.
                let end = if to == len { to.div_ceil(BLOCK_LEN) } else { to / BLOCK_LEN };
                blocks.extend(from.div_ceil(BLOCK_LEN)..end);
            }
        };
        for span in self.spans(piece, 0, len) {
            if span.pad {
                from.get_or_insert(at);
            } else {
                run(from.take(), at);
            }
            at = at.saturating_add(span.len);
        }
        run(from, at);
        blocks
    }

    /// Whether every byte of the piece is padding: nothing of it is fetched or written.
    pub fn is_padding(&self, piece: PieceIndex) -> bool {
        self.piece_len(piece) > 0 && self.spans(piece, 0, u32::MAX).all(|span| span.pad)
    }

    /// The pieces of which every byte is padding, ascending.
    pub fn pad_pieces(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        let length = u64::from(self.piece_length);
        let files = (0..).zip(&self.files).filter(|(_, file)| file.attr.pad && file.len > 0);
        // A piece of several pads is named by the first that reaches into it.
        let pieces = files.flat_map(|(number, _)| self.pieces_of(FileIndex(number)));
        let mut next = 0;
        pieces.map(PieceIndex).filter(move |piece| {
            let new = piece.0 >= next;
            next = next.max(piece.0.saturating_add(1));
            new && length > 0 && self.is_padding(*piece)
        })
    }

    /// Whether the range is not empty and inside its piece.
    pub fn contains(&self, block: BlockRef) -> bool {
        let end = u64::from(block.begin).saturating_add(u64::from(block.len));
        block.len > 0 && end <= u64::from(self.piece_len(block.piece))
    }

    fn start_of(&self, piece: PieceIndex) -> u64 {
        u64::from(piece.0).saturating_mul(u64::from(self.piece_length))
    }

    /// Position of the file that holds the byte at `offset`; of the first one behind it if none does.
    fn file_at(&self, offset: u64) -> usize {
        self.files.partition_point(|file| file.end() <= offset)
    }
}
