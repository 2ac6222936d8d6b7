//! What all threads of an engine have together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use bitlode_base::{Pool, Time};
use bitlode_node::{Parcel, ReadRange, TorrentSpec};
use bitlode_session::{CarrierId, Session, Settings, ShardId, TorrentId};
use bitlode_storage::sys::RealDisk;
use bitlode_storage::{FilePool, JobDone};
use mio::net::TcpStream;

use crate::api::{COUNTERS, PeerSource, ReaderId, RequestId, ShardLoad, StreamId};
use crate::inbox::Inbox;
use crate::lock::lock;
use crate::outbox::Outbox;
use crate::reader::Reader;
use crate::source::Sources;
use crate::stream::Stream;
use crate::sys::Sys;
use crate::workers::Workers;

/// What a shard is told.
pub(crate) enum Letter {
    /// A torrent to add, with its folder and the peers that its magnet link named.
    Add { request: RequestId, spec: Box<TorrentSpec>, folder: PathBuf, peers: Vec<SocketAddr> },
    /// A command about a torrent.
    Order { request: RequestId, torrent: TorrentId, order: Order },
    /// Jobs have run.
    JobsDone(Vec<(TorrentId, JobDone)>),
    /// A peer's connection whose torrent lives here.
    Adopt { carrier: CarrierId, socket: TcpStream, parcel: Box<Parcel> },
    /// A carrier here gives way to a newcomer elsewhere.
    Evict { carrier: CarrierId },
    /// A carrier that was opened here is gone.
    Release { carrier: CarrierId },
    /// Sockets that listen.
    Listen { listeners: Vec<std::net::TcpListener> },
    /// The port at which peers reach us.
    ListenPort { port: u16 },
    /// Connect to the first of these addresses that answers.
    Connect { request: RequestId, addrs: Vec<SocketAddr> },
    /// The caller's half of a stream has changed.
    StreamKick { stream: StreamId },
    /// The caller has closed a stream.
    StreamClose { stream: StreamId },
    /// The caller took bytes.
    ReaderTaken { torrent: TorrentId, reader: ReaderId, bytes: u64 },
    /// The caller has closed a reader.
    ReaderClose { torrent: TorrentId, reader: ReaderId },
    /// End gracefully: remove all torrents, then count this shard as done.
    Leave,
    /// End now.
    Stop,
}

/// What a torrent is told.
pub(crate) enum Order {
    Remove,
    Run(bool),
    Check,
    CancelCheck,
    AddPeers(Vec<SocketAddr>, PeerSource),
    Peers,
    Barrier,
    Retry,
    Read(ReaderId, ReadRange),
}

/// What is known of a torrent outside of its shard.
pub(crate) struct TorrentEntry {
    pub(crate) shard: ShardId,
    /// The bits of an `f64` each, written by the shard, read by anyone.
    pub(crate) counters: [AtomicU64; COUNTERS],
}

/// What a shard has done, written by it now and then, read by anyone.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) torrents: AtomicU64,
    pub(crate) busy_us: AtomicU64,
    pub(crate) longest_turn_us: AtomicU64,
    pub(crate) longest_own_turn_us: AtomicU64,
    pub(crate) cpu_us: AtomicU64,
}

impl Load {
    /// A turn has ended; `own` tells its time without others, which is asked for only when it may be the longest.
    pub(crate) fn turn(&self, wall_us: u64, own: impl FnOnce() -> u64) {
        if wall_us > self.longest_turn_us.load(Relaxed) {
            self.longest_turn_us.fetch_max(wall_us, Relaxed);
        }
        if wall_us > self.longest_own_turn_us.load(Relaxed) {
            self.longest_own_turn_us.fetch_max(own(), Relaxed);
        }
    }

    /// All of it; with `anew` the longest turns begin anew behind it.
    pub(crate) fn read(&self, anew: bool) -> ShardLoad {
        let longest = |turn: &AtomicU64| if anew { turn.swap(0, Relaxed) } else { turn.load(Relaxed) };
        ShardLoad {
            torrents: u32::try_from(self.torrents.load(Relaxed)).unwrap_or(u32::MAX),
            busy_us: self.busy_us.load(Relaxed),
            longest_turn_us: longest(&self.longest_turn_us),
            longest_own_turn_us: longest(&self.longest_own_turn_us),
            cpu_us: self.cpu_us.load(Relaxed),
        }
    }
}

/// Everything that the threads share. Locks here guard tables, never a socket or a disk, and are not taken per block.
pub(crate) struct Shared {
    pub(crate) settings: Arc<Settings>,
    pub(crate) sys: Sys,
    pub(crate) network: bool,
    pub(crate) started: Instant,
    pub(crate) pool: Pool,
    pub(crate) session: Arc<Mutex<Session>>,
    pub(crate) files: Arc<FilePool<RealDisk>>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) workers: Workers,
    /// One per shard; set once all shards stand.
    pub(crate) inboxes: OnceLock<Vec<Arc<Inbox<Letter>>>>,
    pub(crate) loads: Vec<Load>,
    pub(crate) torrents: Mutex<BTreeMap<TorrentId, Arc<TorrentEntry>>>,
    pub(crate) streams: Mutex<BTreeMap<StreamId, Arc<Stream>>>,
    pub(crate) readers: Mutex<BTreeMap<ReaderId, Arc<Reader>>>,
    pub(crate) listening: Mutex<Vec<SocketAddr>>,
    pub(crate) sources: Sources,
    pub(crate) numbers: AtomicU64,
}

impl Shared {
    pub(crate) fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// A number that was not given before: for requests, streams, readers and torrents alike.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Relaxed) + 1
    }

    /// Leaves a letter for a shard; false when there is none of that number.
    pub(crate) fn tell(&self, shard: ShardId, letter: Letter) -> bool {
        let inbox = self.inboxes.get().and_then(|inboxes| inboxes.get(usize::from(shard.0)));
        inbox.map(|inbox| inbox.send(letter)).is_some()
    }

    /// Leaves a letter for every shard.
    pub(crate) fn tell_all(&self, letter: impl Fn() -> Letter) {
        self.inboxes.get().into_iter().flatten().for_each(|inbox| inbox.send(letter()));
    }

    pub(crate) fn torrent(&self, id: TorrentId) -> Option<Arc<TorrentEntry>> {
        lock(&self.torrents).get(&id).cloned()
    }

    pub(crate) fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        lock(&self.streams).get(&id).cloned()
    }

    pub(crate) fn reader(&self, id: ReaderId) -> Option<Arc<Reader>> {
        lock(&self.readers).get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_turns_begin_anew_behind_whoever_asks_for_it() {
        let load = Load::default();
        let longest = || (load.read(false).longest_turn_us, load.read(false).longest_own_turn_us);
        load.turn(10, || 4);
        load.turn(7, || 5);
        load.turn(4, || panic!("it cannot be the longest"));
        assert_eq!(longest(), (10, 5));
        let told = load.read(true);
        assert_eq!((told.longest_turn_us, told.longest_own_turn_us), (10, 5));
        assert_eq!(longest(), (0, 0));
        load.turn(3, || 3);
        assert_eq!(longest(), (3, 3));
    }
}
