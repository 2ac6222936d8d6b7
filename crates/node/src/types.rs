//! What goes into a [`Node`](crate::Node) and what comes out of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bitlode_base::{Choice, Code, FileIndex, Pool, Time};
use bitlode_conn::Conn;
use bitlode_hash::InfoHashes;
use bitlode_metainfo::Info;
use bitlode_session::{CarrierId, Session, Settings, ShardId, TorrentId};
use bitlode_storage::{Job, Mode};
use bitlode_wire::Handshake;

use crate::fact::Fact;

/// What a node is made of.
pub struct NodeConfig {
    /// Which shard it is.
    pub shard: ShardId,
    /// Every setting, validated.
    pub settings: Arc<Settings>,
    /// The pool of blocks, shared by all shards.
    pub pool: Pool,
    /// What the shards share.
    pub session: Arc<Mutex<Session>>,
    /// Choices that nobody gains by predicting.
    pub choice: Choice,
    /// The name peers see in the extended handshake (BEP 10 `v`).
    pub client: String,
    /// The port that peers can reach us at, when we listen.
    pub listen_port: Option<u16>,
    /// A bug that every swarm runs with, for the simulator's mutation check.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<bitlode_swarm::Bug>,
}

/// A torrent to add. It is already registered with the session, on this shard.
#[derive(Debug, Clone)]
pub struct TorrentSpec {
    /// Its number.
    pub id: TorrentId,
    /// Its info-hashes, as far as they are known.
    pub hashes: InfoHashes,
    /// Its metadata; `None` for a magnet link.
    pub info: Option<Arc<Info>>,
    /// What is to be done.
    pub mode: Mode,
    /// Whether to start at once.
    pub run: bool,
}

/// Names a dial from [`Output::Dial`] until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// What a user's read asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRange {
    /// The file.
    pub file: FileIndex,
    /// First byte.
    pub start: u64,
    /// One past the last byte; at most the file's length.
    pub end: u64,
}

/// A connection on its way to the shard that has its torrent.
pub struct Parcel {
    pub(crate) conn: Conn,
    pub(crate) handshake: Handshake,
    pub(crate) addr: SocketAddr,
}

impl Parcel {
    /// The peer's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parcel({})", self.addr)
    }
}

/// What the driver is to do. Drain after every call that takes `now`.
#[derive(Debug)]
pub enum Output {
    /// Connect, then call `connected` or `dial_failed`.
    Dial {
        /// Names it.
        dial: DialId,
        /// Where to.
        addr: SocketAddr,
    },
    /// Close the carrier. The node has forgotten it already.
    Close {
        /// Which.
        carrier: CarrierId,
    },
    /// Another shard's carrier gives way to a newcomer here: that shard calls `lost` with [`Code::PeerLimit`] and closes it.
    /// Whoever has no such carrier any more does nothing.
    Evict {
        /// Which; [`CarrierId::opened_by`] says whose.
        carrier: CarrierId,
    },
    /// Give the carrier's socket to another shard, which calls `adopt` with the same number. The node has forgotten it already.
    Move {
        /// Which.
        carrier: CarrierId,
        /// The shard that has the torrent.
        to: ShardId,
        /// What `adopt` needs.
        parcel: Box<Parcel>,
    },
    /// Bytes wait, or can be had at once: call `prepare_send` and write `send_plan` until it is empty or the carrier would block.
    /// Not repeated until the plan ran empty.
    Writable {
        /// Which.
        carrier: CarrierId,
    },
    /// Run it on any thread and hand what it gives to `job_done`.
    Job {
        /// Whose.
        torrent: TorrentId,
        /// The work.
        job: Job,
    },
    /// Something the driver's users want to know.
    Fact(Fact),
    /// Call `wake` at this time; replaces the time named before. [`Time::NEVER`] means not at all.
    Wake {
        /// When.
        at: Time,
    },
}

/// Why a call about a torrent did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// It is not on this shard.
    #[error("no such torrent")]
    NoTorrent,
    /// Its metadata is still being fetched.
    #[error("the torrent has no metadata yet")]
    NoMetadata,
    /// It has ended in an error.
    #[error("the torrent has stopped: {0}")]
    Stopped(Code),
    /// The range is not inside the file, or there is no such file.
    #[error("no such range of content")]
    Range,
}

impl bitlode_base::Coded for NodeError {
    fn code(&self) -> Code {
        match self {
            NodeError::NoTorrent => Code::NotFound,
            NodeError::NoMetadata => Code::NoMetadata,
            NodeError::Stopped(code) => *code,
            NodeError::Range => Code::InvalidOption,
        }
    }
}
