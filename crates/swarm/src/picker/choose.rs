//! Which piece a peer gets blocks of, and which blocks.

use bitlode_base::{BlockRef, Choice, PieceIndex, Time};

use super::{ALONE, Asker, Block, Picker, Want};

/// Blocks that a helper takes in one run from the end of another peer's piece.
const HELP_RUN: u32 = 16;
/// Partial pieces beyond the wished number that peers may begin who can use none of the others.
const SPARE: usize = 4;

impl Picker {
    /// Appends blocks to ask of this peer.
    pub(crate) fn pick(
        &mut self,
        now: Time,
        asker: Asker<'_>,
        want: Want,
        choice: &mut Choice,
        out: &mut Vec<BlockRef>,
    ) {
        let start = out.len();
        let full = start.saturating_add(want.max as usize);
        let mut before = usize::MAX;
        while out.len() < full && out.len() != before {
            before = out.len();
            let want = Want { idle: want.idle && before == start, ..want };
            let room = full - before;
            if let Some(piece) = self.pick_urgent(now, &asker) {
                self.take_front(now, piece, &asker, room, out);
            } else if let Some((piece, run)) = self.pick_stripe(now, &asker, (want.stripes, want.random), choice) {
                *asker.current = Some(piece);
                self.take_front(now, piece, &asker, room.min(run), out);
            } else if let Some(piece) = asker.current.filter(|piece| self.may_take(now, *piece, &asker)) {
                self.take_front(now, piece, &asker, room, out);
            } else if let Some(piece) = self.pick_own(now, &asker) {
                *asker.current = Some(piece);
                self.take_front(now, piece, &asker, room, out);
            } else if let Some(piece) = self.pick_unowned(now, &asker).or_else(|| self.begin(now, &asker, want, choice))
            {
                *asker.current = Some(piece);
                self.own(now, piece, &asker);
                self.take_front(now, piece, &asker, room, out);
            } else if let Some(piece) = self.pick_help(now, &asker) {
                self.take_back(piece, &asker, room, out);
            } else if let Some(piece) = self.begin_beyond(now, &asker, want, choice) {
                *asker.current = Some(piece);
                self.take_front(now, piece, &asker, room, out);
            } else {
                return;
            }
        }
    }

    pub(super) fn may_take(&self, now: Time, piece: PieceIndex, asker: &Asker<'_>) -> bool {
        let Some(open) = self.open.get(&piece) else { return false };
        let owned_by_other = open.owner.is_some_and(|owner| owner != asker.key);
        self.partial.contains(&piece)
            && asker.has.has(piece)
            && !avoided(asker, piece)
            && !(owned_by_other && open.alone.is_some_and(|until| now < until))
    }

    fn pick_urgent(&mut self, now: Time, asker: &Asker<'_>) -> Option<PieceIndex> {
        if self.urgent.is_empty() || asker.parole {
            return None;
        }
        let fits = |piece: &PieceIndex| {
            self.may_take(now, *piece, asker)
                || (self.is_listed(*piece) && asker.has.has(*piece) && !avoided(asker, *piece))
        };
        let piece = self.urgent.iter().copied().find(fits)?;
        if self.is_listed(piece) {
            self.open_piece(piece);
            self.own(now, piece, asker);
        }
        Some(piece)
    }

    /// A partial piece that nobody fetches. On parole only one that is clean, while there are others to begin.
    fn pick_unowned(&self, now: Time, asker: &Asker<'_>) -> Option<PieceIndex> {
        self.partial.iter().copied().find(|piece| {
            let Some(open) = self.open.get(piece) else { return false };
            let clean = open.free == open.missing && open.senders_none();
            open.owner.is_none() && (!asker.parole || clean || asker.fresh == 0) && self.may_take(now, *piece, asker)
        })
    }

    /// The partial piece with most left to fetch, to help its owner.
    fn pick_help(&self, now: Time, asker: &Asker<'_>) -> Option<PieceIndex> {
        if asker.parole && asker.fresh > 0 {
            return None;
        }
        let fits = |piece: &&PieceIndex| self.may_take(now, **piece, asker);
        let left = |piece: &PieceIndex| self.open.get(piece).map_or(0, |open| open.free);
        self.partial.iter().filter(fits).max_by_key(|piece| left(piece)).copied()
    }

