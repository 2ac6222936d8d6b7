//! An emulated disk: a page cache over what is durable, names that are durable on their own, and everything that goes
//! wrong with real ones.
//!
//! Written pages of 4 KiB wait in the cache until their file is synced, names until their folder is. A power cut keeps a
//! random part of what waits, page by page, so a block of 16 KiB can be torn and a later write survive an earlier one.
//! A sync that fails forgets a part of what it should have written, as real kernels do: the next one succeeds without it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IoSlice, IoSliceMut};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitlode_base::Choice;
use bitlode_storage::{Access, Disk, Fault, Stat};

pub use crate::inodes::{Faults, PAGE, Reference, View};
use crate::inodes::{File, Inode, Page, ROOT, State};

/// A disk that several handles share.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

/// An open folder.
#[derive(Debug)]
pub struct SimDir(usize);

/// An open file.
#[derive(Debug)]
pub struct SimFile(usize);

impl SimDisk {
    /// An empty disk of `capacity` bytes.
    pub fn new(reference: Reference, capacity: u64, choice: Choice) -> SimDisk {
        let root = Inode::Dir { names: BTreeMap::new(), durable: BTreeMap::new() };
        SimDisk(Arc::new(Mutex::new(State {
            reference,
            inodes: vec![root],
            choice,
            faults: Faults::default(),
            capacity,
            used: 0,
            clock: 0,
            syncs: 0,
        })))
    }

    /// Changes how likely calls fail.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Changes how much fits.
    pub fn set_capacity(&self, capacity: u64) {
        self.lock().capacity = capacity;
    }

    /// Bytes allocated.
    pub fn used(&self) -> u64 {
        self.lock().used
    }

    /// Files and folders synced so far.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Puts a file there, durably, with its folders. For seeds.
    pub fn put(&self, path: &[String]) {
        let mut state = self.lock();
        let mut dir = ROOT;
        let Some((name, folders)) = path.split_last() else { return };
        for folder in folders {
            dir = state.child_dir(dir, folder);
        }
        let place = state.reference.files.get(path).copied();
        let len = place.map_or(0, |(_, len)| len);
        let pages = (0..len.div_ceil(PAGE)).map(|_| Page::Right).collect::<Vec<_>>();
        state.used += (pages.len() * PAGE) as u64;
        let (len, allocated) = (len as u64, pages.len());
        let file = File { place, len, durable_len: len, pages, allocated, links: 1, ..File::default() };
        state.inodes.push(Inode::File(file));
        let id = state.inodes.len() - 1;
        if let Some(Inode::Dir { names, durable }) = state.inodes.get_mut(dir) {
            names.insert(name.clone(), id);
            durable.insert(name.clone(), id);
        }
    }

    /// The power goes: what is not durable survives by chance, `keep` thousandths of it. Nothing waits afterwards.
    pub fn power_cut(&self, keep: u64) {
        let mut state = self.lock();
        let mut choice = state.choice.fork();
        let mut freed = 0;
        for inode in &mut state.inodes {
            match inode {
                Inode::Dir { names, durable } => {
                    let all: BTreeSet<String> = names.keys().chain(durable.keys()).cloned().collect();
                    for name in all {
                        let (now, before) = (names.get(&name).copied(), durable.get(&name).copied());
                        let kept = if now == before || choice.below(1000) < keep { now } else { before };
                        match kept {
                            Some(id) => names.insert(name.clone(), id),
                            None => names.remove(&name),
                        };
                    }
                    *durable = names.clone();
                }
                Inode::File(file) => freed += file.power_cut(&mut choice, keep),
            }
        }
        state.used -= freed;
    }

    /// Memory gets short: pages that a failed sync forgot leave the cache, and what is on disk shows. As long as they are
    /// there, nobody who was not told of the failure can know of it.
    pub fn evict(&self) {
        let mut state = self.lock();
        let mut freed = 0;
        for inode in &mut state.inodes {
            if let Inode::File(file) = inode {
                let before = file.allocated;
                for at in std::mem::take(&mut file.forgotten) {
                    if let (Some(old), true) = (file.old.remove(&at), at < file.pages.len()) {
                        file.pages[at] = old;
                    }
                }
                file.count();
                freed += ((before - file.allocated) * PAGE) as u64;
            }
        }
        state.used -= freed;
    }

    /// Whether the file holds `bytes` at `offset`.
    pub fn holds(&self, path: &[String], offset: u64, bytes: &[u8], view: View) -> bool {
        let state = self.lock();
        let Some(file) = state.find(path, view) else { return false };
        let len = if view == View::Cached { file.len } else { file.len.min(file.durable_len) };
        if offset + bytes.len() as u64 > len {
            return false;
        }
        let (mut at, mut left) = (offset as usize, bytes);
        while !left.is_empty() {
            let (page, start) = (at / PAGE, at % PAGE);
            let (now, later) = left.split_at(left.len().min(PAGE - start));
            if state.view(file, file.page(page, view), page, start, now.len()) != now {
                return false;
            }
            at += now.len();
            left = later;
        }
        true
    }

