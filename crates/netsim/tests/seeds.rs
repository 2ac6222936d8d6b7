//! A few of the runs that `bitlode-netsim run` does by the hundred.

use bitlode_netsim::{Config, Planted, Telling, run};

#[test]
fn every_honest_peer_completes_whatever_happens() {
    // The first ones, and those that once found a bug.
    for seed in (0..16).chain([134, 175, 197, 375, 470, 716, 969, 1659]) {
        let outcome = run(Config::draw(seed), Planted::default(), Telling::Quiet);
        assert_eq!(outcome.failure, None, "cargo run -p bitlode-netsim --release -- replay {seed} -v");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut traces = Vec::new();
    for seed in [3, 4, 5] {
        let [first, again] = [(); 2].map(|()| run(Config::draw(seed), Planted::default(), Telling::Quiet));
        assert_eq!((first.trace, first.events, first.took), (again.trace, again.events, again.took), "seed {seed}");
        traces.push(first.trace);
    }
    traces.dedup();
    assert_eq!(traces.len(), 3, "different seeds give different runs");
}

#[test]
fn fifty_peers_with_pieces_of_16_mib_complete_with_4_mib_of_memory_each() {
    let outcome = run(Config::large_pieces(1), Planted::default(), Telling::Quiet);
    assert_eq!(outcome.failure, None);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_bug_is_caught() {
    for (name, bug) in Planted::all() {
        let caught = (0..100).any(|seed| run(Config::draw(seed), bug, Telling::Quiet).failure.is_some());
        assert!(caught, "{name}");
    }
}
