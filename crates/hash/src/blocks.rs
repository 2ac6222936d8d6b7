//! A message as runs of whole blocks.

/// A block of either hash function.
pub(crate) type Block = [u8; 64];

/// What is still to be hashed of one message, in parts that may end anywhere. Blocks that lie across parts, and padding,
/// are put together in a buffer of its own.
pub(crate) struct Blocks<'a> {
    /// `staged` whole blocks; without them `open` bytes of a block that is not whole.
    buffer: [Block; 2],
    staged: usize,
    open: usize,
    part: &'a [u8],
    parts: &'a [&'a [u8]],
    /// The length of the whole message, if it ends with these parts.
    ends: Option<u64>,
}

impl<'a> Blocks<'a> {
    /// The next bytes of a message that goes on. `tail` is what lies before them of a block that is not whole.
    pub(crate) fn next(tail: &[u8], parts: &'a [&'a [u8]]) -> Blocks<'a> {
        Blocks::new(tail, &[], parts, None)
    }

    /// A whole message, with its padding.
    pub(crate) fn whole(message: &'a [u8]) -> Blocks<'a> {
        Blocks::new(&[], message, &[], Some(message.len() as u64))
    }

    /// The padding of a message of `length` bytes that ends with `tail`.
    pub(crate) fn end(tail: &[u8], length: u64) -> Blocks<'static> {
        Blocks::new(tail, &[], &[], Some(length))
    }

    fn new(tail: &[u8], part: &'a [u8], parts: &'a [&'a [u8]], ends: Option<u64>) -> Blocks<'a> {
        let mut buffer = [[0; 64]; 2];
        buffer[0][..tail.len()].copy_from_slice(tail);
        let mut blocks = Blocks { buffer, staged: 0, open: tail.len(), part, parts, ends };
        blocks.settle();
        blocks
    }

    /// The blocks that come next and lie side by side; none at the end.
    pub(crate) fn run(&self) -> &[Block] {
        match self.staged {
            0 => self.part.as_chunks().0,
            n => &self.buffer[..n],
        }
    }

    /// The first `blocks` of the run are hashed.
    pub(crate) fn advance(&mut self, blocks: usize) {
        if self.staged > 0 {
            self.staged -= blocks;
            self.buffer[0] = self.buffer[1];
        } else {
            self.part = &self.part[blocks * 64..];
        }
        self.settle();
    }

    /// What is left at the end: the beginning of a block that is not whole.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.buffer[0][..self.open]
    }

    /// Makes a run, unless the message ends here.
    fn settle(&mut self) {
        while self.staged == 0 && (self.open > 0 || self.part.len() < 64) {
            let taken = self.part.len().min(64 - self.open);
            let (now, later) = self.part.split_at(taken);
            self.buffer[0][self.open..self.open + taken].copy_from_slice(now);
            self.part = later;
            self.open += taken;
            if self.open == 64 {
                (self.staged, self.open) = (1, 0);
            } else if let Some((part, parts)) = self.parts.split_first() {
                (self.part, self.parts) = (part, parts);
            } else {
                let Some(length) = self.ends.take() else { return };
                self.pad(length);
            }
        }
    }

    /// FIPS 180-4 §5.1.1: a one bit, zeros, the length in bits as the last eight bytes of a block.
    fn pad(&mut self, length: u64) {
        let blocks = if self.open < 56 { 1 } else { 2 };
        let bytes = self.buffer.as_flattened_mut();
        bytes[self.open] = 0x80;
        bytes[self.open + 1..blocks * 64 - 8].fill(0);
        bytes[blocks * 64 - 8..blocks * 64].copy_from_slice(&length.wrapping_mul(8).to_be_bytes());
        (self.staged, self.open) = (blocks, 0);
    }
}
