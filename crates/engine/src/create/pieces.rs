//! Reading and hashing the pieces of a torrent that is made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use bitlode_base::Code;
use bitlode_hash::Hasher;
use bitlode_hash::merkle::Hash;
use bitlode_metainfo::create::{FileTree, Format, OnlyPiece, Slot};
use bitlode_storage::{PieceDigest, Scratch};

use crate::api::Failure;

/// Bytes of a piece read at once.
const READ_BYTES: u64 = 256 * 1024;
/// Pieces that are read side by side at most, whatever the hasher could take: it bounds the memory.
pub(crate) const LANES: usize = 16;

/// A file of the torrent, as it was when it was found.
pub(crate) struct Found {
    pub(crate) disk: PathBuf,
    pub(crate) components: Vec<String>,
    pub(crate) len: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// The torrent's bytes: files and the pads between them.
pub(crate) struct Plan {
    pub(crate) files: Vec<Found>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) format: Format,
    pub(crate) piece_length: u64,
    /// Where the last slot ends.
    pub(crate) total: u64,
}

/// Hashes of pieces, in order: SHA-1 and nodes of piece layers, each where the format has them.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    pub(crate) v1: Vec<u8>,
    pub(crate) v2: Vec<Hash>,
}

impl Plan {
    /// The bytes of a piece, and how many of them are content, where a half asks for it.
    fn piece(&self, piece: u32) -> (Range<u64>, u64) {
        let start = u64::from(piece) * self.piece_length;
        let end = (start + self.piece_length).min(self.total);
        // Files of a v2 half begin their pieces, so a pad stands behind all content.
        let content = if self.format.has_v2() { end.min(self.content_end(start)) } else { end };
        let end = if self.format.has_v1() { end } else { content };
        (start..end, content - start)
    }

    /// Where the slot ends that holds the byte at `at`.
    fn content_end(&self, at: u64) -> u64 {
        self.slots.get(self.slot_at(at)).map_or(at, |slot| slot.offset + slot.len)
    }

    fn slot_at(&self, at: u64) -> usize {
        self.slots.partition_point(|slot| slot.offset + slot.len <= at)
    }

    fn only_piece(&self, piece: u32) -> OnlyPiece {
        let slot = self.slots.get(self.slot_at(u64::from(piece) * self.piece_length));
        match slot.is_none_or(|slot| slot.len <= self.piece_length) {
            true => OnlyPiece::Yes,
            false => OnlyPiece::No,
        }
    }

    /// The tree of each file over the nodes of all pieces.
    pub(crate) fn trees(&self, hasher: Hasher, nodes: &[Hash]) -> Vec<FileTree> {
        let tree = |slot: &Slot| {
            let first = (slot.offset / self.piece_length) as usize;
            let count = slot.len.div_ceil(self.piece_length) as usize;
            FileTree::new(hasher, nodes.get(first..first + count).unwrap_or_default(), self.piece_length as u32)
        };
        self.slots.iter().filter(|slot| slot.file.is_some()).map(tree).collect()
    }
}

/// Hashes pieces, as many side by side as the hasher takes, but `width` at most: 1 reads all in order.
pub(crate) fn hash_run(
    plan: &Plan,
    pieces: Range<u32>,
    (hasher, width): (Hasher, usize),
    cancelled: &AtomicBool,
    scratch: &mut Scratch,
) -> Result<Hashes, Failure> {
    let mut out = Hashes::default();
    let mut content = Reading { plan, open: BTreeMap::new() };
    let step = plan.piece_length.min(READ_BYTES);
    let numbers: Vec<u32> = pieces.collect();
    for group in numbers.chunks(hasher.lanes_sha1().min(width).clamp(1, LANES)) {
        let mut lanes = Vec::new();
        for piece in group {
            let (bytes, content) = plan.piece(*piece);
            lanes.push((bytes, PieceDigest::new(plan.format, content as u32)));
        }
        let buffer = scratch.bytes(step as usize * lanes.len());
        while lanes.iter().any(|(rest, _)| !rest.is_empty()) {
            let mut parts = Vec::with_capacity(lanes.len());
            for ((rest, digest), part) in lanes.iter_mut().zip(buffer.chunks_mut(step as usize)) {
                if cancelled.load(Relaxed) {
                    return Err(failure(Code::Aborted, "making the torrent was aborted".into()));
                }
                let len = step.min(rest.end - rest.start);
                let part = part.get_mut(..len as usize).unwrap_or_default();
                content.fill(rest.start, part)?;
                rest.start += len;
                parts.push((digest, &*part));
            }
            PieceDigest::update_many(hasher, &mut parts);
        }
        for (piece, (_, digest)) in group.iter().zip(&lanes) {
            out.v1.extend(digest.v1().into_iter().flatten());
            out.v2.extend(digest.v2(hasher, plan.piece_length as u32, plan.only_piece(*piece)));
        }
        // Only the file that goes on behind these pieces is still needed.
        let end = group.last().map_or(0, |last| (u64::from(*last) + 1) * plan.piece_length);
        content.close_before(end)?;
    }
    content.close_before(u64::MAX)?;
    Ok(out)
}

