//! The hash trees of BEP 52.
//!
//! A leaf is the SHA-256 of a 16 KiB block (the last block of a file may be shorter); leaves that are missing up to the
//! next power of two are 32 zero bytes; a node is the SHA-256 of its two children. Level 0 is the leaves; the *piece
//! layer* is the level whose nodes cover one piece each.

use bitlode_base::BLOCK_LEN;

use crate::hasher::Hasher;
use crate::sha256::{sha256, sha256_blocks, sha256_many};

/// A node of a tree.
pub type Hash = [u8; 32];

/// The node over two nodes.
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    let mut both = [0; 64];
    let (a, b) = both.split_at_mut(32);
    a.copy_from_slice(left);
    b.copy_from_slice(right);
    sha256(&both)
}

/// The node at `level` over nothing but missing leaves.
pub fn pad_hash(level: u32) -> Hash {
    (0..level).fold([0; 32], |hash, _| parent(&hash, &hash))
}

/// The level of the piece layer, or `None` if `piece_length` is not a power of two of at least 16 KiB.
pub fn piece_level(piece_length: u32) -> Option<u32> {
    let fits = piece_length.is_power_of_two() && piece_length >= BLOCK_LEN;
    fits.then(|| piece_length.trailing_zeros().saturating_sub(BLOCK_LEN.trailing_zeros()))
}

/// The leaves of a file's content, by [`Hasher::best`].
pub fn leaves(content: &[u8]) -> Vec<Hash> {
    leaves_with(Hasher::best(), content)
}

/// The leaves of a file's content.
pub fn leaves_with(with: Hasher, content: &[u8]) -> Vec<Hash> {
    sha256_many(with, &content.chunks(BLOCK_LEN as usize).collect::<Vec<_>>())
}

/// The root over the leaves of a whole file, padded to the next power of two of *its* number of blocks; zeros if there
/// are none.
pub fn root_of_blocks(leaves: &[Hash]) -> Hash {
    root_of_layer(leaves, 0)
}

/// The root over a layer whose nodes stand at `level`, by [`Hasher::best`]; missing nodes are [`pad_hash`] of that level.
pub fn root_of_layer(layer: &[Hash], level: u32) -> Hash {
    root_of_layer_with(Hasher::best(), layer, level)
}

/// [`root_of_layer`] by `with`.
pub fn root_of_layer_with(with: Hasher, layer: &[Hash], level: u32) -> Hash {
    let mut pad = pad_hash(level);
    let mut row = layer.to_vec();
    if row.is_empty() {
        return pad;
    }
    while row.len() > 1 {
        row = above(with, &row, &pad);
        pad = parent(&pad, &pad);
    }
    row.first().copied().unwrap_or(pad)
}

/// The layer at `level` over `leaves`, without the nodes that cover nothing but padding: with the level of a piece, the
/// value of `piece layers`. By [`Hasher::best`].
pub fn layer_of_blocks(leaves: &[Hash], level: u32) -> Vec<Hash> {
    layer_of_blocks_with(Hasher::best(), leaves, level)
}

/// [`layer_of_blocks`] by `with`.
pub fn layer_of_blocks_with(with: Hasher, leaves: &[Hash], level: u32) -> Vec<Hash> {
    let mut pad = [0; 32];
    let mut row = leaves.to_vec();
    for _ in 0..level {
        row = above(with, &row, &pad);
        pad = parent(&pad, &pad);
    }
    row
}

/// Whether `layer`, 32 bytes a node as `piece layers` holds it, is the layer at `level` under `root`. By
/// [`Hasher::best`].
pub fn layer_matches(layer: &[u8], level: u32, root: &Hash) -> bool {
    layer_matches_with(Hasher::best(), layer, level, root)
}

/// [`layer_matches`] by `with`.
pub fn layer_matches_with(with: Hasher, layer: &[u8], level: u32, root: &Hash) -> bool {
    let (nodes, rest) = layer.as_chunks::<32>();
    rest.is_empty() && root_of_layer_with(with, nodes, level) == *root
}

/// The nodes over a row; `pad` is the sibling of a last one without.
fn above(with: Hasher, row: &[Hash], pad: &Hash) -> Vec<Hash> {
    let (pairs, last) = row.as_flattened().as_chunks::<64>();
    let mut nodes = sha256_blocks(with, pairs);
    nodes.extend(last.first_chunk().map(|left| parent(left, pad)));
    nodes
}

/// All layers of one file's tree, from the leaves to the root, for answering hash requests.
#[derive(Debug, Clone)]
pub struct Tree {
    layers: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over the leaves of a whole file, by [`Hasher::best`].
    pub fn new(leaves: Vec<Hash>) -> Tree {
        Tree::new_with(Hasher::best(), leaves)
    }

    /// The tree over the leaves of a whole file.
    pub fn new_with(with: Hasher, leaves: Vec<Hash>) -> Tree {
        let mut layers = vec![leaves];
        let mut pad = [0; 32];
        while let Some(row) = layers.last().filter(|row| row.len() > 1) {
            let next = above(with, row, &pad);
            pad = parent(&pad, &pad);
            layers.push(next);
        }
        Tree { layers }
    }

    /// The root; zeros for a file without blocks.
    pub fn root(&self) -> Hash {
        self.layers.last().and_then(|row| row.first()).copied().unwrap_or_default()
    }

    /// The layer at `level` without padding; nothing above the root.
    pub fn layer(&self, level: u32) -> &[Hash] {
        self.layers.get(level as usize).map_or(&[], Vec::as_slice)
    }

    /// What answers a hash request of BEP 52: `length` nodes of the layer at `base` from `index` on, padding included,
    /// then the siblings that lead from them towards the root. `length` is a power of two, `index` a multiple of it.
    /// `None` if the request reaches beyond the tree.
    pub fn hashes(&self, base: u32, index: u32, length: u32, proof_layers: u32) -> Option<Vec<Hash>> {
        if !length.is_power_of_two() || !index.is_multiple_of(length) {
            return None;
        }
        let height = u32::try_from(self.layers.len()).ok()?.checked_sub(1)?;
        let width = 1u64.checked_shl(height.checked_sub(base)?)?;
        if u64::from(index) + u64::from(length) > width {
            return None;
        }
        let mut pad = pad_hash(base);
        let row = self.layer(base);
        let mut out: Vec<Hash> =
            (index as usize..index as usize + length as usize).map(|at| row.get(at).copied().unwrap_or(pad)).collect();
        let own = length.trailing_zeros();
        for _ in 0..own {
            pad = parent(&pad, &pad);
        }
        let mut at = index >> own;
        for level in base + own..(base.checked_add(proof_layers)?.checked_add(1)?).min(height) {
            let sibling = (at ^ 1) as usize;
            out.push(self.layer(level).get(sibling).copied().unwrap_or(pad));
            pad = parent(&pad, &pad);
            at >>= 1;
        }
        Some(out)
    }
}
