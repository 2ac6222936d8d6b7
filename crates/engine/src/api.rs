//! The types of the boundary: commands in, one doorbell out, `drain`. Bindings convert them one to one; Rust users
//! reach them through the façade. Everything here is owned data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bitlode_base::{Bitfield, Code, FileIndex};
use bitlode_metainfo::Info;
pub use bitlode_metainfo::create::{Format, Padding};
use bitlode_session::{Settings, TorrentId};
use bitlode_storage::sys::SysMode;

/// What the engine calls when there is something to drain: it must return at once and may not call the engine.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// How an engine is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Every setting, validated.
    pub settings: Settings,
    /// Threads that own sockets and torrents; `None` is one per core, at most four.
    pub shards: Option<u16>,
    /// Without network no socket is opened: torrents can be read, checked and created.
    pub network: bool,
    /// The name peers see in the extended handshake (BEP 10 `v`).
    pub client: String,
    /// Which system interface to use; `Portable` runs the path of the other systems.
    pub sys: SysMode,
}

/// Names a command; its reply carries it back. Exactly one reply follows each accepted command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a byte stream opened by [`Command::Dial`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Names an open read of file content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderId(pub u64);

/// A failure that crosses the boundary: a stable code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// One line for a person.
    pub message: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

/// What is to be done with the content of a torrent that is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Fetch what is missing. Foreign files of the same name are only written to with `overwrite`.
    Download {
        /// Write into files that are not marked as this torrent's.
        overwrite: bool,
    },
    /// The content must be there; nothing is ever written.
    Seed,
    /// Only look: check the content, open no connection.
    Verify,
}

/// Where a torrent comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The bytes of a .torrent file.
    Metainfo(Vec<u8>),
    /// A magnet link.
    Magnet(String),
}

/// A torrent to add.
#[derive(Debug, Clone)]
pub struct AddTorrent {
    /// Where it comes from.
    pub source: Source,
    /// The folder that holds the content.
    pub folder: PathBuf,
    /// What is to be done.
    pub mode: Mode,
    /// Whether to start at once.
    pub start: bool,
}

/// What a torrent is made of.
#[derive(Debug, Clone)]
pub enum Content {
    /// A file or a folder.
    Path(PathBuf),
    /// Files one by one: the components of each path in the torrent, and where it lies. One without components is a
    /// torrent of a single file. The torrent's name has to be given.
    Files(Vec<(Vec<String>, PathBuf)>),
}

impl Default for Content {
    fn default() -> Content {
        Content::Files(Vec::new())
    }
}

/// How a torrent is made.
#[derive(Debug, Clone, Default)]
pub struct CreateTorrent {
    /// What of.
    pub content: Content,
    /// Name of the file or of the folder above the files; `None` is that of the path.
    pub name: Option<String>,
    /// v1, v2 or both.
    pub format: Format,
    /// Whether v1 files are padded to whole pieces.
    pub padding: Padding,
    /// Bytes of a piece, a power of two from 16 KiB; `None` chooses by size.
    pub piece_length: Option<u32>,
    /// Tracker tiers.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// DHT nodes: host and port (BEP 5).
    pub nodes: Vec<(String, u16)>,
    /// Only the trackers may be asked for peers (BEP 27).
    pub private: bool,
    /// `source`, which changes the info-hash.
    pub source: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// `created by`.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<i64>,
}

/// Content to check against a torrent, without adding it.
#[derive(Debug, Clone, Default)]
pub struct CheckContent {
    /// The bytes of the .torrent file.
    pub metainfo: Vec<u8>,
    /// The folder that holds the content.
    pub folder: PathBuf,
    /// The pieces to check, first and last of each run; with `files`, both together. `None` for both is everything.
    pub pieces: Option<Vec<(u32, u32)>>,
    /// The files of which all pieces are to be checked, by index.
    pub files: Option<Vec<u32>>,
}

