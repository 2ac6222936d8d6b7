//! Packets out of a stream of bytes that may be cut anywhere.

use crate::message::id;
use crate::{Handshake, HashMessage, Message, WireError};

/// Bytes of length prefix and id.
const ID_END: usize = 5;

/// How long messages may be, each with its id but without its length prefix. No defaults: the numbers stand in the table of
/// settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// A message of a type whose length is neither fixed nor limited below: PIECE, HASHES and unknown ids.
    pub message: u32,
    /// A bitfield.
    pub bitfield: u32,
    /// An extended handshake (BEP 10).
    pub extended_handshake: u32,
    /// Another extended message.
    pub extended_message: u32,
}

impl FrameLimits {
    /// The least and most that a message may have, by its id and, for an extended one, its extended id, when known.
    fn range(&self, id: Option<u8>, extended: Option<u8>) -> (u32, u32) {
        let fixed = |len: u32| (len.saturating_add(1), len.saturating_add(1));
        let either = self.extended_handshake.max(self.extended_message);
        match (id, extended) {
            (None, _) => (0, self.message.max(self.bitfield).max(either)),
            (Some(id::BITFIELD), _) => (1, self.bitfield),
            // A block of no bytes answers no request that there can be.
            (Some(id::PIECE), _) => (10, self.message),
            (Some(id::EXTENDED), None) => (2, either),
            (Some(id::EXTENDED), Some(0)) => (2, self.extended_handshake),
            (Some(id::EXTENDED), Some(_)) => (2, self.extended_message),
            (Some(id::HASH_REQUEST | id::HASH_REJECT), _) => fixed(HashMessage::MIN_LEN),
            (Some(id::HASHES), _) => (HashMessage::MIN_LEN.saturating_add(1), self.message),
            (Some(id), _) => Message::fixed_len(id).map_or((1, self.message), fixed),
        }
    }

    fn check(&self, len: u32, id: Option<u8>, extended: Option<u8>) -> Result<(), WireError> {
        let (least, most) = self.range(id, extended);
        match id {
            // A type of one length has no limit to break: what is wrong is the length.
            Some(id) if len < least || (len > most && least == most) => {
                Err(WireError::Length { id, want: least.saturating_sub(1), got: len.saturating_sub(1) })
            }
            // Whole nodes of 32 bytes behind the range.
            Some(id::HASHES) if !len.saturating_sub(least).is_multiple_of(32) => {
                Err(WireError::Length { id: id::HASHES, want: least.saturating_sub(1), got: len.saturating_sub(1) })
            }
            _ if len > most => Err(WireError::TooLong { id, len, max: most }),
            _ => Ok(()),
        }
    }
}

/// Whatever a peer sends on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The handshake, once and first.
    Handshake(Handshake),
    /// A message of BEPs 3, 5, 6 and 10, a keep-alive, or one of a type that we do not know.
    Message(Message<'a>),
    /// A message of the hash exchange (BEP 52).
    Hash(HashMessage<'a>),
}

impl<'a> Packet<'a> {
    /// Reads the payload of a message with this id.
    pub fn parse(id: u8, payload: &'a [u8]) -> Result<Packet<'a>, WireError> {
        match HashMessage::parse(id, payload) {
            Some(hash) => hash.map(Packet::Hash),
            None => Message::parse(id, payload).map(Packet::Message),
        }
    }

    /// Appends the packet's bytes; [`Message::Unknown`] appends nothing.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Packet::Handshake(handshake) => out.extend_from_slice(&handshake.encode()),
            Packet::Message(message) => message.encode(out),
            Packet::Hash(message) => message.encode(out),
        }
    }
}

/// Reads one direction of a connection, whatever parts it comes in. A length is judged as soon as it is known, before
/// anything of the payload is kept; the payload of an unknown message is skipped.
///
/// Call [`PacketReader::read`] with what came; it takes the bytes of at most one packet and says how many they were. Call it
/// again with the rest.
#[derive(Debug, Clone)]
pub struct PacketReader {
    limits: FrameLimits,
    in_handshake: bool,
    /// The packet so far; without its payload when that is skipped.
    kept: Vec<u8>,
    /// Bytes of an unknown message still to be skipped.
    skip: Option<u32>,
    /// The packet in `kept` was given out.
    taken: bool,
    failed: Option<WireError>,
}

/// What is to be done with `kept`.
enum Next {
    /// This many bytes in all are needed before more can be said.
    Want(usize),
    /// This many are to be dropped.
    Skip(u32),
    /// The packet is whole.
    Whole,
}

impl PacketReader {
    /// A reader at the start of a connection: the first packet is the handshake.
    pub fn new(limits: FrameLimits) -> PacketReader {
        PacketReader { in_handshake: true, ..PacketReader::after_handshake(limits) }
    }

    /// A reader of what follows a handshake.
    pub fn after_handshake(limits: FrameLimits) -> PacketReader {
        PacketReader { limits, in_handshake: false, kept: Vec::new(), skip: None, taken: false, failed: None }
    }

