//! Plain Rust.

use super::rounds::{five, round, rounds, twenty, word};
use crate::blocks::Block;

fn add(x: u32, y: u32) -> u32 {
    x.wrapping_add(y)
}

fn xor(x: u32, y: u32) -> u32 {
    x ^ y
}

fn xor3(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

fn ch(x: u32, y: u32, z: u32) -> u32 {
    z ^ (x & (y ^ z))
}

fn maj(x: u32, y: u32, z: u32) -> u32 {
    (x & y) | (z & (x | y))
}

fn rol1(x: u32) -> u32 {
    x.rotate_left(1)
}

fn rol5(x: u32) -> u32 {
    x.rotate_left(5)
}

fn rol30(x: u32) -> u32 {
    x.rotate_left(30)
}

fn all(x: u32) -> u32 {
    x
}

pub(super) fn compress(words: &mut [u32; 5], blocks: &[Block]) {
    let mut h = *words;
    for block in blocks {
        let mut w = [0; 16];
        w.iter_mut().zip(block.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_be_bytes(*bytes));
        rounds!(h, w);
    }
    *words = h;
}
