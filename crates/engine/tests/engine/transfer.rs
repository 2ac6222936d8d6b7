//! Content from one engine to another.

use bitlode_engine::api::*;
use bitlode_metainfo::{Limits, Metainfo};
use bitlode_node::limits;
use bitlode_session::Settings;

use crate::support::*;

/// A folder with pieces across files, an empty file and a last piece of one byte.
fn album(folder: &Folder) -> std::path::PathBuf {
    let pieces = 64 * 1024;
    folder.write("album/a/first", 3 * pieces + 7, 1);
    folder.write("album/a/empty", 0, 2);
    folder.write("album/b", 10 * pieces - 9, 3);
    folder.write("album/c/d/last", 20 * pieces + 3, 4);
    folder.join("album")
}

fn all_limits() -> Limits {
    limits::metainfo(&settings())
}

#[test]
fn a_folder_comes_over_byte_for_byte() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = album(&source);
    let mut seeder = Caller::open(1);
    let torrent = seeder.create(&path, 64 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();

    let mut leecher = Caller::open(2);
    let id = leecher.download(&torrent, &target.0);
    leecher.peer(id, addr);
    leecher.complete(id);
    assert_same(&source.0, &target.0);
    let state = &leecher.torrents[&id];
    assert_eq!((state.have, state.durable, state.phase), (state.pieces, state.pieces, Phase::Seeding));
    let total = (33 * 64 * 1024 + 1) as u64;
    assert_eq!(state.verified_bytes, total);
    leecher.until("the last counters", |caller| caller.counter(id, Counter::Left) == 0.0);
    assert!(leecher.counter(id, Counter::Downloaded) >= total as f64);
    let Ok(ReplyBody::Peers(peers)) = leecher.ask(Command::Peers(id)) else { panic!() };
    // Two that have everything have nothing to say to each other, so the peer may have left already.
    assert!(peers.len() <= 1);
    assert!(leecher.facts.iter().any(|fact| fact.kind == "peer-joined" && fact.peer == Some(addr)));
    assert!(leecher.facts.iter().any(|fact| fact.kind == "completed"));
}

#[test]
fn a_magnet_link_with_a_peer_becomes_the_content() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = album(&source);
    let mut seeder = Caller::open(2);
    let torrent = seeder.create(&path, 32 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();

    let hashes = Metainfo::parse(&torrent, &all_limits()).unwrap().info.hashes;
    let hash: String = hashes.v1.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let link = format!("magnet:?xt=urn:btih:{hash}&x.pe={addr}");
    let mut leecher = Caller::open(1);
    let id = leecher.try_add(Source::Magnet(link), &target.0, Mode::Download { overwrite: false }).unwrap();
    leecher.complete(id);
    assert_same(&source.0, &target.0);
    let info = leecher.torrents[&id].info.clone().expect("the metadata is told");
    assert_eq!(info.hashes, hashes);
}

#[test]
fn eight_torrents_keep_several_shards_busy() {
    let (source, target) = (Folder::new(), Folder::new());
    let mut seeder = Caller::open(4);
    let mut torrents = Vec::new();
    for number in 0..8 {
        let path = source.write(&format!("file-{number}"), 2_000_000 + number, number as u64);
        let torrent = seeder.create(&path, 256 * 1024);
        seeder.seed(&torrent, &source.0);
        torrents.push(torrent);
    }
    let addr = seeder.listen();
    let mut leecher = Caller::open(4);
    let ids: Vec<_> = torrents.iter().map(|torrent| leecher.download(torrent, &target.0)).collect();
    ids.iter().for_each(|id| leecher.peer(*id, addr));
    ids.iter().for_each(|id| leecher.complete(*id));
    assert_same(&source.0, &target.0);
    for caller in [&seeder, &leecher] {
        let loads = caller.engine.shard_loads(false);
        assert_eq!(loads.iter().map(|load| load.torrents).collect::<Vec<_>>(), [2, 2, 2, 2]);
        assert!(loads.iter().filter(|load| load.busy_us > 0 && load.longest_turn_us > 0).count() >= 2, "{loads:?}");
    }
}

