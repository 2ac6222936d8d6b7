//! SHA-256 (FIPS 180-4).

#[cfg(target_arch = "aarch64")]
mod armv8;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod many;
mod portable;
mod rounds;
#[cfg(target_arch = "x86_64")]
mod shani;
mod state;

pub(crate) use many::sha256_blocks;
pub use many::sha256_many;
pub use state::{Sha256, sha256};