    fn begin(&mut self, now: Time, asker: &Asker<'_>, want: Want, choice: &mut Choice) -> Option<PieceIndex> {
        let full = || self.partial.len() >= want.wish && self.plain().count() >= want.wish;
        if asker.fresh == 0 || full() {
            return None;
        }
        self.begin_any(now, asker, want.random, choice)
    }

    /// Nothing partial is of use to this peer. Pieces that nobody else can give do not count.
    fn begin_beyond(&mut self, now: Time, asker: &Asker<'_>, want: Want, choice: &mut Choice) -> Option<PieceIndex> {
        let alive = |piece: &&PieceIndex| self.seeds > 0 || self.rarity.peers(piece.0) > 0;
        let full = || self.plain().filter(alive).count() >= want.wish.saturating_mul(SPARE);
        if asker.fresh == 0 || (!want.idle && full()) {
            return None;
        }
        self.begin_any(now, asker, want.random, choice)
    }

    pub(super) fn begin_any(
        &mut self,
        now: Time,
        asker: &Asker<'_>,
        random: bool,
        choice: &mut Choice,
    ) -> Option<PieceIndex> {
        let (has, fresh) = (asker.has, asker.fresh);
        let fits = |piece: u32| !avoided(asker, PieceIndex(piece));
        let piece = match random {
            true => self.rarity.random(choice, has, fresh, fits),
            false => self.rarity.rarest(choice, has, fresh, fits),
        }?;
        let piece = PieceIndex(piece);
        self.open_piece(piece);
        self.own(now, piece, asker);
        Some(piece)
    }

    fn own(&mut self, now: Time, piece: PieceIndex, asker: &Asker<'_>) {
        if let Some(open) = self.open.get_mut(&piece) {
            open.owner = Some(asker.key);
            open.striped = false;
            if asker.parole || open.alone.is_some() {
                open.alone = Some(now + ALONE);
            }
        }
    }

    fn take_front(&mut self, now: Time, piece: PieceIndex, asker: &Asker<'_>, room: usize, out: &mut Vec<BlockRef>) {
        let Some(open) = self.open.get_mut(&piece) else { return };
        if open.owner.is_none() {
            open.owner = Some(asker.key);
            open.alone = open.alone.map(|_| now + ALONE);
        }
        let mut at = open.front;
        let mut taken = 0;
        while let Some(block) = open.blocks.get_mut(at) {
            if *block == Block::Free {
                if taken == room {
                    break;
                }
                *block = Block::Asked(asker.key);
                taken += 1;
                out.push(self.info.layout.block(piece, at as u32));
            }
            at += 1;
        }
        open.front = at;
        open.free = open.free.saturating_sub(taken as u32);
        if open.free == 0 {
            self.partial.remove(&piece);
        }
    }

    /// Takes a run from the end, in order, so that the owner keeps its own run.
    fn take_back(&mut self, piece: PieceIndex, asker: &Asker<'_>, room: usize, out: &mut Vec<BlockRef>) {
        let Some(open) = self.open.get_mut(&piece) else { return };
        let mut at = open.back;
        let most = room.min(HELP_RUN as usize);
        let begin = out.len();
        while at > open.front && out.len() - begin < most {
            at -= 1;
            if let Some(block) = open.blocks.get_mut(at).filter(|block| **block == Block::Free) {
                *block = Block::Asked(asker.key);
                out.push(self.info.layout.block(piece, at as u32));
            }
        }
        open.back = at;
        open.free = open.free.saturating_sub((out.len() - begin) as u32);
        if let Some(run) = out.get_mut(begin..) {
            run.reverse();
        }
        if open.free == 0 {
            self.partial.remove(&piece);
        }
    }
}

fn avoided(asker: &Asker<'_>, piece: PieceIndex) -> bool {
    asker.avoid.iter().any(|(avoid, _)| *avoid == piece)
}
