//! Which blocks are asked of whom, and what happens when they do not come.

mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, Bitfield, Time};
use bitlode_swarm::{Input, Reason, SwarmEvent};
use bitlode_wire::{ExtendedHandshake, Message, OwnedMessage};
use rig::{Rig, block, limits, piece, torrent, torrent_of};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn torrents_of_odd_sizes_come_down_whole() {
    for (total, length) in
        [(1, 16 * KIB), (16 * KIB + 1, 16 * KIB), (MIB, 256 * KIB), (MIB + 1, 256 * KIB), (3 * MIB - 1, 48 * KIB)]
    {
        let mut rig = Rig::new(torrent(total, length as u32));
        rig.seed_peer(MIB);
        rig.seed_peer(100 * KIB);
        assert!(rig.complete(secs(60)), "{total} in {length}");
        assert_eq!(rig.kept, total.div_ceil(BLOCK_LEN.into()), "each block once");
        assert!(rig.events.contains(&SwarmEvent::Seeding));
        assert_eq!(rig.swarm.snapshot().downloaded, total);
    }
}

#[test]
fn the_rarest_pieces_are_begun_first() {
    let few = rig::limits();
    let limits = bitlode_swarm::Limits { random_pieces: 0, ..few };
    let info = torrent(40 * 16 * KIB, 16 << 10);
    let mut rig = Rig::with(info, Bitfield::none(40), limits);
    for _ in 0..2 {
        let key = rig.peer_with((0..40).filter(|n| n % 10 != 3));
        rig.say(key, Message::Choke);
    }
    let one = rig.peer_with((0..40).filter(|n| n % 2 == 0 || n % 10 == 3));
    // Pieces 3, 13, 23, 33 are at one peer, the even ones at three; its floor is eight requests.
    let asked = rig.pieces_asked(one);
    assert_eq!(asked[..4].iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([3, 13, 23, 33]));
    assert_ne!(asked[4..8], [0, 2, 4, 6], "equals come at random");
}

#[test]
fn the_first_pieces_are_taken_at_random() {
    let info = torrent(200 * 64 * KIB, 64 << 10);
    let mut rig = Rig::new(info.clone());
    let common = rig.peer_with(4..200);
    rig.say(common, Message::Choke);
    let seed = rig.seed_peer(MIB);
    rig.run(Duration::from_millis(10));
    assert!(rig.pieces_asked(seed).iter().all(|piece| *piece >= 4), "the four rarest would come first");
    // With four pieces had, it is their turn.
    let mut rig =
        Rig::with(info, Bitfield::from_bytes(&[&[0, 0, 0, 0xf0][..], &[0; 21]].concat(), 200).unwrap(), limits());
    let common = rig.peer_with(4..200);
    rig.say(common, Message::Choke);
    let seed = rig.seed_peer(MIB);
    rig.run(Duration::from_millis(10));
    assert!(rig.pieces_asked(seed).iter().all(|piece| *piece < 4));
}

#[test]
fn a_fast_peer_fetches_whole_pieces_in_order() {
    let mut rig = Rig::new(torrent(64 * MIB, 1 << 20));
    let fast = rig.seed_peer(8 * MIB);
    let slow: Vec<_> = (0..5).map(|_| rig.seed_peer(50 * KIB)).collect();
    rig.run(secs(5));
    let requests = &rig.told(fast).requests;
    assert!(requests.len() > 2_000, "{}", requests.len());
    let jumps = requests.windows(2).filter(|pair| {
        let (one, two) = (pair[0].1, pair[1].1);
        two.piece != one.piece && one.number() != 63 || two.piece == one.piece && two.number() != one.number() + 1
    });
    assert_eq!(jumps.count(), 0, "blocks of a piece follow each other to its end");
    let theirs: BTreeSet<_> = slow.iter().flat_map(|key| rig.blocks_asked(*key)).map(|block| block.piece).collect();
    let ours: BTreeSet<_> = rig.blocks_asked(fast).iter().map(|block| block.piece).collect();
    assert_eq!(ours.intersection(&theirs).count(), 0, "nobody shares its pieces while there are others");
}

