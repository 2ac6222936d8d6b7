//! The hashes of a piece that is read from disk: SHA-1 over all of it, and the leaves of a tree over its content.

use bitlode_base::BLOCK_LEN;
use bitlode_hash::merkle::Hash;
use bitlode_hash::{Feed, Hasher, Sha1, sha1_many, sha256_many};
use bitlode_metainfo::create::{Format, OnlyPiece, piece_node};

/// A piece that is hashed part by part, beside others.
#[derive(Clone)]
pub struct PieceDigest {
    sha1: Option<Sha1>,
    leaves: Option<Vec<Hash>>,
    /// Bytes of content, which pads follow, that are still to come.
    content: u32,
}

impl PieceDigest {
    /// Hashes for these halves of a torrent. `content` is the bytes of the piece without the pad behind them.
    pub fn new(format: Format, content: u32) -> PieceDigest {
        PieceDigest { sha1: format.has_v1().then(Sha1::new), leaves: format.has_v2().then(Vec::new), content }
    }

    /// Takes the next part of each piece, side by side. All parts but the last of a piece are whole blocks of 16 KiB.
    pub fn update_many(with: Hasher, parts: &mut [(&mut PieceDigest, &[u8])]) {
        let (mut leaves, mut blocks) = (Vec::new(), Vec::new());
        for (at, (digest, part)) in parts.iter_mut().enumerate() {
            if digest.leaves.is_some() {
                let content = part.get(..part.len().min(digest.content as usize)).unwrap_or_default();
                digest.content -= content.len() as u32;
                blocks.extend(content.chunks(BLOCK_LEN as usize));
                leaves.resize(blocks.len(), at);
            }
        }
        for (hash, at) in sha256_many(with, &blocks).into_iter().zip(leaves) {
            if let Some((PieceDigest { leaves: Some(leaves), .. }, _)) = parts.get_mut(at) {
                leaves.push(hash);
            }
        }
        let mut lanes: Vec<_> =
            parts.iter_mut().filter_map(|(digest, part)| digest.sha1.as_mut().map(|hash| (hash, [&**part]))).collect();
        let feeds = lanes.iter_mut().map(|(hash, parts)| Feed { hash, parts: &*parts });
        sha1_many(with, &mut feeds.collect::<Vec<_>>());
    }

    /// The SHA-1 of the piece.
    pub fn v1(&self) -> Option<[u8; 20]> {
        self.sha1.clone().map(Sha1::finish)
    }

    /// The node of the piece in its file's tree.
    pub fn v2(&self, with: Hasher, piece_length: u32, only: OnlyPiece) -> Option<Hash> {
        self.leaves.as_ref().map(|leaves| piece_node(with, leaves, piece_length, only))
    }
}