/// Why a stream is opened: it decides which addresses are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A tracker named by a torrent: private and local addresses are refused (SSRF rules), except loopback with a path
    /// that begins with `/announce`, which the caller states.
    Tracker {
        /// The request's path begins with `/announce`.
        announce_path: bool,
    },
    /// An address that the user typed: no rule applies.
    User,
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One command. It is checked and queued at once; its reply comes by [`Drained::replies`].
#[derive(Debug)]
pub enum Command {
    /// Listen on these addresses; port 0 means the first free one from the setting `listenPort` upwards. → `Listening`
    Listen {
        /// Addresses; several families must share one port when all ask for port 0.
        addrs: Vec<SocketAddr>,
    },
    /// → `Added`
    Add(AddTorrent),
    /// Forget a torrent; its files stay. → `Done` when its sockets are closed and its files written.
    Remove(TorrentId),
    /// Start or pause. → `Done`
    Run(TorrentId, bool),
    /// Check all content again; progress is state. → `Checked`
    Check(TorrentId),
    /// Ends a running check; its `Check` is answered with `ERR_ABORTED`. → `Done`
    CancelCheck(TorrentId),
    /// Peers to try. → `Done`
    AddPeers(TorrentId, Vec<SocketAddr>, PeerSource),
    /// Who is connected. → `Peers`
    Peers(TorrentId),
    /// Make all written pieces durable now. → `Done`
    Barrier(TorrentId),
    /// Try again after a storage stop. → `Done`
    Retry(TorrentId),
    /// Make a torrent from files. Progress is state of the request ([`Drained::progress`]). → `Created`
    Create(CreateTorrent),
    /// Ends a running `Create` or `CheckContent`, which is answered with `ERR_ABORTED`. → `Done`
    CancelCreate(RequestId),
    /// Check content that no torrent here stands for, v1, v2 or both. Progress like that of `Create`. → `ContentChecked`
    CheckContent(CheckContent),
    /// Resolve, check the address, connect. → `Dialed`
    Dial {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Which rule applies.
        purpose: Purpose,
        /// Only addresses of this family, else `ERR_DNS_FAILED`; `None` tries all that the name has.
        family: Option<Family>,
    },
    /// Read content: bytes `start..end` of a file, as they are verified, in order. → `Reader`
    OpenReader {
        /// The torrent.
        torrent: TorrentId,
        /// The file.
        file: FileIndex,
        /// First byte.
        start: u64,
        /// One past the last byte; at most the file's length.
        end: u64,
    },
    /// Graceful end: stop transfers, write, barrier, close. → `Done`
    Close,
}

/// Who named a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerSource {
    /// The user.
    Manual,
    /// A tracker.
    Tracker,
}

/// The answer to one command.
#[derive(Debug)]
pub struct Reply {
    /// Which command.
    pub request: RequestId,
    /// What came of it.
    pub result: Result<ReplyBody, Failure>,
}

/// What a command answers.
#[derive(Debug)]
pub enum ReplyBody {
    /// Nothing to say.
    Done,
    /// Where we listen.
    Listening(Vec<SocketAddr>),
    /// The torrent's number, and its metadata when it is known already.
    Added {
        /// The number.
        torrent: TorrentId,
        /// Its metadata.
        info: Option<Arc<Info>>,
    },
    /// A check ended: how many pieces are there.
    Checked {
        /// Pieces whose hash is right.
        have: u32,
        /// Pieces of the torrent.
        pieces: u32,
    },
    /// Content was checked.
    ContentChecked {
        /// Pieces that were to be checked.
        checked: u32,
        /// Those of which every hash is right.
        right: Bitfield,
    },
    /// Connected peers.
    Peers(Vec<PeerState>),
    /// The .torrent file.
    Created(Vec<u8>),
    /// A connected stream.
    Dialed {
        /// Its number.
        stream: StreamId,
        /// The address that was chosen and checked.
        addr: SocketAddr,
    },
    /// An open reader.
    Reader(ReaderId),
}

/// What a torrent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A magnet link whose metadata is being fetched.
    Metadata,
    /// Content is being checked.
    Checking,
    /// Stopped by the user, or not started.
    Paused,
    /// Fetching.
    Downloading,
    /// Everything wanted is there; serving.
    Seeding,
    /// Stopped by a failure; see `error`.
    Failed,
}

/// The newest state of a torrent. It is not queued: drain returns the latest of what changed.
#[derive(Debug, Clone)]
pub struct TorrentState {
    /// Which.
    pub torrent: TorrentId,
    /// Grows with every change.
    pub revision: u64,
    /// What it is doing.
    pub phase: Phase,
    /// Why it stopped.
    pub error: Option<Failure>,
    /// The metadata, once, in the first snapshot after it became known.
    pub info: Option<Arc<Info>>,
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
    /// Whether the content has been checked at least once (or was known empty).
    pub ready: bool,
    /// Connected peers.
    pub peers: u32,
    /// Peers with everything.
    pub seeds: u32,
    /// Peers we serve.
    pub unchoked: u32,
    /// Which pieces changed since the last snapshot that was drained.
    pub changes: HaveChange,
}