/// The slots as one run of bytes.
struct Reading<'a> {
    plan: &'a Plan,
    /// Files that are read now, by the number of their slot.
    open: BTreeMap<usize, Open<'a>>,
}

impl Reading<'_> {
    /// Fills `part` from a position in the torrent's bytes.
    fn fill(&mut self, mut at: u64, mut part: &mut [u8]) -> Result<(), Failure> {
        let mut number = self.plan.slot_at(at);
        while !part.is_empty() {
            let Some(slot) = self.plan.slots.get(number) else { return Ok(()) };
            let len = usize::try_from(slot.offset + slot.len - at).unwrap_or(usize::MAX).min(part.len());
            let (front, back) = part.split_at_mut(len);
            match slot.file.and_then(|file| self.plan.files.get(file)) {
                None => front.fill(0),
                Some(_) if front.is_empty() => {}
                Some(file) => {
                    let whole = at == slot.offset && len as u64 == slot.len;
                    let mut open = match self.open.remove(&number) {
                        Some(open) => open,
                        None => Open::new(file)?,
                    };
                    open.fill(at - slot.offset, front)?;
                    match whole {
                        true => open.check()?,
                        false => drop(self.open.insert(number, open)),
                    }
                }
            }
            at += len as u64;
            part = back;
            number += 1;
        }
        Ok(())
    }

    /// Closes the files that end at or before a position, which must be what they were.
    fn close_before(&mut self, position: u64) -> Result<(), Failure> {
        while let Some(entry) = self.open.first_entry() {
            let slot = self.plan.slots.get(*entry.key());
            if slot.is_some_and(|slot| slot.offset + slot.len > position) {
                break;
            }
            entry.remove().check()?;
        }
        Ok(())
    }
}

/// A file that must stay what it was found to be.
struct Open<'a> {
    found: &'a Found,
    file: File,
    /// Where the next read begins by itself.
    at: u64,
}

impl<'a> Open<'a> {
    fn new(found: &'a Found) -> Result<Open<'a>, Failure> {
        let file = File::open(&found.disk).map_err(|error| unreadable(&found.disk, &error))?;
        Ok(Open { found, file, at: 0 })
    }

    fn fill(&mut self, offset: u64, part: &mut [u8]) -> Result<(), Failure> {
        use std::io::Seek;
        if self.at != offset {
            let sought = self.file.seek(std::io::SeekFrom::Start(offset));
            sought.map_err(|error| unreadable(&self.found.disk, &error))?;
        }
        self.at = offset + part.len() as u64;
        self.file.read_exact(part).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => changed(self.found),
            _ => unreadable(&self.found.disk, &error),
        })
    }

    fn check(&self) -> Result<(), Failure> {
        let meta = self.file.metadata().map_err(|error| unreadable(&self.found.disk, &error))?;
        match meta.len() == self.found.len && meta.modified().ok() == self.found.modified {
            true => Ok(()),
            false => Err(changed(self.found)),
        }
    }
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    failure(Code::FileRead, format!("cannot read {}: {error}", path.display()))
}

fn changed(found: &Found) -> Failure {
    failure(Code::StorageChanged, format!("{} changed while it was hashed", found.disk.display()))
}

