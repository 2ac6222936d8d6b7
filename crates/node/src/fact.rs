//! What the driver's users want to know, and the states they can ask for.

use std::net::SocketAddr;
use std::sync::Arc;

use bitlode_base::{Chunk, Code, PieceIndex};
use bitlode_metainfo::Info;
use bitlode_session::TorrentId;

/// Names a user's read of content; given by the caller, unique per node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

/// Something that happened.
#[derive(Debug)]
pub enum Fact {
    /// The torrent's state differs from what `take_state` gave last; not repeated until it is taken.
    Changed {
        /// Whose.
        torrent: TorrentId,
    },
    /// A magnet link's metadata arrived and is valid; or the folder takes some of its names for equal, and files have other
    /// paths there than the torrent says.
    Metadata {
        /// Whose.
        torrent: TorrentId,
        /// The metadata.
        info: Arc<Info>,
    },
    /// All content was looked at: the first check, one that was asked for, or none because there are no files yet.
    Checked {
        /// Whose.
        torrent: TorrentId,
        /// Pieces whose hash is right.
        have: u32,
        /// Pieces of the torrent.
        pieces: u32,
    },
    /// A check ended before its end, because it was cancelled or the torrent stopped.
    CheckEnded {
        /// Whose.
        torrent: TorrentId,
        /// Why.
        code: Code,
    },
    /// A barrier that was asked for is over.
    Barrier {
        /// Whose.
        torrent: TorrentId,
        /// Why not everything is durable.
        error: Option<Code>,
    },
    /// Every wanted piece is verified, written and durable, and the marker is gone.
    Completed {
        /// Whose.
        torrent: TorrentId,
    },
    /// The torrent ended in an error; `run(true)` or `retry` tries again where that can help.
    Stopped {
        /// Whose.
        torrent: TorrentId,
        /// Why.
        code: Code,
        /// One line for a person.
        message: String,
    },
    /// The torrent is gone: its carriers are closed, its files written.
    Removed {
        /// Whose.
        torrent: TorrentId,
    },
    /// A peer joined the swarm.
    PeerJoined {
        /// Whose.
        torrent: TorrentId,
        /// Its address.
        addr: SocketAddr,
        /// We dialled it.
        outgoing: bool,
    },
    /// A peer left the swarm.
    PeerLeft {
        /// Whose.
        torrent: TorrentId,
        /// Its address.
        addr: SocketAddr,
        /// Why.
        code: Code,
        /// One line for a person; may be empty.
        message: String,
    },
    /// A connection ended before it belonged to a torrent.
    Refused {
        /// The address.
        addr: SocketAddr,
        /// Why.
        code: Code,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Whose.
        torrent: TorrentId,
        /// The address.
        addr: SocketAddr,
        /// Why.
        code: Code,
    },
    /// A piece's hash was wrong.
    PieceFailed {
        /// Whose.
        torrent: TorrentId,
        /// Which.
        piece: PieceIndex,
    },
    /// The next bytes of a read, in order.
    Read {
        /// Which.
        read: ReadId,
        /// The bytes, by reference to a block of the pool: drop it soon, and tell `read_taken`.
        data: Chunk,
    },
    /// All bytes of a read were given.
    ReadEnded {
        /// Which.
        read: ReadId,
    },
    /// No more bytes of a read will come.
    ReadFailed {
        /// Which.
        read: ReadId,
        /// Why.
        code: Code,
    },
    /// A bug was hit and contained: the connection or the torrent it was in has ended.
    Panicked {
        /// Whose.
        torrent: Option<TorrentId>,
        /// The part that failed.
        part: &'static str,
    },
}

/// What a torrent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A magnet link whose metadata is being fetched.
    Metadata,
    /// Content is being looked at.
    Checking,
    /// Stopped by the user, or not started.
    Paused,
    /// Fetching.
    Downloading,
    /// Everything wanted is there; serving.
    Seeding,
    /// Stopped by a failure.
    Failed,
}

/// Verified pieces as a difference to the last state taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HaveChange {
    /// None.
    #[default]
    None,
    /// These were added.
    Added(Vec<u32>),
    /// The whole bitfield, in wire order.
    Whole(Vec<u8>),
}

/// The newest state of a torrent.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// What it is doing.
    pub phase: Phase,
    /// Why it stopped: a code and one line for a person.
    pub error: Option<(Code, String)>,
    /// Pieces of the torrent; 0 without metadata.
    pub pieces: u32,
    /// Pieces verified and written.
    pub have: u32,
    /// Bytes of content verified and written, pads not counted.
    pub verified_bytes: u64,
    /// Pieces that a barrier has made durable, or that were there at the check.
    pub durable: u32,
    /// Every wanted piece is verified, written and durable, and the marker is gone.
    pub complete: bool,
    /// A check in progress: pieces looked at.
    pub checked: Option<u32>,
    /// Whether the content has been checked at least once, or was known empty.
    pub ready: bool,
    /// Connected peers.
    pub peers: u32,
    /// Peers with everything.
    pub seeds: u32,
    /// Peers we serve.
    pub unchoked: u32,
    /// Which pieces changed since the last state that was taken.
    pub changes: HaveChange,
}

/// Positions in the array that `Node::counters` fills. Totals since the torrent was added, or per second; bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Payload received.
    Downloaded = 0,
    /// Payload sent.
    Uploaded = 1,
    /// Payload received per second.
    DownRate = 2,
    /// Payload sent per second.
    UpRate = 3,
    /// Content verified and written.
    Verified = 4,
    /// Received and of no use.
    Wasted = 5,
    /// Received and failed its hash.
    HashFailed = 6,
    /// Connected peers.
    Peers = 7,
    /// Still wanted.
    Left = 8,
    /// Wanted and durable.
    Durable = 9,
}

/// Number of counters of a torrent.
pub const COUNTERS: usize = 10;
