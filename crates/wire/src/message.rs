//! The messages after the handshake: BEP 3, PORT of BEP 5, the fast extension of BEP 6, the envelope of BEP 10.

use bitlode_base::{BlockRef, PieceIndex};

use crate::WireError;

/// Message ids.
pub mod id {
    /// BEP 3.
    pub const CHOKE: u8 = 0;
    /// BEP 3.
    pub const UNCHOKE: u8 = 1;
    /// BEP 3.
    pub const INTERESTED: u8 = 2;
    /// BEP 3.
    pub const NOT_INTERESTED: u8 = 3;
    /// BEP 3.
    pub const HAVE: u8 = 4;
    /// BEP 3.
    pub const BITFIELD: u8 = 5;
    /// BEP 3.
    pub const REQUEST: u8 = 6;
    /// BEP 3.
    pub const PIECE: u8 = 7;
    /// BEP 3.
    pub const CANCEL: u8 = 8;
    /// BEP 5.
    pub const PORT: u8 = 9;
    /// BEP 6.
    pub const SUGGEST: u8 = 13;
    /// BEP 6.
    pub const HAVE_ALL: u8 = 14;
    /// BEP 6.
    pub const HAVE_NONE: u8 = 15;
    /// BEP 6.
    pub const REJECT: u8 = 16;
    /// BEP 6.
    pub const ALLOWED_FAST: u8 = 17;
    /// BEP 10.
    pub const EXTENDED: u8 = 20;
    /// BEP 52.
    pub const HASH_REQUEST: u8 = 21;
    /// BEP 52.
    pub const HASHES: u8 = 22;
    /// BEP 52.
    pub const HASH_REJECT: u8 = 23;
}

/// Bytes in front of a PIECE's payload: length, id, piece, begin.
pub const PIECE_HEADER_LEN: usize = 13;

/// A message that borrows its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Length 0: nothing, but the sender lives.
    KeepAlive,
    /// I will not answer your requests.
    Choke,
    /// I will answer your requests.
    Unchoke,
    /// You have something that I want.
    Interested,
    /// You have nothing that I want.
    NotInterested,
    /// I have this piece now.
    Have(PieceIndex),
    /// The pieces I have, in wire order; length and spare bits are not checked here.
    Bitfield(&'a [u8]),
    /// Send me this block.
    Request(BlockRef),
    /// A block.
    Piece {
        /// The piece.
        piece: PieceIndex,
        /// Offset inside the piece.
        begin: u32,
        /// The bytes.
        data: &'a [u8],
    },
    /// I do not want this block any more.
    Cancel(BlockRef),
    /// My DHT node's UDP port (BEP 5).
    Port(u16),
    /// You might want to fetch this piece from me (BEP 6).
    Suggest(PieceIndex),
    /// I have every piece (BEP 6).
    HaveAll,
    /// I have no piece (BEP 6).
    HaveNone,
    /// I will not answer this request (BEP 6).
    Reject(BlockRef),
    /// You may request this piece while choked (BEP 6).
    AllowedFast(PieceIndex),
    /// An extension's message (BEP 10).
    Extended {
        /// 0 for the extended handshake, else a number from the receiver's `m`.
        id: u8,
        /// The rest.
        payload: &'a [u8],
    },
    /// A message of a type that we do not know; also one of the hash exchange, which [`crate::HashMessage`] reads. Its payload
    /// is not kept, so it cannot be sent.
    Unknown {
        /// The message's id.
        id: u8,
        /// Bytes of payload.
        len: u32,
    },
}

/// A message that owns its payload: all that `conn` hands on and takes by value. PIECE travels by reference to its block,
/// keep-alives and unknown messages end in `conn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedMessage {
    /// [`Message::Choke`].
    Choke,
    /// [`Message::Unchoke`].
    Unchoke,
    /// [`Message::Interested`].
    Interested,
    /// [`Message::NotInterested`].
    NotInterested,
    /// [`Message::Have`].
    Have(PieceIndex),
    /// [`Message::Bitfield`].
    Bitfield(Vec<u8>),
    /// [`Message::Request`].
    Request(BlockRef),
    /// [`Message::Cancel`].
    Cancel(BlockRef),
    /// [`Message::Port`].
    Port(u16),
    /// [`Message::Suggest`].
    Suggest(PieceIndex),
    /// [`Message::HaveAll`].
    HaveAll,
    /// [`Message::HaveNone`].
    HaveNone,
    /// [`Message::Reject`].
    Reject(BlockRef),
    /// [`Message::AllowedFast`].
    AllowedFast(PieceIndex),
    /// [`Message::Extended`].
    Extended {
        /// 0 for the extended handshake, else a number from the receiver's `m`.
        id: u8,
        /// The rest.
        payload: Vec<u8>,
    },
}

