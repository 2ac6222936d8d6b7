//! What an emulated disk holds: names, pages, what is durable of both, and what a failed sync forgot.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

use bitlode_base::Choice;
use bitlode_storage::{Fault, Kind, Stat};

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

pub(crate) struct State {
    pub(crate) reference: Reference,
    pub(crate) inodes: Vec<Inode>,
    pub(crate) choice: Choice,
    pub(crate) faults: Faults,
    pub(crate) capacity: u64,
    pub(crate) used: u64,
    pub(crate) clock: i64,
    pub(crate) syncs: u64,
}

pub(crate) enum Inode {
    Dir { names: BTreeMap<String, usize>, durable: BTreeMap<String, usize> },
    File(File),
}

#[derive(Default)]
pub(crate) struct File {
    /// Where in the reference's content it belongs.
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) len: u64,
    pub(crate) durable_len: u64,
    pub(crate) pages: Vec<Page>,
    /// Pages that are no holes.
    pub(crate) allocated: usize,
    /// The durable state of the pages that were written since.
    pub(crate) old: BTreeMap<usize, Page>,
    /// Pages that a failed sync forgot: a later one does not write them, unless they are written to again.
    pub(crate) forgotten: BTreeSet<usize>,
    pub(crate) modified: i64,
    pub(crate) links: u64,
}

#[derive(Default)]
pub(crate) enum Page {
    #[default]
    Hole,
    /// Holds what the reference says.
    Right,
    Own(Box<[u8; PAGE]>),
}

pub(crate) const ROOT: usize = 0;

const ZEROS: [u8; PAGE] = [0; PAGE];

impl File {
    pub(crate) fn page(&self, at: usize, view: View) -> &Page {
        const HOLE: &Page = &Page::Hole;
        let now = self.pages.get(at).unwrap_or(HOLE);
        if view == View::Durable { self.old.get(&at).unwrap_or(now) } else { now }
    }

    /// Drops a random part of what is not durable; gives the bytes that this freed.
    pub(crate) fn power_cut(&mut self, choice: &mut Choice, keep: u64) -> u64 {
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

    pub(crate) fn count(&mut self) {
        self.allocated = self.pages.iter().filter(|page| !matches!(page, Page::Hole)).count();
    }
}

impl State {
    pub(crate) fn child_dir(&mut self, dir: usize, name: &str) -> usize {
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

    pub(crate) fn find(&self, path: &[String], view: View) -> Option<&File> {
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
    pub(crate) fn look_up(&self, root: usize, path: &[&str]) -> Result<Option<usize>, Fault> {
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

    pub(crate) fn dir_of<'p>(&self, root: usize, path: &[&'p str]) -> Result<(usize, &'p str), Fault> {
        let (name, folders) = path.split_last().ok_or(Fault::Name)?;
        Ok((self.look_up(root, folders)?.ok_or(Fault::Missing)?, name))
    }

    pub(crate) fn add(&mut self, dir: usize, name: &str, inode: Inode) -> Result<usize, Fault> {
        let next = self.inodes.len();
        let Some(Inode::Dir { names, .. }) = self.inodes.get_mut(dir) else { return Err(Fault::WrongKind) };
        names.insert(name.to_owned(), next);
        self.inodes.push(inode);
        Ok(next)
    }

    pub(crate) fn stat(&self, id: usize) -> Option<Stat> {
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

    pub(crate) fn file(&self, id: usize) -> Result<&File, Fault> {
        match self.inodes.get(id) {
            Some(Inode::File(file)) => Ok(file),
            _ => Err(Fault::WrongKind),
        }
    }

    pub(crate) fn fails(&mut self, thousandths: u64) -> bool {
        thousandths > 0 && self.choice.below(1000) < thousandths
    }

    /// How much of a transfer of `len` bytes is done in one call.
    pub(crate) fn share(&mut self, len: usize) -> usize {
        let short = self.faults.short;
        if len > 1 && self.fails(short) { 1 + self.choice.below(len as u64 - 1) as usize } else { len }
    }

    pub(crate) fn view<'a>(&'a self, file: &File, page: &'a Page, at: usize, start: usize, len: usize) -> &'a [u8] {
        let bytes: &[u8] = match page {
            Page::Hole => &ZEROS,
            Page::Own(bytes) => &bytes[..],
            Page::Right => return self.right(file, at, start, len),
        };
        bytes.get(start..start + len).unwrap_or_default()
    }

    pub(crate) fn right(&self, file: &File, at: usize, start: usize, len: usize) -> &[u8] {
        let Some((from, total)) = file.place else { return &[] };
        let begin = at * PAGE + start;
        let end = (begin + len).min(total);
        self.reference.content.get(from + begin..from + end).unwrap_or_default()
    }

    pub(crate) fn write_page(&mut self, id: usize, at: usize, start: usize, bytes: &[u8]) -> Result<(), Fault> {
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

    pub(crate) fn read(&mut self, id: usize, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault> {
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

    pub(crate) fn write(&mut self, id: usize, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault> {
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

    pub(crate) fn sync(&mut self, id: usize) -> Result<(), Fault> {
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
