//! An honest peer: a real node with its session, pool and emulated disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bitlode_base::{Bitfield, Choice, PieceIndex, Pool, Secret, Time};
use bitlode_metainfo::Info;
use bitlode_node::{Mode, Node, NodeConfig, TorrentSpec};
use bitlode_session::{CarrierId, Session, Settings, ShardId, TorrentId};
use bitlode_storage::{FilePool, Files};

use crate::config::{PeerConfig, Start};
use crate::disk::{SimDisk, View};
use crate::plant::Planted;
use crate::torrent::Torrent;

/// The one torrent of a run.
pub(crate) const TORRENT: TorrentId = TorrentId(1);

/// Files open at once: few, so that they are closed and opened again.
const OPEN_FILES: usize = 8;

/// An honest peer, running or not.
pub(crate) struct Peer {
    /// What it started with.
    pub(crate) config: PeerConfig,
    /// Its disk, which outlives it.
    pub(crate) disk: SimDisk,
    /// It while it runs.
    pub(crate) running: Option<Running>,
    /// How often it was started.
    pub(crate) life: u64,
    /// Its metadata, once it had it: kept like a .torrent file over restarts.
    pub(crate) info: Option<Arc<Info>>,
    /// It said that all is durable, in this life.
    pub(crate) done: bool,
    /// Its disk has lied or failed: a piece that was right may be wrong later.
    pub(crate) troubled: bool,
    /// When it last had its torrent stopped by the disk, with the code.
    pub(crate) stopped: Option<bitlode_base::Code>,
}

/// A running peer.
pub(crate) struct Running {
    /// The node.
    pub(crate) node: Node,
    /// Its session.
    pub(crate) session: Arc<Mutex<Session>>,
    /// Its pool.
    pub(crate) pool: Pool,
    /// Its files.
    pub(crate) files: Arc<Files<SimDisk>>,
    /// Its links: link and end.
    pub(crate) carriers: BTreeMap<CarrierId, (u64, usize)>,
    /// The number of the next carrier.
    pub(crate) next_carrier: u64,
    /// When it wants to be woken.
    pub(crate) wake: Time,
    /// The earliest wake that is scheduled.
    pub(crate) alarm: Time,
    /// Jobs that are out.
    pub(crate) jobs: usize,
    /// Pieces that it claims to be durable.
    pub(crate) claimed: Bitfield,
    /// Pieces that were seen to be right on its disk.
    pub(crate) right: Bitfield,
}

impl Peer {
    /// A peer that has not started. A seed has its files on disk.
    pub(crate) fn new(config: PeerConfig, torrent: &Torrent, choice: &mut Choice) -> Peer {
        let disk = SimDisk::new(torrent.reference.clone(), u64::MAX, choice.fork());
        if config.start == Start::Seed {
            torrent.reference.files.keys().for_each(|path| disk.put(path));
        }
        let info = (config.start != Start::Magnet).then(|| torrent.info.clone());
        Peer { config, disk, running: None, life: 0, info, done: false, troubled: false, stopped: None }
    }

    /// Starts it, for the first time or again.
    pub(crate) fn start(&mut self, now: Time, torrent: &Torrent, choice: &mut Choice, planted: Planted) {
        self.life += 1;
        self.done = false;
        let settings = Settings {
            memory: self.config.memory,
            upload_slots: self.config.upload_slots,
            max_connections: self.config.connections,
            max_connections_per_torrent: self.config.connections,
            ..Settings::default()
        };
        let settings = Arc::new(settings);
        let pool = Pool::new(settings.memory);
        let mut key = [0; 32];
        key.chunks_mut(8).for_each(|part| part.copy_from_slice(&choice.next().to_le_bytes()));
        let mut session = Session::new(settings.clone(), Secret::new(key), pool.budget(), 1);
        session.remember_own(self.config.addr);
        let hashes = torrent.info.hashes;
        if let Err(error) = session.register(TORRENT, &hashes, ShardId(0)) {
            panic!("a fresh session refused a torrent: {error}");
        }
        let session = Arc::new(Mutex::new(session));
        let _ = planted;
        let mut node = Node::new(NodeConfig {
            shard: ShardId(0),
            settings,
            pool: pool.clone(),
            session: session.clone(),
            choice: choice.fork(),
            client: "Bitlode netsim".to_owned(),
            listen_port: self.config.reachable.then_some(self.config.addr.port()),
            #[cfg(feature = "planted-bugs")]
            planted: planted.swarm,
        });
        let files =
            Files::new(Arc::new(FilePool::new(self.disk.clone(), OPEN_FILES)), pool.clone(), PathBuf::from("/"));
        let mode = match self.config.start {
            Start::Seed => Mode::Seed,
            _ => Mode::Download { overwrite: false },
        };
        node.add(now, TorrentSpec { id: TORRENT, hashes, info: self.info.clone(), mode, run: true });
        self.running = Some(Running {
            node,
            session,
            pool,
            files: Arc::new(files),
            carriers: BTreeMap::new(),
            next_carrier: 0,
            wake: Time::NEVER,
            alarm: Time::NEVER,
            jobs: 0,
            claimed: Bitfield::none(0),
            right: Bitfield::none(torrent.info.layout.piece_count()),
        });
    }

    /// Whether a piece is on its disk as programs read it now.
    pub(crate) fn has(&mut self, torrent: &Torrent, piece: PieceIndex) -> bool {
        let Some(running) = &mut self.running else { return false };
        // On a sound disk, what was right once stays right.
        if !self.troubled && running.right.has(piece) {
            return true;
        }
        let has = holds(&self.disk, torrent, piece, View::Cached);
        if has {
            running.right.set(piece);
        }
        has
    }
}

/// Whether a piece is right on a disk.
pub(crate) fn holds(disk: &SimDisk, torrent: &Torrent, piece: PieceIndex, view: View) -> bool {
    let (layout, content) = (&torrent.info.layout, &torrent.reference.content);
    let start = piece.at() * layout.nominal_piece_len() as usize;
    let mut at = start;
    layout.spans(piece, 0, layout.piece_len(piece)).all(|span| {
        let from = at;
        at += span.len as usize;
        let path: Vec<String> = torrent.info.disk_path(span.file).map(str::to_owned).collect();
        span.pad || disk.holds(&path, span.offset, &content[from..at], view)
    })
}

/// Whether every file is there, with its length and every byte.
pub(crate) fn complete(disk: &SimDisk, torrent: &Torrent, view: View) -> Result<(), String> {
    for (path, (start, len)) in torrent.reference.files.iter() {
        let found = disk.len_of(path, view);
        if found != Some(*len as u64) {
            return Err(format!("{} has length {found:?} instead of {len} ({view:?})", path.join("/")));
        }
        if !disk.holds(path, 0, &torrent.reference.content[*start..start + len], view) {
            return Err(format!("{} has wrong bytes ({view:?})", path.join("/")));
        }
    }
    Ok(())
}

/// The session behind its lock.
pub(crate) fn lock(session: &Mutex<Session>) -> std::sync::MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}
