//! Torrents and carriers from beginning to end, and what goes wrong between.

mod support;

use bitlode_base::{Code, FileIndex};
use bitlode_hash::InfoHashes;
use bitlode_node::{Fact, Mode, NodeError, Phase, ReadId, ReadRange};
use bitlode_session::{Settings, TorrentId};
use support::{Content, World};

fn has(world: &World, host: usize, want: impl Fn(&Fact) -> bool) -> bool {
    world.hosts[host].facts.iter().any(want)
}

fn completed(world: &World, host: usize) -> bool {
    has(world, host, |fact| matches!(fact, Fact::Completed { .. }))
}

/// A seed and a leech that know each other, before the first byte.
fn pair(content: &Content) -> (World, TorrentId, TorrentId) {
    let mut world = World::default();
    let (a, b) = (world.host(Settings::default()), world.host(Settings::default()));
    let seed = world.seed(a, 1, content);
    let leech = world.leech(b, 1, content);
    (world, seed, leech)
}

/// Takes what a read gave, telling the node.
fn take(world: &mut World, host: usize, id: TorrentId, read: ReadId) -> (Vec<u8>, bool) {
    let (mut bytes, mut ended) = (Vec::new(), false);
    let mut rest = Vec::new();
    for fact in std::mem::take(&mut world.hosts[host].facts) {
        match fact {
            Fact::Read { read: of, data } if of == read => bytes.extend_from_slice(&data),
            Fact::ReadEnded { read: of } if of == read => ended = true,
            fact => rest.push(fact),
        }
    }
    world.hosts[host].facts = rest;
    let now = world.now;
    let _ = world.hosts[host].node.read_taken(now, id, read, bytes.len() as u64);
    world.settle();
    (bytes, ended)
}

#[test]
fn a_read_gives_its_bytes_in_order_while_they_come() {
    let content = Content::new(11, 64 * 1024, &[10_000, 900_000, 10_000]);
    let (mut world, _, leech) = pair(&content);
    let range = ReadRange { file: FileIndex(1), start: 300_001, end: 800_002 };
    world.hosts[1].node.read(world.now, leech, ReadId(7), range).unwrap();
    world.meet(1, leech, 0);
    let mut got = Vec::new();
    let ended = world.run(60, |world| {
        loop {
            let (bytes, ended) = take(world, 1, leech, ReadId(7));
            got.extend_from_slice(&bytes);
            if ended || bytes.is_empty() {
                return ended;
            }
        }
    });
    assert!(ended);
    assert!(got == content.files[1].1[300_001..800_002]);
}

#[test]
fn a_read_holds_no_more_than_its_window_and_a_closed_one_nothing() {
    let content = Content::new(12, 64 * 1024, &[8 << 20]);
    let mut world = World::default();
    let host = world.host(Settings::default());
    let seed = world.seed(host, 1, &content);
    world.hosts[host].node.run(world.now, seed, false).unwrap();
    let range = ReadRange { file: FileIndex(0), start: 0, end: 8 << 20 };
    world.hosts[host].node.read(world.now, seed, ReadId(1), range).unwrap();
    world.settle();
    let held = world.hosts[host].pool.in_use();
    assert!((1..=17).contains(&held), "{held} blocks held");
    world.hosts[host].node.read_close(world.now, seed, ReadId(1)).unwrap();
    world.hosts[host].facts.clear();
    assert_eq!(world.hosts[host].pool.in_use(), 0);
    let outside = ReadRange { file: FileIndex(0), start: 0, end: (8 << 20) + 1 };
    assert_eq!(world.hosts[host].node.read(world.now, seed, ReadId(2), outside), Err(NodeError::Range));
}

#[test]
fn a_connection_moves_to_the_shard_of_its_torrent() {
    let content = Content::new(13, 32 * 1024, &[200_000]);
    let mut world = World::default();
    let shards = world.shards(Settings::default(), 2);
    let leecher = world.host(Settings::default());
    world.seed(shards[1], 5, &content);
    let leech = world.leech(leecher, 1, &content);
    // Dials reach the first shard of that address.
    world.meet(leecher, leech, shards[0]);
    assert!(world.run(60, |world| completed(world, leecher)), "{:?}", world.hosts[leecher].facts);
    assert!(has(&world, shards[1], |fact| matches!(fact, Fact::PeerJoined { .. })));
    assert!(world.has(leecher, &content));
}

#[test]
fn a_stranger_that_names_no_torrent_or_a_paused_one_is_closed_in_silence() {
    let content = Content::new(14, 32 * 1024, &[50_000]);
    let other = Content::new(15, 32 * 1024, &[50_000]);
    let mut world = World::default();
    let (a, b) = (world.host(Settings::default()), world.host(Settings::default()));
    let paused = world.seed(a, 1, &content);
    world.hosts[a].node.run(world.now, paused, false).unwrap();
    for (id, content) in [(1, &content), (2, &other)] {
        let leech = world.leech(b, id, content);
        world.meet(b, leech, a);
    }
    assert_eq!(world.hosts[a].node.carriers(), 0);
    assert!(!has(&world, b, |fact| matches!(fact, Fact::PeerJoined { .. })));
    let refused =
        world.hosts[a].facts.iter().filter(|fact| matches!(fact, Fact::Refused { code: Code::PeerHandshake, .. }));
    assert_eq!(refused.count(), 2);
}

#[test]
fn a_client_that_dials_itself_hangs_up() {
    let content = Content::new(16, 32 * 1024, &[50_000]);
    let mut world = World::default();
    let host = world.host(Settings::default());
    let leech = world.leech(host, 1, &content);
    world.meet(host, leech, host);
    world.run(300, |_| false);
    assert_eq!(world.hosts[host].node.carriers(), 0);
    assert!(!has(&world, host, |fact| matches!(fact, Fact::PeerJoined { .. })));
}

