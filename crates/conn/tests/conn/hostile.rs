//! Peers that break rules: rows 24, 25, 28 and 34 of the threat table, and limits at, below and above.

use std::sync::Arc;

use bitlode_base::{BlockRef, PieceIndex, Pool, Time};
use bitlode_conn::{Conn, Event};
use bitlode_wire::{Message, OwnedMessage, Reserved, id};

use crate::peer::{FAST, PIECES, Peer, block, frame, limits, piece, shake};

/// A message's first bytes: length prefix, id, and whatever else.
fn head(len: u32, rest: &[u8]) -> Vec<u8> {
    [&len.to_be_bytes(), rest].concat()
}

#[test]
fn row_24_a_length_beyond_the_type_fails_with_the_first_five_bytes() {
    for len in [u32::MAX, 1 << 31, 0x7fff_ffff] {
        for id in 0..=u8::MAX {
            let mut peer = Peer::new(FAST);
            peer.push(&head(len, &[]));
            assert!(!peer.failed(), "four bytes say nothing of the type");
            peer.push(&[id]);
            let want = if id == id::BITFIELD { "ERR_PEER_BITFIELD" } else { "ERR_PEER_MSG_TOO_LARGE" };
            assert_eq!(peer.code(), Some(want), "{id}");
        }
    }
}

#[test]
fn row_24_each_type_has_its_own_limit() {
    let limits = limits();
    for (id, most) in [
        (id::CHOKE, 1),
        (id::HAVE, 5),
        (id::REQUEST, 13),
        (id::PORT, 3),
        (id::REJECT, 13),
        (id::HAVE_ALL, 1),
        (id::PIECE, limits.message_cap),
        (id::EXTENDED, limits.extended_handshake),
        (99, limits.message_cap),
    ] {
        for (len, fails) in [(most - 1, most <= 13), (most, false), (most + 1, true)] {
            let mut peer = Peer::new(FAST);
            if len > 0 {
                peer.push(&head(len, &[id]));
                assert_eq!(peer.failed(), fails, "message {id} of {len}");
                let code = if len > most { "ERR_PEER_MSG_TOO_LARGE" } else { "ERR_PEER_PROTOCOL" };
                assert!(!fails || peer.code() == Some(code));
            }
        }
    }
}

#[test]
fn row_24_an_extended_message_is_judged_again_with_its_id() {
    let limits = limits();
    for (extended, len, fails) in [
        (0, limits.extended_handshake, false),
        (0, limits.extended_handshake + 1, true),
        (1, limits.extended_message, false),
        (1, limits.extended_message + 1, true),
    ] {
        let mut peer = Peer::new(FAST);
        peer.push(&head(len, &[id::EXTENDED, extended]));
        assert_eq!(peer.failed(), fails, "extended {extended} of {len}");
    }
    let mut peer = Peer::new(FAST);
    peer.push(&head(1, &[id::EXTENDED]));
    assert_eq!(peer.code(), Some("ERR_PEER_PROTOCOL"), "no extended id");
}

#[test]
fn row_24_nothing_is_allocated_by_a_declared_length() {
    let mut peer = Peer::with(FAST, limits());
    for number in 0..100 {
        peer.request(block(1, number));
    }
    peer.push(&head(16384 + 9, &[id::PIECE, 0, 0, 0, 1]));
    assert_eq!(peer.pool.in_use(), 0, "a header takes no slab");
}

#[test]
fn row_25_unknown_messages_are_skipped_and_the_last_allowed_one_is_the_31st() {
    let mut peer = Peer::new(FAST);
    for count in 1..=31 {
        peer.push_cut(&[head(100_001, &[50 + count]), vec![7; 100_000]].concat(), 30_011);
        assert!(!peer.failed(), "{count}");
    }
    peer.message(&Message::Unchoke);
    assert!(matches!(peer.events.last(), Some(Event::Message(OwnedMessage::Unchoke))));
    peer.push(&head(1, &[99]));
    assert_eq!(peer.code(), Some("ERR_PEER_PROTOCOL"));
}

