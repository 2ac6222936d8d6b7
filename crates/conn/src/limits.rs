//! What one connection may cost. No defaults: the numbers stand in the table of settings.

use std::time::Duration;

/// Limits of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the longest message, id included, of a type whose length is neither fixed nor limited below: PIECE and unknown ids.
    pub message_cap: u32,
    /// Bytes of the longest bitfield while the number of pieces is unknown; afterwards its length is exact.
    pub bitfield_before_metadata: u32,
    /// Bytes of the longest extended handshake (BEP 10).
    pub extended_handshake: u32,
    /// Bytes of the longest other extended message.
    pub extended_message: u32,
    /// Bytes of the buffer that everything but predicted payload passes; it starts at 4 KiB and grows to this.
    pub recv_buffer: usize,
    /// Bytes that may wait to be sent: the caller keeps blocks below it ([`crate::Conn::send_room`]), and a peer that lets
    /// control messages alone grow beyond it is closed.
    pub send_buffer: usize,
    /// Blocks that one [`crate::RecvPlan`] looks ahead, at most 32.
    pub blocks_ahead: usize,
    /// From the start of the connection to the end of the peer's handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a message to its last.
    pub message_timeout: Duration,
    /// How long a message may take before [`Limits::message_rate`] is asked for.
    pub message_grace: Duration,
    /// Bytes per second since its first byte that a message must keep; 0 asks for none.
    pub message_rate: u32,
    /// How long the peer may be silent, and how long it may take nothing of what waits for it.
    pub idle_timeout: Duration,
    /// How long we may be silent before a keep-alive is sent.
    pub keep_alive: Duration,
    /// The unknown message that ends the connection, counted from 1.
    pub unknown_messages: u32,
    /// Bytes of payload that nobody asked for; one more ends the connection.
    pub unrequested_bytes: u64,
    /// The PIECE that nobody asked for that ends the connection, counted from 1.
    pub unrequested_messages: u32,
    /// Requests given up that are remembered, so that a late answer is not held against the peer; the oldest goes first.
    pub tolerated: usize,
}
