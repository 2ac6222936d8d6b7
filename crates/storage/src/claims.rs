//! Which pieces are had, which are claimed, and what still stands between the two.

use bitlode_base::{Bitfield, PieceIndex};

/// Had: verified and written. Claimed: durable. Claimed pieces are always had.
pub(crate) struct Claims {
    pub(crate) have: Bitfield,
    durable: Bitfield,
    wanted: Bitfield,
    /// Wanted pieces that are not had.
    undone: u32,
    /// Wanted pieces that are not durable.
    unclaimed: u32,
    /// Had, not durable, and in no barrier.
    pub(crate) unsynced: Vec<PieceIndex>,
    /// What the barrier that is out will have made durable.
    pub(crate) syncing: Option<Vec<PieceIndex>>,
}

impl Claims {
    pub(crate) fn new(pieces: u32) -> Claims {
        Claims {
            have: Bitfield::none(pieces),
            durable: Bitfield::none(pieces),
            wanted: Bitfield::all(pieces),
            undone: pieces,
            unclaimed: pieces,
            unsynced: Vec::new(),
            syncing: None,
        }
    }

    pub(crate) fn wanted(&self) -> &Bitfield {
        &self.wanted
    }

    pub(crate) fn set_wanted(&mut self, wanted: Bitfield) {
        self.wanted = wanted;
        self.count();
    }

    /// Wanted pieces that are not had.
    pub(crate) fn undone(&self) -> u32 {
        self.undone
    }

    /// Every wanted piece is had.
    pub(crate) fn is_done(&self) -> bool {
        self.undone == 0
    }

    /// Every wanted piece is durable.
    pub(crate) fn is_claimed(&self) -> bool {
        self.unclaimed == 0
    }

    /// What a check found, which replaces what was thought. Only what was durable before it still is.
    pub(crate) fn replace(&mut self, have: Bitfield) {
        let lost: Vec<_> = self.durable.iter().filter(|piece| !have.has(*piece)).collect();
        for piece in lost {
            self.durable.clear(piece);
        }
        self.unsynced = have.iter().filter(|piece| !self.durable.has(*piece)).collect();
        self.syncing = self.syncing.take().map(|_| Vec::new());
        self.have = have;
        self.count();
    }

    /// The piece is verified and written.
    pub(crate) fn had(&mut self, piece: PieceIndex) {
        if self.have.set(piece) {
            self.undone -= u32::from(self.wanted.has(piece));
            self.unsynced.push(piece);
        }
    }

    /// The piece is not on disk any more; says whether it was had.
    pub(crate) fn lost(&mut self, piece: PieceIndex) -> bool {
        let wanted = u32::from(self.wanted.has(piece));
        if self.durable.clear(piece) {
            self.unclaimed += wanted;
        }
        if !self.have.clear(piece) {
            return false;
        }
        self.undone += wanted;
        // A barrier that is out must not claim it: it may be had again, and written again, before that ends.
        self.unsynced.retain(|other| *other != piece);
        if let Some(syncing) = &mut self.syncing {
            syncing.retain(|other| *other != piece);
        }
        true
    }

    /// A barrier has made these durable.
    pub(crate) fn claim(&mut self, pieces: &[PieceIndex]) {
        for &piece in pieces {
            if self.have.has(piece) && self.durable.set(piece) {
                self.unclaimed -= u32::from(self.wanted.has(piece));
            }
        }
    }

    fn count(&mut self) {
        let missing = |from: &Bitfield| self.wanted.iter().filter(|piece| !from.has(*piece)).count() as u32;
        (self.undone, self.unclaimed) = (missing(&self.have), missing(&self.durable));
    }
}
