//! What a torrent costs that does nothing: adds many to a node, sans-IO, and measures memory and time.
//!
//! ```text
//! idle [waiting|seeding|magnet TORRENTS PIECES]
//! ```
//! Each line is one kind: `waiting` (nothing of it is on disk) and `seeding` (all of it) with metainfo of so many pieces, and
//! `magnet`. *Metadata* is the parsed info dictionary, *torrent* is all that the node and its session add to it.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time and memory")]

#[path = "../tests/support/disk.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod disk;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bitlode_base::{Choice, Pool, Secret, Time};
use bitlode_hash::{Hasher, InfoHashes, sha1};
use bitlode_metainfo::Info;
use bitlode_node::{Mode, Node, NodeConfig, Output, Phase, TorrentSpec, limits};
use bitlode_session::{Session, Settings, ShardId, TorrentId};
use bitlode_storage::{FilePool, Files, Job, Scratch};
use disk::MemDisk;

const PIECE_LEN: usize = 16 * 1024;
/// Torrents whose content is hashed, at most.
const SEEDING: u64 = 500;
/// Torrents that are given orders.
const ORDERS: u64 = 1_000;
const NAME: &str = "one of many.iso";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Waiting,
    Seeding,
    Magnet,
}

struct Host {
    node: Node,
    session: Arc<Mutex<Session>>,
    files: Files<MemDisk>,
    scratch: Scratch,
    wake: Time,
    /// What the disk took, which is none of the node's.
    disk: Duration,
}

impl Host {
    fn new(disk: &MemDisk) -> Host {
        let settings = Arc::new(Settings::default());
        let pool = Pool::new(settings.memory);
        let session = Session::new(settings.clone(), Secret::new([1; 32]), pool.budget(), 1);
        let session = Arc::new(Mutex::new(session));
        let files = Files::new(Arc::new(FilePool::new(disk.clone(), 16)), pool.clone(), PathBuf::from("/data"));
        let node = Node::new(NodeConfig {
            shard: ShardId(0),
            settings,
            pool,
            session: session.clone(),
            choice: Choice::new(1),
            client: "idle".to_owned(),
            listen_port: Some(6881),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        });
        Host { node, session, files, scratch: Scratch::default(), wake: Time::NEVER, disk: Duration::ZERO }
    }

    fn add(&mut self, now: Time, spec: TorrentSpec) {
        let id = spec.id;
        self.session.lock().unwrap().register(id, &spec.hashes, ShardId(0)).unwrap();
        self.node.add(now, spec);
        self.drain(now, id);
    }

    /// Does what the node says until it has nothing more to say.
    fn drain(&mut self, now: Time, id: TorrentId) {
        let mut jobs: Vec<Job> = Vec::new();
        loop {
            while let Some(output) = self.node.poll() {
                match output {
                    Output::Job { job, .. } => jobs.push(job),
                    Output::Wake { at } => self.wake = at,
                    Output::Fact(_) => drop(self.node.take_state(id)),
                    _ => {}
                }
            }
            if jobs.is_empty() {
                return;
            }
            let batch = jobs.drain(..).map(|job| (job, &self.files)).collect();
            let begin = Instant::now();
            let done = bitlode_storage::run_many(batch, Hasher::best(), &mut self.scratch);
            self.disk += begin.elapsed();
            done.into_iter().for_each(|done| self.node.job_done(now, id, done));
        }
    }
}

/// The info dictionary of a torrent that no other one is: they differ by `source`.
fn dictionary(number: u64, pieces: u64, zeros: [u8; 20]) -> Vec<u8> {
    let length = pieces * PIECE_LEN as u64;
    let mut raw =
        format!("d6:lengthi{length}e4:name{}:{NAME}12:piece lengthi{PIECE_LEN}e6:pieces{}:", NAME.len(), pieces * 20)
            .into_bytes();
    (0..pieces).for_each(|_| raw.extend(zeros));
    raw.extend(format!("6:source8:{number:08}e").bytes());
    raw
}

/// Bytes of memory that are in use, as the system counts.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

