//! One torrent of a node: its swarm, its store, and what is known of both.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bitlode_base::{Bitfield, BlockRef, Code, PieceIndex, Time};
use bitlode_hash::InfoHashes;
use bitlode_metainfo::Info;
use bitlode_session::{Grant, TorrentId};
use bitlode_storage::{Mode, Store};
use bitlode_swarm::{Input, PeerKey, Swarm, SwarmStats};

use crate::fact::{COUNTERS, Counter, HaveChange, Phase, ReadId, State};
use crate::readers::Readers;

/// Where a torrent is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    /// It has no metadata yet.
    Metadata,
    /// Its content is being looked at.
    Checking,
    /// Its content is known.
    Ready,
    /// It has stopped by a failure.
    Failed(Code, String),
    /// It is being removed.
    Closing,
}

/// Who waits for a read of the store.
#[derive(Debug)]
pub(crate) enum ReadFor {
    /// A peer.
    Peer {
        /// Which.
        peer: PeerKey,
        /// Blocks of memory that it takes.
        slabs: u32,
        /// What is read.
        blocks: Box<[BlockRef]>,
    },
    /// A user.
    User(ReadId),
}

/// One torrent.
pub(crate) struct Torrent {
    pub(crate) id: TorrentId,
    pub(crate) slot: u32,
    pub(crate) hashes: InfoHashes,
    pub(crate) info: Option<Arc<Info>>,
    pub(crate) mode: Mode,
    /// What the user wants.
    pub(crate) run: bool,
    /// What the swarm was told.
    pub(crate) running: bool,
    pub(crate) life: Life,
    /// `None` when it only looks, or after a bug.
    pub(crate) swarm: Option<Swarm>,
    /// `None` without metadata, or after a bug.
    pub(crate) store: Option<Store>,
    /// Facts that wait for the swarm.
    pub(crate) feeds: VecDeque<Input<'static>>,
    /// Slots of its links.
    pub(crate) peers: Vec<u32>,
    pub(crate) reads: BTreeMap<u64, ReadFor>,
    pub(crate) last_read: u64,
    pub(crate) readers: Readers,
    /// Slots of links that wait for upload memory.
    pub(crate) starved: VecDeque<u32>,
    pub(crate) grant: Grant,
    /// Blocks of memory being read for peers or waiting to be sent.
    pub(crate) upload_held: u32,
    /// Peers whose requests wait in the swarm.
    pub(crate) wanting: u32,
    /// What was read last for a peer was in the page cache.
    pub(crate) cached: bool,
    /// It is on the list of those who are dealt memory.
    pub(crate) dealt: bool,
    /// When the swarm and the store want to be woken, and what their timers are armed for: that, or earlier.
    pub(crate) swarm_at: Time,
    pub(crate) swarm_armed: Time,
    pub(crate) store_at: Time,
    pub(crate) store_armed: Time,
    /// A barrier is due because the swarm broke.
    pub(crate) last_barrier: bool,
    /// Barriers that someone waits for.
    pub(crate) barriers: u32,
    pub(crate) have: Bitfield,
    pub(crate) durable: Bitfield,
    pub(crate) verified_bytes: u64,
    pub(crate) durable_bytes: u64,
    pub(crate) complete: bool,
    pub(crate) checked: Option<u32>,
    pub(crate) ready: bool,
    /// `Fact::Changed` is out.
    pub(crate) told: bool,
    /// What changed in `have` since the last state that was taken: pieces added, or too much to list.
    added: Vec<u32>,
    whole: bool,
    #[cfg(any(test, feature = "planted-bugs"))]
    pub(crate) planted: Option<&'static str>,
}

impl Torrent {
    /// A torrent of which nothing is known yet but its name.
    pub(crate) fn new(id: TorrentId, hashes: InfoHashes, mode: Mode, run: bool) -> Torrent {
        Torrent {
            id,
            slot: 0,
            hashes,
            info: None,
            mode,
            run,
            running: false,
            life: Life::Metadata,
            swarm: None,
            store: None,
            feeds: VecDeque::new(),
            peers: Vec::new(),
            reads: BTreeMap::new(),
            last_read: 0,
            readers: Readers::default(),
            starved: VecDeque::new(),
            grant: Grant::default(),
            upload_held: 0,
            wanting: 0,
            cached: false,
            dealt: false,
            swarm_at: Time::NEVER,
            swarm_armed: Time::NEVER,
            store_at: Time::NEVER,
            store_armed: Time::NEVER,
            last_barrier: false,
            barriers: 0,
            have: Bitfield::none(0),
            durable: Bitfield::none(0),
            verified_bytes: 0,
            durable_bytes: 0,
            complete: false,
            checked: None,
            ready: false,
            told: false,
            added: Vec::new(),
            whole: false,
            #[cfg(any(test, feature = "planted-bugs"))]
            planted: None,
        }
    }

