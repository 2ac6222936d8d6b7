//! A swarm's state, its two doors and its clock. What it does with peers' messages, blocks, uploads, metadata and
//! members stands in the files beside, as further methods.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{Bitfield, BlockRef, Choice, PieceIndex, Time};
use bitlode_hash::InfoHashes;
use bitlode_metainfo::Info;

use crate::ban::Tainted;
use crate::candidates::Candidates;
use crate::dwindling::Dwindling;
use crate::event::{Output, PeerSnapshot, SwarmEvent, SwarmStats};
#[cfg(feature = "planted-bugs")]
use crate::input::Bug;
use crate::input::{Input, Limits, PeerKey, Setup};
use crate::metadata::Fetch;
use crate::news::News;
use crate::peer::{Joined, Peer, Standing};
use crate::picker::Picker;
use crate::rate::Rate;

/// How often timeouts are looked at, while there is anything that may time out.
const TICK: Duration = Duration::from_secs(1);
/// The soonest that a postponed dial is asked for again.
const DIAL_LATER: Duration = Duration::from_millis(10);

/// One torrent's brain. See the crate's page.
///
/// Order of calls: [`Swarm::new`], then [`Swarm::handle`], [`Swarm::take_uploads`] and drains of [`Swarm::poll`] as facts
/// come. [`Input::Have`] comes once the content was looked at, [`Input::Run`] when it should run; until both came nothing
/// is requested or served.
#[derive(Debug)]
pub struct Swarm {
    pub(crate) hashes: InfoHashes,
    pub(crate) limits: Arc<Limits>,
    pub(crate) choice: Choice,
    pub(crate) client: String,
    pub(crate) listen_port: Option<u16>,
    pub(crate) info: Option<Arc<Info>>,
    /// There from the moment that it is known what is on disk.
    pub(crate) picker: Option<Picker>,
    /// Told before the picker was there.
    pub(crate) wanted_early: Option<Bitfield>,
    pub(crate) urgent_early: Vec<PieceIndex>,
    pub(crate) running: bool,

    pub(crate) peers: BTreeMap<PeerKey, Peer>,
    /// What the peers have still to be told.
    pub(crate) news: News,
    pub(crate) candidates: Candidates,
    pub(crate) tainted: Tainted,
    pub(crate) fetch: Option<Fetch>,
    /// The metadata was given out; its parsed form is waited for.
    pub(crate) fetched: bool,

    pub(crate) grant: u32,
    /// Requests open at all peers: each has a slab.
    pub(crate) promised: u32,
    /// Accepted blocks whose slabs storage holds.
    pub(crate) unfreed: u32,
    /// Slabs kept back for peers with fewer than two requests.
    pub(crate) reserved: u32,
    /// Peers that could be asked for more, in the order of waiting.
    pub(crate) hungry: VecDeque<PeerKey>,
    pub(crate) starved: bool,
    pub(crate) pressed: bool,
    /// When storage had last given back a good part of what it held, or began to hold some; what it gave since.
    pub(crate) gave: Time,
    pub(crate) given: u32,
    pub(crate) pump_due: bool,
    /// When those who could not be asked last time are looked at.
    pub(crate) pump_at: Time,
    /// The end game has begun, and whether that has still to be told.
    pub(crate) end_game: bool,
    pub(crate) end_game_due: bool,
    pub(crate) complete: bool,

    pub(crate) slots: usize,
    /// Peers that are interested, that are unchoked, and that are both.
    pub(crate) interested: usize,
    pub(crate) unchoked: usize,
    pub(crate) used: usize,
    /// How many peers stand how.
    pub(crate) standings: Standings,
    pub(crate) dwindling: Dwindling,
    pub(crate) next_rechoke: Time,
    pub(crate) next_tick: Time,

    pub(crate) down: Rate,
    pub(crate) up: Rate,
    pub(crate) wasted: u64,
    pub(crate) hash_failed: u64,
    now: Time,
    out: VecDeque<Output>,
    /// The end of the drain has not been said.
    open_drain: bool,
    #[cfg(feature = "planted-bugs")]
    planted: Option<Bug>,
}

/// How many peers stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standings {
    pub(crate) seeds: u32,
    pub(crate) unchoking_us: u32,
    pub(crate) useful: u32,
}

impl Standings {
    fn of<'a>(peers: impl Iterator<Item = &'a Peer>) -> Standings {
        let mut standings = Standings::default();
        peers.for_each(|peer| standings.add(peer.standing()));
        standings
    }

    fn add(&mut self, of: Standing) {
        self.seeds += u32::from(of.seed);
        self.unchoking_us += u32::from(of.unchokes);
        self.useful += u32::from(of.useful);
    }

    pub(crate) fn remove(&mut self, of: Standing) {
        self.seeds -= u32::from(of.seed);
        self.unchoking_us -= u32::from(of.unchokes);
        self.useful -= u32::from(of.useful);
    }
}

