//! What goes out.

use bitlode_base::{BlockRef, PieceIndex, Time};
use bitlode_conn::Event;
use bitlode_wire::Message;

use crate::peer::{FAST, Peer, block, content, frame, piece, take};

/// Queues blocks with a message behind every third; gives the bytes that must go out.
fn queue(peer: &mut Peer, count: u32) -> Vec<u8> {
    let mut want = Vec::new();
    for number in 0..count {
        let mut slab = peer.pool.take();
        slab.bytes_mut().copy_from_slice(&content(block(1, number)));
        peer.conn.send_block(peer.now, block(1, number), [slab.freeze(16384)]);
        want.extend(piece(block(1, number)));
        if number % 3 == 0 {
            let message = Message::Have(PieceIndex(number));
            peer.conn.send(peer.now, &message);
            want.extend(frame(&message));
        }
    }
    want
}

#[test]
fn messages_and_blocks_go_out_in_order_however_they_are_taken() {
    for most in [1, 7, 13, 100, 16384, 16397, 50_000, usize::MAX] {
        let mut peer = Peer::new(FAST);
        let want = queue(&mut peer, if most < 100 { 3 } else { 100 });
        assert_eq!(peer.conn.queued(), want.len());
        let mut out = Vec::new();
        while peer.conn.queued() > 0 {
            out.extend(take(&mut peer.conn, peer.now, most));
        }
        assert!(out == want, "taken {most} at a time");
        peer.drain();
        let sent = peer.events.iter().map(|event| match event {
            Event::BlockSent { block } => block.number(),
            event => panic!("{event:?}"),
        });
        assert!(sent.eq(0..if most < 100 { 3 } else { 100 }));
        assert_eq!(peer.pool.in_use(), 0, "slabs went back");
        let stats = peer.stats();
        assert_eq!(stats.sent_payload + stats.sent_protocol, want.len() as u64 + 68);
        assert_eq!(stats.sent_payload % 16384, 0);
    }
}

#[test]
fn a_block_is_sent_when_its_last_byte_is() {
    let mut peer = Peer::new(FAST);
    queue(&mut peer, 1);
    peer.conn.sent(peer.now, 13 + 16383);
    assert!(peer.conn.poll().is_none());
    peer.conn.sent(peer.now, 1);
    assert!(matches!(peer.conn.poll(), Some(Event::BlockSent { block: sent }) if sent == block(1, 0)));
}

#[test]
fn a_block_of_several_slabs_is_one_piece_however_it_is_taken() {
    let whole = BlockRef { piece: PieceIndex(1), begin: 16384, len: 3 * 16384 + 7 };
    for most in [1, 13, 16384, 16385, 40_000, usize::MAX] {
        let mut peer = Peer::new(FAST);
        let mut data = content(block(1, 1));
        (2..5).for_each(|number| data.extend(content(block(1, number))));
        data.truncate(whole.len as usize);
        let chunks: Vec<_> = data
            .chunks(16384)
            .map(|part| {
                let mut slab = peer.pool.take();
                slab.bytes_mut()[..part.len()].copy_from_slice(part);
                slab.freeze(part.len())
            })
            .collect();
        peer.conn.send_block(peer.now, whole, chunks);
        let want = frame(&Message::Piece { piece: whole.piece, begin: whole.begin, data: &data });
        assert_eq!(peer.conn.queued(), want.len());
        let mut out = Vec::new();
        while peer.conn.queued() > 0 {
            out.extend(take(&mut peer.conn, peer.now, most));
        }
        assert!(out == want, "taken {most} at a time");
        assert!(matches!(peer.conn.poll(), Some(Event::BlockSent { block }) if block == whole));
        assert!(peer.conn.poll().is_none() && peer.pool.in_use() == 0);
        assert_eq!(peer.stats().sent_payload, u64::from(whole.len));
    }
}

#[test]
fn one_plan_mixes_many_blocks_by_reference() {
    let mut peer = Peer::new(FAST);
    queue(&mut peer, 60);
    let plan = peer.conn.send_plan();
    let slices = plan.as_io_slices();
    assert_eq!(slices.len(), 64);
    assert_eq!((slices[0].len(), slices[1].len(), slices[2].len()), (13, 16384, 9));
}

#[test]
fn messages_share_a_buffer() {
    let mut peer = Peer::new(FAST);
    for number in 0..100 {
        peer.request(block(0, number));
    }
    assert_eq!(peer.conn.send_plan().as_io_slices().len(), 1);
    assert_eq!(peer.conn.queued(), 1700);
}

#[test]
fn row_31_messages_that_pile_up_end_the_connection_and_blocks_have_room_to_ask_for() {
    let mut peer = Peer::new(FAST);
    assert_eq!(peer.conn.send_room(), 512 * 1024);
    queue(&mut peer, 31);
    assert!(peer.conn.send_room() < 16397);
    let mut piled = 11 * 9;
    while piled + 17 <= 512 * 1024 {
        peer.conn.send(peer.now, &Message::Reject(block(0, 0)));
        piled += 17;
    }
    peer.drain();
    assert!(!peer.failed(), "at the limit");
    peer.conn.send(peer.now, &Message::Reject(block(0, 0)));
    peer.drain();
    assert_eq!(peer.code(), Some("ERR_PEER_TIMEOUT"));
    assert_eq!(peer.pool.in_use(), 0);
}

#[test]
fn a_shorter_chunk_is_sent_with_its_own_length() {
    let mut peer = Peer::new(FAST);
    let chunk = peer.pool.take().freeze(5);
    peer.conn.send_block(Time::ZERO, block(0, 0), [chunk]);
    let out = take(&mut peer.conn, Time::ZERO, usize::MAX);
    assert_eq!((out.len(), &out[..5]), (18, &[0, 0, 0, 14, 7][..]));
}

#[test]
fn more_than_waits_counts_as_all() {
    let mut peer = Peer::new(FAST);
    peer.conn.send(peer.now, &Message::Choke);
    peer.conn.sent(peer.now, 1000);
    assert_eq!((peer.conn.queued(), peer.stats().sent_protocol), (0, 68 + 5));
}