impl<'a> Message<'a> {
    /// Reads the payload of a message with this id (the bytes behind the id). Unknown ids are [`Message::Unknown`].
    pub fn parse(id: u8, payload: &'a [u8]) -> Result<Message<'a>, WireError> {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let wrong = |want: u32| WireError::Length { id, want, got: len };
        let empty = |message: Message<'a>| if payload.is_empty() { Ok(message) } else { Err(wrong(0)) };
        let piece = || match payload {
            [a, b, c, d] => Ok(PieceIndex(u32::from_be_bytes([*a, *b, *c, *d]))),
            _ => Err(wrong(4)),
        };
        match id {
            id::CHOKE => empty(Message::Choke),
            id::UNCHOKE => empty(Message::Unchoke),
            id::INTERESTED => empty(Message::Interested),
            id::NOT_INTERESTED => empty(Message::NotInterested),
            id::HAVE => piece().map(Message::Have),
            id::BITFIELD => Ok(Message::Bitfield(payload)),
            id::REQUEST => block(payload).ok_or(wrong(12)).map(Message::Request),
            id::PIECE => {
                let (head, data) = payload.split_first_chunk::<8>().ok_or(wrong(8))?;
                let [a, b, c, d, e, f, g, h] = *head;
                let piece = PieceIndex(u32::from_be_bytes([a, b, c, d]));
                Ok(Message::Piece { piece, begin: u32::from_be_bytes([e, f, g, h]), data })
            }
            id::CANCEL => block(payload).ok_or(wrong(12)).map(Message::Cancel),
            id::PORT => match payload {
                [a, b] => Ok(Message::Port(u16::from_be_bytes([*a, *b]))),
                _ => Err(wrong(2)),
            },
            id::SUGGEST => piece().map(Message::Suggest),
            id::HAVE_ALL => empty(Message::HaveAll),
            id::HAVE_NONE => empty(Message::HaveNone),
            id::REJECT => block(payload).ok_or(wrong(12)).map(Message::Reject),
            id::ALLOWED_FAST => piece().map(Message::AllowedFast),
            id::EXTENDED => {
                let (id, payload) = payload.split_first().ok_or(wrong(1))?;
                Ok(Message::Extended { id: *id, payload })
            }
            id => Ok(Message::Unknown { id, len }),
        }
    }

    /// The payload length that every message with this id has, for the types whose length is fixed.
    pub const fn fixed_len(id: u8) -> Option<u32> {
        match id {
            id::CHOKE | id::UNCHOKE | id::INTERESTED | id::NOT_INTERESTED | id::HAVE_ALL | id::HAVE_NONE => Some(0),
            id::HAVE | id::SUGGEST | id::ALLOWED_FAST => Some(4),
            id::REQUEST | id::CANCEL | id::REJECT => Some(12),
            id::PORT => Some(2),
            _ => None,
        }
    }

    /// Appends the frame, length prefix included. [`Message::Unknown`] appends nothing: we never send what we do not know.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Message::KeepAlive => out.extend_from_slice(&[0; 4]),
            Message::Choke => frame(out, id::CHOKE, &[]),
            Message::Unchoke => frame(out, id::UNCHOKE, &[]),
            Message::Interested => frame(out, id::INTERESTED, &[]),
            Message::NotInterested => frame(out, id::NOT_INTERESTED, &[]),
            Message::Have(piece) => frame(out, id::HAVE, &[&piece.0.to_be_bytes()]),
            Message::Bitfield(bits) => frame(out, id::BITFIELD, &[bits]),
            Message::Request(block) => frame(out, id::REQUEST, &[&block_bytes(block)]),
            Message::Piece { piece, begin, data } => {
                frame(out, id::PIECE, &[&piece.0.to_be_bytes(), &begin.to_be_bytes(), data]);
            }
            Message::Cancel(block) => frame(out, id::CANCEL, &[&block_bytes(block)]),
            Message::Port(port) => frame(out, id::PORT, &[&port.to_be_bytes()]),
            Message::Suggest(piece) => frame(out, id::SUGGEST, &[&piece.0.to_be_bytes()]),
            Message::HaveAll => frame(out, id::HAVE_ALL, &[]),
            Message::HaveNone => frame(out, id::HAVE_NONE, &[]),
            Message::Reject(block) => frame(out, id::REJECT, &[&reject_bytes(block)]),
            Message::AllowedFast(piece) => frame(out, id::ALLOWED_FAST, &[&piece.0.to_be_bytes()]),
            Message::Extended { id, payload } => frame(out, id::EXTENDED, &[&[*id], payload]),
            Message::Unknown { .. } => {}
        }
    }

    /// An owned copy; `None` for the three kinds that never travel by value.
    pub fn to_owned(&self) -> Option<OwnedMessage> {
        Some(match *self {
            Message::KeepAlive | Message::Piece { .. } | Message::Unknown { .. } => return None,
            Message::Choke => OwnedMessage::Choke,
            Message::Unchoke => OwnedMessage::Unchoke,
            Message::Interested => OwnedMessage::Interested,
            Message::NotInterested => OwnedMessage::NotInterested,
            Message::Have(piece) => OwnedMessage::Have(piece),
            Message::Bitfield(bits) => OwnedMessage::Bitfield(bits.to_vec()),
            Message::Request(block) => OwnedMessage::Request(block),
            Message::Cancel(block) => OwnedMessage::Cancel(block),
            Message::Port(port) => OwnedMessage::Port(port),
            Message::Suggest(piece) => OwnedMessage::Suggest(piece),
            Message::HaveAll => OwnedMessage::HaveAll,
            Message::HaveNone => OwnedMessage::HaveNone,
            Message::Reject(block) => OwnedMessage::Reject(block),
            Message::AllowedFast(piece) => OwnedMessage::AllowedFast(piece),
            Message::Extended { id, payload } => OwnedMessage::Extended { id, payload: payload.to_vec() },
        })
    }
}

