//! Linux: paths resolved by the kernel without links, vectored transfers, reads that do not wait.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::portable;
use crate::disk::{Access, Stat};

/// Set once the kernel (before 5.6, or behind a filter) has refused `openat2`.
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);
/// Set once the kernel has refused `cachestat`.
static NO_CACHESTAT: AtomicBool = AtomicBool::new(false);

#[derive(Debug)]
pub(super) struct Root(OwnedFd);

/// Device and inode alone do not do: some file systems give a number twice or at once to another, and a folder may be mounted
/// in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) place: (u64, u64),
    mount: u64,
    changed: (i64, i64),
}

impl Root {
    pub(super) fn at_path(path: &Path) -> io::Result<Root> {
        use std::os::unix::fs::OpenOptionsExt;
        let dir = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        Ok(Root(dir.into()))
    }

    /// What tells it from other folders at this moment; an error when something of that cannot be had.
    pub(super) fn identity(&self) -> io::Result<Identity> {
        use std::os::unix::fs::MetadataExt;
        let meta = File::from(self.0.try_clone()?).metadata()?;
        let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.0.as_raw_fd()))?;
        let mount = about.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
        let mount = mount.filter(|_| meta.nlink() > 0).ok_or(io::ErrorKind::NotFound)?;
        let changed = (meta.ctime(), meta.ctime_nsec());
        Ok(Identity { place: (meta.dev(), meta.ino()), mount, changed })
    }

    pub(super) fn stat(&self, path: &[&str]) -> io::Result<Stat> {
        let file = File::from(self.at(path, libc::O_PATH | libc::O_NOFOLLOW)?);
        file.metadata().map(|meta| portable::stat(&meta))
    }

    pub(super) fn open(&self, path: &[&str], access: Access) -> io::Result<File> {
        let flags = match access {
            Access::Read => libc::O_RDONLY,
            Access::Write => libc::O_RDWR,
            Access::Create => libc::O_RDWR | libc::O_CREAT,
        };
        // Without O_NONBLOCK a pipe that stands in a file's place would block the open for ever.
        let file = File::from(self.at(path, flags | libc::O_NOCTTY | libc::O_NONBLOCK)?);
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::from_raw_os_error(libc::EISDIR));
        }
        if !meta.is_file() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        Ok(file)
    }

    pub(super) fn make_dir(&self, path: &[&str]) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        // SAFETY: `parent` is an open descriptor and `name` a string that ends in NUL; both live through the call.
        check(unsafe { libc::mkdirat(parent.as_raw_fd(), name.as_ptr(), 0o777) }).map(drop)
    }

    pub(super) fn remove(&self, path: &[&str]) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        // SAFETY: `parent` is an open descriptor and `name` a string that ends in NUL; both live through the call.
        check(unsafe { libc::unlinkat(parent.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
    }

    pub(super) fn sync_dir(&self, path: &[&str]) -> io::Result<()> {
        File::from(self.at(path, libc::O_RDONLY | libc::O_DIRECTORY)?).sync_all()
    }

    pub(super) fn free_space(&self) -> io::Result<Option<u64>> {
        // SAFETY: `statvfs` is plain data, for which zeros are a value; the descriptor is open, and `info` lives through the
        // call, which fills it.
        let (done, info) = unsafe {
            let mut info: libc::statvfs = std::mem::zeroed();
            (libc::fstatvfs(self.0.as_raw_fd(), &mut info), info)
        };
        check(done)?;
        Ok(Some(info.f_bavail.saturating_mul(info.f_frsize)))
    }

    fn parent(&self, path: &[&str]) -> io::Result<(OwnedFd, CString)> {
        let Some((name, parents)) = path.split_last() else {
            return Err(io::Error::from_raw_os_error(libc::EISDIR));
        };
        Ok((self.at(parents, libc::O_PATH | libc::O_DIRECTORY)?, name_of(name)?))
    }

    /// Opens a path below the root; no component is followed if it is a link.
    fn at(&self, path: &[&str], flags: i32) -> io::Result<OwnedFd> {
        let flags = flags | libc::O_CLOEXEC;
        if !NO_OPENAT2.load(Relaxed) {
            match open_beneath(self.0.as_raw_fd(), path, flags) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    if error.raw_os_error() == Some(libc::ENOSYS) {
                        NO_OPENAT2.store(true, Relaxed);
                    }
                }
                result => return result,
            }
        }
        self.step_by_step(path, flags)
    }

    /// The same for kernels without `openat2`: each component is opened by itself, without following it.
    fn step_by_step(&self, path: &[&str], flags: i32) -> io::Result<OwnedFd> {
        let Some((name, parents)) = path.split_last() else {
            return open_at(self.0.as_raw_fd(), ".", flags);
        };
        let mut dir: Option<OwnedFd> = None;
        for parent in parents {
            let at = dir.as_ref().map_or(self.0.as_raw_fd(), AsRawFd::as_raw_fd);
            // O_PATH with O_NOFOLLOW opens a link itself, which O_DIRECTORY then refuses as no folder.
            let next = open_at(at, parent, libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC)?;
            let next = File::from(next);
            let kind = next.metadata()?.file_type();
            if kind.is_symlink() {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            if !kind.is_dir() {
                return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
            }
            dir = Some(next.into());
        }
        let at = dir.as_ref().map_or(self.0.as_raw_fd(), AsRawFd::as_raw_fd);
        open_at(at, name, flags | libc::O_NOFOLLOW)
    }
}

