//! Making a torrent from files: walk, hash by runs of pieces on the workers, build.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use bitlode_base::{Code, Coded};
use bitlode_hash::{Feed, Hasher, Sha1, sha1_many};
use bitlode_metainfo::create::{Create, Privacy, piece_length_for};
use bitlode_metainfo::{Limits, Metainfo};
use bitlode_storage::Scratch;

use crate::api::{CreateTorrent, Failure};
use crate::workers::{Pace, Workers};

/// Bytes that one task hashes, at least: enough that handing it out costs nothing beside it.
const TASK_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of a piece read at once.
const READ_BYTES: u64 = 256 * 1024;
/// Pieces that are read side by side at most, whatever the hasher could take: it bounds the memory.
const LANES: usize = 16;

/// What making a torrent needs of its surroundings.
pub(crate) struct Maker<'a> {
    pub(crate) workers: &'a Workers,
    /// Tasks that run side by side.
    pub(crate) parallel: usize,
    pub(crate) limits: Limits,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Pieces hashed, pieces in all.
    pub(crate) progress: &'a dyn Fn(u32, u32),
    /// A file that is left out, and why.
    pub(crate) skipped: &'a dyn Fn(&Path, &'static str),
}

/// A file of the torrent, as it was when it was found.
struct Found {
    disk: PathBuf,
    components: Vec<String>,
    len: u64,
    modified: Option<SystemTime>,
    /// Position in the torrent's bytes.
    offset: u64,
}

impl Maker<'_> {
    /// The bytes of the .torrent file.
    pub(crate) fn run(&self, wish: CreateTorrent) -> Result<Vec<u8>, Failure> {
        let (name, mut files) = self.walk(&wish.path)?;
        let mut total = 0u64;
        for file in &mut files {
            file.offset = total;
            total = total.saturating_add(file.len);
        }
        if total > self.limits.total {
            return Err(failure(Code::MetainfoSize, format!("the files have more than {} bytes", self.limits.total)));
        }
        let piece_length = wish.piece_length.unwrap_or_else(|| piece_length_for(total));
        let wrong = piece_length < bitlode_base::BLOCK_LEN || !piece_length.is_power_of_two();
        if wrong || piece_length > self.limits.piece_length {
            let message = format!("Expected the piece length to be a power of two from 16 KiB, got `{piece_length}`");
            return Err(failure(Code::MetainfoPieceLength, message));
        }
        let files = Arc::new(files);
        let pieces = self.hash(&files, total, piece_length)?;
        let make = Create {
            name,
            files: files.iter().map(|file| (file.components.clone(), file.len)).collect(),
            piece_length,
            pieces,
            private: if wish.private { Privacy::Private } else { Privacy::Public },
            trackers: wish.trackers,
            comment: wish.comment,
            created_by: wish.created_by,
            creation_date: wish.creation_date,
            ..Create::default()
        };
        let torrent = make.torrent().map_err(|error| failure(error.code(), error.to_string()))?;
        // What we would refuse to read, nobody should have to.
        Metainfo::parse(&torrent, &self.limits).map_err(|error| failure(error.code(), error.to_string()))?;
        Ok(torrent)
    }

    fn walk(&self, path: &Path) -> Result<(String, Vec<Found>), Failure> {
        // `.` and `..` have no name of their own.
        let whole = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
        let named = path.file_name().or_else(|| whole.file_name());
        let name = named.ok_or_else(|| failure(Code::InvalidOption, format!("{} has no name", path.display())))?;
        let name = utf8(name.to_str(), path)?;
        let meta = fs::metadata(&whole).map_err(|error| unreadable(path, &error))?;
        if meta.is_file() {
            let (len, modified) = (meta.len(), meta.modified().ok());
            return Ok((name, vec![Found { disk: whole, components: Vec::new(), len, modified, offset: 0 }]));
        }
        if !meta.is_dir() {
            return Err(failure(Code::FileRead, format!("{} is neither a file nor a folder", path.display())));
        }
        let mut found = BTreeMap::new();
        let mut folders = vec![(whole, Vec::<String>::new())];
        while let Some((folder, components)) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
            for entry in entries {
                self.check_cancelled()?;
                let entry = entry.map_err(|error| unreadable(&folder, &error))?;
                let disk = entry.path();
                let mut components = components.clone();
                components.push(utf8(entry.file_name().to_str(), &disk)?);
                let kind = entry.file_type().map_err(|error| unreadable(&disk, &error))?;
                if kind.is_symlink() {
                    (self.skipped)(&disk, "a symbolic link");
                } else if kind.is_dir() {
                    if components.len() >= self.limits.path_depth as usize {
                        let message = format!("{} is nested too deeply", disk.display());
                        return Err(failure(Code::MetainfoPathDepth, message));
                    }
                    folders.push((disk, components));
                } else if kind.is_file() {
                    let meta = entry.metadata().map_err(|error| unreadable(&disk, &error))?;
                    let (len, modified) = (meta.len(), meta.modified().ok());
                    // Sorted by the bytes of the whole path: every system makes the same torrent.
                    let key = components.join("/").into_bytes();
                    found.insert(key, Found { disk, components, len, modified, offset: 0 });
                    if found.len() > self.limits.files as usize {
                        let message = format!("more than {} files", self.limits.files);
                        return Err(failure(Code::MetainfoLimit, message));
                    }
                } else {
                    (self.skipped)(&disk, "neither a file nor a folder");
                }
            }
        }
        Ok((name, found.into_values().collect()))
    }

    fn hash(&self, files: &Arc<Vec<Found>>, total: u64, piece_length: u32) -> Result<Vec<u8>, Failure> {
        let length = u64::from(piece_length);
        let pieces = total.div_ceil(length);
        let count = u32::try_from(pieces).ok().filter(|count| *count <= self.limits.pieces);
        let Some(count) = count else {
            let message = format!("{pieces} pieces are more than {}: choose a larger piece length", self.limits.pieces);
            return Err(failure(Code::MetainfoLimit, message));
        };
        // Full lanes, but not all of them in one thread's.
        let hasher = self.workers.hasher();
        let lanes = u32::try_from(hasher.lanes_sha1().min(LANES)).unwrap_or(1);
        let share = count.div_ceil(u32::try_from(self.parallel).unwrap_or(1).max(1));
        let step = u32::try_from(TASK_BYTES.div_ceil(length)).unwrap_or(1).max(lanes.min(share)).max(1);
        let mut out = vec![0; count as usize * 20];
        let (tx, rx) = mpsc::channel();
        let (mut next, mut running, mut done) = (0u32, 0, 0u32);
        (self.progress)(0, count);
        while done < count {
            while next < count && running < self.parallel.max(1) {
                let range = next..next.saturating_add(step).min(count);
                next = range.end;
                running += 1;
                let (files, cancelled, tx) = (files.clone(), self.cancelled.clone(), tx.clone());
                let task = move |scratch: &mut Scratch| {
                    let bytes = u64::from(range.start) * length..(u64::from(range.end) * length).min(total);
                    let hashes = hash_run(&files, bytes, length, hasher, &cancelled, scratch);
                    // Nobody waits any more when the maker gave up.
                    let _ = tx.send((range, hashes));
                };
                self.workers.submit(Pace::Hash, Box::new(task));
            }
            // A task that was dropped because the engine ends never answers, so this looks up now and then.
            let answer = rx.recv_timeout(std::time::Duration::from_millis(100));
            self.check_cancelled()?;
            let Ok((range, hashes)) = answer else { continue };
            let hashes = hashes?;
            running -= 1;
            done += range.end - range.start;
            if let Some(to) = out.get_mut(range.start as usize * 20..range.end as usize * 20) {
                to.copy_from_slice(&hashes);
            }
            (self.progress)(done, count);
        }
        Ok(out)
    }

    fn check_cancelled(&self) -> Result<(), Failure> {
        match self.cancelled.load(Relaxed) {
            true => Err(failure(Code::Aborted, "making the torrent was aborted".into())),
            false => Ok(()),
        }
    }
}

