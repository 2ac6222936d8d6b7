//! The body of the fuzz target `utp`, here so that its corpus can be replayed without a fuzzer.

use crate::{Packet, SelectiveAck};

/// Reads a datagram and writes it again: the bytes must be the same. Panics where they are not.
pub fn utp(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else { return };
    let mut again = Vec::new();
    assert_eq!(packet.encode(&mut again), Ok(()));
    assert_eq!(again, data);
    if let Some(ack) = packet.selective_ack() {
        let came: Vec<u16> = ack.received(packet.header.ack).collect();
        let mask = SelectiveAck::mask(packet.header.ack, came.iter().copied());
        assert!(mask.len().is_multiple_of(4) && mask.len() <= 252);
        // 255 bytes are the longest mask that can be read, 252 the longest that is written.
        let named = came.iter().filter(|seq| seq.wrapping_sub(packet.header.ack) < 2018);
        assert!(SelectiveAck(&mask).received(packet.header.ack).eq(named.copied()));
    }
}
