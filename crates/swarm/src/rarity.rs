//! Pieces by how many peers have them. A HAVE costs O(1): the piece moves from one bucket to the next. The pieces of a peer
//! that comes or goes with many are only counted; the buckets follow when enough has changed to matter.

use bitlode_base::{Bitfield, Choice, PieceIndex};

const NOWHERE: u32 = u32::MAX;
/// Random tries for a piece before the scan begins.
const TRIES: u32 = 32;
/// Pieces of a peer that are always put into the right bucket one by one.
const FEW: u32 = 4_096;
/// The part of the peers with many pieces that may have come and gone since the buckets were right.
const STALE: u32 = 8;
/// Pieces that are looked at one by one in the time of a word of the bitfield.
const WORDS: u32 = 16;

/// The pieces that may be begun, in buckets by the number of peers that have them, not counting those that have all.
///
/// Without peers only the list is kept: a torrent that waits costs a bit for each piece. The rest comes with the first peer.
#[derive(Debug)]
pub(crate) struct Rarity {
    peers: Vec<u16>,
    /// The bucket that it lies in while it is listed.
    level: Vec<u16>,
    /// Position in its bucket, or NOWHERE when the piece is not listed.
    at: Vec<u32>,
    buckets: Vec<Vec<u32>>,
    listed: Bitfield,
    /// Peers that came with many pieces and are here, and how many came or went since the buckets were right.
    many: u32,
    stale: u32,
}

impl Rarity {
    pub(crate) fn new(pieces: u32) -> Rarity {
        let (peers, level, at, buckets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Rarity { peers, level, at, buckets, listed: Bitfield::none(pieces), many: 0, stale: 0 }
    }

    fn is_awake(&self) -> bool {
        self.peers.len() == self.listed.len() as usize
    }

    /// There is a peer.
    fn wake(&mut self) {
        if !self.is_awake() {
            let pieces = self.listed.len() as usize;
            (self.peers, self.level, self.at) = (vec![0; pieces], vec![0; pieces], vec![NOWHERE; pieces]);
            self.sort();
        }
    }

    /// The last peer is gone.
    pub(crate) fn sleep(&mut self) {
        *self = Rarity { listed: std::mem::replace(&mut self.listed, Bitfield::none(0)), ..Rarity::new(0) };
    }

    /// Pieces listed.
    pub(crate) fn len(&self) -> u32 {
        self.listed.count()
    }

    pub(crate) fn is_listed(&self, piece: u32) -> bool {
        self.listed.has(PieceIndex(piece))
    }

    /// The pieces listed.
    pub(crate) fn listed(&self) -> &Bitfield {
        &self.listed
    }

    /// Peers that have the piece, not counting those that have all.
    pub(crate) fn peers(&self, piece: u32) -> u32 {
        self.peers.get(piece as usize).copied().unwrap_or(0).into()
    }

    /// Lists a piece; says whether it was not.
    pub(crate) fn list(&mut self, piece: u32) -> bool {
        let new = self.listed.set(PieceIndex(piece));
        if new && self.is_awake() {
            self.enter(piece);
        }
        new
    }

    /// Takes a piece off the list; says whether it was there.
    pub(crate) fn unlist(&mut self, piece: u32) -> bool {
        let was = self.listed.clear(PieceIndex(piece));
        self.leave(piece);
        was
    }

    /// A peer that has not all of them came.
    pub(crate) fn add_all(&mut self, has: &Bitfield) {
        self.wake();
        if has.count() <= FEW {
            return has.iter().for_each(|piece| self.add(piece.0));
        }
        for_each_bit(&mut self.peers, has, |peers, bit| *peers = peers.saturating_add(bit));
        (self.many, self.stale) = (self.many.saturating_add(1), self.stale.saturating_add(1));
    }

    /// A peer that had not all of them is gone.
    pub(crate) fn remove_all(&mut self, has: &Bitfield) {
        if has.count() <= FEW {
            return has.iter().for_each(|piece| self.remove(piece.0));
        }
        for_each_bit(&mut self.peers, has, |peers, bit| *peers = peers.saturating_sub(bit));
        (self.many, self.stale) = (self.many.saturating_sub(1), self.stale.saturating_add(1));
    }

    /// One more peer has it.
    pub(crate) fn add(&mut self, piece: u32) {
        self.wake();
        self.shift(piece, 1);
    }

    /// One peer less has it.
    pub(crate) fn remove(&mut self, piece: u32) {
        self.shift(piece, -1);
    }

    /// The rarest listed piece of `has` that `fits`; a random one among equals. `common` is how many of `has` are listed.
    pub(crate) fn rarest(
        &mut self,
        choice: &mut Choice,
        has: &Bitfield,
        common: u32,
        fits: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        self.wake();
        if self.stale > self.many / STALE {
            self.sort();
        }
        // Looking through the buckets meets a piece of `has` after this many; through the bitfields it costs that much.
        let (meets, words) = (self.len() / common.max(1), self.listed.len() / 64);
        if meets > words.saturating_add(common) / WORDS + FEW {
            return self.rarest_of_few(choice, has, fits);
        }
        self.buckets.iter().find_map(|bucket| {
            let start = choice.index(bucket.len())?;
            let (before, after) = bucket.split_at(start);
            after.iter().chain(before).copied().find(|piece| has.has(PieceIndex(*piece)) && fits(*piece))
        })
    }

    /// The same by going through `has`.
    fn rarest_of_few(&self, choice: &mut Choice, has: &Bitfield, fits: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut rarest, mut level, mut equals) = (None, u16::MAX, 0);
        for (at, (has, listed)) in has.as_bytes().iter().zip(self.listed.as_bytes()).enumerate() {
            let mut both = has & listed;
            while both != 0 {
                let bit = both.leading_zeros();
                both &= !(0x80 >> bit);
                let piece = at as u32 * 8 + bit;
                let of = self.level.get(piece as usize).copied().unwrap_or(u16::MAX);
                if of > level || !fits(piece) {
                    continue;
                }
                equals = if of < level { 1 } else { equals + 1 };
                level = of;
                if choice.below(equals) == 0 {
                    rarest = Some(piece);
                }
            }
        }
        rarest
    }

