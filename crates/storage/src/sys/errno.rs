//! The system's errors as faults (RELIABILITY row 78).

use std::io::{self, ErrorKind};

use crate::disk::Fault;

/// The fault for an error of the system. What is not known is the device's failure: never success, never a crash.
pub(super) fn fault(error: io::Error) -> Fault {
    #[cfg(target_os = "linux")]
    if let Some(number) = error.raw_os_error() {
        return by_number(number);
    }
    by_kind(error.kind())
}

#[cfg(target_os = "linux")]
pub(super) fn by_number(number: i32) -> Fault {
    match number {
        libc::ENOSPC | libc::EDQUOT => Fault::Full,
        libc::EROFS | libc::EACCES | libc::EPERM => Fault::Denied,
        libc::ENOENT => Fault::Missing,
        libc::EEXIST => Fault::Exists,
        // EXDEV is openat2's answer to a path that leads out of the root.
        libc::ELOOP | libc::EXDEV => Fault::Symlink,
        libc::ENAMETOOLONG | libc::EILSEQ | libc::EINVAL => Fault::Name,
        libc::ENOTDIR | libc::EISDIR => Fault::WrongKind,
        libc::EFBIG => Fault::TooLarge,
        libc::EMFILE | libc::ENFILE => Fault::Fds,
        libc::ENOMEM => Fault::Memory,
        libc::ETXTBSY | libc::ESTALE => Fault::Stale,
        _ => Fault::Io,
    }
}

fn by_kind(kind: ErrorKind) -> Fault {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Fault::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Fault::Denied,
        ErrorKind::NotFound => Fault::Missing,
        ErrorKind::AlreadyExists => Fault::Exists,
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => Fault::Name,
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => Fault::WrongKind,
        ErrorKind::FileTooLarge => Fault::TooLarge,
        ErrorKind::OutOfMemory => Fault::Memory,
        ErrorKind::ExecutableFileBusy | ErrorKind::StaleNetworkFileHandle => Fault::Stale,
        _ => Fault::Io,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use bitlode_base::Code;

    #[test]
    fn row_78_every_error_of_the_system_has_its_code() {
        let table = [
            (libc::EROFS, Code::StorageAccess),
            (libc::EACCES, Code::StorageAccess),
            (libc::EPERM, Code::StorageAccess),
            (libc::ENOSPC, Code::StorageFull),
            (libc::EDQUOT, Code::StorageFull),
            (libc::ENAMETOOLONG, Code::StoragePath),
            (libc::EILSEQ, Code::StoragePath),
            (libc::ENOTDIR, Code::StoragePath),
            (libc::EISDIR, Code::StoragePath),
            (libc::EFBIG, Code::StorageFsLimit),
            (libc::ELOOP, Code::StorageSymlink),
            (libc::EXDEV, Code::StorageSymlink),
            (libc::ETXTBSY, Code::StorageChanged),
            (libc::ESTALE, Code::StorageChanged),
            (libc::EMFILE, Code::StorageFds),
            (libc::ENFILE, Code::StorageFds),
            (libc::ENOENT, Code::StorageMissing),
            (libc::EEXIST, Code::StorageExists),
            (libc::ENOMEM, Code::OutOfMemory),
            (libc::EIO, Code::StorageIo),
            (libc::EAGAIN, Code::StorageIo),
            (9999, Code::StorageIo),
        ];
        for (number, code) in table {
            assert_eq!(fault(io::Error::from_raw_os_error(number)).code(), code, "errno {number}");
        }
    }

    #[test]
    fn row_78_the_portable_kinds_agree_with_the_numbers() {
        for number in [libc::ENOSPC, libc::EDQUOT, libc::EROFS, libc::EACCES, libc::ENOENT, libc::EEXIST, libc::EFBIG] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(by_kind(error.kind()), by_number(number), "errno {number}");
        }
    }

    #[test]
    fn row_78_an_interrupted_call_is_made_again() {
        let mut calls = 0;
        let result = super::super::retry(|| {
            calls += 1;
            if calls < 3 { Err(io::Error::from_raw_os_error(libc::EINTR)) } else { Ok(calls) }
        });
        assert_eq!(result, Ok(3));
    }
}