impl Swarm {
    /// A swarm without peers, paused.
    pub fn new(setup: Setup, now: Time) -> Swarm {
        let mut choice = setup.choice;
        let mut candidates = Candidates::new(choice.fork());
        setup.our_addrs.iter().for_each(|addr| candidates.never(*addr));
        Swarm {
            hashes: setup.hashes,
            slots: setup.limits.upload_slots,
            limits: setup.limits,
            choice,
            client: setup.client,
            listen_port: setup.listen_port,
            info: setup.info,
            picker: None,
            wanted_early: None,
            urgent_early: Vec::new(),
            running: false,
            peers: BTreeMap::new(),
            news: News::default(),
            candidates,
            tainted: Tainted::default(),
            fetch: None,
            fetched: false,
            grant: 0,
            promised: 0,
            unfreed: 0,
            reserved: 0,
            hungry: VecDeque::new(),
            starved: false,
            pressed: false,
            gave: Time::ZERO,
            given: 0,
            pump_due: false,
            pump_at: Time::NEVER,
            end_game: false,
            end_game_due: false,
            complete: false,
            interested: 0,
            unchoked: 0,
            used: 0,
            standings: Standings::default(),
            dwindling: Dwindling::default(),
            next_rechoke: Time::NEVER,
            next_tick: Time::NEVER,
            down: Rate::new(now),
            up: Rate::new(now),
            wasted: 0,
            hash_failed: 0,
            now,
            out: VecDeque::new(),
            open_drain: true,
            #[cfg(feature = "planted-bugs")]
            planted: setup.planted,
        }
    }

