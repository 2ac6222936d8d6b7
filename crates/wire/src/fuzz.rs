//! The body of the fuzz target `wire`, here so that a corpus can be replayed without a fuzzer.

use crate::{ExtendedHandshake, ExtendedLimits, Handshake, Message, MetadataMessage};

/// Reads `data` as every packet there is and checks that what was read is built again as it was. Panics where it is not.
/// The first byte is the message's id, the rest its payload.
pub fn wire(data: &[u8]) {
    if let Some((id, payload)) = data.split_first() {
        message(*id, payload);
    }
    if let Some(shake) = data.first_chunk::<{ Handshake::LEN }>()
        && let Ok(handshake) = Handshake::parse(shake)
    {
        assert_eq!(&handshake.encode(), shake);
    }
    let limits = ExtendedLimits {
        depth: 16,
        tokens: 20_000,
        names: 64,
        name_bytes: 64,
        client_bytes: 64,
        reqq: 2000,
        metadata_size: 16 << 20,
    };
    if let Ok(read) = MetadataMessage::parse(data, &limits)
        && read != MetadataMessage::Unknown
    {
        assert_eq!(MetadataMessage::parse(&read.build(), &limits), Ok(read));
    }
    if let Ok(read) = ExtendedHandshake::parse(data, &limits) {
        assert_eq!(ExtendedHandshake::parse(&read.build(), &limits), Ok(read));
    }
}

fn message(id: u8, payload: &[u8]) {
    let Ok(read) = Message::parse(id, payload) else {
        return assert_ne!(Message::fixed_len(id).map(|len| len as usize), Some(payload.len()));
    };
    if let Some(owned) = read.to_owned() {
        assert_eq!(owned.as_ref(), read);
    }
    if matches!(read, Message::Unknown { .. }) {
        return;
    }
    let mut frame = Vec::new();
    read.encode(&mut frame);
    let (len, body) = frame.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    assert_eq!(
        (u32::from_be_bytes(*len) as usize, body.first(), body.get(1..)),
        (body.len(), Some(&id), Some(payload))
    );
}