#[test]
fn a_peer_of_large_pieces_fetches_half_as_many_again_as_are_hashed_side_by_side_if_memory_allows() {
    // A run of 16 blocks of each finds room in the grant four times over.
    for (slabs, side_by_side) in [(6_144, 24), (1_536, 24), (1_535, 23), (512, 8)] {
        let limits = bitlode_swarm::Limits { stripe_round: Duration::from_millis(100), ..limits() };
        let mut rig = Rig::with(torrent(600 * MIB, 4 << 20), Bitfield::none(150), limits);
        rig.grant(slabs);
        let fast = rig.seed_peer(400 * MIB);
        rig.run(secs(1));
        let turns: Vec<_> = rig.told(fast).requests.iter().rev().step_by(16).map(|(_, block)| block.piece).collect();
        let round: BTreeSet<_> = turns[..side_by_side].iter().collect();
        assert_eq!((rig.swarm.snapshot().open_pieces as usize, round.len()), (side_by_side, side_by_side), "{slabs}");
    }
}

#[test]
fn many_peers_share_one_large_piece() {
    let mut rig = Rig::new(torrent(8 * MIB, 8 << 20));
    let peers: Vec<_> = (0..8).map(|_| rig.seed_peer(MIB)).collect();
    assert!(rig.complete(secs(3)), "eight peers of 1 MiB/s need little more than a second");
    assert!(peers.iter().all(|key| rig.told(*key).requests.len() > 30));
    assert!(rig.kept == 512 && rig.dropped == 0);
}

#[test]
fn fifty_peers_with_pieces_larger_than_memory_complete() {
    let mut rig = Rig::new(torrent(64 * MIB, 16 << 20));
    rig.grant(256);
    for n in 0..50 {
        match n % 5 {
            0 => rig.seed_peer(200 * KIB),
            _ => rig.peer_with([n % 4]),
        };
    }
    let mut told = 0;
    for _ in 0..100_000 {
        let end = rig.now + secs(600);
        if rig.run_until(end, |rig| rig.pressed > told || rig.swarm.snapshot().complete) && rig.pressed > told {
            told = rig.pressed;
            rig.spill();
            continue;
        }
        break;
    }
    assert!(rig.swarm.snapshot().complete, "{:?}", rig.swarm.snapshot());
    assert!(told > 4);
}

#[test]
fn storage_hears_of_pressure_when_it_has_given_less_than_an_eighth_back_for_20_ms() {
    let mut rig = Rig::new(torrent(64 * MIB, 16 << 20));
    rig.grant(64);
    rig.seed_peer(100 * MIB);
    assert!(rig.run_until(rig.now + secs(1), |rig| rig.swarm.snapshot().unfreed > 0));
    for _ in 0..100 {
        rig.run(Duration::from_millis(10));
        let slabs = 6.min(rig.swarm.snapshot().unfreed);
        rig.tell(Input::Freed { slabs });
    }
    assert!(rig.swarm.snapshot().starved && rig.swarm.snapshot().unfreed > 40, "{:?}", rig.swarm.snapshot());
    assert_eq!(rig.pressed, 0, "it is slow, not stuck");
    let quiet = rig.now;
    assert!(rig.run_until(quiet + secs(1), |rig| rig.pressed > 0));
    let after = rig.now.since(quiet);
    assert!((10..=20).contains(&after.as_millis()), "{after:?}");
    // A trickle frees a peer now and then, but not what waits for blocks.
    for _ in 0..10 {
        rig.tell(Input::Freed { slabs: 1 });
        rig.run(Duration::from_millis(10));
    }
    assert!(rig.pressed > 2, "{}", rig.pressed);
}

#[test]
fn no_peer_starves_when_memory_is_short() {
    let mut rig = Rig::new(torrent(64 * MIB, 1 << 20));
    rig.grant(20);
    let fast = rig.seed_peer(100 * MIB);
    rig.run(secs(1));
    let slow: Vec<_> = (0..9).map(|_| rig.seed_peer(100 * KIB)).collect();
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    for _ in 0..100 {
        let end = rig.now + Duration::from_millis(100);
        rig.run_until(end, |rig| rig.swarm.snapshot().unfreed >= 10);
        rig.spill();
        for key in &slow {
            *seen.entry(*key).or_default() += rig.open(*key).len().min(2);
        }
    }
    assert!(seen.values().all(|open| *open > 150), "nearly always two each: {seen:?}");
    assert!(rig.told(fast).requests.len() > 200, "the rest goes to who can use it");
    assert!(rig.swarm.snapshot().starved);
}

