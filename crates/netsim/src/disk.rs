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
use bitlode_storage::{Access, Disk, Fault, Kind, Stat};

/// Bytes of a page, the unit that a power cut keeps or loses.
pub const PAGE: usize = 4096;

/// What a disk should hold in the end. Pages that hold exactly this are not stored, so fifty disks cost the memory of one.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// All bytes of the torrent.
    pub content: Arc<[u8]>,
    /// Path of each file → where in `content` it starts, and its length.
    pub files: Arc<BTreeMap<Vec<String>, (usize, usize)>>,
}

/// How likely calls fail, in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Reads that end in `EIO`.
    pub read: u64,
    /// Writes that end in `EIO`, a part of them done.
    pub write: u64,
    /// Syncs that end in `EIO` and forget a part of what was written.
    pub sync: u64,
    /// Reads and writes that do only a part of what they were asked for.
    pub short: u64,
}

/// Which state of the disk is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// What programs read now.
    Cached,
    /// What surely survives a power cut.
    Durable,
}

/// A disk that several handles share.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

/// An open folder.
#[derive(Debug)]
pub struct SimDir(usize);

/// An open file.
#[derive(Debug)]
pub struct SimFile(usize);

struct State {
    reference: Reference,
    inodes: Vec<Inode>,
    choice: Choice,
    faults: Faults,
    capacity: u64,
    used: u64,
    clock: i64,
    syncs: u64,
}

enum Inode {
    Dir { names: BTreeMap<String, usize>, durable: BTreeMap<String, usize> },
    File(File),
}

#[derive(Default)]
struct File {
    /// Where in the reference's content it belongs.
    place: Option<(usize, usize)>,
    len: u64,
    durable_len: u64,
    pages: Vec<Page>,
    /// Pages that are no holes.
    allocated: usize,
    /// The durable state of the pages that were written since.
    old: BTreeMap<usize, Page>,
    /// Pages that a failed sync forgot: a later one does not write them, unless they are written to again.
    forgotten: BTreeSet<usize>,
    modified: i64,
    links: u64,
}

#[derive(Default)]
enum Page {
    #[default]
    Hole,
    /// Holds what the reference says.
    Right,
    Own(Box<[u8; PAGE]>),
}

const ROOT: usize = 0;

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

const ZEROS: [u8; PAGE] = [0; PAGE];

impl File {
    fn page(&self, at: usize, view: View) -> &Page {
        const HOLE: &Page = &Page::Hole;
        let now = self.pages.get(at).unwrap_or(HOLE);
        if view == View::Durable { self.old.get(&at).unwrap_or(now) } else { now }
    }

    /// Drops a random part of what is not durable; gives the bytes that this freed.
    fn power_cut(&mut self, choice: &mut Choice, keep: u64) -> u64 {
        let before = self.allocated;
        for (at, old) in std::mem::take(&mut self.old) {
            if choice.below(1000) >= keep
                && let Some(page) = self.pages.get_mut(at)
            {
                *page = old;
            }
        }
        self.forgotten.clear();
        if choice.below(1000) >= keep {
            self.len = self.durable_len;
            self.pages.truncate((self.len as usize).div_ceil(PAGE));
        }
        self.durable_len = self.len;
        self.count();
        ((before - self.allocated) * PAGE) as u64
    }

    fn count(&mut self) {
        self.allocated = self.pages.iter().filter(|page| !matches!(page, Page::Hole)).count();
    }
}

impl State {
    fn child_dir(&mut self, dir: usize, name: &str) -> usize {
        let next = self.inodes.len();
        let Some(Inode::Dir { names, durable }) = self.inodes.get_mut(dir) else { return dir };
        if let Some(id) = names.get(name) {
            return *id;
        }
        names.insert(name.to_owned(), next);
        durable.insert(name.to_owned(), next);
        self.inodes.push(Inode::Dir { names: BTreeMap::new(), durable: BTreeMap::new() });
        next
    }

