//! The info dictionary from peers, and to them (BEP 9).

use std::time::Duration;

use bitlode_base::Time;
use bitlode_wire::METADATA_PIECE_LEN;

use crate::input::PeerKey;

/// The span of `Limits::metadata_served`.
const SERVE_SPAN: Duration = Duration::from_secs(600);

/// What a piece of data did to the fetch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Not what was asked for.
    Ignored,
    /// Ask for more.
    More,
    /// All is here: the hash decides.
    Complete(Vec<u8>),
}

/// A fetch from one peer. One sender at a time: what it sends, it answers for alone.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) peer: PeerKey,
    size: u32,
    pieces: Vec<Option<Vec<u8>>>,
    missing: u32,
    next: u32,
    received: u32,
    progress: Time,
}

impl Fetch {
    /// `size` is bounded by the caller; memory grows with what comes.
    pub(crate) fn new(now: Time, peer: PeerKey, size: u32) -> Fetch {
        let count = size.div_ceil(METADATA_PIECE_LEN);
        Fetch { peer, size, pieces: vec![None; count as usize], missing: count, next: 0, received: 0, progress: now }
    }

    /// Bytes received, and bytes in all.
    pub(crate) fn received(&self) -> (u32, u32) {
        (self.received, self.size)
    }

    /// When the peer has been silent for too long.
    pub(crate) fn deadline(&self, timeout: Duration) -> Time {
        self.progress + timeout
    }

    /// The next piece to ask for, if there is one.
    pub(crate) fn ask(&mut self) -> Option<u32> {
        let piece = self.next;
        self.next += u32::from((piece as usize) < self.pieces.len());
        ((piece as usize) < self.pieces.len()).then_some(piece)
    }

    /// Data came.
    pub(crate) fn data(&mut self, now: Time, piece: u32, total_size: u32, data: &[u8]) -> Step {
        let want = self.size.saturating_sub(piece.saturating_mul(METADATA_PIECE_LEN)).min(METADATA_PIECE_LEN);
        let asked = piece < self.next && total_size == self.size && data.len() == want as usize;
        let Some(slot) = self.pieces.get_mut(piece as usize).filter(|slot| asked && slot.is_none()) else {
            return Step::Ignored;
        };
        *slot = Some(data.to_vec());
        self.missing = self.missing.saturating_sub(1);
        self.received = self.received.saturating_add(want);
        self.progress = now;
        if self.missing > 0 {
            return Step::More;
        }
        Step::Complete(std::mem::take(&mut self.pieces).into_iter().flatten().flatten().collect())
    }
}

/// How much metadata a peer was served lately.
#[derive(Debug)]
pub(crate) struct Served {
    since: Time,
    bytes: u64,
}

impl Served {
    pub(crate) fn new(now: Time) -> Served {
        Served { since: now, bytes: 0 }
    }

    /// Whether `bytes` more are within `times` the whole `size`; if so they count.
    pub(crate) fn allow(&mut self, now: Time, bytes: u64, size: u64, times: u32) -> bool {
        if now.since(self.since) >= SERVE_SPAN {
            *self = Served::new(now);
        }
        let sum = self.bytes.saturating_add(bytes);
        let allowed = sum <= size.saturating_mul(u64::from(times));
        if allowed {
            self.bytes = sum;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_answers_count() {
        let size = METADATA_PIECE_LEN + 5;
        let mut fetch = Fetch::new(Time::ZERO, PeerKey(1), size);
        let full = vec![7; METADATA_PIECE_LEN as usize];
        assert_eq!(fetch.data(Time::ZERO, 0, size, &full), Step::Ignored, "not asked");
        assert_eq!((fetch.ask(), fetch.ask(), fetch.ask()), (Some(0), Some(1), None));
        assert_eq!(fetch.data(Time::ZERO, 1, size, b"123456"), Step::Ignored, "too long");
        assert_eq!(fetch.data(Time::ZERO, 1, size + 1, b"12345"), Step::Ignored, "another size");
        assert_eq!(fetch.data(Time::ZERO, 2, size, b""), Step::Ignored);
        assert_eq!(fetch.data(Time::ZERO, u32::MAX, size, b""), Step::Ignored);
        assert_eq!(fetch.data(Time::ZERO, 1, size, b"12345"), Step::More);
        assert_eq!(fetch.data(Time::ZERO, 1, size, b"12345"), Step::Ignored, "twice");
        let Step::Complete(all) = fetch.data(Time::ZERO, 0, size, &full) else { panic!("not complete") };
        assert_eq!((all.len(), all.last()), (size as usize, Some(&b'5')));
    }
}
