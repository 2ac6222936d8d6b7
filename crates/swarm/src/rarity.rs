//! Pieces by how many peers have them. A HAVE costs O(1): the piece moves from one bucket to the next.

use bitlode_base::Choice;

const NOWHERE: u32 = u32::MAX;
/// Random tries for a piece before the scan begins.
const TRIES: u32 = 32;

/// The pieces that may be begun, in buckets by the number of peers that have them, not counting those that have all.
#[derive(Debug)]
pub(crate) struct Rarity {
    peers: Vec<u32>,
    /// Position in its bucket, or NOWHERE when the piece is not listed.
    at: Vec<u32>,
    buckets: Vec<Vec<u32>>,
    listed: u32,
}

impl Rarity {
    pub(crate) fn new(pieces: u32) -> Rarity {
        let pieces = pieces as usize;
        Rarity { peers: vec![0; pieces], at: vec![NOWHERE; pieces], buckets: Vec::new(), listed: 0 }
    }

    /// Pieces listed.
    pub(crate) fn len(&self) -> u32 {
        self.listed
    }

    pub(crate) fn is_listed(&self, piece: u32) -> bool {
        self.at.get(piece as usize).is_some_and(|at| *at != NOWHERE)
    }

    /// Peers that have the piece, not counting those that have all.
    pub(crate) fn peers(&self, piece: u32) -> u32 {
        self.peers.get(piece as usize).copied().unwrap_or(0)
    }

    /// Lists a piece; says whether it was not.
    pub(crate) fn list(&mut self, piece: u32) -> bool {
        if piece as usize >= self.at.len() || self.is_listed(piece) {
            return false;
        }
        self.enter(piece);
        self.listed += 1;
        true
    }

    /// Takes a piece off the list; says whether it was there.
    pub(crate) fn unlist(&mut self, piece: u32) -> bool {
        let was = self.leave(piece);
        self.listed -= u32::from(was);
        was
    }

    /// One more peer has it.
    pub(crate) fn add(&mut self, piece: u32) {
        self.shift(piece, 1);
    }

    /// One peer less has it.
    pub(crate) fn remove(&mut self, piece: u32) {
        self.shift(piece, -1);
    }

    /// The rarest listed piece that `fits`; a random one among equals.
    pub(crate) fn rarest(&self, choice: &mut Choice, fits: impl Fn(u32) -> bool) -> Option<u32> {
        self.buckets.iter().find_map(|bucket| {
            let start = choice.index(bucket.len())?;
            let (before, after) = bucket.split_at(start);
            after.iter().chain(before).copied().find(|piece| fits(*piece))
        })
    }

    /// A random listed piece that `fits`, or the rarest if a few tries find none.
    pub(crate) fn random(&self, choice: &mut Choice, fits: impl Fn(u32) -> bool) -> Option<u32> {
        (0..TRIES)
            .map(|_| choice.below(self.at.len() as u64) as u32)
            .find(|piece| self.is_listed(*piece) && fits(*piece))
            .or_else(|| self.rarest(choice, fits))
    }

    fn shift(&mut self, piece: u32, by: i32) {
        let was = self.leave(piece);
        if let Some(peers) = self.peers.get_mut(piece as usize) {
            *peers = peers.saturating_add_signed(by);
        }
        if was {
            self.enter(piece);
        }
    }

    fn enter(&mut self, piece: u32) {
        let bucket = self.peers(piece) as usize;
        if self.buckets.len() <= bucket {
            self.buckets.resize_with(bucket + 1, Vec::new);
        }
        if let (Some(bucket), Some(at)) = (self.buckets.get_mut(bucket), self.at.get_mut(piece as usize)) {
            *at = bucket.len() as u32;
            bucket.push(piece);
        }
    }

    fn leave(&mut self, piece: u32) -> bool {
        let bucket = self.peers(piece) as usize;
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
