//! A connection and a hand to push bytes through it.

use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{BlockRef, Choice, PieceIndex, Pool, Time};
use bitlode_conn::{Conn, Event, Limits, Stats};
use bitlode_wire::{Handshake, Message, Reserved};

pub(crate) const PIECES: u32 = 100;
pub(crate) const FAST: Reserved = Reserved::NONE.with_fast().with_extended();

pub(crate) fn limits() -> Limits {
    Limits {
        message_cap: 128 * 1024 + 13,
        bitfield_before_metadata: 262_145,
        extended_handshake: 64 * 1024,
        extended_message: 17 * 1024,
        recv_buffer: 32 * 1024,
        send_buffer: 512 * 1024,
        blocks_ahead: 16,
        handshake_timeout: Duration::from_secs(10),
        message_timeout: Duration::from_secs(60),
        message_grace: Duration::from_secs(15),
        message_rate: 256,
        idle_timeout: Duration::from_secs(120),
        keep_alive: Duration::from_secs(100),
        unknown_messages: 32,
        unrequested_bytes: 1 << 20,
        unrequested_messages: 64,
        tolerated: 100,
    }
}

pub(crate) fn shake(reserved: Reserved, peer: u8) -> Handshake {
    Handshake { reserved, info_hash: [0xaa; 20], peer_id: [peer; 20] }
}

pub(crate) fn block(piece: u32, number: u32) -> BlockRef {
    BlockRef { piece: PieceIndex(piece), begin: number * 16384, len: 16384 }
}

/// The bytes that every test means by a block.
pub(crate) fn content(block: BlockRef) -> Vec<u8> {
    let mut choice = Choice::new(u64::from(block.piece.0) << 32 | u64::from(block.begin));
    let words = (0..block.len.div_ceil(8)).flat_map(|_| choice.next().to_le_bytes());
    words.take(block.len as usize).collect()
}

pub(crate) fn frame(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

pub(crate) fn piece(block: BlockRef) -> Vec<u8> {
    frame(&Message::Piece { piece: block.piece, begin: block.begin, data: &content(block) })
}

/// Takes up to `most` bytes that the connection wants to send.
pub(crate) fn take(conn: &mut Conn, now: Time, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for slice in conn.send_plan().as_io_slices() {
        bytes.extend_from_slice(&slice[..slice.len().min(most - bytes.len())]);
    }
    conn.sent(now, bytes.len());
    bytes
}

/// One connection of ours whose handshake is over, and its peer's hand.
pub(crate) struct Peer {
    pub(crate) conn: Conn,
    pub(crate) pool: Pool,
    pub(crate) now: Time,
    pub(crate) events: Vec<Event>,
}

impl Peer {
    pub(crate) fn new(reserved: Reserved) -> Peer {
        Peer::with(reserved, limits())
    }

    pub(crate) fn with(reserved: Reserved, limits: Limits) -> Peer {
        let pool = Pool::new(4 << 20);
        let conn = Conn::initiator(Arc::new(limits), pool.clone(), shake(FAST, 1), Time::ZERO);
        let mut peer = Peer { conn, pool, now: Time::ZERO, events: Vec::new() };
        peer.conn.set_piece_count(PIECES);
        peer.push(&shake(reserved, 2).encode());
        assert!(matches!(peer.events.pop(), Some(Event::Handshake(_))));
        take(&mut peer.conn, Time::ZERO, usize::MAX);
        peer
    }

    /// Gives bytes to the connection, as many at a time as it plans for.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.push_cut(bytes, usize::MAX);
    }

    /// The same, at most `most` at a time.
    pub(crate) fn push_cut(&mut self, bytes: &[u8], most: usize) {
        let mut left = bytes;
        while !left.is_empty() && !self.failed() {
            let n = self.conn.recv_plan().fill(&left[..left.len().min(most)]);
            assert!(n > 0, "nothing may be read");
            self.conn.received(self.now, n);
            self.drain();
            left = &left[n..];
        }
    }

    pub(crate) fn message(&mut self, message: &Message<'_>) {
        self.push(&frame(message));
    }

    pub(crate) fn drain(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.conn.poll()));
    }

    pub(crate) fn failed(&self) -> bool {
        matches!(self.events.last(), Some(Event::Failed(_)))
    }

    /// The error that ended the connection, as its code and text.
    pub(crate) fn error(&self) -> Option<(&'static str, String)> {
        use bitlode_base::Coded;
        match self.events.last() {
            Some(Event::Failed(error)) => Some((error.code().as_str(), error.to_string())),
            _ => None,
        }
    }

    pub(crate) fn code(&self) -> Option<&'static str> {
        self.error().map(|(code, _)| code)
    }

    /// Blocks that arrived, in order; panics when one has wrong bytes.
    pub(crate) fn blocks(&self) -> Vec<BlockRef> {
        let blocks = self.events.iter().filter_map(|event| match event {
            Event::Block { block, data } => {
                assert_eq!(&data[..], content(*block), "{block:?}");
                Some(*block)
            }
            _ => None,
        });
        blocks.collect()
    }

    pub(crate) fn request(&mut self, block: BlockRef) {
        self.conn.request(self.now, block);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.conn.stats()
    }

    /// Lets time pass up to `secs`, with every timer in between.
    pub(crate) fn wait_until(&mut self, secs: u64) {
        let end = Time::from_secs(secs);
        while self.conn.next_timeout() <= end {
            self.now = self.now.max(self.conn.next_timeout());
            self.conn.handle_timeout(self.now);
            self.drain();
            take(&mut self.conn, self.now, usize::MAX);
        }
        self.now = end;
    }
}
