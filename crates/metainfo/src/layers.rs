//! `piece layers` of a .torrent file (BEP 52).

use std::sync::Arc;

use bitlode_bencode::Value;
use bitlode_hash::merkle;

use crate::error::MetainfoError;
use crate::verifier::FileHashes;

/// Gives every file its layer from `layers`, after checking each against its root. Says how many layers are missing:
/// peers have them.
pub(crate) fn attach(
    files: &mut [FileHashes],
    layers: Option<Value<'_>>,
    piece_length: u32,
) -> Result<u32, MetainfoError> {
    let level = merkle::piece_level(piece_length).unwrap_or(0);
    let mut by_root: Vec<([u8; 32], usize)> =
        files.iter().enumerate().filter(|(_, file)| file.pieces > 1).map(|(at, file)| (file.root, at)).collect();
    by_root.sort_unstable();
    if let Some(layers) = layers {
        let layers = layers.as_dict().ok_or(MetainfoError::Missing { key: "piece layers" })?;
        for (root, layer) in layers.iter() {
            let layer = layer.as_bytes().ok_or(MetainfoError::Missing { key: "piece layers" })?;
            let mismatch = |why| MetainfoError::HybridMismatch { why };
            let from = by_root.partition_point(|(known, _)| known.as_slice() < root);
            let same = by_root.get(from..).unwrap_or_default().iter().take_while(|(known, _)| known == root);
            let mut shared: Option<Arc<[u8]>> = None;
            for (root, at) in same {
                let Some(file) = files.get_mut(*at) else { continue };
                // The length first: hashing is the dear part.
                if layer.len() as u64 != u64::from(file.pieces).saturating_mul(32) {
                    return Err(mismatch("a piece layer is not 32 bytes for each piece of its file"));
                }
                if shared.is_none() && !merkle::layer_matches(layer, level, root) {
                    return Err(mismatch("a piece layer does not match its root"));
                }
                file.layer = Some(shared.get_or_insert_with(|| Arc::from(layer)).clone());
            }
            if shared.is_none() {
                return Err(mismatch("a piece layer belongs to no file"));
            }
        }
    }
    let missing = files.iter().filter(|file| file.pieces > 1 && file.layer.is_none()).count();
    Ok(u32::try_from(missing).unwrap_or(u32::MAX))
}
