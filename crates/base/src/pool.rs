//! The one pool for received, written and sent blocks. Memory is a budget: promises are counted before bytes arrive.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;

use crate::BLOCK_LEN;

const LEN: usize = BLOCK_LEN as usize;
/// Slabs lie beside one another in stretches of so many bytes, of which only what was used once takes memory. That much is
/// more than glibc's allocator keeps for later (mallopt(3)), so it comes from the system, and as zeros that nobody wrote.
const STRETCH: usize = 32 << 20;
/// A stretch begins where a large page of the processor does.
const LARGE_PAGE: usize = 2 << 20;
/// A slab has pages of its own: a block that is copied and hashed there costs a tenth less processor time.
const PAGE: usize = 4096;

/// A pool of 16 KiB slabs with a budget. Cheap to clone; shared by shards, hashers and disk threads.
///
/// The budget is kept by promises: whoever requests a block has been granted a slab first (`session` deals the grants),
/// so [`Pool::take`] never fails; [`Pool::in_use`] and [`Pool::peak`] let tests hold the grants to account.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    budget: usize,
    used: AtomicUsize,
    peak: AtomicUsize,
    memory: Mutex<Memory>,
    fresh: fn(&mut [u8]),
}

/// What nobody holds now.
#[derive(Default)]
struct Memory {
    returned: Vec<BytesMut>,
    /// What nobody has used yet, the rest of the last stretch.
    rest: BytesMut,
}

impl Pool {
    /// A pool of `bytes`, at least one slab.
    pub fn new(bytes: usize) -> Pool {
        Pool::told(bytes, |_| ())
    }

    /// A pool of `bytes`, at least one slab, whose memory is shown to `fresh` before it is used: mebibytes at a time, which
    /// begin on a large page if they hold one.
    pub fn told(bytes: usize, fresh: fn(&mut [u8])) -> Pool {
        Pool(Arc::new(Shared {
            budget: (bytes / LEN).max(1),
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            memory: Mutex::default(),
            fresh,
        }))
    }

    /// Slabs in the budget.
    pub fn budget(&self) -> usize {
        self.0.budget
    }

    /// Slabs that are out.
    pub fn in_use(&self) -> usize {
        self.0.used.load(Relaxed)
    }

    /// The most slabs that were ever out at once.
    pub fn peak(&self) -> usize {
        self.0.peak.load(Relaxed)
    }

    /// Takes a slab; the last one returned comes first, because it is still warm. Its bytes are what the last user left.
    pub fn take(&self) -> Slab {
        let used = self.0.used.fetch_add(1, Relaxed) + 1;
        self.0.peak.fetch_max(used, Relaxed);
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = memory.returned.pop().unwrap_or_else(|| {
            if memory.rest.is_empty() {
                memory.rest = stretch(self.0.budget.saturating_mul(LEN).min(STRETCH));
                (self.0.fresh)(&mut memory.rest);
            }
            memory.rest.split_to(LEN)
        });
        Slab { bytes, pool: self.clone() }
    }

    fn give(&self, bytes: BytesMut) {
        self.0.used.fetch_sub(1, Relaxed);
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.returned.push(bytes);
    }
}

/// So many bytes of zeros that begin on a large page, or on a page if they are fewer than that.
fn stretch(len: usize) -> BytesMut {
    let align = if len < LARGE_PAGE { PAGE } else { LARGE_PAGE };
    let mut memory = BytesMut::zeroed(len + align);
    let before = memory.as_ptr().align_offset(align).min(align);
    let mut aligned = memory.split_off(before);
    aligned.truncate(len);
    aligned
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {} slabs)", self.in_use(), self.budget())
    }
}

/// 16 KiB with one writer. It goes back to its pool when dropped.
pub struct Slab {
    bytes: BytesMut,
    pool: Pool,
}

impl Slab {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to fill.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Ends writing: the first `len` bytes become immutable and can be shared.
    pub fn freeze(self, len: usize) -> Chunk {
        let len = len.min(LEN);
        Chunk { slab: Arc::new(self), len: len as u32 }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.bytes));
    }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slab")
    }
}

/// An immutable block, shared by reference with hasher, writer and sender.
#[derive(Clone)]
pub struct Chunk {
    slab: Arc<Slab>,
    len: u32,
}

impl Deref for Chunk {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.slab.bytes().get(..self.len as usize).unwrap_or_default()
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slab_returns_to_the_pool_only_when_its_last_reader_is_gone() {
        let pool = Pool::new(4 * LEN);
        let mut slab = pool.take();
        slab.bytes_mut()[0] = 7;
        let a = slab.freeze(10);
        let b = a.clone();
        drop(a);
        assert_eq!((pool.in_use(), b[0], b.len()), (1, 7, 10));
        drop(b);
        assert_eq!((pool.in_use(), pool.peak()), (0, 1));
        assert_eq!(pool.take().bytes()[0], 7, "the warm slab comes first");
    }

    #[test]
    fn slabs_are_each_their_own_and_all_of_one_stretch_which_is_shown_once_before_it_is_used() {
        static SHOWN: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());
        let pool = Pool::told(STRETCH + 2 * LEN, |fresh| {
            assert!(fresh.iter().all(|byte| *byte == 0));
            SHOWN.lock().unwrap().push((fresh.as_ptr() as usize, fresh.len()));
        });
        assert!(SHOWN.lock().unwrap().is_empty(), "nothing before the first slab");
        let mut slabs: Vec<Slab> = (0..pool.budget()).map(|_| pool.take()).collect();
        for (number, slab) in slabs.iter_mut().enumerate() {
            slab.bytes_mut().fill(number as u8);
        }
        for (number, slab) in slabs.iter().enumerate() {
            assert_eq!((slab.bytes().len(), slab.bytes().as_ptr() as usize % PAGE), (LEN, 0));
            assert!(slab.bytes().iter().all(|byte| *byte == number as u8));
        }
        drop(slabs);
        let again: Vec<Slab> = (0..pool.budget()).map(|_| pool.take()).collect();
        let shown = SHOWN.lock().unwrap();
        assert_eq!(shown.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [STRETCH, STRETCH], "and no more for others");
        assert!(shown.iter().all(|(start, _)| start % LARGE_PAGE == 0));
        let inside = |slab: &Slab| {
            shown.iter().any(|(start, len)| (*start..start + len).contains(&(slab.bytes().as_ptr() as usize)))
        };
        assert!(again.iter().all(inside));
    }

    #[test]
    fn a_pool_of_less_than_a_slab_has_one() {
        let pool = Pool::new(1);
        let slab = pool.take();
        assert_eq!((pool.budget(), slab.bytes().len(), slab.bytes().as_ptr() as usize % PAGE), (1, LEN, 0));
    }
}
