//! What one peer asked us for and has not been given yet.

use std::collections::{BTreeMap, VecDeque};

use bitlode_base::{BLOCK_LEN, BlockRef};

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
    /// it takes: of small pieces there fit no more than of large ones.
    pub(crate) fn take(&mut self, max_bytes: u32, out: &mut Vec<BlockRef>) {
        let mut room = max_bytes;
        let mut any = false;
        self.trim();
        while let Some(Some(block)) = self.queue.front().copied() {
            let cost = block.len.div_ceil(BLOCK_LEN).saturating_mul(BLOCK_LEN);
            if any && cost > room {
                return;
            }
            any = true;
            room = room.saturating_sub(cost);
            self.queue.pop_front();
            self.first = self.first.saturating_add(1);
            self.at.remove(&block);
            self.committed = self.committed.saturating_add(1);
            out.push(block);
            self.trim();
        }
        self.told = false;
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
                        assert_eq!(out, model.drain(..model.len().min(3)).collect::<Vec<_>>());
                    }
                }
                assert_eq!(ours.len(), model.len());
                assert!(ours.queue.len() <= 65.max(ours.len() * 4 + 4));
            }
            assert_eq!(ours.clear(), model);
        }
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
