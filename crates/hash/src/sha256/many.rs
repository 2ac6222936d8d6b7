//! Many messages.
#![cfg_attr(not(target_arch = "x86_64"), allow(unused_imports, dead_code, reason = "only x86 has lanes"))]

use core::array;

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

/// The SHA-256 of each message of one block: a level of a tree. They need no schedule, and their padding is the same.
pub(crate) fn sha256_blocks(with: Hasher, messages: &[Block]) -> Vec<[u8; 32]> {
    let mut hashes = Vec::with_capacity(messages.len());
    let rest = match with.many_sha256() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => blocks_in_lanes(messages, with.worth_sha256(), &mut hashes, turn16),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => blocks_in_lanes(messages, with.worth_sha256(), &mut hashes, turn8),
        _ => messages,
    };
    hashes.extend(rest.iter().map(|message| {
        let mut words = START;
        compress(with.one(), &mut words, core::slice::from_ref(message));
        compress(with.one(), &mut words, &PADDING);
        to_bytes(words)
    }));
    hashes
}

/// The last block of a message of one whole block: a one bit, zeros, the length of 512 bits.
const PADDING: [Block; 1] = {
    let mut block = [0; 64];
    block[0] = 0x80;
    block[62] = 2;
    [block]
};

/// Hashes in turns of `L` until fewer than `worth` messages are left, and gives those back.
fn blocks_in_lanes<'a, const L: usize>(
    mut messages: &'a [Block],
    worth: usize,
    hashes: &mut Vec<[u8; 32]>,
    turn: impl Fn(&mut Columns<8, L>, &[&[Block]; L], usize),
) -> &'a [Block] {
    while !messages.is_empty() && messages.len() >= worth {
        let (now, later) = messages.split_at(messages.len().min(L));
        let mut columns = START.map(|word| [word; L]);
        turn(&mut columns, &array::from_fn(|lane| &now[lane.min(now.len() - 1)..][..1]), 1);
        turn(&mut columns, &[&PADDING; L], 1);
        hashes.extend((0..now.len()).map(|lane| to_bytes(array::from_fn(|row| columns[row][lane]))));
        messages = later;
    }
    messages
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