/// Hashes the pieces in `bytes`, which begins at a piece's first byte, as many side by side as the hasher takes.
fn hash_run(
    files: &[Found],
    bytes: Range<u64>,
    piece_length: u64,
    hasher: Hasher,
    cancelled: &AtomicBool,
    scratch: &mut Scratch,
) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let mut content = Content { files, open: BTreeMap::new() };
    let step = piece_length.min(READ_BYTES);
    let group_bytes = piece_length * hasher.lanes_sha1().clamp(1, LANES) as u64;
    let mut start = bytes.start;
    while start < bytes.end {
        let end = (start + group_bytes).min(bytes.end);
        let mut lanes = Vec::new();
        while start < end {
            let stop = (start + piece_length).min(end);
            lanes.push((start..stop, Sha1::new()));
            start = stop;
        }
        let buffer = scratch.bytes(step as usize * lanes.len());
        while lanes.iter().any(|(rest, _)| !rest.is_empty()) {
            let mut parts = Vec::with_capacity(lanes.len());
            for ((rest, hash), part) in lanes.iter_mut().zip(buffer.chunks_mut(step as usize)) {
                if cancelled.load(Relaxed) {
                    return Err(failure(Code::Aborted, "making the torrent was aborted".into()));
                }
                let len = step.min(rest.end - rest.start);
                let part = part.get_mut(..len as usize).unwrap_or_default();
                content.fill(rest.start, part)?;
                rest.start += len;
                parts.push((hash, [&*part]));
            }
            let feeds = parts.iter_mut().map(|(hash, part)| Feed { hash, parts: &*part });
            sha1_many(hasher, &mut feeds.collect::<Vec<_>>());
        }
        out.extend(lanes.into_iter().flat_map(|(_, hash)| hash.finish()));
        // Only the file that goes on behind these pieces is still needed.
        content.close_before(start)?;
    }
    content.close_before(u64::MAX)?;
    Ok(out)
}

