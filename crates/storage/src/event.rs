//! What a store starts from, hears and says.

use std::sync::Arc;

use bitlode_base::{Bitfield, BlockRef, Chunk, Code, FileIndex, PieceIndex, Time};
use bitlode_metainfo::Info;

use crate::job::{Job, JobDone};
use crate::limits::Limits;

/// What storage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Fetch what is missing. The folder is made when it is not there.
    Download {
        /// Files that are not ours may be written into.
        overwrite: bool,
    },
    /// Serve what is there; nothing is written.
    Seed,
    /// Only look what is there; nothing is written.
    Verify,
}

/// What a store starts from.
#[derive(Debug, Clone)]
pub struct StoreSetup {
    /// The torrent; it must be transferable (have v1 hashes).
    pub info: Arc<Info>,
    /// The numbers.
    pub limits: Arc<Limits>,
    /// What it is for.
    pub mode: Mode,
}

/// What a store hears.
#[derive(Debug)]
pub enum StoreInput {
    /// Look at the folder, check what is there. Ends in [`StoreOutput::Checked`], `CheckCancelled` or `Stopped`.
    Open,
    /// The pieces that have to be durable for [`StoreOutput::Completed`]; all of them at first.
    Wanted(Bitfield),
    /// A block that the swarm accepted. It is answered in the end by its piece's `Verified` or `Failed`, or by `Lost`.
    Block {
        /// Where it lies: on the grid of 16 KiB.
        block: BlockRef,
        /// Its bytes.
        data: Chunk,
    },
    /// Read blocks of pieces that are had, for peers; answered by `ReadDone` or `ReadFailed`, once for each id.
    Read {
        /// The caller's.
        id: u64,
        /// In the order wanted; adjacent ones become one read. Blocks longer than 16 KiB come back in parts.
        blocks: Vec<BlockRef>,
    },
    /// Read from a file, for a user; answered by `RangeDone` or `ReadFailed`.
    ReadRange {
        /// The caller's.
        id: u64,
        /// The file.
        file: FileIndex,
        /// First byte inside the file.
        offset: u64,
        /// Bytes.
        len: u32,
    },
    /// Look at the folder again and check everything; blocks that are not verified are lost.
    Check,
    /// Stop a check.
    CancelCheck,
    /// Make what is had durable now; answered by a `Durable`, which may be empty.
    Barrier,
    /// A job has run.
    Done(JobDone),
    /// Memory is short: write every block that is in memory, unless jobs hold most of it, which comes back without that.
    Pressure,
    /// Try again after `Stopped`.
    Retry,
    /// End: pieces that are whole are written, then a last barrier, then `Closed`. Other blocks that are not verified are
    /// dropped without a word.
    Close,
    /// The time that `Wake` named has come.
    Wake,
}

/// What a store says. Drain with [`Store::poll`](crate::Store::poll) after every [`Store::handle`](crate::Store::handle).
#[derive(Debug)]
pub enum StoreOutput {
    /// Run it on any thread and hand the result back as [`StoreInput::Done`].
    Job(Job),
    /// The folder was looked at; a check follows when something is there.
    Opened {
        /// What is there is ours by its marker.
        ours: bool,
        /// Files of the torrent that are there.
        existing: u32,
    },
    /// The folder takes names of the torrent for equal: its files have these paths here.
    Renamed {
        /// The torrent with other paths, the same otherwise.
        info: Arc<Info>,
    },
    /// A check goes on.
    CheckProgress {
        /// Pieces looked at.
        pieces: u32,
        /// Pieces to look at.
        total: u32,
    },
    /// Ready: these pieces are on disk and right. From here on blocks are taken.
    Checked {
        /// The pieces had.
        have: Bitfield,
    },
    /// The check was stopped; what was had before it still is.
    CheckCancelled,
    /// The piece is right and its writes have returned: it may be announced and served.
    Verified {
        /// The piece.
        piece: PieceIndex,
    },
    /// The piece failed its hash: all its blocks are wanted again.
    Failed {
        /// The piece.
        piece: PieceIndex,
    },
    /// An accepted block is gone, for no fault of its sender: it is wanted again.
    Lost {
        /// The block.
        block: BlockRef,
    },
    /// Memory of accepted blocks went back to the pool.
    Freed {
        /// How many blocks.
        slabs: u32,
    },
    /// The answer to [`StoreInput::Read`], in the order asked; a block longer than 16 KiB comes as adjacent parts.
    ReadDone {
        /// The caller's.
        id: u64,
        /// The blocks.
        chunks: Vec<(BlockRef, Chunk)>,
    },
    /// The answer to [`StoreInput::ReadRange`]: up to `len` bytes in order, fewer where the file ends or a piece is not
    /// had; none when the first byte is not had.
    RangeDone {
        /// The caller's.
        id: u64,
        /// The bytes.
        chunks: Vec<Chunk>,
    },
    /// A read failed. Where the disk is to blame, `Unhave` comes for the pieces touched.
    ReadFailed {
        /// The caller's.
        id: u64,
        /// Why.
        code: Code,
    },
    /// A barrier has made these pieces durable: they may be claimed. One follows every [`StoreInput::Barrier`], and
    /// covers what was had when that came, unless the store stopped before.
    Durable {
        /// Pieces that became durable.
        pieces: Vec<PieceIndex>,
    },
    /// Every wanted piece is durable; when that is all there is, the marker is gone, durably.
    Completed,
    /// The torrent must pause: nothing is written until [`StoreInput::Retry`] (or our own one) succeeds.
    Stopped {
        /// The code.
        code: Code,
        /// One line that names the file.
        message: String,
    },
    /// A retry succeeded: blocks are taken again.
    Resumed,
    /// The piece is not on disk any more: stop claiming it.
    Unhave {
        /// The piece.
        piece: PieceIndex,
    },
    /// No job is out and none will be.
    Closed,
    /// Call with [`StoreInput::Wake`] then; replaces the last one.
    Wake {
        /// When.
        at: Time,
    },
}