    fn find(&self, path: &[String], view: View) -> Option<&File> {
        let mut id = ROOT;
        for name in path {
            let Some(Inode::Dir { names, durable }) = self.inodes.get(id) else { return None };
            // A name counts as durable only where it is the same one that is seen now.
            let now = names.get(name);
            id = *(if view == View::Durable { durable.get(name).filter(|id| now == Some(id)) } else { now })?;
        }
        match self.inodes.get(id)? {
            Inode::File(file) => Some(file),
            Inode::Dir { .. } => None,
        }
    }

    /// `Ok(None)`: nothing of that name in an existing folder.
    fn look_up(&self, root: usize, path: &[&str]) -> Result<Option<usize>, Fault> {
        let mut id = root;
        for (depth, name) in path.iter().enumerate() {
            let Some(Inode::Dir { names, .. }) = self.inodes.get(id) else { return Err(Fault::WrongKind) };
            match names.get(*name) {
                Some(next) => id = *next,
                None if depth + 1 == path.len() => return Ok(None),
                None => return Err(Fault::Missing),
            }
        }
        Ok(Some(id))
    }

    fn dir_of<'p>(&self, root: usize, path: &[&'p str]) -> Result<(usize, &'p str), Fault> {
        let (name, folders) = path.split_last().ok_or(Fault::Name)?;
        Ok((self.look_up(root, folders)?.ok_or(Fault::Missing)?, name))
    }

    fn add(&mut self, dir: usize, name: &str, inode: Inode) -> Result<usize, Fault> {
        let next = self.inodes.len();
        let Some(Inode::Dir { names, .. }) = self.inodes.get_mut(dir) else { return Err(Fault::WrongKind) };
        names.insert(name.to_owned(), next);
        self.inodes.push(inode);
        Ok(next)
    }

    fn stat(&self, id: usize) -> Option<Stat> {
        Some(match self.inodes.get(id)? {
            Inode::Dir { .. } => {
                Stat { kind: Kind::Dir, size: 0, allocated: 0, inode: id as u64 + 1, modified: 0, links: 1 }
            }
            Inode::File(file) => Stat {
                kind: Kind::File,
                size: file.len,
                allocated: (file.allocated * PAGE) as u64,
                inode: id as u64 + 1,
                modified: file.modified,
                links: file.links,
            },
        })
    }

    fn file(&self, id: usize) -> Result<&File, Fault> {
        match self.inodes.get(id) {
            Some(Inode::File(file)) => Ok(file),
            _ => Err(Fault::WrongKind),
        }
    }

    fn fails(&mut self, thousandths: u64) -> bool {
        thousandths > 0 && self.choice.below(1000) < thousandths
    }

    /// How much of a transfer of `len` bytes is done in one call.
    fn share(&mut self, len: usize) -> usize {
        let short = self.faults.short;
        if len > 1 && self.fails(short) { 1 + self.choice.below(len as u64 - 1) as usize } else { len }
    }

    fn view<'a>(&'a self, file: &File, page: &'a Page, at: usize, start: usize, len: usize) -> &'a [u8] {
        let bytes: &[u8] = match page {
            Page::Hole => &ZEROS,
            Page::Own(bytes) => &bytes[..],
            Page::Right => return self.right(file, at, start, len),
        };
        bytes.get(start..start + len).unwrap_or_default()
    }

    fn right(&self, file: &File, at: usize, start: usize, len: usize) -> &[u8] {
        let Some((from, total)) = file.place else { return &[] };
        let begin = at * PAGE + start;
        let end = (begin + len).min(total);
        self.reference.content.get(from + begin..from + end).unwrap_or_default()
    }

    fn write_page(&mut self, id: usize, at: usize, start: usize, bytes: &[u8]) -> Result<(), Fault> {
        let file = self.file(id)?;
        let old = file.pages.get(at).unwrap_or(&Page::Hole);
        // The last page of a file is whole when it is written up to the end that the reference knows.
        let whole = match file.place {
            Some((_, total)) => start == 0 && (bytes.len() == PAGE || at * PAGE + bytes.len() == total),
            None => start == 0 && bytes.len() == PAGE,
        };
        let right =
            whole && self.right(file, at, 0, bytes.len()) == bytes && (at * PAGE) < file.place.map_or(0, |p| p.1);
        let new = if right {
            Page::Right
        } else {
            let mut page = Box::new(ZEROS);
            if !whole {
                let before = match old {
                    Page::Right => self.right(file, at, 0, PAGE),
                    Page::Own(bytes) => &bytes[..],
                    Page::Hole => &[],
                };
                page[..before.len()].copy_from_slice(before);
            }
            page[start..start + bytes.len()].copy_from_slice(bytes);
            Page::Own(page)
        };
        let hole = matches!(old, Page::Hole);
        if hole && self.used + PAGE as u64 > self.capacity {
            return Err(Fault::Full);
        }
        self.used += if hole { PAGE as u64 } else { 0 };
        self.clock += 1;
        let clock = self.clock;
        let Some(Inode::File(file)) = self.inodes.get_mut(id) else { return Err(Fault::WrongKind) };
        while file.pages.len() <= at {
            file.pages.push(Page::Hole);
        }
        let old = std::mem::replace(&mut file.pages[at], new);
        file.allocated += usize::from(hole);
        file.old.entry(at).or_insert(old);
        file.forgotten.remove(&at);
        file.len = file.len.max((at * PAGE + start + bytes.len()) as u64);
        file.modified = clock;
        Ok(())
    }

    fn read(&mut self, id: usize, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault> {
        let thousandths = self.faults.read;
        if self.fails(thousandths) {
            return Err(Fault::Io);
        }
        let len = self.file(id)?.len;
        let wanted: usize = into.iter().map(|slice| slice.len()).sum();
        let wanted = wanted.min(usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX));
        let wanted = self.share(wanted);
        let file = self.file(id)?;
        let (mut at, mut left) = (offset as usize, wanted);
        for slice in into {
            let mut to = &mut slice[..];
            while !to.is_empty() && left > 0 {
                let (page, start) = (at / PAGE, at % PAGE);
                let n = to.len().min(PAGE - start).min(left);
                let (now, later) = to.split_at_mut(n);
                let bytes = self.view(file, file.page(page, View::Cached), page, start, n);
                let (known, rest) = now.split_at_mut(bytes.len());
                known.copy_from_slice(bytes);
                rest.fill(0);
                (to, at, left) = (later, at + n, left - n);
            }
        }
        Ok(wanted)
    }

    fn write(&mut self, id: usize, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault> {
        let wanted: usize = from.iter().map(|slice| slice.len()).sum();
        let thousandths = self.faults.write;
        let failed = self.fails(thousandths);
        let todo = if failed { self.choice.below(wanted as u64) as usize } else { self.share(wanted) };
        let mut done = 0;
        // Adjacent slices may share a page: gather what belongs to each page first.
        let all: Vec<u8> = from.iter().flat_map(|slice| slice.iter().copied()).take(todo).collect();
        while done < todo {
            let at = offset as usize + done;
            let n = (PAGE - at % PAGE).min(todo - done);
            match self.write_page(id, at / PAGE, at % PAGE, &all[done..done + n]) {
                Ok(()) => done += n,
                Err(fault) if done == 0 => return Err(fault),
                Err(_) => return Ok(done),
            }
        }
        if failed { Err(Fault::Io) } else { Ok(done) }
    }

    fn sync(&mut self, id: usize) -> Result<(), Fault> {
        self.syncs += 1;
        let thousandths = self.faults.sync;
        let failed = self.fails(thousandths);
        let mut choice = self.choice.fork();
        let Some(Inode::File(file)) = self.inodes.get_mut(id) else { return Err(Fault::WrongKind) };
        if !failed {
            if file.forgotten.is_empty() {
                file.old.clear();
            } else {
                file.old.retain(|at, _| file.forgotten.contains(at));
            }
            file.durable_len = file.len;
            return Ok(());
        }
        for (at, old) in std::mem::take(&mut file.old) {
            match choice.below(4) {
                // Written after all.
                0 => {}
                // Evicted: what is read from now on is what was there before.
                1 if at < file.pages.len() => file.pages[at] = old,
                _ => {
                    file.forgotten.insert(at);
                    file.old.insert(at, old);
                }
            }
        }
        let before = file.allocated;
        file.count();
        self.used -= ((before - file.allocated) * PAGE) as u64;
        Err(Fault::Io)
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