    /// Bytes kept of a packet that is not whole yet.
    pub fn buffered(&self) -> usize {
        if self.taken { 0 } else { self.kept.len() }
    }

    /// Takes bytes up to the end of the next packet: how many, and the packet when it is whole. After an error the stream has
    /// no meaning any more and every call gives the same error.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(usize, Option<Packet<'_>>), WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.taken {
            (self.taken, self.skip) = (false, None);
            self.kept.clear();
        }
        match self.fill(bytes) {
            Ok((used, false)) => Ok((used, None)),
            Ok((used, true)) => {
                self.taken = true;
                // Every length was judged before: nothing is left to be refused.
                Ok((used, Some(self.whole()?)))
            }
            Err(error) => {
                (self.kept, self.failed) = (Vec::new(), Some(error.clone()));
                Err(error)
            }
        }
    }

    /// Takes bytes: how many, and whether the packet is whole.
    fn fill(&mut self, bytes: &[u8]) -> Result<(usize, bool), WireError> {
        let mut rest = bytes;
        loop {
            let used = bytes.len().saturating_sub(rest.len());
            match self.next()? {
                Next::Whole => return Ok((used, true)),
                Next::Want(want) => {
                    let missing = want.saturating_sub(self.kept.len());
                    let (now, later) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
                    self.kept.extend_from_slice(now);
                    rest = later;
                    if now.len() < missing {
                        self.early()?;
                        return Ok((bytes.len(), false));
                    }
                }
                Next::Skip(left) => {
                    let (_, later) = rest.split_at_checked(left as usize).unwrap_or((rest, &[]));
                    let gone = u32::try_from(rest.len().saturating_sub(later.len())).unwrap_or(left);
                    self.skip = Some(left.saturating_sub(gone));
                    rest = later;
                    if gone < left {
                        return Ok((bytes.len(), false));
                    }
                }
            }
        }
    }

    /// Another protocol shows at its first byte.
    fn early(&self) -> Result<(), WireError> {
        let start = self.kept.get(..Handshake::PREFIX_LEN.min(self.kept.len())).unwrap_or_default();
        if self.in_handshake && !Handshake::is_prefix(start) {
            return Err(WireError::NotBitTorrent);
        }
        Ok(())
    }

    fn next(&self) -> Result<Next, WireError> {
        if self.in_handshake {
            self.early()?;
            return Ok(if self.kept.len() < Handshake::LEN { Next::Want(Handshake::LEN) } else { Next::Whole });
        }
        let Some((len, body)) = self.kept.split_first_chunk().map(|(len, body)| (u32::from_be_bytes(*len), body))
        else {
            return Ok(Next::Want(4));
        };
        let Some((id, payload)) = body.split_first() else {
            self.limits.check(len, None, None)?;
            return Ok(if len == 0 { Next::Whole } else { Next::Want(ID_END) });
        };
        let extended = payload.first().copied().filter(|_| *id == id::EXTENDED);
        self.limits.check(len, Some(*id), extended)?;
        if *id == id::EXTENDED && extended.is_none() {
            return Ok(Next::Want(ID_END.saturating_add(1)));
        }
        if is_unknown(*id) {
            let left = self.skip.unwrap_or(len.saturating_sub(1));
            return Ok(if left == 0 { Next::Whole } else { Next::Skip(left) });
        }
        let whole = (len as usize).saturating_add(4);
        Ok(if self.kept.len() < whole { Next::Want(whole) } else { Next::Whole })
    }

    fn whole(&mut self) -> Result<Packet<'_>, WireError> {
        if std::mem::take(&mut self.in_handshake) {
            let bytes = self.kept.first_chunk().ok_or(WireError::NotBitTorrent)?;
            return Handshake::parse(bytes).map(Packet::Handshake);
        }
        let len = self.kept.first_chunk().map_or(0, |len| u32::from_be_bytes(*len));
        match self.kept.get(4..).and_then(<[u8]>::split_first) {
            None => Ok(Packet::Message(Message::KeepAlive)),
            Some((id, _)) if is_unknown(*id) => {
                Ok(Packet::Message(Message::Unknown { id: *id, len: len.saturating_sub(1) }))
            }
            Some((id, payload)) => Packet::parse(*id, planted(payload)),
        }
    }
}

fn is_unknown(id: u8) -> bool {
    let variable = matches!(id, id::BITFIELD | id::PIECE | id::EXTENDED);
    !variable && !HashMessage::is_id(id) && Message::fixed_len(id).is_none()
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(payload: &[u8]) -> &[u8] {
    payload
}

/// The planted bug: the last byte of a long bitfield or block is lost.
#[cfg(feature = "planted-bugs")]
fn planted(payload: &[u8]) -> &[u8] {
    if payload.len() > 60 { payload.split_last().map_or(payload, |(_, rest)| rest) } else { payload }
}
