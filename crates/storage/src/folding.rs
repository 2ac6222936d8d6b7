//! Folders that take `a` and `A` for one name: RELIABILITY row 14. Only where two files of the torrent would then be one
//! is the folder asked, and nothing is written to it when what is there can tell.

use std::sync::Arc;

use bitlode_metainfo::Info;

use crate::disk::{Access, Disk, Fault};
use crate::error::StorageError;
use crate::files::Files;
use crate::limits::Limits;

/// The torrent with other paths, when the folder takes some of its names for equal; `None` when the paths can stay. A
/// folder that does not tell is taken for one that keeps names apart. With [`Access::Create`] a file may be made in it.
pub(crate) fn fitted<D: Disk>(
    info: &Info,
    limits: &Limits,
    files: &Files<D>,
    access: Access,
) -> Result<Option<Arc<Info>>, StorageError> {
    let folded = info.for_folding_file_system(&limits.names);
    if folded.as_ref().is_ok_and(|folded| folded.warnings.len() == info.warnings.len()) {
        return Ok(None); // nothing would be renamed
    }
    let root = files.reopen(access == Access::Create, false)?;
    let name = info.name.safe.as_str();
    let known = files.pool().with(|disk| same(disk, &root, name)).unwrap_or(None);
    let folds = match known {
        None if access == Access::Create => files.pool().with(|disk| probe(disk, &root, info)).unwrap_or(None),
        known => known,
    };
    match folds {
        Some(true) => Ok(Some(Arc::new(folded?))),
        Some(false) | None => Ok(None),
    }
}

/// Whether a name that is there is also there with its case changed.
fn same<D: Disk>(disk: &D, root: &D::Dir, name: &str) -> Result<Option<bool>, Fault> {
    let other: String = name
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    if other == name {
        return Ok(None);
    }
    let Some(here) = disk.stat(root, &[name])? else { return Ok(None) };
    let there = disk.stat(root, &[&other])?;
    Ok(Some(there.is_some_and(|there| there.inode == here.inode && there.kind == here.kind)))
}

/// Makes a file for the question and removes it.
fn probe<D: Disk>(disk: &D, root: &D::Dir, info: &Info) -> Result<Option<bool>, Fault> {
    let hex: String = info.hashes.best().iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!(".{hex}.bitlode-case-probe");
    drop(disk.open(root, &[&name], Access::Create)?);
    let folds = same(disk, root, &name);
    // What cannot be removed stands there with a name that says what it is.
    let _ = disk.remove(root, &[&name]);
    folds
}
