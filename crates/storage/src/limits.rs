//! The numbers, all of them arguments.

use std::time::Duration;

/// What bounds one torrent's storage. The numbers stand in the session's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A block older than this is written in place although its piece is not complete.
    pub block_age: Duration,
    /// A barrier runs at most this long after the first piece that is not durable.
    pub barrier_every: Duration,
    /// A barrier runs at once when this many verified bytes are not durable.
    pub barrier_bytes: u64,
    /// A store that stopped tries again after this.
    pub retry_every: Duration,
    /// Pieces of at most this many bytes are hashed and written in one go when they are complete; larger ones run by run.
    pub whole_piece: u32,
    /// Bytes of a run: the unit in which pieces above `whole_piece` are hashed and written while they arrive.
    pub run: u32,
    /// Bytes of one read while checking or reading spilled blocks back.
    pub check_read: u32,
    /// Bytes that one job of a check covers at most, unless these are fewer than `check_pieces`.
    pub check_job: u64,
    /// Pieces that one job of a check covers at least, so that they can be hashed side by side.
    pub check_pieces: u32,
    /// Jobs of a check that are out at once.
    pub check_jobs: u32,
    /// What bounds paths, for a folder that takes different names for equal.
    pub names: bitlode_metainfo::Limits,
    /// Bytes of one read of verified content: a longer run of blocks takes several, a longer range is cut.
    pub read_job: u32,
}
