//! Where received bytes land.

use bitlode_base::{BlockRef, Choice, PieceIndex};
use bitlode_conn::{Conn, Event};
use bitlode_wire::{Message, OwnedMessage, Reserved};

use crate::peer::{FAST, Peer, block, content, frame, piece};

fn requested(count: u32) -> (Peer, Vec<BlockRef>) {
    let mut peer = Peer::new(FAST);
    let blocks: Vec<_> = (0..count).map(|number| block(0, number)).collect();
    blocks.iter().for_each(|block| peer.request(*block));
    (peer, blocks)
}

#[test]
fn in_bulk_no_byte_is_copied() {
    let (mut peer, blocks) = requested(400);
    let stream: Vec<u8> = blocks.iter().flat_map(|block| piece(*block)).collect();
    peer.push(&stream);
    assert_eq!(peer.blocks(), blocks);
    let stats = peer.stats();
    assert_eq!(stats.copied_back, 0);
    assert!(stats.buffered < 4096, "only the first read passed the buffer: {stats:?}");
    assert_eq!((stats.received_payload, stats.unrequested), (400 * 16384, 0));
}

#[test]
fn in_bulk_no_byte_is_copied_wherever_reads_end() {
    for most in [1000, 1460, 4099, 16384, 16397, 40_000, 70_001] {
        let (mut peer, blocks) = requested(100);
        let stream: Vec<u8> = blocks.iter().flat_map(|block| piece(*block)).collect();
        peer.push_cut(&stream, most);
        assert_eq!(peer.blocks(), blocks);
        assert_eq!(peer.stats().copied_back, 0, "reads of {most}");
        assert!(peer.stats().buffered < 4096, "reads of {most}");
    }
}

#[test]
fn one_read_takes_many_blocks_once_they_flow() {
    let (mut peer, blocks) = requested(400);
    let stream: Vec<u8> = blocks.iter().flat_map(|block| piece(*block)).collect();
    let (mut left, mut reads) = (&stream[..], 0);
    while !left.is_empty() {
        let n = peer.conn.recv_plan().fill(left);
        peer.conn.received(peer.now, n);
        (left, reads) = (&left[n..], reads + 1);
        while peer.conn.poll().is_some() {}
    }
    assert!(reads < 40, "{reads} reads for 400 blocks");
}

#[test]
fn answers_in_another_order_land_in_their_slabs_without_a_copy() {
    let (mut peer, blocks) = requested(64);
    let mut order = blocks.clone();
    order[1..].chunks_mut(7).for_each(|chunk| chunk.reverse());
    let stream: Vec<u8> = order.iter().flat_map(|block| piece(*block)).collect();
    peer.push(&stream);
    assert_eq!(peer.blocks(), order);
    assert_eq!(peer.stats().copied_back, 0);
}

#[test]
fn a_shorter_last_block_is_predicted_too() {
    let (mut peer, mut blocks) = requested(10);
    let last = BlockRef { piece: PieceIndex(1), begin: 0, len: 1 };
    peer.request(last);
    blocks.push(last);
    let more = block(2, 0);
    peer.request(more);
    blocks.push(more);
    let stream: Vec<u8> = blocks.iter().flat_map(|block| piece(*block)).collect();
    peer.push(&stream);
    assert_eq!(peer.blocks(), blocks);
    assert_eq!(peer.stats().copied_back, 0);
}

#[test]
fn messages_between_blocks_are_found_and_what_lay_behind_them_is_parsed_once() {
    let (mut peer, blocks) = requested(60);
    let mut stream = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        stream.extend(piece(*block));
        if at % 5 == 4 {
            stream.extend(frame(&Message::Have(PieceIndex(at as u32))));
        }
    }
    peer.push(&stream);
    assert_eq!(peer.blocks(), blocks);
    let haves = peer.events.iter().filter(|event| matches!(event, Event::Message(OwnedMessage::Have(_))));
    assert_eq!(haves.count(), 12);
    let stats = peer.stats();
    assert!(stats.copied_back > 0, "the surprise was taken");
    assert_eq!(stats.received_payload + stats.received_protocol, stream.len() as u64 + 68);
}

#[test]
fn a_choke_in_bulk_is_heard_with_its_five_bytes() {
    let (mut peer, blocks) = requested(10);
    peer.push(&piece(blocks[0]));
    peer.push(&frame(&Message::Choke));
    assert!(matches!(peer.events.last(), Some(Event::Message(OwnedMessage::Choke))));
}

#[test]
fn a_request_that_nobody_answers_takes_no_slab() {
    let (mut peer, blocks) = requested(100);
    assert_eq!(peer.pool.in_use(), 0);
    peer.conn.recv_plan();
    assert_eq!(peer.pool.in_use(), 0, "nothing flows yet");
    peer.push(&piece(blocks[0])[..13 + 100]);
    assert_eq!(peer.pool.in_use(), 1);
}

