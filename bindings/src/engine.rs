//! The class `Engine`: one synchronous method for each command.

use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bitlode::api::{AddTorrent, Command, Failure, Source};
use bitlode::base::{Code, FileIndex};
use bitlode::session::TorrentId;
use bitlode::{Bell, Engine as Core};
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::UnknownReturnValue;
use napi::{Env, sys};
use napi_derive::napi;

use crate::bell::Gate;
use crate::bytes::{ByteCopy, Bytes, FloatCopy, Window};
use crate::drained::Drained;
use crate::error::{Result, failure, guard, node};
use crate::held::{Held, teardown};
use crate::number::whole;
use crate::options::{self, AddOptions, CheckOptions, CreateOptions, EngineOptions};
use crate::reader::Reader;

/// An engine: threads, sockets, torrents. Methods that return a number queue a command; the reply in `drain` carries that
/// number.
#[napi]
pub struct Engine {
    held: Arc<Held>,
    env: sys::napi_env,
}

#[napi]
impl Engine {
    /// Starts the threads. `bell` is called when there is something to drain; it must not throw.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        options: EngineOptions,
        #[napi(ts_arg_type = "() => void")] bell: Function<'_, (), UnknownReturnValue>,
    ) -> Result<Engine> {
        guard("engine.open", || {
            let options = options::engine(options)?;
            let gate = Arc::new(Gate::open(&bell).map_err(node)?);
            let rung = gate.clone();
            let ring: Bell = Arc::new(move || rung.ring());
            let core = Core::open(options, ring)?;
            let held = Arc::new(Held { core: Mutex::new(Some(Arc::new(core))), gate, hooked: AtomicBool::new(true) });
            // Hooks run in reverse order: registered after the bell, this one runs before Node takes the bell apart.
            let hook = Arc::into_raw(held.clone()).cast_mut().cast();
            // SAFETY: the hook owns one reference to `held`, which `teardown` or `unhook` takes back, each at most once.
            let status = unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(teardown), hook) };
            let engine = Engine { held, env: env.raw() };
            if status == sys::Status::napi_ok {
                return Ok(engine);
            }
            Err(failure(Code::Internal, "the environment is ending"))
        })
    }

    /// Listens on `addresses`, each `ip:port`.
    #[napi(catch_unwind)]
    pub fn listen(&self, addresses: Vec<String>) -> Result<f64> {
        self.command("engine.listen", || Ok(Command::Listen { addrs: options::addresses(&addresses)? }))
    }

    /// Adds the torrent of a .torrent file's bytes.
    #[napi(catch_unwind)]
    pub fn add_metainfo(
        &self,
        #[napi(ts_arg_type = "Uint8Array")] metainfo: Bytes<64>,
        options: AddOptions,
    ) -> Result<f64> {
        self.add(Source::Metainfo(metainfo.0), options)
    }

    /// Adds the torrent of a magnet link.
    #[napi(catch_unwind)]
    pub fn add_magnet(&self, magnet: String, options: AddOptions) -> Result<f64> {
        self.add(Source::Magnet(magnet), options)
    }

    fn add(&self, source: Source, options: AddOptions) -> Result<f64> {
        self.command("engine.add", || {
            let mode = options::mode(&options)?;
            Ok(Command::Add(AddTorrent { source, folder: PathBuf::from(options.folder), mode, start: options.start }))
        })
    }

    /// Forgets a torrent; its files stay.
    #[napi(catch_unwind)]
    pub fn remove(&self, torrent: f64) -> Result<f64> {
        self.command("engine.remove", || Ok(Command::Remove(id(torrent)?)))
    }

    /// Starts or pauses.
    #[napi(catch_unwind)]
    pub fn run(&self, torrent: f64, on: bool) -> Result<f64> {
        self.command("engine.run", || Ok(Command::Run(id(torrent)?, on)))
    }

    /// Checks all content again.
    #[napi(catch_unwind)]
    pub fn check(&self, torrent: f64) -> Result<f64> {
        self.command("engine.check", || Ok(Command::Check(id(torrent)?)))
    }

    /// Ends a running check.
    #[napi(catch_unwind)]
    pub fn cancel_check(&self, torrent: f64) -> Result<f64> {
        self.command("engine.cancelCheck", || Ok(Command::CancelCheck(id(torrent)?)))
    }

    /// Names peers to try, each `ip:port`; `source` is `manual` or `tracker`.
    #[napi(catch_unwind)]
    pub fn add_peers(&self, torrent: f64, addresses: Vec<String>, source: String) -> Result<f64> {
        self.command("engine.addPeers", || {
            let source = options::peer_source(&source)?;
            Ok(Command::AddPeers(id(torrent)?, options::addresses(&addresses)?, source))
        })
    }

    /// Asks who is connected.
    #[napi(catch_unwind)]
    pub fn peers(&self, torrent: f64) -> Result<f64> {
        self.command("engine.peers", || Ok(Command::Peers(id(torrent)?)))
    }

    /// Makes all written pieces durable now.
    #[napi(catch_unwind)]
    pub fn barrier(&self, torrent: f64) -> Result<f64> {
        self.command("engine.barrier", || Ok(Command::Barrier(id(torrent)?)))
    }

    /// Tries again after a storage stop.
    #[napi(catch_unwind)]
    pub fn retry(&self, torrent: f64) -> Result<f64> {
        self.command("engine.retry", || Ok(Command::Retry(id(torrent)?)))
    }

    /// Makes a torrent from files.
    #[napi(catch_unwind)]
    pub fn create(&self, options: CreateOptions) -> Result<f64> {
        self.command("engine.create", || Ok(Command::Create(options::create(options)?)))
    }

    /// Checks content against a .torrent file's bytes, without adding a torrent.
    #[napi(catch_unwind)]
    pub fn check_content(
        &self,
        #[napi(ts_arg_type = "Uint8Array")] metainfo: Bytes<64>,
        options: CheckOptions,
    ) -> Result<f64> {
        self.command("engine.checkContent", || Ok(Command::CheckContent(options::check(metainfo.0, options)?)))
    }

    /// Ends a running `create` or `checkContent`.
    #[napi(catch_unwind)]
    pub fn cancel_create(&self, request: f64) -> Result<f64> {
        self.command("engine.cancelCreate", || Ok(Command::CancelCreate(bitlode::api::RequestId(whole(request)?))))
    }

    /// Resolves, checks and connects; `purpose` is `user`, `tracker` or `announce`, `family` 4, 6, or 0 for both.
    #[napi(catch_unwind)]
    pub fn dial(&self, host: String, port: u16, purpose: String, family: u32) -> Result<f64> {
        self.command("engine.dial", || {
            let (purpose, family) = (options::purpose(&purpose)?, options::family(family)?);
            Ok(Command::Dial { host, port, purpose, family })
        })
    }

    /// Opens bytes `start..end` of a file for reading.
    #[napi(catch_unwind)]
    pub fn open_reader(&self, torrent: f64, file: u32, start: f64, end: f64) -> Result<f64> {
        self.command("engine.openReader", || {
            let (start, end) = (whole(start)?, whole(end)?);
            Ok(Command::OpenReader { torrent: id(torrent)?, file: FileIndex(file), start, end })
        })
    }

    /// Takes hold of the reader that a reply named.
    #[napi(catch_unwind)]
    pub fn reader(&self, reader: f64) -> Result<Reader> {
        guard("engine.reader", || Ok(Reader::new(self.held.clone(), whole(reader)?)))
    }

    /// Ends gracefully: stops transfers, writes, syncs.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<f64> {
        self.command("engine.close", || Ok(Command::Close))
    }

    /// What happened since the last call.
    #[napi(catch_unwind)]
    pub fn drain(&self) -> Result<Drained> {
        guard("engine.drain", || Ok(self.held.core()?.drain().into()))
    }

    /// Fills `out` with a torrent's counters; false when there is no such torrent.
    #[napi(catch_unwind)]
    pub fn counters(&self, torrent: f64, #[napi(ts_arg_type = "Float64Array")] out: Window<'_, f64>) -> Result<bool> {
        guard("engine.counters", || Ok(self.held.core()?.counters(id(torrent)?, out.0)))
    }

    /// Copies bytes that a stream received into `out`; 0 when there are none now.
    #[napi(catch_unwind)]
    pub fn stream_read(&self, stream: f64, #[napi(ts_arg_type = "Uint8Array")] out: Window<'_, u8>) -> Result<u32> {
        guard("engine.streamRead", || self.held.core()?.stream_read(self::stream(stream)?, out.0).map(count))
    }

    /// Queues bytes for a stream and says how many were taken.
    #[napi(catch_unwind)]
    pub fn stream_write(&self, stream: f64, #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes) -> Result<u32> {
        guard("engine.streamWrite", || self.held.core()?.stream_write(self::stream(stream)?, &bytes.0).map(count))
    }

    /// Ends writing behind what was queued.
    #[napi(catch_unwind)]
    pub fn stream_end(&self, stream: f64) -> Result<()> {
        guard("engine.streamEnd", || {
            self.held.core()?.stream_end(self::stream(stream)?);
            Ok(())
        })
    }

    /// Closes a stream and forgets it.
    #[napi(catch_unwind)]
    pub fn stream_close(&self, stream: f64) -> Result<()> {
        guard("engine.streamClose", || {
            self.held.core()?.stream_close(self::stream(stream)?);
            Ok(())
        })
    }

    /// Where the engine listens now.
    #[napi(catch_unwind)]
    pub fn listening(&self) -> Result<Vec<String>> {
        guard("engine.listening", || Ok(self.held.core()?.listening().iter().map(ToString::to_string).collect()))
    }

    /// The peer id of all our handshakes, 20 bytes.
    #[napi(catch_unwind, ts_return_type = "Uint8Array")]
    pub fn peer_id(&self) -> Result<ByteCopy> {
        guard("engine.peerId", || Ok(ByteCopy(self.held.core()?.peer_id().to_vec())))
    }

    /// For each shard: torrents, then microseconds: busy, the longest turn, the longest without others, CPU. With `anew` the
    /// longest turns begin anew behind it.
    #[napi(catch_unwind, ts_return_type = "Float64Array")]
    pub fn shard_loads(&self, anew: bool) -> Result<FloatCopy> {
        guard("engine.shardLoads", || {
            let loads = self.held.core()?.shard_loads(anew);
            let numbers = |load: &bitlode::api::ShardLoad| {
                let (turn, own) = (load.longest_turn_us as f64, load.longest_own_turn_us as f64);
                [load.torrents as f64, load.busy_us as f64, turn, own, load.cpu_us as f64]
            };
            Ok(FloatCopy(loads.iter().flat_map(numbers).collect()))
        })
    }

    /// Stops and joins all threads; false when one is stuck and was left behind. Nothing rings afterwards.
    #[napi(catch_unwind)]
    pub fn shutdown(&self) -> Result<bool> {
        guard("engine.shutdown", || {
            let clean = self.held.end();
            self.unhook();
            Ok(clean)
        })
    }

    fn command(&self, name: &'static str, make: impl FnOnce() -> std::result::Result<Command, Failure>) -> Result<f64> {
        guard(name, || Ok(self.held.core()?.command(make()?)?.0 as f64))
    }

    fn unhook(&self) {
        if self.held.hooked.swap(false, Ordering::AcqRel) {
            let hook = Arc::as_ptr(&self.held).cast_mut().cast::<c_void>();
            // SAFETY: `hooked` was true, so the environment lives, this is its thread, and the hook still owns the
            // reference that is taken back here.
            unsafe {
                sys::napi_remove_env_cleanup_hook(self.env, Some(teardown), hook);
                drop(Arc::from_raw(hook.cast::<Held>().cast_const()));
            }
        }
    }
}

impl Drop for Engine {
    /// The object was collected without `shutdown`: its threads are stopped without keeping the collector waiting.
    fn drop(&mut self) {
        if !self.held.hooked.load(Ordering::Acquire) {
            return;
        }
        self.held.gate.shut();
        self.unhook();
        let held = self.held.clone();
        let stop = std::thread::Builder::new().name("bitlode-stop".into());
        // Without a thread to be had, dropping the engine stops it here.
        let _ = stop.spawn(move || held.end());
    }
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn id(torrent: f64) -> std::result::Result<TorrentId, Failure> {
    Ok(TorrentId(whole(torrent)?))
}

fn stream(stream: f64) -> std::result::Result<bitlode::api::StreamId, Failure> {
    Ok(bitlode::api::StreamId(whole(stream)?))
}