#[test]
fn the_window_follows_rate_and_delay_between_its_bounds() {
    let mut rig = Rig::new(torrent(1 << 30, 1 << 20));
    let fast = rig.seed_peer(10 * MIB);
    // It answered its first requests from a warm cache.
    rig.bot(fast).delay = Duration::from_millis(100);
    let slow = rig.seed_peer(64 * KIB);
    let small = rig.seed_peer(10 * MIB);
    let shake = ExtendedHandshake { reqq: Some(20), ..ExtendedHandshake::default() };
    rig.say(small, Message::Extended { id: 0, payload: &shake.build() });
    rig.run(secs(60));
    let window = |rig: &Rig, key| rig.swarm.peers().find(|peer| peer.peer == key).unwrap().window;
    // 10 MiB/s × 100 ms × 1.5 is 96 blocks.
    assert!((80..=140).contains(&window(&rig, fast)), "{}", window(&rig, fast));
    assert!((8..=12).contains(&window(&rig, slow)), "{}", window(&rig, slow));
    assert!(window(&rig, small) <= 20);
    assert!(rig.told(small).requests.len() > 100);
    let got = rig.swarm.peers().find(|peer| peer.peer == fast).unwrap().downloaded;
    assert!(got > 400 * MIB, "the link is kept full: {got}");
}

#[test]
fn row_94_blocks_of_a_silent_peer_go_to_others() {
    let mut rig = Rig::new(torrent(4 * MIB, 1 << 20));
    let silent = rig.seed_peer(0);
    assert_eq!(rig.open(silent).len(), 8);
    rig.run(secs(19));
    assert_eq!(rig.open(silent).len(), 8);
    rig.run(secs(3));
    assert_eq!(rig.open(silent).len(), 1, "it keeps its oldest, in case that comes after all");
    rig.run(secs(40));
    assert!(rig.events.contains(&SwarmEvent::Snubbed { peer: silent }));
    assert_eq!(rig.open(silent).len(), 1, "it may prove itself with one");
    assert!(rig.swarm.peers().all(|peer| peer.snubbed && peer.window == 1));
    rig.seed_peer(MIB);
    assert!(rig.complete(secs(30)));
}

#[test]
fn a_peer_that_forgets_one_request_is_asked_anew() {
    let mut rig = Rig::new(torrent(16 * MIB, 1 << 20));
    let peer = rig.seed_peer(50 * KIB);
    let lost = rig.open(peer)[3];
    rig.bot(peer).lose(lost);
    rig.run(secs(65));
    assert!(!rig.open(peer).contains(&lost) || rig.told(peer).cancels.contains(&lost));
    rig.bot(peer).rate = 10 * MIB;
    assert!(rig.complete(secs(60)));
}

#[test]
fn the_end_game_asks_others_and_cancels_at_once() {
    let mut rig = Rig::new(torrent(MIB, 1 << 20));
    let slow = rig.seed_peer(4 * KIB);
    let fast = rig.seed_peer(4 * MIB);
    assert!(rig.complete(secs(5)), "the slow peer alone needs minutes");
    assert!(rig.events.contains(&SwarmEvent::EndGame));
    let both: Vec<_> = rig.blocks_asked(fast).intersection(&rig.blocks_asked(slow)).copied().collect();
    assert!(!both.is_empty());
    assert!(both.iter().all(|block| rig.told(slow).cancels.contains(block)), "asserted open when cancelled");
    assert_eq!((rig.kept, rig.dropped), (64, 0));
    assert!(rig.open(slow).is_empty());
}