#[test]
fn removing_a_torrent_closes_its_peers_and_gives_all_memory_back() {
    let content = Content::new(17, 64 * 1024, &[4 << 20]);
    let (mut world, seed, leech) = pair(&content);
    world.stuck = Some(Default::default()); // so that it is removed in the middle
    world.meet(1, leech, 0);
    assert_eq!(world.state(0, seed).peers, 1);
    for (host, id) in [(1, leech), (0, seed)] {
        world.hosts[host].node.remove(world.now, id).unwrap();
        world.unstick();
        assert!(has(&world, host, |fact| matches!(fact, Fact::Removed { .. })));
        let node = &world.hosts[host].node;
        assert_eq!((node.carriers(), node.torrents().len(), world.hosts[host].pool.in_use()), (0, 0, 0));
        assert_eq!(world.hosts[host].session.lock().unwrap().leased(), 0);
    }
    world.run(5, |_| false);
    assert_eq!(world.next_wake(), bitlode_base::Time::NEVER, "nothing is left to wake for");
}

#[test]
fn ten_thousand_idle_torrents_wake_nobody() {
    let mut world = World::default();
    let host = world.host(Settings::default());
    for number in 0..10_000u64 {
        let mut hash = [0; 20];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let hashes = InfoHashes { v1: Some(hash), v2: None };
        world.add(host, number, hashes, None, Mode::Download { overwrite: false });
    }
    world.run(1, |_| false);
    assert_eq!(world.next_wake(), bitlode_base::Time::NEVER);
}

#[test]
fn a_check_finds_what_was_spoilt_and_the_download_mends_it() {
    let content = Content::new(18, 32 * 1024, &[300_000]);
    let (mut world, _, leech) = pair(&content);
    world.meet(1, leech, 0);
    assert!(world.run(60, |world| completed(world, 1)));
    world.hosts[1].facts.clear();
    let mut spoilt = content.files[0].1.clone();
    spoilt[100_000] ^= 1;
    world.hosts[1].disk.put(&format!("/data/{}", content.files[0].0), spoilt);
    world.hosts[1].node.check(world.now, leech).unwrap();
    world.settle();
    let checked = |fact: &Fact| matches!(fact, Fact::Checked { have: 9, pieces: 10, .. });
    assert!(has(&world, 1, checked), "{:?}", world.hosts[1].facts);
    assert_eq!(world.state(1, leech).phase, Phase::Downloading);
    world.meet(1, leech, 0);
    assert!(world.run(600, |world| world.has(1, &content)), "{:?}", world.hosts[1].facts);
}

#[test]
fn a_seed_whose_content_is_not_there_stops_with_a_code() {
    let content = Content::new(19, 32 * 1024, &[100_000]);
    let mut world = World::default();
    let host = world.host(Settings::default());
    let mut wrong = content.files[0].1.clone();
    wrong[0] ^= 1;
    world.hosts[host].disk.put(&format!("/data/{}", content.files[0].0), wrong);
    let id = world.add(host, 1, content.info.hashes, Some(content.info.clone()), Mode::Seed);
    let state = world.state(host, id);
    assert_eq!((state.phase, state.error.unwrap().0, state.have), (Phase::Failed, Code::VerifyFailed, 3));
    // Mended, it starts after a new check.
    world.hosts[host].disk.put(&format!("/data/{}", content.files[0].0), content.files[0].1.clone());
    world.hosts[host].node.run(world.now, id, true).unwrap();
    world.settle();
    assert_eq!(world.state(host, id).phase, Phase::Seeding);
}

#[test]
fn a_torrent_that_only_verifies_joins_no_swarm() {
    let content = Content::new(20, 32 * 1024, &[100_000]);
    let mut world = World::default();
    let host = world.host(Settings::default());
    world.hosts[host].disk.put(&format!("/data/{}", content.files[0].0), content.files[0].1.clone());
    let id = world.add(host, 1, content.info.hashes, Some(content.info.clone()), Mode::Verify);
    assert!(has(&world, host, |fact| matches!(fact, Fact::Checked { have: 4, pieces: 4, .. })));
    world.meet(host, id, host);
    assert_eq!(world.state(host, id).phase, Phase::Paused);
    assert_eq!(world.hosts[host].node.carriers(), 0);
}

#[test]
fn a_full_disk_stops_a_torrent_and_space_lets_it_go_on() {
    let content = Content::new(21, 32 * 1024, &[400_000]);
    let (mut world, _, leech) = pair(&content);
    world.hosts[1].disk.set_full(true);
    world.meet(1, leech, 0);
    assert!(world.run(30, |world| world.state(1, leech).phase == Phase::Failed));
    let state = world.state(1, leech);
    assert_eq!((state.error.unwrap().0, state.have, state.peers), (Code::StorageFull, 0, 0));
    assert_eq!(world.hosts[1].node.carriers(), 0);
    let refused = world.hosts[1].node.barrier(world.now, leech);
    assert_eq!(refused, Err(NodeError::Stopped(Code::StorageFull)));
    world.hosts[1].disk.set_full(false);
    world.hosts[1].node.retry(world.now, leech).unwrap();
    assert!(world.run(600, |world| completed(world, 1)), "{:?}", world.hosts[1].facts);
    assert!(world.has(1, &content));
    assert_eq!((world.state(1, leech).phase, world.state(1, leech).error), (Phase::Seeding, None));
}
