//! What a swarm answers: intents, facts for logs, snapshots.

use std::net::SocketAddr;

use bitlode_base::{BlockRef, Code, Coded, PieceIndex, Time};
use bitlode_hash::Which;
use bitlode_wire::OwnedMessage;

use crate::input::PeerKey;

/// An intent. Outputs are carried out in their order.
#[derive(Debug)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        peer: PeerKey,
        /// What; never REQUEST, CANCEL or PIECE.
        message: OwnedMessage,
    },
    /// Ask for a block. It has a slab of the grant from now on.
    Request {
        /// Whom.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// Send CANCEL: the block came from another peer. A late answer is tolerated.
    Cancel {
        /// Whom.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// A request is given up without CANCEL. A late answer is tolerated.
    Forget {
        /// Whose.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// The block just told goes to storage.
    Keep {
        /// The sender.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// The block just told is of no use.
    Drop {
        /// The sender.
        peer: PeerKey,
        /// The block.
        block: BlockRef,
    },
    /// The peer's upload queue is no longer empty: pull with [`crate::Swarm::take_uploads`] whenever its socket is
    /// writable, until that gives nothing.
    Uploads {
        /// The peer.
        peer: PeerKey,
    },
    /// Close the connection. Its peer is forgotten here already.
    Close {
        /// The peer.
        peer: PeerKey,
        /// Why.
        reason: Reason,
        /// Whether its address should be banned.
        ban: bool,
    },
    /// Connect. Answered by Joined, DialFailed or DialLater.
    Dial {
        /// The address.
        addr: SocketAddr,
    },
    /// The info dictionary, complete and matching every known info-hash.
    Metadata(Vec<u8>),
    /// The grant is used up by blocks that storage holds: it should write some of them now.
    Pressure,
    /// A fact for logs and users.
    Event(SwarmEvent),
    /// Call again at that time, with [`crate::Input::Wake`], unless another drain says otherwise. Always the last of a
    /// drain; `Time::NEVER` when nothing is waited for.
    Wake {
        /// When.
        at: Time,
        /// For what.
        why: &'static str,
    },
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwarmEvent {
    /// A peer lets us download.
    Unchoked {
        /// The peer.
        peer: PeerKey,
    },
    /// A peer no longer lets us download.
    Choked {
        /// The peer.
        peer: PeerKey,
    },
    /// A peer has not sent what it was asked for.
    Snubbed {
        /// The peer.
        peer: PeerKey,
    },
    /// A piece is had.
    PieceDone {
        /// The piece.
        piece: PieceIndex,
    },
    /// A piece failed its hash.
    PieceFailed {
        /// The piece.
        piece: PieceIndex,
        /// Who sent its blocks.
        peers: Vec<PeerKey>,
    },
    /// A peer's metadata did not match the info-hash.
    MetadataFailed {
        /// The peer.
        peer: PeerKey,
    },
    /// All remaining blocks are requested: copies are asked of other peers.
    EndGame,
    /// Every wanted piece is had.
    Complete,
    /// Every piece is had.
    Seeding,
}

/// Whose fault a closed connection is; drives banning and dialling again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// The peer broke a rule.
    Misbehaved,
    /// The peer kept to rules that we do not share.
    Incompatible,
    /// Nobody's: we decided so.
    Policy,
}

/// Why a peer is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A message that is not allowed there.
    #[error("{0}")]
    Protocol(&'static str),
    /// The bitfield does not fit the torrent.
    #[error("the bitfield has the wrong length or spare bits set")]
    Bitfield,
    /// A piece index lies outside the torrent.
    #[error("piece {} lies outside the torrent", .0.0)]
    Index(PieceIndex),
    /// More HAVEs than any honest peer sends.
    #[error("a flood of HAVE")]
    HaveFlood,
    /// Too many requests outside the torrent, or for pieces that were never announced, or while choked.
    #[error("too many invalid requests")]
    InvalidRequests,
    /// Too many blocks that nobody asked for.
    #[error("too many unrequested blocks")]
    Unrequested,
    /// It rejected too many requests in a row.
    #[error("too many rejects")]
    Rejects,
    /// It sent data that failed its hash.
    #[error("sent data that failed its hash")]
    Poison,
    /// It sent metadata that does not match the info-hash.
    #[error("sent metadata that does not match the info-hash")]
    MetadataPoison,
    /// Its IP address is banned.
    #[error("its address is banned")]
    Banned,
    /// Neither side needs anything of the other.
    #[error("both sides are complete")]
    BothComplete,
    /// More peers than the limit.
    #[error("more peers than the limit")]
    TooManyPeers,
    /// What we told it about our pieces is no longer true: a new connection tells it anew.
    #[error("our pieces changed")]
    Stale,
}

impl Reason {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Reason::Protocol(_)
            | Reason::Bitfield
            | Reason::Index(_)
            | Reason::HaveFlood
            | Reason::InvalidRequests
            | Reason::Unrequested
            | Reason::Poison
            | Reason::MetadataPoison
            | Reason::Banned => Blame::Misbehaved,
            Reason::Rejects => Blame::Incompatible,
            Reason::BothComplete | Reason::TooManyPeers | Reason::Stale => Blame::Policy,
        }
    }
}

impl Coded for Reason {
    fn code(&self) -> Code {
        match self {
            Reason::Protocol(_) | Reason::HaveFlood | Reason::InvalidRequests => Code::PeerProtocol,
            Reason::Unrequested | Reason::Rejects => Code::PeerProtocol,
            Reason::Bitfield => Code::PeerBitfield,
            Reason::Index(_) => Code::PeerIndex,
            Reason::Poison | Reason::MetadataPoison | Reason::Banned => Code::PeerBanned,
            Reason::BothComplete | Reason::Stale => Code::PeerClosed,
            Reason::TooManyPeers => Code::PeerLimit,
        }
    }
}

/// A swarm in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwarmStats {
    /// Peers connected.
    pub peers: u32,
    /// Those that have everything.
    pub seeds: u32,
    /// Those that let us download.
    pub unchoking_us: u32,
    /// Those that let us download and have something we want.
    pub useful: u32,
    /// Those that want something of us.
    pub interested: u32,
    /// Those that we let download.
    pub unchoked: u32,
    /// Connections being made.
    pub dialling: u32,
    /// Addresses known.
    pub candidates: u32,
    /// Pieces of the torrent; 0 before the metadata is known.
    pub pieces: u32,
    /// Pieces had.
    pub had: u32,
    /// Pieces wanted.
    pub wanted: u32,
    /// Pieces wanted and had.
    pub wanted_had: u32,
    /// Pieces in the making.
    pub open_pieces: u32,
    /// Requests open at all peers together.
    pub requests: u32,
    /// Accepted blocks whose memory storage still holds.
    pub unfreed: u32,
    /// Whether peers wait for memory: the grant is used up.
    pub starved: bool,
    /// Bytes of payload accepted.
    pub downloaded: u64,
    /// Bytes of payload sent.
    pub uploaded: u64,
    /// Bytes of payload that were of no use: copies, late and unrequested blocks.
    pub wasted: u64,
    /// Bytes of pieces that failed their hash.
    pub hash_failed: u64,
    /// Bytes per second in.
    pub download_rate: u64,
    /// Bytes per second out.
    pub upload_rate: u64,
    /// Whether every wanted piece is had.
    pub complete: bool,
    /// Whether the metadata is known.
    pub metadata: bool,
    /// Bytes of metadata received so far, and its size as a peer says; both 0 when none is being fetched.
    pub metadata_received: (u32, u32),
}