/// The files as one run of bytes.
struct Content<'a> {
    files: &'a [Found],
    /// Those that are read now, by their number.
    open: BTreeMap<usize, Open<'a>>,
}

impl<'a> Content<'a> {
    /// Fills `part` from a position in the torrent's bytes.
    fn fill(&mut self, mut at: u64, mut part: &mut [u8]) -> Result<(), Failure> {
        let mut number = self.files.partition_point(|file| file.offset + file.len <= at);
        while !part.is_empty() {
            let Some(file) = self.files.get(number) else { return Ok(()) };
            let len = usize::try_from(file.offset + file.len - at).unwrap_or(usize::MAX).min(part.len());
            let (front, back) = part.split_at_mut(len);
            if !front.is_empty() {
                let whole = at == file.offset && len as u64 == file.len;
                let mut open = match self.open.remove(&number) {
                    Some(open) => open,
                    None => Open::new(file)?,
                };
                open.fill(at - file.offset, front)?;
                match whole {
                    true => open.check()?,
                    false => drop(self.open.insert(number, open)),
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
            let found = entry.get().found;
            if found.offset + found.len > position {
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

fn utf8(name: Option<&str>, path: &Path) -> Result<String, Failure> {
    let name = name.ok_or_else(|| failure(Code::InvalidOption, format!("{} is not named in UTF-8", path.display())))?;
    Ok(name.to_owned())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    failure(Code::FileRead, format!("cannot read {}: {error}", path.display()))
}

fn changed(found: &Found) -> Failure {
    failure(Code::StorageChanged, format!("{} changed while it was hashed", found.disk.display()))
}

fn failure(code: Code, message: String) -> Failure {
    Failure { code, message }
}

#[cfg(test)]
mod tests {
    use bitlode_base::Choice;
    use bitlode_hash::{Isa, sha1};

    use super::*;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Files of these lengths, and their bytes one behind the other.
    fn files(folder: &Folder, lengths: &[usize]) -> (Vec<Found>, Vec<u8>) {
        let (mut choice, mut bytes, mut found) = (Choice::new(9), Vec::new(), Vec::new());
        fs::create_dir_all(&folder.0).unwrap();
        for (number, len) in lengths.iter().enumerate() {
            let disk = folder.0.join(number.to_string());
            let content: Vec<u8> = std::iter::repeat_with(|| choice.next() as u8).take(*len).collect();
            fs::write(&disk, &content).unwrap();
            let modified = fs::metadata(&disk).unwrap().modified().ok();
            found.push(Found { disk, components: Vec::new(), len: *len as u64, modified, offset: bytes.len() as u64 });
            bytes.extend(content);
        }
        (found, bytes)
    }

    fn folder(name: &str) -> Folder {
        Folder(std::env::temp_dir().join(format!("bitlode-create-{name}-{}", std::process::id())))
    }

    #[test]
    fn pieces_side_by_side_across_any_files_have_the_hashes_of_their_bytes() {
        let folder = folder("lanes");
        let mut lengths = vec![3_000_000, 0, 1, 16_384, 700_001, 0, 0, 65_536];
        lengths.extend((0..400).map(|number| number % 97));
        lengths.push(900_000);
        let (found, bytes) = files(&folder, &lengths);
        for piece_length in [16_384, 65_536, 524_288, 8_388_608] {
            let want: Vec<u8> = bytes.chunks(piece_length).flat_map(sha1).collect();
            for hasher in Isa::ALL.into_iter().filter_map(Hasher::only).chain([Hasher::best()]) {
                // In runs of 24 pieces, as several tasks would have them.
                let mut got = Vec::new();
                for start in (0..bytes.len()).step_by(piece_length * 24) {
                    let run = start as u64..bytes.len().min(start + piece_length * 24) as u64;
                    let go = AtomicBool::new(false);
                    got.extend(hash_run(&found, run, piece_length as u64, hasher, &go, &mut Scratch::new()).unwrap());
                }
                assert!(got == want, "{piece_length}, {hasher}");
            }
        }
    }

    #[test]
    fn a_file_that_is_no_longer_what_was_found_is_an_error() {
        let folder = folder("changed");
        let (found, bytes) = files(&folder, &[100_000, 300, 200_000]);
        let hash = |cancelled: bool| {
            let (all, cancelled) = (0..bytes.len() as u64, AtomicBool::new(cancelled));
            hash_run(&found, all, 16_384, Hasher::best(), &cancelled, &mut Scratch::new())
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
