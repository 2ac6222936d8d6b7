//! A check of pieces without a store: for who only wants to know.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bitlode_base::{Bitfield, PieceIndex};
use bitlode_hash::Hasher;
use bitlode_metainfo::Info;

use crate::disk::Disk;
use crate::error::StorageError;
use crate::files::Files;
use crate::job::Done;
use crate::limits::Limits;
use crate::scratch::Scratch;
use crate::verify::{Halves, check};
use crate::work::open_fitted;

/// Looks at the folder and its files, and says which pieces have all their bytes there: no other is worth reading. The
/// torrent comes back with the paths that its files have in this folder. Nothing is made. Errors are those of opening a torrent: no folder, a symbolic link in a path, a folder where a file
/// should be.
pub fn survey<D: Disk>(
    info: &Arc<Info>,
    limits: &Limits,
    files: &Files<D>,
) -> Result<(Arc<Info>, Bitfield), StorageError> {
    let found = open_fitted(info, limits, files, false, false)?;
    Ok((found.fitted.unwrap_or_else(|| info.clone()), found.present))
}

/// Reads pieces, several side by side, and gives those of which every hash that the torrent has is right, v1 and v2. What
/// cannot be read is not right; an error is what would hinder every other piece as well. Ends early once `cancel` is set.
pub fn check_pieces<D: Disk>(
    (info, limits): (&Info, &Limits),
    files: &Files<D>,
    pieces: &[PieceIndex],
    cancel: &AtomicBool,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Result<Vec<PieceIndex>, StorageError> {
    match check((info, limits), files, pieces, Halves::All, cancel, hasher, scratch) {
        Done::Check { error: Some(error), .. } => Err(error),
        Done::Check { right, .. } => Ok(right),
        _ => Ok(Vec::new()),
    }
}
