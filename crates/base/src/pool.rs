//! The one pool for received, written and sent blocks. Memory is a budget: promises are counted before bytes arrive.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::BLOCK_LEN;

const LEN: usize = BLOCK_LEN as usize;

/// The memory of a slab. On pages of its own it is copied and hashed for a tenth less processor time.
#[repr(align(4096))]
struct Memory([u8; LEN]);

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
    free: Mutex<Vec<Box<Memory>>>,
}

impl Pool {
    /// A pool of `bytes`, at least one slab.
    pub fn new(bytes: usize) -> Pool {
        Pool(Arc::new(Shared {
            budget: (bytes / LEN).max(1),
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            free: Mutex::new(Vec::new()),
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
        let recycled = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = recycled.unwrap_or_else(|| Box::new(Memory([0; LEN])));
        Slab { bytes: Some(bytes), pool: self.clone() }
    }

    /// Gives memory that nobody uses back to the system, keeping at most `keep` slabs.
    pub fn trim(&self, keep: usize) {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner).truncate(keep);
    }

    fn give(&self, bytes: Box<Memory>) {
        self.0.used.fetch_sub(1, Relaxed);
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.0.budget {
            free.push(bytes);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {} slabs)", self.in_use(), self.budget())
    }
}

/// 16 KiB with one writer. It goes back to its pool when dropped.
pub struct Slab {
    bytes: Option<Box<Memory>>,
    pool: Pool,
}

impl Slab {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().map_or(&[], |memory| &memory.0)
    }

    /// The bytes, to fill.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.as_deref_mut().map_or(&mut [], |memory| &mut memory.0)
    }

    /// Ends writing: the first `len` bytes become immutable and can be shared.
    pub fn freeze(self, len: usize) -> Chunk {
        let len = len.min(LEN);
        Chunk { slab: Arc::new(self), len: len as u32 }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes.take() {
            self.pool.give(bytes);
        }
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
}
