//! What a swarm is told: set-up, limits, facts.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{Bitfield, BlockRef, Choice, PieceIndex, Time};
use bitlode_hash::{InfoHashes, Which};
use bitlode_metainfo::Info;
use bitlode_wire::{Message, Reserved};

/// A connected peer. The caller gives the number; it is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub u64);

/// The limits of one swarm. The numbers stand in the table of settings; those in brackets are its defaults.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Peers connected (50). A peer that joins beyond it is closed.
    pub peers: usize,
    /// Connections being made (25).
    pub half_open: usize,
    /// Addresses known (3,000).
    pub candidates: usize,
    /// Attempts to connect to one address in an hour, unless it was typed by the user (3).
    pub dials_per_hour: u32,
    /// First wait before an address is dialled again; it doubles (60 s; addresses typed by the user: a twelfth of it).
    pub dial_backoff: Duration,
    /// Pieces with unrequested blocks at once, at up to 1 MiB a piece (16); fewer when the grant holds fewer.
    pub open_pieces: u32,
    /// Bytes of the largest piece that is hashed in one go (1 MiB): one peer fetches these one after the other.
    pub whole_piece: u32,
    /// Bytes of a run, the unit in which larger pieces are hashed (256 KiB).
    pub run: u32,
    /// A peer that sends a run of each of `open_pieces` pieces within this time (20 ms) fetches larger pieces side by side.
    pub stripe_round: Duration,
    /// Pieces taken at random before rarest first begins (4).
    pub random_pieces: u32,
    /// Open requests that a peer gets however slow it is (8), unless it is snubbed.
    pub requests_floor: u32,
    /// Open requests that a peer gets however fast it is (2,000).
    pub requests_max: u32,
    /// Requests that a peer is taken to queue when its extended handshake does not say (250).
    pub assume_reqq: u32,
    /// Requests that we queue for a peer, announced as `reqq` (500). Further ones are rejected.
    pub reqq_ours: u32,
    /// The least round trip that the request window allows for: wake-ups and reading from disk (5 ms).
    pub delay_floor: Duration,
    /// Without a block for that long, a peer's requests but the oldest are asked of others (20 s).
    pub request_timeout: Duration,
    /// A request that is older is asked of others in any case; a peer silent for that long is snubbed (60 s).
    pub snub_after: Duration,
    /// How long a peer is not asked for a piece after it rejected a block of it (10 s), while it has others.
    pub reject_backoff: Duration,
    /// How long a peer that rejected all it could be asked for is left alone (1 s); doubles up to `reject_backoff`.
    pub reject_retry: Duration,
    /// Rejects in a row until a peer is closed (50); several requests that were rejected together count as one.
    pub rejects: u32,
    /// Copies of one block asked for at the same time in the end game (3).
    pub endgame_copies: u32,
    /// Pieces that a reader waits for, remembered at once (256).
    pub urgent: usize,
    /// Peers that may download from us at the same time, the optimistic one among them (8).
    pub upload_slots: usize,
    /// How often it is decided who may download from us (10 s).
    pub rechoke_interval: Duration,
    /// How often the optimistic slot changes hands (30 s).
    pub optimistic_interval: Duration,
    /// Bytes of a block that a peer may ask for (128 KiB).
    pub block_bytes: u32,
    /// Invalid requests until a peer is closed (50).
    pub invalid_requests: u32,
    /// Requests while choked until a peer is closed (50), beside those that crossed our CHOKE.
    pub choked_requests: u32,
    /// Bytes of a bitfield before the number of pieces is known (262,145).
    pub bitfield_bytes: usize,
    /// HAVEs of a peer for each piece (10), over its life.
    pub haves_per_piece: u32,
    /// HAVEs of a peer beside those (10,000). Before the metadata is known this alone is the limit.
    pub haves_extra: u32,
    /// Blocks that nobody asked for, until a peer is closed (64).
    pub unrequested_blocks: u32,
    /// The same in bytes (1 MiB).
    pub unrequested_bytes: u64,
    /// Extended handshakes of a peer within a minute (4).
    pub extended_handshakes: u32,
    /// Bencoded values and depth of an extended handshake or metadata message (20,000 and 16).
    pub bencode: bitlode_wire::ExtendedLimits,
    /// Bytes of an info dictionary (16 MiB).
    pub metadata_bytes: u32,
    /// Metadata requests open at a peer (2).
    pub metadata_requests: u32,
    /// Without an answer for that long, the metadata is asked of another peer (10 s).
    pub metadata_timeout: Duration,
    /// How long a peer is not asked for metadata after it failed to give it (60 s).
    pub metadata_backoff: Duration,
    /// How often a peer may fetch the whole metadata in ten minutes (2).
    pub metadata_served: u32,
}

/// Everything a swarm starts with.
#[derive(Debug)]
pub struct Setup {
    /// What the torrent is known by.
    pub hashes: InfoHashes,
    /// The metadata, if it is known; otherwise it is fetched from peers (BEP 9).
    pub info: Option<Arc<Info>>,
    /// The limits.
    pub limits: Arc<Limits>,
    /// The source of chance.
    pub choice: Choice,
    /// Client name and version, sent as `v`; empty to send none.
    pub client: String,
    /// The TCP port that peers can reach us on, sent as `p`.
    pub listen_port: Option<u16>,
    /// Our own addresses: never dialled.
    pub our_addrs: Vec<SocketAddr>,
    /// A bug to run with, for the simulator's mutation check.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<Bug>,
}

