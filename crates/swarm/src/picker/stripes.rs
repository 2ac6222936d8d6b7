//! Several large pieces of one fast peer side by side, a run of each in turn, so that they can be hashed side by side.

use bitlode_base::{Choice, PieceIndex, Time};

use super::{Asker, Open, Picker};

/// How a peer fetches pieces side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stripes {
    /// Pieces; 1 for one after the other.
    pub(crate) pieces: usize,
    /// Blocks of a run.
    pub(crate) run: usize,
}

impl Stripes {
    /// One piece after the other.
    pub(crate) const NONE: Stripes = Stripes { pieces: 1, run: 1 };
}

impl Picker {
    /// The piece that this peer goes on with, and how many of its blocks come now; `None` when it takes one piece after
    /// the other, or has none that it could take.
    pub(super) fn pick_stripe(
        &mut self,
        now: Time,
        asker: &Asker<'_>,
        (stripes, random): (Stripes, bool),
        choice: &mut Choice,
    ) -> Option<(PieceIndex, usize)> {
        if stripes.pieces <= 1 || asker.parole {
            return None;
        }
        let run = stripes.run.max(1);
        let rest = |open: &Open| run - open.front % run;
        if let Some(piece) = asker.current.filter(|piece| self.may_take(now, *piece, asker)) {
            let rest = rest(self.open.get(&piece)?);
            if rest < run {
                return Some((piece, rest));
            }
        }
        let own: Vec<PieceIndex> = self.own_pieces(now, asker).collect();
        if own.len() < stripes.pieces
            && asker.fresh > 0
            && let Some(piece) = self.begin_any(now, asker, random, choice)
        {
            if let Some(open) = self.open.get_mut(&piece) {
                open.striped = true;
            }
            return Some((piece, run));
        }
        let after = asker.current.and_then(|current| own.iter().find(|piece| **piece > current));
        let piece = *after.or(own.first())?;
        Some((piece, rest(self.open.get(&piece)?)))
    }

    /// A piece that this peer fetched side by side with others, the one with least left to fetch.
    pub(super) fn pick_own(&self, now: Time, asker: &Asker<'_>) -> Option<PieceIndex> {
        let left = |piece: &PieceIndex| self.open.get(piece).map_or(0, |open| open.free);
        self.own_pieces(now, asker).filter(|_| !asker.parole).min_by_key(left)
    }

    /// Partial pieces, but for those that fast peers fetch beside others: they finish them themselves.
    pub(super) fn plain(&self) -> impl Iterator<Item = &PieceIndex> {
        let striped =
            |piece: &PieceIndex| self.open.get(piece).is_some_and(|open| open.striped && open.owner.is_some());
        self.partial.iter().filter(move |piece| !striped(piece))
    }

    fn own_pieces(&self, now: Time, asker: &Asker<'_>) -> impl Iterator<Item = PieceIndex> {
        let owns = |piece: &PieceIndex| self.open.get(piece).is_some_and(|open| open.owner == Some(asker.key));
        self.partial.iter().copied().filter(move |piece| owns(piece) && self.may_take(now, *piece, asker))
    }
}