    /// The length of a file, if it is there.
    pub fn len_of(&self, path: &[String], view: View) -> Option<u64> {
        self.lock().find(path, view).map(|file| if view == View::Cached { file.len } else { file.durable_len })
    }

    /// The paths of all files.
    pub fn files(&self) -> Vec<Vec<String>> {
        let state = self.lock();
        let (mut out, mut open) = (Vec::new(), vec![(Vec::new(), ROOT)]);
        while let Some((path, id)) = open.pop() {
            match state.inodes.get(id) {
                Some(Inode::Dir { names, .. }) => {
                    open.extend(names.iter().map(|(name, id)| ([&path[..], std::slice::from_ref(name)].concat(), *id)));
                }
                _ => out.push(path),
            }
        }
        out.sort();
        out
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    type Dir = SimDir;
    type File = SimFile;

    fn open_root(&self, path: &Path, create: bool) -> Result<SimDir, Fault> {
        let mut state = self.lock();
        let mut dir = ROOT;
        for part in path.components().filter_map(|part| match part {
            std::path::Component::Normal(name) => name.to_str(),
            _ => None,
        }) {
            match state.look_up(dir, &[part])? {
                Some(id) => dir = id,
                None if create => dir = state.child_dir(dir, part),
                None => return Err(Fault::Missing),
            }
        }
        if matches!(state.inodes.get(dir), Some(Inode::Dir { .. })) { Ok(SimDir(dir)) } else { Err(Fault::WrongKind) }
    }

    fn stat(&self, root: &SimDir, path: &[&str]) -> Result<Option<Stat>, Fault> {
        let state = self.lock();
        match state.look_up(root.0, path) {
            Ok(id) => Ok(id.and_then(|id| state.stat(id))),
            Err(Fault::Missing) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn open(&self, root: &SimDir, path: &[&str], access: Access) -> Result<SimFile, Fault> {
        let mut state = self.lock();
        match state.look_up(root.0, path)? {
            Some(id) if matches!(state.inodes.get(id), Some(Inode::File(_))) => Ok(SimFile(id)),
            Some(_) => Err(Fault::WrongKind),
            None if access == Access::Create => {
                let (dir, name) = state.dir_of(root.0, path)?;
                let full: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
                let place = state.reference.files.get(&full).copied();
                state.clock += 1;
                let file = File { place, links: 1, modified: state.clock, ..File::default() };
                state.add(dir, name, Inode::File(file)).map(SimFile)
            }
            None => Err(Fault::Missing),
        }
    }

    fn make_dir(&self, root: &SimDir, path: &[&str]) -> Result<bool, Fault> {
        let mut state = self.lock();
        let (dir, name) = state.dir_of(root.0, path)?;
        match state.look_up(dir, &[name])? {
            Some(id) if matches!(state.inodes.get(id), Some(Inode::Dir { .. })) => Ok(false),
            Some(_) => Err(Fault::WrongKind),
            None => {
                let inode = Inode::Dir { names: BTreeMap::new(), durable: BTreeMap::new() };
                state.add(dir, name, inode).map(|_| true)
            }
        }
    }

    fn remove(&self, root: &SimDir, path: &[&str]) -> Result<bool, Fault> {
        let mut state = self.lock();
        let Some(id) = state.look_up(root.0, path)? else { return Ok(false) };
        let (dir, name) = state.dir_of(root.0, path)?;
        match state.inodes.get_mut(id) {
            Some(Inode::File(file)) => file.links = 0,
            _ => return Err(Fault::WrongKind),
        }
        if let Some(Inode::Dir { names, .. }) = state.inodes.get_mut(dir) {
            names.remove(name);
        }
        Ok(true)
    }

    fn sync_dir(&self, root: &SimDir, path: &[&str]) -> Result<(), Fault> {
        let mut state = self.lock();
        let id = state.look_up(root.0, path)?.ok_or(Fault::Missing)?;
        state.syncs += 1;
        let thousandths = state.faults.sync;
        if state.fails(thousandths) {
            return Err(Fault::Io);
        }
        match state.inodes.get_mut(id) {
            Some(Inode::Dir { names, durable }) => {
                durable.clone_from(names);
                Ok(())
            }
            _ => Err(Fault::WrongKind),
        }
    }

    fn free_space(&self, _root: &SimDir) -> Result<Option<u64>, Fault> {
        let state = self.lock();
        Ok(Some(state.capacity.saturating_sub(state.used)))
    }

    fn file_stat(&self, file: &SimFile) -> Result<Stat, Fault> {
        self.lock().stat(file.0).ok_or(Fault::Missing)
    }

    fn read(&self, file: &SimFile, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault> {
        self.lock().read(file.0, into, offset)
    }

    fn read_cached(&self, file: &SimFile, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<Option<usize>, Fault> {
        let mut state = self.lock();
        if state.choice.below(4) == 0 {
            return Ok(None);
        }
        state.read(file.0, into, offset).map(Some)
    }

    fn write(&self, file: &SimFile, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault> {
        self.lock().write(file.0, from, offset)
    }

    fn sync(&self, file: &SimFile) -> Result<(), Fault> {
        self.lock().sync(file.0)
    }
}