#[test]
fn copies_of_a_block_are_bounded() {
    let mut rig = Rig::new(torrent(4 * 16 * KIB, 16 << 10));
    let peers: Vec<_> = (0..20).map(|_| rig.seed_peer(0)).collect();
    rig.run(secs(15));
    let mut copies: BTreeMap<_, u32> = BTreeMap::new();
    peers.iter().flat_map(|key| rig.open(*key)).for_each(|block| *copies.entry(block).or_default() += 1);
    assert_eq!(copies.len(), 4);
    assert!(copies.values().all(|copies| *copies <= 3), "{copies:?}");
}

#[test]
fn a_rejected_piece_is_not_asked_of_the_same_peer_while_it_has_others() {
    let mut rig = Rig::new(torrent(40 * MIB, 1 << 20));
    let peer = rig.seed_peer(MIB);
    let first = rig.open(peer)[0];
    rig.say(peer, Message::Reject(first));
    let asked = |rig: &Rig| rig.told(peer).requests.iter().filter(|(_, block)| *block == first).count();
    rig.run(secs(9));
    assert_eq!(asked(&rig), 1);
    assert!(rig.have() > 5, "the others come meanwhile");
    let other = rig.peer_with([first.piece.0]);
    assert!(rig.blocks_asked(other).contains(&first), "another peer gets it");
}

#[test]
fn the_only_source_is_asked_again_a_second_after_it_rejected_all_and_then_less_often() {
    let mut rig = Rig::new(torrent(MIB, 1 << 20));
    let peer = rig.seed_peer(MIB);
    rig.bot(peer).rejects = true;
    rig.run(secs(60));
    let mut rounds: Vec<Time> = rig.told(peer).requests.iter().map(|(at, _)| *at).collect();
    assert_eq!(rounds.iter().filter(|at| **at == rounds[0]).count(), 8);
    rounds.dedup();
    assert_eq!(rig.told(peer).requests.len(), rounds.len() + 7, "then one by one");
    let waits: Vec<u64> = rounds.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() as u64).collect();
    let about = [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000];
    assert_eq!(waits.len(), about.len(), "{waits:?}");
    assert!(waits.iter().zip(about).all(|(wait, about)| (about..about + 100).contains(wait)), "{waits:?}");
    // It comes round, and is soon asked for as much as it gives.
    rig.bot(peer).rejects = false;
    assert!(rig.complete(secs(12)));
}

#[test]
fn rejects_before_a_choke_cost_nothing_however_many() {
    let mut rig = Rig::new(torrent(256 * MIB, 1 << 20));
    let peer = rig.seed_peer(80 * MIB);
    rig.run(secs(1));
    let open = rig.open(peer);
    assert!(open.len() > 50, "more than rejects in a row are allowed: {}", open.len());
    for block in &open {
        rig.say(peer, Message::Reject(*block));
    }
    rig.choke(peer);
    assert_eq!(rig.closed(peer), None);
    rig.run(Duration::from_millis(100));
    rig.say(peer, Message::Unchoke);
    let again = rig.open(peer);
    assert_eq!(again.len(), 8);
    assert!(again.iter().all(|block| open.iter().any(|before| before.piece == block.piece)), "the same pieces go on");
    assert!(rig.complete(secs(10)));
}

#[test]
fn a_peer_that_rejects_what_its_queue_does_not_hold_is_asked_for_no_more_than_that() {
    let mut rig = Rig::new(torrent(64 * MIB, 1 << 20));
    let peer = rig.seed_peer(MIB);
    rig.run(secs(2));
    let open = rig.open(peer);
    let asked = rig.told(peer).requests.len();
    for block in open.iter().rev().take(3) {
        rig.say(peer, Message::Reject(*block));
    }
    assert_eq!(rig.open(peer), open[..open.len() - 3]);
    assert_eq!(rig.told(peer).requests.len(), asked, "nothing new before a block has come");
    assert!(rig.complete(secs(80)));
}

#[test]
fn rejects_in_a_row_close_a_peer_and_a_block_between_clears_them() {
    let mut rig = Rig::new(torrent(1 << 30, 16 << 10));
    let bad = rig.seed_peer(MIB);
    let good = rig.seed_peer(MIB);
    rig.bot(bad).rejects = true;
    for _ in 0..20 {
        for _ in 0..4 {
            let open = *rig.open(good).last().expect("it is always asked for something");
            rig.say(good, Message::Reject(open));
        }
        rig.run(Duration::from_millis(200));
    }
    assert_eq!(rig.closed(bad), Some(Reason::Rejects));
    assert_eq!(rig.closed(good), None, "eighty rejects with blocks between");
}

