//! Torrents of a shard: orders in, facts out as replies, states, counters and log facts.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bitlode_base::{Code, Coded, Time};
use bitlode_metainfo::Info;
use bitlode_node::{Candidate, Fact, ReadId, Source, TorrentSpec};
use bitlode_session::TorrentId;
use bitlode_storage::Files;
use bitlode_storage::sys::RealDisk;

use super::{PUBLISH, Shard};
use crate::api::{
    COUNTERS, Failure, HaveChange, LogFact, PeerSource, PeerState, Phase, ReaderId, ReplyBody, RequestId, TorrentState,
};
use crate::lock::lock;
use crate::reader::Reader;
use crate::shared::{Order, TorrentEntry};

/// A torrent that moved nothing for so long has rates of zero.
const STILL: Duration = Duration::from_secs(3);

pub(super) type TorrentFiles = Arc<Files<RealDisk>>;

/// What the driver knows of a torrent of its node.
pub(super) struct Torrent {
    pub(super) files: TorrentFiles,
    entry: Arc<TorrentEntry>,
    /// Its state has changed since it was published.
    dirty: bool,
    /// Payload moved so far, and when that last changed.
    moved: f64,
    moved_at: Time,
    /// Metadata that the caller has not been given.
    info: Option<Arc<Info>>,
    checks: Vec<RequestId>,
    removes: Vec<RequestId>,
    barriers: VecDeque<RequestId>,
}

impl Shard {
    pub(super) fn add(&mut self, request: RequestId, spec: TorrentSpec, folder: PathBuf, peers: &[SocketAddr]) {
        let (id, info) = (spec.id, spec.info.clone());
        let Some(entry) = self.shared.torrent(id) else {
            return self.reply_error(request, Code::NotFound, "the torrent was removed");
        };
        if self.leaving_now {
            lock(&self.shared.torrents).remove(&id);
            return self.reply_error(request, Code::Closed, "the engine is closing");
        }
        let files = Arc::new(Files::new(self.shared.files.clone(), self.shared.pool.clone(), folder));
        let torrent = Torrent {
            files,
            entry,
            dirty: true,
            moved: 0.0,
            moved_at: Time::ZERO,
            info: None,
            checks: Vec::new(),
            removes: Vec::new(),
            barriers: VecDeque::new(),
        };
        self.torrents.insert(id, torrent);
        self.unpublished.insert(id);
        // The reply goes first: whoever reads the state that follows knows the torrent by then.
        self.shared.outbox.reply(request, Ok(ReplyBody::Added { torrent: id, info }));
        self.node.add(self.now, spec);
        let peers: Vec<_> = peers.iter().map(|addr| Candidate { addr: *addr, source: Source::Manual }).collect();
        if !peers.is_empty() {
            let _ = self.node.add_candidates(self.now, id, &peers);
        }
        self.drain();
        self.touch(false);
    }

    pub(super) fn order(&mut self, request: RequestId, torrent: TorrentId, order: Order) {
        let now = self.now;
        let Some(entry) = self.torrents.get_mut(&torrent) else {
            return self.reply_error(request, Code::NotFound, "no such torrent");
        };
        if matches!(order, Order::Remove | Order::Run(false) | Order::Check | Order::Barrier) {
            // Somebody waits for what is still to be hashed.
            self.shared.workers.hurry();
        }
        let done = match order {
            Order::Remove => {
                entry.removes.push(request);
                // It fails only for a torrent that is not here, and this one is.
                let _ = self.node.remove(now, torrent);
                None
            }
            Order::Check => {
                entry.checks.push(request);
                match self.node.check(now, torrent) {
                    Ok(()) => None,
                    Err(error) => {
                        entry.checks.pop();
                        Some(Err(error))
                    }
                }
            }
            Order::Barrier => {
                entry.barriers.push_back(request);
                match self.node.barrier(now, torrent) {
                    Ok(()) => None,
                    Err(error) => {
                        entry.barriers.pop_back();
                        Some(Err(error))
                    }
                }
            }
            Order::Run(run) => Some(self.node.run(now, torrent, run).map(|()| ReplyBody::Done)),
            Order::CancelCheck => Some(self.node.cancel_check(now, torrent).map(|()| ReplyBody::Done)),
            Order::Retry => Some(self.node.retry(now, torrent).map(|()| ReplyBody::Done)),
            Order::AddPeers(addrs, source) => {
                let source = match source {
                    PeerSource::Manual => Source::Manual,
                    PeerSource::Tracker => Source::Tracker,
                };
                let list: Vec<_> = addrs.into_iter().map(|addr| Candidate { addr, source }).collect();
                Some(self.node.add_candidates(now, torrent, &list).map(|()| ReplyBody::Done))
            }
            Order::Peers => {
                let peers = self.node.peers(torrent).into_iter().map(peer_state).collect();
                Some(Ok(ReplyBody::Peers(peers)))
            }
            Order::Read(reader, range) => {
                // The buffer is there before its first bytes are.
                let buffer = Arc::new(Reader::new(self.id, torrent));
                lock(&self.shared.readers).insert(reader, buffer);
                let opened = self.node.read(now, torrent, ReadId(reader.0), range);
                if opened.is_err() {
                    lock(&self.shared.readers).remove(&reader);
                }
                Some(opened.map(|()| ReplyBody::Reader(reader)))
            }
        };
        if let Some(result) = done {
            // Whoever reads the reply finds the state that it speaks of.
            self.drain();
            self.publish_torrent(torrent);
            let result = result.map_err(|error| Failure { code: error.code(), message: error.to_string() });
            self.shared.outbox.reply(request, result);
        }
        self.drain();
    }

