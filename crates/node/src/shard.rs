//! The state of a node, and what all its parts need of it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitlode_base::{BLOCK_LEN, Choice, Code, Pool, Time};
use bitlode_session::{Session, Settings, ShardId, TorrentId};

use crate::dials::Dials;
use crate::fact::Fact;
use crate::limits;
use crate::links::Links;
use crate::timers::{Timers, Who};
use crate::torrent::{Torrent, Torrents};
use crate::types::{NodeConfig, Output};

/// Everything a node has. Its parts are in `carriers.rs` (connections), `swarms.rs` (what a swarm says), `stores.rs` (what a
/// store says), `life.rs` (a torrent from add to removal), `memory.rs` (grants, uploads and reads).
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) settings: Arc<Settings>,
    pub(crate) conn_limits: Arc<bitlode_conn::Limits>,
    pub(crate) swarm_limits: Arc<bitlode_swarm::Limits>,
    pub(crate) storage_limits: Arc<bitlode_storage::Limits>,
    pub(crate) pool: Pool,
    pub(crate) session: Arc<Mutex<Session>>,
    pub(crate) peer_id: [u8; 20],
    pub(crate) choice: Choice,
    pub(crate) client: String,
    pub(crate) listen_port: Option<u16>,
    pub(crate) links: Links,
    pub(crate) torrents: Torrents,
    pub(crate) dials: Dials,
    pub(crate) timers: Timers,
    pub(crate) out: VecDeque<Output>,
    /// The time that `Output::Wake` named last.
    pub(crate) told_wake: Time,
    /// Slots of torrents that are dealt memory, and the time of the next deal.
    pub(crate) dealt: Vec<u32>,
    pub(crate) deal_armed: Time,
    /// The time of the last deal of all, and whether somebody waits for what these may give back.
    pub(crate) dealt_at: Time,
    pub(crate) shortage: Arc<AtomicBool>,
    pub(crate) panics: u64,
    #[cfg(feature = "planted-bugs")]
    pub(crate) planted: Option<bitlode_swarm::Bug>,
}

impl Shard {
    pub(crate) fn new(config: NodeConfig) -> Shard {
        let (peer_id, shortage) = {
            let session = lock(&config.session);
            (session.peer_id(), session.shortage())
        };
        Shard {
            id: config.shard,
            conn_limits: Arc::new(limits::conn(&config.settings)),
            swarm_limits: Arc::new(limits::swarm(&config.settings)),
            storage_limits: Arc::new(limits::storage(&config.settings)),
            settings: config.settings,
            pool: config.pool,
            session: config.session,
            peer_id,
            choice: config.choice,
            client: config.client,
            listen_port: config.listen_port,
            links: Links::default(),
            torrents: Torrents::default(),
            dials: Dials::default(),
            timers: Timers::default(),
            out: VecDeque::new(),
            told_wake: Time::NEVER,
            dealt: Vec::new(),
            deal_armed: Time::NEVER,
            dealt_at: Time::ZERO,
            shortage,
            panics: 0,
            #[cfg(feature = "planted-bugs")]
            planted: config.planted,
        }
    }

    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        lock(&self.session)
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        self.out.push_back(Output::Fact(fact));
    }

    /// Says that the torrent's state changed, unless that was said and nobody has looked since.
    pub(crate) fn changed(&mut self, t: &mut Torrent) {
        if !t.told {
            t.told = true;
            self.fact(Fact::Changed { torrent: t.id });
        }
    }

    /// Counts and reports a bug that was contained.
    pub(crate) fn panicked(&mut self, torrent: Option<TorrentId>, part: &'static str) {
        self.panics += 1;
        tracing::error!(torrent = torrent.map(|id| id.0), part, "a bug was hit and contained");
        self.fact(Fact::Panicked { torrent, part });
    }

    /// Drains everything that was touched, then says when to wake.
    pub(crate) fn settle(&mut self, now: Time) {
        loop {
            if let Some(slot) = self.links.touched() {
                self.serve_link(now, slot);
            } else if let Some(slot) = self.torrents.touched() {
                if let Some(t) = self.torrents.take(slot) {
                    self.finish(now, t);
                }
            } else {
                break;
            }
        }
        self.deal_sooner();
        let next = self.timers.next();
        if next != self.told_wake {
            self.told_wake = next;
            self.out.push_back(Output::Wake { at: next });
        }
    }

    /// Everything that is due.
    pub(crate) fn wake(&mut self, now: Time) {
        while let Some(who) = self.timers.due(now) {
            match who {
                Who::Carrier(slot) => self.link_timeout(now, slot),
                Who::Swarm(slot) => self.swarm_timeout(now, slot),
                Who::Store(slot) => self.store_timeout(now, slot),
                Who::Deal => {
                    self.deal_armed = Time::NEVER;
                    self.deal_all(now);
                }
            }
        }
        self.settle(now);
    }
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs code of a part that may have a bug; `None` when it panicked: what it worked on must not be used any more.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// Blocks of memory that so many bytes of a request take.
pub(crate) const fn slabs(len: u32) -> u32 {
    len.div_ceil(BLOCK_LEN)
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// The carrier is still there and must be closed.
    pub(crate) close: bool,
}

impl End {
    /// We close it.
    pub(crate) fn ours(code: Code, why: impl ToString) -> End {
        End { code, message: why.to_string(), close: true }
    }

    /// The carrier is gone.
    pub(crate) fn gone(code: Code) -> End {
        End { code, message: String::new(), close: false }
    }
}
