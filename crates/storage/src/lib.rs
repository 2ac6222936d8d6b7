//! The rules of files against a trait: block states, spill, barrier, claims.
//!
//! Two halves. [`Store`] is one torrent's bookkeeping on its shard, sans-IO: inputs in, outputs out, no file touched.
//! It answers with [`Job`]s; [`run`] carries one out on any thread through [`Files`] and gives a [`JobDone`] to hand back;
//! [`run_many`] hashes several pieces side by side.
//! Everything below `Files` is the trait [`Disk`]: the real one is [`sys::RealDisk`].
//!
//! A block is *wanted*, then *in memory*, then perhaps *spilled* (written in place unverified), then *verified* and
//! *written* with its piece, then *durable* when a barrier has synced what it lies in. A piece is had when it is
//! verified and its writes returned; it is claimed when it is durable.

/// A place where a test can make the disk slow or broken: nothing unless the feature `failpoints` is on.
macro_rules! fp {
    ($name:literal) => {{
        #[cfg(feature = "failpoints")]
        let reached = crate::sys::failpoint::reach($name);
        #[cfg(not(feature = "failpoints"))]
        let reached = Ok::<(), crate::disk::Fault>(());
        reached
    }};
}

mod check;
mod claims;
mod digest;
mod disk;
mod error;
mod event;
mod files;
mod folding;
mod hashcheck;
mod hashing;
mod job;
mod limits;
mod marker;
mod piece;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod pool;
mod scratch;
mod store;
pub mod sys;
mod transfer;
mod verify;
mod work;

pub use digest::PieceDigest;
pub use disk::{Access, Coming, Disk, Fault, Kind, Stat};
pub use error::StorageError;
pub use event::{Mode, StoreInput, StoreOutput, StoreSetup};
pub use files::Files;
pub use hashcheck::{check_pieces, survey};
pub use job::{Job, JobDone, JobKind};
pub use limits::Limits;
pub use pool::FilePool;
pub use scratch::Scratch;
pub use store::Store;
pub use sys::SysMode;
pub use work::{run, run_many, run_now};