    // Facts

    pub(super) fn fact(&mut self, fact: Fact) {
        let failure = |code: Code, message: &str| Failure { code, message: message.into() };
        match fact {
            Fact::Changed { torrent } => self.changed(torrent, false),
            Fact::Metadata { torrent, info } => {
                if let Some(entry) = self.torrents.get_mut(&torrent) {
                    entry.info = Some(info);
                }
                self.changed(torrent, true);
            }
            Fact::Checked { torrent, have, pieces } => {
                self.changed(torrent, true);
                self.publish_torrent(torrent);
                let checks = self.torrents.get_mut(&torrent).map(|entry| std::mem::take(&mut entry.checks));
                for request in checks.into_iter().flatten() {
                    self.shared.outbox.reply(request, Ok(ReplyBody::Checked { have, pieces }));
                }
            }
            Fact::CheckEnded { torrent, code } => {
                self.changed(torrent, true);
                self.publish_torrent(torrent);
                let checks = self.torrents.get_mut(&torrent).map(|entry| std::mem::take(&mut entry.checks));
                for request in checks.into_iter().flatten() {
                    self.shared.outbox.reply(request, Err(failure(code, "the check was ended")));
                }
            }
            Fact::Barrier { torrent, error } => {
                self.changed(torrent, true);
                self.publish_torrent(torrent);
                let request = self.torrents.get_mut(&torrent).and_then(|entry| entry.barriers.pop_front());
                if let Some(request) = request {
                    let failed = error.map(|code| failure(code, "not everything could be made durable"));
                    self.shared.outbox.reply(request, failed.map_or(Ok(ReplyBody::Done), Err));
                }
            }
            Fact::Completed { torrent } => {
                self.log("completed", Some(torrent), None, None, None, String::new());
                self.changed(torrent, true);
            }
            Fact::Stopped { torrent, code, message } => {
                self.log("stopped", Some(torrent), None, None, Some(code), message);
                self.changed(torrent, true);
            }
            Fact::Removed { torrent } => self.removed(torrent),
            Fact::PeerJoined { torrent, addr, outgoing } => {
                let message = if outgoing { "outgoing" } else { "incoming" };
                self.log("peer-joined", Some(torrent), Some(addr), None, None, message.into());
            }
            Fact::PeerLeft { torrent, addr, code, message } => {
                self.log("peer-left", Some(torrent), Some(addr), None, Some(code), message);
            }
            Fact::Refused { addr, code } => self.log("refused", None, Some(addr), None, Some(code), String::new()),
            Fact::DialFailed { torrent, addr, code } => {
                self.log("dial-failed", Some(torrent), Some(addr), None, Some(code), String::new());
            }
            Fact::PieceFailed { torrent, piece } => {
                self.log("piece-failed", Some(torrent), None, Some(piece.0), None, String::new());
            }
            Fact::Read { read, data } => self.reader_news(read, |reader| reader.push(data)),
            Fact::ReadEnded { read } => self.reader_news(read, Reader::end),
            Fact::ReadFailed { read, code } => {
                self.reader_news(read, |reader| reader.fail(failure(code, "the read ended")));
            }
            Fact::Panicked { torrent, part } => {
                tracing::error!(?torrent, part, "a bug was hit and contained");
                self.log("panicked", torrent, None, None, Some(Code::Internal), part.into());
            }
        }
    }

    fn removed(&mut self, torrent: TorrentId) {
        let Some(entry) = self.torrents.remove(&torrent) else { return };
        lock(&self.shared.torrents).remove(&torrent);
        self.shared.outbox.forget_torrent(torrent);
        for request in entry.removes {
            self.shared.outbox.reply(request, Ok(ReplyBody::Done));
        }
        for request in entry.checks.into_iter().chain(entry.barriers) {
            self.reply_error(request, Code::Closed, "the torrent was removed");
        }
        self.check_left();
    }

    fn log(
        &self,
        kind: &'static str,
        torrent: Option<TorrentId>,
        peer: Option<SocketAddr>,
        piece: Option<u32>,
        code: Option<Code>,
        message: String,
    ) {
        tracing::debug!(?torrent, ?peer, ?piece, ?code, message, "{kind}");
        self.shared.outbox.fact(LogFact { time: self.now.micros(), torrent, kind, peer, piece, code, message });
    }

