//! Which parts of a file lie in the page cache whole, so far that a read of theirs asks the device for nothing. A read
//! that is told not to wait still sends for what it misses, and at a mark that the system has left, for what follows:
//! that takes memory, may wait for a place in the device's queue, and belongs to the threads that may wait.

use std::sync::{Mutex, PoisonError};

/// Bytes that are asked about at once.
const CHUNK: u64 = 8 << 20;
/// So far behind a read everything must be there: at a mark the system fetches its next window, 8 MiB behind this one's at
/// most in what was seen of it.
const AHEAD: u64 = 16 << 20;
/// After a part was found missing, so many reads are not asked for at most.
const PATIENCE: u32 = 64;

/// What is known of one open file.
#[derive(Debug, Default)]
pub(super) struct Warm(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By chunk: it was there, whole.
    whole: Vec<bool>,
    /// So many reads are not asked for, and how many after the next miss.
    skip: u32,
    backoff: u32,
}

impl Warm {
    /// Whether `len` bytes at `offset` and what follows them are in the page cache. `whole` tells that of a range that may
    /// end behind the file; it is called once for each chunk while that stays true.
    pub(super) fn covers(&self, offset: u64, len: u64, mut whole: impl FnMut(u64, u64) -> bool) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset.saturating_add(len).saturating_add(AHEAD);
        for chunk in offset / CHUNK..end.div_ceil(CHUNK) {
            let Ok(at) = usize::try_from(chunk) else { return false };
            if known.whole.get(at).is_some_and(|whole| *whole) {
                continue;
            }
            if known.skip > 0 {
                known.skip -= 1;
                return false;
            }
            if !whole(chunk * CHUNK, CHUNK) {
                known.miss();
                return false;
            }
            if known.whole.len() <= at {
                known.whole.resize(at + 1, false);
            }
            if let Some(known) = known.whole.get_mut(at) {
                *known = true;
            }
            known.backoff = 0;
        }
        true
    }

    /// Something that was there is gone: nothing that is known counts any more.
    pub(super) fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.whole.clear();
        known.miss();
    }
}

impl Known {
    fn miss(&mut self) {
        self.backoff = (self.backoff * 2).clamp(1, PATIENCE);
        self.skip = self.backoff;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: u64 = 256 << 10;

    #[test]
    fn a_read_is_covered_when_it_and_what_follows_are_there() {
        let warm = Warm::default();
        let there = |end: u64| move |offset: u64, len: u64| offset + len <= end;
        assert!(warm.covers(0, BLOCKS, there(3 * CHUNK)));
        // The last of the three has no room behind it.
        assert!(warm.covers(CHUNK - BLOCKS, BLOCKS, there(0)));
        assert!(!warm.covers(CHUNK, BLOCKS, there(3 * CHUNK)));
    }

    #[test]
    fn a_chunk_is_asked_for_once_while_it_is_there() {
        let warm = Warm::default();
        let mut asked = Vec::new();
        for read in 0..128 {
            assert!(warm.covers(read * BLOCKS, BLOCKS, |offset, _| {
                asked.push(offset / CHUNK);
                true
            }));
        }
        assert_eq!(asked, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_missing_is_asked_for_ever_less() {
        let warm = Warm::default();
        let mut asked = 0;
        for _ in 0..1000 {
            assert!(!warm.covers(0, BLOCKS, |_, _| {
                asked += 1;
                false
            }));
        }
        assert!((10..30).contains(&asked), "{asked}");
    }

    #[test]
    fn a_file_that_was_read_in_is_covered_again() {
        let warm = Warm::default();
        (0..1000).for_each(|_| assert!(!warm.covers(0, BLOCKS, |_, _| false)));
        assert!((0..=PATIENCE).any(|_| warm.covers(0, BLOCKS, |_, _| true)));
    }

    #[test]
    fn nothing_counts_after_something_was_gone() {
        let warm = Warm::default();
        assert!(warm.covers(0, BLOCKS, |_, _| true));
        warm.forget();
        assert!(!warm.covers(0, BLOCKS, |_, _| true));
        assert!(warm.covers(0, BLOCKS, |_, _| true));
    }
}
