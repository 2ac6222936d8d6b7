//! The info dictionary from peers, and to them (BEP 9).

use std::time::Duration;

use bitlode_base::Time;
use bitlode_wire::{METADATA_PIECE_LEN, MetadataMessage};

use crate::input::PeerKey;

/// The span of `Limits::metadata_served`.
const SERVE_SPAN: Duration = Duration::from_secs(600);

/// Reads a message. BEP 9's dictionaries are flat; anything else is `None`, and to be ignored.
pub(crate) fn read(payload: &[u8]) -> Option<MetadataMessage<'_>> {
    let (mut kind, mut piece, mut size) = (None, None, None);
    let mut rest = payload.strip_prefix(b"d")?;
    while !rest.starts_with(b"e") {
        let (key, value) = text(rest)?;
        if let Some(digits) = value.strip_prefix(b"i") {
            let (number, after) = number(digits, b'e')?;
            match key {
                b"msg_type" => kind = Some(number),
                b"piece" => piece = Some(number),
                b"total_size" => size = Some(number),
                _ => {}
            }
            rest = after;
        } else {
            rest = text(value)?.1;
        }
    }
    let data = rest.strip_prefix(b"e")?;
    match (kind?, piece, size) {
        (0, Some(piece), _) if data.is_empty() => Some(MetadataMessage::Request { piece }),
        (1, Some(piece), Some(total_size)) => Some(MetadataMessage::Data { piece, total_size, data }),
        (2, Some(piece), _) if data.is_empty() => Some(MetadataMessage::Reject { piece }),
        _ => None,
    }
}

/// A byte string and what follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = number(bytes, b':')?;
    rest.split_at_checked(len as usize)
}

/// A number that fits 32 bits, up to its end mark, and what follows that.
fn number(bytes: &[u8], end: u8) -> Option<(u32, &[u8])> {
    let at = bytes.iter().take(11).position(|byte| *byte == end)?;
    let (digits, rest) = bytes.split_at_checked(at)?;
    let canonical = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    let number = std::str::from_utf8(digits).ok().filter(|_| canonical)?.parse().ok()?;
    Some((number, rest.get(1..)?))
}

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
    fn what_wire_builds_is_read() {
        for message in [
            MetadataMessage::Request { piece: 3 },
            MetadataMessage::Data { piece: 0, total_size: 34_256, data: b"eed1" },
            MetadataMessage::Reject { piece: 0 },
        ] {
            assert_eq!(read(&message.build()), Some(message));
        }
        assert_eq!(read(b"d3:foo3:bar8:msg_typei0e5:piecei7ee"), Some(MetadataMessage::Request { piece: 7 }));
    }

    #[test]
    fn what_is_not_a_message_is_nothing() {
        for bad in [
            &b""[..],
            b"d",
            b"de",
            b"d8:msg_typei0ee",
            b"d8:msg_typei3e5:piecei0ee",
            b"d8:msg_typei0e5:piecei-1ee",
            b"d8:msg_typei0e5:piecei99999999999ee",
            b"d8:msg_typei0e5:piecei0eex",
            b"d99999999999:a",
            b"d4294967295:a",
            b"d8:msg_typei0e5:piecel",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

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
