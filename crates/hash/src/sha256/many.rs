//! Many messages.

use super::state::{START, compress, to_bytes};
use crate::blocks::{Block, Blocks};
use crate::hasher::Hasher;
use crate::isa::Isa;
use crate::lanes::{self, Columns, Queue};

/// The SHA-256 of each message, in their order. Any number of messages of any lengths, side by side while enough are left
/// for the lanes of `with`.
pub fn sha256_many(with: Hasher, messages: &[&[u8]]) -> Vec<[u8; 32]> {
    let (lanes, worth) = (with.lanes_sha256(), with.worth_sha256());
    let one = |words: &mut [u32; 8], blocks: &[Block]| compress(with.one(), words, blocks);
    let mut waiting: Vec<usize> = (0..messages.len()).rev().collect();
    if lanes > 1 && messages.len() >= worth {
        waiting.sort_by_key(|&at| messages[at].len());
    }
    let mut queue = Messages { messages, waiting, hashes: vec![[0; 32]; messages.len()] };
    match with.many_sha256() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => lanes::run(&mut queue, worth, turn16, one),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => lanes::run(&mut queue, worth, turn8, one),
        _ => lanes::one_by_one(&mut queue, one),
    }
    queue.hashes
}

/// Messages, those that wait by number, the longest last, and the hashes of those that are done.
struct Messages<'m, 'a> {
    messages: &'m [&'a [u8]],
    waiting: Vec<usize>,
    hashes: Vec<[u8; 32]>,
}

impl<'a> Queue<'a, 8> for Messages<'_, 'a> {
    fn take(&mut self) -> Option<(usize, [u32; 8], Blocks<'a>)> {
        let at = self.waiting.pop()?;
        Some((at, START, Blocks::whole(self.messages[at])))
    }

    fn give(&mut self, at: usize, words: [u32; 8], _: &Blocks<'a>) {
        self.hashes[at] = to_bytes(words);
    }
}

#[cfg(target_arch = "x86_64")]
fn turn8(columns: &mut Columns<8, 8>, runs: &[&[Block]; 8], blocks: usize) {
    assert!(Isa::Avx2.is_available());
    // SAFETY: the processor was just asked.
    unsafe { super::avx2::turn(columns, runs, blocks) }
}

#[cfg(target_arch = "x86_64")]
fn turn16(columns: &mut Columns<8, 16>, runs: &[&[Block]; 16], blocks: usize) {
    assert!(Isa::Avx512.is_available());
    // SAFETY: the processor was just asked.
    unsafe { super::avx512::turn(columns, runs, blocks) }
}