fn name_of(name: &str) -> io::Result<CString> {
    // Safe names are never empty, `.` or `..` and hold no `/` or NUL: this is the second wall.
    if name.is_empty() || name == ".." || name.contains('/') {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    CString::new(name).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn open_at(dir: RawFd, name: &str, flags: i32) -> io::Result<OwnedFd> {
    let name = name_of(name)?;
    // SAFETY: `dir` is open and `name` ends in NUL; both live through the call, which touches no other memory of ours. It has
    // just given us the descriptor, and nobody else knows it.
    unsafe { check(libc::openat(dir, name.as_ptr(), flags, 0o666)).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

fn open_beneath(dir: RawFd, path: &[&str], flags: i32) -> io::Result<OwnedFd> {
    for name in path {
        name_of(name)?;
    }
    let path = if path.is_empty() { ".".to_owned() } else { path.join("/") };
    let path = CString::new(path).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let size = size_of::<libc::open_how>();
    // SAFETY: `open_how` is plain data, for which zeros are a value; `path` ends in NUL, `how` has `size` bytes, and both live
    // through the call, which only reads. It has just given us the descriptor, and nobody else knows it.
    unsafe {
        let mut how: libc::open_how = std::mem::zeroed();
        how.flags = flags as u64;
        how.mode = if flags & libc::O_CREAT != 0 { 0o666 } else { 0 };
        how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
        let fd = libc::syscall(libc::SYS_openat2, dir, path.as_ptr(), &raw const how, size);
        check(i32::try_from(fd).unwrap_or(-1)).map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

pub(super) fn read(file: &File, into: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    read_with(file, into, offset, 0)
}

/// As [`read`], without waiting; `None` when the page cache has not all that is asked for, or when this file system or kernel
/// cannot tell.
pub(super) fn read_cached(file: &File, into: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<Option<usize>> {
    unless(&[libc::EAGAIN, libc::EOPNOTSUPP, libc::EINVAL], read_with(file, into, offset, libc::RWF_NOWAIT))
}

fn read_with(file: &File, into: &mut [IoSliceMut<'_>], offset: u64, flags: i32) -> io::Result<usize> {
    let (count, at) = (count(into.len()), position(offset)?);
    // SAFETY: `IoSliceMut` has the layout of `iovec` (std), the slices are ours alone for the call, which fills at most
    // their lengths.
    size(unsafe { libc::preadv2(file.as_raw_fd(), into.as_mut_ptr().cast(), count, at, flags) })
}

/// Whether the page cache holds every page of a range, as far as the file goes; `None` when the kernel (before 6.5) or the
/// file system does not tell, or not to us.
pub(super) fn is_cached(file: &File, offset: u64, len: u64) -> Option<bool> {
    /// `cachestat`, the same number on every architecture that Linux counts alike.
    const CACHESTAT: libc::c_long = 451;
    #[repr(C)]
    #[derive(Default)]
    struct Counts {
        cached: u64,
        dirty: u64,
        writeback: u64,
        evicted: u64,
        recently_evicted: u64,
    }
    if NO_CACHESTAT.load(Relaxed) {
        return None;
    }
    let end = offset.saturating_add(len).min(file.metadata().ok()?.len());
    if end <= offset {
        return Some(true);
    }
    let (range, mut counts) = ([offset, end - offset], Counts::default());
    // SAFETY: the first call takes a number. `range` is a `cachestat_range` (offset and length, 64 bits each), `counts` has
    // the layout of `cachestat`; both live through the second call, which reads the one and fills the other.
    let (page, failed) = unsafe {
        let page = libc::sysconf(libc::_SC_PAGESIZE);
        (page, libc::syscall(CACHESTAT, file.as_raw_fd(), range.as_ptr(), &raw mut counts, 0))
    };
    let page = u64::try_from(page).ok().filter(|page| *page > 0)?;
    if failed != 0 {
        if io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
            NO_CACHESTAT.store(true, Relaxed);
        }
        return None;
    }
    Some(counts.cached >= end.div_ceil(page) - offset / page)
}

pub(super) fn write(file: &File, from: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    write_with(file, from, offset, 0)
}

/// As [`write`], past the page cache: the kernel (6.14 and later) starts writing at once and forgets the pages when they are
/// on the device. `None` when it, or this file system, cannot.
pub(super) fn write_past(file: &File, from: &[IoSlice<'_>], offset: u64) -> io::Result<Option<usize>> {
    unless(&[libc::EOPNOTSUPP, libc::EINVAL], write_with(file, from, offset, libc::RWF_DONTCACHE))
}

/// Finds places on the device for a part of a file, whose length and bytes stay as they are; `false` when it has none left,
/// or where this is not known to pay: measured on ext4 only (docs/architecture.md).
pub(super) fn find_places(file: &File, offset: u64, len: u64) -> bool {
    let (Ok(offset), Ok(len)) = (position(offset), position(len)) else { return false };
    // SAFETY: `statfs` is plain data, for which zeros are a value; the descriptor is open, and `about` lives through the first
    // call, which fills it. The second takes numbers.
    unsafe {
        let mut about: libc::statfs = std::mem::zeroed();
        libc::fstatfs(file.as_raw_fd(), &raw mut about) == 0
            && about.f_type == libc::EXT4_SUPER_MAGIC as _
            && libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, offset, len) == 0
    }
}

fn write_with(file: &File, from: &[IoSlice<'_>], offset: u64, flags: i32) -> io::Result<usize> {
    let (count, at) = (count(from.len()), position(offset)?);
    // SAFETY: `IoSlice` has the layout of `iovec` (std); the slices live through the call, which only reads them.
    size(unsafe { libc::pwritev2(file.as_raw_fd(), from.as_ptr().cast(), count, at, flags) })
}

/// `None` for errors which say that the system does not do what was asked for.
fn unless(refusals: &[i32], result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.raw_os_error().is_some_and(|number| refusals.contains(&number)) => Ok(None),
        result => result.map(Some),
    }
}

/// Descriptors that this process may have open; `None` when the system does not tell.
pub(super) fn descriptor_limit() -> Option<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is an `rlimit` to fill that lives through the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }).ok()?;
    usize::try_from(limit.rlim_cur).ok()
}

/// IOV_MAX is 1,024 on Linux; callers go on after a short transfer.
fn count(slices: usize) -> i32 {
    slices.min(1024) as i32
}

fn position(offset: u64) -> io::Result<i64> {
    i64::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
}

fn size(n: isize) -> io::Result<usize> {
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_would_have_to_wait_sends_for_nothing() {
        use crate::disk::{Disk, Kind};
        use crate::sys::{RealDisk, SysMode};
        // Not below /tmp, which may lie in memory.
        let dir = std::path::Path::new("/var/tmp").join(format!("bitlode-cold-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("file"), vec![7; 4 << 20]).unwrap();
        let disk = RealDisk::new(SysMode::Native, u64::MAX);
        let root = disk.open_root(&dir, false).unwrap();
        assert_eq!(disk.stat(&root, &["file"]).unwrap().map(|stat| stat.kind), Some(Kind::File));
        let file = disk.open(&root, &["file"], Access::Read).unwrap();
        let plain = File::open(dir.join("file")).unwrap();
        let mut buffer = vec![0; 65_536];
        let mut cached = |offset| disk.read_cached(&file, &mut [IoSliceMut::new(&mut buffer)], offset).unwrap();
        plain.sync_all().unwrap();
        // SAFETY: the call takes an open descriptor and numbers.
        unsafe { libc::posix_fadvise(plain.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        // A file system in memory, or a kernel that does not tell, has no such reads.
        if is_cached(&plain, 0, 65_536) == Some(false) {
            (0..100).for_each(|_| assert_eq!(cached(0), None));
            assert_eq!(is_cached(&plain, 0, 65_536), Some(false));
            std::fs::read(dir.join("file")).unwrap();
            assert!((0..100).any(|_| cached(0) == Some(65_536)));
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn places_are_found_on_ext4_and_nothing_else_of_the_file_changes() {
        let path = Path::new("/var/tmp").join(format!("bitlode-find-{}", std::process::id()));
        let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        let of = std::process::Command::new("stat").args(["-f", "-c", "%T", "/var/tmp"]).output().unwrap();
        let ext4 = String::from_utf8_lossy(&of.stdout).starts_with("ext");
        assert_eq!(find_places(&file, 16 << 20, 8 << 20), ext4);
        let stat = portable::stat(&file.metadata().unwrap());
        std::fs::remove_file(&path).unwrap();
        // What was found counts as had when space is looked for, also behind the end.
        assert_eq!((stat.size, stat.allocated >= 8 << 20), (0, ext4));
        assert!(!find_places(&File::open("/proc/self/stat").unwrap(), 0, 8 << 20));
    }

    #[test]
    fn row_18_kernels_without_openat2_refuse_links_as_well() {
        let dir = std::env::temp_dir().join(format!("bitlode-steps-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("real/deep")).unwrap();
        std::fs::write(dir.join("real/deep/file"), b"x").unwrap();
        std::os::unix::fs::symlink(dir.join("real"), dir.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.join("real/deep/file"), dir.join("real/alias")).unwrap();
        let root = Root::at_path(&dir).unwrap();
        let number = |result: io::Result<OwnedFd>| result.err().and_then(|error| error.raw_os_error());
        for open in [Root::at, Root::step_by_step] {
            assert!(open(&root, &["real", "deep", "file"], libc::O_RDONLY).is_ok());
            assert!(open(&root, &[], libc::O_RDONLY | libc::O_DIRECTORY).is_ok());
            assert_eq!(number(open(&root, &["link", "deep", "file"], libc::O_RDONLY)), Some(libc::ELOOP));
            assert_eq!(number(open(&root, &["real", "alias"], libc::O_RDONLY)), Some(libc::ELOOP));
            assert_eq!(number(open(&root, &["real", "deep", "file", "x"], libc::O_RDONLY)), Some(libc::ENOTDIR));
            assert_eq!(number(open(&root, &["real", ".."], libc::O_RDONLY)), Some(libc::EINVAL));
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
