//! The receive path: where the next bytes go. What they turn out to be is in `parse.rs`.
//!
//! Everything passes `Receiver::feed`, once and in order, except payload that landed where it was predicted. A plan in
//! bulk looks like this, for requests A, B, C that are open while A's block is half here:
//!
//! ```text
//! [rest of A's slab][header 0][slab 0, as long as B][header 1][slab 1, as long as C][buffer]
//! ```
//!
//! Each header is fed. When that leaves the parser at the start of an open request's block of the predicted length (B's, or
//! any other's: peers reorder), the slab behind it *is* that block. Otherwise every byte behind it is copied out of the
//! slabs and fed.

use std::collections::VecDeque;
use std::mem;

use bitlode_base::{BlockRef, Pool, Slab};
use bitlode_wire::{Handshake, PIECE_HEADER_LEN, Reserved, piece_header};

use crate::header::ID_END;
use crate::plan::MAX_AHEAD;
use crate::requests::Requests;
use crate::{ConnError, Event, Limits, RecvPlan, Stats};

/// The buffer's first size. While answers are expected no more than this is read to it, because payload in it is copied.
pub(crate) const SMALL_BUFFER: usize = 4096;

/// What the parser is in the middle of.
pub(crate) enum Stage {
    /// The 68 bytes of the peer's handshake.
    Handshake,
    /// A responder's pause between the peer's handshake and `accept`.
    Held,
    /// Between messages, or in the first bytes of one.
    Header,
    /// The payload of a BITFIELD or extended message; `extended` is the latter's id.
    Body { extended: Option<u8>, len: usize },
    /// The payload of an unknown message.
    Skip { got: u32, len: u32 },
    /// The payload of a block that is expected. It has no slab until its bytes are about to arrive.
    Block { block: BlockRef, slab: Option<Slab>, got: usize },
    /// The payload of a block that is not.
    Drop { block: BlockRef, tolerated: bool, got: u32 },
}

/// How the last plan was laid out.
enum Layout {
    /// Nothing may be read.
    Nothing,
    /// The buffer alone.
    Buffer,
    /// Rest of a block, then this many blocks with their headers, then one more header or the buffer.
    Scatter { blocks: usize, tail: Tail },
}

#[derive(Clone, Copy)]
enum Tail {
    Header,
    Buffer,
}

/// Where the parser puts what it finds.
pub(crate) struct Sink<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) stats: &'a mut Stats,
}

pub(crate) struct Receiver {
    pub(crate) pool: Pool,
    pub(crate) stage: Stage,
    /// The start of the handshake or of a message.
    pub(crate) head: [u8; Handshake::LEN],
    pub(crate) head_len: usize,
    /// Payload of a BITFIELD or extended message; it grows with what arrives, never beyond what was declared.
    pub(crate) body: Vec<u8>,
    /// Whatever has no predicted place lands here and is parsed at once; nothing stays in it.
    buffer: Vec<u8>,
    /// What came behind a responder's handshake before `accept`.
    pub(crate) held: Vec<u8>,
    pub(crate) requests: Requests,
    /// Slabs for the next blocks, each promised by an open request; never more than there are of those.
    pub(crate) ahead: VecDeque<Slab>,
    /// Where predicted headers land.
    heads: [[u8; PIECE_HEADER_LEN]; MAX_AHEAD + 1],
    /// Lengths of the predicted blocks.
    lens: [usize; MAX_AHEAD],
    layout: Layout,
    /// How many blocks a plan looks ahead; doubles when a read fills its plan.
    depth: usize,
    /// Whether the last message was an expected block, so that the next one probably is, too.
    bulk: bool,
    /// Whether this side answers a handshake and may read on only after `accept`.
    pub(crate) responder: bool,
    pub(crate) ours: Reserved,
    pub(crate) theirs: Option<Handshake>,
    pub(crate) pieces: Option<u32>,
    /// Whether BITFIELD, HAVE_ALL and HAVE_NONE are still allowed.
    pub(crate) bitfield_allowed: bool,
    pub(crate) unknown: u32,
    pub(crate) unrequested_messages: u32,
    pub(crate) unrequested_bytes: u64,
    /// Messages that ended.
    pub(crate) messages: u64,
}

