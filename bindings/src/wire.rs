//! Packets between peers. A packet crosses as its kind, its numbers and its bytes; `ts/protocol/wire.ts` gives them names.

use bitlode::api::Failure;
use bitlode::base::{BlockRef, Code, PieceIndex};
use bitlode::wire::{self, FrameLimits, Handshake, HashMessage, HashRange, Message, Packet, Reserved};
use napi_derive::napi;

use crate::bytes::{ByteCopy, Bytes};
use crate::error::{Result, failed, failure, guard};

/// A packet in parts.
#[napi(object, object_from_js = false)]
pub struct FlatPacket {
    /// Which packet.
    pub kind: &'static str,
    /// Its numbers, in the order of the wire.
    pub numbers: Vec<u32>,
    /// Its byte strings, one after the other.
    #[napi(ts_type = "Uint8Array")]
    pub bytes: ByteCopy,
}

/// What a reader took.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ReadPacket {
    /// Bytes taken.
    pub used: u32,
    /// The packet that ended with them.
    pub packet: Option<FlatPacket>,
}

/// Reads one direction of a connection that may be cut anywhere.
#[napi]
pub struct PacketReader(wire::PacketReader);

#[napi]
impl PacketReader {
    /// A reader at the start of a connection, or behind its handshake. The limits are bytes of a message, of a bitfield, of an
    /// extended handshake and of another extended message.
    #[napi(constructor, catch_unwind)]
    pub fn new(handshake: bool, message: u32, bitfield: u32, extended_handshake: u32, extended_message: u32) -> Self {
        let limits = FrameLimits { message, bitfield, extended_handshake, extended_message };
        PacketReader(match handshake {
            true => wire::PacketReader::new(limits),
            false => wire::PacketReader::after_handshake(limits),
        })
    }

    /// Takes the bytes of at most one packet.
    #[napi(catch_unwind)]
    pub fn read(&mut self, #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes) -> Result<ReadPacket> {
        guard("packetReader.read", || {
            let (used, packet) = self.0.read(&bytes.0).map_err(failed)?;
            Ok(ReadPacket { used: u32::try_from(used).unwrap_or(u32::MAX), packet: packet.map(flat) })
        })
    }

    /// Bytes kept of a packet that is not whole.
    #[napi(getter, catch_unwind)]
    pub fn buffered(&self) -> Result<u32> {
        guard("packetReader.buffered", || Ok(u32::try_from(self.0.buffered()).unwrap_or(u32::MAX)))
    }
}

/// The bytes of a packet.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn build_packet(
    kind: String,
    numbers: Vec<u32>,
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes,
) -> Result<ByteCopy> {
    guard("buildPacket", || {
        let packet = packet(&kind, &numbers, &bytes.0).ok_or_else(|| wrong(&kind))?;
        let mut out = Vec::new();
        packet.encode(&mut out);
        Ok(ByteCopy(out))
    })
}

/// The error for parts that make no packet.
pub(crate) fn wrong(kind: &str) -> Failure {
    failure(Code::InvalidOption, format!("Expected the parts of a packet, got `{kind}`"))
}

