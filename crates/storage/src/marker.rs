//! The marker beside unfinished content: it tells our files from foreign ones.

use bitlode_hash::sha1;
use bitlode_metainfo::Info;

use crate::disk::{Access, Disk, Fault};
use crate::transfer::{After, read_full, write_full};

const VERSION: &str = "bitlode marker 1";

/// The marker's name in the download folder.
pub(crate) fn name(info: &Info) -> String {
    format!(".{}.bitlode", hex(&info.hashes.best()))
}

/// The marker's content: version, info-hash, our files, and a check over the lines before. A torrent has exactly one,
/// so a marker is ours when it is equal byte by byte; a torn one is none, and nothing was written before it was durable.
pub(crate) fn content(info: &Info, paths: impl Iterator<Item = String>) -> Vec<u8> {
    let mut text = format!("{VERSION}\ninfo-hash {}\n", hex(&info.hashes.best()));
    for path in paths {
        text.push_str("file ");
        text.push_str(&path);
        text.push('\n');
    }
    let check = hex(&sha1(text.as_bytes()));
    text.push_str("check ");
    text.push_str(&check);
    text.push('\n');
    text.into_bytes()
}

/// Whether the marker with this content is there.
pub(crate) fn is_there<D: Disk>(disk: &D, root: &D::Dir, name: &str, content: &[u8]) -> Result<bool, Fault> {
    let stat = match disk.stat(root, &[name])? {
        Some(stat) if stat.kind == crate::disk::Kind::File && stat.size == content.len() as u64 => stat,
        _ => return Ok(false),
    };
    let file = disk.open(root, &[name], Access::Read)?;
    let mut found = vec![0; stat.size as usize];
    let full = read_full(disk, &file, &mut [std::io::IoSliceMut::new(&mut found)], 0)?;
    Ok(full && found == content)
}

/// Makes the marker, durably.
pub(crate) fn write<D: Disk>(disk: &D, root: &D::Dir, name: &str, content: &[u8]) -> Result<(), Fault> {
    // What stands there is torn or of another version: there is no truncation here, so it goes first.
    disk.remove(root, &[name])?;
    let file = disk.open(root, &[name], Access::Create)?;
    write_full(disk, &file, &mut [std::io::IoSlice::new(content)], (0, content.len() as u64), After::ReadBack)?;
    disk.sync(&file)?;
    disk.sync_dir(root, &[])
}

/// Removes the marker, durably.
pub(crate) fn remove<D: Disk>(disk: &D, root: &D::Dir, name: &str) -> Result<(), Fault> {
    // Synced even when it is gone: an earlier try may have failed between the two.
    disk.remove(root, &[name])?;
    disk.sync_dir(root, &[])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
