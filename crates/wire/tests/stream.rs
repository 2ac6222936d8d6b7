//! A stream of packets that is cut anywhere; vectors of other projects where they are at hand.

use bitlode_base::{BlockRef, Choice, Code, Coded, PieceIndex};
use bitlode_wire::{
    FrameLimits, Handshake, HashMessage, HashRange, Message, Packet, PacketReader, Reserved, WireError, id,
};

const LIMITS: FrameLimits =
    FrameLimits { message: 16 * 1024 + 9, bitfield: 1000, extended_handshake: 500, extended_message: 700 };

fn frame(packet: Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(&mut out);
    out
}

/// Any packet that can be sent, with what it borrows.
fn any(choice: &mut Choice, bytes: &[u8]) -> Vec<u8> {
    let word = choice.next() as u32;
    let block = BlockRef { piece: PieceIndex(word), begin: choice.next() as u32, len: choice.next() as u32 };
    let mut root = [0; 32];
    root.fill_with(|| choice.next() as u8);
    let range = HashRange { root, base: word, index: block.begin, len: block.len, proof: choice.next() as u32 };
    let message = match choice.below(20) {
        0 => Message::Choke,
        1 => Message::Unchoke,
        2 => Message::Interested,
        3 => Message::NotInterested,
        4 => Message::Have(PieceIndex(word)),
        5 => Message::Bitfield(bytes),
        6 => Message::Request(block),
        7 => Message::Piece { piece: PieceIndex(word), begin: block.begin, data: bytes },
        8 => Message::Cancel(block),
        9 => Message::Port(word as u16),
        10 => Message::Suggest(PieceIndex(word)),
        11 => Message::HaveAll,
        12 => Message::HaveNone,
        13 => Message::Reject(block),
        14 => Message::AllowedFast(PieceIndex(word)),
        15 => Message::Extended { id: word as u8, payload: bytes },
        16 => return frame(Packet::Hash(HashMessage::Request(range))),
        17 => return frame(Packet::Hash(HashMessage::Reject(range))),
        18 => {
            let hashes = vec![word as u8; 32 * bytes.len()];
            return frame(Packet::Hash(HashMessage::Hashes { range, hashes: &hashes }));
        }
        _ => Message::KeepAlive,
    };
    frame(Packet::Message(message))
}

/// Feeds `stream` in parts that `choice` cuts: each packet, encoded again.
fn read_all(reader: &mut PacketReader, stream: &[u8], choice: &mut Choice) -> Result<Vec<Vec<u8>>, WireError> {
    let (mut packets, mut at) = (Vec::new(), 0);
    while at < stream.len() {
        let end = stream.len().min(at + choice.below(40) as usize);
        let (used, packet) = reader.read(&stream[at..end])?;
        assert!(used == end - at || packet.is_some());
        packets.extend(packet.map(frame));
        at += used;
    }
    Ok(packets)
}

#[test]
fn any_packets_cut_anywhere_are_read_as_they_were_built() {
    for seed in 0..1_000 {
        let mut choice = Choice::new(seed);
        let shake = Handshake { reserved: Reserved([seed as u8; 8]), info_hash: [1; 20], peer_id: [2; 20] };
        let mut sent = vec![frame(Packet::Handshake(shake))];
        for _ in 0..choice.below(12) {
            let bytes: Vec<u8> = (0..=choice.below(120)).map(|_| choice.next() as u8).collect();
            sent.push(any(&mut choice, &bytes));
        }
        let stream = sent.concat();
        let mut reader = PacketReader::new(LIMITS);
        assert_eq!(read_all(&mut reader, &stream, &mut choice), Ok(sent), "seed {seed}");
        assert_eq!(reader.buffered(), 0);
    }
}

#[test]
fn every_split_in_two_gives_the_same_packet() {
    let mut bytes = frame(Packet::Message(Message::Extended { id: 0, payload: b"d1:md6:ut_pexi1eee" }));
    bytes.extend(frame(Packet::Message(Message::KeepAlive)));
    let first = bytes.len() - 4;
    for cut in 0..bytes.len() {
        let mut reader = PacketReader::after_handshake(LIMITS);
        let (mut at, mut packets) = (0, Vec::new());
        for part in [cut, bytes.len()] {
            while at < part {
                let (used, packet) = reader.read(&bytes[at..part]).unwrap();
                packets.extend(packet.map(frame));
                at += used;
                assert!(packets.is_empty() == (at < first), "the packet ends with its last byte");
            }
        }
        assert_eq!(packets.concat(), bytes, "cut at {cut}");
    }
}

