//! Plain Rust.

use super::rounds::{K, eight, round, rounds, word};
use crate::blocks::Block;

fn add(x: u32, y: u32) -> u32 {
    x.wrapping_add(y)
}

fn ch(x: u32, y: u32, z: u32) -> u32 {
    z ^ (x & (y ^ z))
}

fn maj(x: u32, y: u32, z: u32) -> u32 {
    y ^ ((x ^ y) & (y ^ z))
}

fn sum0(x: u32) -> u32 {
    x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22)
}

fn sum1(x: u32) -> u32 {
    x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25)
}

fn sigma0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

fn sigma1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}

fn all(x: u32) -> u32 {
    x
}

pub(super) fn compress(words: &mut [u32; 8], blocks: &[Block]) {
    let mut s = *words;
    for block in blocks {
        let mut w = [0; 16];
        w.iter_mut().zip(block.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_be_bytes(*bytes));
        rounds!(s, w);
    }
    *words = s;
}