#[test]
fn row_28_the_bitfield_has_the_exact_length_once_the_piece_count_is_known() {
    for (bytes, fine) in [(12, false), (13, true), (14, false)] {
        let mut peer = Peer::new(FAST);
        peer.push(&head(bytes + 1, &[id::BITFIELD]));
        assert_eq!((peer.failed(), peer.code()), (!fine, (!fine).then_some("ERR_PEER_BITFIELD")), "{bytes}");
    }
}

#[test]
fn row_28_spare_bits_are_refused() {
    assert_eq!(PIECES % 8, 4);
    for (last, fine) in [(0xf0, true), (0xf8, false), (0x01, false)] {
        let mut peer = Peer::new(FAST);
        peer.message(&Message::Bitfield(&[[0xff; 12].as_slice(), &[last]].concat()));
        assert_eq!((peer.failed(), peer.code()), (!fine, (!fine).then_some("ERR_PEER_BITFIELD")), "{last:x}");
    }
}

#[test]
fn row_28_before_metadata_a_bitfield_has_a_limit_and_no_spare_bits() {
    let most = limits().bitfield_before_metadata;
    for (len, fine) in [(1, true), (most, true), (most + 1, false), (1 << 20, false)] {
        let mut conn = Conn::responder(Arc::new(limits()), Pool::new(0), Time::ZERO);
        let n = conn.recv_plan().fill(&shake(FAST, 2).encode());
        conn.received(Time::ZERO, n);
        assert!(matches!(conn.poll(), Some(Event::Handshake(_))));
        conn.accept(Time::ZERO, shake(FAST, 1));
        let n = conn.recv_plan().fill(&head(len, &[id::BITFIELD, 0xff]));
        conn.received(Time::ZERO, n);
        assert_eq!(!matches!(conn.poll(), Some(Event::Failed(_))), fine, "{len}");
    }
}

#[test]
fn row_28_a_late_have_none_is_refused_and_a_late_bitfield_passed_on() {
    let bits = [0; 13];
    let bitfields = [Message::Bitfield(&bits), Message::HaveAll, Message::HaveNone];
    let earlier = [Message::Have(PieceIndex(1)), Message::Request(block(0, 0))];
    for first in bitfields.iter().chain(&earlier) {
        for second in &bitfields {
            let mut peer = Peer::new(FAST);
            peer.message(first);
            assert!(!peer.failed());
            peer.message(second);
            let code = matches!(second, Message::HaveNone).then_some("ERR_PEER_PROTOCOL");
            assert_eq!(peer.code(), code, "{first:?}, {second:?}");
        }
    }
}

#[test]
fn a_bitfield_may_follow_extended_messages_port_and_chokes() {
    let mut peer = Peer::new(FAST);
    for message in [
        Message::Extended { id: 0, payload: b"de" },
        Message::Port(6881),
        Message::Unchoke,
        Message::Interested,
        Message::KeepAlive,
        Message::HaveAll,
    ] {
        peer.message(&message);
    }
    assert!(matches!(peer.events.last(), Some(Event::Message(OwnedMessage::HaveAll))));
}

#[test]
fn fast_messages_without_the_fast_extension_end_the_connection() {
    for message in [
        Message::HaveAll,
        Message::HaveNone,
        Message::Suggest(PieceIndex(0)),
        Message::AllowedFast(PieceIndex(0)),
        Message::Reject(block(0, 0)),
    ] {
        let mut peer = Peer::new(Reserved::NONE);
        peer.message(&message);
        assert_eq!(peer.code(), Some("ERR_PEER_PROTOCOL"), "{message:?}");
    }
}

