//! Packets built and read; vectors computed from BEP 29 and what libutp and libtorrent send.

use bitlode_base::{Choice, Code, Coded};
use bitlode_utp::{Extension, Header, Kind, Packet, SelectiveAck, UtpError};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn encode(header: Header, extensions: &[Extension<'_>], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xee];
    header.encode(extensions, payload, &mut out).unwrap();
    out.split_off(1)
}

const fn header(kind: Kind, connection_id: u16, timestamp: u32, delay: u32, window: u32, seq: u16, ack: u16) -> Header {
    Header { kind, connection_id, timestamp, delay, window, seq, ack }
}

#[test]
fn the_packets_of_a_connection_have_the_bytes_of_the_wire() {
    const MIB: u32 = 1 << 20;
    let syn = header(Kind::Syn, 0x1234, 0x0011_2233, 0, MIB, 0x4321, 0);
    let answer = header(Kind::State, 0x1234, 0x0011_2300, 0xbeef, MIB, 0x9000, 0x4321);
    let data = header(Kind::Data, 0x1235, 0x0011_2400, 0xcafe, MIB, 0x4322, 0x8fff);
    let reply = header(Kind::Data, 0x1234, 0x0011_2500, 0xbeef, MIB, 0x9000, 0x4322);
    for (header, payload, bytes) in [
        (syn, &b""[..], "4100123400112233000000000010000043210000"),
        (answer, b"", "21001234001123000000beef0010000090004321"),
        (data, b"hello", "01001235001124000000cafe0010000043228fff68656c6c6f"),
        (reply, b"hi", "01001234001125000000beef00100000900043226869"),
    ] {
        assert_eq!(encode(header, &[], payload), hex(bytes), "{header:?}");
        let bytes = hex(bytes);
        let read = Packet::parse(&bytes).unwrap();
        assert_eq!((read.header, read.payload, read.extensions.into_iter().count()), (header, payload, 0));
    }
}

#[test]
fn a_selective_ack_names_what_came_behind_the_hole() {
    let bytes = hex("21011234000000010000000200000003000403e800040d000080");
    let packet = Packet::parse(&bytes).unwrap();
    let ack = packet.selective_ack().unwrap();
    assert_eq!(packet.header.ack, 1000);
    assert_eq!(ack.received(1000).collect::<Vec<_>>(), [1002, 1004, 1005, 1033]);
    assert_eq!(SelectiveAck::mask(1000, [1033, 1005, 1004, 1002]), ack.0);
    assert_eq!(encode(packet.header, &[Extension::SelectiveAck(ack)], b""), bytes);
}

#[test]
fn the_numbers_of_a_selective_ack_wrap() {
    let mask = SelectiveAck::mask(65534, [0, 1, 3]);
    assert_eq!(mask, [0b0000_1011, 0, 0, 0]);
    assert_eq!(SelectiveAck(&mask).received(65534).collect::<Vec<_>>(), [0, 1, 3]);
}

#[test]
fn a_mask_grows_by_four_bytes_and_ends_where_an_extension_does() {
    assert_eq!(SelectiveAck::mask(0, []), [0; 4]);
    for (seq, len) in [(2, 4), (33, 4), (34, 8), (65, 8), (66, 12), (2017, 252)] {
        let mask = SelectiveAck::mask(0, [seq]);
        assert_eq!((mask.len(), SelectiveAck(&mask).received(0).collect::<Vec<_>>()), (len, vec![seq]), "{seq}");
    }
    assert_eq!(SelectiveAck::mask(0, [0, 1, 2018, 65535]), [0; 4], "what no mask can name");
    // libtorrent sends as many bytes as it needs.
    assert_eq!(SelectiveAck(&[0x80]).received(10).collect::<Vec<_>>(), [19]);
}

#[test]
fn extensions_stand_in_a_chain_and_unknown_ones_are_kept() {
    let bytes = hex("110112340000000100000002000000030004000503040100000000040000000e");
    let packet = Packet::parse(&bytes).unwrap();
    let reason = Extension::CloseReason { reserved: 0, reason: 14 };
    let ack = Extension::SelectiveAck(SelectiveAck(&[1, 0, 0, 0]));
    assert_eq!((packet.header.kind, packet.payload), (Kind::Fin, &b""[..]));
    assert_eq!(packet.extensions.into_iter().collect::<Vec<_>>(), [ack, reason]);
    assert_eq!(encode(packet.header, &[ack, reason], b""), bytes);

    let bytes = hex("01c8123400000001000000020000000300040005010361626300040000000078");
    let packet = Packet::parse(&bytes).unwrap();
    let unknown = Extension::Other { id: 200, data: b"abc" };
    let ack = Extension::SelectiveAck(SelectiveAck(&[0; 4]));
    assert_eq!(packet.extensions.into_iter().collect::<Vec<_>>(), [unknown, ack]);
    assert_eq!(packet.payload, b"x");
    assert_eq!(encode(packet.header, &[unknown, ack], b"x"), bytes);
}

#[test]
fn what_is_no_packet_is_refused() {
    let good = hex("4100123400112233000000000010000043210000");
    for len in 0..20 {
        assert_eq!(Packet::parse(&good[..len]), Err(UtpError::Short { bytes: len }));
    }
    let with = |at: usize, byte: u8, more: &[u8]| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes.extend_from_slice(more);
        bytes
    };
    for (bytes, error) in [
        (with(0, 0x42, b""), UtpError::Version(2)),
        (with(0, 0x40, b""), UtpError::Version(0)),
        (with(0, 0x51, b""), UtpError::Type(5)),
        (with(0, 0xf1, b""), UtpError::Type(15)),
        (with(1, 1, b""), UtpError::Truncated { id: 1 }),
        (with(1, 1, b"\0"), UtpError::Truncated { id: 1 }),
        (with(1, 1, b"\0\x04abc"), UtpError::Truncated { id: 1 }),
        (with(1, 9, b"\x07\x01a"), UtpError::Truncated { id: 7 }),
        (with(1, 1, b"\0\0"), UtpError::Extension { id: 1, len: 0 }),
        (with(1, 2, b"\0\x04abcd"), UtpError::Extension { id: 2, len: 4 }),
    ] {
        assert_eq!(Packet::parse(&bytes), Err(error), "{bytes:02x?}");
        assert_eq!(error.code(), Code::UtpInvalid);
    }
}

