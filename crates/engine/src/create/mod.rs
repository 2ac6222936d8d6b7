//! Making a torrent from files: walk, hash by runs of pieces on the workers, build.

mod pieces;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};

use bitlode_base::{Code, Coded};
use bitlode_metainfo::create::{Create, Privacy, in_order, piece_length_for, slots};
use bitlode_metainfo::{Limits, Metainfo};
use bitlode_storage::Scratch;

use crate::api::{Content, CreateTorrent, Failure};
use crate::create::pieces::{Found, Hashes, LANES, Plan, failure, hash_run, unreadable};
use crate::workers::{Pace, Workers};

/// Bytes that one task hashes, at least: enough that handing it out costs nothing beside it.
const TASK_BYTES: u64 = 8 * 1024 * 1024;

/// What making a torrent needs of its surroundings.
pub(crate) struct Maker<'a> {
    pub(crate) workers: &'a Workers,
    /// Tasks that run side by side.
    pub(crate) parallel: usize,
    /// Pieces that one task reads side by side at most.
    pub(crate) width: usize,
    pub(crate) limits: Limits,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Pieces hashed, pieces in all.
    pub(crate) progress: &'a dyn Fn(u32, u32),
    /// A file that is left out, and why.
    pub(crate) skipped: &'a dyn Fn(&Path, &'static str),
}

