//! One message.

#[cfg(target_arch = "aarch64")]
use super::armv8 as instructions;
#[cfg(target_arch = "x86_64")]
use super::shani as instructions;
use crate::blocks::Block;
use crate::hasher::Hasher;
use crate::isa::Isa;
use crate::stream::Stream;

/// FIPS 180-4 §5.3.3.
pub(super) const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256, fed piece by piece. Each part may be hashed with another instruction set.
#[derive(Clone)]
pub struct Sha256(Stream<8>);

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256(Stream::new(START))
    }
}

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Sha256 {
        Sha256::default()
    }

    /// Appends `data` to what is hashed, by [`Hasher::best`].
    pub fn update(&mut self, data: &[u8]) {
        self.update_with(Hasher::best(), data);
    }

    /// Appends `data` to what is hashed, as a stream.
    pub fn update_with(&mut self, with: Hasher, data: &[u8]) {
        self.0.update(data, |words, blocks| compress(with.one(), words, blocks));
    }

    /// The hash of everything given.
    pub fn finish(self) -> [u8; 32] {
        self.finish_with(Hasher::best())
    }

    /// The hash of everything given; the last block goes through the streams of `with`.
    pub fn finish_with(self, with: Hasher) -> [u8; 32] {
        to_bytes(self.0.finish(|words, blocks| compress(with.one(), words, blocks)))
    }
}

/// The SHA-256 of `data`, by [`Hasher::best`].
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(data);
    hash.finish()
}

pub(super) fn to_bytes(words: [u32; 8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.as_chunks_mut().0.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    out
}

/// Takes whole blocks into the state; an instruction set without streams is plain Rust.
pub(super) fn compress(with: Isa, words: &mut [u32; 8], blocks: &[Block]) {
    match with {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        // SAFETY: the processor was just asked, and of the two it can only have the one of its own architecture.
        Isa::ShaNi | Isa::Armv8 if with.is_available() => unsafe { instructions::compress(words, blocks) },
        _ => super::portable::compress(words, blocks),
    }
}
