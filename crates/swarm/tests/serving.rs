//! What peers ask of us: slots, requests, cancels, rejects.

mod rig;

use std::collections::BTreeSet;
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, Bitfield, BlockRef, PieceIndex};
use bitlode_swarm::{Input, PeerKey, Reason};
use bitlode_wire::{Message, OwnedMessage};
use rig::{Rig, block, limits, piece, torrent};

fn seed() -> Rig {
    Rig::seed(torrent((8 << 20) - 5, 1 << 20))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A peer that may download.
fn leech(rig: &mut Rig, fast: bool) -> PeerKey {
    let key = rig.join(fast);
    rig.say(key, Message::Interested);
    rig.heard(key);
    key
}

fn take(rig: &mut Rig, key: PeerKey, max: u32) -> Vec<BlockRef> {
    let mut out = Vec::new();
    rig.swarm.take_uploads(rig.now, key, max, &mut out);
    out
}

fn rejects(rig: &mut Rig, key: PeerKey) -> Vec<BlockRef> {
    let heard = rig.heard(key).into_iter();
    heard.filter_map(|message| if let OwnedMessage::Reject(block) = message { Some(block) } else { None }).collect()
}

#[test]
fn a_free_slot_is_given_at_once() {
    let mut rig = seed();
    let peer = rig.join(true);
    rig.heard(peer);
    rig.say(peer, Message::Interested);
    assert_eq!(rig.heard(peer), [OwnedMessage::Unchoke]);
    assert_eq!(rig.swarm.snapshot().unchoked, 1);
}

#[test]
fn slots_are_never_more_than_the_limit_and_go_on_when_one_is_free() {
    let mut rig = seed();
    let peers: Vec<_> = (0..6).map(|_| rig.join(true)).collect();
    peers.iter().for_each(|key| rig.say(*key, Message::Interested));
    assert_eq!(rig.swarm.snapshot().unchoked, 4);
    assert!(rig.heard(peers[4]).iter().all(|message| *message != OwnedMessage::Unchoke));
    rig.leave(peers[0]);
    assert_eq!(rig.swarm.snapshot().unchoked, 4);
    assert!(rig.heard(peers[4]).contains(&OwnedMessage::Unchoke), "who waited longest");
    rig.tell(Input::UploadSlots(2));
    assert_eq!(rig.swarm.snapshot().unchoked, 2);
}

#[test]
fn flapping_interest_gains_nothing_and_costs_nothing() {
    let mut rig = seed();
    let flap = leech(&mut rig, true);
    for _ in 0..3 {
        leech(&mut rig, true);
    }
    let waits = rig.join(true);
    rig.say(waits, Message::Interested);
    rig.heard(waits);
    for _ in 0..1_000 {
        rig.say(flap, Message::NotInterested);
        rig.say(flap, Message::Interested);
    }
    assert!(rig.heard(waits).contains(&OwnedMessage::Unchoke), "its slot went to the one that waits");
    assert_eq!(rig.heard(flap).len(), 1, "one CHOKE, and no more until slots are dealt");
    assert_eq!(rig.swarm.snapshot().unchoked, 4);
}

#[test]
fn every_interested_peer_has_its_turn_at_a_seed() {
    let mut rig = seed();
    let peers: Vec<_> = (0..12).map(|_| rig.join(true)).collect();
    peers.iter().for_each(|key| rig.say(*key, Message::Interested));
    rig.run(secs(300));
    for key in peers {
        assert!(rig.heard(key).contains(&OwnedMessage::Unchoke), "{key:?} starves");
    }
}

#[test]
fn a_leech_gives_its_slots_to_those_who_give_most() {
    let mut rig = Rig::new(torrent(1 << 30, 1 << 20));
    let peers: Vec<_> = (1..8).map(|n| rig.seed_peer(n * 100_000)).collect();
    peers.iter().rev().for_each(|key| rig.say(*key, Message::Interested));
    rig.run(secs(60));
    let unchoked: Vec<_> = rig.swarm.peers().filter(|peer| !peer.am_choking).map(|peer| peer.peer).collect();
    assert_eq!(unchoked.len(), 4);
    assert!(peers[4..].iter().all(|key| unchoked.contains(key)), "{unchoked:?}");
}

#[test]
fn requests_are_taken_in_their_order_and_only_once() {
    let mut rig = seed();
    let peer = leech(&mut rig, true);
    for n in 0..5 {
        rig.say(peer, Message::Request(block(0, n)));
    }
    assert_eq!(rig.told(peer).uploads, 1, "told once");
    assert_eq!(take(&mut rig, peer, 2 * BLOCK_LEN), [block(0, 0), block(0, 1)]);
    assert_eq!(take(&mut rig, peer, 1), [block(0, 2)], "the first always fits");
    assert_eq!(take(&mut rig, peer, u32::MAX), [block(0, 3), block(0, 4)]);
    assert_eq!(take(&mut rig, peer, u32::MAX), []);
    rig.say(peer, Message::Request(block(1, 0)));
    assert_eq!(rig.told(peer).uploads, 2);
    for n in 0..5 {
        rig.tell(Input::BlockSent { peer, block: block(0, n) });
    }
    assert_eq!(rig.swarm.snapshot().uploaded, 5 * u64::from(BLOCK_LEN));
}

#[test]
fn row_30_invalid_requests_are_rejected_and_fifty_close() {
    let bad = |piece: u32, begin: u32, len: u32| BlockRef { piece: PieceIndex(piece), begin, len };
    let last = (1 << 20) - 5;
    let list = [
        bad(8, 0, 1),
        bad(u32::MAX, 0, BLOCK_LEN),
        bad(0, 0, 0),
        bad(0, 0, (128 << 10) + 1),
        bad(0, u32::MAX, 2),
        bad(0, u32::MAX - 1, u32::MAX),
        bad(0, (1 << 20) - 1, 2),
        bad(7, last - 1, 2),
        bad(7, last, 1),
    ];
    for fast in [true, false] {
        let mut rig = seed();
        let peer = leech(&mut rig, fast);
        rig.say(peer, Message::Request(bad(7, last - 1, 1)));
        rig.say(peer, Message::Request(bad(1, 7, 128 << 10)));
        assert_eq!(take(&mut rig, peer, u32::MAX).len(), 2, "any range inside a piece is served");
        for block in list {
            rig.say(peer, Message::Request(block));
            assert_eq!(rejects(&mut rig, peer), if fast { vec![block] } else { Vec::new() });
        }
        assert_eq!(take(&mut rig, peer, u32::MAX), []);
        (list.len()..49).for_each(|_| rig.say(peer, Message::Request(list[0])));
        assert_eq!(rig.closed(peer), None);
        rig.say(peer, Message::Request(list[0]));
        assert_eq!(rig.closed(peer), Some(Reason::InvalidRequests));
    }
}

#[test]
fn row_30_a_piece_that_is_not_had_is_never_served() {
    let info = torrent(4 << 20, 1 << 20);
    let mut rig = Rig::with(info, Bitfield::from_bytes(&[0x80], 4).unwrap(), limits());
    let peer = leech(&mut rig, true);
    rig.say(peer, Message::Request(block(1, 0)));
    assert_eq!(rejects(&mut rig, peer), [block(1, 0)]);
    rig.tell(Input::Unhave { piece: piece(0) });
    rig.say(peer, Message::Request(block(0, 0)));
    assert_eq!(rejects(&mut rig, peer), [block(0, 0)]);
    assert_eq!(take(&mut rig, peer, u32::MAX), []);
}

#[test]
fn row_31_the_queue_is_bounded_and_the_rest_rejected() {
    let mut rig = Rig::seed(torrent(64 << 20, 1 << 20));
    let peer = leech(&mut rig, true);
    for n in 0..10_000 {
        rig.say(peer, Message::Request(BlockRef { len: 1, ..block(n / 64 % 64, n % 64) }));
        if rig.told(peer).closed.is_some() {
            break;
        }
    }
    let waiting: u32 = rig.swarm.peers().map(|peer| peer.queued).sum();
    assert!(waiting <= 500);
    assert_eq!(rig.told(peer).uploads, 1);
}

#[test]
fn row_32_every_cancelled_request_is_rejected_and_never_read() {
    let mut rig = seed();
    let (fast, plain) = (leech(&mut rig, true), leech(&mut rig, false));
    for n in 0..10_000 {
        for key in [fast, plain] {
            rig.say(key, Message::Request(block(n % 7, 1)));
            rig.say(key, Message::Cancel(block(n % 7, 1)));
        }
    }
    assert_eq!(rejects(&mut rig, fast).len(), 10_000);
    assert_eq!(rejects(&mut rig, plain).len(), 0);
    assert_eq!(take(&mut rig, fast, u32::MAX), []);
    rig.say(fast, Message::Request(block(0, 0)));
    assert_eq!(take(&mut rig, fast, u32::MAX).len(), 1);
    rig.say(fast, Message::Cancel(block(0, 0)));
    assert_eq!(rejects(&mut rig, fast), [], "it is on its way: PIECE answers");
}

#[test]
fn a_choke_rejects_what_was_not_taken() {
    let mut rig = seed();
    let (fast, plain) = (leech(&mut rig, true), leech(&mut rig, false));
    for key in [fast, plain] {
        (0..5).for_each(|n| rig.say(key, Message::Request(block(0, n))));
        assert_eq!(take(&mut rig, key, BLOCK_LEN).len(), 1);
    }
    rig.tell(Input::UploadSlots(0));
    let mut expected = vec![OwnedMessage::Choke];
    assert_eq!(rig.heard(plain), expected);
    expected.extend((1..5).map(|n| OwnedMessage::Reject(block(0, n))));
    assert_eq!(rig.heard(fast), expected);
    assert_eq!(take(&mut rig, fast, u32::MAX), []);
}

#[test]
fn a_block_that_cannot_be_read_is_rejected() {
    let mut rig = seed();
    let peer = leech(&mut rig, true);
    rig.say(peer, Message::Request(block(0, 0)));
    take(&mut rig, peer, u32::MAX);
    rig.tell(Input::ReadFailed { peer, block: block(0, 0) });
    rig.tell(Input::ReadFailed { peer, block: block(0, 1) });
    assert_eq!(rejects(&mut rig, peer), [block(0, 0)], "and nothing that was not taken");
}

#[test]
fn requests_while_choked_are_rejected_and_those_that_crossed_the_choke_forgiven() {
    let mut rig = seed();
    let peer = leech(&mut rig, true);
    rig.tell(Input::UploadSlots(0));
    rig.heard(peer);
    for n in 0..200 {
        rig.say(peer, Message::Request(block(n / 60, n % 60)));
    }
    assert_eq!(rejects(&mut rig, peer).len(), 200);
    rig.run(secs(11));
    (0..49).for_each(|n| rig.say(peer, Message::Request(block(0, n))));
    assert_eq!(rig.closed(peer), None);
    rig.say(peer, Message::Request(block(0, 0)));
    assert_eq!(rig.closed(peer), Some(Reason::InvalidRequests));
}

#[test]
fn the_same_request_twice_gets_a_piece_and_a_reject() {
    let mut rig = seed();
    let peer = leech(&mut rig, true);
    rig.say(peer, Message::Request(block(0, 0)));
    rig.say(peer, Message::Request(block(0, 0)));
    assert_eq!(rejects(&mut rig, peer), [block(0, 0)]);
    assert_eq!(take(&mut rig, peer, u32::MAX), [block(0, 0)]);
}

#[test]
fn a_paused_swarm_chokes_and_serves_nobody() {
    let mut rig = seed();
    let peer = leech(&mut rig, true);
    rig.say(peer, Message::Request(block(0, 0)));
    rig.tell(Input::Run(false));
    assert_eq!(rig.heard(peer), [OwnedMessage::Choke, OwnedMessage::Reject(block(0, 0))]);
    rig.say(peer, Message::Request(block(0, 1)));
    assert_eq!(rejects(&mut rig, peer), [block(0, 1)]);
    rig.tell(Input::Run(true));
    assert_eq!(rig.heard(peer), [OwnedMessage::Unchoke]);
}

#[test]
fn have_goes_to_those_who_lack_the_piece_when_its_hash_was_right() {
    let mut rig = Rig::new(torrent(3 << 20, 1 << 20));
    let seed = rig.seed_peer(1 << 20);
    let (lacks, has) = (rig.join(true), rig.peer_with([0, 1]));
    rig.say(has, Message::Choke);
    assert!(rig.complete(secs(10)));
    let haves = |messages: Vec<OwnedMessage>| {
        let haves = messages.into_iter();
        haves.filter_map(|message| if let OwnedMessage::Have(piece) = message { Some(piece.0) } else { None }).collect()
    };
    let all: BTreeSet<u32> = haves(rig.heard(lacks));
    assert_eq!(all, BTreeSet::from([0, 1, 2]));
    let rest: BTreeSet<u32> = haves(rig.heard(has));
    assert_eq!(rest, BTreeSet::from([2]));
    assert_eq!(rig.closed(seed), Some(Reason::BothComplete));
}

#[test]
fn two_complete_sides_part() {
    let mut rig = seed();
    let (all, partial) = (rig.join(true), rig.join(true));
    rig.say(all, Message::HaveAll);
    assert_eq!(rig.closed(all), Some(Reason::BothComplete));
    assert_eq!(rig.told(all).closed, Some((Reason::BothComplete, false)));
    rig.say(partial, Message::Bitfield(&[0xfe]));
    assert_eq!(rig.closed(partial), None);
    rig.say(partial, Message::Have(piece(7)));
    assert_eq!(rig.closed(partial), Some(Reason::BothComplete));
}
