//! A torrent from its addition to its removal.

use std::collections::VecDeque;
use std::sync::Arc;

use bitlode_base::{Bitfield, Code, Coded, Time};
use bitlode_metainfo::Info;
use bitlode_storage::{Mode, Store, StoreInput, StoreSetup};
use bitlode_swarm::{Input, Setup, Swarm};

use crate::fact::Fact;
use crate::limits;
use crate::shard::{Shard, caught};
use crate::timers::Who;
use crate::torrent::{Life, Torrent};
use crate::types::TorrentSpec;

impl Shard {
    pub(crate) fn add(&mut self, now: Time, spec: TorrentSpec) {
        let mut t = Torrent::new(spec.id, spec.hashes, spec.mode, spec.run);
        if spec.mode != Mode::Verify {
            let setup = Setup {
                hashes: spec.hashes,
                info: spec.info.clone(),
                limits: self.swarm_limits.clone(),
                choice: self.choice.fork(),
                client: self.client.clone(),
                listen_port: self.listen_port,
                our_addrs: Vec::new(),
                #[cfg(feature = "planted-bugs")]
                planted: self.planted,
            };
            t.swarm = Some(Swarm::new(setup, now));
        }
        let Some(slot) = self.torrents.insert(t) else { return };
        let Some(mut t) = self.torrents.take(slot) else { return };
        if let Some(info) = spec.info {
            self.open(now, &mut t, info);
        }
        self.apply_run(&mut t);
        self.changed(&mut t);
        self.finish(now, t);
    }

    /// The metadata is known: the content is looked at.
    fn open(&mut self, now: Time, t: &mut Torrent, info: Arc<Info>) {
        let pieces = info.layout.piece_count();
        t.set_have(Bitfield::none(pieces));
        t.info = Some(info.clone());
        if let Err(error) = info.transferable() {
            return self.fail(t, error.code(), error.to_string());
        }
        t.life = Life::Checking;
        t.checked = Some(0);
        let setup = StoreSetup { info, limits: self.storage_limits.clone(), mode: t.mode };
        t.store = Some(Store::new(setup));
        self.store(now, t, StoreInput::Open);
    }

    /// A magnet link's metadata arrived; its hash was compared with the info-hash by the swarm.
    pub(crate) fn learned(&mut self, now: Time, t: &mut Torrent, bytes: &[u8]) {
        let info = match Info::parse(bytes, &limits::metadata(&self.settings)) {
            Ok(info) => Arc::new(info),
            Err(error) => return self.fail(t, error.code(), error.to_string()),
        };
        if let Err(error) = info.transferable() {
            return self.fail(t, error.code(), error.to_string());
        }
        // A hybrid has one more hash, by which peers may call (BEP 52).
        if info.hashes != t.hashes {
            let rehashed = self.session().rehash(t.id, &info.hashes);
            if let Err(error) = rehashed {
                return self.fail(t, error.code(), error.to_string());
            }
            t.hashes = info.hashes;
        }
        let pieces = info.layout.piece_count();
        for slot in t.peers.clone() {
            let Some(link) = self.links.at(slot) else { continue };
            let conn = &mut link.conn;
            if caught(|| conn.set_piece_count(pieces)).is_some() {
                self.links.touch(slot);
            } else {
                self.broken_link(t, slot);
            }
        }
        t.feeds.push_back(Input::Metadata(info.clone()));
        self.fact(Fact::Metadata { torrent: t.id, info: info.clone() });
        self.open(now, t, info);
        self.changed(t);
    }

    /// All content was looked at.
    pub(crate) fn checked(&mut self, t: &mut Torrent, have: Bitfield) {
        t.set_have(have);
        t.readers.verified();
        t.feeds.push_back(Input::Have(t.have.clone()));
        t.checked = None;
        t.ready = true;
        let (torrent, have, pieces) = (t.id, t.have.count(), t.have.len());
        self.fact(Fact::Checked { torrent, have, pieces });
        if t.life != Life::Closing {
            t.life = Life::Ready;
            if t.mode == Mode::Seed && have < pieces {
                let message = format!("{have} of {pieces} pieces are there");
                return self.fail(t, Code::VerifyFailed, message);
            }
            self.apply_run(t);
        }
        self.changed(t);
    }

    pub(crate) fn check_cancelled(&mut self, t: &mut Torrent) {
        if t.ready {
            t.checked = None;
            self.fact(Fact::CheckEnded { torrent: t.id, code: Code::Aborted });
            t.life = Life::Ready;
            self.apply_run(t);
            self.changed(t);
        } else {
            self.fail(t, Code::Aborted, "the check was cancelled".to_owned());
        }
    }

