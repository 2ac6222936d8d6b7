//! Hash trees of files to write (BEP 52).

use bitlode_hash::Hasher;
use bitlode_hash::merkle::{self, Hash};

/// The hash tree of a file, as far as a .torrent file holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileTree {
    /// `pieces root`; zeros for an empty file.
    pub root: Hash,
    /// Its value in `piece layers`, 32 bytes a piece; empty for a file of at most one piece.
    pub layer: Vec<u8>,
}

impl FileTree {
    /// The tree over the [`piece_node`]s of a whole file, in order.
    pub fn new(with: Hasher, nodes: &[Hash], piece_length: u32) -> FileTree {
        match nodes {
            [] => FileTree::default(),
            [only] => FileTree { root: *only, layer: Vec::new() },
            many => {
                let level = merkle::piece_level(piece_length).unwrap_or(0);
                FileTree { root: merkle::root_of_layer_with(with, many, level), layer: many.as_flattened().to_vec() }
            }
        }
    }
}

/// The node over one piece of a file: at the level of the piece layer, or, for the only piece of a file, the root over
/// its own blocks. `leaves` are those of the piece ([`merkle::leaves_with`]).
pub fn piece_node(with: Hasher, leaves: &[Hash], piece_length: u32, only: OnlyPiece) -> Hash {
    let level = merkle::piece_level(piece_length).unwrap_or(0);
    match only {
        OnlyPiece::Yes => merkle::root_of_layer_with(with, leaves, 0),
        OnlyPiece::No => merkle::layer_of_blocks_with(with, leaves, level).first().copied().unwrap_or_default(),
    }
}

/// Whether a piece is the only one of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyPiece {
    /// The file has one piece.
    Yes,
    /// It has more.
    No,
}
