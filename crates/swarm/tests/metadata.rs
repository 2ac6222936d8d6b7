//! The info dictionary: fetched, verified, served (BEP 9).

mod rig;

use std::sync::Arc;
use std::time::Duration;

use bitlode_hash::{InfoHashes, sha1};
use bitlode_metainfo::Info;
use bitlode_swarm::{Input, PeerKey, Reason, SwarmEvent};
use bitlode_wire::{ExtendedHandshake, Message, MetadataMessage, OwnedMessage};
use rig::{Rig, limits, torrent};

/// 2,500 pieces: four metadata pieces, the last a short one.
fn subject() -> Arc<Info> {
    torrent(2_500 << 14, 1 << 14)
}

fn magnet(info: &Info) -> Rig {
    let mut rig = Rig::bare(info.hashes, None, limits());
    rig.tell(Input::Run(true));
    rig
}

/// A peer that says it has metadata of that size, under its own number 9.
fn holder(rig: &mut Rig, size: u32) -> PeerKey {
    let key = rig.join(true);
    rig.heard(key);
    let mut shake = ExtendedHandshake { metadata_size: Some(size), ..ExtendedHandshake::default() };
    shake.m.insert("ut_metadata".to_owned(), 9);
    rig.say(key, Message::Extended { id: 0, payload: &shake.build() });
    key
}

/// Metadata pieces that the peer was asked for since the last look.
fn asked(rig: &mut Rig, key: PeerKey) -> Vec<u32> {
    let messages = if rig.bots.contains_key(&key) { rig.heard(key) } else { Vec::new() };
    let of = |message: OwnedMessage| match message {
        OwnedMessage::Extended { id: 9, payload } => read(&payload),
        _ => None,
    };
    messages.into_iter().filter_map(of).collect()
}

/// The piece of a canonical request.
fn read(payload: &[u8]) -> Option<u32> {
    (0..2_000).find(|piece| MetadataMessage::Request { piece: *piece }.build() == payload)
}

fn answer(rig: &mut Rig, key: PeerKey, raw: &[u8], piece: u32) {
    let begin = piece as usize * 16_384;
    let data = &raw[begin..raw.len().min(begin + 16_384)];
    let payload = MetadataMessage::Data { piece, total_size: raw.len() as u32, data }.build();
    rig.say(key, Message::Extended { id: 2, payload: &payload });
}

/// The peer answers all it is asked, from these bytes.
fn answer_all(rig: &mut Rig, key: PeerKey, raw: &[u8]) {
    loop {
        let pieces = asked(rig, key);
        if pieces.is_empty() {
            return;
        }
        pieces.into_iter().for_each(|piece| answer(rig, key, raw, piece));
    }
}

#[test]
fn metadata_is_fetched_piece_by_piece_from_one_peer() {
    let info = subject();
    let mut rig = magnet(&info);
    let size = info.raw.len() as u32;
    let peer = holder(&mut rig, size);
    let other = holder(&mut rig, size);
    assert_eq!(asked(&mut rig, peer), [0, 1], "two at a time");
    answer(&mut rig, peer, &info.raw, 1);
    assert_eq!(asked(&mut rig, peer), [2]);
    assert_eq!(rig.swarm.snapshot().metadata_received, (16_384, size));
    answer(&mut rig, peer, &info.raw, 0);
    answer(&mut rig, peer, &info.raw, 2);
    answer_all(&mut rig, peer, &info.raw);
    assert!(rig.metadata.as_deref() == Some(&info.raw[..]));
    assert_eq!(asked(&mut rig, other), [], "nobody else was bothered");
    rig.run(Duration::from_secs(600));
    assert_eq!(asked(&mut rig, peer), []);
}

#[test]
fn row_39_a_liar_is_banned_and_an_honest_peer_asked() {
    let info = subject();
    let size = info.raw.len() as u32;
    let mut wrong = info.raw.to_vec();
    wrong[40_000] ^= 1;
    let mut rig = magnet(&info);
    let liar = holder(&mut rig, size);
    let honest = holder(&mut rig, size);
    answer_all(&mut rig, liar, &wrong);
    assert_eq!(rig.told(liar).closed, Some((Reason::MetadataPoison, true)));
    assert!(rig.events.contains(&SwarmEvent::MetadataFailed { peer: liar }));
    answer_all(&mut rig, honest, &info.raw);
    assert!(rig.metadata.is_some());
}

#[test]
fn row_39_another_size_a_silent_peer_and_a_rejecting_one_do_not_stop_it() {
    let info = subject();
    let size = info.raw.len() as u32;
    let mut rig = magnet(&info);
    let silent = holder(&mut rig, 16 << 20);
    let rejects = holder(&mut rig, 5);
    let honest = holder(&mut rig, size);
    assert_eq!(asked(&mut rig, silent).len(), 2);
    rig.run(Duration::from_secs(12));
    if asked(&mut rig, rejects) == [0] {
        let payload = MetadataMessage::Reject { piece: 0 }.build();
        rig.say(rejects, Message::Extended { id: 2, payload: &payload });
    }
    answer_all(&mut rig, honest, &info.raw);
    assert!(rig.metadata.is_some() && rig.now < bitlode_base::Time::from_secs(30));
}

