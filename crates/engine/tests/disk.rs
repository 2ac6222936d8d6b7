//! Disks that are full or stuck. In a process of its own: failpoints are the whole process's.

#[path = "engine/support.rs"]
#[allow(dead_code)]
mod support;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bitlode_base::Code;
use bitlode_engine::api::*;
use bitlode_storage::Fault;
use bitlode_storage::sys::failpoint::{Action, set};
use support::*;

/// One test at a time.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_full_disk_stops_the_torrent_with_a_code_and_a_retry_finishes_it() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 8 << 20, 5);
    let mut seeder = Caller::open(1);
    let torrent = seeder.create(&path, 256 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();
    let mut leecher = Caller::open(1);
    set("disk.write", Some(Action::Fail(Fault::Full)));
    let id = leecher.download(&torrent, &target.0);
    leecher.peer(id, addr);
    leecher.until("the stop", |caller| caller.phase(id) == Some(Phase::Failed));
    assert_eq!(leecher.torrents[&id].error.as_ref().unwrap().code, Code::StorageFull);
    assert_eq!(leecher.have(id), 0);
    set("disk.write", None);
    leecher.done(Command::Retry(id));
    leecher.complete(id);
    assert_same(&source.0, &target.0);
}

#[test]
fn row_88_a_disk_that_hangs_stops_neither_the_other_torrents_nor_the_end() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 64 << 20, 5);
    let mut seeder = Caller::open(1);
    let torrent = seeder.create(&path, 256 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();
    let mut leecher = Caller::open(1);
    let id = leecher.download(&torrent, &target.0);
    leecher.until("the start", |caller| caller.phase(id) == Some(Phase::Downloading));
    set("disk.write", Some(Action::Sleep(Duration::from_secs(20))));
    leecher.peer(id, addr);
    leecher.until("bytes", |caller| caller.counter(id, Counter::Downloaded) > 1e6);
    // The shard goes on: it answers at once although every disk thread sleeps.
    let before = Instant::now();
    assert!(leecher.ask(Command::Peers(id)).is_ok());
    assert!(before.elapsed() < Duration::from_secs(2));
    let before = Instant::now();
    assert!(!leecher.engine.shutdown(Duration::from_secs(3)), "a thread is stuck");
    assert!(before.elapsed() < Duration::from_secs(5));
    let rings = leecher.rings();
    set("disk.write", None);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(leecher.rings(), rings);
}