    /// Whether the swarm should run now.
    pub(crate) fn wants_to_run(&self) -> bool {
        let may = match self.life {
            Life::Metadata | Life::Ready => true,
            // Before the first check peers may already come: the swarm has nothing to offer or ask for yet. Later it
            // would serve what may be gone.
            Life::Checking => !self.ready,
            Life::Failed(..) | Life::Closing => false,
        };
        may && self.run && self.mode != Mode::Verify
    }

    /// Registers a read of the store.
    pub(crate) fn add_read(&mut self, reader: ReadFor) -> u64 {
        self.last_read += 1;
        self.reads.insert(self.last_read, reader);
        self.last_read
    }

    /// Bytes of a piece that are content, not padding.
    fn content_of(&self, piece: PieceIndex) -> u64 {
        let Some(layout) = self.info.as_deref().map(|info| &info.layout) else { return 0 };
        let len = layout.piece_len(piece);
        layout.spans(piece, 0, len).filter(|span| !span.pad).map(|span| u64::from(span.len)).sum()
    }

    /// Bytes of all files but pads.
    pub(crate) fn content(&self) -> u64 {
        let Some(layout) = self.info.as_deref().map(|info| &info.layout) else { return 0 };
        layout.files().iter().filter(|file| !file.attr.pad).map(|file| file.len).sum()
    }

    /// The content was looked at. What is there is verified; durable is what was so before, or all where we never write.
    pub(crate) fn set_have(&mut self, have: Bitfield) {
        self.verified_bytes =
            if have.is_full() { self.content() } else { have.iter().map(|piece| self.content_of(piece)).sum() };
        self.whole = true;
        self.have = have;
        let writes = matches!(self.mode, Mode::Download { .. });
        let durable = |piece: &PieceIndex| !writes || self.durable.has(*piece);
        let durable: Vec<_> = self.have.iter().filter(durable).collect();
        self.durable = Bitfield::none(self.have.len());
        self.durable_bytes = 0;
        for piece in durable {
            self.add_durable(piece);
        }
        // A check may find less than there was.
        self.complete &= self.durable.is_full();
    }

    /// A piece was verified and written.
    pub(crate) fn add_have(&mut self, piece: PieceIndex) {
        if self.have.set(piece) {
            self.verified_bytes += self.content_of(piece);
            // A list longer than the bitfield says less than the bitfield.
            self.whole |= self.added.len() * size_of::<u32>() > self.have.as_bytes().len();
            if !self.whole {
                self.added.push(piece.0);
            }
        }
    }

    /// A piece was lost.
    pub(crate) fn take_have(&mut self, piece: PieceIndex) {
        if self.have.clear(piece) {
            self.verified_bytes = self.verified_bytes.saturating_sub(self.content_of(piece));
            self.whole = true;
        }
        if self.durable.clear(piece) {
            self.durable_bytes = self.durable_bytes.saturating_sub(self.content_of(piece));
        }
        self.complete = false;
    }

    /// A piece became durable.
    pub(crate) fn add_durable(&mut self, piece: PieceIndex) {
        if self.durable.set(piece) {
            self.durable_bytes += self.content_of(piece);
        }
    }

    fn phase(&self) -> Phase {
        match self.life {
            Life::Failed(..) => Phase::Failed,
            Life::Checking => Phase::Checking,
            _ if !self.run || self.life == Life::Closing => Phase::Paused,
            Life::Metadata => Phase::Metadata,
            _ if self.mode == Mode::Verify => Phase::Paused,
            _ if self.have.is_full() => Phase::Seeding,
            _ => Phase::Downloading,
        }
    }

    /// The swarm in numbers.
    pub(crate) fn stats(&self) -> SwarmStats {
        self.swarm.as_ref().map(Swarm::snapshot).unwrap_or_default()
    }

