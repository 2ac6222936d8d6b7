//! Many messages.
#![cfg_attr(not(target_arch = "x86_64"), allow(unused_imports, reason = "only x86 has lanes"))]

use super::state::{Sha1, compress};
use crate::blocks::{Block, Blocks};
use crate::hasher::Hasher;
use crate::isa::Isa;
use crate::lanes::{self, Columns, Queue};

/// One message's next bytes, in parts.
pub struct Feed<'a> {
    /// What they are appended to.
    pub hash: &'a mut Sha1,
    /// The bytes; a part may have any length.
    pub parts: &'a [&'a [u8]],
}

impl Feed<'_> {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// Appends its parts to the hash of each feed. Any number of feeds of any lengths, side by side while enough are left for
/// the lanes of `with`; a lane whose feed ends takes the longest that waits. Parts of whole blocks (64 bytes) are quickest.
pub fn sha1_many(with: Hasher, feeds: &mut [Feed<'_>]) {
    let (lanes, worth) = (with.lanes_sha1(), with.worth_sha1());
    let one = |words: &mut [u32; 5], blocks: &[Block]| compress(with.one(), words, blocks);
    let mut waiting: Vec<usize> = (0..feeds.len()).collect();
    if lanes > 1 && feeds.len() >= worth {
        waiting.sort_by_key(|&at| feeds[at].len());
    }
    let mut queue = Feeds { feeds, waiting };
    match with.many_sha1() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => lanes::run(&mut queue, worth, turn16, one),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => lanes::run(&mut queue, worth, turn8, one),
        _ => lanes::one_by_one(&mut queue, one),
    }
}

/// Feeds, those that wait by number, the longest last.
struct Feeds<'f, 'a> {
    feeds: &'f mut [Feed<'a>],
    waiting: Vec<usize>,
}

impl<'a> Queue<'a, 5> for Feeds<'_, 'a> {
    fn take(&mut self) -> Option<(usize, [u32; 5], Blocks<'a>)> {
        let at = self.waiting.pop()?;
        let Feed { hash, parts } = &self.feeds[at];
        Some((at, hash.0.words, Blocks::next(hash.0.tail(), parts)))
    }

    fn give(&mut self, at: usize, words: [u32; 5], blocks: &Blocks<'a>) {
        let feed = &mut self.feeds[at];
        feed.hash.0.resume(words, feed.len() as u64, blocks.tail());
    }
}

/// Finishes many hashes. One last block each costs less as a stream than its way into a lane, so `with` gives only that.
pub fn sha1_finish_many(with: Hasher, hashes: Vec<Sha1>) -> Vec<[u8; 20]> {
    hashes.into_iter().map(|hash| hash.finish_with(with)).collect()
}

#[cfg(target_arch = "x86_64")]
fn turn8(columns: &mut Columns<5, 8>, runs: &[&[Block]; 8], blocks: usize) {
    assert!(Isa::Avx2.is_available());
    // SAFETY: the processor was just asked.
    unsafe { super::avx2::turn(columns, runs, blocks) }
}

#[cfg(target_arch = "x86_64")]
fn turn16(columns: &mut Columns<5, 16>, runs: &[&[Block]; 16], blocks: usize) {
    assert!(Isa::Avx512.is_available());
    // SAFETY: the processor was just asked.
    unsafe { super::avx512::turn(columns, runs, blocks) }
}
