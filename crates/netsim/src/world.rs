//! The world: one queue of events in virtual time, one thread, and every choice from the seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bitlode_base::{Choice, Time};
use bitlode_node::{DialId, Output};
use bitlode_storage::{Job, JobDone};

use crate::config::{Config, Fate, LinkConfig, Start, VillainConfig};
use crate::link::Link;
use crate::peer::{Peer, TORRENT};
use crate::plant::Planted;
use crate::torrent::Torrent;
use crate::villain::Mask;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// A hash over everything that happened, in order.
    pub trace: u64,
    /// Events.
    pub events: u64,
    /// Virtual time.
    pub took: Time,
    /// The promise that was broken.
    pub failure: Option<String>,
}

/// Who tells what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Nobody.
    Quiet,
    /// Facts and fates on standard error.
    Facts,
}

pub(crate) enum Event {
    Start { actor: usize },
    Fate { actor: usize, fate: Fate },
    Unpause { actor: usize, life: u64 },
    Wake { actor: usize, life: u64 },
    Run { actor: usize, life: u64, job: Box<Job> },
    Done { actor: usize, life: u64, done: Box<JobDone> },
    Answer { actor: usize, life: u64, dial: DialId, addr: SocketAddr, refused: bool },
    Arrive { link: u64, to: usize, bytes: Vec<u8> },
    Read { link: u64, to: usize },
    Flush { link: u64, from: usize },
    Ended { link: u64, to: usize },
    Oracle { actor: usize, life: u64 },
    Sweep,
}

pub(crate) struct Villain {
    pub(crate) config: VillainConfig,
    pub(crate) peer_id: [u8; 20],
    pub(crate) masks: BTreeMap<u64, Mask>,
    pub(crate) awake: bool,
}

pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) torrent: Torrent,
    pub(crate) choice: Choice,
    pub(crate) planted: Planted,
    pub(crate) telling: Telling,
    pub(crate) now: Time,
    pub(crate) number: u64,
    pub(crate) queue: BTreeMap<(Time, u64), Event>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) villains: Vec<Villain>,
    pub(crate) links: BTreeMap<u64, Link>,
    pub(crate) next_link: u64,
    pub(crate) up: Vec<Time>,
    pub(crate) down: Vec<Time>,
    /// Fates and starts that are still to come.
    pub(crate) to_come: usize,
    pub(crate) quiet_since: Option<Time>,
    pub(crate) trace: u64,
    pub(crate) events: u64,
    pub(crate) failure: Option<String>,
}

/// How long a run goes on after everything is complete: long enough for what was forgotten to show.
const AFTERMATH: Duration = Duration::from_secs(45);
/// How often promises are looked at that need no looking at after every event.
pub(crate) const SWEEP: Duration = Duration::from_secs(1);

/// Runs a whole configuration.
pub fn run(config: Config, planted: Planted, telling: Telling) -> Outcome {
    #[cfg(feature = "planted-bugs")]
    planted.plant();
    let mut world = World::new(config, planted, telling);
    while world.failure.is_none() && !world.finished() {
        let Some(((at, _), event)) = world.queue.pop_first() else {
            world.fail("nothing is left to happen".to_owned());
            break;
        };
        if at > world.config.until {
            world.fail_late();
            break;
        }
        world.now = at;
        world.events += 1;
        world.happen(event);
    }
    Outcome { trace: world.trace, events: world.events, took: world.now, failure: world.failure }
}

impl World {
    pub(crate) fn new(config: Config, planted: Planted, telling: Telling) -> World {
        let mut choice = Choice::new(config.seed ^ 0x5eed);
        let torrent = Torrent::generate(config.shape, config.piece_length, config.total, &mut choice);
        let peers: Vec<_> = config.peers.iter().map(|peer| Peer::new(peer.clone(), &torrent, &mut choice)).collect();
        let villains: Vec<_> = config
            .villains
            .iter()
            .map(|config| {
                let mut peer_id = *b"-XX6660-            ";
                peer_id[8..16].copy_from_slice(&choice.next().to_be_bytes());
                Villain { config: config.clone(), peer_id, masks: BTreeMap::new(), awake: false }
            })
            .collect();
        let actors = peers.len() + villains.len();
        let mut world = World {
            torrent,
            choice,
            planted,
            telling,
            now: Time::ZERO,
            number: 0,
            queue: BTreeMap::new(),
            peers,
            villains,
            links: BTreeMap::new(),
            next_link: 0,
            up: vec![Time::ZERO; actors],
            down: vec![Time::ZERO; actors],
            to_come: 0,
            quiet_since: None,
            trace: 0xcbf2_9ce4_8422_2325,
            events: 0,
            failure: None,
            config,
        };
        for actor in 0..actors {
            let (at, fates) = match world.config.peers.get(actor) {
                Some(peer) => (peer.at, peer.fate.clone()),
                None => (world.villains[actor - world.peers.len()].config.at, Vec::new()),
            };
            world.to_come += 1 + fates.len();
            world.later(at, Event::Start { actor });
            for (at, fate) in fates {
                world.later(at, Event::Fate { actor, fate });
            }
        }
        world.later(Time::ZERO + SWEEP, Event::Sweep);
        world
    }