#[test]
fn a_choke_ends_requests_and_an_unchoke_begins_them_anew() {
    for fast in [true, false] {
        let mut rig = Rig::new(torrent(4 * MIB, 1 << 20));
        let peer = rig.join(fast);
        rig.say(peer, Message::Bitfield(&[0xf0]));
        assert_eq!(rig.open(peer), [], "choked from the start");
        assert!(rig.heard(peer).contains(&OwnedMessage::Interested));
        rig.say(peer, Message::Unchoke);
        assert_eq!(rig.open(peer).len(), 8);
        let open = rig.open(peer);
        rig.choke(peer);
        assert_eq!(rig.told(peer).forgets.len(), if fast { 0 } else { 8 });
        rig.run(secs(2));
        rig.say(peer, Message::Unchoke);
        assert_eq!(rig.open(peer), open, "the same piece goes on, without a penalty for the rejects");
        assert!(rig.complete(secs(10)));
    }
}

#[test]
fn a_peer_that_chokes_and_never_rejects_loses_its_blocks_in_time() {
    let mut rig = Rig::new(torrent(MIB, 1 << 20));
    let peer = rig.seed_peer(0);
    rig.say(peer, Message::Choke);
    assert_eq!(rig.open(peer).len(), 8, "BEP 6: they are rejected or answered");
    rig.run(secs(22));
    assert_eq!(rig.open(peer), []);
}

#[test]
fn row_35_a_peer_that_alone_sent_a_bad_piece_is_banned_at_once() {
    let mut rig = Rig::new(torrent(8 * MIB, 1 << 20));
    let liar = rig.seed_peer(MIB);
    rig.bot(liar).poison = |n| n == 5;
    rig.run(secs(2));
    assert_eq!(rig.told(liar).closed, Some((Reason::Poison, true)));
    assert_eq!(rig.have(), 0);
    assert_eq!(rig.swarm.snapshot().hash_failed, MIB);
    rig.seed_peer(MIB);
    assert!(rig.complete(secs(20)));
}

#[test]
fn row_35_a_poisoner_among_honest_peers_is_found_and_nobody_else_is_banned() {
    for every in [1u64, 50] {
        let mut rig = Rig::new(torrent(16 * MIB, 2 << 20));
        let liar = rig.seed_peer(400 * KIB);
        rig.bot(liar).poison = if every == 1 { |_| true } else { |n| n % 50 == 7 };
        let honest: Vec<_> = (0..5).map(|_| rig.seed_peer(300 * KIB)).collect();
        assert!(rig.complete(secs(300)), "{:?}", rig.swarm.snapshot());
        assert_eq!(rig.told(liar).closed, Some((Reason::Poison, true)), "one in {every}");
        for key in honest {
            assert!(matches!(rig.closed(key), None | Some(Reason::BothComplete)), "an honest peer was closed");
        }
        let failed = rig.events.iter().filter(|event| matches!(event, SwarmEvent::PieceFailed { .. })).count();
        assert!(failed <= 6, "{failed} pieces failed");
    }
}

#[test]
fn row_36_a_newcomer_from_a_banned_peers_network_fetches_alone() {
    let mut rig = Rig::new(torrent(8 * MIB, 4 << 20));
    let liar = rig.seed_peer(10 * MIB);
    rig.bot(liar).poison = |_| true;
    rig.run(secs(2));
    assert_eq!(rig.closed(liar), Some(Reason::Poison));
    let cousin = rig.join_from(bitlode_swarm::PeerKey(70), "10.0.0.77:1".parse().unwrap(), false, true);
    rig.say(cousin, Message::HaveAll);
    rig.say(cousin, Message::Unchoke);
    let honest = rig.seed_peer(10 * MIB);
    let theirs: BTreeSet<_> = rig.blocks_asked(cousin).iter().map(|block| block.piece).collect();
    let ours: BTreeSet<_> = rig.blocks_asked(honest).iter().map(|block| block.piece).collect();
    assert!(theirs.is_disjoint(&ours));
}