/// Verified pieces as a difference.
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

/// One connected peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerState {
    /// Its address.
    pub addr: SocketAddr,
    /// Its peer id.
    pub peer_id: [u8; 20],
    /// Its client's name: `v` of the extended handshake, else empty.
    pub client: String,
    /// We dialled it.
    pub outgoing: bool,
    /// We choke it.
    pub choking: bool,
    /// It chokes us.
    pub choked: bool,
    /// We want something from it.
    pub interested: bool,
    /// It wants something from us.
    pub wanted: bool,
    /// It did not answer in time.
    pub snubbed: bool,
    /// Pieces it has.
    pub pieces: u32,
    /// Payload received, bytes.
    pub downloaded: u64,
    /// Payload sent, bytes.
    pub uploaded: u64,
    /// Bytes per second.
    pub down_rate: f64,
    /// Bytes per second.
    pub up_rate: f64,
    /// Requests of ours that are open.
    pub requests: u32,
}

/// A fact for the log: overwritten when nobody reads, and then counted as lost.
#[derive(Debug, Clone)]
pub struct LogFact {
    /// Microseconds since the engine started.
    pub time: u64,
    /// The torrent, when there is one.
    pub torrent: Option<TorrentId>,
    /// What happened: `peer-joined`, `peer-left`, `piece-failed`, `dial-failed`, …
    pub kind: &'static str,
    /// The peer.
    pub peer: Option<SocketAddr>,
    /// The piece.
    pub piece: Option<u32>,
    /// Why.
    pub code: Option<Code>,
    /// One line for a person; may be empty.
    pub message: String,
}

/// The newest state of a stream.
#[derive(Debug, Clone)]
pub struct StreamState {
    /// Which.
    pub stream: StreamId,
    /// Bytes can be read now.
    pub readable: bool,
    /// Bytes can be written now.
    pub writable: bool,
    /// The other side has finished; what is readable is all.
    pub ended: bool,
    /// The stream broke.
    pub error: Option<Failure>,
}

/// The newest state of a reader.
#[derive(Debug, Clone)]
pub struct ReaderState {
    /// Which.
    pub reader: ReaderId,
    /// Bytes that `take_read` would give now.
    pub ready: u32,
    /// All bytes were given.
    pub ended: bool,
    /// Why no more will come.
    pub error: Option<Failure>,
}

/// What happened since the last drain.
#[derive(Debug, Default)]
pub struct Drained {
    /// Replies, in order.
    pub replies: Vec<Reply>,
    /// Torrents that changed.
    pub torrents: Vec<TorrentState>,
    /// Streams that changed.
    pub streams: Vec<StreamState>,
    /// Readers that changed.
    pub readers: Vec<ReaderState>,
    /// Running creations: pieces hashed, pieces in all.
    pub progress: Vec<(RequestId, u32, u32)>,
    /// Facts for the log.
    pub facts: Vec<LogFact>,
    /// Facts that were overwritten before anyone read them.
    pub lost: u64,
    /// The engine itself failed and accepts nothing more.
    pub failed: Option<Failure>,
    /// The bell will ring again at once: there is more.
    pub more: bool,
}

/// Positions in the array that `Engine::counters` fills for a torrent. All are totals since it was added, or per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Payload bytes received.
    Downloaded = 0,
    /// Payload bytes sent.
    Uploaded = 1,
    /// Bytes per second.
    DownRate = 2,
    /// Bytes per second.
    UpRate = 3,
    /// Bytes of content verified and written.
    Verified = 4,
    /// Bytes received that were of no use.
    Wasted = 5,
    /// Bytes that failed their hash.
    HashFailed = 6,
    /// Connected peers.
    Peers = 7,
    /// Bytes still wanted.
    Left = 8,
    /// Bytes wanted that are durable.
    Durable = 9,
}

/// Number of counters of a torrent.
pub const COUNTERS: usize = 10;

/// What one shard has done since the engine was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardLoad {
    /// Torrents that live there now.
    pub torrents: u32,
    /// Microseconds spent outside of waiting.
    pub busy_us: u64,
    /// The longest turn between two waits, microseconds; since the engine was opened or they were last begun anew.
    pub longest_turn_us: u64,
    /// Of the same turns the longest without the time in which the processor was given to others, microseconds: the CPU time
    /// of a turn that never slept, the whole of one that did. Where the system does not tell, the longest turn.
    pub longest_own_turn_us: u64,
    /// CPU time of its thread, microseconds; 0 where the system does not tell.
    pub cpu_us: u64,
}
