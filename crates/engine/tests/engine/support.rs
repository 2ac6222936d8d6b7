//! A caller of an engine, as the bindings are one: it waits for the bell, drains, and sorts what came.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bitlode_base::Choice;
use bitlode_engine::Engine;
use bitlode_engine::api::*;
use bitlode_session::{Settings, TorrentId};
use bitlode_storage::sys::SysMode;

/// Longer than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Caller {
    pub(crate) engine: Engine,
    bell: Arc<(Mutex<u64>, Condvar)>,
    heard: u64,
    replies: BTreeMap<RequestId, Result<ReplyBody, Failure>>,
    pub(crate) torrents: BTreeMap<TorrentId, TorrentState>,
    pub(crate) streams: BTreeMap<StreamId, StreamState>,
    pub(crate) readers: BTreeMap<ReaderId, ReaderState>,
    pub(crate) progress: Vec<(RequestId, u32, u32)>,
    pub(crate) facts: Vec<LogFact>,
    pub(crate) failed: Option<Failure>,
}

pub(crate) fn settings() -> Settings {
    Settings { allow_multiple_per_ip: true, listen_port: 0, ..Settings::default() }
}

pub(crate) fn sys() -> SysMode {
    SysMode::parse(std::env::var("BITLODE_SYS").ok().as_deref())
}

pub(crate) fn options(settings: Settings, shards: u16) -> Options {
    Options { settings, shards: Some(shards), network: true, client: "test 1".into(), sys: sys() }
}

impl Caller {
    pub(crate) fn open(shards: u16) -> Caller {
        Caller::with(options(settings(), shards))
    }

    pub(crate) fn with(options: Options) -> Caller {
        let bell = Arc::new((Mutex::new(0), Condvar::new()));
        let rung = bell.clone();
        let ring = move || {
            *rung.0.lock().unwrap() += 1;
            rung.1.notify_all();
        };
        let engine = Engine::open(options, Arc::new(ring)).unwrap();
        Caller {
            engine,
            bell,
            heard: 0,
            replies: BTreeMap::new(),
            torrents: BTreeMap::new(),
            streams: BTreeMap::new(),
            readers: BTreeMap::new(),
            progress: Vec::new(),
            facts: Vec::new(),
            failed: None,
        }
    }

    pub(crate) fn rings(&self) -> u64 {
        *self.bell.0.lock().unwrap()
    }

    /// Takes over what there is.
    pub(crate) fn drain(&mut self) {
        let drained = self.engine.drain();
        for reply in drained.replies {
            assert!(self.replies.insert(reply.request, reply.result).is_none(), "a second reply");
        }
        for mut state in drained.torrents {
            if let Some(old) = self.torrents.get_mut(&state.torrent) {
                assert!(state.revision > old.revision, "an old state came after a new one");
                state.info = state.info.or(old.info.take());
            }
            self.torrents.insert(state.torrent, state);
        }
        self.streams.extend(drained.streams.into_iter().map(|state| (state.stream, state)));
        self.readers.extend(drained.readers.into_iter().map(|state| (state.reader, state)));
        self.progress.extend(drained.progress);
        self.facts.extend(drained.facts);
        self.failed = drained.failed.or(self.failed.take());
    }

