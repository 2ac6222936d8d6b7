//! Every message, built and read; vectors from the BEPs and from captures.

use bitlode_base::{BlockRef, Choice, PieceIndex};
use bitlode_wire::{Message, WireError, id, piece_header};

const BLOCK: BlockRef = BlockRef { piece: PieceIndex(1), begin: 0, len: 16384 };

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn frame(message: Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

#[test]
fn every_message_has_the_bytes_of_its_bep() {
    for (message, bytes) in [
        (Message::KeepAlive, "00000000"),
        (Message::Choke, "0000000100"),
        (Message::Unchoke, "0000000101"),
        (Message::Interested, "0000000102"),
        (Message::NotInterested, "0000000103"),
        (Message::Have(PieceIndex(0x01020304)), "000000050401020304"),
        (Message::Bitfield(&[0xff, 0x80]), "0000000305ff80"),
        (Message::Request(BLOCK), "0000000d06000000010000000000004000"),
        (Message::Piece { piece: PieceIndex(1), begin: 16384, data: b"abc" }, "0000000c070000000100004000616263"),
        (Message::Cancel(BLOCK), "0000000d08000000010000000000004000"),
        (Message::Port(6881), "00000003091ae1"),
        (Message::Suggest(PieceIndex(3)), "000000050d00000003"),
        (Message::HaveAll, "000000010e"),
        (Message::HaveNone, "000000010f"),
        (Message::Reject(BLOCK), "0000000d10000000010000000000004000"),
        (Message::AllowedFast(PieceIndex(1059)), "000000051100000423"),
        (
            Message::Extended { id: 2, payload: b"d8:msg_typei0e5:piecei0ee" },
            "0000001b140264383a6d73675f74797065693065353a706965636569306565",
        ),
        (Message::Extended { id: 7, payload: &[0, 0, 0, 5] }, "00000006140700000005"),
    ] {
        let bytes = hex(bytes);
        assert_eq!(frame(message), bytes, "{message:?}");
        if let Some((id, payload)) = bytes[4..].split_first() {
            assert_eq!(Message::parse(*id, payload), Ok(message));
        }
    }
}

#[test]
fn any_message_is_read_as_it_was_built() {
    for seed in 0..2_000 {
        let mut choice = Choice::new(seed);
        let word = choice.next() as u32;
        let bytes: Vec<u8> = (0..choice.below(40)).map(|_| choice.next() as u8).collect();
        let block = BlockRef { piece: PieceIndex(word), begin: choice.next() as u32, len: choice.next() as u32 };
        let message = match choice.below(17) {
            0 => Message::Choke,
            1 => Message::Unchoke,
            2 => Message::Interested,
            3 => Message::NotInterested,
            4 => Message::Have(PieceIndex(word)),
            5 => Message::Bitfield(&bytes),
            6 => Message::Request(block),
            7 => Message::Piece { piece: PieceIndex(word), begin: block.begin, data: &bytes },
            8 => Message::Cancel(block),
            9 => Message::Port(word as u16),
            10 => Message::Suggest(PieceIndex(word)),
            11 => Message::HaveAll,
            12 => Message::HaveNone,
            13 => Message::Reject(block),
            14 => Message::AllowedFast(PieceIndex(word)),
            15 => Message::Extended { id: word as u8, payload: &bytes },
            _ => Message::KeepAlive,
        };
        let frame = frame(message);
        assert_eq!(u32::from_be_bytes(*frame.first_chunk().unwrap()) as usize, frame.len() - 4, "seed {seed}");
        match frame[4..].split_first() {
            Some((id, payload)) => assert_eq!(Message::parse(*id, payload), Ok(message), "seed {seed}"),
            None => assert_eq!(message, Message::KeepAlive),
        }
        if let Some(owned) = message.to_owned() {
            assert_eq!(owned.as_ref(), message, "seed {seed}");
        }
    }
}

#[test]
fn a_payload_of_another_length_is_refused() {
    for id in 0..=255 {
        for len in 0..30u32 {
            let payload = vec![0; len as usize];
            let read = Message::parse(id, &payload);
            let least = match id {
                id::PIECE => 8,
                id::EXTENDED => 1,
                _ => 0,
            };
            match Message::fixed_len(id) {
                Some(want) if want != len => assert_eq!(read, Err(WireError::Length { id, want, got: len })),
                None if len < least => assert_eq!(read, Err(WireError::Length { id, want: least, got: len })),
                _ => assert!(read.is_ok(), "{id} of {len}"),
            }
        }
    }
}

#[test]
fn a_message_of_an_unknown_type_keeps_no_payload_and_cannot_be_sent() {
    let read = Message::parse(99, b"whatever").unwrap();
    assert_eq!(read, Message::Unknown { id: 99, len: 8 });
    assert!(frame(read).is_empty() && read.to_owned().is_none());
}

#[test]
fn the_header_of_a_piece_is_the_start_of_its_frame() {
    let data = vec![7; 16384];
    let whole = frame(Message::Piece { piece: BLOCK.piece, begin: BLOCK.begin, data: &data });
    assert_eq!(piece_header(BLOCK), whole[..13]);
}

#[test]
fn the_fuzz_corpus_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/wire");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        bitlode_wire::fuzz::wire(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 0, "{folder} is empty");
}
