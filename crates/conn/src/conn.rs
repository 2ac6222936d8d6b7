//! The connection.

use std::collections::VecDeque;
use std::sync::Arc;

use bitlode_base::{BlockRef, Chunk, Pool, Time};
use bitlode_wire::{Handshake, Message};

use crate::{Event, Limits, RecvPlan, SendPlan, Stats};

/// One peer connection.
pub struct Conn {
    #[expect(dead_code)]
    limits: Arc<Limits>,
    #[expect(dead_code)]
    pool: Pool,
    events: VecDeque<Event>,
    stats: Stats,
}

#[expect(unused_variables)]
impl Conn {
    /// The side that dialled: queues our handshake at once.
    pub fn initiator(limits: Arc<Limits>, pool: Pool, ours: Handshake, now: Time) -> Conn {
        Conn { limits, pool, events: VecDeque::new(), stats: Stats::default() }
    }
    /// The side that was dialled: waits for the peer's handshake.
    pub fn responder(limits: Arc<Limits>, pool: Pool, now: Time) -> Conn {
        Conn { limits, pool, events: VecDeque::new(), stats: Stats::default() }
    }
    /// Answers a routed handshake and reads on with what came behind it. [`Conn::set_piece_count`] comes first, when it is known.
    pub fn accept(&mut self, now: Time, ours: Handshake) {}
    /// The torrent's number of pieces: from now on a bitfield's length is exact.
    pub fn set_piece_count(&mut self, pieces: u32) {}
    /// The peer's handshake, once it is complete.
    pub fn peer_handshake(&self) -> Option<Handshake> {
        None
    }
    /// Where the next bytes go.
    pub fn recv_plan(&mut self) -> RecvPlan<'_> {
        RecvPlan::new()
    }
    /// The first `n` bytes of the last plan were filled.
    pub fn received(&mut self, now: Time, n: usize) {}
    /// The next event.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
    /// Queues a message.
    pub fn send(&mut self, now: Time, message: &Message<'_>) {}
    /// Queues a REQUEST and expects its answer.
    pub fn request(&mut self, now: Time, block: BlockRef) {}
    /// Gives a request up and queues a CANCEL; a late answer is tolerated. Nothing happens when the request is not open.
    pub fn cancel(&mut self, now: Time, block: BlockRef) {}
    /// Gives a request up without a word; a late answer is tolerated. Nothing happens when the request is not open.
    pub fn forget(&mut self, block: BlockRef) {}
    /// Queues a PIECE; its payload is sent by reference.
    pub fn send_block(&mut self, now: Time, block: BlockRef, data: Chunk) {}
    /// What to send next.
    pub fn send_plan(&self) -> SendPlan<'_> {
        SendPlan::new()
    }
    /// The first `n` bytes of the last plan were taken.
    pub fn sent(&mut self, now: Time, n: usize) {}
    /// Bytes that wait to be sent.
    pub fn queued(&self) -> usize {
        0
    }
    /// Bytes of blocks that may be queued before [`Limits::send_buffer`] is full.
    pub fn send_room(&self) -> usize {
        0
    }
    /// Requests whose answer is still expected.
    pub fn open_requests(&self) -> usize {
        0
    }
    /// When [`Conn::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Time {
        Time::NEVER
    }
    /// Sends keep-alives and ends the connection when a limit of time has passed.
    pub fn handle_timeout(&mut self, now: Time) {}
    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