    /// Drains at each ring, and now and then, until `enough`; false when that takes longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Duration, mut enough: impl FnMut(&mut Caller) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            self.drain();
            if enough(self) {
                return true;
            }
            let bell = self.bell.clone();
            let heard = self.heard;
            let left = deadline.saturating_duration_since(Instant::now());
            let count = bell.0.lock().unwrap();
            // Counters change without a ring.
            let nap = left.min(Duration::from_millis(20));
            let (count, _) = bell.1.wait_timeout_while(count, nap, |count| *count == heard).unwrap();
            self.heard = *count;
            if left.is_zero() {
                return false;
            }
        }
    }

    pub(crate) fn until(&mut self, what: &str, enough: impl FnMut(&mut Caller) -> bool) {
        let done = self.wait(PATIENCE, enough);
        assert!(done, "{what} did not happen: {:#?}\n{:#?}", self.torrents, self.facts);
    }

    pub(crate) fn reply(&mut self, request: RequestId) -> Result<ReplyBody, Failure> {
        self.until("a reply", |caller| caller.replies.contains_key(&request));
        self.replies.remove(&request).unwrap()
    }

    pub(crate) fn ask(&mut self, command: Command) -> Result<ReplyBody, Failure> {
        let request = self.engine.command(command)?;
        self.reply(request)
    }

    pub(crate) fn done(&mut self, command: Command) {
        let reply = self.ask(command);
        assert!(matches!(reply, Ok(ReplyBody::Done)), "{reply:?}");
    }

    /// Listens on a loopback port that the system chooses.
    pub(crate) fn listen(&mut self) -> SocketAddr {
        match self.ask(Command::Listen { addrs: vec!["127.0.0.1:0".parse().unwrap()] }) {
            Ok(ReplyBody::Listening(addrs)) => addrs[0],
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn create(&mut self, path: &Path, piece_length: u32) -> Vec<u8> {
        let wish = CreateTorrent {
            content: Content::Path(path.into()),
            piece_length: Some(piece_length),
            ..CreateTorrent::default()
        };
        match self.ask(Command::Create(wish)) {
            Ok(ReplyBody::Created(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn try_add(&mut self, source: Source, folder: &Path, mode: Mode) -> Result<TorrentId, Failure> {
        let wish = AddTorrent { source, folder: folder.into(), mode, start: true };
        match self.ask(Command::Add(wish))? {
            ReplyBody::Added { torrent, .. } => Ok(torrent),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn add(&mut self, torrent: &[u8], folder: &Path, mode: Mode) -> TorrentId {
        self.try_add(Source::Metainfo(torrent.to_vec()), folder, mode).unwrap()
    }

    pub(crate) fn download(&mut self, torrent: &[u8], folder: &Path) -> TorrentId {
        self.add(torrent, folder, Mode::Download { overwrite: false })
    }

    pub(crate) fn seed(&mut self, torrent: &[u8], folder: &Path) -> TorrentId {
        let id = self.add(torrent, folder, Mode::Seed);
        self.until("seeding", |caller| caller.phase(id) == Some(Phase::Seeding));
        id
    }

    pub(crate) fn phase(&self, torrent: TorrentId) -> Option<Phase> {
        self.torrents.get(&torrent).map(|state| state.phase)
    }

    pub(crate) fn have(&self, torrent: TorrentId) -> u32 {
        self.torrents.get(&torrent).map_or(0, |state| state.have)
    }

    pub(crate) fn peer(&mut self, torrent: TorrentId, addr: SocketAddr) {
        self.done(Command::AddPeers(torrent, vec![addr], PeerSource::Manual));
    }

    pub(crate) fn complete(&mut self, torrent: TorrentId) {
        self.until("completion", |caller| caller.torrents.get(&torrent).is_some_and(|state| state.complete));
    }

    pub(crate) fn counter(&self, torrent: TorrentId, counter: Counter) -> f64 {
        let mut out = [0.0; COUNTERS];
        assert!(self.engine.counters(torrent, &mut out));
        out[counter as usize]
    }
}

/// A folder of this test's own, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Folder {
    pub(crate) fn new() -> Folder {
        let number = FOLDERS.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("bitlode-engine-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file of seeded bytes.
    pub(crate) fn write(&self, name: &str, len: usize, seed: u64) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes(len, seed)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut choice = Choice::new(seed);
    let mut out: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| choice.next().to_le_bytes()).collect();
    out.truncate(len);
    out
}

/// Every file below a folder and what is in it.
pub(crate) fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let name = entry.path().strip_prefix(folder).unwrap().to_path_buf();
                    out.insert(name, std::fs::read(entry.path()).unwrap());
                }
            }
        }
    }
    out
}

/// Compares two folders without printing megabytes.
pub(crate) fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (content(a), content(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(b[name] == *bytes, "{} differs", name.display());
    }
}
