//! The thread for commands that take a while: parsing, listening, closing. It never touches a socket's bytes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::Builder;
use std::time::{Duration, Instant};

use bitlode_base::{Code, Coded};
use bitlode_hash::InfoHashes;
use bitlode_metainfo::{Info, Magnet, Metainfo};
use bitlode_node::TorrentSpec;
use bitlode_session::{ShardId, TorrentId};
use bitlode_storage as storage;

use crate::api::{AddTorrent, CheckContent, CreateTorrent, Failure, LogFact, Mode, ReplyBody, RequestId, Source};
use crate::create::Maker;
use crate::hashcheck::Checker;
use crate::listen::{Refusal, listen};
use crate::lock::lock;
use crate::shared::{Letter, Shared, TorrentEntry};
use crate::threads::Threads;

/// How often listening is tried again while there is no network.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What the control thread is told.
pub(crate) enum Task {
    Listen(RequestId, Vec<SocketAddr>),
    Add(RequestId, Box<AddTorrent>),
    Create(RequestId, Box<CreateTorrent>),
    CheckContent(RequestId, Box<CheckContent>),
    CancelCreate(RequestId, RequestId),
    Close(RequestId),
    Stop,
}

/// The shards that have removed all their torrents.
#[derive(Default)]
pub(crate) struct Leaving {
    done: Mutex<usize>,
    changed: Condvar,
}

impl Leaving {
    /// One shard has.
    pub(crate) fn done(&self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    fn wait(&self, shards: usize, limit: Duration) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(done, limit, |done| *done < shards);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= shards
    }
}

/// The control thread.
pub(crate) struct Control {
    shared: Arc<Shared>,
    leaving: Arc<Leaving>,
    threads: Weak<Threads>,
    tasks: Receiver<Task>,
    /// Listening that waits for a network: until when, and the last failure.
    waiting: Vec<(RequestId, Vec<SocketAddr>, Instant)>,
    creating: BTreeMap<RequestId, Arc<AtomicBool>>,
    /// Creations and checks that are over.
    over: (Sender<RequestId>, Receiver<RequestId>),
}

impl Control {
    pub(crate) fn new(
        shared: Arc<Shared>,
        leaving: Arc<Leaving>,
        threads: Weak<Threads>,
        tasks: Receiver<Task>,
    ) -> Control {
        let (waiting, creating, over) = (Vec::new(), BTreeMap::new(), std::sync::mpsc::channel());
        Control { shared, leaving, threads, tasks, waiting, creating, over }
    }

