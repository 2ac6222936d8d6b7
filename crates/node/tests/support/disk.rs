//! A disk in memory, whose only failure is to be full.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bitlode_storage::{Access, Disk, Fault, Kind, Stat};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files by their path, folders implied.
#[derive(Clone, Default)]
pub(crate) struct MemDisk(Arc<Mutex<BTreeMap<String, Bytes>>>, Arc<AtomicBool>);

impl MemDisk {
    pub(crate) fn put(&self, path: &str, bytes: Vec<u8>) {
        self.0.lock().unwrap().insert(path.to_owned(), Arc::new(Mutex::new(bytes)));
    }

    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        Some(self.0.lock().unwrap().get(path)?.lock().unwrap().clone())
    }

    /// From now on nothing more can be written, or everything again.
    pub(crate) fn set_full(&self, full: bool) {
        self.1.store(full, Relaxed);
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

fn stat(bytes: &Bytes) -> Stat {
    let size = bytes.lock().unwrap().len() as u64;
    let inode = Arc::as_ptr(bytes) as usize as u64;
    Stat { kind: Kind::File, size, allocated: size, inode, modified: 0, links: 1 }
}

impl Disk for MemDisk {
    type Dir = String;
    type File = Bytes;

    fn open_root(&self, path: &Path, _create: bool) -> Result<String, Fault> {
        Ok(path.display().to_string())
    }

    fn stat(&self, root: &String, path: &[&str]) -> Result<Option<Stat>, Fault> {
        let full = join(root, path);
        let files = self.0.lock().unwrap();
        if let Some(bytes) = files.get(&full) {
            return Ok(Some(stat(bytes)));
        }
        let below = format!("{full}/");
        let is_dir = path.is_empty() || files.keys().any(|name| name.starts_with(&below));
        let dir = Stat { kind: Kind::Dir, size: 0, allocated: 0, inode: 1, modified: 0, links: 1 };
        Ok(is_dir.then_some(dir))
    }

    fn open(&self, root: &String, path: &[&str], access: Access) -> Result<Bytes, Fault> {
        let mut files = self.0.lock().unwrap();
        let full = join(root, path);
        if access == Access::Create {
            return Ok(files.entry(full).or_default().clone());
        }
        files.get(&full).cloned().ok_or(Fault::Missing)
    }

    fn make_dir(&self, _root: &String, _path: &[&str]) -> Result<bool, Fault> {
        Ok(true)
    }

    fn remove(&self, root: &String, path: &[&str]) -> Result<bool, Fault> {
        Ok(self.0.lock().unwrap().remove(&join(root, path)).is_some())
    }

    fn sync_dir(&self, _root: &String, _path: &[&str]) -> Result<(), Fault> {
        Ok(())
    }

    fn free_space(&self, _root: &String) -> Result<Option<u64>, Fault> {
        Ok(None)
    }

    fn file_stat(&self, file: &Bytes) -> Result<Stat, Fault> {
        Ok(stat(file))
    }

    fn read(&self, file: &Bytes, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault> {
        let bytes = file.lock().unwrap();
        let mut rest = bytes.get(offset as usize..).unwrap_or_default();
        let start = rest.len();
        for slice in into {
            let (now, later) = rest.split_at(rest.len().min(slice.len()));
            slice[..now.len()].copy_from_slice(now);
            rest = later;
        }
        Ok(start - rest.len())
    }

    fn read_cached(&self, file: &Bytes, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<Option<usize>, Fault> {
        self.read(file, into, offset).map(Some)
    }

    fn write(&self, file: &Bytes, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault> {
        if self.1.load(Relaxed) {
            return Err(Fault::Full);
        }
        let mut bytes = file.lock().unwrap();
        let mut at = offset as usize;
        for slice in from {
            let end = at + slice.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[at..end].copy_from_slice(slice);
            at = end;
        }
        Ok(at - offset as usize)
    }

    fn sync(&self, _file: &Bytes) -> Result<(), Fault> {
        Ok(())
    }
}

fn join(root: &str, path: &[&str]) -> String {
    let mut full = root.to_owned();
    for part in path {
        full.push('/');
        full.push_str(part);
    }
    full
}
