//! The engine as its user sees it: commands in, one doorbell out, `drain`.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Builder;
use std::time::{Duration, Instant};

use bitlode_base::{Choice, Code, Coded, Pool, Secret};
use bitlode_node::{NodeConfig, ReadRange};
use bitlode_session::{Session, ShardId, TorrentId};
use bitlode_storage::FilePool;
use bitlode_storage::sys::{RealDisk, descriptor_limit, open_files_limit};

use crate::address::refusal;
use crate::api::{
    Bell, Command, Drained, Failure, Family, LogFact, Options, Purpose, ReaderId, RequestId, ShardLoad, StreamId,
};
use crate::batcher::Bounds;
use crate::control::{Control, Leaving, Task};
use crate::descriptors::Descriptors;
use crate::isa;
use crate::lock::lock;
use crate::outbox::{self, Outbox};
use crate::resolve::{self, Resolver};
use crate::shard::Shard;
use crate::shared::{Letter, Load, Order, Shared};
use crate::source::Sources;
use crate::sys::{self, Sys};
use crate::threads::{Threads, panic_message};
use crate::workers::{Size, Workers};

/// Pieces that are hashed side by side hold at most this part of the memory for blocks.
const BATCH_SHARE: u64 = 4;
/// The most shards that an engine has, whatever is asked for.
const SHARDS_MOST: u16 = 64;