    /// A random listed piece of `has` that `fits`, or the rarest if a few tries find none.
    pub(crate) fn random(
        &mut self,
        choice: &mut Choice,
        has: &Bitfield,
        common: u32,
        fits: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        (0..TRIES)
            .map(|_| choice.below(self.listed.len().into()) as u32)
            .find(|piece| self.is_listed(*piece) && has.has(PieceIndex(*piece)) && fits(*piece))
            .or_else(|| self.rarest(choice, has, common, fits))
    }

    /// Puts every listed piece into the right bucket.
    fn sort(&mut self) {
        self.stale = 0;
        // Anew: a bucket keeps room for as many pieces as it ever held.
        self.buckets = Vec::new();
        for piece in 0..self.listed.len() {
            if self.is_listed(piece) {
                self.enter(piece);
            }
        }
    }

    fn shift(&mut self, piece: u32, by: i16) {
        let was = self.leave(piece);
        if let Some(peers) = self.peers.get_mut(piece as usize) {
            *peers = peers.saturating_add_signed(by);
        }
        if was {
            self.enter(piece);
        }
    }

    fn enter(&mut self, piece: u32) {
        let level = self.peers.get(piece as usize).copied().unwrap_or(0);
        let bucket = usize::from(level);
        if self.buckets.len() <= bucket {
            self.buckets.resize_with(bucket + 1, Vec::new);
        }
        if let Some(of) = self.level.get_mut(piece as usize) {
            *of = level;
        }
        if let (Some(bucket), Some(at)) = (self.buckets.get_mut(bucket), self.at.get_mut(piece as usize)) {
            *at = bucket.len() as u32;
            bucket.push(piece);
        }
    }

