//! A fixed transfer between two nodes, sans-IO and from a seed, for counting instructions: what the seed does runs inside
//! `seed_turn`, what the leech does inside `leech_turn`, the wire and the comparison outside of both.
//!
//! ```text
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*leech_turn*' blocks
//! ```
//! prints the number of blocks; `.ci/instructions.mjs` divides by it.

#[path = "../tests/support/disk.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod disk;

use std::collections::VecDeque;
use std::hint::black_box;
use std::mem::take;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, Choice, Pool, Secret, Time};
use bitlode_hash::{Hasher, sha1};
use bitlode_metainfo::{Info, create::Create};
use bitlode_node::{Candidate, DialId, Fact, Mode, Node, NodeConfig, Output, Source, TorrentSpec, limits};
use bitlode_session::{CarrierId, Session, Settings, ShardId, TorrentId};
use bitlode_storage::{FilePool, Files, Job, JobKind, Scratch};
use disk::MemDisk;

const PIECE_LEN: u32 = 256 * 1024;
const BYTES: usize = 32 << 20;
/// What a socket takes and gives at once.
const WIRE: usize = 256 * 1024;
/// Pieces that are hashed side by side.
const LANES: usize = 8;
/// Turns without a byte after which pieces wait no longer.
const QUIET: u32 = 20;
/// How far apart turns are.
const TURN: Duration = Duration::from_micros(100);
const ID: TorrentId = TorrentId(1);

struct Host {
    node: Node,
    session: Arc<Mutex<Session>>,
    disk: MemDisk,
    files: Files<MemDisk>,
    jobs: Vec<Job>,
    hasher: Hasher,
    scratch: Scratch,
    /// Bytes on their way here.
    inbox: VecDeque<u8>,
    writable: bool,
    wake: Time,
    carrier: CarrierId,
    completed: bool,
    /// Turns since something arrived.
    quiet: u32,
    closed: bool,
    dialled: Option<DialId>,
}

impl Host {
    fn new(number: u8) -> Host {
        let settings = Arc::new(Settings::default());
        let pool = Pool::new(settings.memory);
        let session = Session::new(settings.clone(), Secret::new([number; 32]), pool.budget(), 1);
        let session = Arc::new(Mutex::new(session));
        let disk = MemDisk::default();
        let file_pool = Arc::new(FilePool::new(disk.clone(), 16));
        let files = Files::new(file_pool, pool.clone(), PathBuf::from("/data"));
        let node = Node::new(NodeConfig {
            shard: ShardId(0),
            settings,
            pool,
            session: session.clone(),
            choice: Choice::new(u64::from(number)),
            client: "blocks".to_owned(),
            listen_port: Some(6881),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        });
        Host {
            node,
            session,
            disk,
            files,
            jobs: Vec::new(),
            hasher: Hasher::best(),
            scratch: Scratch::default(),
            inbox: VecDeque::new(),
            writable: false,
            wake: Time::NEVER,
            carrier: CarrierId::new(ShardId(0), 1),
            completed: false,
            quiet: QUIET,
            closed: false,
            dialled: None,
        }
    }

