//! Work that leaves the shard, and what comes back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bitlode_base::{BLOCK_LEN, Bitfield, BlockRef, Chunk, FileIndex, PieceIndex};
use bitlode_hash::Sha1;
use bitlode_metainfo::Info;

use crate::error::StorageError;
use crate::limits::Limits;

/// One piece of blocking work of one torrent. Run it on any thread with [`crate::run`], or several with
/// [`crate::run_many`]; the order among jobs is free.
pub struct Job {
    pub(crate) info: Arc<Info>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) work: Work,
}

/// What a job is made of, for whoever chooses its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// Opening, creating, finishing: metadata of files.
    Setup,
    /// Hashing and writing blocks.
    Piece,
    /// Syncing.
    Barrier,
    /// Reading and hashing a run of pieces.
    Check,
    /// Reading verified data.
    Read,
}

/// The outcome of a [`Job`]: hand it back to the store that the job came from.
#[derive(Debug)]
pub struct JobDone(pub(crate) Done);

impl JobDone {
    /// Whether what a read of blocks wanted was in the page cache; `None` when it was no such read.
    pub fn was_cached(&self) -> Option<bool> {
        match &self.0 {
            Done::Read { cached, .. } => Some(*cached),
            _ => None,
        }
    }
}

pub(crate) enum Work {
    Open { create: bool, keep: bool },
    Begin { marker: bool },
    Piece(Box<PieceWork>),
    Barrier { everything: bool },
    Finish,
    Check { pieces: Vec<PieceIndex>, cancel: Arc<AtomicBool> },
    Read { id: u64, blocks: Vec<BlockRef> },
    Range { id: u64, file: FileIndex, offset: u64, len: u32 },
}

/// Blocks of one piece to hash and to write.
pub(crate) struct PieceWork {
    pub(crate) piece: PieceIndex,
    /// The hash over everything before `feed`.
    pub(crate) hash: Sha1,
    /// What the hash takes next, in order and without gaps.
    pub(crate) feed: Vec<Feed>,
    /// Blocks behind a gap, ascending: written in place, not hashed.
    pub(crate) spill: Vec<(BlockRef, Chunk)>,
    /// `feed` ends the piece: compare, and write only what is right.
    pub(crate) last: bool,
    /// All of the torrent is wanted.
    pub(crate) whole: bool,
    /// It must not wait for others to be hashed beside it: memory is short, or the torrent waits for nothing else.
    pub(crate) urgent: bool,
}

impl PieceWork {
    /// Blocks in memory that go with the job.
    pub(crate) fn slabs(&self) -> u32 {
        let in_memory = self.feed.iter().filter(|feed| matches!(feed, Feed::Memory(..))).count();
        (in_memory + self.spill.len()) as u32
    }
}

pub(crate) enum Feed {
    Memory(BlockRef, Chunk),
    Spilled(BlockRef),
}

/// Why a job failed, and the file that is no longer what it was.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) error: StorageError,
    pub(crate) changed: Option<FileIndex>,
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Trouble {
        Trouble { error, changed: None }
    }
}

pub(crate) enum Done {
    Open(Result<Found, StorageError>),
    Begin(Result<(), StorageError>),
    Piece {
        piece: PieceIndex,
        slabs: u32,
        result: Result<Hashed, Trouble>,
    },
    Barrier(Result<(), Trouble>),
    Finish(Result<(), Trouble>),
    /// `unreadable`: the first failure of the device; its piece counts as wrong. `error` ends the check.
    Check {
        right: Vec<PieceIndex>,
        looked_at: u32,
        unreadable: Option<StorageError>,
        error: Option<StorageError>,
    },
    Read {
        id: u64,
        blocks: Vec<BlockRef>,
        cached: bool,
        result: Result<Vec<(BlockRef, Chunk)>, Trouble>,
    },
    Range {
        id: u64,
        pieces: std::ops::Range<u32>,
        result: Result<Vec<Chunk>, Trouble>,
    },
}

/// What a piece job did.
pub(crate) enum Hashed {
    /// Everything was written; the hash has taken `feed`.
    On(Sha1),
    /// The piece is right and written.
    Right,
    /// The piece is wrong; its blocks in memory were not written.
    Wrong,
}

/// What stands in the folder.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Our marker of exactly this torrent is there.
    pub(crate) marker: bool,
    /// Files of the torrent that exist, and the first of them.
    pub(crate) existing: u32,
    pub(crate) example: String,
    /// Pieces whose bytes are all there, right or wrong.
    pub(crate) present: Bitfield,
    /// Bytes that writing everything would allocate.
    pub(crate) needed: u64,
    pub(crate) free: Option<u64>,
    /// Files that are no longer what was seen of them before.
    pub(crate) changed: Vec<FileIndex>,
    /// The torrent with paths that can be told apart here, when its own cannot.
    pub(crate) fitted: Option<Arc<Info>>,
}

impl Job {
    /// What kind of work this is.
    pub fn kind(&self) -> JobKind {
        match self.work {
            Work::Open { .. } | Work::Begin { .. } | Work::Finish => JobKind::Setup,
            Work::Piece(_) => JobKind::Piece,
            Work::Barrier { .. } => JobKind::Barrier,
            Work::Check { .. } => JobKind::Check,
            Work::Read { .. } | Work::Range { .. } => JobKind::Read,
        }
    }

    /// Bytes of the pool that the job holds until it is done.
    pub fn held(&self) -> u32 {
        match &self.work {
            Work::Piece(work) => work.slabs().saturating_mul(BLOCK_LEN),
            _ => 0,
        }
    }

    /// Whether it must not wait for other pieces to be hashed beside it.
    pub fn is_urgent(&self) -> bool {
        match &self.work {
            Work::Piece(work) => work.urgent,
            _ => true,
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.work {
            Work::Piece(work) => {
                write!(f, "Job(piece {}, {} + {} blocks)", work.piece.0, work.feed.len(), work.spill.len())
            }
            Work::Check { pieces, .. } => write!(f, "Job(check {} pieces)", pieces.len()),
            Work::Read { id, blocks } => write!(f, "Job(read {id}, {} blocks)", blocks.len()),
            _ => write!(f, "Job({:?})", self.kind()),
        }
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Done::Open(found) => write!(f, "Open({found:?})"),
            Done::Begin(result) => write!(f, "Begin({result:?})"),
            Done::Piece { piece, result, .. } => write!(f, "Piece({}, {:?})", piece.0, result.as_ref().map(|_| ())),
            Done::Barrier(result) => write!(f, "Barrier({result:?})"),
            Done::Finish(result) => write!(f, "Finish({result:?})"),
            Done::Check { right, looked_at, error, .. } => {
                write!(f, "Check({} of {looked_at}, {error:?})", right.len())
            }
            Done::Read { id, result, .. } => write!(f, "Read({id}, {:?})", result.as_ref().map(Vec::len)),
            Done::Range { id, result, .. } => write!(f, "Range({id}, {:?})", result.as_ref().map(Vec::len)),
        }
    }
}
