//! The ids by which shards, torrents and carriers are known to each other.

/// A torrent of this engine. Never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TorrentId(pub u64);

/// A shard: one network thread, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A carrier of bytes, that is a connection, whether its handshake has come or not. The number of the shard that opened
/// it stands in the high 16 bits, so shards hand ids out without asking each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarrierId(pub u64);

impl CarrierId {
    const NUMBER_BITS: u32 = 48;

    /// The `number`-th carrier of `shard`.
    pub const fn new(shard: ShardId, number: u64) -> CarrierId {
        CarrierId(((shard.0 as u64) << Self::NUMBER_BITS) | (number & ((1 << Self::NUMBER_BITS) - 1)))
    }

    /// The shard that opened it; it may have moved since.
    pub const fn opened_by(self) -> ShardId {
        ShardId((self.0 >> Self::NUMBER_BITS) as u16)
    }
}
