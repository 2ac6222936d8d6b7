//! The only place that touches the disk, and the only one that knows which system it runs on.
// What the pure crates are kept from is what this folder is for.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod errno;
#[cfg(feature = "failpoints")]
pub mod failpoint;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod meter;
#[cfg(target_os = "linux")]
mod places;
mod portable;
#[cfg(target_os = "linux")]
mod roots;
#[cfg(target_os = "linux")]
mod warm;

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
#[cfg(target_os = "linux")]
use std::time::Instant;

use crate::disk::{Access, Coming, Disk, Fault, Stat};

/// Which of the system's interfaces are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SysMode {
    /// The best of this system.
    #[default]
    Native,
    /// Only what every system has: the standard library.
    Portable,
}

impl SysMode {
    /// The mode that `BITLODE_SYS` asks for: `portable`, or anything else for the best.
    pub fn parse(value: Option<&str>) -> SysMode {
        if value == Some("portable") { SysMode::Portable } else { SysMode::Native }
    }
}

/// The disk of this machine.
#[derive(Debug)]
pub struct RealDisk {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    mode: SysMode,
    /// Where writes leave the page cache alone, or may do so.
    #[cfg(target_os = "linux")]
    meter: meter::Meter,
}

/// An open root folder of [`RealDisk`].
#[derive(Debug)]
pub struct Root(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg(target_os = "linux")]
    Native(std::sync::Arc<linux::Root>),
    Portable(portable::Root),
}

/// An open file of [`RealDisk`].
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    /// Held over a write: the system lets one thread at a time write to a file, and the others burn their processor time
    /// while they wait for it. Here they sleep.
    writing: Mutex<Places>,
    /// Its file system has refused to write past the page cache.
    #[cfg(target_os = "linux")]
    cached_only: AtomicBool,
    /// What of it may be read without waiting. A file that we write is asked about read by read: what it lacks are pieces
    /// that nobody has yet, and nothing was read ahead of them.
    #[cfg(target_os = "linux")]
    warm: Option<warm::Warm>,
}

#[cfg(target_os = "linux")]
use places::Places;
/// Nothing is known of other systems that would make it worth its call.
#[cfg(not(target_os = "linux"))]
type Places = ();

impl RealDisk {
    /// The disk, used in this way. While at least `past_cache` bytes a second are written, verified data leaves the page
    /// cache alone where the system offers that: a fast download would push out what others have there, and pays more for
    /// fresh pages than for anything else it does. Below, the cache is worth more, as new pieces are asked for soon.
    pub fn new(mode: SysMode, past_cache: u64) -> RealDisk {
        #[cfg(not(target_os = "linux"))]
        let _ = past_cache;
        RealDisk {
            mode,
            #[cfg(target_os = "linux")]
            meter: meter::Meter::new(past_cache),
        }
    }

    #[cfg(target_os = "linux")]
    fn native(&self) -> bool {
        self.mode == SysMode::Native
    }
}

/// Descriptors that this process may have open; `None` when the system does not tell.
pub fn descriptor_limit(mode: SysMode) -> Option<usize> {
    #[cfg(target_os = "linux")]
    if mode == SysMode::Native {
        return linux::descriptor_limit();
    }
    let _ = mode;
    None
}

/// Files that may be open at once in one engine: a quarter of the process's limit, at most 256.
pub fn open_files_limit(mode: SysMode) -> usize {
    #[cfg(target_os = "linux")]
    if mode == SysMode::Native {
        return linux::descriptor_limit().map_or(256, |limit| (limit / 4).clamp(8, 256));
    }
    let _ = mode;
    64
}

macro_rules! on {
    ($root:expr, $name:ident ( $($arg:expr),* )) => {
        match &$root.0 {
            #[cfg(target_os = "linux")]
            Kind::Native(root) => root.$name($($arg),*),
            Kind::Portable(root) => root.$name($($arg),*),
        }
    };
}

impl Disk for RealDisk {
    type Dir = Root;
    type File = OpenFile;

    fn open_root(&self, path: &Path, create: bool) -> Result<Root, Fault> {
        if create {
            make_root(path).map_err(errno::fault)?;
        }
        #[cfg(target_os = "linux")]
        if self.native() {
            return roots::open(path).map(|root| Root(Kind::Native(root))).map_err(errno::fault);
        }
        portable::Root::at_path(path).map(|root| Root(Kind::Portable(root))).map_err(errno::fault)
    }

