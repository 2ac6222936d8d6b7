//! BitTorrent hashing: info-hashes, SHA-1 and SHA-256, BEP 52 Merkle trees.
//!
//! The digests come from the crates `sha1` and `sha2`, which look at run time for the processor's SHA instructions.

mod digest;
mod info_hashes;
pub mod merkle;

pub use digest::{Sha1, Sha256, sha1, sha256};
pub use info_hashes::{InfoHashes, Which};