    pub(crate) fn finished(&self) -> bool {
        self.quiet_since.is_some_and(|since| self.now.since(since) >= AFTERMATH)
    }

    pub(crate) fn all_done(&self) -> bool {
        let done = |peer: &Peer| peer.running.is_some() && (peer.done || peer.config.start == Start::Seed);
        self.to_come == 0 && self.peers.iter().all(done)
    }

    pub(crate) fn later(&mut self, at: Time, event: Event) {
        self.number += 1;
        self.queue.insert((at.max(self.now), self.number), event);
    }

    pub(crate) fn soon(&mut self, event: Event) {
        self.later(self.now, event);
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    pub(crate) fn blame(&mut self, actor: usize, what: &str) {
        let at = self.now.micros() as f64 / 1e6;
        self.fail(format!("at {at:.3} s: peer {actor} {what}"));
    }

    pub(crate) fn fail_late(&mut self) {
        let mut late = Vec::new();
        for (n, peer) in self.peers.iter_mut().enumerate() {
            if peer.done || peer.config.start == Start::Seed {
                continue;
            }
            let state = peer.running.as_mut().and_then(|running| running.node.take_state(TORRENT));
            late.push(match state {
                None => format!("peer {n} is not running"),
                Some(s) => format!(
                    "peer {n} is {:?} {:?}: {} of {} pieces, {} durable, {} peers, {} seeds, {} jobs out",
                    s.phase,
                    s.error,
                    s.have,
                    s.pieces,
                    s.durable,
                    s.peers,
                    s.seeds,
                    peer.running.as_ref().map_or(0, |running| running.jobs)
                ),
            });
        }
        self.fail(format!("not complete in time: {}", late.join("; ")));
    }

    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling == Telling::Facts {
            eprintln!("{:>12.6} {}", self.now.micros() as f64 / 1e6, what());
        }
    }

    /// Adds to the hash of all that happens (FNV-1a, by words).
    pub(crate) fn mix(&mut self, kind: u64, who: u64, what: u64) {
        for word in [kind, self.now.micros(), who, what] {
            self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
        }
    }

    pub(crate) fn link_of(&self, actor: usize) -> LinkConfig {
        match self.peers.get(actor) {
            Some(peer) => peer.config.link,
            None => self.villains[actor - self.peers.len()].config.link,
        }
    }

    pub(crate) fn alive(&self, actor: usize, life: u64) -> bool {
        match self.peers.get(actor) {
            Some(peer) => peer.life == life && peer.running.is_some(),
            None => true,
        }
    }

    pub(crate) fn life(&self, actor: usize) -> u64 {
        self.peers.get(actor).map_or(0, |peer| peer.life)
    }