impl Maker<'_> {
    /// The bytes of the .torrent file.
    pub(crate) fn run(&self, wish: CreateTorrent) -> Result<Vec<u8>, Failure> {
        let (name, mut files) = match &wish.content {
            Content::Path(path) => self.walk(path)?,
            Content::Files(files) => (String::new(), self.named(files)?),
        };
        files.sort_by(|a, b| in_order(wish.format, &a.components, &b.components));
        let same = files.windows(2).find(|pair| matches!(pair, [a, b] if a.components == b.components));
        if let Some([first, ..]) = same {
            return Err(failure(Code::InvalidOption, format!("two files are `{}`", first.components.join("/"))));
        }
        let lens: Vec<u64> = files.iter().map(|file| file.len).collect();
        let content = lens.iter().fold(0u64, |sum, len| sum.saturating_add(*len));
        let piece_length = wish.piece_length.unwrap_or_else(|| piece_length_for(content));
        let wrong = piece_length < bitlode_base::BLOCK_LEN || !piece_length.is_power_of_two();
        if wrong || piece_length > self.limits.piece_length {
            let message = format!("Expected the piece length to be a power of two from 16 KiB, got `{piece_length}`");
            return Err(failure(Code::MetainfoPieceLength, message));
        }
        let slots = slots(wish.format, wish.padding, piece_length, &lens).unwrap_or_default();
        let total = slots.last().map_or(0, |last| last.offset + last.len);
        if content > self.limits.total || total > self.limits.total {
            return Err(failure(Code::MetainfoSize, format!("the files have more than {} bytes", self.limits.total)));
        }
        let piece_length = u64::from(piece_length);
        let plan = Arc::new(Plan { files, slots, format: wish.format, piece_length, total });
        let hashes = self.hash(&plan)?;
        let make = Create {
            format: wish.format,
            name: wish.name.unwrap_or(name),
            files: plan.files.iter().map(|file| (file.components.clone(), file.len)).collect(),
            piece_length: piece_length as u32,
            padding: wish.padding,
            pieces: hashes.v1,
            trees: if wish.format.has_v2() { plan.trees(self.workers.hasher(), &hashes.v2) } else { Vec::new() },
            private: if wish.private { Privacy::Private } else { Privacy::Public },
            source: wish.source,
            trackers: wish.trackers,
            web_seeds: wish.web_seeds,
            nodes: wish.nodes,
            comment: wish.comment,
            created_by: wish.created_by,
            creation_date: wish.creation_date,
        };
        let torrent = make.torrent().map_err(|error| failure(error.code(), error.to_string()))?;
        // What we would refuse to read, nobody should have to.
        Metainfo::parse(&torrent, &self.limits).map_err(|error| failure(error.code(), error.to_string()))?;
        Ok(torrent)
    }

    /// Files that are named one by one.
    fn named(&self, files: &[(Vec<String>, PathBuf)]) -> Result<Vec<Found>, Failure> {
        let find = |(components, disk): &(Vec<String>, PathBuf)| {
            self.check_cancelled()?;
            let meta = fs::metadata(disk).map_err(|error| unreadable(disk, &error))?;
            if !meta.is_file() {
                return Err(failure(Code::FileRead, format!("{} is not a file", disk.display())));
            }
            let (components, disk) = (components.clone(), disk.clone());
            Ok(Found { disk, components, len: meta.len(), modified: meta.modified().ok() })
        };
        files.iter().map(find).collect()
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
            return Ok((name, vec![Found { disk: whole, components: Vec::new(), len, modified }]));
        }
        if !meta.is_dir() {
            return Err(failure(Code::FileRead, format!("{} is neither a file nor a folder", path.display())));
        }
        let mut found = Vec::new();
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
                    found.push(Found { disk, components, len, modified });
                    if found.len() > self.limits.files as usize {
                        let message = format!("more than {} files", self.limits.files);
                        return Err(failure(Code::MetainfoLimit, message));
                    }
                } else {
                    (self.skipped)(&disk, "neither a file nor a folder");
                }
            }
        }
        Ok((name, found))
    }

    fn hash(&self, plan: &Arc<Plan>) -> Result<Hashes, Failure> {
        let pieces = plan.total.div_ceil(plan.piece_length);
        let count = u32::try_from(pieces).ok().filter(|count| *count <= self.limits.pieces);
        let Some(count) = count else {
            let message = format!("{pieces} pieces are more than {}: choose a larger piece length", self.limits.pieces);
            return Err(failure(Code::MetainfoLimit, message));
        };
        // Full lanes, but not all of them in one thread's.
        let hasher = self.workers.hasher();
        let width = self.width;
        let lanes = u32::try_from(hasher.lanes_sha1().min(LANES)).unwrap_or(1);
        let share = count.div_ceil(u32::try_from(self.parallel).unwrap_or(1).max(1));
        let step = TASK_BYTES.div_ceil(plan.piece_length);
        let step = u32::try_from(step).unwrap_or(1).max(lanes.min(share)).max(1);
        let mut parts = BTreeMap::new();
        let (tx, rx) = mpsc::channel();
        let (mut next, mut running, mut done) = (0u32, 0, 0u32);
        (self.progress)(0, count);
        while done < count {
            while next < count && running < self.parallel.max(1) {
                let range = next..next.saturating_add(step).min(count);
                next = range.end;
                running += 1;
                let (plan, cancelled, tx) = (plan.clone(), self.cancelled.clone(), tx.clone());
                let task = move |scratch: &mut Scratch| {
                    let hashes = hash_run(&plan, range.clone(), (hasher, width), &cancelled, scratch);
                    // Nobody waits any more when the maker gave up.
                    let _ = tx.send((range, hashes));
                };
                self.workers.submit(Pace::Hash, Box::new(task));
            }
            // A task that was dropped because the engine ends never answers, so this looks up now and then.
            let answer = rx.recv_timeout(std::time::Duration::from_millis(100));
            self.check_cancelled()?;
            let Ok((range, hashes)) = answer else { continue };
            running -= 1;
            done += range.end - range.start;
            parts.insert(range.start, hashes?);
            (self.progress)(done, count);
        }
        let mut all = Hashes::default();
        for part in parts.into_values() {
            all.v1.extend(part.v1);
            all.v2.extend(part.v2);
        }
        Ok(all)
    }

    fn check_cancelled(&self) -> Result<(), Failure> {
        match self.cancelled.load(Relaxed) {
            true => Err(failure(Code::Aborted, "making the torrent was aborted".into())),
            false => Ok(()),
        }
    }
}

fn utf8(name: Option<&str>, path: &Path) -> Result<String, Failure> {
    let name = name.ok_or_else(|| failure(Code::InvalidOption, format!("{} is not named in UTF-8", path.display())))?;
    Ok(name.to_owned())
}
