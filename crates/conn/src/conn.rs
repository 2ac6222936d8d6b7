//! The connection: both directions and the clock.
// Time plus Duration saturates; nothing else is added up here.
#![allow(clippy::arithmetic_side_effects)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, BlockRef, Chunk, Pool, Time};
use bitlode_wire::{Handshake, Message};

use crate::recv::{Receiver, Sink};
use crate::send::Sender;
use crate::{ConnError, Event, Limits, RecvPlan, SendPlan, Stats};

/// One peer connection, over any carrier of bytes.
///
/// Order of calls: [`Conn::initiator`], or [`Conn::responder`] and [`Conn::accept`] after [`Event::Handshake`]. From then on
/// [`Conn::recv_plan`] → [`Conn::received`] when the carrier has bytes, [`Conn::send_plan`] → [`Conn::sent`] when it takes
/// some and [`Conn::queued`] is not 0, [`Conn::handle_timeout`] at [`Conn::next_timeout`]. Drain [`Conn::poll`] after each.
/// After [`Event::Failed`] nothing does anything any more.
pub struct Conn {
    limits: Arc<Limits>,
    recv: Receiver,
    send: Sender,
    events: VecDeque<Event>,
    stats: Stats,
    failed: bool,
    started: Time,
    last_received: Time,
    last_sent: Time,
    /// Since when bytes have waited that the carrier took none of.
    waiting_since: Time,
    /// When the message that is being received began, and whether there is one.
    message_since: Option<Time>,
}

impl Conn {
    /// The side that dialled. Its handshake is queued at once.
    pub fn initiator(limits: Arc<Limits>, pool: Pool, ours: Handshake, now: Time) -> Conn {
        let mut conn = Conn::new(limits, Receiver::new(pool, Some(ours.reserved)), now);
        conn.send.push_bytes(&ours.encode());
        conn
    }

    /// The side that was dialled. It sends nothing before [`Conn::accept`].
    pub fn responder(limits: Arc<Limits>, pool: Pool, now: Time) -> Conn {
        Conn::new(limits, Receiver::new(pool, None), now)
    }

    fn new(limits: Arc<Limits>, recv: Receiver, now: Time) -> Conn {
        Conn {
            limits,
            recv,
            send: Sender::default(),
            events: VecDeque::new(),
            stats: Stats::default(),
            failed: false,
            started: now,
            last_received: now,
            last_sent: now,
            waiting_since: now,
            message_since: None,
        }
    }

    /// Answers the peer's handshake and reads on with what came behind it, so [`Conn::set_piece_count`] goes first. Does
    /// nothing unless [`Event::Handshake`] of a responder waits for it.
    pub fn accept(&mut self, now: Time, ours: Handshake) {
        if self.failed || !self.recv.is_held() {
            return;
        }
        self.send.push_bytes(&ours.encode());
        self.last_received = now;
        self.last_sent = now;
        self.waiting_since = now;
        self.parse(now, |recv, sink| recv.accept(ours.reserved, sink));
    }

    /// The torrent's number of pieces: from now on the bitfield's length and spare bits are checked.
    pub fn set_piece_count(&mut self, pieces: u32) {
        self.recv.set_piece_count(pieces);
    }

    /// The peer's handshake, once it is complete.
    pub fn peer_handshake(&self) -> Option<Handshake> {
        self.recv.theirs()
    }