    // Events

    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Start { actor } => self.start(actor),
            Event::Fate { actor, fate } => self.fate(actor, fate),
            Event::Unpause { actor, life } => {
                self.to_come -= 1;
                self.mix(1, actor as u64, 0);
                self.with(actor, life, |now, running| {
                    let _ = running.node.run(now, TORRENT, true);
                });
            }
            Event::Wake { actor, life } => self.wake(actor, life),
            Event::Run { actor, life, job } => {
                if !self.alive(actor, life) {
                    return;
                }
                self.mix(2, actor as u64, job.kind() as u64);
                let Some(running) = &self.peers[actor].running else { return };
                let cached = bitlode_storage::run_now(*job, &running.files);
                let done = Box::new(cached.unwrap_or_else(|job| bitlode_storage::run(job, &running.files)));
                let delay = self.peers[actor].config.disk_delay.as_micros() as u64;
                let at = self.now + Duration::from_micros(self.choice.below(delay + 1));
                self.later(at, Event::Done { actor, life, done });
            }
            Event::Done { actor, life, done } => {
                self.mix(3, actor as u64, 0);
                self.with(actor, life, |now, running| {
                    running.jobs -= 1;
                    running.node.job_done(now, TORRENT, *done);
                });
                self.check_claims(actor);
            }
            Event::Answer { actor, life, dial, addr, refused } => self.answer(actor, life, dial, addr, refused),
            Event::Arrive { link, to, bytes } => {
                let Some(it) = self.links.get_mut(&link) else { return };
                let end = &mut it.ends[to];
                if it.silent || !end.open {
                    end.waiting -= bytes.len();
                    return;
                }
                end.unread.extend(&bytes);
                let (actor, n) = (end.actor, bytes.len());
                self.mix(4, actor as u64, n as u64);
                self.read(link, to);
            }
            Event::Read { link, to } => {
                if let Some(it) = self.links.get_mut(&link) {
                    it.ends[to].reading = false;
                    self.read(link, to);
                }
            }
            Event::Flush { link, from } => self.flush(link, from),
            Event::Ended { link, to } => self.ended(link, to),
            Event::Oracle { actor, life } => self.oracle(actor, life),
            Event::Sweep => self.sweep(),
        }
    }

    /// Calls a peer's node and does what it says afterwards.
    pub(crate) fn with(&mut self, actor: usize, life: u64, call: impl FnOnce(Time, &mut crate::peer::Running)) {
        if !self.alive(actor, life) {
            return;
        }
        if let Some(running) = &mut self.peers[actor].running {
            call(self.now, running);
        }
        self.drain(actor);
    }

    pub(crate) fn start(&mut self, actor: usize) {
        self.to_come -= 1;
        self.mix(5, actor as u64, 0);
        self.tell(|| format!("{actor} starts"));
        match self.peers.get_mut(actor) {
            Some(peer) => {
                peer.start(self.now, &self.torrent, &mut self.choice, self.planted);
                self.drain(actor);
            }
            None => {
                let villain = actor - self.peers.len();
                self.villains[villain].awake = true;
            }
        }
        let life = self.life(actor);
        self.soon(Event::Oracle { actor, life });
    }

    pub(crate) fn wake(&mut self, actor: usize, life: u64) {
        if !self.alive(actor, life) {
            return;
        }
        let Some(running) = &mut self.peers[actor].running else { return };
        running.alarm = Time::NEVER;
        if running.wake > self.now {
            return self.alarm(actor);
        }
        running.wake = Time::NEVER;
        self.mix(7, actor as u64, 0);
        self.with(actor, life, |now, running| running.node.wake(now));
    }

    pub(crate) fn alarm(&mut self, actor: usize) {
        let life = self.life(actor);
        let Some(running) = &mut self.peers[actor].running else { return };
        if running.wake < running.alarm {
            running.alarm = running.wake;
            let at = running.wake;
            self.later(at, Event::Wake { actor, life });
        }
    }

    /// Does what a node says.
    pub(crate) fn drain(&mut self, actor: usize) {
        let life = self.life(actor);
        loop {
            let Some(running) = &mut self.peers[actor].running else { return };
            let (budget, used) = (running.pool.budget(), running.pool.peak());
            let Some(output) = running.node.poll() else {
                if used > budget {
                    self.blame(actor, &format!("used {used} slabs of {budget}"));
                }
                return self.alarm(actor);
            };
            match output {
                Output::Wake { at } => running.wake = at,
                Output::Dial { dial, addr } => self.dial(actor, life, dial, addr),
                Output::Close { carrier } => {
                    if let Some((link, side)) = running.carriers.get(&carrier).copied() {
                        self.mix(8, actor as u64, carrier.0);
                        self.close(link, side);
                    }
                }
                Output::Writable { carrier } => {
                    if let Some((link, from)) = running.carriers.get(&carrier).copied() {
                        self.soon(Event::Flush { link, from });
                    }
                }
                Output::Job { job, .. } => {
                    running.jobs += 1;
                    let delay = self.peers[actor].config.disk_delay.as_micros() as u64;
                    let at = self.now + Duration::from_micros(self.choice.below(delay + 1));
                    self.later(at, Event::Run { actor, life, job: Box::new(job) });
                }
                Output::Fact(fact) => self.fact(actor, fact),
                Output::Evict { .. } | Output::Move { .. } => {
                    self.blame(actor, "spoke of a second shard, and there is none");
                }
            }
        }
    }
}
