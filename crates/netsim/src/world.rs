//! The world: one queue of events in virtual time, one thread, and every choice from the seed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bitlode_base::{Choice, Code, PieceIndex, Time};
use bitlode_node::{Candidate, DialId, Fact, Output, Source};
use bitlode_session::{CarrierId, ShardId};
use bitlode_storage::{Job, JobDone};

use crate::config::{Config, Fate, LinkConfig, Start, VillainConfig};
use crate::disk::View;
use crate::link::{End, Link, WINDOW};
use crate::peer::{Peer, TORRENT, complete, holds, lock};
use crate::plant::Planted;
use crate::tap::Truth;
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

enum Event {
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

struct Villain {
    config: VillainConfig,
    peer_id: [u8; 20],
    masks: BTreeMap<u64, Mask>,
    awake: bool,
}

struct World {
    config: Config,
    torrent: Torrent,
    choice: Choice,
    planted: Planted,
    telling: Telling,
    now: Time,
    number: u64,
    queue: BTreeMap<(Time, u64), Event>,
    peers: Vec<Peer>,
    villains: Vec<Villain>,
    links: BTreeMap<u64, Link>,
    next_link: u64,
    up: Vec<Time>,
    down: Vec<Time>,
    /// Fates and starts that are still to come.
    to_come: usize,
    quiet_since: Option<Time>,
    trace: u64,
    events: u64,
    failure: Option<String>,
}

/// How long a run goes on after everything is complete: long enough for what was forgotten to show.
const AFTERMATH: Duration = Duration::from_secs(45);
const SWEEP: Duration = Duration::from_secs(1);
/// How long an actor tries to connect where nobody answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

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
    fn new(config: Config, planted: Planted, telling: Telling) -> World {
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

    fn finished(&self) -> bool {
        self.quiet_since.is_some_and(|since| self.now.since(since) >= AFTERMATH)
    }

    fn all_done(&self) -> bool {
        let done = |peer: &Peer| peer.running.is_some() && (peer.done || peer.config.start == Start::Seed);
        self.to_come == 0 && self.peers.iter().all(done)
    }

    fn later(&mut self, at: Time, event: Event) {
        self.number += 1;
        self.queue.insert((at.max(self.now), self.number), event);
    }

    fn soon(&mut self, event: Event) {
        self.later(self.now, event);
    }

    fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    fn blame(&mut self, actor: usize, what: &str) {
        let at = self.now.micros() as f64 / 1e6;
        self.fail(format!("at {at:.3} s: peer {actor} {what}"));
    }

    fn fail_late(&mut self) {
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

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling == Telling::Facts {
            eprintln!("{:>12.6} {}", self.now.micros() as f64 / 1e6, what());
        }
    }

    /// Adds to the hash of all that happens (FNV-1a, by words).
    fn mix(&mut self, kind: u64, who: u64, what: u64) {
        for word in [kind, self.now.micros(), who, what] {
            self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
        }
    }

    fn link_of(&self, actor: usize) -> LinkConfig {
        match self.peers.get(actor) {
            Some(peer) => peer.config.link,
            None => self.villains[actor - self.peers.len()].config.link,
        }
    }

    fn alive(&self, actor: usize, life: u64) -> bool {
        match self.peers.get(actor) {
            Some(peer) => peer.life == life && peer.running.is_some(),
            None => true,
        }
    }

    fn life(&self, actor: usize) -> u64 {
        self.peers.get(actor).map_or(0, |peer| peer.life)
    }

    // Events

    fn happen(&mut self, event: Event) {
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
                let done = Box::new(bitlode_storage::run(*job, &running.files));
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
    fn with(&mut self, actor: usize, life: u64, call: impl FnOnce(Time, &mut crate::peer::Running)) {
        if !self.alive(actor, life) {
            return;
        }
        if let Some(running) = &mut self.peers[actor].running {
            call(self.now, running);
        }
        self.drain(actor);
    }

    fn start(&mut self, actor: usize) {
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

    fn fate(&mut self, actor: usize, fate: Fate) {
        self.to_come -= 1;
        self.mix(6, actor as u64, 0);
        self.tell(|| format!("{actor} meets its fate: {fate:?}"));
        match fate {
            Fate::Faults(faults) => {
                let peer = &mut self.peers[actor];
                peer.troubled |= faults.sync > 0 || faults.write > 0;
                peer.disk.set_faults(faults);
            }
            Fate::Capacity(spare) => {
                let peer = &mut self.peers[actor];
                peer.disk.set_capacity(spare.map_or(u64::MAX, |spare| peer.disk.used() + spare));
            }
            Fate::PowerCut { away, keep } => self.stop(actor, away, Some(keep)),
            Fate::Kill { away } => self.stop(actor, away, None),
            Fate::Reset | Fate::Silence => {
                for link in self.links_of(actor) {
                    let Some(it) = self.links.get_mut(&link) else { continue };
                    it.silent = true;
                    if fate == Fate::Reset {
                        self.soon(Event::Ended { link, to: 0 });
                        self.soon(Event::Ended { link, to: 1 });
                    }
                }
            }
            Fate::Pause { away } => {
                let life = self.life(actor);
                self.to_come += 1;
                self.with(actor, life, |now, running| {
                    let _ = running.node.run(now, TORRENT, false);
                });
                self.later(self.now + away, Event::Unpause { actor, life });
            }
        }
    }

    /// Ends a peer's process, with the power or without, and has it come back.
    fn stop(&mut self, actor: usize, away: Duration, power_cut: Option<u64>) {
        if self.peers[actor].running.is_none() {
            return;
        }
        self.check_claims(actor);
        for link in self.links_of(actor) {
            let Some(it) = self.links.get_mut(&link) else { continue };
            it.silent |= power_cut.is_some();
            let side = usize::from(it.ends[1].actor == actor);
            self.close(link, side);
        }
        let peer = &mut self.peers[actor];
        peer.running = None;
        match power_cut {
            Some(keep) => peer.disk.power_cut(keep),
            None => peer.disk.evict(),
        }
        self.to_come += 1;
        self.later(self.now + away, Event::Start { actor });
    }

    /// What a peer claims must survive whatever happens to its power.
    fn check_claims(&mut self, actor: usize) {
        let Peer { running: Some(running), disk, config, .. } = &mut self.peers[actor] else { return };
        let Some(durable) = running.node.durable(TORRENT).filter(|_| config.start != Start::Seed) else { return };
        // What is durable once stays so: only a claim that is taken back is looked at again.
        let claims = std::mem::replace(&mut running.claimed, durable.clone());
        let held = |piece: &PieceIndex| claims.has(*piece) || holds(disk, &self.torrent, *piece, View::Durable);
        let lost = running.claimed.iter().find(|piece| !held(piece));
        if let Some(piece) = lost {
            self.blame(actor, &format!("claims {piece:?}, which is not durable"));
        }
    }

    fn wake(&mut self, actor: usize, life: u64) {
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

    fn alarm(&mut self, actor: usize) {
        let life = self.life(actor);
        let Some(running) = &mut self.peers[actor].running else { return };
        if running.wake < running.alarm {
            running.alarm = running.wake;
            let at = running.wake;
            self.later(at, Event::Wake { actor, life });
        }
    }

    /// Does what a node says.
    fn drain(&mut self, actor: usize) {
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

    fn fact(&mut self, actor: usize, fact: Fact) {
        match &fact {
            Fact::Changed { .. } => {}
            Fact::Metadata { .. } => self.tell(|| format!("{actor} has the metadata")),
            fact => self.tell(|| format!("{actor} {fact:?}")),
        }
        let honest = |world: &World, addr: SocketAddr| world.actor_at(addr.ip()).filter(|at| *at < world.peers.len());
        match fact {
            Fact::Metadata { info, .. } => {
                if info.raw != self.torrent.info.raw {
                    self.blame(actor, "took wrong metadata");
                }
                self.peers[actor].info = Some(info);
            }
            Fact::Completed { .. } => {
                self.mix(9, actor as u64, 0);
                self.peers[actor].done = true;
                if let Err(wrong) = complete(&self.peers[actor].disk, &self.torrent, View::Cached)
                    .and_then(|()| complete(&self.peers[actor].disk, &self.torrent, View::Durable))
                {
                    self.blame(actor, &format!("says that it is complete, but {wrong}"));
                }
            }
            Fact::Checked { .. } => self.mix(10, actor as u64, 0),
            Fact::Stopped { code, message, .. } => {
                self.mix(11, actor as u64, code as u64);
                let peer = &mut self.peers[actor];
                peer.stopped = Some(code);
                let fates = &peer.config.fate;
                let trouble = fates.iter().any(|(_, fate)| matches!(fate, Fate::Faults(_) | Fate::Capacity(_)));
                if !trouble {
                    self.blame(actor, &format!("stopped without cause: {code}: {message}"));
                }
            }
            Fact::PeerLeft { addr, code, message, .. } => {
                let accused = matches!(
                    code,
                    Code::PeerProtocol
                        | Code::PeerBitfield
                        | Code::PeerIndex
                        | Code::PeerMsgTooLarge
                        | Code::PeerBanned
                );
                if accused && honest(self, addr).is_some_and(|other| !self.peers[other].troubled) {
                    self.blame(actor, &format!("accuses the honest {addr}: {code}: {message}"));
                }
            }
            Fact::PieceFailed { piece, .. } => {
                let sound = self.villains.is_empty() && self.peers.iter().all(|peer| !peer.troubled);
                if sound {
                    self.blame(actor, &format!("found {piece:?} wrong, and everybody is honest"));
                }
            }
            Fact::Panicked { part, .. } => self.blame(actor, &format!("panicked in its {part}")),
            _ => {}
        }
    }

    fn actor_at(&self, ip: IpAddr) -> Option<usize> {
        let peers = self.peers.iter().map(|peer| peer.config.addr.ip());
        peers.chain(self.villains.iter().map(|villain| villain.config.addr.ip())).position(|at| at == ip)
    }

    // Connecting

    fn addr(&self, actor: usize) -> SocketAddr {
        match self.peers.get(actor) {
            Some(peer) => peer.config.addr,
            None => self.villains[actor - self.peers.len()].config.addr,
        }
    }

    fn reachable(&self, actor: usize) -> bool {
        self.peers.get(actor).is_none_or(|peer| peer.config.reachable)
    }

    fn awake(&self, actor: usize) -> bool {
        match self.peers.get(actor) {
            Some(peer) => peer.running.is_some(),
            None => self.villains[actor - self.peers.len()].awake,
        }
    }

    fn dial(&mut self, actor: usize, life: u64, dial: DialId, addr: SocketAddr) {
        self.mix(12, actor as u64, u64::from(addr.port()));
        let target = self.actor_at(addr.ip());
        let answered = target.filter(|target| self.reachable(*target));
        let wait = match answered {
            Some(target) => (self.link_of(actor).delay + self.link_of(target).delay) * 2,
            None => CONNECT_TIMEOUT,
        };
        let refused = answered.is_none();
        self.later(self.now + wait, Event::Answer { actor, life, dial, addr, refused });
    }

    fn answer(&mut self, actor: usize, life: u64, dial: DialId, addr: SocketAddr, refused: bool) {
        if !self.alive(actor, life) {
            return;
        }
        let target = self.actor_at(addr.ip()).filter(|target| !refused && self.awake(*target) && *target != actor);
        self.mix(13, actor as u64, target.map_or(0, |target| target as u64 + 1));
        let Some(target) = target else {
            return self.with(actor, life, |now, running| running.node.dial_failed(now, dial, Code::DialFailed));
        };
        let link = self.connect(actor, target);
        let carrier = self.links[&link].ends[0].carrier;
        self.with(actor, life, |now, running| running.node.connected(now, dial, carrier));
        self.accept(link, target);
    }

    /// Makes a link; nobody is told.
    fn connect(&mut self, from: usize, to: usize) -> u64 {
        self.next_link += 1;
        let link = self.next_link;
        let ends = [(from, 0), (to, 1)].map(|(actor, side)| {
            let life = self.life(actor);
            let carrier = match self.peers.get_mut(actor).and_then(|peer| peer.running.as_mut()) {
                Some(running) => {
                    running.next_carrier += 1;
                    let carrier = CarrierId::new(ShardId(0), running.next_carrier);
                    running.carriers.insert(carrier, (link, side));
                    carrier
                }
                None => CarrierId(0),
            };
            End::new(actor, life, carrier)
        });
        self.links.insert(link, Link { ends, tap: Default::default(), silent: false });
        link
    }

    fn accept(&mut self, link: u64, target: usize) {
        let Some(it) = self.links.get(&link) else { return };
        let from = SocketAddr::new(self.addr(it.ends[0].actor).ip(), 30_000 + (link % 20_000) as u16);
        let (carrier, life) = (it.ends[1].carrier, it.ends[1].life);
        if target < self.peers.len() {
            self.with(target, life, |now, running| running.node.incoming(now, carrier, from));
        } else {
            self.mask(link, target, false);
        }
    }

    fn mask(&mut self, link: u64, actor: usize, dialled: bool) {
        let villain = &mut self.villains[actor - self.peers.len()];
        let (info, content) = (self.torrent.info.clone(), self.torrent.reference.content.clone());
        let choice = self.choice.fork();
        let mask = Mask::new(villain.config.kind, info, content, villain.peer_id, choice, dialled);
        villain.masks.insert(link, mask);
        self.soon(Event::Flush { link, from: usize::from(!dialled) });
    }

    fn oracle(&mut self, actor: usize, life: u64) {
        if !self.alive(actor, life) {
            return;
        }
        self.mix(14, actor as u64, 0);
        let count = self.peers.len() + self.villains.len();
        let mut others: Vec<usize> = (0..count).filter(|other| *other != actor).collect();
        self.choice.shuffle(&mut others);
        others.truncate(2 + self.choice.below(12) as usize);
        let again = self.now + Duration::from_secs(5 + self.choice.below(25));
        self.later(again, Event::Oracle { actor, life });
        if actor < self.peers.len() {
            let candidates: Vec<_> =
                others.iter().map(|other| Candidate { addr: self.addr(*other), source: Source::Tracker }).collect();
            return self.with(actor, life, |now, running| {
                let _ = running.node.add_candidates(now, TORRENT, &candidates);
            });
        }
        for target in others.into_iter().take(3) {
            if target < self.peers.len() && self.awake(target) && self.reachable(target) {
                let link = self.connect(actor, target);
                self.mask(link, actor, true);
                self.accept(link, target);
            }
        }
    }

    fn links_of(&self, actor: usize) -> Vec<u64> {
        let of = |link: &Link| link.ends.iter().any(|end| end.actor == actor && end.open);
        self.links.iter().filter(|(_, link)| of(link)).map(|(id, _)| *id).collect()
    }

    /// One end closes; the other hears of it when everything sent before has arrived.
    fn close(&mut self, link: u64, side: usize) {
        let Some(it) = self.links.get_mut(&link) else { return };
        if !std::mem::replace(&mut it.ends[side].open, false) {
            return;
        }
        let (actor, carrier) = (it.ends[side].actor, it.ends[side].carrier);
        let other = &it.ends[1 - side];
        let (other_open, last, silent, other_actor) = (other.open, other.last, it.silent, other.actor);
        match self.peers.get_mut(actor) {
            Some(peer) => drop(peer.running.as_mut().map(|running| running.carriers.remove(&carrier))),
            None => drop(self.villains[actor - self.peers.len()].masks.remove(&link)),
        }
        if !other_open {
            self.links.remove(&link);
        } else if !silent {
            let delay = self.link_of(actor).delay + self.link_of(other_actor).delay;
            self.later((self.now + delay).max(last), Event::Ended { link, to: 1 - side });
        }
    }

    fn ended(&mut self, link: u64, to: usize) {
        let Some(it) = self.links.get(&link) else { return };
        let end = &it.ends[to];
        if !end.open {
            return;
        }
        let (actor, life, carrier) = (end.actor, end.life, end.carrier);
        self.mix(15, actor as u64, carrier.0);
        self.close(link, to);
        self.with_peer(actor, life, |now, running| running.node.lost(now, carrier, Code::PeerClosed));
    }

    fn with_peer(&mut self, actor: usize, life: u64, call: impl FnOnce(Time, &mut crate::peer::Running)) {
        if actor < self.peers.len() {
            self.with(actor, life, call);
        }
    }

    // Bytes

    /// How many bytes of `n` are moved at once: cuts can be anywhere.
    fn cut(&mut self, n: usize) -> usize {
        if n > 1 && self.choice.below(1000) < self.config.crumbs {
            1 + self.choice.below(n.min(200) as u64) as usize
        } else {
            n.min(1 + self.choice.below(128 * 1024) as usize)
        }
    }

    /// Takes what an end has to send while the window has room.
    fn flush(&mut self, link: u64, from: usize) {
        loop {
            let Some(it) = self.links.get_mut(&link) else { return };
            if !it.ends[from].open {
                return;
            }
            let (actor, life, carrier) = (it.ends[from].actor, it.ends[from].life, it.ends[from].carrier);
            let room = WINDOW.saturating_sub(it.ends[1 - from].waiting);
            if room == 0 {
                it.ends[from].blocked = true;
                return;
            }
            let most = self.cut(room);
            let bytes: Vec<u8> = if actor < self.peers.len() {
                let Some(running) = &self.peers[actor].running else { return };
                let Some(plan) = running.node.send_plan(carrier) else { return };
                let mut bytes = Vec::new();
                for slice in plan.as_io_slices() {
                    bytes.extend_from_slice(&slice[..slice.len().min(most - bytes.len())]);
                }
                bytes
            } else {
                let Some(mask) = self.villains[actor - self.peers.len()].masks.get_mut(&link) else { return };
                let n = most.min(mask.out.len());
                mask.out.drain(..n).collect()
            };
            if bytes.is_empty() {
                return;
            }
            let n = bytes.len();
            self.transmit(link, from, bytes);
            self.with_peer(actor, life, |now, running| running.node.sent(now, carrier, n));
            if self.failure.is_some() {
                return;
            }
        }
    }

    fn transmit(&mut self, link: u64, from: usize, bytes: Vec<u8>) {
        let (n, now) = (bytes.len() as u64, self.now);
        let Some(it) = self.links.get_mut(&link) else { return };
        let (sender, receiver) = (it.ends[from].actor, it.ends[1 - from].actor);
        let torrent = &self.torrent;
        let heard = match self.peers.get_mut(sender) {
            Some(peer) => {
                let sound = !peer.troubled;
                let mut has = |piece| peer.has(torrent, piece);
                let (content, layout) = (&torrent.reference.content[..], &torrent.info.layout);
                it.tap.sent(now, from, &bytes, Some(Truth { content, layout, sound, has: &mut has }))
            }
            None => it.tap.sent(now, from, &bytes, None),
        };
        if let Err(what) = heard {
            self.blame(sender, &what);
        }
        let span = |rate: u64| Duration::from_micros(n * 1_000_000 / rate.max(1));
        let (ours, theirs) = (self.link_of(sender), self.link_of(receiver));
        self.up[sender] = self.up[sender].max(now) + span(ours.up);
        let middle = self.up[sender] + ours.delay + theirs.delay;
        self.down[receiver] = self.down[receiver].max(middle) + span(theirs.down);
        let arrival = self.down[receiver];
        if let Some(it) = self.links.get_mut(&link) {
            it.ends[1 - from].waiting += bytes.len();
            it.ends[1 - from].last = arrival;
        }
        self.later(arrival, Event::Arrive { link, to: 1 - from, bytes });
    }

    /// Gives an end what has arrived.
    fn read(&mut self, link: u64, to: usize) {
        loop {
            let Some(it) = self.links.get_mut(&link) else { return };
            let end = &mut it.ends[to];
            if !end.open || end.unread.is_empty() {
                break;
            }
            let (actor, life, carrier, unread) = (end.actor, end.life, end.carrier, end.unread.len());
            if actor >= self.peers.len() {
                if !self.villain_reads(link, to, actor) {
                    break;
                }
                continue;
            }
            let cut = self.cut(unread).min(self.links[&link].tap.before_choke(to));
            let Some(running) = &mut self.peers[actor].running else { return };
            // What is already queued when a CHOKE arrives may still go out.
            let pending = running.node.send_plan(carrier).and_then(|plan| {
                let slices = plan.as_io_slices();
                (slices.len() < 64).then(|| slices.iter().map(|slice| slice.len()).sum())
            });
            let Some(mut plan) = running.node.recv_plan(carrier) else { return };
            let Some(it) = self.links.get_mut(&link) else { return };
            let end = &mut it.ends[to];
            let n = plan.fill(&end.unread.make_contiguous()[..cut]);
            if n == 0 {
                // Nothing may be read now: the socket stays full for a while.
                if !std::mem::replace(&mut end.reading, true) {
                    self.later(self.now + Duration::from_millis(20), Event::Read { link, to });
                }
                break;
            }
            end.unread.drain(..n);
            end.waiting -= n;
            it.tap.arrived(self.now, to, n, pending);
            self.with(actor, life, |now, running| running.node.received(now, carrier, n));
            if self.failure.is_some() {
                return;
            }
        }
        self.unblock(link, to);
    }

    /// Bytes were read at `to`: the other end may send again.
    fn unblock(&mut self, link: u64, to: usize) {
        let Some(it) = self.links.get_mut(&link) else { return };
        let room = it.ends[to].waiting < WINDOW / 2;
        let other = &mut it.ends[1 - to];
        if other.blocked && room && other.open {
            other.blocked = false;
            let (a, b) = (it.ends[0].actor, it.ends[1].actor);
            let delay = self.link_of(a).delay + self.link_of(b).delay;
            self.later(self.now + delay, Event::Flush { link, from: 1 - to });
        }
    }

    fn villain_reads(&mut self, link: u64, to: usize, actor: usize) -> bool {
        let Some(it) = self.links.get_mut(&link) else { return false };
        let villain = &mut self.villains[actor - self.peers.len()];
        let Some(mask) = villain.masks.get_mut(&link).filter(|mask| mask.reads()) else { return false };
        let end = &mut it.ends[to];
        let bytes: Vec<u8> = end.unread.drain(..).collect();
        end.waiting -= bytes.len();
        it.tap.arrived(self.now, to, bytes.len(), None);
        if mask.received(&bytes) {
            self.soon(Event::Flush { link, from: to });
        } else {
            self.close(link, to);
        }
        true
    }

    // Promises that are looked at now and then

    fn sweep(&mut self) {
        self.later(self.now + SWEEP, Event::Sweep);
        let mut overdue = Vec::new();
        for link in self.links.values().filter(|link| !link.silent && link.ends.iter().all(|end| end.open)) {
            for (side, end) in link.ends.iter().enumerate() {
                let other = &link.ends[1 - side];
                let free = end.actor < self.peers.len() && !end.blocked && other.waiting == 0;
                if let Some(block) = link.tap.overdue(self.now, side).filter(|_| free) {
                    overdue.push((end.actor, other.actor, block));
                }
            }
        }
        for (actor, other, block) in overdue {
            self.blame(actor, &format!("sent {other} neither a block nor a reject: {block}"));
        }
        for actor in 0..self.peers.len() {
            let Some(running) = &self.peers[actor].running else { continue };
            let banned: Vec<IpAddr> = lock(&running.session).banned().collect();
            let wrong = banned.into_iter().find(|ip| {
                let at = self.actor_at(*ip);
                at.and_then(|at| self.peers.get(at)).is_some_and(|peer| !peer.troubled)
            });
            if let Some(ip) = wrong {
                self.blame(actor, &format!("banned the honest {ip}"));
            }
        }
        if !self.all_done() {
            self.quiet_since = None;
        } else if self.quiet_since.is_none() {
            self.quiet_since = Some(self.now);
            self.tell(|| "everybody is complete".to_owned());
        }
    }
}