    // States

    fn changed(&mut self, torrent: TorrentId, urgent: bool) {
        if let Some(entry) = self.torrents.get_mut(&torrent) {
            entry.dirty = true;
            self.unpublished.insert(torrent);
            self.touch(urgent);
        }
    }

    /// Something is to be published: soon, or at once.
    pub(super) fn touch(&mut self, urgent: bool) {
        let soon = if urgent { self.now } else { (self.published + PUBLISH).max(self.now) };
        self.publish_at = self.publish_at.min(soon);
    }

    /// Publishes what changed, and the counters of what moves.
    pub(super) fn publish(&mut self) {
        self.publish_at = Time::NEVER;
        self.published = self.now;
        for id in std::mem::take(&mut self.unpublished) {
            self.publish_torrent(id);
        }
        self.publish_load();
        if !self.unpublished.is_empty() {
            self.publish_at = self.now + PUBLISH;
        }
    }

    /// Publishes a torrent's counters, and its state if that has changed.
    fn publish_torrent(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else { return };
        // Counters first: whoever hears of the state finds them as new.
        let mut counters = [0.0; COUNTERS];
        self.node.counters(id, &mut counters);
        let [downloaded, uploaded, down_rate, up_rate, ..] = &mut counters;
        let moved = *downloaded + *uploaded;
        if moved != torrent.moved {
            (torrent.moved, torrent.moved_at) = (moved, self.now);
        }
        // While nothing happens a rate is not measured anew: it goes on for a moment and is zero then.
        if moved > 0.0 && self.now.since(torrent.moved_at) < STILL {
            self.unpublished.insert(id);
        } else {
            (*down_rate, *up_rate) = (0.0, 0.0);
        }
        for (to, from) in torrent.entry.counters.iter().zip(counters) {
            to.store(from.to_bits(), Relaxed);
        }
        if std::mem::take(&mut torrent.dirty)
            && let Some(state) = self.node.take_state(id)
        {
            self.shared.outbox.torrent(torrent_state(id, state, torrent.info.take()));
        }
    }

    // Readers

    fn reader_news(&self, read: ReadId, news: impl FnOnce(&Reader)) {
        let id = ReaderId(read.0);
        if let Some(reader) = self.shared.reader(id) {
            news(&reader);
            self.shared.outbox.reader(reader.state(id));
        }
    }

    pub(super) fn reader_taken(&mut self, torrent: TorrentId, reader: ReaderId, bytes: u64) {
        // A torrent that is gone has said so to its readers.
        let _ = self.node.read_taken(self.now, torrent, ReadId(reader.0), bytes);
        self.drain();
    }

    pub(super) fn reader_close(&mut self, torrent: TorrentId, reader: ReaderId) {
        let _ = self.node.read_close(self.now, torrent, ReadId(reader.0));
        self.drain();
    }
}

fn torrent_state(torrent: TorrentId, state: bitlode_node::State, info: Option<Arc<Info>>) -> TorrentState {
    TorrentState {
        torrent,
        revision: 0,
        phase: match state.phase {
            bitlode_node::Phase::Metadata => Phase::Metadata,
            bitlode_node::Phase::Checking => Phase::Checking,
            bitlode_node::Phase::Paused => Phase::Paused,
            bitlode_node::Phase::Downloading => Phase::Downloading,
            bitlode_node::Phase::Seeding => Phase::Seeding,
            bitlode_node::Phase::Failed => Phase::Failed,
        },
        error: state.error.map(|(code, message)| Failure { code, message }),
        info,
        pieces: state.pieces,
        have: state.have,
        verified_bytes: state.verified_bytes,
        durable: state.durable,
        complete: state.complete,
        checked: state.checked,
        ready: state.ready,
        peers: state.peers,
        seeds: state.seeds,
        unchoked: state.unchoked,
        changes: match state.changes {
            bitlode_node::HaveChange::None => HaveChange::None,
            bitlode_node::HaveChange::Added(pieces) => HaveChange::Added(pieces),
            bitlode_node::HaveChange::Whole(bytes) => HaveChange::Whole(bytes),
        },
    }
}

fn peer_state(peer: bitlode_node::PeerSnapshot) -> PeerState {
    PeerState {
        addr: peer.addr,
        peer_id: peer.peer_id,
        client: peer.client.unwrap_or_default(),
        outgoing: peer.outgoing,
        choking: peer.am_choking,
        choked: peer.choking,
        interested: peer.am_interested,
        wanted: peer.interested,
        snubbed: peer.snubbed,
        pieces: peer.pieces.unwrap_or(0),
        downloaded: peer.downloaded,
        uploaded: peer.uploaded,
        down_rate: peer.download_rate as f64,
        up_rate: peer.upload_rate as f64,
        requests: peer.requests,
    }
}
