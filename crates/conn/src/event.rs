//! What a connection tells its owner.

use bitlode_base::{BlockRef, Chunk};
use bitlode_wire::{Handshake, OwnedMessage};

use crate::ConnError;

/// What happened, in stream order.
#[derive(Debug)]
pub enum Event {
    /// The peer's handshake is complete. Its info-hash is not compared here: a hybrid's peer may answer with the other one.
    /// A responder reads nothing more until [`crate::Conn::accept`].
    Handshake(Handshake),
    /// A message. Indices are not compared with the torrent here; the bitfield's length is, once the piece count is known.
    Message(OwnedMessage),
    /// The answer to an open request. The request may have been given up between this event's making and its polling.
    Block {
        /// The block.
        block: BlockRef,
        /// Its bytes, not verified.
        data: Chunk,
    },
    /// Payload arrived that no open request asked for, and was dropped.
    Unrequested {
        /// The block.
        block: BlockRef,
        /// Whether it was asked for once (cancelled or given up); only others count towards the limit.
        tolerated: bool,
    },
    /// The last byte of a block was taken by the carrier.
    BlockSent {
        /// The block.
        block: BlockRef,
    },
    /// The connection is over; no event follows.
    Failed(ConnError),
}

/// Counters of one connection, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Messages received to their end, keep-alives among them.
    pub messages: u64,
    /// Payload of PIECE messages received, asked for or not.
    pub received_payload: u64,
    /// Everything else received.
    pub received_protocol: u64,
    /// Payload of PIECE messages sent.
    pub sent_payload: u64,
    /// Everything else sent.
    pub sent_protocol: u64,
    /// Received payload that was dropped: nobody asked for it, or not any more.
    pub unrequested: u64,
    /// Bytes that were read to a predicted place, turned out to be something else and were parsed again from a copy.
    pub copied_back: u64,
    /// Payload that passed the buffer and was copied from there to its block: the start of a bulk phase, or a trickle.
    pub buffered: u64,
}
