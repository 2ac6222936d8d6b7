//! Packets of µTP (BEP 29), in parts that `ts/protocol/utp.ts` gives names.

use bitlode::base::Code;
use bitlode::utp::{Extension, Header, Kind, Packet, SelectiveAck};
use napi_derive::napi;

use crate::bytes::{ByteCopy, Bytes, IntCopy};
use crate::error::{Result, failed, failure, guard};

const KINDS: [(&str, Kind); 5] =
    [("data", Kind::Data), ("fin", Kind::Fin), ("state", Kind::State), ("reset", Kind::Reset), ("syn", Kind::Syn)];

/// A packet in parts.
#[napi(object, object_from_js = false)]
pub struct FlatUtpPacket {
    /// What it is for.
    pub kind: &'static str,
    /// Connection id, timestamp, delay, window, seq, ack.
    pub numbers: Vec<u32>,
    /// Numbers of the extensions.
    pub ids: Vec<u32>,
    /// Bytes of each extension.
    pub lengths: Vec<u32>,
    /// The extensions' data one after the other, then the payload.
    #[napi(ts_type = "Uint8Array")]
    pub bytes: ByteCopy,
}

/// Reads a datagram.
#[napi(catch_unwind)]
pub fn parse_utp(#[napi(ts_arg_type = "Uint8Array")] datagram: Bytes) -> Result<FlatUtpPacket> {
    guard("parseUtp", || {
        let Packet { header, extensions, payload } = Packet::parse(&datagram.0).map_err(failed)?;
        let (mut ids, mut lengths, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for extension in extensions {
            let data = extension.data();
            ids.push(extension.id().into());
            lengths.push(u32::try_from(data.len()).unwrap_or(u32::MAX));
            bytes.extend_from_slice(&data);
        }
        bytes.extend_from_slice(payload);
        let Header { kind, connection_id, timestamp, delay, window, seq, ack } = header;
        Ok(FlatUtpPacket {
            kind: KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name),
            numbers: vec![connection_id.into(), timestamp, delay, window, seq.into(), ack.into()],
            ids,
            lengths,
            bytes: ByteCopy(bytes),
        })
    })
}

/// Builds a datagram.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn build_utp(
    kind: String,
    numbers: Vec<u32>,
    ids: Vec<u32>,
    lengths: Vec<u32>,
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes,
) -> Result<ByteCopy> {
    guard("buildUtp", || {
        let wrong = || failure(Code::InvalidOption, "Expected the parts of a µTP packet");
        let short = |number: u32| u16::try_from(number).map_err(|_| wrong());
        let kind = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, kind)| *kind).ok_or_else(wrong)?;
        let &[connection_id, timestamp, delay, window, seq, ack] = &numbers[..] else { return Err(wrong()) };
        let header = Header {
            kind,
            connection_id: short(connection_id)?,
            timestamp,
            delay,
            window,
            seq: short(seq)?,
            ack: short(ack)?,
        };
        let (mut extensions, mut rest) = (Vec::new(), &bytes.0[..]);
        for (id, length) in ids.iter().zip(&lengths) {
            let (data, behind) = rest.split_at_checked(*length as usize).ok_or_else(wrong)?;
            let id = u8::try_from(*id).map_err(|_| wrong())?;
            let extension = Extension::parse(id, data);
            extensions.push(extension.map_err(|error| failure(Code::InvalidOption, error.to_string()))?);
            rest = behind;
        }
        let mut out = Vec::new();
        let built = header.encode(&extensions, rest, &mut out);
        built.map_err(|error| failure(Code::InvalidOption, error.to_string()))?;
        Ok(ByteCopy(out))
    })
}

/// The packets that a selective ack names, in ascending order.
#[napi(catch_unwind, ts_return_type = "Uint32Array")]
pub fn utp_received(#[napi(ts_arg_type = "Uint8Array")] mask: Bytes<1>, ack: u32) -> Result<IntCopy> {
    guard("utpReceived", || {
        let ack = u16::try_from(ack).map_err(|_| failure(Code::InvalidOption, "Expected 16 bits"))?;
        Ok(IntCopy(SelectiveAck(&mask.0).received(ack).map(u32::from).collect()))
    })
}

/// The mask of a selective ack.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn utp_mask(ack: u32, received: Vec<u32>) -> Result<ByteCopy> {
    guard("utpMask", || {
        let short = |number: u32| u16::try_from(number).map_err(|_| failure(Code::InvalidOption, "Expected 16 bits"));
        let received = received.into_iter().map(short).collect::<std::result::Result<Vec<u16>, _>>()?;
        Ok(ByteCopy(SelectiveAck::mask(short(ack)?, received)))
    })
}
