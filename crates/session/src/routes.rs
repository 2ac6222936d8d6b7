//! From the 20 bytes of a handshake to a torrent and its shard.

use std::collections::BTreeMap;

use bitlode_base::{Code, Coded};
use bitlode_hash::{InfoHashes, Which};

use crate::ids::{ShardId, TorrentId};

/// Where a handshake leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The torrent.
    pub torrent: TorrentId,
    /// The shard that it lives on.
    pub shard: ShardId,
    /// Which of its hashes the peer named: the connection stays with that one.
    pub which: Which,
}

/// Why a torrent cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// One of its hashes is another torrent's.
    #[error("a torrent with this info-hash is already here")]
    Duplicate(TorrentId),
    /// It is not registered.
    #[error("no such torrent")]
    NotFound,
}

impl Coded for SessionError {
    fn code(&self) -> Code {
        match self {
            SessionError::Duplicate(_) => Code::DuplicateTorrent,
            SessionError::NotFound => Code::NotFound,
        }
    }
}

// Only our own torrents' hashes are keys here, so an ordered map cannot be flooded by a peer.
#[derive(Debug)]
pub(crate) struct Routes {
    by_hash: BTreeMap<[u8; 20], Route>,
    torrents: BTreeMap<TorrentId, (ShardId, InfoHashes)>,
    shards: Vec<usize>,
}

impl Routes {
    pub(crate) fn new(shards: u16) -> Routes {
        Routes { by_hash: BTreeMap::new(), torrents: BTreeMap::new(), shards: vec![0; usize::from(shards.max(1))] }
    }

    pub(crate) fn place(&self) -> ShardId {
        let least = self.shards.iter().enumerate().min_by_key(|(at, load)| (**load, *at));
        ShardId(least.map_or(0, |(at, _)| at as u16))
    }

    pub(crate) fn insert(&mut self, id: TorrentId, hashes: &InfoHashes, shard: ShardId) -> Result<(), SessionError> {
        if self.torrents.contains_key(&id) {
            return Err(SessionError::Duplicate(id));
        }
        self.claim(id, hashes, shard)?;
        if let Some(load) = self.shards.get_mut(usize::from(shard.0)) {
            *load += 1;
        }
        Ok(())
    }

    fn claim(&mut self, id: TorrentId, hashes: &InfoHashes, shard: ShardId) -> Result<(), SessionError> {
        let taken = hashes.wire_ids().find_map(|(_, hash)| self.by_hash.get(&hash).filter(|route| route.torrent != id));
        if let Some(route) = taken {
            return Err(SessionError::Duplicate(route.torrent));
        }
        for (which, hash) in hashes.wire_ids() {
            self.by_hash.insert(hash, Route { torrent: id, shard, which });
        }
        self.torrents.insert(id, (shard, *hashes));
        Ok(())
    }

    pub(crate) fn rehash(&mut self, id: TorrentId, hashes: &InfoHashes) -> Result<(), SessionError> {
        let (shard, old) = *self.torrents.get(&id).ok_or(SessionError::NotFound)?;
        self.claim(id, hashes, shard)?;
        for (_, hash) in old.wire_ids() {
            if hashes.wire_ids().all(|(_, new)| new != hash) {
                self.by_hash.remove(&hash);
            }
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: TorrentId) -> bool {
        let Some((shard, hashes)) = self.torrents.remove(&id) else { return false };
        for (_, hash) in hashes.wire_ids() {
            self.by_hash.remove(&hash);
        }
        if let Some(load) = self.shards.get_mut(usize::from(shard.0)) {
            *load -= 1;
        }
        true
    }

    pub(crate) fn find(&self, hash: &[u8; 20]) -> Option<Route> {
        self.by_hash.get(hash).copied()
    }

    pub(crate) fn has(&self, id: TorrentId) -> bool {
        self.torrents.contains_key(&id)
    }
}
