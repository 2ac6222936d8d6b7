//! What storage asks of a disk: a dozen blocking primitives, each simple enough to emulate.

use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::path::Path;

use bitlode_base::Code;

/// A disk. Paths are lists of components below an open root folder; no call follows a symbolic link below the root.
///
/// Data that was written is visible to every later read at once and durable only after [`Disk::sync`] of its file; a
/// name (of a file or folder made or removed) is durable only after [`Disk::sync_dir`] of the folder it stands in.
/// Reads and writes may be short: callers go on from there. An interrupted call is retried inside.
pub trait Disk: Send + Sync + 'static {
    /// An open root folder.
    type Dir: Send + Sync + 'static;
    /// An open file. Dropping it closes it.
    type File: Send + Sync + 'static;

    /// Opens the folder that holds the content; with `create` it and its parents are made, durably, when they are not there.
    fn open_root(&self, path: &Path, create: bool) -> Result<Self::Dir, Fault>;

    /// What stands at `path`; `None` when nothing does. An empty path means the root. A symbolic link at the end is
    /// reported as [`Kind::Other`]; one before the end is [`Fault::Symlink`].
    fn stat(&self, root: &Self::Dir, path: &[&str]) -> Result<Option<Stat>, Fault>;

    /// Opens a file. A missing one is [`Fault::Missing`], except with [`Access::Create`].
    fn open(&self, root: &Self::Dir, path: &[&str], access: Access) -> Result<Self::File, Fault>;

    /// Makes one folder, whose parent exists; says whether it was made, `false` when it was there.
    fn make_dir(&self, root: &Self::Dir, path: &[&str]) -> Result<bool, Fault>;

    /// Removes a file; says whether it was there.
    fn remove(&self, root: &Self::Dir, path: &[&str]) -> Result<bool, Fault>;

    /// Makes the names in a folder durable. An empty path means the root.
    fn sync_dir(&self, root: &Self::Dir, path: &[&str]) -> Result<(), Fault>;

    /// Bytes that can still be written by us; `None` when the system does not tell.
    fn free_space(&self, root: &Self::Dir) -> Result<Option<u64>, Fault>;

    /// What an open file is now.
    fn file_stat(&self, file: &Self::File) -> Result<Stat, Fault>;

    /// Reads from `offset` into the slices in order; 0 means the end of the file.
    fn read(&self, file: &Self::File, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize, Fault>;

    /// As [`Disk::read`], but never waits for the device: `None` when it would have to, or when this disk cannot tell.
    fn read_cached(&self, file: &Self::File, into: &mut [IoSliceMut<'_>], offset: u64) -> Result<Option<usize>, Fault> {
        let _ = (file, into, offset);
        Ok(None)
    }

    /// Writes the slices in order at `offset`, growing the file (with a hole before `offset`) where needed; at least one
    /// byte, unless the slices are empty.
    fn write(&self, file: &Self::File, from: &[IoSlice<'_>], offset: u64) -> Result<usize, Fault>;

    /// As [`Disk::write`], of bytes that we shall not read again by ourselves: a disk may keep them out of the page cache, and
    /// find places for some of those that are to come.
    fn write_final(
        &self,
        file: &Self::File,
        from: &[IoSlice<'_>],
        offset: u64,
        coming: Coming,
    ) -> Result<usize, Fault> {
        let _ = coming;
        self.write(file, from, offset)
    }

    /// Makes the file's data and length durable (`fdatasync`). After an error nothing is known about what was written
    /// since the last good sync.
    fn sync(&self, file: &Self::File) -> Result<(), Fault>;
}

/// What will be in a file once all that is wanted of it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coming {
    /// The bytes that it will be long.
    pub len: u64,
    /// All of them are wanted.
    pub whole: bool,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To read and write; it must exist.
    Write,
    /// To read and write; an empty one is made when it is not there. Never truncates.
    Create,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A folder.
    Dir,
    /// Anything else: a link, a device, a pipe.
    Other,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Bytes that are allocated on the device; places that were found for what is still to come may lie behind `size`.
    pub allocated: u64,
    /// The file's number on its file system; 0 where there is none.
    pub inode: u64,
    /// Last change of the content, nanoseconds since 1970.
    pub modified: i64,
    /// Names that the file has; 0 once it is deleted.
    pub links: u64,
}

/// Why a disk refused, one variant for each thing that we or the user would do differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// No space, or the quota is used up.
    Full,
    /// The device failed.
    Io,
    /// No permission, or a read-only file system.
    Denied,
    /// Nothing of that name.
    Missing,
    /// A name that should be new is taken.
    Exists,
    /// A symbolic link lies in the path, or the path leads out of the root.
    Symlink,
    /// The name is impossible here: too long, or with forbidden characters.
    Name,
    /// A file stands where a folder should, or the other way round.
    WrongKind,
    /// The file would grow beyond what the file system can hold.
    TooLarge,
    /// No file descriptor is left.
    Fds,
    /// No memory.
    Memory,
    /// The file is not the one it was: replaced on the server, or in use as a program.
    Stale,
}

impl Fault {
    /// The stable code that users see.
    pub const fn code(self) -> Code {
        match self {
            Fault::Full => Code::StorageFull,
            Fault::Io => Code::StorageIo,
            Fault::Denied => Code::StorageAccess,
            Fault::Missing => Code::StorageMissing,
            Fault::Exists => Code::StorageExists,
            Fault::Symlink => Code::StorageSymlink,
            Fault::Name | Fault::WrongKind => Code::StoragePath,
            Fault::TooLarge => Code::StorageFsLimit,
            Fault::Fds => Code::StorageFds,
            Fault::Memory => Code::OutOfMemory,
            Fault::Stale => Code::StorageChanged,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Full => "no space left",
            Fault::Io => "the device failed",
            Fault::Denied => "permission denied, or read-only",
            Fault::Missing => "not there",
            Fault::Exists => "already there",
            Fault::Symlink => "a symbolic link lies in the path",
            Fault::Name => "impossible name",
            Fault::WrongKind => "a file where a folder should be, or the other way round",
            Fault::TooLarge => "larger than the file system allows",
            Fault::Fds => "no file descriptor left",
            Fault::Memory => "no memory left",
            Fault::Stale => "the file was replaced or is in use",
        })
    }
}