    /// Where the next bytes go; empty when nothing may be read now. Slabs are taken from the pool here, never more than
    /// requests are open. Fill it and call [`Conn::received`] next: a cancel or forget in between makes the plan void.
    pub fn recv_plan(&mut self) -> RecvPlan<'_> {
        self.recv.plan(&self.limits)
    }

    /// The first `n` bytes of the last plan were filled. Bytes beyond the plan, or without one, are not counted.
    pub fn received(&mut self, now: Time, n: usize) {
        if self.failed || n == 0 {
            return;
        }
        self.last_received = now;
        self.parse(now, |recv, sink| recv.received(n, sink));
    }

    /// Runs the parser and notes when the message that it ends in began.
    fn parse(&mut self, now: Time, run: impl FnOnce(&mut Receiver, &mut Sink<'_>) -> Result<(), ConnError>) {
        let (before, _) = self.recv.progress();
        let mut sink = Sink { limits: &self.limits, events: &mut self.events, stats: &mut self.stats };
        if let Err(error) = run(&mut self.recv, &mut sink) {
            return self.fail(error);
        }
        let (after, got) = self.recv.progress();
        self.message_since = match (got, self.message_since) {
            (None, _) => None,
            (Some(_), Some(since)) if before == after => Some(since),
            (Some(_), _) => Some(now),
        };
    }

    /// The next event.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Queues a message. PIECE by value is for tests; [`Conn::send_block`] copies nothing.
    pub fn send(&mut self, now: Time, message: &Message<'_>) {
        if self.failed {
            return;
        }
        self.wait(now);
        self.send.push(message);
        let queued = self.send.messages();
        if queued > self.limits.send_buffer {
            self.fail(ConnError::SlowReader { queued });
        }
    }

    /// Queues a REQUEST and expects its answer. The block is at most 16 KiB and not empty, else nothing happens. Asking
    /// twice expects two answers.
    pub fn request(&mut self, now: Time, block: BlockRef) {
        if !self.failed && block.len > 0 && block.len <= BLOCK_LEN {
            self.recv.requests.add(block);
            self.send(now, &Message::Request(block));
        }
    }

    /// Gives a request up and queues a CANCEL; a late answer is tolerated. Does nothing unless the request is open.
    pub fn cancel(&mut self, now: Time, block: BlockRef) {
        if self.give_up(block) {
            self.send(now, &Message::Cancel(block));
        }
    }

    /// Gives a request up without a word; a late answer is tolerated. Does nothing unless the request is open.
    pub fn forget(&mut self, block: BlockRef) {
        self.give_up(block);
    }

    fn give_up(&mut self, block: BlockRef) -> bool {
        let open = self.recv.requests.give_up(block, self.limits.tolerated);
        self.recv.void_plan();
        open
    }

    /// Requests whose answer is still expected; a block that has begun to arrive is none of them any more.
    pub fn open_requests(&self) -> usize {
        self.recv.requests.len()
    }

    /// Queues one PIECE with all of `data`, in order; the payload goes out by reference, and [`Event::BlockSent`] tells
    /// when the carrier has all of it. `block.len` follows `data`; without any nothing happens. The caller keeps to
    /// [`Conn::send_room`].
    pub fn send_block(&mut self, now: Time, block: BlockRef, data: impl IntoIterator<Item = Chunk>) {
        let mut data = data.into_iter();
        if let (false, Some(first)) = (self.failed, data.next()) {
            self.wait(now);
            let rest: Vec<Chunk> = data.collect();
            let len = rest.iter().fold(first.len(), |len, chunk| len.saturating_add(chunk.len()));
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            self.send.push_block(BlockRef { len, ..block }, first, rest);
        }
    }

    /// Something is about to be queued.
    fn wait(&mut self, now: Time) {
        if self.send.queued() == 0 {
            self.waiting_since = now;
        }
    }

    /// What to send next.
    pub fn send_plan(&self) -> SendPlan<'_> {
        self.send.plan()
    }

    /// The first `n` bytes of the last plan were taken.
    pub fn sent(&mut self, now: Time, n: usize) {
        if !self.failed && n > 0 {
            self.last_sent = now;
            self.waiting_since = now;
            self.send.sent(n, &mut self.events, &mut self.stats);
        }
    }

    /// Bytes that wait to be sent.
    pub fn queued(&self) -> usize {
        self.send.queued()
    }

    /// Bytes that may be queued before [`Limits::send_buffer`] is full.
    pub fn send_room(&self) -> usize {
        self.limits.send_buffer.saturating_sub(self.send.queued())
    }

    /// When [`Conn::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Time {
        if self.failed {
            return Time::NEVER;
        }
        if !self.recv.is_open() {
            return self.started + self.limits.handshake_timeout;
        }
        let ours =
            if self.send.queued() == 0 { self.last_sent + self.limits.keep_alive } else { self.stall_deadline() };
        ours.min(self.last_received + self.limits.idle_timeout).min(self.message_deadline())
    }

    /// When the carrier has taken nothing for too long, though something waits.
    fn stall_deadline(&self) -> Time {
        if self.send.queued() == 0 { Time::NEVER } else { self.waiting_since + self.limits.idle_timeout }
    }

    /// When the message that is being received has taken too long, or comes too slowly.
    fn message_deadline(&self) -> Time {
        let (Some(since), (_, Some(got))) = (self.message_since, self.recv.progress()) else { return Time::NEVER };
        let whole = since + self.limits.message_timeout;
        let Some(secs) = got.checked_div(u64::from(self.limits.message_rate)) else { return whole };
        let slow = Duration::from_secs(secs.saturating_add(1)).max(self.limits.message_grace);
        whole.min(since + slow)
    }

    /// Sends keep-alives, and ends the connection when a limit of time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.failed {
            return;
        }
        if !self.recv.is_open() {
            if now >= self.started + self.limits.handshake_timeout {
                self.fail(ConnError::HandshakeTimeout);
            }
            return;
        }
        if now >= self.message_deadline() {
            return self.fail(ConnError::MessageTimeout);
        }
        if now >= self.last_received + self.limits.idle_timeout {
            return self.fail(ConnError::Idle);
        }
        if now >= self.stall_deadline() {
            return self.fail(ConnError::SlowReader { queued: self.send.queued() });
        }
        if self.send.queued() == 0 && now >= self.last_sent + self.limits.keep_alive {
            self.recv.shrink();
            self.send.shrink();
            self.send(now, &Message::KeepAlive);
        }
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        Stats { messages: self.recv.progress().0, ..self.stats }
    }

    fn fail(&mut self, error: ConnError) {
        self.failed = true;
        self.recv.close();
        self.send = Sender::default();
        self.events.push_back(Event::Failed(error));
    }
}