impl OwnedMessage {
    /// The same message, borrowed.
    pub fn as_ref(&self) -> Message<'_> {
        match self {
            OwnedMessage::Choke => Message::Choke,
            OwnedMessage::Unchoke => Message::Unchoke,
            OwnedMessage::Interested => Message::Interested,
            OwnedMessage::NotInterested => Message::NotInterested,
            OwnedMessage::Have(piece) => Message::Have(*piece),
            OwnedMessage::Bitfield(bits) => Message::Bitfield(bits),
            OwnedMessage::Request(block) => Message::Request(*block),
            OwnedMessage::Cancel(block) => Message::Cancel(*block),
            OwnedMessage::Port(port) => Message::Port(*port),
            OwnedMessage::Suggest(piece) => Message::Suggest(*piece),
            OwnedMessage::HaveAll => Message::HaveAll,
            OwnedMessage::HaveNone => Message::HaveNone,
            OwnedMessage::Reject(block) => Message::Reject(*block),
            OwnedMessage::AllowedFast(piece) => Message::AllowedFast(*piece),
            OwnedMessage::Extended { id, payload } => Message::Extended { id: *id, payload },
        }
    }
}

/// The header of the PIECE that answers a request for `block`: what is sent in front of its bytes, and what is expected there.
pub fn piece_header(block: BlockRef) -> [u8; PIECE_HEADER_LEN] {
    let [l0, l1, l2, l3] = block.len.saturating_add(9).to_be_bytes();
    let [p0, p1, p2, p3] = block.piece.0.to_be_bytes();
    let [b0, b1, b2, b3] = block.begin.to_be_bytes();
    [l0, l1, l2, l3, id::PIECE, p0, p1, p2, p3, b0, b1, b2, b3]
}

fn block(payload: &[u8]) -> Option<BlockRef> {
    let ([a, b, c, d, e, f, g, h, i, j, k, l], []) = payload.split_first_chunk::<12>()? else { return None };
    Some(BlockRef {
        piece: PieceIndex(u32::from_be_bytes([*a, *b, *c, *d])),
        begin: u32::from_be_bytes([*e, *f, *g, *h]),
        len: u32::from_be_bytes([*i, *j, *k, *l]),
    })
}

fn block_bytes(block: &BlockRef) -> [u8; 12] {
    let [a, b, c, d] = block.piece.0.to_be_bytes();
    let [e, f, g, h] = block.begin.to_be_bytes();
    let [i, j, k, l] = block.len.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

#[cfg(not(feature = "planted-bugs"))]
fn reject_bytes(block: &BlockRef) -> [u8; 12] {
    block_bytes(block)
}

/// The planted bug: begin and length change places.
#[cfg(feature = "planted-bugs")]
fn reject_bytes(block: &BlockRef) -> [u8; 12] {
    block_bytes(&BlockRef { begin: block.len, len: block.begin, ..*block })
}

/// Appends a message in parts behind its length prefix.
pub(crate) fn frame(out: &mut Vec<u8>, id: u8, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(len.saturating_add(5));
    out.extend_from_slice(&u32::try_from(len.saturating_add(1)).unwrap_or(u32::MAX).to_be_bytes());
    out.push(id);
    for part in parts {
        out.extend_from_slice(part);
    }
}