#[test]
fn what_would_be_read_as_something_else_is_not_written() {
    let header = header(Kind::State, 1, 2, 3, 4, 5, 6);
    for extension in [
        Extension::Other { id: 0, data: b"x" },
        Extension::Other { id: 1, data: b"x" },
        Extension::Other { id: 2, data: b"x" },
        Extension::Other { id: 3, data: b"four" },
        Extension::Other { id: 9, data: &[0; 256] },
        Extension::SelectiveAck(SelectiveAck(&[])),
        Extension::SelectiveAck(SelectiveAck(&[0; 256])),
    ] {
        let mut out = b"before".to_vec();
        assert!(header.encode(&[Extension::Bits([0; 8]), extension], b"x", &mut out).is_err(), "{extension:?}");
        assert_eq!(out, b"before", "nothing is appended");
    }
}

#[test]
fn any_packet_is_read_as_it_was_built() {
    for seed in 0..3_000 {
        let mut choice = Choice::new(seed);
        let kind = [Kind::Data, Kind::Fin, Kind::State, Kind::Reset, Kind::Syn][choice.below(5) as usize];
        let mut bytes = |max| (0..choice.below(max)).map(|_| choice.next() as u8).collect::<Vec<_>>();
        let (payload, data, mask) = (bytes(50), bytes(256), [bytes(255), vec![7]].concat());
        let header = header(
            kind,
            choice.next() as u16,
            choice.next() as u32,
            choice.next() as u32,
            choice.next() as u32,
            choice.next() as u16,
            choice.next() as u16,
        );
        let extensions: Vec<_> = (0..choice.below(5))
            .map(|_| match choice.below(4) {
                0 => Extension::SelectiveAck(SelectiveAck(&mask)),
                1 => Extension::Bits(choice.next().to_be_bytes()),
                2 => Extension::CloseReason { reserved: choice.next() as u16, reason: choice.next() as u16 },
                _ => Extension::Other { id: 4 + choice.below(252) as u8, data: &data },
            })
            .collect();
        let datagram = encode(header, &extensions, &payload);
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!((packet.header, packet.payload), (header, &payload[..]), "seed {seed}");
        assert_eq!(packet.extensions.into_iter().collect::<Vec<_>>(), extensions, "seed {seed}");
        let mut again = Vec::new();
        packet.encode(&mut again).unwrap();
        assert_eq!(again, datagram, "seed {seed}");
    }
}

#[test]
fn the_fuzz_corpus_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/utp");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        bitlode_utp::fuzz::utp(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 3, "{folder} has {files} files");
}