impl Receiver {
    /// `ours` is absent on the side that answers.
    pub(crate) fn new(pool: Pool, ours: Option<Reserved>) -> Receiver {
        Receiver {
            pool,
            stage: Stage::Handshake,
            head: [0; Handshake::LEN],
            head_len: 0,
            body: Vec::new(),
            buffer: Vec::new(),
            held: Vec::new(),
            requests: Requests::default(),
            ahead: VecDeque::new(),
            heads: [[0; PIECE_HEADER_LEN]; MAX_AHEAD + 1],
            lens: [0; MAX_AHEAD],
            layout: Layout::Nothing,
            depth: 2,
            bulk: false,
            responder: ours.is_none(),
            ours: ours.unwrap_or_default(),
            theirs: None,
            pieces: None,
            bitfield_allowed: true,
            unknown: 0,
            unrequested_messages: 0,
            unrequested_bytes: 0,
            messages: 0,
        }
    }

    pub(crate) fn theirs(&self) -> Option<Handshake> {
        self.theirs
    }

    /// Whether the peer's handshake is complete and, on the side that answers, accepted.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Handshake | Stage::Held)
    }

    /// Whether the peer's handshake waits for `accept`.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.stage, Stage::Held)
    }

    /// Messages that ended, and the bytes of the one that has begun.
    pub(crate) fn progress(&self) -> (u64, Option<u64>) {
        let got = match &self.stage {
            Stage::Handshake | Stage::Held => None,
            Stage::Header => (self.head_len > 0).then_some(self.head_len as u64),
            Stage::Body { .. } => Some((ID_END as u64).saturating_add(self.body.len() as u64)),
            Stage::Skip { got, .. } => Some((ID_END as u64).saturating_add(u64::from(*got))),
            Stage::Block { got, .. } => Some((PIECE_HEADER_LEN as u64).saturating_add(*got as u64)),
            Stage::Drop { got, .. } => Some((PIECE_HEADER_LEN as u64).saturating_add(u64::from(*got))),
        };
        (self.messages, got)
    }

    pub(crate) fn set_piece_count(&mut self, pieces: u32) {
        self.pieces = Some(pieces);
    }

    /// Reads on behind the peer's handshake.
    pub(crate) fn accept(&mut self, ours: Reserved, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        self.ours = ours;
        self.stage = Stage::Header;
        let held = mem::take(&mut self.held);
        self.feed(&held, sink)
    }

    /// Frees what an idle connection can do without.
    pub(crate) fn shrink(&mut self) {
        self.buffer = Vec::new();
        self.requests.shrink();
        self.void_plan();
    }

    /// The last plan will not be filled: what it holds too much can go.
    pub(crate) fn void_plan(&mut self) {
        self.layout = Layout::Nothing;
        self.trim();
    }

    /// Gives slabs back that no open request promises any more.
    fn trim(&mut self) {
        self.ahead.truncate(self.requests.len());
    }

    /// Frees everything and reads nothing more.
    pub(crate) fn close(&mut self) {
        self.stage = Stage::Held;
        self.layout = Layout::Nothing;
        self.requests = Requests::default();
        (self.body, self.buffer, self.held) = (Vec::new(), Vec::new(), Vec::new());
        self.ahead.clear();
    }

    // ---- where the next bytes go

    pub(crate) fn plan(&mut self, limits: &Limits) -> RecvPlan<'_> {
        let mut plan = RecvPlan::new();
        let Receiver { stage, ahead, heads, lens, requests, buffer, pool, .. } = self;
        let (in_block, start) = match stage {
            Stage::Held => {
                self.layout = Layout::Nothing;
                return plan;
            }
            Stage::Block { .. } => (true, 0),
            Stage::Header if self.bulk && predicted(requests, self.head.get(..self.head_len)) => (false, self.head_len),
            _ => {
                self.layout = Layout::Buffer;
                let open = requests.len() > 0;
                plan.push(sized(buffer, open, limits));
                return plan;
            }
        };
        let blocks = requests.len().min(self.depth).min(limits.blocks_ahead.clamp(1, MAX_AHEAD));
        let tail = if requests.len() > blocks { Tail::Header } else { Tail::Buffer };
        self.layout = Layout::Scatter { blocks, tail };
        if let (true, Stage::Block { block, slab, got }) = (in_block, stage) {
            let slab = slab.get_or_insert_with(|| ahead.pop_front().unwrap_or_else(|| pool.take()));
            plan.push(slab.bytes_mut().get_mut(*got..block.len as usize).unwrap_or_default());
        }
        while ahead.len() < blocks {
            ahead.push_back(pool.take());
        }
        let mut heads = heads.iter_mut();
        let places = heads.by_ref().zip(ahead).zip(lens).zip(requests.iter()).take(blocks);
        for (number, (((head, slab), len), block)) in places.enumerate() {
            *len = block.len as usize;
            plan.push(head.get_mut(if number == 0 { start } else { 0 }..).unwrap_or_default());
            plan.push(slab.bytes_mut().get_mut(..*len).unwrap_or_default());
        }
        match tail {
            Tail::Header => plan.push(heads.next().map(|head| &mut head[..]).unwrap_or_default()),
            Tail::Buffer => plan.push(sized(buffer, true, limits)),
        }
        plan
    }

    /// The first `n` bytes of the last plan were filled.
    pub(crate) fn received(&mut self, n: usize, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        match mem::replace(&mut self.layout, Layout::Nothing) {
            Layout::Nothing => return Ok(()),
            Layout::Buffer => self.feed_buffer(n, sink)?,
            Layout::Scatter { blocks, tail } => self.gather(n, blocks, tail, sink)?,
        }
        self.trim();
        Ok(())
    }

    fn feed_buffer(&mut self, n: usize, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        let buffer = mem::take(&mut self.buffer);
        let before = sink.stats.received_payload;
        let fed = self.feed(buffer.get(..n).unwrap_or(&buffer), sink);
        sink.stats.buffered = sink.stats.buffered.wrapping_add(sink.stats.received_payload.wrapping_sub(before));
        let full = n >= buffer.len();
        self.buffer = buffer;
        if full && self.requests.len() == 0 {
            let larger = self.buffer.len().saturating_mul(2).min(sink.limits.recv_buffer);
            self.buffer.resize(larger.max(self.buffer.len()), 0);
        }
        fed
    }

    fn gather(&mut self, n: usize, blocks: usize, tail: Tail, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        let mut left = n;
        let mut start = if matches!(self.stage, Stage::Block { .. }) { 0 } else { self.head_len };
        left = left.saturating_sub(self.fill_block(left, sink));
        for number in 0..blocks {
            if left == 0 {
                if number.saturating_mul(2) < self.depth {
                    self.depth = self.depth.saturating_sub(1).max(1);
                }
                return Ok(());
            }
            let head = self.heads.get(number).copied().unwrap_or_default();
            let head = head.get(mem::take(&mut start)..).unwrap_or_default();
            let head = head.get(..left).unwrap_or(head);
            self.feed(head, sink)?;
            left = left.saturating_sub(head.len());
            let len = self.lens.get(number).copied().unwrap_or_default();
            match &mut self.stage {
                Stage::Block { block, slab: slab @ None, got: 0 } if block.len as usize == len => {
                    if left > 0 {
                        *slab = self.ahead.pop_front();
                        left = left.saturating_sub(self.fill_block(left, sink));
                    }
                }
                _ => return self.copy_back(left, number, blocks, tail, sink),
            }
        }
        if left > 0 || matches!(tail, Tail::Header) {
            self.depth = self.depth.saturating_mul(2).min(sink.limits.blocks_ahead.clamp(1, MAX_AHEAD));
        }
        match tail {
            Tail::Header => {
                let head = self.heads.get(blocks).copied().unwrap_or_default();
                self.feed(head.get(..left).unwrap_or(&head), sink)
            }
            Tail::Buffer => self.feed_buffer(left, sink),
        }
    }

    /// The prediction was wrong at header `number`: the `left` bytes behind it are parsed from a copy.
    fn copy_back(
        &mut self,
        left: usize,
        number: usize,
        blocks: usize,
        tail: Tail,
        sink: &mut Sink<'_>,
    ) -> Result<(), ConnError> {
        let mut copy = Vec::with_capacity(left);
        let mut take = |bytes: &[u8]| {
            let room = left.saturating_sub(copy.len());
            copy.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        };
        // Slabs of the blocks in front of `number` are gone from `ahead`, so it starts with this one's.
        let lens = self.lens.get(number..blocks).unwrap_or_default();
        let heads = self.heads.get(number.saturating_add(1)..).unwrap_or_default();
        for (at, (slab, len)) in self.ahead.iter().zip(lens).enumerate() {
            take(slab.bytes().get(..*len).unwrap_or_default());
            if at.saturating_add(1) < lens.len() || matches!(tail, Tail::Header) {
                take(heads.get(at).map(|head| &head[..]).unwrap_or_default());
            }
        }
        if matches!(tail, Tail::Buffer) {
            take(&self.buffer);
        }
        if cfg!(feature = "planted-bugs") && lens.len() > 2 {
            copy.pop(); // The planted bug: a byte is lost when a surprise comes in front of three blocks.
        }
        sink.stats.copied_back = sink.stats.copied_back.wrapping_add(copy.len() as u64);
        self.depth = (self.depth / 2).max(1);
        self.bulk = false;
        self.feed(&copy, sink)
    }

    /// Counts up to `n` bytes that landed in the current block's slab; says how many belong there.
    pub(crate) fn fill_block(&mut self, n: usize, sink: &mut Sink<'_>) -> usize {
        let Stage::Block { block, got, .. } = &mut self.stage else { return 0 };
        let filled = n.min((block.len as usize).saturating_sub(*got));
        *got = got.saturating_add(filled);
        sink.stats.received_payload = sink.stats.received_payload.wrapping_add(filled as u64);
        self.end_block(sink);
        filled
    }

    /// Hands the current block over when it is complete.
    fn end_block(&mut self, sink: &mut Sink<'_>) {
        if let Stage::Block { block, slab, got } = &mut self.stage
            && *got == block.len as usize
            && let Some(slab) = slab.take()
        {
            sink.events.push_back(Event::Block { block: *block, data: slab.freeze(*got) });
            self.end_message();
            self.bulk = true;
        }
    }

    /// The next message begins.
    pub(crate) fn end_message(&mut self) {
        self.stage = Stage::Header;
        self.head_len = 0;
        self.messages = self.messages.wrapping_add(1);
    }
}

impl Sink<'_> {
    pub(crate) fn protocol(&mut self, bytes: usize) {
        self.stats.received_protocol = self.stats.received_protocol.wrapping_add(bytes as u64);
    }
}

/// Whether what is here of a header could be that of an expected block: its length and id are those of the oldest request's
/// answer (piece and begin may be another's).
fn predicted(requests: &Requests, head: Option<&[u8]>) -> bool {
    let (Some(next), Some(head)) = (requests.iter().next(), head) else { return false };
    let expected = piece_header(next);
    let known = head.get(..ID_END).unwrap_or(head);
    head.len() < PIECE_HEADER_LEN && expected.starts_with(known)
}

/// The buffer, at least its first size; only that much of it while answers are expected.
fn sized<'a>(buffer: &'a mut Vec<u8>, open: bool, limits: &Limits) -> &'a mut [u8] {
    let least = limits.recv_buffer.clamp(1, SMALL_BUFFER);
    if buffer.len() < least {
        buffer.resize(least, 0);
    }
    let most = if open { least } else { buffer.len() };
    buffer.get_mut(..most).unwrap_or_default()
}
