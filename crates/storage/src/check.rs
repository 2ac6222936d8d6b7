//! A full check under way: which pieces are out, which are right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bitlode_base::{Bitfield, PieceIndex};
use bitlode_metainfo::Layout;

use crate::error::StorageError;
use crate::job::Work;
use crate::limits::Limits;

pub(crate) struct Check {
    present: Bitfield,
    pub(crate) right: Bitfield,
    next: u32,
    out: u32,
    pub(crate) looked_at: u32,
    cancel: Arc<AtomicBool>,
    pub(crate) cancelled: bool,
    /// The first piece that the device did not give.
    pub(crate) unreadable: Option<StorageError>,
    pub(crate) error: Option<StorageError>,
}

impl Check {
    /// A check of the pieces whose bytes are there; the others are wrong without being read.
    pub(crate) fn new(present: Bitfield) -> Check {
        let right = Bitfield::none(present.len());
        let cancel = Arc::new(AtomicBool::new(false));
        let (unreadable, error) = (None, None);
        Check { present, right, next: 0, out: 0, looked_at: 0, cancel, cancelled: false, unreadable, error }
    }

    pub(crate) fn total(&self) -> u32 {
        self.present.count()
    }

    pub(crate) fn cancel(&mut self) {
        self.cancelled = true;
        self.cancel.store(true, Relaxed);
    }

    /// No job is out and none will be.
    pub(crate) fn is_over(&self) -> bool {
        self.out == 0 && (self.cancelled || self.error.is_some() || self.next >= self.present.len())
    }

    /// The next job, while fewer are out than may be.
    pub(crate) fn work(&mut self, layout: &Layout, limits: &Limits) -> Option<Work> {
        if self.cancelled || self.error.is_some() || self.out >= limits.check_jobs.max(1) {
            return None;
        }
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        let least = limits.check_pieces.max(1) as usize;
        while self.next < self.present.len() {
            let piece = PieceIndex(self.next);
            let len = u64::from(layout.piece_len(piece));
            if self.present.has(piece) {
                if pieces.len() >= least && bytes + len > limits.check_job {
                    break;
                }
                pieces.push(piece);
                bytes += len;
            }
            self.next += 1;
        }
        if pieces.is_empty() {
            return None;
        }
        self.out += 1;
        Some(Work::Check { pieces, cancel: self.cancel.clone() })
    }

    pub(crate) fn done(
        &mut self,
        right: Vec<PieceIndex>,
        looked_at: u32,
        unreadable: Option<StorageError>,
        error: Option<StorageError>,
    ) {
        self.unreadable = self.unreadable.take().or(unreadable);
        self.out = self.out.saturating_sub(1);
        self.looked_at += looked_at;
        for piece in right {
            self.right.set(piece);
        }
        if let Some(error) = error {
            self.cancel.store(true, Relaxed);
            self.error.get_or_insert(error);
        }
    }
}
