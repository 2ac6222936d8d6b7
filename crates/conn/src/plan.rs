//! Lists of slices for one `readv` or `writev`, on the stack.

use std::array;
use std::io::{IoSlice, IoSliceMut};

/// Slices of the longest [`RecvPlan`]: rest of a block, header and block for each one ahead, header or buffer.
const RECV_SLICES: usize = 2 * MAX_AHEAD + 2;
/// Slices of the longest [`SendPlan`].
const SEND_SLICES: usize = 64;
/// The most blocks a plan looks ahead.
pub(crate) const MAX_AHEAD: usize = 32;

/// Where the next bytes go, in order. Empty when nothing may be read now: a reader must not take that for the end of the stream.
pub struct RecvPlan<'a> {
    slices: [IoSliceMut<'a>; RECV_SLICES],
    len: usize,
}

impl<'a> RecvPlan<'a> {
    pub(crate) fn new() -> RecvPlan<'a> {
        RecvPlan { slices: array::from_fn(|_| IoSliceMut::new(&mut [])), len: 0 }
    }

    /// Adds a slice; nothing when it is empty or the plan is full.
    pub(crate) fn push(&mut self, bytes: &'a mut [u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(slot) = self.slices.get_mut(self.len) {
            *slot = IoSliceMut::new(bytes);
            self.len = self.len.saturating_add(1);
        }
    }

    /// The slices for `readv`; at most 66.
    pub fn as_io_slices(&mut self) -> &mut [IoSliceMut<'a>] {
        self.slices.get_mut(..self.len).unwrap_or_default()
    }

    /// Whether nothing may be read now.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the slices hold together.
    pub fn capacity(&self) -> usize {
        self.slices.iter().map(|slice| slice.len()).sum()
    }

    /// For carriers that hold the bytes already: copies as many as fit and says how many. Call it once per plan.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let mut left = bytes;
        for slice in self.as_io_slices() {
            let (now, later) = left.split_at(left.len().min(slice.len()));
            if let Some(to) = slice.get_mut(..now.len()) {
                to.copy_from_slice(now);
            }
            left = later;
        }
        bytes.len().saturating_sub(left.len())
    }
}

/// What to send next, in order: control messages, PIECE headers and blocks by reference.
pub struct SendPlan<'a> {
    slices: [IoSlice<'a>; SEND_SLICES],
    len: usize,
}

impl<'a> SendPlan<'a> {
    pub(crate) fn new() -> SendPlan<'a> {
        SendPlan { slices: [IoSlice::new(&[]); SEND_SLICES], len: 0 }
    }

    /// Adds a slice; says whether there is room for more. An empty one takes no room.
    pub(crate) fn push(&mut self, bytes: &'a [u8]) -> bool {
        if let (Some(slot), false) = (self.slices.get_mut(self.len), bytes.is_empty()) {
            *slot = IoSlice::new(bytes);
            self.len = self.len.saturating_add(1);
        }
        self.len < SEND_SLICES
    }

    /// The slices for `writev`; at most 64.
    pub fn as_io_slices(&self) -> &[IoSlice<'a>] {
        self.slices.get(..self.len).unwrap_or_default()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
