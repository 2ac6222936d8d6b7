//! The node: what a driver calls.

use std::net::SocketAddr;
use std::time::Duration;

use bitlode_base::{Bitfield, Code, Time};
use bitlode_conn::{RecvPlan, SendPlan, Stats};
use bitlode_session::{CarrierId, TorrentId};
use bitlode_storage::{JobDone, StoreInput};
use bitlode_swarm::{Candidate, Input, PeerSnapshot, Swarm};

use crate::fact::{ReadId, State};
use crate::shard::Shard;
use crate::torrent::{Life, Torrent};
use crate::types::{DialId, NodeConfig, NodeError, Output, Parcel, ReadRange, TorrentSpec};

/// One shard without IO.
///
/// **After every call that takes `now`, drain [`Node::poll`].** A carrier's life: `incoming`, or `connected` after
/// [`Output::Dial`], or `adopt` after another node's [`Output::Move`]; then `recv_plan`/`received` when bytes can be read and
/// `prepare_send`/`send_plan`/`sent` when bytes can be written; then `lost` when it ended by itself, or [`Output::Close`]. Calls about a
/// carrier or torrent that is not here any more do nothing.
///
/// A carrier's number is the driver's: its low 24 bits must not be shared by two carriers that were opened by the same shard
/// and are here at the same time; small numbers that are used again keep the table small.
pub struct Node(Shard);

impl Node {
    /// A node without torrents.
    pub fn new(config: NodeConfig) -> Node {
        Node(Shard::new(config))
    }

    /// The port that peers can reach us at: torrents added from now on tell it to their peers.
    pub fn set_listen_port(&mut self, port: Option<u16>) {
        self.0.listen_port = port;
    }

    // Carriers

    /// A connection was accepted.
    pub fn incoming(&mut self, now: Time, carrier: CarrierId, addr: SocketAddr) {
        self.0.incoming(now, carrier, addr);
        self.0.settle(now);
    }

    /// A dial stands. It is closed at once when nobody wants it any more.
    pub fn connected(&mut self, now: Time, dial: DialId, carrier: CarrierId) {
        self.0.connected(now, dial, carrier);
        self.0.settle(now);
    }

    /// A dial came to nothing.
    pub fn dial_failed(&mut self, now: Time, dial: DialId, code: Code) {
        self.0.dial_failed(now, dial, code);
        self.0.settle(now);
    }

    /// Takes a connection over that another shard accepted.
    pub fn adopt(&mut self, now: Time, carrier: CarrierId, parcel: Parcel) {
        self.0.adopt(now, carrier, parcel);
        self.0.settle(now);
    }