fn packet<'a>(kind: &str, numbers: &[u32], bytes: &'a [u8]) -> Option<Packet<'a>> {
    let block = |message: fn(BlockRef) -> Message<'a>| match *numbers {
        [piece, begin, len] => Some(message(BlockRef { piece: PieceIndex(piece), begin, len })),
        _ => None,
    };
    let piece = |message: fn(PieceIndex) -> Message<'a>| match *numbers {
        [piece] => Some(message(PieceIndex(piece))),
        _ => None,
    };
    let range = || {
        let (root, hashes) = bytes.split_first_chunk::<32>()?;
        let &[base, index, len, proof] = numbers else { return None };
        Some((HashRange { root: *root, base, index, len, proof }, hashes))
    };
    let message = match kind {
        "handshake" => {
            let (reserved, rest) = bytes.split_first_chunk::<8>()?;
            let (info_hash, rest) = rest.split_first_chunk::<20>()?;
            let peer_id = rest.try_into().ok()?;
            return Some(Packet::Handshake(Handshake {
                reserved: Reserved(*reserved),
                info_hash: *info_hash,
                peer_id,
            }));
        }
        "hashRequest" => return range().map(|(range, _)| Packet::Hash(HashMessage::Request(range))),
        "hashes" => return range().map(|(range, hashes)| Packet::Hash(HashMessage::Hashes { range, hashes })),
        "hashReject" => return range().map(|(range, _)| Packet::Hash(HashMessage::Reject(range))),
        "keepAlive" => Message::KeepAlive,
        "choke" => Message::Choke,
        "unchoke" => Message::Unchoke,
        "interested" => Message::Interested,
        "notInterested" => Message::NotInterested,
        "have" => piece(Message::Have)?,
        "bitfield" => Message::Bitfield(bytes),
        "request" => block(Message::Request)?,
        "piece" => match *numbers {
            [piece, begin] => Message::Piece { piece: PieceIndex(piece), begin, data: bytes },
            _ => return None,
        },
        "cancel" => block(Message::Cancel)?,
        "port" => Message::Port(u16::try_from(*numbers.first()?).ok()?),
        "suggest" => piece(Message::Suggest)?,
        "haveAll" => Message::HaveAll,
        "haveNone" => Message::HaveNone,
        "reject" => block(Message::Reject)?,
        "allowedFast" => piece(Message::AllowedFast)?,
        "extended" => Message::Extended { id: u8::try_from(*numbers.first()?).ok()?, payload: bytes },
        _ => return None,
    };
    Some(Packet::Message(message))
}

fn flat(packet: Packet<'_>) -> FlatPacket {
    let part = |kind, numbers: &[u32], bytes: &[&[u8]]| FlatPacket {
        kind,
        numbers: numbers.to_vec(),
        bytes: ByteCopy(bytes.concat()),
    };
    let block = |kind, block: BlockRef| part(kind, &[block.piece.0, block.begin, block.len], &[]);
    let message = match packet {
        Packet::Handshake(shake) => {
            return part("handshake", &[], &[&shake.reserved.0, &shake.info_hash, &shake.peer_id]);
        }
        Packet::Hash(message) => {
            let (kind, hashes) = match message {
                HashMessage::Request(_) => ("hashRequest", &[][..]),
                HashMessage::Hashes { hashes, .. } => ("hashes", hashes),
                HashMessage::Reject(_) => ("hashReject", &[][..]),
            };
            let HashRange { root, base, index, len, proof } = message.range();
            return part(kind, &[*base, *index, *len, *proof], &[root, hashes]);
        }
        Packet::Message(message) => message,
    };
    match message {
        Message::KeepAlive => part("keepAlive", &[], &[]),
        Message::Choke => part("choke", &[], &[]),
        Message::Unchoke => part("unchoke", &[], &[]),
        Message::Interested => part("interested", &[], &[]),
        Message::NotInterested => part("notInterested", &[], &[]),
        Message::Have(piece) => part("have", &[piece.0], &[]),
        Message::Bitfield(bits) => part("bitfield", &[], &[bits]),
        Message::Request(request) => block("request", request),
        Message::Piece { piece, begin, data } => part("piece", &[piece.0, begin], &[data]),
        Message::Cancel(request) => block("cancel", request),
        Message::Port(port) => part("port", &[port.into()], &[]),
        Message::Suggest(piece) => part("suggest", &[piece.0], &[]),
        Message::HaveAll => part("haveAll", &[], &[]),
        Message::HaveNone => part("haveNone", &[], &[]),
        Message::Reject(request) => block("reject", request),
        Message::AllowedFast(piece) => part("allowedFast", &[piece.0], &[]),
        Message::Extended { id, payload } => part("extended", &[id.into()], &[payload]),
        Message::Unknown { id, len } => part("unknown", &[id.into(), len], &[]),
    }
}
