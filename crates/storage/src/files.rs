//! One torrent's files: paths, open handles, what was seen of them, what is not durable yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitlode_base::{BlockRef, Chunk, FileIndex, PieceIndex, Pool};
use bitlode_metainfo::Info;

use crate::disk::{Access, Disk, Fault, Kind, Stat};
use crate::error::StorageError;
use crate::job::Trouble;
use crate::pool::FilePool;
use crate::transfer::{After, Cutter, Pieces, read_cached, read_full, write_full};

/// The files of one torrent below one folder. Thread-safe; [`crate::run`] works through it. Nothing is opened or made
/// until a job asks for it.
pub struct Files<D: Disk> {
    pool: Arc<FilePool<D>>,
    slabs: Pool,
    path: PathBuf,
    key: u64,
    root: Mutex<Option<Arc<D::Dir>>>,
    known: Mutex<Known>,
    /// Held while a file is made, so that only one thread makes it and knows that it did.
    making: Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// Files that are there, as they were when we last looked.
    seen: BTreeMap<u32, Seen>,
    /// Files with writes that no barrier has covered.
    dirty: BTreeSet<u32>,
    /// Folders with names that no barrier has covered.
    dirs: BTreeSet<Vec<String>>,
    /// Files that somebody else replaced or changed: not to be written.
    foreign: BTreeSet<u32>,
}

struct Seen {
    stat: Stat,
    /// We wrote to it since, so its length and time say nothing.
    written: bool,
}

/// Whether a read may wait for the device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Yes,
    No,
}

impl<D: Disk> Files<D> {
    /// The files below `path` (the folder that holds the content), opened through `pool`, read into slabs of `slabs`.
    pub fn new(pool: Arc<FilePool<D>>, slabs: Pool, path: PathBuf) -> Files<D> {
        let key = pool.register();
        let (root, known, making) = (Mutex::new(None), Mutex::new(Known::default()), Mutex::new(()));
        Files { pool, slabs, path, key, root, known, making }
    }