#[test]
fn a_length_is_judged_before_anything_of_the_payload_is_kept() {
    let too_long = |id, len, max| WireError::TooLong { id, len, max };
    for (head, error) in [
        (&[0xff, 0xff, 0xff, 0xff][..], too_long(None, u32::MAX, 16_393)),
        (&[0, 0, 0x40, 10][..], too_long(None, 16_394, 16_393)),
        (&[0, 0, 3, 0xe9, id::BITFIELD][..], too_long(Some(id::BITFIELD), 1001, 1000)),
        (&[0, 0, 2, 0xbd, id::EXTENDED][..], too_long(Some(id::EXTENDED), 701, 700)),
        (&[0, 0, 1, 0xf5, id::EXTENDED, 0][..], too_long(Some(id::EXTENDED), 501, 500)),
        (&[0, 0, 0, 6, id::HAVE][..], WireError::Length { id: id::HAVE, want: 4, got: 5 }),
        (&[0, 0, 0, 2, id::CHOKE][..], WireError::Length { id: id::CHOKE, want: 0, got: 1 }),
        (&[0, 0, 0, 9, id::PIECE][..], WireError::Length { id: id::PIECE, want: 9, got: 8 }),
        (&[0, 0, 0, 1, id::EXTENDED][..], WireError::Length { id: id::EXTENDED, want: 1, got: 0 }),
        (&[0, 0, 0, 50, id::HASH_REQUEST][..], WireError::Length { id: id::HASH_REQUEST, want: 48, got: 49 }),
        (&[0, 0, 0, 50, id::HASHES][..], WireError::Length { id: id::HASHES, want: 48, got: 49 }),
    ] {
        let mut reader = PacketReader::after_handshake(LIMITS);
        let (last, before) = head.split_last().unwrap();
        assert_eq!(reader.read(before), Ok((before.len(), None)), "{head:?}");
        assert_eq!(reader.read(&[*last]), Err(error.clone()), "{head:?}");
        assert_eq!(reader.read(b"more"), Err(error.clone()), "an error is final");
        assert_eq!(reader.buffered(), 0);
        let code = if matches!(error, WireError::TooLong { .. }) { Code::PeerMsgTooLarge } else { Code::PeerProtocol };
        assert_eq!(error.code(), code);
    }
}

#[test]
fn another_protocol_is_refused_at_its_first_wrong_byte() {
    let shake = Handshake { reserved: Reserved::NONE, info_hash: [1; 20], peer_id: [2; 20] }.encode();
    for at in 0..20 {
        let mut bytes = shake;
        bytes[at] ^= 1;
        let mut reader = PacketReader::new(LIMITS);
        assert_eq!(reader.read(&bytes[..at]), Ok((at, None)));
        assert_eq!(reader.read(&bytes[at..=at]), Err(WireError::NotBitTorrent));
    }
}

#[test]
fn the_payload_of_an_unknown_message_is_skipped_and_not_kept() {
    let mut stream = vec![0, 0, 0x40, 1, 99];
    stream.resize(4 + 0x4001, 7);
    let mut reader = PacketReader::after_handshake(LIMITS);
    for part in stream[..stream.len() - 1].chunks(1000) {
        assert_eq!(reader.read(part), Ok((part.len(), None)));
        assert!(reader.buffered() <= 5);
    }
    let unknown = Packet::Message(Message::Unknown { id: 99, len: 0x4000 });
    assert_eq!(reader.read(&[7, 0, 0, 0, 0]), Ok((1, Some(unknown))));
    assert_eq!(reader.read(&[0, 0, 0, 0]), Ok((4, Some(Packet::Message(Message::KeepAlive)))));
}

#[test]
fn the_hash_request_of_the_notes_is_built_and_read() {
    let text =
        "00000031155f43818f2ac4de92ee0995725456d10ac55236753d3dee6dc112132c1d89c58100000002000000000000002000000004";
    let bytes = hex(text);
    let root = *bytes[5..].first_chunk().unwrap();
    let request = Packet::Hash(HashMessage::Request(HashRange { root, base: 2, index: 0, len: 32, proof: 4 }));
    assert_eq!(frame(request), bytes);
    let mut reader = PacketReader::after_handshake(LIMITS);
    assert_eq!(reader.read(&bytes), Ok((bytes.len(), Some(request))));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_fuzz_corpora_pass() {
    type Target = fn(&[u8]);
    let targets: [(&str, Target); 5] = [
        ("wire_stream", bitlode_wire::fuzz::stream),
        ("extended", bitlode_wire::fuzz::extended),
        ("ut_metadata", bitlode_wire::fuzz::metadata),
        ("ut_pex", bitlode_wire::fuzz::pex),
        ("ut_holepunch", bitlode_wire::fuzz::holepunch),
    ];
    for (name, target) in targets {
        let folder = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut files = 0;
        for file in std::fs::read_dir(&folder).unwrap() {
            target(&std::fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 3, "{folder} has {files} files");
    }
}
