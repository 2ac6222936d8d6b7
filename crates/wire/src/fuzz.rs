//! The bodies of the fuzz targets, here so that their corpora can be replayed without a fuzzer. Each reads its data and
//! panics where what was read is not built again as it was.

use crate::{
    ExtendedHandshake, ExtendedLimits, FrameLimits, Handshake, HolepunchMessage, Message, MetadataMessage, Packet,
    PacketReader, PexMessage, WireError,
};

const LIMITS: ExtendedLimits = ExtendedLimits {
    depth: 16,
    tokens: 20_000,
    names: 64,
    name_bytes: 64,
    client_bytes: 64,
    reqq: 2000,
    metadata_size: 16 << 20,
};

const FRAMES: FrameLimits = FrameLimits { message: 400, bitfield: 200, extended_handshake: 100, extended_message: 150 };

/// Messages and the handshake. The first byte is the message's id, the rest its payload.
pub fn wire(data: &[u8]) {
    if let Some((id, payload)) = data.split_first() {
        message(*id, payload);
    }
    if let Some(shake) = data.first_chunk::<{ Handshake::LEN }>()
        && let Ok(handshake) = Handshake::parse(shake)
    {
        assert_eq!(&handshake.encode(), shake);
    }
}

fn message(id: u8, payload: &[u8]) {
    let Ok(read) = Packet::parse(id, payload) else {
        return assert_ne!(Message::fixed_len(id).map(|len| len as usize), Some(payload.len()));
    };
    match read {
        Packet::Message(Message::Unknown { .. }) => return,
        Packet::Message(message) => {
            if let Some(owned) = message.to_owned() {
                assert_eq!(owned.as_ref(), message);
            }
        }
        Packet::Hash(hash) => {
            let _ = (hash.range().check(512, 32), hash.is_whole());
        }
        Packet::Handshake(_) => {}
    }
    let mut frame = Vec::new();
    read.encode(&mut frame);
    let (len, body) = frame.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    assert_eq!(
        (u32::from_be_bytes(*len) as usize, body.first(), body.get(1..)),
        (body.len(), Some(&id), Some(payload))
    );
}

/// A stream cut anywhere: the first byte says whether a handshake comes first, the second how it is cut, the rest is the
/// stream. What the reader says must be what reading each packet as a whole says.
pub fn stream(data: &[u8]) {
    let Some(([first, cut], bytes)) = data.split_first_chunk::<2>() else { return };
    let handshake = first & 1 == 1;
    let mut reader = if handshake { PacketReader::new(FRAMES) } else { PacketReader::after_handshake(FRAMES) };
    let mut step = u64::from(*cut);
    let (mut rest, mut expect, mut in_handshake) = (bytes, bytes, handshake);
    loop {
        // The parts are of 0 to 16 bytes, in an order that the second byte decides.
        step = step.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = usize::try_from((step >> 33) % 17).unwrap_or(0).min(rest.len());
        let (now, _) = rest.split_at_checked(part).unwrap_or((rest, &[]));
        match reader.read(now) {
            Err(error) => {
                assert_eq!(reader.read(b"x"), Err(error), "an error is final");
                // Whoever refuses must have a reason: the bytes so far are no whole packet that is allowed.
                let seen = bytes.len().saturating_sub(rest.len()).saturating_add(now.len());
                let from = bytes.len().saturating_sub(expect.len());
                let so_far = bytes.get(from..seen).unwrap_or_default();
                return assert!(!matches!(whole(so_far, in_handshake), Some(Ok(_))));
            }
            Ok((used, packet)) => {
                assert!(used == now.len() || packet.is_some(), "bytes are left over without a packet");
                rest = rest.get(used..).unwrap_or_default();
                if let Some(packet) = packet {
                    let Some(Ok((want, len))) = whole(expect, in_handshake) else {
                        panic!("{packet:?} out of nothing");
                    };
                    assert_eq!(packet, want);
                    expect = expect.get(len..).unwrap_or_default();
                    assert_eq!(rest.len(), expect.len(), "exactly one packet is taken");
                    in_handshake = false;
                }
            }
        }
        assert!(reader.buffered() <= 404, "{} bytes kept", reader.buffered());
        if rest.is_empty() {
            return assert!(!matches!(whole(expect, in_handshake), Some(Ok(_))), "a whole packet was not given out");
        }
    }
}

/// The first packet of `bytes` and its length, read in one piece and without limits; `None` when it is not whole.
fn whole(bytes: &[u8], in_handshake: bool) -> Option<Result<(Packet<'_>, usize), WireError>> {
    if in_handshake {
        let shake = bytes.first_chunk::<{ Handshake::LEN }>()?;
        return Some(Handshake::parse(shake).map(|shake| (Packet::Handshake(shake), Handshake::LEN)));
    }
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let len = u32::from_be_bytes(*len) as usize;
    let Some((id, payload)) = rest.get(..len)?.split_first() else {
        return Some(Ok((Packet::Message(Message::KeepAlive), 4)));
    };
    // A block of no bytes has a shape but no meaning, and the limits are those of FRAMES.
    let most = match id {
        5 => 200,
        20 if payload.first() == Some(&0) => 100,
        20 => 150,
        _ => 400,
    };
    if len > most || (*id == 7 && payload.len() < 9) {
        return Some(Err(WireError::NotBitTorrent));
    }
    Some(Packet::parse(*id, payload).map(|packet| (packet, len.saturating_add(4))))
}

/// The extended handshake (BEP 10).
pub fn extended(data: &[u8]) {
    if let Ok(read) = ExtendedHandshake::parse(data, &LIMITS) {
        assert_eq!(ExtendedHandshake::parse(&read.build(), &LIMITS), Ok(read));
    }
}

/// `ut_metadata` (BEP 9).
pub fn metadata(data: &[u8]) {
    if let Ok(read) = MetadataMessage::parse(data, &LIMITS)
        && read != MetadataMessage::Unknown
    {
        assert_eq!(MetadataMessage::parse(&read.build(), &LIMITS), Ok(read));
    }
}

/// `ut_pex` (BEP 11).
pub fn pex(data: &[u8]) {
    if let Ok(read) = PexMessage::parse(data, &LIMITS) {
        assert!(read.added.len().saturating_add(read.dropped.len()) <= data.len() / 6, "more peers than bytes");
        assert_eq!(PexMessage::parse(&read.build(), &LIMITS), Ok(read));
    }
}

/// `ut_holepunch` (BEP 55).
pub fn holepunch(data: &[u8]) {
    if let Ok(read) = HolepunchMessage::parse(data) {
        assert_eq!(HolepunchMessage::parse(&read.build()), Ok(read));
    }
}