    /// The thread's life.
    pub(crate) fn run(mut self) {
        loop {
            let task = match self.waiting.is_empty() {
                true => self.tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.tasks.recv_timeout(LISTEN_AGAIN),
            };
            while let Ok(request) = self.over.1.try_recv() {
                self.creating.remove(&request);
            }
            match task {
                Ok(Task::Listen(request, addrs)) => {
                    let until = Instant::now() + self.shared.settings.listen_patience;
                    self.listen(request, addrs, until);
                }
                Ok(Task::Add(request, wish)) => {
                    if let Err(failure) = self.add(request, *wish) {
                        self.shared.outbox.reply(request, Err(failure));
                    }
                }
                Ok(Task::Create(request, wish)) => self.create(request, *wish),
                Ok(Task::CheckContent(request, wish)) => self.check_content(request, *wish),
                Ok(Task::CancelCreate(request, which)) => {
                    let found = self.creating.get(&which).map(|cancelled| cancelled.store(true, Relaxed));
                    let missing = || Failure { code: Code::NotFound, message: "no such creation".into() };
                    self.shared.outbox.reply(request, found.map(|()| ReplyBody::Done).ok_or_else(missing));
                }
                Ok(Task::Close(request)) => self.close(request),
                Err(RecvTimeoutError::Timeout) => {
                    for (request, addrs, until) in std::mem::take(&mut self.waiting) {
                        self.listen(request, addrs, until);
                    }
                }
                Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.creating.values().for_each(|cancelled| cancelled.store(true, Relaxed));
    }

    fn listen(&mut self, request: RequestId, addrs: Vec<SocketAddr>, until: Instant) {
        let settings = &self.shared.settings;
        // Also while the address is waited for: nothing may leave from another meanwhile.
        self.shared.sources.add(&addrs);
        match listen(&addrs, settings.listen_port, settings.listen_tries, self.shared.sys) {
            Ok(listeners) => {
                let bound: Vec<SocketAddr> = listeners.iter().filter_map(|one| one.local_addr().ok()).collect();
                lock(&self.shared.listening).extend(&bound);
                if let Some(port) = bound.first().map(SocketAddr::port) {
                    self.shared.tell_all(|| Letter::ListenPort { port });
                }
                self.shared.tell(ShardId(0), Letter::Listen { listeners });
                self.shared.outbox.reply(request, Ok(ReplyBody::Listening(bound)));
            }
            Err(Refusal::NotNow(_)) if Instant::now() < until => self.waiting.push((request, addrs, until)),
            Err(Refusal::NotNow(failure) | Refusal::Never(failure)) => {
                let listening = lock(&self.shared.listening).clone();
                let unheard = |addr: &SocketAddr| !listening.iter().any(|other| other.ip() == addr.ip());
                self.shared.sources.remove(&addrs.into_iter().filter(unheard).collect::<Vec<_>>());
                self.shared.outbox.reply(request, Err(failure));
            }
        }
    }

    fn add(&mut self, request: RequestId, wish: AddTorrent) -> Result<(), Failure> {
        let limits = bitlode_node::limits::metainfo(&self.shared.settings);
        let (hashes, info, peers) = match wish.source {
            Source::Metainfo(bytes) => {
                let metainfo = Metainfo::parse(&bytes, &limits).map_err(coded)?;
                metainfo.info.transferable().map_err(coded)?;
                (metainfo.info.hashes, Some(metainfo.info), Vec::new())
            }
            Source::Magnet(link) => {
                let magnet = Magnet::parse(&link, &limits).map_err(coded)?;
                let hashes = magnet.hashes.ok_or_else(|| Failure {
                    code: Code::MagnetInvalid,
                    message: "the magnet link names no info-hash".into(),
                })?;
                // Names would have to be resolved, which tells a resolver what is downloaded: only addresses count.
                let peer = |(host, port): &(String, u16)| Some(SocketAddr::new(host.parse().ok()?, *port));
                (hashes, None, magnet.peers.iter().filter_map(peer).collect())
            }
        };
        let torrent = self.register(&hashes)?;
        let spec = Box::new(spec(torrent, hashes, info, wish.mode, wish.start));
        let shard = self.shared.torrent(torrent).map_or(ShardId(0), |entry| entry.shard);
        self.shared.tell(shard, Letter::Add { request, spec, folder: wish.folder, peers });
        Ok(())
    }

    /// Gives the torrent a number and a shard.
    fn register(&self, hashes: &InfoHashes) -> Result<TorrentId, Failure> {
        let torrent = TorrentId(self.shared.number());
        let mut session = lock(&self.shared.session);
        let shard = session.place();
        session.register(torrent, hashes, shard).map_err(coded)?;
        drop(session);
        let entry = TorrentEntry { shard, counters: Default::default() };
        lock(&self.shared.torrents).insert(torrent, Arc::new(entry));
        Ok(torrent)
    }

    fn create(&mut self, request: RequestId, wish: CreateTorrent) {
        self.background(request, "bitlode-create", move |shared, cancelled| {
            let settings = &shared.settings;
            let skipped = |path: &std::path::Path, why: &'static str| {
                shared.outbox.fact(LogFact {
                    time: shared.now().micros(),
                    torrent: None,
                    kind: "create-skipped",
                    peer: None,
                    piece: None,
                    code: None,
                    message: format!("{} is left out: {why}", path.display()),
                });
            };
            let maker = Maker {
                workers: &shared.workers,
                parallel: hash_threads(shared),
                width: if settings.max_disk_threads == 1 { 1 } else { usize::MAX },
                limits: bitlode_node::limits::metainfo(settings),
                cancelled,
                progress: &|done, total| shared.outbox.progress(request, done, total),
                skipped: &skipped,
            };
            maker.run(wish).map(ReplyBody::Created)
        });
    }

    fn check_content(&mut self, request: RequestId, wish: CheckContent) {
        self.background(request, "bitlode-check", move |shared, cancelled| {
            let checker = Checker {
                workers: &shared.workers,
                parallel: hash_threads(shared),
                files: shared.files.clone(),
                slabs: shared.pool.clone(),
                limits: bitlode_node::limits::metainfo(&shared.settings),
                storage: bitlode_node::limits::storage(&shared.settings),
                cancelled,
                progress: &|done, total| shared.outbox.progress(request, done, total),
            };
            checker.run(wish)
        });
    }

    /// Does what takes long, such as walking folders, on a thread of its own, and replies.
    fn background(
        &mut self,
        request: RequestId,
        name: &str,
        work: impl FnOnce(&Shared, Arc<AtomicBool>) -> Result<ReplyBody, Failure> + Send + 'static,
    ) {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (shared, over) = (self.shared.clone(), self.over.0.clone());
        let flag = cancelled.clone();
        let run = move || {
            let result = work(&shared, flag);
            shared.outbox.reply(request, result);
            // The control thread may have ended.
            let _ = over.send(request);
        };
        let spawned = match self.threads.upgrade() {
            Some(threads) => threads.spawn(Builder::new().name(name.into()), run),
            None => return,
        };
        match spawned {
            Ok(()) => drop(self.creating.insert(request, cancelled)),
            Err(error) => {
                let failure = Failure { code: Code::OutOfMemory, message: format!("no thread could be had: {error}") };
                self.shared.outbox.reply(request, Err(failure));
            }
        }
    }

    /// Graceful end of everything that moves; the threads stay until the engine is shut down.
    fn close(&mut self, request: RequestId) {
        let ended = || Failure { code: Code::Closed, message: "the engine is closed".into() };
        self.creating.values().for_each(|cancelled| cancelled.store(true, Relaxed));
        for (waiting, ..) in self.waiting.drain(..) {
            self.shared.outbox.reply(waiting, Err(ended()));
        }
        lock(&self.shared.listening).clear();
        self.shared.tell_all(|| Letter::Leave);
        let shards = self.shared.loads.len();
        let result = match self.leaving.wait(shards, self.shared.settings.close_timeout) {
            true => Ok(ReplyBody::Done),
            false => Err(Failure {
                code: Code::StorageIo,
                message: "the disk did not answer in time: not everything is known to be durable".into(),
            }),
        };
        self.shared.outbox.reply(request, result);
        self.shared.outbox.end(ended());
    }
}

fn hash_threads(shared: &Shared) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(usize::from(shared.settings.max_hash_threads))
}

fn spec(id: TorrentId, hashes: InfoHashes, info: Option<Arc<Info>>, mode: Mode, run: bool) -> TorrentSpec {
    let mode = match mode {
        Mode::Download { overwrite } => storage::Mode::Download { overwrite },
        Mode::Seed => storage::Mode::Seed,
        Mode::Verify => storage::Mode::Verify,
    };
    TorrentSpec { id, hashes, info, mode, run }
}

fn coded(error: impl Coded) -> Failure {
    Failure { code: error.code(), message: error.to_string() }
}
