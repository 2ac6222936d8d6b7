//! A shard: one thread, one poll, one node. It waits for edges, letters and timers, hands bytes to the node and does
//! what the node says.

mod peers;
mod sockets;
mod streams;
mod torrents;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bitlode_base::{Code, Time};
use bitlode_node::{Node, NodeConfig, Output};
use bitlode_session::{ShardId, TorrentId};
use bitlode_storage::{JobKind, Scratch};
use mio::{Events, Poll, Waker};

use crate::api::{Failure, RequestId, StreamId};
use crate::control::Leaving;
use crate::inbox::Inbox;
use crate::shared::{Letter, Load, Shared};
use crate::sys::Sys;
use crate::workers::{Hears, Pace, Piece};
use sockets::{Backoff, Numbers, Role, Sockets, WAKER};
use streams::Connecting;
use torrents::Torrent;

/// Edges taken from the system at once.
const EVENTS: usize = 512;
/// How often counters, states and loads are published while something happens.
const PUBLISH: Duration = Duration::from_millis(100);

/// One shard, before and while its thread runs.
pub(crate) struct Shard {
    id: ShardId,
    shared: Arc<Shared>,
    leaving: Arc<Leaving>,
    inbox: Arc<Inbox<Letter>>,
    /// Takes what came of pieces into the letter box.
    hears: Hears,
    poll: Poll,
    node: Node,
    now: Time,
    node_wake: Time,
    sockets: Sockets,
    numbers: Numbers,
    /// Listeners whose accepting failed wait for this time.
    accept_at: Time,
    accept_backoff: Backoff,
    torrents: BTreeMap<TorrentId, Torrent>,
    /// Torrents whose state or counters are to be published.
    unpublished: BTreeSet<TorrentId>,
    /// States and counters are published at this time.
    publish_at: Time,
    published: Time,
    connecting: BTreeMap<StreamId, Connecting>,
    scratch: Vec<u8>,
    /// No torrent is taken any more; the second says that the last one is gone and that this was told.
    leaving_now: bool,
    left: bool,
    stopped: bool,
    busy_us: u64,
}

/// What is to be known of a turn at its end.
struct Turn {
    began: Time,
    cpu_us: u64,
    sleeps: Option<u64>,
}

impl Turn {
    fn begin(now: Time, sys: Sys) -> Turn {
        Turn { began: now, cpu_us: sys.thread_cpu_us(), sleeps: sys.thread_sleeps() }
    }

    /// The turn without the time in which its thread was put aside for others, or its processor for other machines. What
    /// slept counts whole: it waited for something.
    fn own(&self, wall: u64, sys: Sys) -> u64 {
        match sys.thread_sleeps() {
            sleeps @ Some(_) if sleeps == self.sleeps => wall.min(sys.thread_cpu_us().saturating_sub(self.cpu_us)),
            _ => wall,
        }
    }
}

