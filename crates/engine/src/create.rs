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
use bitlode_hash::Sha1;
use bitlode_metainfo::create::{Create, Privacy, piece_length_for};
use bitlode_metainfo::{Limits, Metainfo};

use crate::api::{CreateTorrent, Failure};
use crate::workers::{Pace, Workers};

/// Bytes that one task hashes, at least: enough that handing it out costs nothing beside it.
const TASK_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes read at once: they stay in the core's cache until they are hashed.
const READ_BYTES: usize = 64 * 1024;

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
        let step = u32::try_from(TASK_BYTES.div_ceil(length)).unwrap_or(1).max(1);
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
                let task = move || {
                    let bytes = u64::from(range.start) * length..(u64::from(range.end) * length).min(total);
                    let hashes = hash_run(&files, bytes, length, &cancelled);
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

/// Hashes the pieces in `bytes`, which begins at a piece's first byte.
fn hash_run(files: &[Found], bytes: Range<u64>, piece_length: u64, cancelled: &AtomicBool) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut at = bytes.start;
    let mut piece = Sha1::new();
    let first = files.partition_point(|file| file.offset + file.len <= bytes.start);
    for file in files.get(first..).unwrap_or_default() {
        if at >= bytes.end {
            break;
        }
        if file.len == 0 {
            continue;
        }
        let mut open = Open::new(file, at - file.offset)?;
        let stop = (file.offset + file.len).min(bytes.end);
        while at < stop {
            if cancelled.load(Relaxed) {
                return Err(failure(Code::Aborted, "making the torrent was aborted".into()));
            }
            let piece_end = at - at % piece_length + piece_length;
            let want = usize::try_from(stop.min(piece_end) - at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let part = buffer.get_mut(..want).unwrap_or_default();
            open.fill(part)?;
            piece.update(part);
            at += want as u64;
            if at == piece_end || at == bytes.end {
                out.extend(std::mem::replace(&mut piece, Sha1::new()).finish());
            }
        }
        open.check()?;
    }
    Ok(out)
}

/// A file that must stay what it was found to be.
struct Open<'a> {
    found: &'a Found,
    file: File,
}

impl<'a> Open<'a> {
    fn new(found: &'a Found, offset: u64) -> Result<Open<'a>, Failure> {
        use std::io::Seek;
        let mut file = File::open(&found.disk).map_err(|error| unreadable(&found.disk, &error))?;
        file.seek(std::io::SeekFrom::Start(offset)).map_err(|error| unreadable(&found.disk, &error))?;
        Ok(Open { found, file })
    }

    fn fill(&mut self, part: &mut [u8]) -> Result<(), Failure> {
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