#[test]
fn row_39_absurd_sizes_are_nobodys_offer_and_stray_data_is_ignored() {
    let info = subject();
    let mut rig = magnet(&info);
    let huge = holder(&mut rig, (16 << 20) + 1);
    assert_eq!(asked(&mut rig, huge), []);
    let size = info.raw.len() as u32;
    let peer = holder(&mut rig, size);
    assert_eq!(asked(&mut rig, peer), [0, 1]);
    for message in [
        MetadataMessage::Data { piece: 3, total_size: size, data: &info.raw[3 * 16_384..] },
        MetadataMessage::Data { piece: 0, total_size: size + 1, data: &info.raw[..16_384] },
        MetadataMessage::Data { piece: 0, total_size: size, data: &info.raw[..16_383] },
        MetadataMessage::Data { piece: 9_999, total_size: size, data: b"" },
    ] {
        rig.say(peer, Message::Extended { id: 2, payload: &message.build() });
        rig.say(huge, Message::Extended { id: 2, payload: &message.build() });
    }
    assert_eq!(rig.swarm.snapshot().metadata_received, (0, size));
    answer(&mut rig, huge, &info.raw, 0);
    assert_eq!(rig.swarm.snapshot().metadata_received, (0, size), "it was not asked");
    answer(&mut rig, peer, &info.raw, 0);
    answer(&mut rig, peer, &info.raw, 1);
    answer_all(&mut rig, peer, &info.raw);
    assert!(rig.metadata.is_some());
}

#[test]
fn a_sender_that_leaves_is_replaced() {
    let info = subject();
    let size = info.raw.len() as u32;
    let mut rig = magnet(&info);
    let first = holder(&mut rig, size);
    let second = holder(&mut rig, size);
    answer(&mut rig, first, &info.raw, 0);
    rig.leave(first);
    answer_all(&mut rig, second, &info.raw);
    assert!(rig.metadata.is_some());
}

#[test]
fn both_hashes_of_a_hybrid_link_have_to_match() {
    let info = subject();
    let hashes = InfoHashes { v1: Some(sha1(&info.raw)), v2: Some([7; 32]) };
    let mut rig = Rig::bare(hashes, None, limits());
    rig.tell(Input::Run(true));
    let peer = holder(&mut rig, info.raw.len() as u32);
    answer_all(&mut rig, peer, &info.raw);
    assert!(rig.metadata.is_none());
    assert_eq!(rig.closed(peer), Some(Reason::MetadataPoison));
}

#[test]
fn metadata_is_served_whole_and_not_without_end() {
    let info = subject();
    let mut rig = Rig::new(info.clone());
    let peer = holder(&mut rig, 1);
    let mut get = |piece: u32| {
        rig.say(peer, Message::Extended { id: 2, payload: &MetadataMessage::Request { piece }.build() });
        let Some(OwnedMessage::Extended { id: 9, payload }) = rig.heard(peer).pop() else { panic!("no answer") };
        payload
    };
    let count = (info.raw.len() as u32).div_ceil(16_384);
    for _ in 0..2 {
        for piece in 0..count {
            let data = &info.raw[piece as usize * 16_384..info.raw.len().min((piece as usize + 1) * 16_384)];
            let total_size = info.raw.len() as u32;
            assert!(get(piece) == MetadataMessage::Data { piece, total_size, data }.build());
        }
        for piece in [count, u32::MAX] {
            assert_eq!(get(piece), MetadataMessage::Reject { piece }.build());
        }
    }
    assert_eq!(get(0), MetadataMessage::Reject { piece: 0 }.build(), "twice the whole in ten minutes");
    rig.run(Duration::from_secs(601));
    rig.say(peer, Message::Extended { id: 2, payload: &MetadataMessage::Request { piece: 0 }.build() });
    let Some(OwnedMessage::Extended { payload, .. }) = rig.heard(peer).pop() else { panic!("no answer") };
    assert!(payload.len() > 16_384);
}

#[test]
fn what_we_do_not_have_is_rejected_and_a_private_torrents_is_not_answered() {
    let info = subject();
    let mut rig = magnet(&info);
    let peer = holder(&mut rig, 5_000);
    rig.heard(peer);
    let request = MetadataMessage::Request { piece: 0 }.build();
    rig.say(peer, Message::Extended { id: 2, payload: &request });
    assert_eq!(
        rig.heard(peer),
        [OwnedMessage::Extended { id: 9, payload: MetadataMessage::Reject { piece: 0 }.build() }]
    );
    let mut rig = Rig::new(rig::private_torrent(1 << 20, 1 << 18));
    let peer = holder(&mut rig, 5_000);
    rig.heard(peer);
    rig.say(peer, Message::Extended { id: 2, payload: &request });
    assert_eq!(rig.heard(peer), []);
}

#[test]
fn a_download_goes_on_from_the_metadata() {
    let info = subject();
    let mut rig = magnet(&info);
    let peer = holder(&mut rig, info.raw.len() as u32);
    rig.say(peer, Message::HaveAll);
    rig.say(peer, Message::Unchoke);
    answer_all(&mut rig, peer, &info.raw);
    rig.info = Some(info.clone());
    rig.learn_pieces(peer);
    rig.tell(Input::Metadata(info));
    rig.tell(Input::Have(bitlode_base::Bitfield::none(2_500)));
    rig.tell(Input::Grant { slabs: 4_096 });
    assert!(rig.complete(Duration::from_secs(120)));
}