#[test]
fn row_34_unrequested_blocks_are_counted_and_the_64th_ends_the_connection() {
    let mut peer = Peer::new(FAST);
    let small = BlockRef { len: 100, ..block(3, 0) };
    for count in 1..64 {
        peer.push(&piece(small));
        assert!(!peer.failed(), "{count}");
    }
    assert_eq!((peer.stats().unrequested, peer.pool.peak()), (6300, 0));
    peer.push(&piece(small)[..13]);
    assert_eq!(peer.code(), Some("ERR_PEER_PROTOCOL"));
}

#[test]
fn row_34_more_than_a_mebibyte_of_unrequested_payload_ends_the_connection_before_it_is_read() {
    let mut peer = Peer::new(FAST);
    for _ in 0..8 {
        peer.push(&piece(BlockRef { len: 128 * 1024, ..block(3, 0) }));
    }
    assert!(!peer.failed(), "exactly the limit");
    peer.push(&piece(BlockRef { len: 1, ..block(3, 0) })[..13]);
    assert_eq!(peer.code(), Some("ERR_PEER_PROTOCOL"));
}

#[test]
fn row_34_a_block_of_another_length_than_requested_is_not_its_answer() {
    for len in [0, 1, 16383, 16385] {
        let mut peer = Peer::new(FAST);
        peer.request(block(0, 0));
        peer.push(&piece(BlockRef { len, ..block(0, 0) }));
        assert!(matches!(peer.events.last(), Some(Event::Unrequested { tolerated: false, .. })), "{len}");
        assert_eq!(peer.conn.open_requests(), 1);
    }
    let mut peer = Peer::new(FAST);
    peer.push(&head(8, &[id::PIECE]));
    assert_eq!(peer.code(), Some("ERR_PEER_PROTOCOL"), "no room for piece and begin");
}

#[test]
fn row_34_an_answer_that_comes_twice_is_dropped_the_second_time() {
    let mut peer = Peer::new(FAST);
    peer.request(block(0, 0));
    peer.push(&[piece(block(0, 0)), piece(block(0, 0))].concat());
    assert_eq!(peer.blocks(), [block(0, 0)]);
    assert!(matches!(peer.events.last(), Some(Event::Unrequested { tolerated: false, .. })));
}

#[test]
fn another_protocol_is_closed_at_byte_20() {
    let mut bytes = shake(FAST, 2).encode();
    bytes[1] = b'b';
    for responder in [false, true] {
        let mut conn = match responder {
            true => Conn::responder(Arc::new(limits()), Pool::new(0), Time::ZERO),
            false => Conn::initiator(Arc::new(limits()), Pool::new(0), shake(FAST, 1), Time::ZERO),
        };
        let n = conn.recv_plan().fill(&bytes[..19]);
        conn.received(Time::ZERO, n);
        assert!(conn.poll().is_none());
        let n = conn.recv_plan().fill(&bytes[19..20]);
        conn.received(Time::ZERO, n);
        assert!(matches!(conn.poll(), Some(Event::Failed(error)) if error.to_string() == "not a BitTorrent handshake"));
    }
}

#[test]
fn after_a_failure_nothing_happens_any_more() {
    let mut peer = Peer::new(FAST);
    peer.request(block(0, 0));
    peer.push(&frame(&Message::Bitfield(&[])));
    assert!(peer.failed());
    peer.conn.send(peer.now, &Message::Choke);
    peer.request(block(0, 1));
    peer.conn.handle_timeout(Time::from_secs(1000));
    peer.conn.received(peer.now, 100);
    assert!(peer.conn.recv_plan().is_empty() && peer.conn.send_plan().is_empty());
    assert_eq!((peer.conn.queued(), peer.conn.next_timeout(), peer.conn.poll().is_none()), (0, Time::NEVER, true));
}

#[test]
fn requests_that_cannot_have_a_slab_are_not_made() {
    let mut peer = Peer::new(FAST);
    peer.request(BlockRef { len: 0, ..block(0, 0) });
    peer.request(BlockRef { len: 16385, ..block(0, 0) });
    assert_eq!((peer.conn.queued(), peer.conn.open_requests()), (0, 0));
}
