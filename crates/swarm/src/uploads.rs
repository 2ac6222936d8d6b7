//! What one peer asked us for and has not been given yet.

use std::collections::{BTreeMap, VecDeque};

use bitlode_base::{BLOCK_LEN, BlockRef};

/// What is taken before a run that is left for the next time is one part in so many of what may be taken, at least.
const LEAST_PART: u32 = 4;

/// A queue of requests in their order, from which any can be removed.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    queue: VecDeque<Option<BlockRef>>,
    /// Number of the first in the queue.
    first: u64,
    /// Where in the order each waiting block stands.
    at: BTreeMap<BlockRef, u64>,
    /// Whether the caller knows that something waits.
    told: bool,
    /// Taken, and neither sent nor failed.
    committed: u32,
}

impl Uploads {
    /// Requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    pub(crate) fn has(&self, block: BlockRef) -> bool {
        self.at.contains_key(&block)
    }

    /// Queues a request; says whether the caller has to be told that something waits.
    pub(crate) fn push(&mut self, block: BlockRef) -> bool {
        self.at.insert(block, self.first.saturating_add(self.queue.len() as u64));
        self.queue.push_back(Some(block));
        !std::mem::replace(&mut self.told, true)
    }

    /// Removes a waiting request.
    pub(crate) fn cancel(&mut self, block: BlockRef) -> bool {
        let Some(number) = self.at.remove(&block) else { return false };
        let at = number.saturating_sub(self.first) as usize;
        if let Some(slot) = self.queue.get_mut(at) {
            *slot = None;
        }
        self.trim();
        true
    }

    /// The request that is taken next.
    pub(crate) fn next(&self) -> Option<BlockRef> {
        self.queue.iter().find_map(|waiting| *waiting)
    }

    /// Takes requests in order, as long as they fit `max_bytes`; the first always fits. A block counts for the slabs that
    /// it takes: of small pieces there fit no more than of large ones. A run of adjacent blocks that does not fit whole behind
    /// other blocks is left for the next time: it is read in one go then, and what follows it too.
    pub(crate) fn take(&mut self, max_bytes: u32, out: &mut Vec<BlockRef>) {
        let mut left = self.count(max_bytes);
        while left > 0 {
            let Some(slot) = self.queue.pop_front() else { break };
            self.first = self.first.saturating_add(1);
            let Some(block) = slot else { continue };
            left -= 1;
            self.at.remove(&block);
            self.committed = self.committed.saturating_add(1);
            out.push(block);
        }
        self.trim();
        self.told &= !self.at.is_empty();
    }

    /// How many requests are taken.
    fn count(&self, max_bytes: u32) -> usize {
        let (mut used, mut last) = (0_u32, None::<BlockRef>);
        // Where the last run begins: the blocks and the bytes before it.
        let mut run = (0, 0);
        for (count, block) in self.queue.iter().flatten().enumerate() {
            let goes_on = last.is_some_and(|last| last.piece == block.piece && last.begin + last.len == block.begin);
            if !goes_on {
                run = (count, used);
            }
            let cost = block.len.div_ceil(BLOCK_LEN).saturating_mul(BLOCK_LEN);
            if count > 0 && used.saturating_add(cost) > max_bytes {
                let worth = goes_on && run.0 > 0 && run.1 >= max_bytes / LEAST_PART;
                return if worth { run.0 } else { count };
            }
            used = used.saturating_add(cost);
            last = Some(*block);
        }
        self.at.len()
    }

    /// A taken request was answered or failed; false when none was open.
    pub(crate) fn settle(&mut self) -> bool {
        let open = self.committed > 0;
        self.committed = self.committed.saturating_sub(1);
        open
    }

    /// Empties the queue; gives what waited, in order.
    pub(crate) fn clear(&mut self) -> Vec<BlockRef> {
        let waiting = self.queue.drain(..).flatten().collect();
        self.first = 0;
        self.at.clear();
        waiting
    }

    /// Removes what no longer counts from the front; what lies between is bounded because the queue is.
    fn trim(&mut self) {
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first = self.first.saturating_add(1);
        }
        if self.queue.len() > 64 && self.queue.len() / 4 > self.at.len() {
            self.queue.retain(Option::is_some);
            self.first = 0;
            for (at, block) in self.queue.iter().flatten().enumerate() {
                self.at.insert(*block, at as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitlode_base::{BLOCK_LEN, Choice, PieceIndex};

    fn block(n: u32) -> BlockRef {
        BlockRef { piece: PieceIndex(n / 8), begin: n % 8 * BLOCK_LEN, len: BLOCK_LEN }
    }

    #[test]
    fn the_queue_keeps_the_order_of_what_was_not_cancelled() {
        let mut choice = Choice::new(7);
        for _ in 0..50 {
            let (mut ours, mut model) = (Uploads::default(), Vec::new());
            for step in 0..2_000 {
                match choice.below(5) {
                    0 | 1 => {
                        ours.push(block(step));
                        model.push(block(step));
                    }
                    2 | 3 if !model.is_empty() => {
                        let gone = model.remove(choice.index(model.len()).unwrap());
                        assert!(ours.cancel(gone) && !ours.cancel(gone) && !ours.has(gone));
                    }
                    _ => {
                        let mut out = Vec::new();
                        ours.take(3 * BLOCK_LEN, &mut out);
                        let least = model.len().min(1);
                        assert!((least..=3).contains(&out.len()), "{}", out.len());
                        assert_eq!(out, model.drain(..out.len()).collect::<Vec<_>>());
                    }
                }
                assert_eq!(ours.len(), model.len());
                assert!(ours.queue.len() <= 65.max(ours.len() * 4 + 4));
            }
            assert_eq!(ours.clear(), model);
        }
    }

    #[test]
    fn a_run_that_does_not_fit_behind_other_blocks_is_left_whole_for_the_next_time() {
        let taken = |numbers: &[u32], most: u32| {
            let mut ours = Uploads::default();
            for n in numbers {
                ours.push(block(*n));
            }
            let mut parts = Vec::new();
            while ours.len() > 0 {
                let mut out = Vec::new();
                ours.take(most * BLOCK_LEN, &mut out);
                parts.push(out.len());
            }
            parts
        };
        // Pieces of eight blocks, of which the first has five left: they go alone, and the others whole.
        let pieces: Vec<_> = (3..8).chain(16..24).chain(32..40).chain(48..56).collect();
        assert_eq!(taken(&pieces, 8), [5, 8, 8, 8]);
        // One block alone is too few, two of eight are not.
        assert_eq!(taken(&[7, 16, 17, 18, 19, 20, 21, 22, 23], 8), [8, 1]);
        assert_eq!(taken(&[6, 7, 16, 17, 18, 19, 20, 21, 22, 23], 8), [2, 8]);
        // What fits whole is taken with the others, and a run that is longer than all that may be taken is cut.
        assert_eq!(taken(&[6, 7, 16, 17, 24, 25], 8), [6]);
        assert_eq!(taken(&(0..8).collect::<Vec<_>>(), 3), [3, 3, 2]);
    }

    #[test]
    fn the_caller_is_told_once_until_it_emptied_the_queue() {
        let mut ours = Uploads::default();
        assert!(ours.push(block(0)) && !ours.push(block(1)));
        let mut out = Vec::new();
        ours.take(1, &mut out);
        assert_eq!(out, [block(0)], "the first always fits");
        assert!(!ours.push(block(2)), "the caller comes again by itself");
        ours.take(u32::MAX, &mut out);
        assert!(ours.push(block(3)));
        assert!(ours.settle() && ours.settle() && ours.settle() && !ours.settle());
    }
}
