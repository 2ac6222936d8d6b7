//! The blocks of one piece in the making: wanted, in memory, on their way to the disk, spilled.

use bitlode_base::{BLOCK_LEN, BlockRef, Chunk, PieceIndex, Time};
use bitlode_hash::Sha1;
use bitlode_metainfo::Layout;

use crate::job::{Feed, PieceWork};

/// A piece that has blocks and is not verified.
///
/// ```text
///  block  0 1 2 3 │ 4 5 6 │ 7 8 │ 9 …
///         hashed, │ ready │ gap │ may be in memory or spilled
///         spilled │       │     │
///               front   ready
/// ```
pub(crate) struct OpenPiece {
    piece: PieceIndex,
    len: u32,
    blocks: Vec<Block>,
    /// Blocks that come from outside: all but padding.
    count: u32,
    /// Blocks still wanted.
    missing: u32,
    /// Blocks in memory, and when the oldest of them came.
    held: u32,
    oldest: Time,
    /// Blocks before this number are in `hash`.
    front: usize,
    /// Blocks before this number are not wanted any more, without a gap.
    ready: usize,
    hash: Sha1,
    /// A job of this piece is out: there is at most one, so the hash has one owner.
    pub(crate) busy: bool,
    /// What the job that is out writes is not to be believed.
    pub(crate) doomed: bool,
    /// Memory was short while a job was out.
    pub(crate) pressed: bool,
}

enum Block {
    Wanted,
    Memory(Chunk),
    /// With the job that is out.
    Moving,
    /// In its place on disk, unverified.
    Spilled,
    /// Nothing but padding: zeros, which are read back without the disk.
    Pad,
}

/// When blocks leave memory before their piece is complete.
#[derive(Clone, Copy)]
pub(crate) enum Spill {
    /// Only runs at the hash's front, in pieces that are not hashed whole.
    Runs {
        /// Bytes of a run; `u32::MAX` for none.
        run: u32,
    },
    /// Everything.
    All,
}