impl Shard {
    /// Makes a shard and its letter box. `shared` must hold a load for it.
    pub(crate) fn new(config: NodeConfig, shared: Arc<Shared>, leaving: Arc<Leaving>) -> io::Result<Shard> {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER)?));
        let letters = inbox.clone();
        let hears: Hears = Arc::new(move |done| letters.send(Letter::JobsDone(done)));
        let (id, now) = (config.shard, shared.now());
        let settings = shared.settings.clone();
        Ok(Shard {
            id,
            leaving,
            inbox,
            hears,
            poll,
            node: Node::new(config),
            now,
            node_wake: Time::NEVER,
            sockets: Sockets::default(),
            numbers: Numbers::new(id),
            accept_at: Time::NEVER,
            accept_backoff: Backoff::new(settings.accept_backoff_min, settings.accept_backoff_max),
            torrents: BTreeMap::new(),
            unpublished: BTreeSet::new(),
            publish_at: Time::NEVER,
            published: Time::ZERO,
            connecting: BTreeMap::new(),
            scratch: vec![0; settings.stream_buffer_bytes],
            leaving_now: false,
            left: false,
            stopped: false,
            busy_us: 0,
            shared,
        })
    }

    pub(crate) fn inbox(&self) -> Arc<Inbox<Letter>> {
        self.inbox.clone()
    }

    /// The thread's life.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut letters = Vec::new();
        self.drain();
        while !self.stopped {
            let turn = Turn::begin(self.now, self.shared.sys);
            self.inbox.take(&mut letters);
            for letter in letters.drain(..) {
                self.letter(letter);
            }
            // Those that are on the list now have one turn each; what joins the list meanwhile has the next.
            for _ in 0..self.sockets.ready() {
                let Some(slot) = self.sockets.next_ready() else { break };
                self.turn(slot);
            }
            self.timers();
            self.now = self.shared.now();
            self.count(&turn);
            if self.stopped {
                break;
            }
            self.wait(&mut events);
            for event in &events {
                if event.token() != WAKER {
                    self.sockets.edge(event.token(), event);
                }
            }
        }
        self.break_streams();
        self.publish_load();
    }

    fn wait(&mut self, events: &mut Events) {
        let wait = match self.sockets.ready() == 0 && self.inbox.may_sleep() {
            true => match self.next_timer() {
                Time::NEVER => None,
                at => Some(at.since(self.now)),
            },
            false => Some(Duration::ZERO),
        };
        if let Err(error) = self.poll.poll(events, wait)
            && error.kind() != io::ErrorKind::Interrupted
        {
            // Only a broken poll fails otherwise, and without one this shard can do nothing.
            panic!("waiting for sockets failed: {error}");
        }
        self.inbox.woke();
        self.now = self.shared.now();
        // Whatever is late by more than this was stopped together with the whole process or machine.
        let late = self.now.since(self.next_timer());
        if late > self.shared.settings.resume_gap {
            self.node.resumed(self.now, late);
            self.drain();
        }
    }

    fn next_timer(&self) -> Time {
        self.node_wake.min(self.accept_at).min(self.publish_at).min(self.sockets.next_deadline())
    }

    fn timers(&mut self) {
        self.now = self.shared.now();
        if self.node_wake <= self.now {
            self.node_wake = Time::NEVER;
            self.node.wake(self.now);
            self.drain();
            self.touch(false);
        }
        if self.accept_at <= self.now {
            self.accept_at = Time::NEVER;
            self.accept_again();
        }
        while let Some(slot) = self.sockets.overdue(self.now) {
            let late = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
            self.connect_failed(slot, &late);
        }
        if self.publish_at <= self.now {
            self.publish();
        }
    }

    /// One socket's turn.
    fn turn(&mut self, slot: u32) {
        let Some(socket) = self.sockets.get(slot) else { return };
        match &socket.role {
            Role::Listener(_) => self.accept(slot),
            Role::Dialling(..) | Role::Connecting(..) => self.connected(slot),
            Role::Peer(..) => self.peer_turn(slot),
            Role::Stream(_, stream) => {
                let stream = *stream;
                self.stream_turn(slot, stream);
            }
        }
        self.sockets.queue(slot);
    }

    /// Does what the node says until it has nothing more to say.
    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Dial { dial, addr } => self.dial(dial, addr),
                Output::Close { carrier } => self.close_peer(carrier),
                Output::Evict { carrier } => drop(self.shared.tell(carrier.opened_by(), Letter::Evict { carrier })),
                Output::Move { carrier, to, parcel } => self.move_peer(carrier, to, parcel),
                Output::Writable { carrier } => {
                    if let Some(slot) = self.sockets.of_carrier(carrier) {
                        if let Some(socket) = self.sockets.get(slot) {
                            socket.wants = true;
                        }
                        self.sockets.queue(slot);
                    }
                }
                Output::Job { torrent, job } => self.submit(torrent, job),
                Output::Fact(fact) => self.fact(fact),
                Output::Wake { at } => self.node_wake = at,
            }
        }
    }

    /// Has a job run: at once when it needs no waiting, else by the workers.
    fn submit(&mut self, torrent: TorrentId, job: bitlode_storage::Job) {
        let Some(files) = self.torrents.get(&torrent).map(|torrent| torrent.files.clone()) else { return };
        let pace = match job.kind() {
            JobKind::Read => {
                // What lies in the page cache is read here: cheaper than waking a thread.
                match bitlode_storage::run_now(job, &files) {
                    Ok(done) => return self.node.job_done(self.now, torrent, done),
                    Err(job) => return self.send_off(torrent, job, files, Pace::Quick),
                }
            }
            JobKind::Piece => {
                let hears = self.hears.clone();
                return self.shared.workers.submit_piece(Piece { torrent, job, files, hears });
            }
            JobKind::Check => Pace::Hash,
            _ => Pace::Slow,
        };
        self.send_off(torrent, job, files, pace);
    }

    fn send_off(&self, torrent: TorrentId, job: bitlode_storage::Job, files: torrents::TorrentFiles, pace: Pace) {
        let (inbox, hasher) = (self.inbox.clone(), self.shared.workers.hasher());
        let task = move |scratch: &mut Scratch| {
            let done = bitlode_storage::run_many(vec![(job, files)], hasher, scratch);
            inbox.send(Letter::JobsDone(done.into_iter().map(|done| (torrent, done)).collect()));
        };
        self.shared.workers.submit(pace, Box::new(task));
    }

    fn letter(&mut self, letter: Letter) {
        match letter {
            Letter::JobsDone(jobs) => {
                // What follows from all of them leaves together.
                for (torrent, done) in jobs {
                    self.node.job_done(self.now, torrent, done);
                }
                self.drain();
            }
            Letter::Add { request, spec, folder, peers } => self.add(request, *spec, folder, &peers),
            Letter::Order { request, torrent, order } => self.order(request, torrent, order),
            Letter::Adopt { carrier, socket, parcel } => self.adopt(carrier, socket, parcel),
            Letter::Evict { carrier } => self.evict(carrier),
            Letter::Release { carrier } => self.numbers.give(carrier),
            Letter::Listen { listeners } => self.listen(listeners),
            Letter::ListenPort { port } => self.node.set_listen_port(Some(port)),
            Letter::Connect { request, addrs } => self.connect(request, addrs),
            Letter::StreamKick { stream } => self.stream_kick(stream),
            Letter::StreamClose { stream } => self.stream_close(stream),
            Letter::ReaderTaken { torrent, reader, bytes } => self.reader_taken(torrent, reader, bytes),
            Letter::ReaderClose { torrent, reader } => self.reader_close(torrent, reader),
            Letter::Leave => self.leave(),
            Letter::Stop => self.stopped = true,
        }
    }

    /// Graceful end: no new connection, every torrent removed.
    fn leave(&mut self) {
        self.leaving_now = true;
        self.shared.workers.hurry();
        for slot in self.sockets.all() {
            if matches!(self.sockets.get(slot).map(|socket| &socket.role), Some(Role::Listener(_))) {
                self.sockets.remove(self.poll.registry(), slot);
            }
        }
        for torrent in self.torrents.keys().copied().collect::<Vec<_>>() {
            let _ = self.node.remove(self.now, torrent);
            self.drain();
        }
        self.check_left();
    }

    /// Says so once all torrents are gone.
    fn check_left(&mut self) {
        if self.leaving_now && !self.left && self.torrents.is_empty() {
            self.left = true;
            self.leaving.done();
        }
    }

    fn reply_error(&self, request: RequestId, code: Code, message: impl Into<String>) {
        self.shared.outbox.reply(request, Err(Failure { code, message: message.into() }));
    }

    fn load(&self) -> Option<&Load> {
        self.shared.loads.get(usize::from(self.id.0))
    }

    fn count(&mut self, turn: &Turn) {
        let wall = self.now.micros().saturating_sub(turn.began.micros());
        self.busy_us += wall;
        if let Some(load) = self.load() {
            load.turn(wall, || turn.own(wall, self.shared.sys));
        }
    }

    fn publish_load(&self) {
        if let Some(load) = self.load() {
            load.torrents.store(self.torrents.len() as u64, Relaxed);
            load.busy_us.store(self.busy_us, Relaxed);
            load.cpu_us.store(self.shared.sys.thread_cpu_us(), Relaxed);
        }
    }
}