    /// Takes in a fact. Total: whatever a peer does ends in outputs. Drain [`Swarm::poll`] before the next call.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = self.now.max(now);
        let now = self.now;
        self.open_drain = true;
        match input {
            Input::Metadata(info) => self.on_metadata(now, info),
            Input::Have(have) => self.on_have(now, have),
            Input::Unhave { piece } => self.on_unhave(now, piece),
            Input::Wanted(wanted) => self.on_wanted(now, wanted),
            Input::Run(run) => self.on_run(now, run),
            Input::Joined { peer, addr, outgoing, reserved, peer_id, which } => {
                self.on_joined(now, Joined { key: peer, addr, outgoing, reserved, peer_id, which });
            }
            Input::Left { peer } => self.remove(now, peer),
            Input::Message { peer, message } => self.on_message(now, peer, message),
            Input::Block { peer, block } => self.on_block(now, peer, block),
            Input::Unrequested { peer, block, tolerated } => self.on_unrequested(now, peer, block, tolerated),
            Input::BlockSent { peer, block } => self.on_block_sent(now, peer, block),
            Input::ReadFailed { peer, block } => self.on_read_failed(peer, block),
            Input::Verified { piece } => self.on_verified(now, piece),
            Input::Failed { piece } => self.on_failed(now, piece),
            Input::Lost { block } => self.on_lost(block),
            Input::Freed { slabs } => self.on_freed(now, slabs),
            Input::Grant { slabs } => self.on_grant(slabs),
            Input::Candidates(list) => {
                for candidate in list {
                    self.candidates.add(now, *candidate, self.limits.candidates);
                }
            }
            Input::DialFailed { addr } => self.candidates.failed(now, addr, &self.limits),
            Input::DialLater { addr, at } => self.candidates.later(addr, at.max(now + DIAL_LATER)),
            Input::Forbid { addr } => self.candidates.never(addr),
            Input::Banned { ip } => self.on_banned(now, ip),
            Input::Urgent(pieces) => self.on_urgent(pieces),
            Input::UploadSlots(slots) => {
                self.slots = slots;
                self.next_rechoke = self.next_rechoke.min(now);
            }
            Input::Wake => {}
            Input::Resumed { .. } => self.on_resumed(now),
        }
        self.run_clock(now);
        self.settle(now);
    }

    /// The next intent. [`Output::Wake`] is the last of a drain, `None` comes after it.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.out.pop_front() {
            return Some(output);
        }
        if self.peers.is_empty() {
            // Most swarms have no peers and nothing to say for hours: their queue needs no room meanwhile.
            self.out = VecDeque::new();
        }
        std::mem::take(&mut self.open_drain).then(|| {
            let (at, why) = self.next_wake();
            Output::Wake { at, why }
        })
    }

    /// Takes requests of a peer in their order, as many as fit `max_bytes`, the first in any case; what is taken will be
    /// answered with PIECE, or with [`Input::ReadFailed`]. Nothing more waits when nothing comes.
    pub fn take_uploads(&mut self, _now: Time, peer: PeerKey, max_bytes: u32, out: &mut Vec<BlockRef>) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.uploads.take(max_bytes, out);
        }
    }

    /// The request of a peer that [`Swarm::take_uploads`] gives first.
    pub fn next_upload(&self, peer: PeerKey) -> Option<BlockRef> {
        self.peers.get(&peer)?.uploads.next()
    }

    /// The pieces had, once that is known.
    pub fn have(&self) -> Option<&Bitfield> {
        self.picker.as_ref().map(Picker::had)
    }

    /// The swarm in numbers.
    pub fn snapshot(&self) -> SwarmStats {
        let mut stats = SwarmStats {
            peers: self.peers.len() as u32,
            interested: self.interested as u32,
            unchoked: self.unchoked as u32,
            dialling: self.candidates.dialling() as u32,
            candidates: self.candidates.len() as u32,
            pieces: self.info.as_ref().map_or(0, |info| info.layout.piece_count()),
            requests: self.promised,
            unfreed: self.unfreed,
            starved: self.starved,
            downloaded: self.down.total(),
            uploaded: self.up.total(),
            wasted: self.wasted,
            hash_failed: self.hash_failed,
            seeds: self.standings.seeds,
            unchoking_us: self.standings.unchoking_us,
            useful: self.standings.useful,
            download_rate: self.down.get(self.now),
            upload_rate: self.up.get(self.now),
            complete: self.complete,
            metadata: self.info.is_some(),
            metadata_received: self.fetch.as_ref().map_or((0, 0), Fetch::received),
            ..SwarmStats::default()
        };
        debug_assert_eq!(self.standings, Standings::of(self.peers.values()), "every change of a peer is counted");
        if let Some(picker) = &self.picker {
            stats.had = picker.had().count();
            stats.wanted = picker.wanted().count();
            stats.wanted_had = picker.wanted_had();
            stats.open_pieces = picker.open_pieces();
        }
        stats
    }

    /// Counts a peer anew: whether it has everything, chokes us or is of use may have changed.
    pub(crate) fn recount(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            let standing = peer.standing();
            self.standings.remove(std::mem::replace(&mut peer.counted, standing));
            self.standings.add(standing);
        }
    }

    /// The connected peers, in the order of their numbers.
    pub fn peers(&self) -> impl Iterator<Item = PeerSnapshot> {
        self.peers.values().map(|peer| peer.snapshot(self.now))
    }

    /// The time of the fact that is being worked on.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    pub(crate) fn say(&mut self, output: Output) {
        self.out.push_back(output);
    }

    pub(crate) fn event(&mut self, event: SwarmEvent) {
        self.say(Output::Event(event));
    }

    /// Whether blocks may be asked for and served.
    pub(crate) fn is_live(&self) -> bool {
        self.running && self.picker.is_some()
    }

    #[cfg(feature = "planted-bugs")]
    pub(crate) fn has_bug(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }

    /// What is due by now.
    fn run_clock(&mut self, now: Time) {
        if self.next_rechoke <= now {
            self.rechoke(now);
        }
        if self.next_tick <= now {
            self.next_tick = Time::NEVER;
            self.check_requests(now);
            self.check_fetch(now);
            self.pump(now, true);
        }
        self.pump_due |= self.pump_at <= now;
        if self.news.at(self.peers.len()) <= now {
            self.tell_news();
        }
    }

    /// The end of every input: counts are brought in line, waiting peers asked, addresses called.
    fn settle(&mut self, now: Time) {
        if std::mem::take(&mut self.pump_due) {
            self.pump(now, false);
        }
        if std::mem::take(&mut self.end_game_due) {
            self.end_game = true;
            self.event(SwarmEvent::EndGame);
        }
        self.dial(now);
        let ticks = self.promised > 0 || !self.hungry.is_empty() || self.wants_metadata();
        if ticks && self.next_tick == Time::NEVER && !self.peers.is_empty() {
            let retries = self.peers.values().map(|peer| peer.retry_at(&self.limits)).filter(|at| *at > now);
            self.next_tick = retries.fold(now + TICK, Time::min);
        }
        let rechokes = self.running && (self.interested > 0 || self.unchoked > 0);
        if rechokes && self.next_rechoke == Time::NEVER {
            self.next_rechoke = now + self.limits.rechoke_interval;
        }
    }

    fn on_resumed(&mut self, now: Time) {
        for peer in self.peers.values_mut() {
            peer.requests.resumed(now);
        }
        self.candidates.resumed(now);
    }

    fn next_wake(&self) -> (Time, &'static str) {
        let dials = if self.may_dial() { self.candidates.due() } else { Time::NEVER };
        let (pump, news) = ((self.pump_at, "pump"), (self.news.at(self.peers.len()), "news"));
        let due = [(self.next_rechoke, "rechoke"), (self.next_tick, "timeouts"), (dials, "dial"), pump, news];
        let none = (Time::NEVER, "nothing");
        due.into_iter().filter(|(at, _)| *at < Time::NEVER).min_by_key(|(at, _)| *at).unwrap_or(none)
    }

    /// Whether another connection may be begun.
    pub(crate) fn may_dial(&self) -> bool {
        let dialling = self.candidates.dialling();
        self.running
            && dialling < self.limits.half_open
            && self.peers.len().saturating_add(dialling) < self.limits.peers
    }

    fn dial(&mut self, now: Time) {
        while self.may_dial() {
            let Some(addr) = self.candidates.next(now, &self.limits) else { return };
            self.say(Output::Dial { addr });
        }
    }
}
