//! Two and more nodes joined in memory.

mod support;

use std::collections::VecDeque;

use bitlode_node::{COUNTERS, Counter, Fact, HaveChange, Mode, Phase};
use bitlode_session::Settings;
use support::{Content, World};

fn completed(world: &World, host: usize) -> bool {
    world.hosts[host].facts.iter().any(|fact| matches!(fact, Fact::Completed { .. }))
}

#[test]
fn a_torrent_comes_over_whole() {
    let content = Content::new(1, 64 * 1024, &[100_000, 0, 1, 300_000, 49_999]);
    let mut world = World::default();
    let (a, b) = (world.host(Settings::default()), world.host(Settings::default()));
    let seed = world.seed(a, 1, &content);
    let leech = world.leech(b, 1, &content);
    assert_eq!(world.state(a, seed).phase, Phase::Seeding);
    world.meet(b, leech, a);
    assert!(world.run(60, |world| completed(world, b)), "{:?}", world.hosts[b].facts);
    assert!(world.has(b, &content));
    let state = world.state(b, leech);
    assert_eq!((state.phase, state.complete, state.peers), (Phase::Seeding, true, 0), "two seeds part");
    assert_eq!((state.have, state.durable, state.verified_bytes), (state.pieces, state.pieces, 450_000));
    let HaveChange::Whole(_) = state.changes else { panic!("the first state has all") };
    let mut counters = [0.0; COUNTERS];
    assert!(world.hosts[b].node.counters(leech, &mut counters));
    assert_eq!(counters[Counter::Downloaded as usize], 450_000.0);
    assert_eq!((counters[Counter::Left as usize], counters[Counter::Durable as usize]), (0.0, 450_000.0));
    assert!(world.hosts[a].node.counters(seed, &mut counters));
    assert_eq!(counters[Counter::Uploaded as usize], 450_000.0);
    // Everything is still then, and all memory is back.
    world.run(600, |_| false);
    assert_eq!((world.hosts[a].pool.in_use(), world.hosts[b].pool.in_use()), (0, 0));
}

#[test]
fn a_magnet_link_fetches_its_metadata_and_then_its_content() {
    let content = Content::new(2, 32 * 1024, &[200_000, 70_000]);
    let mut world = World::default();
    let (a, b) = (world.host(Settings::default()), world.host(Settings::default()));
    world.seed(a, 1, &content);
    let leech = world.add(b, 1, content.info.hashes, None, Mode::Download { overwrite: false });
    assert_eq!(world.state(b, leech).phase, Phase::Metadata);
    world.meet(b, leech, a);
    assert!(world.run(120, |world| completed(world, b)), "{:?}", world.hosts[b].facts);
    assert!(world.has(b, &content));
    let known = |fact: &Fact| matches!(fact, Fact::Metadata { info, .. } if info.raw == content.info.raw);
    assert_eq!(world.hosts[b].facts.iter().filter(|fact| known(fact)).count(), 1);
}

#[test]
fn a_swarm_of_many_completes_from_one_seed() {
    let content = Content::new(3, 32 * 1024, &[1_000_000, 500_000, 1]);
    let mut world = World::default();
    let hosts: Vec<_> = (0..8).map(|_| world.host(Settings::default())).collect();
    world.seed(hosts[0], 1, &content);
    let ids: Vec<_> = hosts[1..].iter().map(|host| (*host, world.leech(*host, 1, &content))).collect();
    for (host, id) in &ids {
        for other in &hosts[..*host] {
            world.meet(*host, *id, *other);
        }
    }
    assert!(world.run(600, |world| ids.iter().all(|(host, _)| completed(world, *host))));
    assert!(ids.iter().all(|(host, _)| world.has(*host, &content)));
}

#[test]
fn pieces_larger_than_the_pool_come_through_a_small_one() {
    let content = Content::new(4, 4 << 20, &[9 << 20]);
    let small = || Settings { memory: 1 << 20, spill_after: std::time::Duration::from_secs(1), ..Settings::default() };
    let mut world = World::default();
    let hosts: Vec<_> = (0..4).map(|_| world.host(small())).collect();
    world.seed(hosts[0], 1, &content);
    let ids: Vec<_> = hosts[1..].iter().map(|host| (*host, world.leech(*host, 1, &content))).collect();
    for (host, id) in &ids {
        for other in &hosts[..*host] {
            world.meet(*host, *id, *other);
        }
    }
    assert!(world.run(3_600, |world| ids.iter().all(|(host, _)| completed(world, *host))));
    for host in &hosts {
        assert!(world.has(*host, &content));
        let pool = &world.hosts[*host].pool;
        assert!(pool.peak() <= pool.budget() + 4, "{} of {} slabs", pool.peak(), pool.budget());
    }
}

#[test]
fn a_torrent_that_comes_when_another_has_all_memory_gets_its_share_as_soon_as_it_is_free() {
    let (large, small) = (Content::new(5, 256 * 1024, &[8 << 20]), Content::new(6, 256 * 1024, &[2 << 20]));
    let mut world = World::default();
    // Three quarters of it are for downloads: 3 MiB.
    let settings = Settings { memory: 4 << 20, ..Settings::default() };
    let sooner = settings.deal_interval / 4;
    let (a, b) = (world.host(Settings::default()), world.host(settings));
    world.seed(a, 1, &large);
    world.seed(a, 2, &small);
    let (first, second) = (world.leech(b, 1, &large), world.leech(b, 2, &small));
    // What comes stays in memory, as the disk stands still.
    (world.stuck, world.stuck_from) = (Some(VecDeque::new()), b);
    world.meet(b, first, a);
    world.run(1, |_| false);
    world.meet(b, second, a);
    world.run(1, |_| false);
    assert_eq!((world.state(b, second).have, world.hosts[b].pool.in_use()), (0, 192), "nothing is left for it");
    world.unstick();
    let freed = world.now;
    assert_eq!(world.state(b, first).pieces, world.state(b, first).have);
    assert!(world.run(60, |world| world.has(b, &small)));
    assert!(world.now <= freed + sooner, "{:?} later", world.now.since(freed));
}

#[test]
fn the_same_world_runs_the_same_way_twice() {
    let trace = || {
        let content = Content::new(5, 32 * 1024, &[300_000]);
        let mut world = World::default();
        let hosts: Vec<_> = (0..4).map(|_| world.host(Settings::default())).collect();
        world.seed(hosts[0], 1, &content);
        for host in &hosts[1..] {
            let id = world.leech(*host, 1, &content);
            world.meet(*host, id, hosts[host - 1]);
        }
        world.run(120, |_| false);
        world.hosts.iter().map(|host| format!("{:?}", host.facts)).collect::<Vec<_>>()
    };
    assert_eq!(trace(), trace());
}
