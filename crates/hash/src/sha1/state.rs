//! One message.

#[cfg(target_arch = "aarch64")]
use super::armv8 as instructions;
#[cfg(target_arch = "x86_64")]
use super::shani as instructions;
use crate::blocks::Block;
use crate::hasher::Hasher;
use crate::isa::Isa;
use crate::stream::Stream;

/// SHA-1, fed piece by piece. Each part may be hashed with another instruction set.
#[derive(Clone)]
pub struct Sha1(pub(super) Stream<5>);

impl Default for Sha1 {
    fn default() -> Sha1 {
        // FIPS 180-4 §5.3.1.
        Sha1(Stream::new([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]))
    }
}

impl Sha1 {
    /// Nothing hashed yet.
    pub fn new() -> Sha1 {
        Sha1::default()
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
    pub fn finish(self) -> [u8; 20] {
        self.finish_with(Hasher::best())
    }

    /// The hash of everything given; the last block goes through the streams of `with`.
    pub fn finish_with(self, with: Hasher) -> [u8; 20] {
        let words = self.0.finish(|words, blocks| compress(with.one(), words, blocks));
        let mut out = [0; 20];
        out.as_chunks_mut().0.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
        out
    }
}

/// The SHA-1 of `data`, by [`Hasher::best`].
pub fn sha1(data: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(data);
    hash.finish()
}

/// Takes whole blocks into the state; an instruction set without streams is plain Rust.
pub(super) fn compress(with: Isa, words: &mut [u32; 5], blocks: &[Block]) {
    match with {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        // SAFETY: the processor was just asked, and of the two it can only have the one of its own architecture.
        Isa::ShaNi | Isa::Armv8 if with.is_available() => unsafe { instructions::compress(words, blocks) },
        _ => super::portable::compress(words, blocks),
    }
}
