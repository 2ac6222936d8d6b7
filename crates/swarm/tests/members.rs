//! Whom the swarm calls, and when again.

mod rig;

use std::net::SocketAddr;
use std::time::Duration;

use bitlode_base::{Bitfield, Time};
use bitlode_swarm::{Candidate, Input, PeerKey, Reason, Source};
use bitlode_wire::Message;
use rig::{Rig, addr, torrent};

fn leech() -> Rig {
    Rig::new(torrent(4 << 20, 1 << 18))
}

fn add(rig: &mut Rig, source: Source, addrs: impl IntoIterator<Item = SocketAddr>) {
    let list: Vec<Candidate> = addrs.into_iter().map(|addr| Candidate { addr, source }).collect();
    rig.tell(Input::Candidates(&list));
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

/// Lets time pass; every dial fails at once.
fn run_failing(rig: &mut Rig, span: Duration) -> Vec<(Time, SocketAddr)> {
    let end = rig.now + span;
    let mut all = Vec::new();
    loop {
        let dials = std::mem::take(&mut rig.dials);
        all.extend(dials.iter().copied());
        for (_, addr) in &dials {
            rig.tell(Input::DialFailed { addr: *addr });
        }
        if rig.dials.is_empty() && !rig.run_until(end, |rig| !rig.dials.is_empty()) {
            return all;
        }
    }
}

#[test]
fn at_most_so_many_dials_are_under_way() {
    let mut rig = leech();
    add(&mut rig, Source::Tracker, (0..20).map(addr));
    assert_eq!(rig.dials.len(), 5);
    let first = rig.dials[0].1;
    rig.tell(Input::DialFailed { addr: first });
    assert_eq!(rig.dials.len(), 6);
    let peer = rig.join_from(PeerKey(50), rig.dials[1].1, true, true);
    assert_eq!(rig.dials.len(), 7);
    rig.leave(peer);
    assert_eq!(rig.dials.len(), 7);
    assert_eq!(rig.swarm.snapshot().dialling, 5);
    rig.tell(Input::Run(false));
    let second = rig.dials[2].1;
    rig.tell(Input::DialFailed { addr: second });
    assert_eq!(rig.dials.len(), 7, "a paused swarm calls nobody");
}

#[test]
fn an_address_from_a_tracker_is_tried_three_times_an_hour() {
    let mut rig = leech();
    add(&mut rig, Source::Tracker, [addr(1)]);
    let dials = run_failing(&mut rig, hours(5));
    assert!((6..=15).contains(&dials.len()), "{}", dials.len());
    for four in dials.windows(4) {
        assert!(four[3].0.since(four[0].0) >= hours(1));
    }
    // Being named again does not help.
    add(&mut rig, Source::Tracker, [addr(1)]);
    assert!(run_failing(&mut rig, Duration::from_secs(60)).is_empty());
}

#[test]
fn an_address_that_the_user_typed_is_tried_for_ever() {
    let mut rig = leech();
    add(&mut rig, Source::Manual, [addr(1)]);
    let dials = run_failing(&mut rig, hours(5));
    assert!(dials[1].0 < Time::from_secs(6), "soon at first");
    let last: Vec<_> = dials.windows(2).map(|pair| pair[1].0.since(pair[0].0)).skip(6).collect();
    assert!(last.len() > 200 && last.iter().all(|gap| (60..=66).contains(&gap.as_secs())), "gently later");
}

#[test]
fn an_address_typed_again_is_called_at_once_whatever_came_of_it_before() {
    let mut rig = leech();
    for first in [Source::Manual, Source::Tracker] {
        let addr = addr(first as u64 + 1);
        add(&mut rig, first, [addr]);
        run_failing(&mut rig, hours(2));
        rig.run(Duration::from_secs(1));
        add(&mut rig, Source::Manual, [addr]);
        assert_eq!(rig.dials, [(rig.now, addr)], "in back-off before");
        let again = run_failing(&mut rig, Duration::from_secs(8));
        assert_eq!(again.len(), 2, "and soon again, as if it were new");
        // It is being called, or connected: there is nothing to do.
        rig.run_until(Time::NEVER, |rig| !rig.dials.is_empty());
        rig.dials.clear();
        add(&mut rig, Source::Manual, [addr]);
        let peer = rig.join_from(PeerKey(first as u64), addr, true, true);
        add(&mut rig, Source::Manual, [addr]);
        assert_eq!(rig.dials, []);
        // It misbehaves and is left alone, until the user wants it all the same.
        rig.say(peer, Message::Bitfield(&[1]));
        assert!(rig.told(peer).closed.is_some());
        rig.run(hours(1));
        assert_eq!(rig.dials, []);
        add(&mut rig, Source::Manual, [addr]);
        assert_eq!(rig.dials, [(rig.now, addr)]);
        rig.tell(Input::Forbid { addr });
        rig.dials.clear();
        add(&mut rig, Source::Manual, [addr]);
        assert_eq!(rig.dials, [], "our own");
    }
}

#[test]
fn a_full_list_never_gives_up_what_the_user_typed_and_has_room_for_more_of_it() {
    let mut rig = leech();
    add(&mut rig, Source::Manual, [addr(1)]);
    add(&mut rig, Source::Tracker, (100..500).map(addr));
    run_failing(&mut rig, hours(1));
    add(&mut rig, Source::Tracker, (500..900).map(addr));
    let dials = run_failing(&mut rig, Duration::from_secs(70));
    assert!(dials.iter().any(|(_, at)| *at == addr(1)), "it failed for an hour and is still called");
    // Nothing in the list has failed, and a typed address finds a place all the same.
    let mut rig = leech();
    rig.tell(Input::Run(false));
    add(&mut rig, Source::Tracker, (100..500).map(addr));
    add(&mut rig, Source::Manual, [addr(1)]);
    assert_eq!(rig.swarm.snapshot().candidates, 100);
    rig.tell(Input::Run(true));
    assert_eq!(rig.dials[0].1, addr(1));
}

#[test]
fn a_connection_that_was_closed_because_our_pieces_changed_is_made_again_at_once() {
    let mut rig = Rig::seed(torrent(4 << 20, 1 << 18));
    add(&mut rig, Source::Manual, [addr(1)]);
    let peer = rig.join_from(PeerKey(1), addr(1), true, true);
    rig.dials.clear();
    rig.run(Duration::from_secs(5));
    rig.tell(Input::Have(Bitfield::none(16)));
    assert_eq!(rig.closed(peer), Some(Reason::Stale));
    assert_eq!(rig.dials, [(rig.now, addr(1))]);
}

#[test]
fn addresses_that_the_user_typed_come_first() {
    let mut rig = leech();
    rig.tell(Input::Run(false));
    add(&mut rig, Source::Tracker, (0..20).map(addr));
    add(&mut rig, Source::Manual, [addr(30), addr(7)]);
    rig.tell(Input::Run(true));
    let mut first: Vec<_> = rig.dials[..2].iter().map(|(_, addr)| *addr).collect();
    first.sort();
    assert_eq!(first, [addr(7), addr(30)]);
}

#[test]
fn a_postponed_dial_is_no_attempt() {
    let mut rig = leech();
    add(&mut rig, Source::Tracker, [addr(1)]);
    for n in 1..20 {
        let at = rig.now + Duration::from_secs(1);
        rig.tell(Input::DialLater { addr: addr(1), at });
        rig.run(Duration::from_secs(2));
        assert_eq!(rig.dials.len(), 1 + n);
    }
}

#[test]
fn impossible_own_forbidden_and_banned_addresses_are_not_called() {
    let mut rig = leech();
    rig.tell(Input::Forbid { addr: addr(5) });
    let odd = ["0.0.0.0:1", "1.2.3.4:0", "224.0.0.1:7", "[::]:5", "[ff02::1]:5"].map(|text| text.parse().unwrap());
    add(&mut rig, Source::Tracker, odd);
    add(&mut rig, Source::Tracker, [addr(999), addr(5)]);
    assert!(rig.dials.is_empty());
    rig.tell(Input::Run(false));
    add(&mut rig, Source::Tracker, [SocketAddr::from(([192, 0, 2, 9], 1)), SocketAddr::from(([192, 0, 2, 9], 2))]);
    rig.tell(Input::Banned { ip: [192, 0, 2, 9].into() });
    rig.tell(Input::Run(true));
    assert!(rig.dials.is_empty());
}

#[test]
fn the_list_is_bounded_and_prefers_what_never_failed() {
    let mut rig = leech();
    add(&mut rig, Source::Tracker, (100..500).map(addr));
    assert_eq!(rig.swarm.snapshot().candidates, 100, "our own among them");
    run_failing(&mut rig, Duration::from_secs(30));
    add(&mut rig, Source::Tracker, (600..700).map(addr));
    let dials = run_failing(&mut rig, Duration::from_secs(30));
    assert!(dials.iter().filter(|(_, at)| (600..700).map(addr).any(|new| new == *at)).count() >= 90);
    assert!(rig.swarm.snapshot().candidates <= 100);
}

#[test]
fn a_peer_that_called_us_is_called_back_where_it_listens() {
    let mut rig = leech();
    let peer = rig.join_from(PeerKey(1), SocketAddr::from(([192, 0, 2, 1], 55_555)), false, true);
    rig.say(peer, Message::Extended { id: 0, payload: b"d1:pi6999ee" });
    let listens = SocketAddr::from(([192, 0, 2, 1], 6_999));
    add(&mut rig, Source::Tracker, [listens]);
    assert!(rig.dials.is_empty(), "it is connected");
    rig.run(Duration::from_secs(120));
    rig.leave(peer);
    rig.run(Duration::from_secs(120));
    assert_eq!(rig.dials.iter().map(|(_, addr)| *addr).collect::<Vec<_>>(), [listens]);
}

#[test]
fn a_complete_swarm_leaves_other_complete_ones_alone_for_a_while() {
    let mut rig = Rig::seed(torrent(4 << 20, 1 << 18));
    add(&mut rig, Source::Manual, [addr(1)]);
    let peer = rig.join_from(PeerKey(1), addr(1), true, true);
    rig.say(peer, Message::HaveAll);
    assert!(rig.told(peer).closed.is_some());
    rig.dials.clear();
    rig.run(Duration::from_secs(1_700));
    assert!(rig.dials.is_empty());
    rig.run(Duration::from_secs(400));
    assert_eq!(rig.dials.len(), 1);
}

#[test]
fn a_peer_that_misbehaved_is_not_called_again() {
    let mut rig = leech();
    add(&mut rig, Source::Manual, [addr(1)]);
    let peer = rig.join_from(PeerKey(1), addr(1), true, true);
    rig.say(peer, Message::Bitfield(&[1]));
    assert!(rig.told(peer).closed.is_some());
    rig.dials.clear();
    rig.run(hours(3));
    assert!(rig.dials.is_empty());
}

#[test]
fn a_connection_that_was_of_use_is_made_again_soon() {
    let mut rig = leech();
    add(&mut rig, Source::Tracker, [addr(1)]);
    for _ in 0..10 {
        let peer = rig.join_from(PeerKey(rig.now.micros() + 1), addr(1), true, true);
        rig.run(Duration::from_secs(61));
        rig.dials.clear();
        rig.leave(peer);
        rig.run(Duration::from_secs(67));
        assert_eq!(rig.dials.len(), 1);
    }
}