    /// A torrent stops by a failure. Its store may go on by itself: `resumed`.
    pub(crate) fn fail(&mut self, t: &mut Torrent, code: Code, message: String) {
        if t.checked.take().is_some() {
            self.fact(Fact::CheckEnded { torrent: t.id, code });
        }
        self.answer_barriers(t, Some(code));
        if t.life == Life::Closing {
            return;
        }
        tracing::warn!(torrent = t.id.0, %code, message, "stopped");
        t.life = Life::Failed(code, message.clone());
        self.apply_run(t);
        for read in t.readers.close_all() {
            self.fact(Fact::ReadFailed { read, code });
        }
        self.fact(Fact::Stopped { torrent: t.id, code, message });
        self.changed(t);
    }

    /// A store that had stopped goes on.
    pub(crate) fn resumed(&mut self, t: &mut Torrent) {
        if matches!(t.life, Life::Failed(..)) {
            t.life = if t.ready { Life::Ready } else { Life::Checking };
            self.apply_run(t);
            self.changed(t);
        }
    }

    /// A swarm hit a bug: its torrent ends; its store makes durable what was written.
    pub(crate) fn broken_swarm(&mut self, t: &mut Torrent) {
        self.panicked(Some(t.id), "swarm");
        // Its state is not to be trusted, and so not its end either.
        let swarm = t.swarm.take();
        let _ = caught(|| drop(swarm));
        t.last_barrier = t.store.is_some();
        self.fail(t, Code::Internal, "a bug in the swarm was hit; what was verified is kept".to_owned());
    }

    /// A store hit a bug: its torrent ends with what its last barrier made durable.
    pub(crate) fn broken_store(&mut self, t: &mut Torrent) {
        self.panicked(Some(t.id), "store");
        let store = t.store.take();
        let _ = caught(|| drop(store));
        t.reads.clear();
        self.fail(t, Code::Internal, "a bug in storage was hit; what was durable is kept".to_owned());
    }

    /// Starts or pauses the swarm as the torrent's state asks for.
    pub(crate) fn apply_run(&mut self, t: &mut Torrent) {
        let run = t.wants_to_run();
        if run == t.running {
            return;
        }
        t.running = run;
        t.feeds.push_back(Input::Run(run));
        // While content is checked again the peers stay: the swarm serves and asks for nothing.
        if !run && t.life != Life::Checking {
            self.leave_all(t, Code::Closed, "the torrent is not running");
        }
    }

    pub(crate) fn run(&mut self, now: Time, t: &mut Torrent, run: bool) {
        t.run = run;
        if run && matches!(t.life, Life::Failed(..)) {
            self.retry(now, t);
        }
        self.apply_run(t);
        if !run {
            self.leave_all(t, Code::Closed, "the torrent was paused");
        }
        self.changed(t);
    }

    /// Tries again after a failure of storage. Other failures stay.
    pub(crate) fn retry(&mut self, now: Time, t: &mut Torrent) {
        let Life::Failed(code, _) = &t.life else { return };
        match code {
            Code::Internal | Code::MetainfoV2Only => {}
            Code::VerifyFailed | Code::Aborted => self.check(now, t),
            _ => self.store(now, t, StoreInput::Retry),
        }
    }

    /// Looks at all content again.
    pub(crate) fn check(&mut self, now: Time, t: &mut Torrent) {
        t.life = Life::Checking;
        t.checked = Some(0);
        self.apply_run(t);
        self.store(now, t, StoreInput::Check);
        self.changed(t);
    }

    /// Ends a torrent: its peers at once, its store after a last barrier.
    pub(crate) fn close(&mut self, now: Time, t: &mut Torrent) {
        if t.life == Life::Closing {
            return;
        }
        self.answer_barriers(t, Some(Code::Closed));
        t.life = Life::Closing;
        self.apply_run(t);
        self.leave_all(t, Code::Closed, "the torrent was removed");
        for read in t.readers.close_all() {
            self.fact(Fact::ReadFailed { read, code: Code::Closed });
        }
        self.session().unregister(t.id);
        self.store(now, t, StoreInput::Close);
        self.changed(t);
    }

    /// The end of every piece of work on a torrent: all it has to say is said, and it goes back to its place.
    pub(crate) fn finish(&mut self, now: Time, mut t: Box<Torrent>) {
        loop {
            self.run_feeds(now, &mut t);
            if std::mem::take(&mut t.last_barrier) {
                self.store(now, &mut t, StoreInput::Barrier);
            }
            self.pump_readers(now, &mut t);
            self.enliven(now, &mut t);
            if t.feeds.is_empty() && !t.last_barrier {
                break;
            }
        }
        if t.life == Life::Closing && t.store.is_none() {
            self.timers.disarm(Who::Swarm(t.slot), &mut t.swarm_armed);
            self.timers.disarm(Who::Store(t.slot), &mut t.store_armed);
            self.dealt.retain(|slot| *slot != t.slot);
            self.fact(Fact::Removed { torrent: t.id });
            self.torrents.forget(t);
        } else {
            if t.peers.is_empty() {
                // Most torrents have nothing to do for hours: their queues need no room meanwhile.
                t.feeds = VecDeque::new();
            }
            self.torrents.put(t);
        }
    }
}