/// Where an address came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The user, on the command line, through the API or in a magnet link: tried for ever, gently.
    Manual,
    /// A tracker.
    Tracker,
    /// A peer that called us and said where it listens.
    Incoming,
}

/// An address that may have a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The address.
    pub addr: SocketAddr,
    /// Where it came from.
    pub source: Source,
}

/// A fact. Facts about a peer that has left or was closed are ignored; a block of such a peer is dropped.
#[derive(Debug)]
pub enum Input<'a> {
    /// The parsed metadata. It is told once; the next fact is [`Input::Have`] when the content has been looked at.
    Metadata(Arc<Info>),
    /// The pieces that are verified on disk. Before it nothing is requested or served.
    Have(Bitfield),
    /// Storage lost a piece that was had.
    Unhave {
        /// The piece.
        piece: PieceIndex,
    },
    /// The pieces that are wanted; all of them until this is told.
    Wanted(Bitfield),
    /// Start or pause. A swarm begins paused. While paused nothing is requested, served or dialled; peers stay.
    Run(bool),
    /// A connection finished its handshake.
    Joined {
        /// Its number.
        peer: PeerKey,
        /// Its far end.
        addr: SocketAddr,
        /// Whether we dialled it.
        outgoing: bool,
        /// What its handshake says it can do.
        reserved: Reserved,
        /// Its peer id.
        peer_id: [u8; 20],
        /// The info-hash that the connection uses.
        which: Which,
    },
    /// A connection is gone, for whatever reason; it comes also after [`crate::Output::Close`].
    Left {
        /// The peer.
        peer: PeerKey,
    },
    /// A message. PIECE and keep-alives are never told this way.
    Message {
        /// The peer.
        peer: PeerKey,
        /// The message.
        message: Message<'a>,
    },
    /// The exact answer to an open request. The first output of the drain is Keep or Drop.
    Block {
        /// The peer.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// A block that is no answer to an open request; its bytes are gone already.
    Unrequested {
        /// The peer.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
        /// Whether it answers a request that was cancelled or given up.
        tolerated: bool,
    },
    /// A PIECE went out whole.
    BlockSent {
        /// The peer.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// A block that [`crate::Swarm::take_uploads`] gave could not be read: it is rejected.
    ReadFailed {
        /// The peer.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// The hash of a piece is right and its writes returned.
    Verified {
        /// The piece.
        piece: PieceIndex,
    },
    /// The hash of a piece is wrong: storage dropped all of it.
    Failed {
        /// The piece.
        piece: PieceIndex,
    },
    /// Storage dropped an accepted block.
    Lost {
        /// The block.
        block: BlockRef,
    },
    /// Storage gave back the memory of accepted blocks.
    Freed {
        /// Slabs of 16 KiB.
        slabs: u32,
    },
    /// The torrent's share of the pool, for requests in flight and accepted blocks together. Zero until this is told.
    Grant {
        /// Slabs of 16 KiB.
        slabs: u32,
    },
    /// Addresses that may have peers.
    Candidates(&'a [Candidate]),
    /// A connection that [`crate::Output::Dial`] asked for could not be made, or its handshake failed.
    DialFailed {
        /// The address.
        addr: SocketAddr,
    },
    /// A dial was not begun; it may be asked for again at that time. It does not count as an attempt.
    DialLater {
        /// The address.
        addr: SocketAddr,
        /// When.
        at: Time,
    },
    /// Never dial this address again: it is our own, or refused by a filter.
    Forbid {
        /// The address.
        addr: SocketAddr,
    },
    /// An IP address was banned: its peers are closed, its addresses forgotten.
    Banned {
        /// The address.
        ip: IpAddr,
    },
    /// Pieces that a reader waits for, most urgent first; replaces the last list.
    Urgent(&'a [PieceIndex]),
    /// How many peers may download from us at the same time, from now on.
    UploadSlots(usize),
    /// The time that the last [`crate::Output::Wake`] asked for has come.
    Wake,
    /// The machine slept: silence during the gap is nobody's fault.
    Resumed {
        /// How long.
        gap: Duration,
    },
}

/// A bug that the simulator must catch.
#[cfg(feature = "planted-bugs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// CHOKE is not heeded: requests go on.
    ChokeSkipped,
    /// Requests of a peer that we choke are forgotten instead of rejected.
    ChokedRequestsLost,
    /// The last piece is never requested nor announced.
    LastPieceForgotten,
    /// A cancelled request is neither answered nor rejected.
    LateCancel,
    /// HAVE is sent when a piece's blocks are there, before its hash was looked at.
    UnverifiedHave,
    /// Copies are not cancelled, and a second one is accepted and counted for a block that is still to come.
    DuplicateAccepted,
    /// A block whose request timed out, or whose peer left, is never asked for again.
    TimedOutForgotten,
    /// REJECT is not heeded: the block is never asked for again.
    RejectIgnored,
}

#[cfg(feature = "planted-bugs")]
impl Bug {
    /// Every bug.
    pub const ALL: [Bug; 8] = [
        Bug::ChokeSkipped,
        Bug::ChokedRequestsLost,
        Bug::LastPieceForgotten,
        Bug::LateCancel,
        Bug::UnverifiedHave,
        Bug::DuplicateAccepted,
        Bug::TimedOutForgotten,
        Bug::RejectIgnored,
    ];
}
