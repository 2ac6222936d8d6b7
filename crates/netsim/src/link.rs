//! Links: bytes between two actors, with delay, bandwidth and cuts at any place. Nothing but bytes crosses one.

use std::collections::VecDeque;

use bitlode_base::Time;
use bitlode_session::CarrierId;

use crate::tap::Tap;

/// Bytes that a side may have sent and the other not read: what the kernels on both sides hold.
pub(crate) const WINDOW: usize = 256 * 1024;

/// One connection.
pub(crate) struct Link {
    /// The ends: the first one dialled.
    pub(crate) ends: [End; 2],
    /// What was said.
    pub(crate) tap: Tap,
    /// Nothing arrives any more, and nobody is told.
    pub(crate) silent: bool,
}

/// One end of a link.
pub(crate) struct End {
    /// Whose.
    pub(crate) actor: usize,
    /// How often that actor had been started when the link was made: a later life knows nothing of it.
    pub(crate) life: u64,
    /// Its name at that actor.
    pub(crate) carrier: CarrierId,
    /// It has not been closed by its actor.
    pub(crate) open: bool,
    /// Bytes on their way to this end, or arrived and not read.
    pub(crate) waiting: usize,
    /// Arrived and not read.
    pub(crate) unread: VecDeque<u8>,
    /// When the last bytes that are on their way to this end arrive.
    pub(crate) last: Time,
    /// This end has bytes to send and the window was full.
    pub(crate) blocked: bool,
    /// A read of this end is scheduled.
    pub(crate) reading: bool,
}

impl End {
    /// An end without traffic.
    pub(crate) fn new(actor: usize, life: u64, carrier: CarrierId) -> End {
        let (unread, last) = (VecDeque::new(), Time::ZERO);
        End { actor, life, carrier, open: true, waiting: 0, unread, last, blocked: false, reading: false }
    }
}