#[test]
fn a_block_that_storage_lost_is_asked_again() {
    let mut rig = Rig::new(torrent(2 * MIB, 1 << 20));
    let peer = rig.seed_peer(MIB);
    rig.run(Duration::from_millis(200));
    let first = rig.told(peer).requests[0].1;
    rig.lose(first);
    assert!(rig.complete(secs(30)));
    assert!(rig.told(peer).requests.iter().filter(|(_, block)| *block == first).count() == 2);
}

#[test]
fn a_second_copy_and_a_stray_block_are_dropped() {
    let mut rig = Rig::new(torrent(2 * MIB, 1 << 20));
    let peer = rig.seed_peer(MIB);
    rig.run(Duration::from_millis(200));
    let dropped = rig.dropped;
    let first = rig.told(peer).requests[0].1;
    rig.tell(Input::Block { peer, block: first });
    rig.tell(Input::Block { peer, block: block(77, 3) });
    rig.tell(Input::Block { peer: bitlode_swarm::PeerKey(88), block: block(0, 0) });
    assert_eq!(rig.dropped, dropped + 3);
    assert_eq!(rig.swarm.snapshot().wasted, 3 * u64::from(BLOCK_LEN));
}

#[test]
fn unrequested_blocks_close_a_peer_and_late_ones_do_not() {
    let mut rig = Rig::new(torrent(2 * MIB, 1 << 20));
    let (bad, late) = (rig.join(true), rig.join(true));
    for _ in 0..64 {
        rig.tell(Input::Unrequested {
            peer: bad,
            block: bitlode_base::BlockRef { len: 1, ..block(0, 0) },
            tolerated: false,
        });
        rig.tell(Input::Unrequested { peer: late, block: block(0, 0), tolerated: true });
    }
    assert_eq!(rig.closed(bad), None);
    rig.tell(Input::Unrequested { peer: bad, block: block(0, 0), tolerated: false });
    assert_eq!(rig.closed(bad), Some(Reason::Unrequested));
    assert_eq!(rig.closed(late), None);
}

#[test]
fn urgent_pieces_come_first_in_their_order() {
    let mut rig = Rig::new(torrent(64 * MIB, 1 << 20));
    let peer = rig.seed_peer(4 * MIB);
    rig.run(secs(1));
    let before = rig.told(peer).requests.len();
    rig.tell(Input::Urgent(&[piece(40), piece(41), piece(7)]));
    rig.run(secs(2));
    let mut after: Vec<u32> = rig.told(peer).requests[before..].iter().map(|(_, block)| block.piece.0).collect();
    after.dedup();
    after.retain(|piece| [40, 41, 7].contains(piece));
    assert!(after == [40, 41, 7] || after == [40, 41], "{after:?}");
    assert_eq!(rig.told(peer).requests[before].1.piece.0, 40);
}

#[test]
fn pieces_that_are_not_wanted_are_left_alone() {
    let mut rig = Rig::new(torrent(4 * MIB, 1 << 20));
    let mut wanted = Bitfield::none(4);
    wanted.set(piece(2));
    rig.tell(Input::Wanted(wanted));
    let peer = rig.seed_peer(MIB);
    assert!(rig.complete(secs(10)));
    assert_eq!(rig.pieces_asked(peer), [2]);
    assert!(!rig.events.contains(&SwarmEvent::Seeding));
    assert_eq!(rig.closed(peer), Some(Reason::BothComplete));
    rig.tell(Input::Wanted(Bitfield::all(4)));
    rig.seed_peer(MIB);
    assert!(rig.complete(secs(10)));
    assert_eq!(rig.have(), 4);
}

#[test]
fn a_pause_ends_all_requests_and_a_start_begins_them_anew() {
    let mut rig = Rig::new(torrent(4 * MIB, 1 << 20));
    let peer = rig.seed_peer(MIB);
    rig.tell(Input::Run(false));
    assert_eq!((rig.open(peer).len(), rig.told(peer).cancels.len()), (0, 8));
    rig.run(secs(30));
    assert_eq!(rig.open(peer), []);
    rig.tell(Input::Run(true));
    assert!(rig.complete(secs(30)));
}

