//! Limits of time, in virtual time: row 26 of the threat table.

use std::sync::Arc;

use bitlode_base::{Pool, Time};
use bitlode_conn::{Conn, Event};
use bitlode_wire::{Message, id};

use crate::peer::{FAST, Peer, block, frame, limits, piece, take};

#[test]
fn row_26_a_handshake_has_ten_seconds_in_all() {
    for drips in [false, true] {
        let mut conn = Conn::responder(Arc::new(limits()), Pool::new(0), Time::ZERO);
        assert_eq!(conn.next_timeout(), Time::from_secs(10));
        if drips {
            let n = conn.recv_plan().fill(&[0x13]);
            conn.received(Time::from_secs(9), n);
            assert_eq!(conn.next_timeout(), Time::from_secs(10));
        }
        conn.handle_timeout(Time(9_999_999));
        assert!(conn.poll().is_none());
        conn.handle_timeout(Time::from_secs(10));
        assert!(matches!(conn.poll(), Some(Event::Failed(error)) if error.to_string() == "no handshake in time"));
    }
}

#[test]
fn row_26_a_message_that_drips_ends_when_its_rate_is_too_low() {
    let mut peer = Peer::new(FAST);
    peer.request(block(0, 0));
    let bytes = piece(block(0, 0));
    // 300 B/s: never too slow, but 16 KiB need 54 s.
    for second in 0..=54 {
        peer.wait_until(second);
        let from = (second as usize * 300).min(bytes.len());
        peer.push(&bytes[from..bytes.len().min(from + 300)]);
    }
    assert_eq!(peer.blocks().len(), 1);
    // 200 B/s: ended as soon as 15 s are over.
    peer.request(block(0, 1));
    let bytes = piece(block(0, 1));
    for second in 0..=14 {
        peer.wait_until(100 + second);
        peer.push(&bytes[second as usize * 200..][..200]);
    }
    assert!(!peer.failed());
    peer.wait_until(115);
    assert_eq!(peer.error(), Some(("ERR_PEER_TIMEOUT", "a message did not come in time".to_owned())));
}

#[test]
fn row_26_a_message_has_sixty_seconds_whatever_its_rate() {
    let mut peer = Peer::new(FAST);
    let bytes = frame(&Message::Extended { id: 0, payload: &[0; 60_000] });
    for second in 0..60 {
        peer.wait_until(second);
        peer.push(&bytes[second as usize * 900..][..900]);
        assert!(!peer.failed());
    }
    peer.wait_until(60);
    assert_eq!(peer.code(), Some("ERR_PEER_TIMEOUT"));
}

#[test]
fn row_26_one_byte_of_a_message_starts_its_clock() {
    for bytes in [&[0][..], &[0, 0, 0, 1], &[0, 0, 0, 5, id::HAVE, 0, 0], &[0, 0, 4, 0, 99, 1, 2, 3]] {
        let mut peer = Peer::new(FAST);
        peer.wait_until(50);
        peer.push(bytes);
        assert_eq!(peer.conn.next_timeout(), Time::from_secs(65), "{bytes:?}");
        peer.wait_until(65);
        assert_eq!(peer.code(), Some("ERR_PEER_TIMEOUT"));
    }
}

#[test]
fn messages_that_follow_closely_each_have_their_own_clock() {
    let mut peer = Peer::new(FAST);
    // Never between two messages, but each one lasts a second.
    let have = frame(&Message::Have(bitlode_base::PieceIndex(1)));
    peer.push(&have[..5]);
    for second in 1..200 {
        peer.wait_until(second);
        peer.push(&[&have[5..], &have[..5]].concat());
    }
    assert!(!peer.failed());
}

#[test]
fn a_silent_peer_is_closed_after_the_idle_timeout_and_any_byte_puts_it_off() {
    let mut peer = Peer::new(FAST);
    peer.wait_until(119);
    peer.message(&Message::KeepAlive);
    peer.wait_until(238);
    assert!(!peer.failed());
    peer.wait_until(239);
    assert_eq!(peer.error(), Some(("ERR_PEER_TIMEOUT", "the peer was silent for too long".to_owned())));
}

#[test]
fn a_keep_alive_goes_out_after_a_hundred_seconds_of_our_silence() {
    let mut peer = Peer::new(FAST);
    peer.now = Time::from_secs(30);
    peer.conn.send(peer.now, &Message::Interested);
    take(&mut peer.conn, peer.now, usize::MAX);
    peer.message(&Message::KeepAlive);
    assert_eq!(peer.conn.next_timeout(), Time::from_secs(130));
    peer.conn.handle_timeout(Time(129_999_999));
    assert_eq!(peer.conn.queued(), 0);
    peer.conn.handle_timeout(Time::from_secs(130));
    assert_eq!(take(&mut peer.conn, Time::from_secs(130), usize::MAX), [0; 4]);
    peer.now = Time::from_secs(131);
    peer.message(&Message::KeepAlive);
    assert_eq!(peer.conn.next_timeout(), Time::from_secs(230), "the next one");
}

#[test]
fn two_keep_alives_never_wait_at_once() {
    let mut peer = Peer::new(FAST);
    peer.conn.handle_timeout(Time::from_secs(100));
    peer.conn.handle_timeout(Time::from_secs(101));
    assert_eq!(peer.conn.queued(), 4);
}

#[test]
fn a_carrier_that_takes_nothing_for_the_idle_timeout_ends_the_connection() {
    let mut peer = Peer::new(FAST);
    peer.now = Time::from_secs(10);
    peer.conn.send(peer.now, &Message::Interested);
    for second in [50, 100, 129] {
        peer.now = Time::from_secs(second);
        peer.message(&Message::KeepAlive);
        peer.conn.handle_timeout(peer.now);
    }
    assert_eq!(peer.conn.next_timeout(), Time::from_secs(130));
    peer.conn.handle_timeout(Time::from_secs(130));
    peer.drain();
    assert_eq!(peer.error(), Some(("ERR_PEER_TIMEOUT", "the peer does not read: 5 bytes wait".to_owned())));
}

#[test]
fn an_idle_connection_gives_its_memory_back() {
    let mut peer = Peer::new(FAST);
    peer.request(block(0, 0));
    peer.push(&piece(block(0, 0)));
    peer.events.clear();
    peer.wait_until(110);
    assert_eq!(peer.pool.in_use(), 0);
    peer.message(&Message::Unchoke);
    assert_eq!(peer.events.len(), 1, "and still reads");
}
