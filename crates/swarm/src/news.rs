//! Pieces that peers have still to be told of. With many peers, or many pieces a second, several are told together: what it
//! costs to tell a peer at all, a system call, is then paid once for them.

use std::time::Duration;

use bitlode_base::{PieceIndex, Time};

/// Peers are told again this much later for each of them, at most `LATEST`: so telling takes a few hundredths of a
/// processor, however many there are.
const PER_PEER: Duration = Duration::from_micros(100);
const LATEST: Duration = Duration::from_secs(1);

/// Pieces that came since the peers were told last. They are numbered, so that a peer which was told its pieces meanwhile
/// is not told them again.
#[derive(Debug, Default)]
pub(crate) struct News {
    pieces: Vec<PieceIndex>,
    /// Number of the first.
    first: u64,
    told: Option<Time>,
}

impl News {
    /// A piece came.
    pub(crate) fn add(&mut self, piece: PieceIndex) {
        self.pieces.push(piece);
    }

    /// The number that the next piece will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.pieces.len() as u64
    }

    /// When so many peers are to be told.
    pub(crate) fn at(&self, peers: usize) -> Time {
        if self.pieces.is_empty() {
            return Time::NEVER;
        }
        let wait = PER_PEER.saturating_mul(u32::try_from(peers).unwrap_or(u32::MAX)).min(LATEST);
        self.told.map_or(Time::ZERO, |told| told + wait)
    }

    /// The pieces, with the number of the first and the one behind the last.
    pub(crate) fn take(&mut self, now: Time) -> (u64, u64, Vec<PieceIndex>) {
        let (first, end) = (self.first, self.end());
        (self.first, self.told) = (end, Some(now));
        (first, end, std::mem::take(&mut self.pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_piece_is_told_at_once_and_further_ones_together() {
        let mut news = News::default();
        assert_eq!(news.at(10_000), Time::NEVER);
        news.add(PieceIndex(7));
        let now = Time::from_secs(5);
        assert!(news.at(10_000) <= now);
        assert_eq!(news.take(now), (0, 1, vec![PieceIndex(7)]));
        news.add(PieceIndex(8));
        news.add(PieceIndex(9));
        assert_eq!(news.at(50), now + Duration::from_millis(5));
        assert_eq!(news.at(1_000_000), now + LATEST);
        assert_eq!((news.end(), news.take(now)), (3, (1, 3, vec![PieceIndex(8), PieceIndex(9)])));
    }
}