    /// The folder that holds the content.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) fn slabs(&self) -> &Pool {
        &self.slabs
    }

    pub(crate) fn pool(&self) -> &FilePool<D> {
        &self.pool
    }

    /// Opens the root anew; forgets what was seen of the files unless that is to be kept.
    pub(crate) fn reopen(&self, create: bool, keep: bool) -> Result<Arc<D::Dir>, StorageError> {
        self.pool.close_all(self.key);
        if !keep {
            // What is not durable yet still has to become it.
            let mut known = lock(&self.known);
            known.seen.clear();
            known.foreign.clear();
        }
        let path = || self.path.display().to_string();
        let opened = self.pool.with(|disk| disk.open_root(&self.path, create)).map_err(|fault| match fault {
            Fault::Missing | Fault::WrongKind => StorageError::Missing { path: path() },
            fault => StorageError::Disk { action: "open", path: path(), fault },
        });
        let opened = opened.map(Arc::new);
        *lock(&self.root) = opened.as_ref().ok().cloned();
        opened
    }

    pub(crate) fn root(&self) -> Result<Arc<D::Dir>, StorageError> {
        lock(&self.root).clone().ok_or_else(|| StorageError::Missing { path: self.path.display().to_string() })
    }

    /// What stands at a file's path now.
    pub(crate) fn stat(&self, info: &Info, file: FileIndex) -> Result<Option<Stat>, StorageError> {
        let path: Vec<&str> = info.disk_path(file).collect();
        let root = self.root()?;
        self.pool.with(|disk| disk.stat(&root, &path)).map_err(|fault| disk_error("look at", info, file, fault))
    }

    /// Remembers what stands at a file's path now; `false` when something else was seen there before.
    pub(crate) fn remember(&self, file: FileIndex, stat: Option<Stat>) -> bool {
        let mut known = lock(&self.known);
        match (known.seen.get(&file.0), stat) {
            (None, None) => true,
            (None, Some(stat)) => {
                known.seen.insert(file.0, Seen { stat, written: false });
                true
            }
            (Some(_), None) => {
                known.seen.remove(&file.0);
                false
            }
            (Some(seen), Some(stat)) => {
                let same = seen.stat.inode == stat.inode && (seen.written || same_content(&stat, &seen.stat));
                if !same {
                    known.foreign.insert(file.0);
                }
                same
            }
        }
    }

    /// Whether the file at the path is the one that was seen and has at least `len` bytes; what it looks like from now
    /// on is remembered.
    pub(crate) fn settle(&self, info: &Info, file: FileIndex, len: u64) -> Result<(), Trouble> {
        let stat = self.stat(info, file)?;
        let mut known = lock(&self.known);
        let same = match (&stat, known.seen.get(&file.0)) {
            (Some(stat), Some(seen)) => {
                stat.kind == Kind::File
                    && stat.inode == seen.stat.inode
                    && stat.size >= len
                    && (seen.written || same_content(stat, &seen.stat))
            }
            (Some(stat), None) => stat.kind == Kind::File && stat.size >= len,
            (None, _) => false,
        };
        let Some(stat) = stat.filter(|_| same) else {
            known.seen.remove(&file.0);
            drop(known);
            self.pool.close(self.key, file.0);
            return Err(changed(info, file));
        };
        known.seen.insert(file.0, Seen { stat, written: false });
        Ok(())
    }

    /// Makes a file that is not there, and its folders. One that is there is left as it is.
    pub(crate) fn make(&self, info: &Info, file: FileIndex) -> Result<(), Trouble> {
        if lock(&self.known).seen.contains_key(&file.0) {
            return Ok(());
        }
        self.file(info, file, true).map(|_| ())
    }

    /// Writes adjacent blocks of one piece to their place. Pads are not written.
    pub(crate) fn write(&self, info: &Info, blocks: &[(BlockRef, Chunk)], after: After) -> Result<(), Trouble> {
        let Some((first, _)) = blocks.first() else { return Ok(()) };
        let len: u32 = blocks.iter().map(|(block, _)| block.len).sum();
        let mut pieces = Pieces::new(blocks.iter().map(|(_, chunk)| &**chunk));
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(blocks.len() + 1);
        for span in info.layout.spans(first.piece, first.begin, len) {
            slices.clear();
            pieces.take(span.len as usize, &mut slices);
            if span.pad {
                continue;
            }
            let file = self.file(info, span.file, true)?;
            let len = info.layout.file(span.file).map_or(0, |file| file.len);
            let result = write_full(self.pool.disk(), &file, &mut slices, (span.offset, len), after);
            // Marked after the write: a barrier that began before it must not count it as synced. Also after a failed
            // one, which may have written a part.
            lock(&self.known).dirty.insert(span.file.0);
            result.map_err(|fault| Trouble::from(disk_error("write", info, span.file, fault)))?;
        }
        Ok(())
    }

    /// Fills `buffers` from a place in a piece; pads read as zeros. With [`Wait::No`], `false` unless all of it was had
    /// without waiting.
    pub(crate) fn read(
        &self,
        info: &Info,
        (piece, begin): (PieceIndex, u32),
        buffers: Vec<&mut [u8]>,
        wait: Wait,
    ) -> Result<bool, Trouble> {
        let len = buffers.iter().map(|buffer| buffer.len() as u32).sum();
        let mut cutter = Cutter::new(buffers);
        for span in info.layout.spans(piece, begin, len) {
            let mut slices = cutter.take(span.len as usize);
            if span.pad {
                slices.iter_mut().for_each(|slice| slice.fill(0));
            } else if !self.read_slices(info, span.file, span.offset, &mut slices, wait)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fills `buffers` from a place in a file.
    pub(crate) fn read_file(
        &self,
        info: &Info,
        file: FileIndex,
        offset: u64,
        buffers: Vec<&mut [u8]>,
        wait: Wait,
    ) -> Result<bool, Trouble> {
        let len = buffers.iter().map(|buffer| buffer.len()).sum();
        self.read_slices(info, file, offset, &mut Cutter::new(buffers).take(len), wait)
    }

    fn read_slices(
        &self,
        info: &Info,
        index: FileIndex,
        offset: u64,
        slices: &mut [std::io::IoSliceMut<'_>],
        wait: Wait,
    ) -> Result<bool, Trouble> {
        let disk = self.pool.disk();
        let error = |fault| Trouble::from(disk_error("read", info, index, fault));
        if wait == Wait::No {
            let Some(file) = self.pool.get(self.key, index.0, false) else { return Ok(false) };
            self.look(info, index, &disk.file_stat(&file).map_err(error)?)?;
            return read_cached(disk, &file, slices, offset).map_err(error);
        }
        let file = self.file(info, index, false)?;
        match read_full(disk, &file, slices, offset) {
            Ok(true) => Ok(true),
            Ok(false) => Err(changed(info, index)),
            Err(Fault::WrongKind | Fault::Stale) => Err(changed(info, index)),
            Err(fault) => Err(error(fault)),
        }
    }

    /// Makes everything durable that was written before the call. With `everything`, every file that is there is
    /// synced, whoever wrote it.
    pub(crate) fn barrier(&self, info: &Info, everything: bool) -> Result<(), Trouble> {
        let (dirty, dirs) = {
            let mut known = lock(&self.known);
            let (mut dirty, mut dirs) = (std::mem::take(&mut known.dirty), std::mem::take(&mut known.dirs));
            if everything {
                dirty.extend(known.seen.keys());
                // Their names may be as young as their content: whoever made them may have been killed since.
                let mut folders = BTreeSet::new();
                for file in known.seen.keys() {
                    let path: Vec<String> = info.disk_path(FileIndex(*file)).map(str::to_owned).collect();
                    let above = (0..path.len()).rev().map_while(|depth| path.get(..depth));
                    let _ = above.take_while(|folder| folders.insert(folder.to_vec())).count();
                }
                dirs.extend(folders);
            }
            (dirty, dirs)
        };
        let result = self.sync(info, &dirty, &dirs);
        if result.is_err() {
            // The handles may have reported their error and forgotten it: the next barrier opens new ones.
            self.pool.close_all(self.key);
            let gone = result.as_ref().err().and_then(|trouble| trouble.changed);
            let mut known = lock(&self.known);
            known.dirty.extend(dirty.into_iter().filter(|file| gone != Some(FileIndex(*file))));
            known.dirs.extend(dirs);
        }
        result
    }

    fn sync(&self, info: &Info, dirty: &BTreeSet<u32>, dirs: &BTreeSet<Vec<String>>) -> Result<(), Trouble> {
        let disk = self.pool.disk();
        for &index in dirty {
            let index = FileIndex(index);
            let error = |fault| Trouble::from(disk_error("sync", info, index, fault));
            if !lock(&self.known).seen.contains_key(&index.0) {
                // Another job has found it gone.
                return Err(changed(info, index));
            }
            let file = match self.pool.get(self.key, index.0, false) {
                Some(file) => file,
                // A handle that may write is asked for first: some systems sync nothing through any other.
                None => match self.open(info, index, true) {
                    Err(trouble) if trouble.changed.is_none() => self.open(info, index, false)?,
                    opened => opened?,
                },
            };
            let stat = disk.file_stat(&file).map_err(error)?;
            self.look(info, index, &stat)?;
            // Data in a file that has lost its name survives no restart.
            if self.stat(info, index)?.is_none_or(|there| there.inode != stat.inode) || stat.links == 0 {
                return Err(self.vanished(info, index));
            }
            #[cfg(feature = "planted-bugs")]
            if crate::planted::is(crate::planted::Bug::SkipSync) {
                continue;
            }
            fp!("disk.sync").and_then(|()| disk.sync(&file)).map_err(error)?;
        }
        let root = self.root()?;
        for dir in dirs {
            let path: Vec<&str> = dir.iter().map(String::as_str).collect();
            self.pool.with(|disk| disk.sync_dir(&root, &path)).map_err(|fault| match fault {
                Fault::Missing => StorageError::Missing { path: dir.join("/") },
                fault => StorageError::Disk { action: "sync", path: dir.join("/"), fault },
            })?;
        }
        Ok(())
    }

    /// The open file, looked at: still the one that was seen.
    fn file(&self, info: &Info, index: FileIndex, write: bool) -> Result<Arc<D::File>, Trouble> {
        let file = match self.pool.get(self.key, index.0, write) {
            Some(file) => file,
            None => self.open(info, index, write)?,
        };
        let stat = self.pool.disk().file_stat(&file).map_err(|fault| disk_error("look at", info, index, fault))?;
        self.look(info, index, &stat)?;
        if write {
            let mut known = lock(&self.known);
            if known.foreign.contains(&index.0) {
                return Err(StorageError::Changed { path: display(info, index) }.into());
            }
            known.seen.entry(index.0).or_insert(Seen { stat, written: true }).written = true;
        }
        Ok(file)
    }

    fn open(&self, info: &Info, index: FileIndex, write: bool) -> Result<Arc<D::File>, Trouble> {
        let path: Vec<&str> = info.disk_path(index).collect();
        let root = self.root()?;
        let key = self.key;
        if !write {
            let opened = self.pool.open(key, index.0, false, |disk| {
                fp!("disk.open")?;
                disk.open(&root, &path, Access::Read)
            });
            return opened.map_err(|fault| match fault {
                Fault::Missing | Fault::WrongKind | Fault::Symlink | Fault::Denied | Fault::Stale => {
                    self.vanished(info, index)
                }
                fault => disk_error("open", info, index, fault).into(),
            });
        }
        let _making = lock(&self.making);
        if let Some(file) = self.pool.get(key, index.0, true) {
            return Ok(file);
        }
        let seen = lock(&self.known).seen.contains_key(&index.0);
        let opened = self.pool.open(key, index.0, true, |disk| {
            fp!("disk.open")?;
            disk.open(&root, &path, Access::Write)
        });
        match opened {
            Ok(file) if seen => Ok(file),
            Ok(_) => {
                // It was not there when we looked, and it was not us who made it.
                self.pool.close(key, index.0);
                Err(StorageError::Exists { path: display(info, index) }.into())
            }
            Err(Fault::Missing | Fault::WrongKind | Fault::Symlink | Fault::Stale) if seen => {
                Err(self.vanished(info, index))
            }
            Err(Fault::Missing) => self.create(info, index, &root, &path),
            Err(fault) => Err(disk_error("open", info, index, fault).into()),
        }
    }

    fn create(&self, info: &Info, index: FileIndex, root: &D::Dir, path: &[&str]) -> Result<Arc<D::File>, Trouble> {
        let error = |fault| Trouble::from(disk_error("create", info, index, fault));
        let owned = |path: &[&str]| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut parent: &[&str] = &[];
        for depth in 1..path.len() {
            let dir = path.get(..depth).unwrap_or_default();
            self.pool.with(|disk| disk.make_dir(root, dir)).map_err(error)?;
            // Also a folder that was there may be one that a killed run of ours has just made.
            lock(&self.known).dirs.insert(owned(parent));
            parent = dir;
        }
        let file = self
            .pool
            .open(self.key, index.0, true, |disk| {
                fp!("disk.create")?;
                disk.open(root, path, Access::Create)
            })
            .map_err(error)?;
        let stat = self.pool.disk().file_stat(&file).map_err(error)?;
        let mut known = lock(&self.known);
        known.dirs.insert(owned(parent));
        known.seen.insert(index.0, Seen { stat, written: true });
        known.dirty.insert(index.0);
        Ok(file)
    }

    /// Compares an open file with what was seen of it.
    fn look(&self, info: &Info, index: FileIndex, stat: &Stat) -> Result<(), Trouble> {
        let mut known = lock(&self.known);
        let fine = match known.seen.get(&index.0) {
            _ if stat.links == 0 => false,
            Some(seen) => seen.stat.inode == stat.inode && (seen.written || same_content(stat, &seen.stat)),
            None => true,
        };
        if fine {
            return Ok(());
        }
        if stat.links > 0 {
            known.foreign.insert(index.0);
        }
        drop(known);
        Err(self.vanished(info, index))
    }

    /// The file is gone or another: it is closed and forgotten.
    fn vanished(&self, info: &Info, index: FileIndex) -> Trouble {
        let mut known = lock(&self.known);
        if !known.foreign.contains(&index.0) {
            known.seen.remove(&index.0);
        }
        known.dirty.remove(&index.0);
        drop(known);
        self.pool.close(self.key, index.0);
        changed(info, index)
    }
}

impl<D: Disk> Drop for Files<D> {
    fn drop(&mut self) {
        self.pool.close_all(self.key);
    }
}

fn same_content(a: &Stat, b: &Stat) -> bool {
    a.size == b.size && a.modified == b.modified
}

fn changed(info: &Info, file: FileIndex) -> Trouble {
    Trouble { error: StorageError::Changed { path: display(info, file) }, changed: Some(file) }
}

pub(crate) fn display(info: &Info, file: FileIndex) -> String {
    info.disk_path(file).collect::<Vec<_>>().join("/")
}

fn disk_error(action: &'static str, info: &Info, file: FileIndex, fault: Fault) -> StorageError {
    StorageError::Disk { action, path: display(info, file), fault }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
