//! What peers may say, and when.

mod rig;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bitlode_base::{Bitfield, Code, Coded};
use bitlode_swarm::{Blame, Input, PeerKey, Reason};
use bitlode_wire::{ExtendedHandshake, Message, OwnedMessage};
use rig::{Rig, block, limits, piece, torrent};

fn leech() -> Rig {
    Rig::new(torrent(20 << 18, 1 << 18))
}

fn magnet() -> Rig {
    let mut rig = Rig::bare(torrent(20 << 18, 1 << 18).hashes, None, limits());
    rig.tell(Input::Run(true));
    rig
}

fn is_protocol(reason: Option<Reason>) -> bool {
    matches!(reason, Some(Reason::Protocol(_)))
}

#[test]
fn the_extended_handshake_comes_first_and_says_what_we_are() {
    let mut rig = leech();
    let peer = rig.join(true);
    let heard = rig.heard(peer);
    let [OwnedMessage::Extended { id: 0, payload }, OwnedMessage::HaveNone] = &heard[..] else { panic!("{heard:?}") };
    let shake = ExtendedHandshake::parse(payload, &limits().bencode).unwrap();
    assert_eq!(shake.m.iter().map(|(name, id)| (name.as_str(), *id)).collect::<Vec<_>>(), [("ut_metadata", 2)]);
    assert_eq!((shake.p, shake.reqq, shake.v.as_deref()), (Some(6881), Some(500), Some("Bitlode test")));
    assert_eq!(shake.metadata_size, Some(rig.info.as_ref().unwrap().raw.len() as u32));
    assert_eq!(shake.yourip, Some(IpAddr::from([10, 0, 0, 1])));
}

#[test]
fn a_private_torrent_offers_no_metadata_exchange() {
    let mut rig = Rig::new(rig::private_torrent(1 << 20, 1 << 18));
    let peer = rig.join(true);
    let heard = rig.heard(peer);
    let OwnedMessage::Extended { id: 0, payload } = &heard[0] else { panic!("{heard:?}") };
    let shake = ExtendedHandshake::parse(payload, &limits().bencode).unwrap();
    assert!(shake.m.is_empty() && shake.metadata_size.is_none());
}