    /// Where the next bytes go; `None` when the carrier is not here. An empty plan: nothing may be read now.
    pub fn recv_plan(&mut self, carrier: CarrierId) -> Option<RecvPlan<'_>> {
        let slot = self.0.links.find(carrier)?;
        Some(self.0.links.at(slot)?.conn.recv_plan())
    }

    /// The first `n` bytes of the last plan were filled.
    pub fn received(&mut self, now: Time, carrier: CarrierId, n: usize) {
        self.0.received(now, carrier, n);
        self.0.settle(now);
    }

    /// The carrier ended: the peer or the network closed it ([`Code::PeerClosed`]), or an error did.
    pub fn lost(&mut self, now: Time, carrier: CarrierId, code: Code) {
        if let Some(slot) = self.0.links.find(carrier) {
            self.0.lose(now, slot, crate::shard::End::gone(code));
        }
        self.0.settle(now);
    }

    /// The carrier takes bytes, and `send_plan` is about to be called: blocks that lie in the page cache are read now and not
    /// before, so that they are sent while they are in the processor's cache, too.
    pub fn prepare_send(&mut self, now: Time, carrier: CarrierId) {
        self.0.prepare_send(now, carrier);
        self.0.settle(now);
    }

    /// What to send next; `None` when the carrier is not here.
    pub fn send_plan(&self, carrier: CarrierId) -> Option<SendPlan<'_>> {
        Some(self.0.links.get(carrier)?.conn.send_plan())
    }

    /// The first `n` bytes of the last plan were taken.
    pub fn sent(&mut self, now: Time, carrier: CarrierId, n: usize) {
        self.0.sent(now, carrier, n);
        self.0.settle(now);
    }

    /// Counters of a carrier's connection.
    pub fn carrier_stats(&self, carrier: CarrierId) -> Option<Stats> {
        Some(self.0.links.get(carrier)?.conn.stats())
    }

    /// Carriers that are here.
    pub fn carriers(&self) -> usize {
        self.0.links.len()
    }

    // Torrents

    /// Adds a torrent, which is registered with the session already. Nothing happens when its number is taken.
    pub fn add(&mut self, now: Time, spec: TorrentSpec) {
        self.0.add(now, spec);
        self.0.settle(now);
    }

    /// Ends a torrent: its carriers are closed, its files written; then [`crate::Fact::Removed`].
    pub fn remove(&mut self, now: Time, id: TorrentId) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            shard.close(now, t);
            Ok(())
        })
    }

    /// Ends all torrents, each with its [`crate::Fact::Removed`].
    pub fn close(&mut self, now: Time) {
        for id in self.torrents() {
            let _ = self.remove(now, id);
        }
    }

    /// Starts or pauses a torrent. Starting one that stopped by a failure of storage tries again.
    pub fn run(&mut self, now: Time, id: TorrentId, run: bool) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            shard.run(now, t, run);
            Ok(())
        })
    }

    /// Tries again after a failure of storage.
    pub fn retry(&mut self, now: Time, id: TorrentId) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            shard.retry(now, t);
            Ok(())
        })
    }

    /// Looks at all content again; ends in [`crate::Fact::Checked`] or [`crate::Fact::CheckEnded`]. When a check runs already
    /// that one goes on.
    pub fn check(&mut self, now: Time, id: TorrentId) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            stored(t)?;
            if t.life != Life::Checking {
                shard.check(now, t);
            }
            Ok(())
        })
    }

    /// Ends a running check.
    pub fn cancel_check(&mut self, now: Time, id: TorrentId) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            if t.life == Life::Checking {
                shard.store(now, t, StoreInput::CancelCheck);
            }
            Ok(())
        })
    }

    /// Makes all written pieces durable; ends in [`crate::Fact::Barrier`].
    pub fn barrier(&mut self, now: Time, id: TorrentId) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            stored(t)?;
            t.barriers += 1;
            shard.store(now, t, StoreInput::Barrier);
            Ok(())
        })
    }

    /// Addresses that may have peers.
    pub fn add_candidates(&mut self, now: Time, id: TorrentId, candidates: &[Candidate]) -> Result<(), NodeError> {
        self.with(now, id, |shard, t| {
            shard.tell(now, t, Input::Candidates(candidates), None);
            Ok(())
        })
    }

    /// Reads content as it is verified, in order: [`crate::Fact::Read`]s, then `ReadEnded` or `ReadFailed`. What was given
    /// and not taken is bounded: tell [`Node::read_taken`].
    pub fn read(&mut self, now: Time, id: TorrentId, read: ReadId, range: ReadRange) -> Result<(), NodeError> {
        self.with(now, id, |_, t| {
            stored(t)?;
            let info = t.info.clone().ok_or(NodeError::NoMetadata)?;
            if t.readers.open(read, range, &info.layout) { Ok(()) } else { Err(NodeError::Range) }
        })
    }

    /// The user took so many bytes of a read.
    pub fn read_taken(&mut self, now: Time, id: TorrentId, read: ReadId, bytes: u64) -> Result<(), NodeError> {
        self.with(now, id, |_, t| {
            t.readers.taken(read, bytes);
            Ok(())
        })
    }

    /// Nobody waits for a read any more.
    pub fn read_close(&mut self, now: Time, id: TorrentId, read: ReadId) -> Result<(), NodeError> {
        self.with(now, id, |_, t| {
            t.readers.close(read);
            Ok(())
        })
    }

    /// A job of [`Output::Job`] has run.
    pub fn job_done(&mut self, now: Time, torrent: TorrentId, done: JobDone) {
        let _ = self.with(now, torrent, |shard, t| {
            t.cached = done.was_cached().unwrap_or(t.cached);
            shard.store(now, t, StoreInput::Done(done));
            Ok(())
        });
    }

    // Time

    /// The time of the last [`Output::Wake`] has come.
    pub fn wake(&mut self, now: Time) {
        self.0.told_wake = Time::NEVER;
        self.0.wake(now);
    }

    /// The machine slept: silence during the gap is nobody's fault.
    pub fn resumed(&mut self, now: Time, gap: Duration) {
        for t in self.0.torrents.iter_mut() {
            t.feeds.push_back(Input::Resumed { gap });
        }
        self.0.torrents.touch_all();
        self.0.settle(now);
    }

    /// The next thing to do; `None` when there is nothing more.
    pub fn poll(&mut self) -> Option<Output> {
        self.0.out.pop_front()
    }

    // Looking

    /// The torrents that are here, ascending.
    pub fn torrents(&self) -> Vec<TorrentId> {
        self.0.torrents.ids().collect()
    }

    /// The newest state of a torrent; differences count from this one on.
    pub fn take_state(&mut self, id: TorrentId) -> Option<State> {
        let slot = self.0.torrents.find(id)?;
        self.0.torrents.at(slot).map(Torrent::take_state)
    }

    /// The pieces of a torrent that may be claimed: a barrier has made them durable, or they are only ever read.
    pub fn durable(&self, id: TorrentId) -> Option<&Bitfield> {
        Some(&self.0.torrents.get(id)?.durable)
    }

    /// Fills `out` with a torrent's counters in the order of [`crate::Counter`]; false when it is not here.
    pub fn counters(&self, id: TorrentId, out: &mut [f64]) -> bool {
        let Some(t) = self.0.torrents.get(id) else { return false };
        t.counters(out);
        true
    }

    /// The pieces of a torrent that are verified and written; none of 0 before its metadata is known.
    pub fn have(&self, id: TorrentId) -> Option<&Bitfield> {
        Some(&self.0.torrents.get(id)?.have)
    }

    /// The connected peers of a torrent.
    pub fn peers(&self, id: TorrentId) -> Vec<PeerSnapshot> {
        let swarm = self.0.torrents.get(id).and_then(|t| t.swarm.as_ref());
        swarm.map(|swarm| Swarm::peers(swarm).collect()).unwrap_or_default()
    }

    /// Bugs that were hit and contained.
    pub fn panics(&self) -> u64 {
        self.0.panics
    }

    /// Makes the next work of a part panic: `conn` of every peer, `swarm`, or `store`.
    #[cfg(any(test, feature = "planted-bugs"))]
    pub fn plant_panic(&mut self, id: TorrentId, part: &'static str) {
        let Some(t) = self.0.torrents.find(id).and_then(|slot| self.0.torrents.at(slot)) else { return };
        t.planted = Some(part);
        if part == "conn" {
            for slot in t.peers.clone() {
                if let Some(link) = self.0.links.at(slot) {
                    link.planted = true;
                }
            }
        }
    }

    fn with(
        &mut self,
        now: Time,
        id: TorrentId,
        work: impl FnOnce(&mut Shard, &mut Torrent) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let taken = self.0.torrents.find(id).and_then(|slot| self.0.torrents.take(slot));
        let mut t = taken.ok_or(NodeError::NoTorrent)?;
        let result = work(&mut self.0, &mut t);
        self.0.finish(now, t);
        self.0.settle(now);
        result
    }
}

/// Whether a torrent's content can be worked on.
fn stored(t: &Torrent) -> Result<(), NodeError> {
    match (&t.life, &t.store) {
        (Life::Failed(code, _), _) if !matches!(code, Code::VerifyFailed | Code::Aborted) => {
            Err(NodeError::Stopped(*code))
        }
        (Life::Closing, _) => Err(NodeError::NoTorrent),
        (_, None) => Err(NodeError::NoMetadata),
        (_, Some(_)) => Ok(()),
    }
}