fn measure(kind: Kind, count: u64, pieces: u64) {
    let limits = limits::metainfo(&Settings::default());
    let disk = MemDisk::default();
    if kind == Kind::Seeding {
        disk.put(&format!("/data/{NAME}"), vec![0; pieces as usize * PIECE_LEN]);
    }
    let zeros = sha1(&vec![0; PIECE_LEN]);
    let mut host = Host::new(&disk);
    let empty = resident();
    let mut parsing = Duration::ZERO;
    let specs: Vec<TorrentSpec> = (1..=count)
        .map(|number| {
            let id = TorrentId(number);
            let mode = if kind == Kind::Seeding { Mode::Seed } else { Mode::Download { overwrite: false } };
            if kind == Kind::Magnet {
                let hashes = InfoHashes { v1: Some(sha1(&number.to_le_bytes())), v2: None };
                return TorrentSpec { id, hashes, info: None, mode, run: true };
            }
            let raw = dictionary(number, pieces, zeros);
            let begin = Instant::now();
            let info = Arc::new(Info::parse(&raw, &limits).unwrap());
            parsing += begin.elapsed();
            TorrentSpec { id, hashes: info.hashes, info: Some(info), mode, run: true }
        })
        .collect();
    let metadata = resident() - empty;
    let mut now = Time::from_secs(1);
    let begin = Instant::now();
    for spec in specs {
        host.add(now, spec);
        now = now + Duration::from_micros(10);
    }
    let adding = begin.elapsed() - host.disk;
    let all = resident() - empty;
    let state = host.node.take_state(TorrentId(count)).unwrap();
    assert_ne!(state.phase, Phase::Failed, "{:?}", state.error);
    // An hour in which nothing happens.
    let (mut wakes, hour) = (0u64, now + Duration::from_secs(3_600));
    let begin = Instant::now();
    while host.wake < hour {
        now = host.wake.max(now);
        host.node.wake(now);
        host.drain(now, TorrentId(1));
        wakes += 1;
    }
    let idle = begin.elapsed();
    // Some have something to do, with all the others beside them.
    let orders = ORDERS.min(count);
    let begin = Instant::now();
    for id in (1..=orders).map(TorrentId) {
        for run in [false, true] {
            host.node.run(now, id, run).unwrap();
            host.drain(now, id);
        }
    }
    let order = begin.elapsed();
    let us = |time: Duration, times: u64| time.as_secs_f64() * 1e6 / times as f64;
    let pieces = if kind == Kind::Magnet { 0 } else { pieces };
    println!(
        "{}: {count} torrents of {pieces} pieces, each {} B metadata, {} B torrent, {:.1} µs to parse, {:.1} µs to add; \
         {wakes} wakes an hour, {:.0} µs; {:.2} µs an order",
        format!("{kind:?}").to_lowercase(),
        metadata / count,
        (all - metadata) / count,
        us(parsing, count),
        us(adding, count),
        us(idle, 1),
        us(order, 2 * orders),
    );
}

fn main() {
    let mut args = std::env::args().skip(1);
    if let Some(kind) = args.next() {
        let mut number = || args.next().and_then(|arg| arg.parse::<u64>().ok()).expect("a number");
        let (count, pieces) = (number(), number());
        return match kind.as_str() {
            "waiting" => measure(Kind::Waiting, count, pieces),
            "seeding" => measure(Kind::Seeding, count.min(SEEDING), pieces),
            "magnet" => measure(Kind::Magnet, count, pieces),
            _ => panic!("waiting, seeding or magnet, then torrents, then pieces"),
        };
    }
    // Each in a process of its own: memory that one gave back would be counted for nothing by the next.
    let own = std::env::current_exe().unwrap();
    for (kind, count, pieces) in [
        ("waiting", 10_000, 1_000),
        ("waiting", 10_000, 10),
        ("seeding", SEEDING, 1_000),
        ("magnet", 10_000, 0),
        ("waiting", 100_000, 100),
        ("magnet", 100_000, 0),
    ] {
        let args = [kind.to_owned(), count.to_string(), pieces.to_string()];
        assert!(std::process::Command::new(&own).args(args).status().unwrap().success());
    }
}