/// A running engine. Every method returns at once, but for [`Engine::shutdown`]; no thread of the engine ever waits for
/// the caller. Dropping it shuts it down.
pub struct Engine {
    shared: Arc<Shared>,
    tasks: Sender<Task>,
    resolver: Resolver,
    /// Shards, control and creations; then the threads that may be stuck in a disk.
    threads: Arc<Threads>,
    disk_threads: Arc<Threads>,
    closing: AtomicBool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("shards", &self.shared.loads.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the threads. `bell` is rung at most once until the next [`Engine::drain`], on any thread.
    ///
    /// Errors: `ERR_INVALID_OPTION` for a setting out of range and for a `BITLODE_ISA` that does not exist,
    /// `ERR_OUT_OF_MEMORY` when the system gives no thread or no poll.
    pub fn open(options: Options, bell: Bell) -> Result<Engine, Failure> {
        let mut settings = options.settings;
        settings.validate().map_err(|error| Failure { code: error.code(), message: error.to_string() })?;
        let hasher = isa::hasher(std::env::var(isa::VARIABLE).ok().as_deref())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let default =
            if options.network { u16::try_from(cores).unwrap_or(u16::MAX).min(settings.max_shards) } else { 1 };
        let shards = options.shards.unwrap_or(default).clamp(1, SHARDS_MOST);

        let open_files = open_files_limit(options.sys).min(settings.max_open_files as usize);
        let sys = Sys::new(options.sys);
        let used = sys.descriptors_in_use();
        let lowered = descriptor_limit(options.sys)
            .filter(|_| options.network)
            .and_then(|limit| Descriptors { limit, used, files: open_files, shards }.fit(&mut settings));
        let settings = Arc::new(settings);
        let mut secret = Secret::new(sys::entropy().map_err(|error| scarce("randomness", &error))?);
        let pool = Pool::told(settings.memory, sys.fresh_memory());
        let session = Session::new(settings.clone(), secret.fork(), pool.budget(), shards);
        let limits = outbox::Limits {
            records: settings.drain_records as usize,
            bytes: settings.drain_bytes,
            facts: settings.log_facts as usize,
        };
        let outbox = Arc::new(Outbox::new(limits, bell));
        let (threads, disk_threads) = (Arc::new(Threads::new(sys)), Arc::new(Threads::new(sys)));
        let hears = outbox.clone();
        let panicked = move |why| hears.poison(format!("a disk thread panicked: {why}"));
        let bounds = Bounds {
            lanes: hasher.lanes_sha1(),
            bytes: settings.memory as u64 / BATCH_SHARE,
            patience: settings.hash_patience,
        };
        let size = Size {
            threads: usize::from(settings.max_disk_threads),
            hashing: cores.min(usize::from(settings.max_hash_threads)),
            hasher,
            bounds,
            pool: pool.clone(),
        };
        let workers = Workers::start(size, &disk_threads, Arc::new(panicked));
        let workers = workers.map_err(|error| scarce("threads", &error))?;
        let shared = Arc::new(Shared {
            sys,
            network: options.network,
            started: Instant::now(),
            session: Arc::new(Mutex::new(session)),
            files: Arc::new(FilePool::new(RealDisk::new(options.sys, settings.past_cache_rate), open_files)),
            outbox,
            workers,
            inboxes: OnceLock::new(),
            loads: (0..shards).map(|_| Load::default()).collect(),
            torrents: Mutex::default(),
            streams: Mutex::default(),
            readers: Mutex::default(),
            listening: Mutex::default(),
            sources: Sources::default(),
            numbers: AtomicU64::new(0),
            pool,
            settings,
        });
        let resolver = Resolver::new(resolve::Limits {
            threads: shared.settings.dns_concurrency as usize,
            timeout: shared.settings.dns_timeout,
            addresses: shared.settings.dns_addresses as usize,
        });
        if let Some(message) = lowered {
            tracing::warn!("{message}");
            let (time, kind) = (shared.now().micros(), "limit-lowered");
            let code = Some(Code::StorageFds);
            shared.outbox.fact(LogFact { time, torrent: None, kind, peer: None, piece: None, code, message });
        }
        let (tasks, received) = channel();
        // From here on an early return stops what has been started: dropping the engine shuts it down.
        let engine = Engine { shared, tasks, resolver, threads, disk_threads, closing: AtomicBool::new(false) };
        engine.start(shards, &mut secret, &options.client, received)?;
        Ok(engine)
    }

    fn start(
        &self,
        shards: u16,
        secret: &mut Secret,
        client: &str,
        tasks: std::sync::mpsc::Receiver<Task>,
    ) -> Result<(), Failure> {
        let leaving = Arc::new(Leaving::default());
        let mut made = Vec::new();
        for number in 0..shards {
            let config = NodeConfig {
                shard: ShardId(number),
                settings: self.shared.settings.clone(),
                pool: self.shared.pool.clone(),
                session: self.shared.session.clone(),
                choice: Choice::new(secret.next()),
                client: client.to_owned(),
                listen_port: None,
            };
            let shard = Shard::new(config, self.shared.clone(), leaving.clone());
            made.push(shard.map_err(|error| scarce("polls", &error))?);
        }
        // Set before any thread runs, so that every shard can write to every other.
        let _ = self.shared.inboxes.set(made.iter().map(Shard::inbox).collect());
        for (number, shard) in made.into_iter().enumerate() {
            self.spawn(format!("bitlode-shard-{number}"), move || shard.run())?;
        }
        let control = Control::new(self.shared.clone(), leaving, Arc::downgrade(&self.threads), tasks);
        self.spawn("bitlode-control".into(), move || control.run())
    }

    /// A thread whose panic ends the engine, not the process.
    fn spawn(&self, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
        let (shared, named) = (self.shared.clone(), name.clone());
        let guarded = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                let why = panic_message(&*panic);
                tracing::error!(thread = named, why, "a thread of the engine panicked");
                shared.outbox.poison(format!("{named} panicked: {why}"));
                shared.tell_all(|| Letter::Stop);
            }
        };
        let spawned = self.threads.spawn(Builder::new().name(name), guarded);
        spawned.map_err(|error| scarce("threads", &error))
    }

    /// Checks and queues a command; its one reply carries the number that is returned.
    ///
    /// Errors: `ERR_CLOSED` after [`Command::Close`] or [`Engine::shutdown`], `ERR_INTERNAL` after the engine failed,
    /// `ERR_NOT_FOUND` for a torrent that is not here, `ERR_INVALID_OPTION`.
    pub fn command(&self, command: Command) -> Result<RequestId, Failure> {
        if self.closing.load(Relaxed) {
            return Err(closed());
        }
        self.check(&command)?;
        let request = RequestId(self.shared.number());
        self.shared.outbox.accept(request)?;
        if matches!(command, Command::Close) && self.closing.swap(true, Relaxed) {
            self.shared.outbox.reply(request, Err(closed()));
        } else {
            self.dispatch(request, command);
        }
        Ok(request)
    }

    fn check(&self, command: &Command) -> Result<(), Failure> {
        let invalid = |message: String| Err(Failure { code: Code::InvalidOption, message });
        let network = self.shared.network;
        match command {
            Command::Listen { .. } | Command::Dial { .. } if !network => {
                invalid("The engine was opened without network".into())
            }
            Command::Listen { addrs } if addrs.is_empty() => invalid("Expected an address to listen on".into()),
            Command::Dial { host, port, .. } if host.is_empty() || *port == 0 => {
                invalid(format!("Expected a host and a port from 1 to 65535, got `{host}:{port}`"))
            }
            Command::OpenReader { start, end, .. } if start > end => {
                invalid(format!("Expected a range of bytes, got `{start}..{end}`"))
            }
            _ => Ok(()),
        }
    }

    fn dispatch(&self, request: RequestId, command: Command) {
        match command {
            Command::Listen { addrs } => self.control(request, Task::Listen(request, addrs)),
            Command::Add(wish) => self.control(request, Task::Add(request, Box::new(wish))),
            Command::Create(wish) => self.control(request, Task::Create(request, Box::new(wish))),
            Command::CancelCreate(which) => self.control(request, Task::CancelCreate(request, which)),
            Command::CheckContent(wish) => self.control(request, Task::CheckContent(request, Box::new(wish))),
            Command::Close => self.control(request, Task::Close(request)),
            Command::Dial { host, port, purpose, family } => self.dial(request, &host, port, purpose, family),
            Command::Remove(torrent) => self.order(request, torrent, Order::Remove),
            Command::Run(torrent, run) => self.order(request, torrent, Order::Run(run)),
            Command::Check(torrent) => self.order(request, torrent, Order::Check),
            Command::CancelCheck(torrent) => self.order(request, torrent, Order::CancelCheck),
            Command::AddPeers(torrent, addrs, source) => self.order(request, torrent, Order::AddPeers(addrs, source)),
            Command::Peers(torrent) => self.order(request, torrent, Order::Peers),
            Command::Barrier(torrent) => self.order(request, torrent, Order::Barrier),
            Command::Retry(torrent) => self.order(request, torrent, Order::Retry),
            Command::OpenReader { torrent, file, start, end } => {
                let reader = ReaderId(self.shared.number());
                self.order(request, torrent, Order::Read(reader, ReadRange { file, start, end }));
            }
        }
    }

    fn control(&self, request: RequestId, task: Task) {
        if self.tasks.send(task).is_err() {
            self.shared.outbox.reply(request, Err(closed()));
        }
    }

    fn order(&self, request: RequestId, torrent: TorrentId, order: Order) {
        let told = self.shared.torrent(torrent).is_some_and(|entry| {
            let letter = Letter::Order { request, torrent, order };
            self.shared.tell(entry.shard, letter)
        });
        if !told {
            self.shared.outbox.reply(request, Err(not_found("torrent")));
        }
    }

    fn dial(&self, request: RequestId, host: &str, port: u16, purpose: Purpose, family: Option<Family>) {
        let shared = self.shared.clone();
        let name = host.to_owned();
        let answer = move |result: Result<Vec<SocketAddr>, Failure>| {
            let addrs = match result.and_then(|addrs| of_family(&name, addrs, family)) {
                Ok(addrs) => addrs,
                Err(failure) => return shared.outbox.reply(request, Err(failure)),
            };
            let refused = addrs.iter().find_map(|addr| refusal(addr.ip(), purpose).map(|why| (addr.ip(), why)));
            let addrs: Vec<_> = addrs.into_iter().filter(|addr| refusal(addr.ip(), purpose).is_none()).collect();
            match (addrs.is_empty(), refused) {
                (true, Some((ip, why))) => {
                    let message = format!("{name} leads to {ip}, {why}: a URL of a torrent may not");
                    shared.outbox.reply(request, Err(Failure { code: Code::SsrfBlocked, message }));
                }
                // Exactly the checked addresses are connected to: nothing is resolved again.
                _ => drop(shared.tell(ShardId(0), Letter::Connect { request, addrs })),
            }
        };
        self.resolver.ask(host, port, Box::new(answer));
    }

    /// What happened since the last call: at most 4,096 records or 1 MiB; `more` says that the bell rings again.
    pub fn drain(&self) -> Drained {
        self.shared.outbox.drain()
    }

    /// Fills `out` in the order of [`crate::api::Counter`]; false when there is no such torrent.
    pub fn counters(&self, torrent: TorrentId, out: &mut [f64]) -> bool {
        let Some(entry) = self.shared.torrent(torrent) else { return false };
        for (to, from) in out.iter_mut().zip(&entry.counters) {
            *to = f64::from_bits(from.load(Relaxed));
        }
        true
    }

    /// Copies bytes that a stream received; 0 when there are none now (its state tells whether more can come).
    pub fn stream_read(&self, stream: StreamId, out: &mut [u8]) -> Result<usize, Failure> {
        let buffers = self.shared.stream(stream).ok_or_else(|| not_found("stream"))?;
        let (count, tell) = buffers.read(out)?;
        if tell {
            self.shared.tell(ShardId(0), Letter::StreamKick { stream });
        }
        Ok(count)
    }

    /// Queues bytes for a stream and says how many were taken; when not all were, the stream's state tells of room.
    pub fn stream_write(&self, stream: StreamId, bytes: &[u8]) -> Result<usize, Failure> {
        let buffers = self.shared.stream(stream).ok_or_else(|| not_found("stream"))?;
        let (count, tell) = buffers.write(bytes)?;
        if tell {
            self.shared.tell(ShardId(0), Letter::StreamKick { stream });
        }
        Ok(count)
    }

    /// Ends writing behind what was queued (half close).
    pub fn stream_end(&self, stream: StreamId) {
        if self.shared.stream(stream).is_some_and(|buffers| buffers.finish()) {
            self.shared.tell(ShardId(0), Letter::StreamKick { stream });
        }
    }

    /// Closes a stream and forgets it; what was queued and not sent is dropped.
    pub fn stream_close(&self, stream: StreamId) {
        if lock(&self.shared.streams).remove(&stream).is_some() {
            self.shared.outbox.forget_stream(stream);
            self.shared.tell(ShardId(0), Letter::StreamClose { stream });
        }
    }

    /// Copies bytes that a reader has ready; 0 when there are none now (its state tells whether more will come).
    pub fn read_take(&self, reader: ReaderId, out: &mut [u8]) -> Result<usize, Failure> {
        let buffer = self.shared.reader(reader).ok_or_else(|| not_found("reader"))?;
        let count = buffer.take(out)?;
        if count > 0 {
            let (torrent, bytes) = (buffer.torrent, count as u64);
            self.shared.tell(buffer.shard, Letter::ReaderTaken { torrent, reader, bytes });
        }
        Ok(count)
    }

    /// Ends a reader and forgets it.
    pub fn reader_close(&self, reader: ReaderId) {
        let removed = lock(&self.shared.readers).remove(&reader);
        if let Some(buffer) = removed {
            buffer.clear();
            self.shared.outbox.forget_reader(reader);
            self.shared.tell(buffer.shard, Letter::ReaderClose { torrent: buffer.torrent, reader });
        }
    }

    /// Where the engine listens now.
    pub fn listening(&self) -> Vec<SocketAddr> {
        lock(&self.shared.listening).clone()
    }

    /// The peer id of all our handshakes: trackers are told the same.
    pub fn peer_id(&self) -> [u8; 20] {
        lock(&self.shared.session).peer_id()
    }

    /// What each shard has done so far; at most 100 ms old. With `anew` the longest turns begin anew behind it, so that the
    /// next call tells of what came between.
    pub fn shard_loads(&self, anew: bool) -> Vec<ShardLoad> {
        self.shared.loads.iter().map(|load| load.read(anew)).collect()
    }

    /// Stops and joins all threads within `limit`; false when one is stuck, in a disk for instance, and was left behind,
    /// holding nothing of the caller's. The bell is given up first: once this has begun it does not ring again. What was
    /// not answered is, with `ERR_CLOSED`. May be called again.
    pub fn shutdown(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        self.closing.store(true, Relaxed);
        self.shared.outbox.silence();
        self.shared.outbox.end(closed());
        // A control thread that is gone needs no telling.
        let _ = self.tasks.send(Task::Stop);
        self.shared.tell_all(|| Letter::Stop);
        self.shared.workers.stop();
        self.resolver.stop();
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let joined = self.threads.join(left(deadline));
        let disk_joined = self.disk_threads.join(left(deadline));
        lock(&self.shared.streams).clear();
        lock(&self.shared.readers).clear();
        joined && disk_joined
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let limit = self.shared.settings.join_timeout;
        if !self.shutdown(limit * 2) {
            tracing::warn!("a thread is stuck and was left behind");
        }
    }
}

