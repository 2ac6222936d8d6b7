//! BitTorrent hashing: info-hashes, SHA-1 and SHA-256, BEP 52 Merkle trees.
//!
//! Both hash functions take one message as a stream or many side by side in the lanes of vector registers. What with is a
//! [`Hasher`], an argument: by the processor's word ([`Hasher::best`]), under a ceiling ([`Hasher::at_most`]) or by
//! measurement ([`Hasher::calibrated`]).

mod blocks;
mod calibrate;
mod hasher;
mod info_hashes;
mod isa;
mod lanes;
pub mod merkle;
mod sha1;
mod sha256;
#[cfg(target_arch = "x86_64")]
mod simd;
mod stream;

pub use hasher::Hasher;
pub use info_hashes::{InfoHashes, Which};
pub use isa::{Isa, UnknownIsa};
pub use sha1::{Feed, Sha1, sha1, sha1_finish_many, sha1_many};
pub use sha256::{Sha256, sha256, sha256_many};
