//! What honest peers say on a link, read along and held against the rules: no request while choked, every request
//! answered, no byte that is not the torrent's, no piece announced that is not there.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bitlode_base::{Bitfield, BlockRef, PieceIndex, Time};
use bitlode_metainfo::Layout;
use bitlode_wire::{Handshake, Message};

/// How long a request may stay unanswered while no other is answered.
const PATIENCE: Duration = Duration::from_secs(40);

/// Both directions of a link.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    sides: [Side; 2],
}

/// What one end sent and was sent.
#[derive(Debug, Default)]
struct Side {
    shaken: Option<Handshake>,
    unread: Vec<u8>,
    sent: u64,
    /// Messages on their way to the other end: where each ends in the stream.
    under_way: VecDeque<(u64, Note)>,
    arrived: u64,
    /// CHOKE has arrived here, and UNCHOKE has not since. Requests behind this place of our stream break the rule.
    choked_at: Option<u64>,
    /// Requests that have arrived here and are not answered.
    requests: BTreeMap<BlockRef, VecDeque<Time>>,
    /// When a request was last answered.
    last_answer: Time,
}

#[derive(Debug)]
enum Note {
    Choke,
    Unchoke,
    Request(BlockRef),
}

/// What a sender is held against.
pub(crate) struct Truth<'a> {
    /// All bytes of the torrent.
    pub(crate) content: &'a [u8],
    /// Where they lie.
    pub(crate) layout: &'a Layout,
    /// Whether the sender's disk never lied to it: only then it answers for the content.
    pub(crate) sound: bool,
    /// Whether the sender has a piece on its disk.
    pub(crate) has: &'a mut dyn FnMut(PieceIndex) -> bool,
}

impl Tap {
    /// `from` sent bytes. `truth` is there when the sender is honest; then the answer is the rule it broke.
    pub(crate) fn sent(
        &mut self,
        now: Time,
        from: usize,
        bytes: &[u8],
        mut truth: Option<Truth<'_>>,
    ) -> Result<(), String> {
        let fast = self.fast();
        let Some(side) = self.sides.get_mut(from) else { return Ok(()) };
        let mut unread = std::mem::take(&mut side.unread);
        unread.extend_from_slice(bytes);
        let mut at = 0;
        if side.shaken.is_none() {
            let Some(first) = unread.first_chunk::<{ Handshake::LEN }>() else {
                side.unread = unread;
                return Ok(());
            };
            // What is no handshake is not read any further: only villains send it.
            match Handshake::parse(first) {
                Ok(shaken) => side.shaken = Some(shaken),
                Err(error) if truth.is_some() => return Err(format!("sent a broken handshake: {error}")),
                Err(_) => return Ok(()),
            }
            at = Handshake::LEN;
            side.sent += at as u64;
        }
        while let Some(head) = unread.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            let len = u32::from_be_bytes(*head) as usize;
            let Some(frame) = unread.get(at + 4..at + 4 + len) else { break };
            let start = side.sent;
            side.sent += 4 + len as u64;
            at += 4 + len;
            let Some((id, payload)) = frame.split_first() else { continue };
            match (Message::parse(*id, payload), &mut truth) {
                (Ok(message), truth) => side.heard((now, start), fast, &message, truth.as_mut())?,
                (Err(error), Some(_)) => return Err(format!("sent a broken message: {error}")),
                (Err(_), None) => {}
            }
        }
        unread.drain(..at);
        side.unread = unread;
        Ok(())
    }

    /// Bytes that may arrive at `to` at once, so that what was queued when a CHOKE arrives is known.
    pub(crate) fn before_choke(&self, to: usize) -> usize {
        const CHOKE_LEN: u64 = 5;
        let Some(from) = self.sides.get(1 - to) else { return usize::MAX };
        let chokes = from.under_way.iter().filter(|(_, note)| matches!(note, Note::Choke));
        let mut starts = chokes.map(|(end, _)| end.saturating_sub(CHOKE_LEN));
        let next = starts.find(|start| *start > from.arrived);
        next.map_or(usize::MAX, |start| (start - from.arrived) as usize)
    }

    /// `n` bytes arrive at `to`, which at this moment has `pending` bytes of its own to send (`None`: nobody knows).
    pub(crate) fn arrived(&mut self, now: Time, to: usize, n: usize, pending: Option<usize>) {
        let [first, second] = &mut self.sides;
        let (from, to) = if to == 1 { (first, second) } else { (second, first) };
        from.arrived += n as u64;
        while let Some((_, note)) = from.under_way.pop_front_if(|(end, _)| *end <= from.arrived) {
            match note {
                Note::Choke => {
                    let own = to.sent + to.unread.len() as u64;
                    to.choked_at.get_or_insert(pending.map_or(u64::MAX, |pending| own + pending as u64));
                }
                Note::Unchoke => to.choked_at = None,
                Note::Request(block) => to.requests.entry(block).or_default().push_back(now),
            }
        }
    }

    /// Both ends speak the fast extension (BEP 6), or have not said yet.
    fn fast(&self) -> bool {
        self.sides.iter().all(|side| side.shaken.is_none_or(|shaken| shaken.reserved.fast()))
    }

    /// A request that `of` should have answered by now. Without the fast extension nothing has to be answered.
    pub(crate) fn overdue(&self, now: Time, of: usize) -> Option<String> {
        let side = self.sides.get(of)?;
        if !self.fast() || now.since(side.last_answer) < PATIENCE {
            return None;
        }
        let late = |times: &VecDeque<Time>| times.front().is_some_and(|asked| now.since(*asked) >= PATIENCE);
        let (block, times) = side.requests.iter().find(|(_, times)| late(times))?;
        let secs = |time: Time| time.micros() as f64 / 1e6;
        let (asked, last) = (times.front().map_or(0.0, |asked| secs(*asked)), secs(side.last_answer));
        Some(format!("{block:?}, asked at {asked:.3}, last answer at {last:.3}, {} open", side.requests.len()))
    }
}