/// The addresses of one family; a name that has none cannot be resolved in it.
fn of_family(name: &str, addrs: Vec<SocketAddr>, family: Option<Family>) -> Result<Vec<SocketAddr>, Failure> {
    let Some(family) = family else { return Ok(addrs) };
    let addrs: Vec<_> = addrs.into_iter().filter(|addr| addr.is_ipv6() == (family == Family::V6)).collect();
    if !addrs.is_empty() {
        return Ok(addrs);
    }
    let kind = if family == Family::V6 { "IPv6" } else { "IPv4" };
    let message = format!("cannot resolve {name}: it has no {kind} address");
    Err(Failure { code: Code::DnsFailed, message })
}

fn closed() -> Failure {
    Failure { code: Code::Closed, message: "the engine is closed".into() }
}

fn not_found(what: &str) -> Failure {
    Failure { code: Code::NotFound, message: format!("no such {what}") }
}

fn scarce(what: &str, error: &std::io::Error) -> Failure {
    Failure { code: Code::OutOfMemory, message: format!("the system gives no {what}: {error}") }
}

#[cfg(test)]
mod tests {
    use bitlode_session::Settings;
    use bitlode_storage::sys::SysMode;

    use super::*;
    use crate::workers::Pace;

    fn engine(sys: SysMode) -> (Engine, std::sync::mpsc::Receiver<()>) {
        let (ring, bell) = channel();
        let settings = Settings { listen_patience: Duration::from_secs(600), ..Settings::default() };
        let options = Options { settings, shards: Some(2), network: true, client: String::new(), sys };
        // Nobody may listen any more.
        let ring = move || ring.send(()).unwrap_or_default();
        (Engine::open(options, Arc::new(ring)).unwrap(), bell)
    }

