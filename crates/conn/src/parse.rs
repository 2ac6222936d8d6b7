//! The receive path: what the bytes turn out to be.

use std::mem;

use bitlode_base::BlockRef;
use bitlode_wire::{Handshake, Message, OwnedMessage, id};

use crate::header::{HEAD_LEN, ID_END, Rules, announced, declared, wanted};
use crate::recv::{Receiver, SMALL_BUFFER, Sink, Stage};
use crate::requests::Answer;
use crate::{ConnError, Event};

impl Receiver {
    /// Parses bytes, whatever they are cut into.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ConnError> {
        while !bytes.is_empty() {
            let used = match &self.stage {
                Stage::Handshake => self.feed_handshake(bytes, sink)?,
                Stage::Held => {
                    self.held.extend_from_slice(bytes);
                    bytes.len()
                }
                Stage::Header => self.feed_header(bytes, sink)?,
                Stage::Body { extended, len } => {
                    let (extended, len) = (*extended, *len);
                    self.feed_body(bytes, extended, len, sink)?
                }
                Stage::Block { .. } => self.feed_block(bytes, sink),
                Stage::Skip { .. } | Stage::Drop { .. } => self.feed_nobody(bytes, sink),
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Appends to `head` until it has `want` bytes; says how many that took.
    fn fill_head(&mut self, bytes: &[u8], want: usize) -> usize {
        let room = self.head.get_mut(self.head_len..want).unwrap_or_default();
        let take = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.head_len = self.head_len.saturating_add(take);
        take
    }

    fn feed_handshake(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<usize, ConnError> {
        // The prefix is judged as soon as it is here: whoever speaks another protocol waits for no 68 bytes.
        let in_prefix = self.head_len < Handshake::PREFIX_LEN;
        let want = if in_prefix { Handshake::PREFIX_LEN } else { Handshake::LEN };
        let used = self.fill_head(bytes, want);
        sink.protocol(used);
        if self.head_len == want {
            if in_prefix {
                Handshake::check_prefix(&self.head)?;
            } else {
                let theirs = Handshake::parse(&self.head)?;
                self.theirs = Some(theirs);
                sink.events.push_back(Event::Handshake(theirs));
                self.head_len = 0;
                self.stage = if self.responder { Stage::Held } else { Stage::Header };
            }
        }
        Ok(used)
    }

    fn feed_header(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<usize, ConnError> {
        let want = self.wanted_of(bytes);
        let used = self.fill_head(bytes, want);
        sink.protocol(used);
        if self.head_len < want {
            return Ok(used);
        }
        let head = *self.head.first_chunk::<HEAD_LEN>().unwrap_or(&[0; HEAD_LEN]);
        let head = head.get(..want).unwrap_or_default();
        if want == 4 {
            if declared(head) == 0 {
                self.end_message(); // A keep-alive.
            }
            return Ok(used);
        }
        // The first five bytes decide on the length; those of an extended message are judged again with its id.
        let fast = self.is_fast();
        Rules { limits: sink.limits, pieces: self.pieces, fast }.check(head)?;
        if wanted(head) == want {
            self.begin_payload(head, sink)?;
        }
        Ok(used)
    }

    /// How many bytes the head shall have next. A whole head that is at hand is taken in one step, except an extended
    /// message's, which is judged in two.
    fn wanted_of(&self, bytes: &[u8]) -> usize {
        if self.head_len == 0
            && let Some(start @ [_, _, _, _, id]) = bytes.first_chunk::<ID_END>()
            && *id != id::EXTENDED
            && declared(start) != 0
            && bytes.len() >= wanted(start)
        {
            return wanted(start);
        }
        wanted(self.head.get(..self.head_len).unwrap_or_default())
    }

    fn is_fast(&self) -> bool {
        self.ours.fast() && self.theirs.is_some_and(|theirs| theirs.reserved.fast())
    }

    /// The header is complete and its length allowed.
    fn begin_payload(&mut self, head: &[u8], sink: &mut Sink<'_>) -> Result<(), ConnError> {
        let (len, id) = (declared(head), head.get(4).copied().unwrap_or_default());
        match id {
            id::PIECE => return self.begin_block(announced(head), sink),
            id::BITFIELD => {
                self.bitfield_allowed = false;
                self.stage = Stage::Body { extended: None, len: len.saturating_sub(1) as usize };
            }
            id::EXTENDED => {
                self.stage = Stage::Body { extended: head.get(5).copied(), len: len.saturating_sub(2) as usize };
            }
            id if Message::fixed_len(id).is_some() => {
                let message = Message::parse(id, head.get(ID_END..).unwrap_or_default())?;
                return self.end_fixed(&message, sink);
            }
            _ => {
                self.unknown = self.unknown.saturating_add(1);
                if self.unknown >= sink.limits.unknown_messages {
                    return Err(ConnError::Unknown { count: self.unknown });
                }
                self.stage = Stage::Skip { got: 0, len: len.saturating_sub(1) };
            }
        }
        // A payload of no bytes ends here.
        match &self.stage {
            Stage::Body { extended, len: 0 } => {
                let extended = *extended;
                self.end_body(extended, sink)
            }
            Stage::Skip { len: 0, .. } => {
                self.end_message();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// HAVE_NONE: once, in front of every BITFIELD, HAVE and REQUEST. Chokes, extended messages and PORT may come first:
    /// real clients send them so. BITFIELD and HAVE_ALL may come again: aria2 sends them in place of many HAVEs, and the
    /// swarm counts them like these.
    fn only_once(&mut self, id: u8) -> Result<(), ConnError> {
        if !mem::replace(&mut self.bitfield_allowed, false) {
            return Err(ConnError::LateBitfield { id });
        }
        Ok(())
    }

    fn end_fixed(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        match message {
            Message::Have(_) | Message::Request(_) | Message::HaveAll => self.bitfield_allowed = false,
            Message::HaveNone => self.only_once(id::HAVE_NONE)?,
            // Without BEP 6 a choke drops all requests; with it each is still answered.
            Message::Choke if !self.is_fast() => self.requests.give_up_all(sink.limits.tolerated),
            Message::Reject(block) => {
                self.requests.answer(*block);
            }
            _ => {}
        }
        sink.events.extend(message.to_owned().map(Event::Message));
        self.end_message();
        Ok(())
    }

    fn begin_block(&mut self, block: BlockRef, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        let answer = self.requests.answer(block);
        if answer == Answer::Open {
            self.stage = Stage::Block { block, slab: None, got: 0 };
            return Ok(());
        }
        if answer == Answer::Never {
            self.unrequested_messages = self.unrequested_messages.saturating_add(1);
            self.unrequested_bytes = self.unrequested_bytes.saturating_add(u64::from(block.len));
            let (messages, bytes) = (self.unrequested_messages, self.unrequested_bytes);
            if messages >= sink.limits.unrequested_messages || bytes > sink.limits.unrequested_bytes {
                return Err(ConnError::Unrequested { messages, bytes });
            }
        }
        self.stage = Stage::Drop { block, tolerated: answer == Answer::Tolerated, got: 0 };
        self.end_nobody(sink);
        Ok(())
    }

    fn feed_block(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> usize {
        let Stage::Block { block, slab, got } = &mut self.stage else { return bytes.len() };
        let slab = slab.get_or_insert_with(|| self.ahead.pop_front().unwrap_or_else(|| self.pool.take()));
        let room = slab.bytes_mut().get_mut(*got..block.len as usize).unwrap_or_default();
        let take = room.len().min(bytes.len());
        if let (Some(to), Some(from)) = (room.get_mut(..take), bytes.get(..take)) {
            to.copy_from_slice(from);
        }
        self.fill_block(take, sink)
    }

    fn feed_body(
        &mut self,
        bytes: &[u8],
        extended: Option<u8>,
        len: usize,
        sink: &mut Sink<'_>,
    ) -> Result<usize, ConnError> {
        let take = bytes.len().min(len.saturating_sub(self.body.len()));
        if self.body.capacity() < self.body.len().saturating_add(take) {
            // Twice what is here, but never more than was declared: memory follows the bytes that came.
            let room = self.body.len().saturating_add(take).max(SMALL_BUFFER).saturating_mul(2).min(len);
            self.body.reserve_exact(room.saturating_sub(self.body.len()));
        }
        self.body.extend_from_slice(bytes.get(..take).unwrap_or_default());
        sink.protocol(take);
        if self.body.len() == len {
            self.end_body(extended, sink)?;
        }
        Ok(take)
    }

    fn end_body(&mut self, extended: Option<u8>, sink: &mut Sink<'_>) -> Result<(), ConnError> {
        let payload = mem::take(&mut self.body);
        let message = match extended {
            Some(id) => OwnedMessage::Extended { id, payload },
            None => {
                let fast = self.is_fast();
                Rules { limits: sink.limits, pieces: self.pieces, fast }.check_spare_bits(&payload)?;
                OwnedMessage::Bitfield(payload)
            }
        };
        sink.events.push_back(Event::Message(message));
        self.end_message();
        Ok(())
    }

    /// Payload that is not kept.
    fn feed_nobody(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> usize {
        let most = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let take = match &mut self.stage {
            Stage::Skip { got, len } => {
                let take = most.min(len.saturating_sub(*got));
                *got = got.saturating_add(take);
                sink.protocol(take as usize);
                take
            }
            Stage::Drop { block, got, .. } => {
                let take = most.min(block.len.saturating_sub(*got));
                *got = got.saturating_add(take);
                sink.stats.received_payload = sink.stats.received_payload.wrapping_add(u64::from(take));
                sink.stats.unrequested = sink.stats.unrequested.wrapping_add(u64::from(take));
                take
            }
            _ => most,
        };
        self.end_nobody(sink);
        take as usize
    }

    fn end_nobody(&mut self, sink: &mut Sink<'_>) {
        match &self.stage {
            Stage::Skip { got, len } if got == len => self.end_message(),
            Stage::Drop { block, tolerated, got } if *got == block.len => {
                sink.events.push_back(Event::Unrequested { block: *block, tolerated: *tolerated });
                self.end_message();
            }
            _ => {}
        }
    }
}