impl Side {
    fn heard(
        &mut self,
        (now, start): (Time, u64),
        fast: bool,
        message: &Message<'_>,
        truth: Option<&mut Truth<'_>>,
    ) -> Result<(), String> {
        let end = self.sent;
        match message {
            Message::Choke => {
                if !fast {
                    // BEP 3: a choke drops every request.
                    self.requests.clear();
                }
                self.under_way.push_back((end, Note::Choke));
            }
            Message::Unchoke => self.under_way.push_back((end, Note::Unchoke)),
            Message::Request(block) => self.under_way.push_back((end, Note::Request(*block))),
            _ => {}
        }
        let Some(truth) = truth else {
            if let Message::Piece { piece, begin, data } = message {
                self.answer(now, BlockRef { piece: *piece, begin: *begin, len: data.len() as u32 });
            } else if let Message::Reject(block) = message {
                self.answer(now, *block);
            }
            return Ok(());
        };
        match message {
            Message::Request(block) => {
                if self.choked_at.is_some_and(|choked| start >= choked) {
                    return Err(format!("requested {block:?} while choked"));
                }
                if !truth.layout.contains(*block) {
                    return Err(format!("requested {block:?}, which is not in the torrent"));
                }
            }
            Message::Piece { piece, begin, data } => {
                let block = BlockRef { piece: *piece, begin: *begin, len: data.len() as u32 };
                if !self.answer(now, block) {
                    return Err(format!("sent {block:?}, which nobody asked for"));
                }
                let at = piece.at() * truth.layout.nominal_piece_len() as usize + *begin as usize;
                if truth.sound && truth.content.get(at..at + data.len()) != Some(*data) {
                    return Err(format!("sent wrong bytes of {block:?}"));
                }
            }
            Message::Reject(block) if !self.answer(now, *block) => {
                return Err(format!("rejected {block:?}, which nobody asked for"));
            }
            Message::Have(piece) if truth.sound && !(truth.has)(*piece) => {
                return Err(format!("announced {piece:?}, which it does not have"));
            }
            Message::Bitfield(bytes) => {
                let field = Bitfield::from_bytes(bytes, truth.layout.piece_count());
                let field = field.map_err(|error| format!("sent a broken bitfield: {error:?}"))?;
                if let Some(piece) = field.iter().find(|piece| truth.sound && !(truth.has)(*piece)) {
                    return Err(format!("claims {piece:?} in its bitfield, which it does not have"));
                }
            }
            Message::HaveAll => {
                let all = (0..truth.layout.piece_count()).map(PieceIndex).all(|piece| (truth.has)(piece));
                if truth.sound && !all {
                    return Err("says that it has everything, and has not".to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Closes a request; false when there is none.
    fn answer(&mut self, now: Time, block: BlockRef) -> bool {
        self.last_answer = now;
        let Some(times) = self.requests.get_mut(&block) else { return false };
        times.pop_front();
        if times.is_empty() {
            self.requests.remove(&block);
        }
        true
    }
}