pub(crate) fn failure(code: Code, message: String) -> Failure {
    Failure { code, message }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bitlode_base::Choice;
    use bitlode_hash::{Isa, merkle, sha1};
    use bitlode_metainfo::create::{Padding, slots};

    use super::*;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Files of these lengths, and the bytes of each.
    fn files(folder: &Folder, lengths: &[usize]) -> (Vec<Found>, Vec<Vec<u8>>) {
        let (mut choice, mut bytes, mut found) = (Choice::new(9), Vec::new(), Vec::new());
        fs::create_dir_all(&folder.0).unwrap();
        for (number, len) in lengths.iter().enumerate() {
            let disk = folder.0.join(number.to_string());
            let content: Vec<u8> = std::iter::repeat_with(|| choice.next() as u8).take(*len).collect();
            fs::write(&disk, &content).unwrap();
            let modified = fs::metadata(&disk).unwrap().modified().ok();
            found.push(Found { disk, components: Vec::new(), len: *len as u64, modified });
            bytes.push(content);
        }
        (found, bytes)
    }

    fn folder(name: &str) -> Folder {
        Folder(std::env::temp_dir().join(format!("bitlode-create-{name}-{}", std::process::id())))
    }

    fn plan(files: Vec<Found>, format: Format, piece_length: u32) -> Plan {
        let lens: Vec<u64> = files.iter().map(|file| file.len).collect();
        let slots = slots(format, Padding::Packed, piece_length, &lens).unwrap();
        let total = slots.last().map_or(0, |last| last.offset + last.len);
        Plan { files, slots, format, piece_length: piece_length.into(), total }
    }

    fn copies(files: &[Found]) -> Vec<Found> {
        let copy = |file: &Found| Found { disk: file.disk.clone(), components: Vec::new(), ..*file };
        files.iter().map(copy).collect()
    }

    #[test]
    fn pieces_side_by_side_across_any_files_have_the_hashes_of_their_bytes() {
        let folder = folder("lanes");
        let mut lengths = vec![3_000_000, 0, 1, 16_384, 700_001, 0, 0, 65_536];
        lengths.extend((0..400).map(|number| number % 97));
        lengths.push(900_000);
        let (found, bytes) = files(&folder, &lengths);
        for (piece_length, format) in [16_384, 65_536, 524_288, 8_388_608]
            .into_iter()
            .flat_map(|length| [Format::V1, Format::Hybrid, Format::V2].map(|format| (length as u32, format)))
        {
            let plan = plan(copies(&found), format, piece_length);
            let mut whole = Vec::new();
            for slot in &plan.slots {
                match slot.file {
                    Some(file) => whole.extend_from_slice(&bytes[file]),
                    None => whole.resize(whole.len() + slot.len as usize, 0),
                }
            }
            let want: Vec<u8> = match format.has_v1() {
                true => whole.chunks(piece_length as usize).flat_map(sha1).collect(),
                false => Vec::new(),
            };
            let roots = bytes.iter().map(|bytes| merkle::root_of_blocks(&merkle::leaves(bytes)));
            let roots: Vec<Hash> = if format.has_v2() { roots.collect() } else { Vec::new() };
            let hashers = Isa::ALL.into_iter().filter_map(Hasher::only).chain([Hasher::best()]);
            let hashers = hashers.map(|hasher| (hasher, LANES)).chain([(Hasher::best(), 1)]);
            // All of them only where it is cheap.
            for (hasher, width) in hashers.take(if piece_length == 65_536 { 9 } else { 1 }) {
                // In runs of 24 pieces, as several tasks would have them.
                let (mut got, mut nodes, go) = (Vec::new(), Vec::new(), AtomicBool::new(false));
                let count = plan.total.div_ceil(plan.piece_length) as u32;
                for start in (0..count).step_by(24) {
                    let run = start..count.min(start + 24);
                    let hashes = hash_run(&plan, run, (hasher, width), &go, &mut Scratch::new()).unwrap();
                    got.extend(hashes.v1);
                    nodes.extend(hashes.v2);
                }
                assert!(got == want, "{piece_length}, {format:?}, {hasher}");
                let trees = plan.trees(hasher, &nodes).into_iter().map(|tree| tree.root);
                let trees: Vec<Hash> = if format.has_v2() { trees.collect() } else { Vec::new() };
                assert!(trees == roots, "{piece_length}, {format:?}, {hasher}");
            }
        }
    }

    #[test]
    fn a_file_that_is_no_longer_what_was_found_is_an_error() {
        let folder = folder("changed");
        let (found, _) = files(&folder, &[100_000, 300, 200_000]);
        let hash = |cancelled: bool| {
            let (plan, cancelled) = (plan(copies(&found), Format::V1, 16_384), AtomicBool::new(cancelled));
            let all = 0..plan.total.div_ceil(16_384) as u32;
            hash_run(&plan, all, (Hasher::best(), LANES), &cancelled, &mut Scratch::new())
                .map_err(|failure| failure.code)
        };
        assert!(hash(false).is_ok());
        assert_eq!(hash(true).unwrap_err(), Code::Aborted);
        for number in [1, 2] {
            let path = &found[number].disk;
            let content = fs::read(path).unwrap();
            let modified = found[number].modified.unwrap();
            let restore = |bytes: &[u8]| {
                fs::write(path, bytes).unwrap();
                File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
            };
            restore(&content[..200]);
            assert_eq!(hash(false).unwrap_err(), Code::StorageChanged, "file {number} is shorter");
            restore(&[&content[..], b"more"].concat());
            assert_eq!(hash(false).unwrap_err(), Code::StorageChanged, "file {number} is longer");
            fs::remove_file(path).unwrap();
            assert_eq!(hash(false).unwrap_err(), Code::FileRead, "file {number} is gone");
            restore(&content);
            assert!(hash(false).is_ok());
            File::options().write(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(hash(false).unwrap_err(), Code::StorageChanged, "file {number} was written to");
            restore(&content);
        }
    }
}
