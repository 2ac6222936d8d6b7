//! Two connections joined, their streams cut by chance.

use std::collections::VecDeque;
use std::sync::Arc;

use bitlode_base::{BlockRef, Choice, PieceIndex, Pool, Time};
use bitlode_conn::{Conn, Event};
use bitlode_wire::{Message, OwnedMessage};

use crate::peer::{FAST, PIECES, content, limits, shake, take};

/// Moves some bytes from one connection to the other; says whether there were any.
fn carry(from: &mut Conn, pipe: &mut VecDeque<u8>, to: &mut Conn, choice: &mut Choice) -> bool {
    let now = Time::ZERO;
    let most = 1 << choice.below(19);
    pipe.extend(take(from, now, choice.below(most) as usize + 1));
    let bytes = pipe.make_contiguous();
    let n = to.recv_plan().fill(&bytes[..bytes.len().min(choice.below(most) as usize + 1)]);
    to.received(now, n);
    pipe.drain(..n);
    !pipe.is_empty() || from.queued() > 0
}

fn some_block(choice: &mut Choice) -> BlockRef {
    let len = if choice.below(5) == 0 { choice.below(16384) as u32 + 1 } else { 16384 };
    BlockRef { piece: PieceIndex(choice.below(PIECES.into()) as u32), begin: choice.below(64) as u32 * 16384, len }
}

#[test]
fn two_ends_exchange_blocks_and_messages_however_the_stream_is_cut() {
    for seed in 0..300 {
        let mut choice = Choice::new(seed);
        let limits = Arc::new(limits());
        let (pool, theirs) = (Pool::new(1 << 22), Pool::new(1 << 22));
        let mut leech = Conn::initiator(limits.clone(), pool.clone(), shake(FAST, 1), Time::ZERO);
        leech.set_piece_count(PIECES);
        let mut seed_end = Conn::responder(limits, theirs.clone(), Time::ZERO);
        let (mut down, mut up) = (VecDeque::new(), VecDeque::new());
        let mut wanted: Vec<BlockRef> = (0..40).map(|_| some_block(&mut choice)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        choice.shuffle(&mut wanted);
        let (mut to_ask, mut to_serve) = (wanted.clone(), VecDeque::new());
        let (mut got, mut haves_sent, mut haves_got) = (Vec::new(), 0, Vec::new());
        let mut busy = true;
        while busy || got.len() < wanted.len() {
            if choice.below(3) == 0
                && leech.peer_handshake().is_some()
                && let Some(block) = to_ask.pop()
            {
                leech.request(Time::ZERO, block);
            }
            busy = carry(&mut leech, &mut up, &mut seed_end, &mut choice);
            while let Some(event) = seed_end.poll() {
                match event {
                    Event::Handshake(theirs) => {
                        assert_eq!(theirs, shake(FAST, 1));
                        seed_end.set_piece_count(PIECES);
                        seed_end.accept(Time::ZERO, shake(FAST, 2));
                        seed_end.send(Time::ZERO, &Message::HaveAll);
                    }
                    Event::Message(OwnedMessage::Request(block)) => to_serve.push_back(block),
                    Event::BlockSent { .. } => {}
                    event => panic!("seed {seed}: {event:?}"),
                }
            }
            // Sometimes out of order, sometimes with a message in between.
            let next = if choice.below(4) == 0 { to_serve.pop_back() } else { to_serve.pop_front() };
            if let Some(block) = next {
                let mut slab = theirs.take();
                slab.bytes_mut()[..block.len as usize].copy_from_slice(&content(block));
                seed_end.send_block(Time::ZERO, block, [slab.freeze(block.len as usize)]);
                if choice.below(4) == 0 {
                    seed_end.send(Time::ZERO, &Message::Have(PieceIndex(haves_sent)));
                    haves_sent += 1;
                }
            }
            busy |= carry(&mut seed_end, &mut down, &mut leech, &mut choice) || !to_serve.is_empty();
            while let Some(event) = leech.poll() {
                match event {
                    Event::Handshake(theirs) => assert_eq!(theirs, shake(FAST, 2)),
                    Event::Message(OwnedMessage::HaveAll) => {}
                    Event::Message(OwnedMessage::Have(piece)) => haves_got.push(piece.0),
                    Event::Block { block, data } => {
                        assert!(data[..] == content(block), "seed {seed}: {block:?}");
                        got.push(block);
                    }
                    event => panic!("seed {seed}: {event:?}"),
                }
            }
            assert!(pool.in_use() <= leech.open_requests() + 1, "seed {seed}");
        }
        got.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(got, wanted, "seed {seed}");
        assert!(haves_got.into_iter().eq(0..haves_sent), "seed {seed}: messages stay in order");
        assert_eq!((leech.open_requests(), pool.in_use(), theirs.in_use()), (0, 0, 0), "seed {seed}");
    }
}

#[test]
fn what_follows_a_handshake_at_once_waits_for_accept() {
    let mut conn = Conn::responder(Arc::new(limits()), Pool::new(0), Time::ZERO);
    let mut bytes = shake(FAST, 2).encode().to_vec();
    Message::Bitfield(&[0xff; 12]).encode(&mut bytes);
    let n = conn.recv_plan().fill(&bytes);
    conn.received(Time::ZERO, n);
    assert!(matches!(conn.poll(), Some(Event::Handshake(_))));
    assert!(conn.poll().is_none() && conn.recv_plan().is_empty() && conn.queued() == 0);
    conn.set_piece_count(PIECES);
    conn.accept(Time::ZERO, shake(FAST, 1));
    assert_eq!(take(&mut conn, Time::ZERO, usize::MAX), [], "the bitfield was one byte short");
    assert!(matches!(conn.poll(), Some(Event::Failed(_))));
}

#[test]
fn accept_without_a_handshake_does_nothing() {
    let mut conn = Conn::responder(Arc::new(limits()), Pool::new(0), Time::ZERO);
    conn.accept(Time::ZERO, shake(FAST, 1));
    assert_eq!(conn.queued(), 0);
    let n = conn.recv_plan().fill(&shake(FAST, 2).encode());
    conn.received(Time::ZERO, n);
    conn.accept(Time::ZERO, shake(FAST, 1));
    conn.accept(Time::ZERO, shake(FAST, 1));
    assert_eq!(take(&mut conn, Time::ZERO, usize::MAX), shake(FAST, 1).encode());
}