#[test]
fn nothing_is_asked_before_it_is_known_what_is_there() {
    let info = torrent(4 * MIB, 1 << 20);
    let mut rig = Rig::bare(info.hashes, Some(info), limits());
    rig.tell(Input::Run(true));
    rig.grant(4_096);
    let peer = rig.seed_peer(MIB);
    rig.run(secs(5));
    assert_eq!(rig.told(peer).requests, []);
    assert_eq!(rig.heard(peer).len(), 1, "the extended handshake alone");
    rig.tell(Input::Have(Bitfield::from_bytes(&[0xc0], 4).unwrap()));
    assert_eq!(rig.heard(peer), [OwnedMessage::Bitfield(vec![0xc0]), OwnedMessage::Interested]);
    assert!(rig.complete(secs(30)));
    assert_eq!(rig.kept, 128);
}

#[test]
fn a_machine_that_slept_blames_nobody() {
    let mut rig = Rig::new(torrent(4 * MIB, 1 << 20));
    let peer = rig.seed_peer(0);
    rig.run(secs(10));
    rig.now = rig.now + secs(8 * 3_600);
    rig.tell(Input::Resumed { gap: secs(8 * 3_600) });
    rig.run(secs(15));
    assert_eq!(rig.open(peer).len(), 8);
}

#[test]
fn an_idle_swarm_asks_for_no_wake() {
    let mut rig = Rig::new(torrent(4 * MIB, 1 << 20));
    rig.join(true);
    rig.run(secs(3_600));
    assert_eq!(rig.wakes, 0);
    let mut seed = Rig::seed(torrent(4 * MIB, 1 << 20));
    seed.join(true);
    seed.run(secs(3_600));
    assert_eq!(seed.wakes, 0);
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let play = || {
        let mut rig = Rig::new(torrent(16 * MIB, 1 << 18));
        let peers: Vec<_> = (1..6).map(|n| rig.seed_peer(n * 100 * KIB)).collect();
        rig.run(secs(10));
        peers.iter().map(|key| rig.told(*key).requests.clone()).collect::<Vec<Vec<(Time, _)>>>()
    };
    assert_eq!(play(), play());
}

#[test]
fn blocks_of_nothing_but_padding_are_never_asked_for() {
    // 40,000 bytes of content and padding up to the border; a piece of padding before content; one of content only.
    let lengths = [40_000, -25_536, -50_000, 15_536, 65_536];
    let mut rig = Rig::new(torrent_of(&lengths, 64 << 10));
    let (first, second) = (rig.seed_peer(MIB), rig.seed_peer(MIB));
    assert!(rig.complete(secs(10)));
    let mut asked = rig.blocks_asked(first);
    asked.extend(rig.blocks_asked(second));
    let whole = |piece, numbers: std::ops::Range<u32>| numbers.map(move |number| block(piece, number));
    assert!(asked.into_iter().eq(whole(0, 0..3).chain(whole(1, 3..4)).chain(whole(2, 0..4))));
    assert_eq!(rig.swarm.snapshot().downloaded, 8 * 16 * KIB);
}

#[test]
fn a_piece_of_nothing_but_padding_keeps_nobody_busy() {
    let info = torrent_of(&[16_384, -200_000, 12_992], 16 << 10);
    let pads: Vec<u32> = info.layout.pad_pieces().map(|piece| piece.0).collect();
    assert_eq!(pads, (1..13).collect::<Vec<_>>());
    let mut have = Bitfield::none(14);
    pads.iter().for_each(|piece| assert!(have.set(bitlode_base::PieceIndex(*piece))));
    // Storage knows them without a byte, and when it does not, as when their hashes are wrong, nobody is asked.
    for (have, completes) in [(have, true), (Bitfield::none(14), false)] {
        let mut rig = Rig::with(info.clone(), have, limits());
        let peer = rig.seed_peer(MIB);
        assert_eq!(rig.complete(secs(100)), completes);
        assert_eq!(rig.told(peer).requests.len(), 2);
        assert_eq!(rig.told(peer).messages.last(), Some(&OwnedMessage::NotInterested));
    }
}
