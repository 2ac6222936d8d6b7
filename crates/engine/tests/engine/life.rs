//! Closing and shutting down, in the middle of everything.

use std::time::{Duration, Instant};

use bitlode_base::Code;
use bitlode_engine::api::*;

use crate::support::*;

/// A download that is under way: both ends, and the folders that they use.
fn busy() -> (Caller, Caller, bitlode_session::TorrentId, Folder, Folder) {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 64 << 20, 5);
    let mut seeder = Caller::open(1);
    let torrent = seeder.create(&path, 256 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();
    let mut leecher = Caller::open(2);
    let id = leecher.download(&torrent, &target.0);
    leecher.peer(id, addr);
    leecher.until("a piece", |caller| caller.have(id) > 0);
    (seeder, leecher, id, source, target)
}

#[test]
fn row_96_closing_in_the_middle_is_graceful_and_once() {
    let (_seeder, mut leecher, id, source, target) = busy();
    let torrent = {
        let mut maker = Caller::open(1);
        maker.create(&source.join("film"), 256 * 1024)
    };
    let claimed = leecher.have(id);
    let pending = leecher.engine.command(Command::Create(CreateTorrent {
        content: Content::Path(source.join("film")),
        ..CreateTorrent::default()
    }));
    let before = Instant::now();
    leecher.done(Command::Close);
    assert!(before.elapsed() < Duration::from_secs(10));
    assert!(leecher.reply(pending.unwrap()).is_err(), "it is answered, too");
    assert_eq!(leecher.engine.command(Command::Close).unwrap_err().code, Code::Closed);
    assert_eq!(leecher.engine.command(Command::Run(id, true)).unwrap_err().code, Code::Closed);
    assert!(leecher.engine.listening().is_empty());
    assert!(leecher.engine.shutdown(Duration::from_secs(10)));
    assert!(leecher.engine.shutdown(Duration::ZERO), "again");

    // What was had before is there afterwards.
    let mut again = Caller::open(1);
    let id = again.download(&torrent, &target.0);
    again.until("the check", |caller| caller.torrents.get(&id).is_some_and(|state| state.ready));
    assert!(again.have(id) >= claimed, "{} of {claimed}", again.have(id));
}

#[test]
fn row_103_shutting_down_in_the_middle_ends_every_thread_and_rings_no_more() {
    let (mut seeder, leecher, _, _source, _target) = busy();
    let before = Instant::now();
    assert!(leecher.engine.shutdown(Duration::from_secs(10)));
    assert!(before.elapsed() < Duration::from_secs(5));
    let rings = leecher.rings();
    assert_eq!(leecher.engine.command(Command::Close).unwrap_err().code, Code::Closed);
    assert_eq!(leecher.rings(), rings);
    seeder.until("the farewell", |caller| caller.facts.iter().any(|fact| fact.kind == "peer-left"));
    drop(leecher);
}

#[test]
fn commands_that_wait_when_the_engine_ends_are_answered() {
    let mut caller = Caller::open(1);
    let slow = bitlode_session::Settings { listen_patience: Duration::from_secs(600), ..settings() };
    let mut waiting = Caller::with(options(slow, 1));
    let addrs = vec!["192.0.2.1:0".parse().unwrap()];
    let request = waiting.engine.command(Command::Listen { addrs }).unwrap();
    assert!(waiting.engine.shutdown(Duration::from_secs(10)));
    waiting.drain();
    assert_eq!(waiting.reply(request).unwrap_err().code, Code::Closed);
    caller.done(Command::Close);
}

#[test]
fn a_thousand_engines_leave_nothing_behind() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").map(|list| list.count()).ok();
    // Other tests run beside this one, so only a leak of many is told from their coming and going.
    let before = descriptors();
    for _ in 0..1_000 {
        let caller = Caller::open(1);
        assert!(caller.engine.shutdown(Duration::from_secs(10)));
    }
    if let (Some(before), Some(after)) = (before, descriptors()) {
        assert!(after < before + 500, "{before} descriptors became {after}");
    }
}