#[test]
fn slabs_never_outnumber_requests_and_go_back_when_requests_are_given_up() {
    let (mut peer, blocks) = requested(12);
    let stream: Vec<u8> = blocks[..6].iter().flat_map(|block| piece(*block)).collect();
    peer.push(&stream);
    peer.events.clear();
    peer.conn.recv_plan();
    assert!(peer.pool.in_use() > 0 && peer.pool.in_use() <= 6, "{:?}", peer.pool);
    blocks[6..11].iter().for_each(|block| peer.conn.forget(*block));
    assert!(peer.pool.in_use() <= 1);
    peer.conn.cancel(peer.now, blocks[11]);
    assert_eq!((peer.pool.in_use(), peer.conn.open_requests()), (0, 0));
}

#[test]
fn a_late_answer_is_tolerated_once_and_dropped() {
    let (mut peer, blocks) = requested(3);
    peer.conn.forget(blocks[0]);
    peer.conn.cancel(peer.now, blocks[1]);
    for block in [blocks[0], blocks[1], blocks[1], blocks[2]] {
        peer.push(&piece(block));
    }
    let told = peer.events.iter().filter_map(|event| match event {
        Event::Unrequested { block, tolerated } => Some((*block, *tolerated)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [(blocks[0], true), (blocks[1], true), (blocks[1], false)]);
    assert_eq!((peer.blocks(), peer.stats().unrequested), (vec![blocks[2]], 3 * 16384));
}

#[test]
fn a_block_asked_for_again_after_it_was_given_up_is_an_answer() {
    let (mut peer, blocks) = requested(1);
    peer.conn.forget(blocks[0]);
    peer.request(blocks[0]);
    peer.push(&piece(blocks[0]));
    assert_eq!(peer.blocks(), blocks);
}

#[test]
fn giving_up_what_is_not_open_sends_nothing() {
    let mut peer = Peer::new(FAST);
    peer.conn.cancel(peer.now, block(0, 0));
    peer.conn.forget(block(0, 0));
    assert_eq!(peer.conn.queued(), 0);
}

#[test]
fn without_the_fast_extension_a_choke_gives_every_request_up() {
    for (reserved, open) in [(Reserved::NONE, 0), (FAST, 3)] {
        let mut peer = Peer::new(reserved);
        (0..3).for_each(|number| peer.request(block(0, number)));
        peer.message(&Message::Choke);
        assert_eq!(peer.conn.open_requests(), open);
        peer.push(&piece(block(0, 0)));
        let tolerated = matches!(peer.events.last(), Some(Event::Unrequested { tolerated: true, .. }));
        assert_eq!((tolerated, peer.blocks().len()), (open == 0, open.min(1)));
    }
}

#[test]
fn a_reject_ends_its_request() {
    let (mut peer, blocks) = requested(2);
    peer.message(&Message::Reject(blocks[0]));
    assert_eq!(peer.conn.open_requests(), 1);
    assert!(matches!(peer.events.last(), Some(Event::Message(OwnedMessage::Reject(block))) if *block == blocks[0]));
}

#[test]
fn a_large_message_is_put_together_and_grows_with_its_bytes() {
    let mut peer = Peer::new(FAST);
    let payload: Vec<u8> = (0..60_000u32).map(|at| at as u8).collect();
    peer.push_cut(&frame(&Message::Extended { id: 0, payload: &payload }), 777);
    let want = OwnedMessage::Extended { id: 0, payload };
    assert!(matches!(peer.events.last(), Some(Event::Message(message)) if *message == want));
}

#[test]
fn a_plan_that_was_made_void_takes_nothing() {
    let (mut peer, blocks) = requested(20);
    let stream: Vec<u8> = blocks[..5].iter().flat_map(|block| piece(*block)).collect();
    peer.push(&stream);
    let before = peer.stats();
    peer.conn.recv_plan();
    blocks[5..].iter().for_each(|block| peer.conn.forget(*block));
    peer.conn.received(peer.now, 20_000);
    assert_eq!(peer.stats(), before);
}

#[test]
fn any_cut_of_a_stream_with_surprises_gives_the_same_blocks() {
    for seed in 0..200 {
        let mut choice = Choice::new(seed);
        let (mut peer, blocks) = requested(24);
        let mut stream = Vec::new();
        for block in &blocks {
            match choice.below(8) {
                0 => stream.extend(frame(&Message::Have(PieceIndex(1)))),
                1 => stream.extend(frame(&Message::KeepAlive)),
                2 => stream.extend(frame(&Message::Extended { id: 9, payload: &[1; 300] })),
                3 => stream.extend(piece(BlockRef { begin: 5, len: 3000, ..*block })),
                _ => {}
            }
            stream.extend(piece(*block));
        }
        let mut left = &stream[..];
        while !left.is_empty() {
            let most = 1 + choice.below(if seed % 2 == 0 { 50_000 } else { 3_000 }) as usize;
            let now = left.len().min(most);
            peer.push_cut(&left[..now], now);
            left = &left[now..];
        }
        assert_eq!(peer.blocks(), blocks, "seed {seed}");
        assert!(!peer.failed());
    }
}

#[test]
fn a_connection_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Conn>();
}

#[test]
fn a_block_is_the_bytes_that_were_sent() {
    let (mut peer, blocks) = requested(1);
    peer.push_cut(&piece(blocks[0]), 1);
    let Some(Event::Block { data, .. }) = peer.events.pop() else { panic!("no block") };
    assert_eq!(&data[..], content(blocks[0]));
}
