//! What pieces are checked against.

use std::ops::Range;
use std::sync::Arc;

use bitlode_base::PieceIndex;

use crate::create::OnlyPiece;

/// The hashes of a torrent's pieces.
#[derive(Debug, Clone)]
pub enum Verifier {
    /// SHA-1, 20 bytes a piece (BEP 3).
    V1(PieceHashes),
    /// Hash trees, one a file (BEP 52).
    V2(Arc<[FileHashes]>),
    /// Both; a piece is right only if both say so.
    Both {
        /// SHA-1, 20 bytes a piece.
        v1: PieceHashes,
        /// Hash trees, one a file.
        v2: Arc<[FileHashes]>,
    },
}

/// `pieces` of an info dictionary, where it stands in it: nine tenths of what a torrent takes in memory are there once.
#[derive(Debug, Clone)]
pub struct PieceHashes {
    raw: Arc<[u8]>,
    at: Range<usize>,
}

impl PieceHashes {
    pub(crate) fn new(raw: Arc<[u8]>, at: Range<usize>) -> PieceHashes {
        PieceHashes { raw, at }
    }

    /// 20 bytes a piece.
    pub fn as_bytes(&self) -> &[u8] {
        self.raw.get(self.at.clone()).unwrap_or_default()
    }
}

/// The hash tree of one file, as far as the metainfo knows it.
#[derive(Debug, Clone)]
pub struct FileHashes {
    /// First piece of the file.
    pub first: PieceIndex,
    /// Number of its pieces.
    pub pieces: u32,
    /// Root of the tree.
    pub root: [u8; 32],
    /// The piece layer, 32 bytes a piece; absent for a file of one piece, and until it is known.
    pub layer: Option<Arc<[u8]>>,
}

impl Verifier {
    /// The SHA-1 of a piece.
    pub fn v1(&self, piece: PieceIndex) -> Option<[u8; 20]> {
        match self {
            Verifier::V1(v1) | Verifier::Both { v1, .. } => v1.as_bytes().as_chunks::<20>().0.get(piece.at()).copied(),
            Verifier::V2(_) => None,
        }
    }

    /// The node of the piece layer over a piece, or the root of a file of one piece. `None` while the layer is unknown.
    pub fn v2(&self, piece: PieceIndex) -> Option<[u8; 32]> {
        self.v2_node(piece).map(|(node, _)| node)
    }

    /// [`Verifier::v2`], and how [`piece_node`](crate::create::piece_node) makes it of the piece's content.
    pub fn v2_node(&self, piece: PieceIndex) -> Option<([u8; 32], OnlyPiece)> {
        let files = self.files();
        let at = files.partition_point(|file| file.first <= piece).checked_sub(1)?;
        let file = files.get(at)?;
        let inside = piece.0.checked_sub(file.first.0).filter(|inside| *inside < file.pieces)?;
        match &file.layer {
            Some(layer) => Some((layer.as_chunks::<32>().0.get(inside as usize).copied()?, OnlyPiece::No)),
            None => (file.pieces == 1).then_some((file.root, OnlyPiece::Yes)),
        }
    }

    /// The trees of all files that are not empty, in order; none for v1.
    pub fn files(&self) -> &[FileHashes] {
        match self {
            Verifier::V1(_) => &[],
            Verifier::V2(v2) | Verifier::Both { v2, .. } => v2,
        }
    }
}
