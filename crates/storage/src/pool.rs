//! The engine's open files: one least-recently-used list for all torrents.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, Fault};

/// Keeps at most a given number of files open, over all torrents of an engine. Shared behind an `Arc`.
pub struct FilePool<D: Disk> {
    disk: D,
    limit: usize,
    torrents: AtomicU64,
    open: Mutex<Open<D::File>>,
}

struct Open<F> {
    files: BTreeMap<(u64, u32), Entry<F>>,
    /// Use → file, the oldest use first.
    order: BTreeMap<u64, (u64, u32)>,
    uses: u64,
}

struct Entry<F> {
    file: Arc<F>,
    writable: bool,
    used: u64,
}

impl<D: Disk> FilePool<D> {
    /// A pool over `disk` of at most `limit` open files, at least one.
    pub fn new(disk: D, limit: usize) -> FilePool<D> {
        let open = Open { files: BTreeMap::new(), order: BTreeMap::new(), uses: 0 };
        FilePool { disk, limit: limit.max(1), torrents: AtomicU64::new(0), open: Mutex::new(open) }
    }

    /// The disk below.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Files that are open now.
    pub fn open_files(&self) -> usize {
        self.lock().files.len()
    }

    pub(crate) fn register(&self) -> u64 {
        self.torrents.fetch_add(1, Relaxed)
    }

    /// The open file, when it is here with the access asked for.
    pub(crate) fn get(&self, torrent: u64, file: u32, writable: bool) -> Option<Arc<D::File>> {
        let mut open = self.lock();
        let Open { files, order, uses } = &mut *open;
        let entry = files.get_mut(&(torrent, file)).filter(|entry| entry.writable || !writable)?;
        order.remove(&entry.used);
        *uses += 1;
        entry.used = *uses;
        order.insert(*uses, (torrent, file));
        Some(entry.file.clone())
    }

    /// Does what may need a descriptor; while there is none left, closes the files that were not used for longest.
    pub(crate) fn with<T>(&self, mut action: impl FnMut(&D) -> Result<T, Fault>) -> Result<T, Fault> {
        loop {
            match action(&self.disk) {
                Err(Fault::Fds) if self.close_oldest() => {}
                result => return result,
            }
        }
    }

    /// Opens with `open` and keeps what it opened.
    pub(crate) fn open(
        &self,
        torrent: u64,
        file: u32,
        writable: bool,
        open: impl FnMut(&D) -> Result<D::File, Fault>,
    ) -> Result<Arc<D::File>, Fault> {
        let opened = Arc::new(self.with(open)?);
        // Closing can take time on some file systems: it happens outside the lock.
        let mut closed = Vec::new();
        let mut open = self.lock();
        open.uses += 1;
        let used = open.uses;
        let entry = Entry { file: opened.clone(), writable, used };
        if let Some(old) = open.files.insert((torrent, file), entry) {
            open.order.remove(&old.used);
            closed.push(old);
        }
        open.order.insert(used, (torrent, file));
        while open.files.len() > self.limit {
            let Some((_, key)) = open.order.pop_first() else { break };
            closed.extend(open.files.remove(&key));
        }
        drop(open);
        drop(closed);
        Ok(opened)
    }

    /// Closes one file of a torrent.
    pub(crate) fn close(&self, torrent: u64, file: u32) {
        let mut open = self.lock();
        let old = open.files.remove(&(torrent, file));
        if let Some(old) = &old {
            open.order.remove(&old.used);
        }
        drop(open);
    }

    /// Closes every file of a torrent.
    pub(crate) fn close_all(&self, torrent: u64) {
        let mut open = self.lock();
        let keys: Vec<_> = open.files.range((torrent, 0)..=(torrent, u32::MAX)).map(|(key, _)| *key).collect();
        let closed: Vec<_> = keys.iter().filter_map(|key| open.files.remove(key)).collect();
        for old in &closed {
            open.order.remove(&old.used);
        }
        drop(open);
    }

    /// Closes the file that was not used for longest; `false` when none is open.
    fn close_oldest(&self) -> bool {
        let mut open = self.lock();
        let Some((_, key)) = open.order.pop_first() else { return false };
        let closed = open.files.remove(&key);
        drop(open);
        closed.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open<D::File>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
