//! A disk in memory: what is written, what of it is durable, and failures on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IoSlice, IoSliceMut};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bitlode_storage::{Access, Disk, Fault, Kind, Stat};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    Cached,
    Durable,
}

#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    dirs: BTreeSet<String>,
    files: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
    next: u64,
    free: Option<u64>,
    /// The next calls of this name fail: how often, with what.
    failing: BTreeMap<&'static str, (u32, Fault)>,
    /// Every call, for tests of what is done and in which order.
    calls: Vec<String>,
    short: bool,
    /// Names that differ only in case are one.
    folds: bool,
    open: usize,
    most_open: usize,
}

/// An open file; counts itself.
pub struct Handle(u64, Arc<Mutex<State>>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.1.lock().unwrap().open -= 1;
    }
}

impl MemoryDisk {
    /// Lets the next `times` calls of `open`, `read`, `write`, `sync`, `sync_dir`, `remove` fail.
    pub fn fail(&self, call: &'static str, times: u32, fault: Fault) {
        self.0.lock().unwrap().failing.insert(call, (times, fault));
    }

    pub fn set_free(&self, free: u64) {
        self.0.lock().unwrap().free = Some(free);
    }

    /// Transfers do at most 1,000 bytes a call.
    /// From now on names that differ only in case are one.
    pub fn set_folding(&self) {
        self.0.lock().unwrap().folds = true;
    }

    pub fn set_short(&self) {
        self.0.lock().unwrap().short = true;
    }

    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    pub fn most_open(&self) -> usize {
        self.0.lock().unwrap().most_open
    }

    pub fn bytes(&self, path: &[String], view: View) -> Option<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let names = if view == View::Cached { &state.names } else { &state.durable_names };
        let (cached, durable) = state.files.get(names.get(&path.join("/"))?)?;
        Some(if view == View::Cached { cached } else { durable }.clone())
    }

    pub fn put(&self, path: &[String], bytes: &[u8]) {
        let mut state = self.0.lock().unwrap();
        state.next += 1;
        let id = state.next;
        state.files.insert(id, (bytes.to_vec(), bytes.to_vec()));
        state.names.insert(path.join("/"), id);
        state.durable_names.insert(path.join("/"), id);
        for depth in 1..path.len() {
            state.dirs.insert(path[..depth].join("/"));
        }
    }

    pub fn delete(&self, path: &[String]) {
        self.0.lock().unwrap().names.remove(&path.join("/"));
    }

    pub fn names(&self, view: View) -> Vec<String> {
        let state = self.0.lock().unwrap();
        if view == View::Cached { &state.names } else { &state.durable_names }.keys().cloned().collect()
    }

    fn enter(&self, call: &'static str, path: &str) -> Result<std::sync::MutexGuard<'_, State>, Fault> {
        let mut state = self.0.lock().unwrap();
        state.calls.push(format!("{call} {path}"));
        if let Some((times, fault)) = state.failing.get_mut(call)
            && *times > 0
        {
            *times -= 1;
            return Err(*fault);
        }
        Ok(state)
    }
}

impl State {
    /// The name that stands for a path: the one that is there, where case does not count.
    fn name(&self, path: &[&str]) -> String {
        let path = path.join("/");
        let there = self.names.keys().chain(&self.dirs).find(|name| self.folds && name.eq_ignore_ascii_case(&path));
        let Some((parent, name)) = path.rsplit_once('/') else { return there.cloned().unwrap_or(path) };
        there.cloned().unwrap_or_else(|| format!("{}/{name}", self.name(&parent.split('/').collect::<Vec<_>>())))
    }
}

fn stat(state: &State, id: u64) -> Stat {
    let size = state.files[&id].0.len() as u64;
    let links = state.names.values().filter(|other| **other == id).count() as u64;
    Stat { kind: Kind::File, size, allocated: size, inode: id, modified: 0, links }
}

impl Disk for MemoryDisk {
    type Dir = ();
    type File = Handle;

    fn open_root(&self, _: &Path, _: bool) -> Result<(), Fault> {
        Ok(())
    }

    fn stat(&self, _: &(), path: &[&str]) -> Result<Option<Stat>, Fault> {
        let state = self.0.lock().unwrap();
        let name = state.name(path);
        let dir = || Stat { kind: Kind::Dir, size: 0, allocated: 0, inode: u64::MAX, modified: 0, links: 2 };
        let file = state.names.get(&name).map(|id| stat(&state, *id));
        Ok(file.or_else(|| state.dirs.contains(&name).then(dir)))
    }

    fn open(&self, _: &(), path: &[&str], access: Access) -> Result<Handle, Fault> {
        let mut state = self.enter("open", &path.join("/"))?;
        let path = state.name(path);
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let id = match state.names.get(&path).copied() {
            Some(id) => id,
            None if access != Access::Create || (!parent.is_empty() && !state.dirs.contains(parent)) => {
                return Err(Fault::Missing);
            }
            None => {
                state.next += 1;
                let id = state.next;
                state.names.insert(path, id);
                state.files.insert(id, Default::default());
                id
            }
        };
        state.open += 1;
        state.most_open = state.most_open.max(state.open);
        Ok(Handle(id, self.0.clone()))
    }

    fn make_dir(&self, _: &(), path: &[&str]) -> Result<bool, Fault> {
        let mut state = self.enter("make_dir", &path.join("/"))?;
        let path = state.name(path);
        Ok(state.dirs.insert(path))
    }

    fn remove(&self, _: &(), path: &[&str]) -> Result<bool, Fault> {
        let mut state = self.enter("remove", &path.join("/"))?;
        let path = state.name(path);
        Ok(state.names.remove(&path).is_some())
    }

    fn sync_dir(&self, _: &(), path: &[&str]) -> Result<(), Fault> {
        let dir = path.join("/");
        let mut state = self.enter("sync_dir", &dir)?;
        let inside = |name: &String| name.rsplit_once('/').map_or("", |(parent, _)| parent) == dir;
        let now: BTreeMap<_, _> =
            state.names.iter().filter(|(name, _)| inside(name)).map(|(n, i)| (n.clone(), *i)).collect();
        state.durable_names.retain(|name, _| !inside(name));
        state.durable_names.extend(now);
        Ok(())
    }

    fn free_space(&self, _: &()) -> Result<Option<u64>, Fault> {
        Ok(self.0.lock().unwrap().free)
    }

    fn file_stat(&self, file: &Handle) -> Result<Stat, Fault> {
        Ok(stat(&self.0.lock().unwrap(), file.0))
    }

    fn read(&self, file: &Handle, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault> {
        let state = self.enter("read", "")?;
        let bytes = &state.files[&file.0].0;
        let mut rest = bytes.get(offset as usize..).unwrap_or_default();
        if state.short {
            rest = &rest[..rest.len().min(1000)];
        }
        let mut read = 0;
        for slice in into {
            let n = slice.len().min(rest.len());
            slice[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            read += n;
        }
        Ok(read)
    }

    fn write(&self, file: &Handle, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault> {
        let mut state = self.enter("write", "")?;
        let mut data: Vec<u8> = from.iter().flat_map(|slice| slice.iter().copied()).collect();
        if state.short {
            data.truncate(1000);
        }
        let bytes = &mut state.files.get_mut(&file.0).unwrap().0;
        let end = offset as usize + data.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(&data);
        Ok(data.len())
    }

    fn sync(&self, file: &Handle) -> Result<(), Fault> {
        let mut state = self.enter("sync", "")?;
        let (cached, durable) = state.files.get_mut(&file.0).unwrap();
        durable.clone_from(cached);
        Ok(())
    }
}
