//! SHA-1 (FIPS 180-4).

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

pub use many::{Feed, sha1_finish_many, sha1_many};
pub use state::{Sha1, sha1};