#[test]
fn a_pause_stops_the_download_and_a_start_finishes_it() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 96 << 20, 5);
    // One request at a time, or all of it would be here before the first news of it.
    let mut seeder = Caller::with(options(Settings { max_queued_requests: 1, ..settings() }, 1));
    let torrent = seeder.create(&path, 64 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();

    let mut leecher = Caller::open(1);
    let id = leecher.download(&torrent, &target.0);
    leecher.peer(id, addr);
    leecher.until("a piece", |caller| caller.have(id) > 0);
    leecher.done(Command::Run(id, false));
    leecher.until("the pause", |caller| caller.phase(id) == Some(Phase::Paused));
    // What was under way lands; after a barrier nothing more can.
    leecher.done(Command::Barrier(id));
    leecher.done(Command::Barrier(id));
    leecher.until("rates of zero", |caller| caller.counter(id, Counter::DownRate) == 0.0);
    let have = leecher.have(id);
    assert!(have < leecher.torrents[&id].pieces, "paused before its end");
    assert!(!leecher.wait(std::time::Duration::from_millis(300), |caller| caller.have(id) > have));
    leecher.done(Command::Run(id, true));
    leecher.complete(id);
    assert_same(&source.0, &target.0);
}

#[test]
fn what_is_there_is_checked_and_only_the_rest_is_fetched() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 2 << 20, 6);
    let mut seeder = Caller::open(1);
    let torrent = seeder.create(&path, 64 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();
    // The same file with one piece spoiled.
    let mut spoiled = bytes(2 << 20, 6);
    spoiled[70_000] ^= 1;
    std::fs::write(target.join("film"), spoiled).unwrap();

    let mut leecher = Caller::open(1);
    let id = leecher.add(&torrent, &target.0, Mode::Download { overwrite: true });
    leecher.until("the check", |caller| caller.have(id) == 31);
    leecher.peer(id, addr);
    leecher.complete(id);
    assert_same(&source.0, &target.0);
    assert_eq!(leecher.counter(id, Counter::Downloaded), 65_536.0);
    match leecher.ask(Command::Check(id)) {
        Ok(ReplyBody::Checked { have: 32, pieces: 32 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn removing_a_torrent_leaves_its_files_and_forgets_the_rest() {
    let source = Folder::new();
    let path = source.write("film", 300_000, 7);
    let mut seeder = Caller::open(2);
    let torrent = seeder.create(&path, 32 * 1024);
    let id = seeder.seed(&torrent, &source.0);
    let again = seeder.try_add(Source::Metainfo(torrent.clone()), &source.0, Mode::Seed).unwrap_err();
    assert_eq!(again.code, bitlode_base::Code::DuplicateTorrent);
    seeder.done(Command::Remove(id));
    assert!(path.exists());
    assert!(!seeder.engine.counters(id, &mut [0.0; COUNTERS]));
    let gone = seeder.ask(Command::Run(id, true)).unwrap_err();
    assert_eq!(gone.code, bitlode_base::Code::NotFound);
    seeder.seed(&torrent, &source.0);
}

#[test]
fn foreign_files_and_missing_content_end_in_a_state_with_a_code() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 300_000, 8);
    target.write("film", 300_000, 9);
    let mut caller = Caller::open(1);
    let torrent = caller.create(&path, 32 * 1024);
    let foreign = caller.download(&torrent, &target.0);
    caller.until("the refusal", |caller| caller.phase(foreign) == Some(Phase::Failed));
    let error = caller.torrents[&foreign].error.clone().unwrap();
    assert_eq!(error.code, bitlode_base::Code::StorageExists, "{}", error.message);
    assert!(std::fs::read(target.join("film")).unwrap() == bytes(300_000, 9), "untouched");
    caller.done(Command::Remove(foreign));
    let empty = Folder::new();
    let missing = caller.add(&torrent, &empty.0, Mode::Verify);
    caller.until("the check", |caller| {
        caller.torrents.get(&missing).is_some_and(|state| state.ready || state.phase == Phase::Failed)
    });
    assert_eq!(caller.have(missing), 0);
}
