//! The state of one message, `N` words wide, whichever the hash function.

use crate::blocks::{Block, Blocks};

/// What has been hashed so far.
#[derive(Clone)]
pub(crate) struct Stream<const N: usize> {
    pub(crate) words: [u32; N],
    /// Bytes so far; those of the last block that is not whole lie in `tail`.
    length: u64,
    tail: Block,
}

impl<const N: usize> Stream<N> {
    /// Nothing hashed yet.
    pub(crate) fn new(words: [u32; N]) -> Stream<N> {
        Stream { words, length: 0, tail: [0; 64] }
    }

    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail[..self.open()]
    }

    fn open(&self) -> usize {
        (self.length % 64) as usize
    }

    /// Appends `data`; `compress` takes whole blocks.
    pub(crate) fn update(&mut self, mut data: &[u8], compress: impl Fn(&mut [u32; N], &[Block])) {
        let open = self.open();
        self.length = self.length.wrapping_add(data.len() as u64);
        if open > 0 {
            let (now, later) = data.split_at(data.len().min(64 - open));
            self.tail[open..open + now.len()].copy_from_slice(now);
            if open + now.len() < 64 {
                return;
            }
            compress(&mut self.words, core::slice::from_ref(&self.tail));
            data = later;
        }
        let (blocks, rest) = data.as_chunks();
        if !blocks.is_empty() {
            compress(&mut self.words, blocks);
        }
        self.tail[..rest.len()].copy_from_slice(rest);
    }

    /// The words after the padding.
    pub(crate) fn finish(mut self, compress: impl Fn(&mut [u32; N], &[Block])) -> [u32; N] {
        let padding = Blocks::end(self.tail(), self.length);
        compress(&mut self.words, padding.run());
        self.words
    }

    /// What `bytes` more have made of it elsewhere: `words` after the whole blocks, `tail` behind them.
    pub(crate) fn resume(&mut self, words: [u32; N], bytes: u64, tail: &[u8]) {
        self.words = words;
        self.length = self.length.wrapping_add(bytes);
        self.tail[..tail.len()].copy_from_slice(tail);
    }
}