/// A connected peer in facts and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSnapshot {
    /// Its number.
    pub peer: PeerKey,
    /// Its far end.
    pub addr: SocketAddr,
    /// Whether we dialled it.
    pub outgoing: bool,
    /// Its peer id.
    pub peer_id: [u8; 20],
    /// The info-hash that the connection uses.
    pub which: Which,
    /// Its name and version as it says, if it does.
    pub client: Option<String>,
    /// Pieces it has; `None` before the metadata is known.
    pub pieces: Option<u32>,
    /// Whether it has everything.
    pub seed: bool,
    /// We want something of it.
    pub am_interested: bool,
    /// We do not let it download.
    pub am_choking: bool,
    /// It wants something of us.
    pub interested: bool,
    /// It does not let us download.
    pub choking: bool,
    /// It has not sent what it was asked for.
    pub snubbed: bool,
    /// Requests open at it.
    pub requests: u32,
    /// Requests it may have open.
    pub window: u32,
    /// Requests of it that wait.
    pub queued: u32,
    /// Bytes of payload received from it.
    pub downloaded: u64,
    /// Bytes of payload sent to it.
    pub uploaded: u64,
    /// Bytes per second from it.
    pub download_rate: u64,
    /// Bytes per second to it.
    pub upload_rate: u64,
}