    fn add(&mut self, info: &Arc<Info>, mode: Mode) {
        self.session.lock().unwrap().register(ID, &info.hashes, ShardId(0)).unwrap();
        let spec = TorrentSpec { id: ID, hashes: info.hashes, info: Some(info.clone()), mode, run: true };
        self.node.add(Time::default(), spec);
        self.turn(Time::default(), &[]);
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Job { job, .. } => self.jobs.push(job),
                Output::Writable { .. } => self.writable = true,
                Output::Wake { at } => self.wake = at,
                Output::Fact(Fact::Completed { .. }) => self.completed = true,
                Output::Dial { dial, .. } => self.dialled = Some(dial),
                // Two seeds have nothing to say to each other.
                Output::Close { .. } => self.closed = true,
                _ => {}
            }
        }
    }

    /// One turn of a shard: what has arrived, jobs, timers. Returns what it writes to its socket.
    fn turn(&mut self, now: Time, arrived: &[u8]) -> Vec<u8> {
        let mut rest = arrived;
        self.drain();
        while !rest.is_empty() && !self.closed {
            let n = self.node.recv_plan(self.carrier).map_or(0, |mut plan| plan.fill(rest));
            assert!(n > 0, "nothing may be read");
            rest = &rest[n..];
            self.node.received(now, self.carrier, n);
            self.drain();
        }
        loop {
            // A worker lets pieces wait until its lanes are full, but not when nothing more comes.
            self.quiet = if arrived.is_empty() { self.quiet + 1 } else { 0 };
            let pieces = self.jobs.iter().filter(|job| job.kind() == JobKind::Piece).count();
            let all = pieces >= LANES || self.quiet > QUIET;
            let (now_due, later) =
                take(&mut self.jobs).into_iter().partition(|job| all || job.kind() != JobKind::Piece);
            self.jobs = later;
            let jobs: Vec<Job> = now_due;
            if jobs.is_empty() {
                break;
            }
            let jobs = jobs.into_iter().map(|job| (job, &self.files)).collect();
            for done in bitlode_storage::run_many(jobs, self.hasher, &mut self.scratch) {
                self.node.job_done(now, ID, done);
            }
            self.drain();
        }
        if self.wake <= now {
            self.wake = Time::NEVER;
            self.node.wake(now);
            self.drain();
        }
        let mut out = Vec::new();
        while self.writable && out.len() < WIRE {
            self.node.prepare_send(now, self.carrier);
            self.drain();
            let Some(plan) = self.node.send_plan(self.carrier) else { break };
            let before = out.len();
            plan.as_io_slices().iter().for_each(|slice| out.extend_from_slice(slice));
            self.writable = out.len() > before;
            self.node.sent(now, self.carrier, out.len() - before);
            self.drain();
        }
        out
    }
}

// The tags keep the linker from making one function of two that are alike.
#[inline(never)]
fn seed_turn(host: &mut Host, now: Time, arrived: &[u8]) -> Vec<u8> {
    black_box("seed");
    host.turn(now, arrived)
}

#[inline(never)]
fn leech_turn(host: &mut Host, now: Time, arrived: &[u8]) -> Vec<u8> {
    black_box("leech");
    host.turn(now, arrived)
}

fn content() -> (Arc<Info>, Vec<u8>) {
    let mut choice = Choice::new(1);
    let bytes: Vec<u8> = (0..BYTES / 8).flat_map(|_| choice.next().to_le_bytes()).collect();
    let pieces = bytes.chunks(PIECE_LEN as usize).flat_map(sha1).collect();
    let files = vec![(vec!["file".to_owned()], bytes.len() as u64)];
    let create = Create { name: "blocks".to_owned(), files, piece_length: PIECE_LEN, pieces, ..Create::default() };
    let info = Info::parse(&create.info().unwrap(), &limits::metainfo(&Settings::default())).unwrap();
    (Arc::new(info), bytes)
}

fn main() {
    let (info, bytes) = content();
    let (mut seed, mut leech) = (Host::new(1), Host::new(2));
    seed.disk.put("/data/blocks/file", bytes.clone());
    seed.add(&info, Mode::Seed);
    leech.add(&info, Mode::Download { overwrite: false });
    let addr = |host: u8| SocketAddr::from(([10, 0, 0, host], 6881));
    let mut now = Time::default();
    leech.node.add_candidates(now, ID, &[Candidate { addr: addr(1), source: Source::Manual }]).unwrap();
    leech.drain();
    while leech.dialled.is_none() {
        now = leech.wake.max(now + TURN);
        leech.turn(now, &[]);
    }
    seed.node.incoming(now, seed.carrier, addr(2));
    leech.node.connected(now, leech.dialled.unwrap(), leech.carrier);
    let mut turns = 0;
    while !leech.completed {
        let arrived: Vec<u8> = leech.inbox.drain(..leech.inbox.len().min(WIRE)).collect();
        let out = leech_turn(&mut leech, now, &arrived);
        seed.inbox.extend(out);
        let arrived: Vec<u8> = seed.inbox.drain(..seed.inbox.len().min(WIRE)).collect();
        let out = seed_turn(&mut seed, now, &arrived);
        leech.inbox.extend(out);
        now = now + TURN;
        turns += 1;
        assert!(turns < 1_000_000, "the transfer stands still");
    }
    assert!(leech.disk.get("/data/blocks/file").as_deref() == Some(bytes.as_slice()), "the bytes differ");
    println!("{} blocks, {turns} turns", BYTES / BLOCK_LEN as usize);
}