    #[test]
    fn blocks_lie_in_memory_for_which_large_pages_were_asked_unless_all_is_done_the_portable_way() {
        // The flags of the mapping that holds an address (proc_pid_smaps(5)); `hg` is the advice that was taken.
        // Systems without these files offer no such pages.
        let advised = |address: usize| {
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
            let mut inside = false;
            maps.lines().any(|line| {
                let bounds = line.split(' ').next().and_then(|word| word.split_once('-'));
                let bounds = bounds.map(|(low, high)| [low, high].map(|end| usize::from_str_radix(end, 16)));
                if let Some([Ok(low), Ok(high)]) = bounds {
                    inside = (low..high).contains(&address);
                }
                inside && line.starts_with("VmFlags:") && line.contains(" hg")
            })
        };
        let offered = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
        for (mode, wanted) in [(SysMode::Native, offered), (SysMode::Portable, false)] {
            let (engine, _bell) = engine(mode);
            let slab = engine.shared.pool.take();
            assert_eq!(advised(slab.bytes().as_ptr() as usize), wanted, "{mode:?}");
            assert!(engine.shutdown(Duration::from_secs(60)));
        }
    }

    /// A command that is not answered for long, and what came of the engine after `bug`.
    fn after(bug: impl FnOnce(&Engine)) {
        let (engine, bell) = engine(SysMode::Native);
        // An address of the documentation's: nobody has it, so this waits for a network.
        let addrs = vec!["192.0.2.1:0".parse().unwrap()];
        let request = engine.command(Command::Listen { addrs }).unwrap();
        bug(&engine);
        let mut drained = engine.drain();
        while drained.failed.is_none() {
            bell.recv_timeout(Duration::from_secs(60)).unwrap();
            let more = engine.drain();
            drained.replies.extend(more.replies);
            drained.failed = more.failed;
        }
        let failed = drained.failed.unwrap();
        assert!(failed.code == Code::Internal && failed.message.contains("planned"), "{failed}");
        assert_eq!(drained.replies.len(), 1);
        assert_eq!(
            (drained.replies[0].request, drained.replies[0].result.as_ref().unwrap_err().code),
            (request, Code::Internal)
        );
        assert_eq!(engine.command(Command::Close).unwrap_err().code, Code::Internal);
        assert!(engine.shutdown(Duration::from_secs(60)), "the other threads end as always");
    }

    #[test]
    fn row_101_a_panic_of_a_thread_fails_the_engine_and_not_the_process() {
        after(|engine| engine.spawn("bitlode-test".into(), || panic!("planned")).unwrap());
    }

    #[test]
    fn row_101_a_panic_of_a_disk_task_fails_the_engine_and_not_the_process() {
        after(|engine| engine.shared.workers.submit(Pace::Quick, Box::new(|_| panic!("planned"))));
    }

    #[test]
    fn row_101_a_bell_that_panics_does_not_end_a_thread_of_the_engine() {
        let options = Options {
            settings: Settings::default(),
            shards: Some(1),
            network: false,
            client: String::new(),
            sys: SysMode::Native,
        };
        let engine = Engine::open(options, Arc::new(|| panic!("planned"))).unwrap();
        let request = engine.command(Command::CancelCreate(RequestId(0))).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let replies = loop {
            let drained = engine.drain();
            assert!(drained.failed.is_none());
            if !drained.replies.is_empty() || Instant::now() > deadline {
                break drained.replies;
            }
            std::thread::yield_now();
        };
        assert_eq!(replies.first().map(|reply| reply.request), Some(request));
        assert!(engine.shutdown(Duration::from_secs(60)));
    }
}
