//! RELIABILITY.md row 101: a bug ends what it was in, and nothing else. Here, because only a test build can plant a panic.

use bitlode_base::Code;

use crate::support::{Content, World};
use crate::{Fact, Phase};

fn has(world: &World, host: usize, want: impl Fn(&Fact) -> bool) -> bool {
    world.hosts[host].facts.iter().any(want)
}

fn pair(content: &Content) -> (World, bitlode_session::TorrentId, bitlode_session::TorrentId) {
    let mut world = World::default();
    let (a, b) = (world.host(Default::default()), world.host(Default::default()));
    let seed = world.seed(a, 1, content);
    let leech = world.leech(b, 1, content);
    (world, seed, leech)
}

#[test]
fn a_bug_in_a_connection_closes_it_and_the_peer_may_come_again() {
    let content = Content::new(21, 32 * 1024, &[4 << 20]);
    let (mut world, seed, leech) = pair(&content);
    world.stuck = Some(Default::default()); // so that the bug strikes in the middle
    world.meet(1, leech, 0);
    world.hosts[0].node.plant_panic(seed, "conn");
    world.unstick();
    assert_eq!(world.hosts[0].node.panics(), 1);
    assert!(has(&world, 0, |fact| matches!(fact, Fact::PeerLeft { code: Code::Internal, .. })));
    assert!(world.run(600, |world| world.state(1, leech).complete), "{:?}", world.hosts[1].facts);
    assert_eq!(world.state(0, seed).phase, Phase::Seeding);
}

#[test]
fn a_bug_in_a_swarm_ends_its_torrent_and_leaves_the_others() {
    let (one, two) = (Content::new(22, 32 * 1024, &[1 << 20]), Content::new(23, 32 * 1024, &[1 << 20]));
    let (mut world, _, first) = pair(&one);
    world.seed(0, 2, &two);
    let second = world.leech(1, 2, &two);
    world.hosts[1].node.plant_panic(first, "swarm");
    world.meet(1, first, 0);
    world.meet(1, second, 0);
    assert!(world.run(60, |world| world.state(1, second).complete));
    let state = world.state(1, first);
    assert_eq!((state.phase, state.error.map(|error| error.0)), (Phase::Failed, Some(Code::Internal)));
    assert_eq!(world.hosts[1].node.panics(), 1);
    // It can still be removed.
    world.hosts[1].node.remove(world.now, first).unwrap();
    world.settle();
    assert!(has(&world, 1, |fact| matches!(fact, Fact::Removed { torrent } if *torrent == first)));
}

#[test]
fn a_bug_in_a_store_ends_its_torrent_at_its_last_barrier() {
    let content = Content::new(24, 32 * 1024, &[1 << 20]);
    let (mut world, _, leech) = pair(&content);
    world.hosts[1].node.plant_panic(leech, "store");
    world.meet(1, leech, 0);
    world.run(10, |world| world.state(1, leech).phase == Phase::Failed);
    let state = world.state(1, leech);
    assert_eq!((state.phase, state.error.map(|error| error.0)), (Phase::Failed, Some(Code::Internal)));
    assert_eq!((state.durable, world.hosts[1].pool.in_use()), (0, 0));
    assert!(!world.hosts[1].disk.paths().contains(&format!("/data/{}", content.files[0].0)));
}
