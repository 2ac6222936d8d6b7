//! The standard library alone. Links are looked for before each use, which is weaker than asking the system not to
//! follow them, and all there is here.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::disk::{Access, Kind, Stat};

#[derive(Debug)]
pub(super) struct Root(PathBuf);

impl Root {
    pub(super) fn at_path(path: &Path) -> io::Result<Root> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Root(path.canonicalize()?))
    }

    pub(super) fn stat(&self, path: &[&str]) -> io::Result<Stat> {
        self.parents(path)?;
        fs::symlink_metadata(self.join(path)).map(|meta| stat(&meta))
    }

    fn open_file(&self, path: &[&str], options: &OpenOptions) -> io::Result<File> {
        self.parents(path)?;
        let full = self.join(path);
        match fs::symlink_metadata(&full) {
            Ok(meta) if meta.file_type().is_symlink() => return Err(link()),
            Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // A device or a pipe could block for ever.
            Ok(meta) if !meta.is_file() => return Err(io::ErrorKind::InvalidInput.into()),
            _ => {}
        }
        options.open(full)
    }

    pub(super) fn open(&self, path: &[&str], access: Access) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read).create(access == Access::Create).truncate(false);
        self.open_file(path, &options)
    }

    pub(super) fn make_dir(&self, path: &[&str]) -> io::Result<()> {
        self.parents(path)?;
        fs::create_dir(self.join(path))
    }

    pub(super) fn remove(&self, path: &[&str]) -> io::Result<()> {
        self.parents(path)?;
        fs::remove_file(self.join(path))
    }

    pub(super) fn sync_dir(&self, path: &[&str]) -> io::Result<()> {
        self.parents(path)?;
        sync_folder(&self.join(path))
    }

    pub(super) fn free_space(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    fn join(&self, path: &[&str]) -> PathBuf {
        path.iter().fold(self.0.clone(), |at, name| at.join(name))
    }

    /// Refuses a path with a link, or anything but a folder, before its end.
    fn parents(&self, path: &[&str]) -> io::Result<()> {
        // Safe names are single, ordinary components: this is the second wall.
        for name in path {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
        let mut at = self.0.clone();
        for name in path.iter().take(path.len().saturating_sub(1)) {
            at.push(name);
            let meta = fs::symlink_metadata(&at)?;
            if meta.file_type().is_symlink() {
                return Err(link());
            }
            if !meta.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(())
    }
}

/// An error that reads as "a link lies in the path".
fn link() -> io::Error {
    #[cfg(target_os = "linux")]
    return io::Error::from_raw_os_error(libc::ELOOP);
    #[cfg(not(target_os = "linux"))]
    io::ErrorKind::PermissionDenied.into()
}

/// Makes the names in a folder durable, where the system opens folders.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return File::open(path)?.sync_all();
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

pub(super) fn stat(meta: &Metadata) -> Stat {
    let kind = if meta.is_file() {
        Kind::File
    } else if meta.is_dir() {
        Kind::Dir
    } else {
        Kind::Other
    };
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    #[cfg(unix)]
    let (allocated, inode, links) = {
        use std::os::unix::fs::MetadataExt;
        // A block of st_blocks is 512 bytes, whatever the file system's is.
        (meta.blocks().saturating_mul(512), meta.ino(), meta.nlink())
    };
    #[cfg(not(unix))]
    let (allocated, inode, links) = (meta.len(), 0, 1);
    Stat { kind, size: meta.len(), allocated, inode, modified, links }
}

pub(super) fn read(file: &File, into: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    let Some(slice) = into.iter_mut().find(|slice| !slice.is_empty()) else { return Ok(0) };
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, slice, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, slice, offset);
}

pub(super) fn write(file: &File, from: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    let Some(slice) = from.iter().find(|slice| !slice.is_empty()) else { return Ok(0) };
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, slice, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, slice, offset);
}
