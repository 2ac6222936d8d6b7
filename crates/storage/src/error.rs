//! Why an operation of storage failed.

use bitlode_base::{Code, Coded};
use bitlode_metainfo::MetainfoError;

use crate::disk::Fault;

/// A failure with its code and one line that names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk refused.
    #[error("{action} {path}: {fault}")]
    Disk {
        /// What was tried: `open`, `read`, `write`, `sync`, …
        action: &'static str,
        /// The path below the download folder.
        path: String,
        /// What the disk said.
        fault: Fault,
    },
    /// Not enough space for what is still to be written.
    #[error("{needed} bytes are needed, {free} are free")]
    Space {
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The file is not the one that was looked at before.
    #[error("{path} changed or vanished while it was in use")]
    Changed {
        /// The path below the download folder.
        path: String,
    },
    /// The name is taken by something that is not this torrent's.
    #[error("{path} exists and does not hold this torrent's content")]
    Exists {
        /// The path below the download folder.
        path: String,
    },
    /// The folder takes different names for equal, and the torrent's files cannot be told apart by renaming.
    #[error(transparent)]
    Names(#[from] MetainfoError),
    /// The folder that should hold the content is not there.
    #[error("{path} is not there")]
    Missing {
        /// The folder, or the path below it.
        path: String,
    },
}

impl Coded for StorageError {
    fn code(&self) -> Code {
        match self {
            StorageError::Disk { fault, .. } => fault.code(),
            StorageError::Space { .. } => Code::StorageFull,
            StorageError::Changed { .. } => Code::StorageChanged,
            StorageError::Exists { .. } => Code::StorageExists,
            StorageError::Names(error) => error.code(),
            StorageError::Missing { .. } => Code::StorageMissing,
        }
    }
}