#[test]
fn pieces_are_named_as_the_peer_understands_it() {
    let some = Bitfield::from_bytes(&[0x80, 0, 0x10], 20).unwrap();
    for (have, fast, expected) in [
        (Bitfield::none(20), true, Some(OwnedMessage::HaveNone)),
        (Bitfield::none(20), false, None),
        (Bitfield::all(20), true, Some(OwnedMessage::HaveAll)),
        (Bitfield::all(20), false, Some(OwnedMessage::Bitfield(vec![0xff, 0xff, 0xf0]))),
        (some.clone(), true, Some(OwnedMessage::Bitfield(vec![0x80, 0, 0x10]))),
        (some, false, Some(OwnedMessage::Bitfield(vec![0x80, 0, 0x10]))),
    ] {
        let mut rig = Rig::with(torrent(20 << 18, 1 << 18), have, limits());
        let peer = rig.join(fast);
        assert_eq!(rig.heard(peer)[1..], expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn row_28_bitfields_are_exact_and_late_ones_count_as_haves() {
    let good = [0xff, 0xff, 0xf0];
    let say = |messages: &[Message<'_>]| {
        let mut rig = leech();
        let peer = rig.join(true);
        messages.iter().for_each(|message| rig.say(peer, *message));
        rig.closed(peer)
    };
    assert_eq!(say(&[Message::Bitfield(&good)]), None);
    assert_eq!(say(&[Message::Bitfield(&good[..2])]), Some(Reason::Bitfield));
    assert_eq!(say(&[Message::Bitfield(&[0xff, 0xff, 0xf0, 0])]), Some(Reason::Bitfield));
    assert_eq!(say(&[Message::Bitfield(&[0xff, 0xff, 0xf1])]), Some(Reason::Bitfield));
    for first in [Message::Bitfield(&[0x80, 0, 0]), Message::HaveNone, Message::Have(piece(1)), Message::HaveAll] {
        for late in [Message::Bitfield(&good), Message::HaveAll] {
            let mut rig = leech();
            let peer = rig.join(true);
            rig.say(peer, first);
            rig.say(peer, late);
            assert_eq!(rig.closed(peer), None, "{first:?} {late:?}");
            let seed = rig.swarm.peers().find(|other| other.peer == peer).is_some_and(|other| other.seed);
            assert!(seed, "{first:?} {late:?}");
        }
        assert!(is_protocol(say(&[first, Message::HaveNone])));
    }
    assert_eq!(say(&[Message::HaveAll, Message::Bitfield(&good[..2])]), Some(Reason::Bitfield));
    assert_eq!(say(&vec![Message::HaveAll; 20_000]), Some(Reason::HaveFlood));
    let other = [Message::Port(1), Message::Extended { id: 0, payload: b"de" }, Message::Interested, Message::HaveAll];
    assert_eq!(say(&other), None, "others may come before");
    assert_eq!(Reason::Bitfield.code(), Code::PeerBitfield);
    assert_eq!(Reason::Bitfield.blame(), Blame::Misbehaved);
}

#[test]
fn row_28_bitfields_before_the_metadata_are_kept_and_judged_later() {
    let mut rig = magnet();
    let good = rig.join(true);
    let (all, none, short, spare, large, far, flood) = (
        rig.join(true),
        rig.join(true),
        rig.join(true),
        rig.join(true),
        rig.join(true),
        rig.join(true),
        rig.join(true),
    );
    assert_eq!(rig.heard(good)[1..], [OwnedMessage::HaveNone]);
    rig.say(good, Message::Bitfield(&[0x80, 0, 0]));
    rig.say(good, Message::Have(piece(19)));
    rig.say(all, Message::HaveAll);
    rig.say(none, Message::HaveNone);
    rig.say(short, Message::Bitfield(&[0x80, 0]));
    rig.say(spare, Message::Bitfield(&[0x80, 0, 1]));
    rig.say(far, Message::Have(piece(20)));
    let most = vec![0; 262_145];
    rig.say(large, Message::Bitfield(&[&most[..], &[0]].concat()));
    assert_eq!(rig.closed(large), Some(Reason::Bitfield));
    for _ in 0..10_000 {
        rig.say(flood, Message::Have(piece(1)));
    }
    assert_eq!(rig.closed(flood), None);
    rig.say(flood, Message::Have(piece(1)));
    assert_eq!(rig.closed(flood), Some(Reason::HaveFlood));

    let info = torrent(20 << 18, 1 << 18);
    rig.info = Some(info.clone());
    rig.tell(Input::Metadata(info));
    assert_eq!(rig.closed(short), Some(Reason::Bitfield));
    assert_eq!(rig.closed(spare), Some(Reason::Bitfield));
    assert_eq!(rig.closed(far), Some(Reason::Index(piece(20))));
    rig.tell(Input::Have(Bitfield::none(20)));
    let pieces: Vec<_> = rig.swarm.peers().map(|peer| (peer.peer, peer.pieces)).collect();
    assert_eq!(pieces, [(good, Some(2)), (all, Some(20)), (none, Some(0))]);
    assert!(rig.heard(good).contains(&OwnedMessage::Interested));
    assert!(!rig.heard(none).contains(&OwnedMessage::Interested));
}

#[test]
fn what_a_peer_was_told_before_the_check_is_made_good_with_haves() {
    let mut rig = magnet();
    let (fast, plain) = (rig.join(true), rig.join(false));
    let info = torrent(20 << 18, 1 << 18);
    rig.tell(Input::Metadata(info));
    rig.heard(fast);
    rig.heard(plain);
    rig.tell(Input::Have(Bitfield::from_bytes(&[0xc0, 0, 0], 20).unwrap()));
    assert_eq!(rig.heard(fast), [OwnedMessage::Have(piece(0)), OwnedMessage::Have(piece(1))]);
    assert_eq!(rig.heard(plain), [OwnedMessage::Bitfield(vec![0xc0, 0, 0])], "it was told nothing yet");
    rig.tell(Input::Have(Bitfield::from_bytes(&[0x80, 0, 0], 20).unwrap()));
    assert_eq!(rig.closed(fast), Some(Reason::Stale), "a HAVE cannot be taken back");
}

#[test]
fn row_29_haves_are_bounded_in_number_and_range() {
    let mut rig = leech();
    let (far, flood) = (rig.join(true), rig.join(true));
    rig.say(far, Message::Have(piece(19)));
    assert_eq!(rig.closed(far), None);
    rig.say(far, Message::Have(piece(20)));
    assert_eq!(rig.closed(far), Some(Reason::Index(piece(20))));
    for n in 0..10_200 {
        rig.say(flood, Message::Have(piece(n % 20)));
    }
    assert_eq!(rig.closed(flood), None);
    rig.say(flood, Message::Have(piece(0)));
    assert_eq!(rig.closed(flood), Some(Reason::HaveFlood));
}

#[test]
fn row_33_choking_a_thousand_times_a_second_is_survived() {
    let mut rig = leech();
    let peer = rig.seed_peer(1 << 20);
    for _ in 0..1_000 {
        rig.choke(peer);
        rig.say(peer, Message::Unchoke);
        rig.run(Duration::from_millis(1));
    }
    assert_eq!(rig.closed(peer), None);
    assert!(rig.complete(Duration::from_secs(10)));
}

#[test]
fn row_37_messages_of_the_fast_extension_are_for_those_who_have_it() {
    let all = [
        Message::HaveAll,
        Message::HaveNone,
        Message::Reject(block(0, 0)),
        Message::Suggest(piece(0)),
        Message::AllowedFast(piece(0)),
    ];
    for message in all {
        let mut rig = leech();
        let (fast, plain) = (rig.join(true), rig.join(false));
        rig.say(fast, message);
        rig.say(plain, message);
        assert_eq!(rig.closed(fast), None);
        assert!(is_protocol(rig.closed(plain)), "{message:?}");
    }
    let mut rig = leech();
    let peer = rig.join(true);
    for n in 0..100_000 {
        rig.say(peer, Message::Suggest(piece(n)));
        rig.say(peer, Message::AllowedFast(piece(n)));
    }
    assert_eq!(rig.closed(peer), None);
    (0..49).for_each(|_| rig.say(peer, Message::Reject(block(0, 0))));
    assert_eq!(rig.closed(peer), None);
    rig.say(peer, Message::Reject(block(0, 0)));
    assert_eq!(rig.closed(peer), Some(Reason::Rejects));
}

#[test]
fn row_38_extended_handshakes_are_bounded_and_change_only_what_they_name() {
    let mut rig = leech();
    let peer = rig.join(true);
    let shake = |rig: &mut Rig, key, payload: &[u8]| rig.say(key, Message::Extended { id: 0, payload });
    let client = |rig: &Rig| rig.swarm.peers().next().and_then(|peer| peer.client);
    shake(&mut rig, peer, b"d1:v4:Seede");
    shake(&mut rig, peer, b"d4:reqqi99999999999e6:yourip3:abce");
    assert_eq!(client(&rig).as_deref(), Some("Seed"), "what is not named stays");
    shake(&mut rig, peer, b"d1:md11:ut_metadatai300eee");
    shake(&mut rig, peer, b"de");
    assert_eq!(rig.closed(peer), None);
    shake(&mut rig, peer, b"de");
    assert!(is_protocol(rig.closed(peer)), "five within a minute");

    let bad = rig.join(true);
    shake(&mut rig, bad, b"x");
    assert_eq!(rig.closed(bad), None, "once is forgiven");
    shake(&mut rig, bad, b"d1:v");
    assert!(is_protocol(rig.closed(bad)));

    let slow = rig.join(true);
    for _ in 0..20 {
        shake(&mut rig, slow, b"de");
        rig.run(Duration::from_secs(16));
    }
    assert_eq!(rig.closed(slow), None);
}

#[test]
fn numbers_that_were_never_given_out_are_ignored() {
    let mut rig = leech();
    let peer = rig.join(true);
    for id in 1..=255 {
        rig.say(peer, Message::Extended { id, payload: &[id; 9] });
    }
    assert_eq!(rig.closed(peer), None);
}

#[test]
fn a_peer_beyond_the_limit_is_closed_without_blame() {
    let mut rig = leech();
    let peers: Vec<PeerKey> = (0..51).map(|_| rig.join(true)).collect();
    assert_eq!(rig.closed(peers[49]), None);
    assert_eq!(rig.closed(peers[50]), Some(Reason::TooManyPeers));
    assert_eq!(Reason::TooManyPeers.blame(), Blame::Policy);
    assert_eq!(rig.swarm.snapshot().peers, 50);
}

#[test]
fn a_banned_host_loses_all_its_connections() {
    let mut rig = leech();
    let at = |port: u16| SocketAddr::from(([192, 0, 2, 7], port));
    let one = rig.join_from(PeerKey(70), at(1_000), false, true);
    let two = rig.join_from(PeerKey(71), at(2_000), false, true);
    let other = rig.join(true);
    rig.tell(Input::Banned { ip: IpAddr::from([192, 0, 2, 7]) });
    assert_eq!(
        (rig.closed(one), rig.closed(two), rig.closed(other)),
        (Some(Reason::Banned), Some(Reason::Banned), None)
    );
}

#[test]
fn facts_about_peers_that_are_gone_are_ignored() {
    let mut rig = leech();
    let gone = PeerKey(4_711);
    rig.tell(Input::Left { peer: gone });
    rig.tell(Input::Message { peer: gone, message: Message::HaveAll });
    rig.tell(Input::BlockSent { peer: gone, block: block(0, 0) });
    rig.tell(Input::ReadFailed { peer: gone, block: block(0, 0) });
    rig.tell(Input::Unrequested { peer: gone, block: block(0, 0), tolerated: false });
    rig.tell(Input::Verified { piece: piece(99) });
    rig.tell(Input::Failed { piece: piece(99) });
    rig.tell(Input::Lost { block: block(99, 0) });
    rig.tell(Input::Unhave { piece: piece(99) });
    rig.tell(Input::Have(Bitfield::none(7)));
    rig.tell(Input::Wanted(Bitfield::none(7)));
    assert_eq!(rig.have(), 0);
}