    fn stat(&self, root: &Root, path: &[&str]) -> Result<Option<Stat>, Fault> {
        match on!(root, stat(path)).map_err(errno::fault) {
            Ok(stat) => Ok(Some(stat)),
            Err(Fault::Missing) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn open(&self, root: &Root, path: &[&str], access: Access) -> Result<OpenFile, Fault> {
        let file = on!(root, open(path, access)).map_err(errno::fault)?;
        #[cfg(target_os = "linux")]
        let warm = (access == Access::Read).then(warm::Warm::default);
        Ok(OpenFile {
            file,
            writing: Mutex::default(),
            #[cfg(target_os = "linux")]
            cached_only: AtomicBool::new(false),
            #[cfg(target_os = "linux")]
            warm,
        })
    }

    fn make_dir(&self, root: &Root, path: &[&str]) -> Result<bool, Fault> {
        match on!(root, make_dir(path)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.stat(root, path)? {
                Some(stat) if stat.kind == crate::disk::Kind::Dir => Ok(false),
                Some(stat) if stat.kind == crate::disk::Kind::Other => Err(Fault::Symlink),
                _ => Err(Fault::WrongKind),
            },
            Err(error) => Err(errno::fault(error)),
        }
    }

    fn remove(&self, root: &Root, path: &[&str]) -> Result<bool, Fault> {
        match on!(root, remove(path)).map_err(errno::fault) {
            Ok(()) => Ok(true),
            Err(Fault::Missing) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    fn sync_dir(&self, root: &Root, path: &[&str]) -> Result<(), Fault> {
        on!(root, sync_dir(path)).map_err(errno::fault)
    }

    fn free_space(&self, root: &Root) -> Result<Option<u64>, Fault> {
        on!(root, free_space()).map_err(errno::fault)
    }

    fn file_stat(&self, file: &OpenFile) -> Result<Stat, Fault> {
        file.file.metadata().map(|meta| portable::stat(&meta)).map_err(errno::fault)
    }

    fn read(&self, file: &OpenFile, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault> {
        #[cfg(target_os = "linux")]
        if self.native() {
            return retry(|| linux::read(&file.file, into, offset));
        }
        retry(|| portable::read(&file.file, into, offset))
    }

    fn read_cached(&self, file: &OpenFile, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<Option<usize>, Fault> {
        #[cfg(target_os = "linux")]
        if self.native() {
            let len = into.iter().map(|slice| slice.len() as u64).sum();
            // Where the system does not tell, it is tried.
            let whole = |offset, len| linux::is_cached(&file.file, offset, len) != Some(false);
            let covered = match &file.warm {
                Some(warm) => warm.covers(offset, len, whole),
                None => whole(offset, len),
            };
            if !covered {
                return Ok(None);
            }
            let read = retry(|| linux::read_cached(&file.file, into, offset))?;
            if let (Some(warm), true) = (&file.warm, read.is_none_or(|count| (count as u64) < len)) {
                warm.forget();
            }
            return Ok(read);
        }
        let _ = (file, into, offset);
        Ok(None)
    }

    fn write(&self, file: &OpenFile, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault> {
        let _turn = file.writing.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(target_os = "linux")]
        if self.native() {
            return retry(|| linux::write(&file.file, from, offset));
        }
        retry(|| portable::write(&file.file, from, offset))
    }

    #[cfg(target_os = "linux")]
    fn write_final(&self, file: &OpenFile, from: &[IoSlice<'_>], offset: u64, coming: Coming) -> Result<usize, Fault> {
        let bytes = from.iter().map(|slice| slice.len() as u64).sum();
        if self.native() && self.meter.is_fast(Instant::now(), bytes) && !file.cached_only.load(Relaxed) {
            let mut turn = file.writing.lock().unwrap_or_else(PoisonError::into_inner);
            turn.before((offset, bytes), coming, |from, size| linux::find_places(&file.file, from, size));
            if let Some(n) = retry(|| linux::write_past(&file.file, from, offset))? {
                return Ok(n);
            }
            drop(turn);
            file.cached_only.store(true, Relaxed);
        }
        self.write(file, from, offset)
    }

    fn sync(&self, file: &OpenFile) -> Result<(), Fault> {
        retry(|| file.file.sync_data())
    }
}

/// Runs `call` until it is not interrupted.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> Result<T, Fault> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(errno::fault),
        }
    }
}

/// Makes the folder and its parents; each new name is made durable.
fn make_root(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = path;
    while !at.as_os_str().is_empty() && std::fs::metadata(at).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
        missing.push(at);
        let Some(parent) = at.parent() else { break };
        at = parent;
    }
    for dir in missing.into_iter().rev() {
        match std::fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        portable::sync_folder(parent)?;
    }
    Ok(())
}