    /// The newest state; differences count from here on.
    pub(crate) fn take_state(&mut self) -> State {
        self.told = false;
        let stats = self.stats();
        State {
            phase: self.phase(),
            error: match &self.life {
                Life::Failed(code, message) => Some((*code, message.clone())),
                _ => None,
            },
            pieces: self.info.as_deref().map_or(0, |info| info.layout.piece_count()),
            have: self.have.count(),
            verified_bytes: self.verified_bytes,
            durable: self.durable.count(),
            complete: self.complete,
            checked: self.checked,
            ready: self.ready,
            peers: stats.peers,
            seeds: stats.seeds,
            unchoked: stats.unchoked,
            changes: self.take_changes(),
        }
    }

    fn take_changes(&mut self) -> HaveChange {
        let added = std::mem::take(&mut self.added);
        match (std::mem::take(&mut self.whole), added.is_empty()) {
            (true, _) => HaveChange::Whole(self.have.as_bytes().to_vec()),
            (false, true) => HaveChange::None,
            (false, false) => HaveChange::Added(added),
        }
    }

    /// Fills the counters.
    pub(crate) fn counters(&self, out: &mut [f64]) {
        let stats = self.stats();
        let mut all = [0.0; COUNTERS];
        let values = [
            (Counter::Downloaded, stats.downloaded),
            (Counter::Uploaded, stats.uploaded),
            (Counter::DownRate, stats.download_rate),
            (Counter::UpRate, stats.upload_rate),
            (Counter::Verified, self.verified_bytes),
            (Counter::Wasted, stats.wasted),
            (Counter::HashFailed, stats.hash_failed),
            (Counter::Peers, u64::from(stats.peers)),
            (Counter::Left, self.content().saturating_sub(self.verified_bytes)),
            (Counter::Durable, self.durable_bytes),
        ];
        for (counter, value) in values {
            all[counter as usize] = value as f64;
        }
        for (to, from) in out.iter_mut().zip(all) {
            *to = from;
        }
    }
}

/// All torrents of a node. A torrent that is worked on is taken out, so that it and the rest can be used together.
#[derive(Default)]
pub(crate) struct Torrents {
    slots: Vec<Option<Box<Torrent>>>,
    free: Vec<u32>,
    ids: BTreeMap<TorrentId, u32>,
    dirty: Vec<u32>,
}

impl Torrents {
    /// Takes a torrent in; `None` when its number is taken.
    pub(crate) fn insert(&mut self, mut torrent: Torrent) -> Option<u32> {
        if self.ids.contains_key(&torrent.id) {
            return None;
        }
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        torrent.slot = slot;
        self.ids.insert(torrent.id, slot);
        let torrent = Some(Box::new(torrent));
        match self.slots.get_mut(slot as usize) {
            Some(empty) => *empty = torrent,
            None => self.slots.push(torrent),
        }
        Some(slot)
    }

    /// Forgets a torrent that was taken out and is not put back.
    pub(crate) fn forget(&mut self, torrent: Box<Torrent>) {
        self.ids.remove(&torrent.id);
        self.free.push(torrent.slot);
    }

    /// Takes a torrent out to work on it.
    pub(crate) fn take(&mut self, slot: u32) -> Option<Box<Torrent>> {
        self.slots.get_mut(slot as usize)?.take()
    }

    /// Puts it back.
    pub(crate) fn put(&mut self, torrent: Box<Torrent>) {
        if let Some(slot) = self.slots.get_mut(torrent.slot as usize) {
            *slot = Some(torrent);
        }
    }

    pub(crate) fn find(&self, id: TorrentId) -> Option<u32> {
        self.ids.get(&id).copied()
    }

    pub(crate) fn get(&self, id: TorrentId) -> Option<&Torrent> {
        self.slots.get(self.find(id)? as usize)?.as_deref()
    }

    pub(crate) fn at(&mut self, slot: u32) -> Option<&mut Torrent> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Every torrent that is not taken out.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Torrent> {
        self.slots.iter_mut().filter_map(Option::as_deref_mut)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = TorrentId> + '_ {
        self.ids.keys().copied()
    }

    /// Puts all torrents on the list of those that must be drained.
    pub(crate) fn touch_all(&mut self) {
        self.dirty.extend(self.ids.values());
    }

    /// The next torrent to drain.
    pub(crate) fn touched(&mut self) -> Option<u32> {
        self.dirty.pop()
    }
}