impl OpenPiece {
    pub(crate) fn new(layout: &Layout, piece: PieceIndex) -> OpenPiece {
        let mut blocks: Vec<Block> = (0..layout.blocks_in(piece)).map(|_| Block::Wanted).collect();
        let pads = layout.pad_blocks(piece);
        let count = blocks.len().saturating_sub(pads.len()) as u32;
        for number in pads {
            if let Some(slot) = blocks.get_mut(number as usize) {
                *slot = Block::Pad;
            }
        }
        OpenPiece {
            piece,
            len: layout.piece_len(piece),
            blocks,
            count,
            missing: count,
            held: 0,
            oldest: Time::NEVER,
            front: 0,
            ready: 0,
            hash: Sha1::new(),
            busy: false,
            doomed: false,
            pressed: false,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Every block came, and the job that ends the piece is out or will be.
    pub(crate) fn is_whole(&self) -> bool {
        self.missing == 0
    }

    /// No block is here any more, and no job is out.
    pub(crate) fn is_empty(&self) -> bool {
        !self.busy && self.missing == self.count
    }

    /// Blocks in memory that no job has, and those that one has.
    pub(crate) fn in_memory(&self) -> (u32, u32) {
        let moving = self.blocks.iter().filter(|slot| self.busy && matches!(slot, Block::Moving));
        (self.held, moving.count() as u32)
    }

    /// When the oldest block in memory came; `NEVER` when there is none.
    pub(crate) fn oldest(&self) -> Time {
        self.oldest
    }

    /// Takes a block; `false` when it is not one of the grid or was there already.
    pub(crate) fn put(&mut self, now: Time, block: BlockRef, data: Chunk) -> bool {
        let number = block.number() as usize;
        if block != self.block(number) || data.len() != block.len as usize {
            return false;
        }
        let Some(slot @ Block::Wanted) = self.blocks.get_mut(number) else { return false };
        *slot = Block::Memory(data);
        self.missing -= 1;
        self.held += 1;
        if self.oldest == Time::NEVER {
            self.oldest = now;
        }
        self.advance();
        true
    }

    /// The next job's work, if there is any.
    pub(crate) fn work(&mut self, now: Time, spill: Spill) -> Option<PieceWork> {
        if self.busy {
            return None;
        }
        // Runs of one length fill the lanes that they share to the end; what else is here makes the next job.
        let step = match spill {
            Spill::Runs { run } if run != u32::MAX => (run / BLOCK_LEN).max(1) as usize,
            _ => usize::MAX,
        };
        let end = self.ready.min(self.front.saturating_add(step));
        let whole = self.missing == 0;
        let last = whole && end == self.blocks.len();
        let bytes = (self.ready - self.front) as u64 * u64::from(BLOCK_LEN);
        let run = matches!(spill, Spill::Runs { run } if run != u32::MAX && bytes >= u64::from(run));
        let all = matches!(spill, Spill::All) && self.held > 0;
        if !whole && !run && !all {
            return None;
        }
        let mut feed = Vec::with_capacity(end - self.front);
        while self.front < end {
            let block = self.block(self.front);
            match self.take(self.front) {
                Some(chunk) => feed.push(Feed::Memory(block, chunk)),
                // Reading back now what a later job would read back too is only worth it for a whole run.
                None if !last && !run => break,
                None => match feed.last_mut() {
                    Some(Feed::Spilled(before)) => before.len += block.len,
                    _ => feed.push(Feed::Spilled(block)),
                },
            }
            self.front += 1;
        }
        let mut behind = Vec::new();
        if all && !last {
            for number in self.front..self.blocks.len() {
                let block = self.block(number);
                behind.extend(self.take(number).map(|chunk| (block, chunk)));
            }
        }
        // What stays came after what goes: calling it new errs by at most the time that the job's blocks have waited.
        self.oldest = if self.held == 0 { Time::NEVER } else { now };
        self.busy = true;
        self.pressed = false;
        let (whole, urgent) = (false, all && !last);
        let hash = std::mem::take(&mut self.hash);
        Some(PieceWork { piece: self.piece, hash, feed, spill: behind, last, whole, urgent })
    }

    /// The job's blocks were written and its feed hashed.
    pub(crate) fn written(&mut self, hash: Sha1) {
        self.busy = false;
        self.hash = hash;
        for slot in &mut self.blocks {
            if matches!(slot, Block::Moving) {
                *slot = Block::Spilled;
            }
        }
    }

    /// The job failed: its blocks are wanted again. What earlier jobs wrote stays and is hashed again.
    pub(crate) fn failed(&mut self) -> Vec<BlockRef> {
        self.busy = false;
        self.rewind(|slot| matches!(slot, Block::Moving))
    }

    /// Nothing of what was written can be believed: those blocks are wanted again, those in memory stay. Blocks that
    /// are with a job follow when it is done.
    pub(crate) fn distrust(&mut self) -> Vec<BlockRef> {
        self.doomed = self.busy;
        self.rewind(|slot| matches!(slot, Block::Spilled))
    }

    /// Drops the blocks in memory, which are wanted again.
    pub(crate) fn drop_memory(&mut self) -> Vec<BlockRef> {
        self.held = 0;
        self.oldest = Time::NEVER;
        // The front lies before every block in memory, so the hash stays right.
        self.collect(|slot| matches!(slot, Block::Memory(_)))
    }

    fn rewind(&mut self, which: impl Fn(&Block) -> bool) -> Vec<BlockRef> {
        let lost = self.collect(which);
        if !self.busy {
            self.hash = Sha1::new();
            self.front = 0;
            self.ready = 0;
            self.advance();
        }
        lost
    }

    fn collect(&mut self, which: impl Fn(&Block) -> bool) -> Vec<BlockRef> {
        let mut lost = Vec::new();
        for number in 0..self.blocks.len() {
            let block = self.block(number);
            if let Some(slot) = self.blocks.get_mut(number)
                && which(slot)
            {
                *slot = Block::Wanted;
                lost.push(block);
            }
        }
        self.missing += lost.len() as u32;
        self.ready = self.front;
        self.advance();
        lost
    }

    fn take(&mut self, number: usize) -> Option<Chunk> {
        let slot = self.blocks.get_mut(number)?;
        if !matches!(slot, Block::Memory(_)) {
            return None;
        }
        let Block::Memory(chunk) = std::mem::replace(slot, Block::Moving) else { return None };
        self.held -= 1;
        Some(chunk)
    }

    fn advance(&mut self) {
        while self.blocks.get(self.ready).is_some_and(|slot| !matches!(slot, Block::Wanted)) {
            self.ready += 1;
        }
    }

    fn block(&self, number: usize) -> BlockRef {
        let begin = number as u32 * BLOCK_LEN;
        BlockRef { piece: self.piece, begin, len: BLOCK_LEN.min(self.len.saturating_sub(begin)) }
    }
}