    fn leave(&mut self, piece: u32) -> bool {
        let bucket = self.level.get(piece as usize).copied().map_or(0, usize::from);
        let Some(at) = self.at.get_mut(piece as usize).filter(|at| **at != NOWHERE) else { return false };
        let hole = std::mem::replace(at, NOWHERE) as usize;
        let Some(bucket) = self.buckets.get_mut(bucket).filter(|bucket| hole < bucket.len()) else { return false };
        bucket.swap_remove(hole);
        if let Some(moved) = bucket.get(hole).and_then(|moved| self.at.get_mut(*moved as usize)) {
            *moved = hole as u32;
        }
        true
    }
}

/// Calls `change` with each piece's count and with 1 where `has` has it, else 0.
fn for_each_bit(counts: &mut [u16], has: &Bitfield, change: impl Fn(&mut u16, u16)) {
    for (counts, byte) in counts.chunks_mut(8).zip(has.as_bytes()) {
        for (bit, count) in counts.iter_mut().enumerate() {
            change(count, u16::from(byte >> (7 - bit) & 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_peers_only_the_list_is_kept() {
        let mut choice = Choice::new(1);
        let mut rarity = Rarity::new(100);
        (0..100).for_each(|piece| assert!(rarity.list(piece)));
        assert!(rarity.at.is_empty() && rarity.unlist(3) && !rarity.is_listed(3));
        let mut has = Bitfield::none(100);
        has.set(PieceIndex(7));
        rarity.add_all(&has);
        assert_eq!((rarity.rarest(&mut choice, &has, 1, |_| true), rarity.peers(7)), (Some(7), 1));
        rarity.remove_all(&has);
        rarity.sleep();
        assert!(rarity.at.is_empty() && rarity.buckets.is_empty());
        assert_eq!((rarity.len(), rarity.is_listed(7), rarity.peers(7)), (99, true, 0));
        assert_eq!(rarity.rarest(&mut choice, &has, 1, |_| true), Some(7));
    }

    #[test]
    fn peers_with_many_pieces_are_counted_at_once_and_sorted_in_later() {
        let pieces = 3 * FEW;
        let mut choice = Choice::new(1);
        let mut rarity = Rarity::new(pieces);
        (0..pieces).for_each(|piece| assert!(rarity.list(piece)));
        let mut most = Bitfield::all(pieces);
        assert!([5, 700].into_iter().all(|piece| most.clear(PieceIndex(piece))));
        let mut few = Bitfield::none(pieces);
        few.set(PieceIndex(700));
        let all = Bitfield::all(pieces);
        for _ in 0..20 {
            rarity.add_all(&most);
        }
        rarity.add_all(&few);
        assert_eq!([4, 5, 700].map(|piece| rarity.peers(piece)), [20, 0, 1]);
        let common = rarity.len();
        assert_eq!(rarity.rarest(&mut choice, &all, common, |_| true), Some(5));
        assert_eq!(rarity.rarest(&mut choice, &all, common, |piece| piece != 5), Some(700));
        assert_eq!(rarity.rarest(&mut choice, &few, 1, |_| true), Some(700), "found by its few pieces");
        assert!(rarity.unlist(5) && rarity.unlist(700) && !rarity.unlist(700));
        assert_eq!(rarity.rarest(&mut choice, &few, 0, |_| true), None);
        for _ in 0..20 {
            rarity.remove_all(&most);
        }
        assert_eq!([4, 5, 700].map(|piece| rarity.peers(piece)), [0, 0, 1]);
        rarity.add(9);
        let common = rarity.len();
        assert_ne!(rarity.rarest(&mut choice, &all, common, |_| true), Some(9));
        assert_eq!(rarity.buckets.iter().map(Vec::len).sum::<usize>(), rarity.len() as usize);
    }
}
