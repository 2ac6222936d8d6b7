//! What the tests of a store share: a torrent with content, a driver, and a disk in memory that can be told to fail.
// Each test file uses its part of this.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod memory;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{Bitfield, BlockRef, Choice, Chunk, Code, PieceIndex, Pool, Time};
use bitlode_metainfo::Info;
use bitlode_metainfo::create::Create;
use bitlode_storage::{
    Disk, FilePool, Files, Job, JobDone, JobKind, Limits, Mode, Store, StoreInput, StoreOutput, StoreSetup, run,
};
pub use memory::{MemoryDisk, View};

pub const KIB: u32 = 1024;

pub fn limits() -> Limits {
    Limits {
        block_age: Duration::from_secs(2),
        barrier_every: Duration::from_secs(5),
        barrier_bytes: 64 << 20,
        retry_every: Duration::from_secs(60),
        whole_piece: 1 << 20,
        run: 256 * KIB,
        check_read: 64 * KIB,
        check_job: 1 << 20,
        check_pieces: 1,
        check_jobs: 4,
        names: metainfo_limits(),
        read_job: 256 * KIB,
    }
}

fn metainfo_limits() -> bitlode_metainfo::Limits {
    bitlode_metainfo::Limits {
        file_bytes: 10 << 20,
        depth: 100,
        tokens: 3_000_000,
        pieces: 2_097_152,
        files: 500_000,
        piece_length: 512 << 20,
        total: (1 << 48) - 1,
        path_depth: 100,
        name_bytes: 240,
        path_bytes: 4096,
        trackers: 512,
        web_seeds: 256,
        nodes: 64,
        magnet_bytes: 8192,
        magnet_peers: 64,
        renames: 500,
    }
}

/// A torrent and what it stands for.
#[derive(Clone)]
pub struct Content {
    pub info: Arc<Info>,
    pub bytes: Arc<Vec<u8>>,
}

impl Content {
    /// Files of these lengths and incompressible bytes below the folder `t`; one without components is a file `t`.
    pub fn new(piece_length: u32, files: &[(&[&str], usize)]) -> Content {
        let mut choice = Choice::new(7);
        let total = files.iter().map(|(_, len)| len).sum();
        let mut bytes = Vec::with_capacity(total);
        while bytes.len() < total {
            bytes.extend_from_slice(&choice.next().to_le_bytes());
        }
        bytes.truncate(total);
        let raw = create(piece_length, files, &bytes);
        Content { info: Arc::new(Info::parse(&raw, &metainfo_limits()).unwrap()), bytes: Arc::new(bytes) }
    }

    /// As [`Content::new`], from an info dictionary.
    pub fn parse(raw: &[u8], bytes: Vec<u8>) -> Content {
        Content { info: Arc::new(Info::parse(raw, &metainfo_limits()).unwrap()), bytes: Arc::new(bytes) }
    }

    pub fn pieces(&self) -> u32 {
        self.info.layout.piece_count()
    }

    pub fn blocks(&self, piece: u32) -> Vec<BlockRef> {
        let layout = &self.info.layout;
        (0..layout.blocks_in(PieceIndex(piece))).map(|number| layout.block(PieceIndex(piece), number)).collect()
    }

    pub fn of(&self, block: BlockRef) -> &[u8] {
        let start = block.piece.at() * self.info.layout.nominal_piece_len() as usize + block.begin as usize;
        &self.bytes[start..start + block.len as usize]
    }

    /// The files on disk: path below the folder, bytes.
    pub fn files(&self) -> Vec<(Vec<String>, &[u8])> {
        let layout = &self.info.layout;
        let on_disk = (0..layout.files().len()).filter(|at| layout.files()[*at].on_disk());
        on_disk
            .map(|at| {
                let file = &layout.files()[at];
                let path = self.info.disk_path(bitlode_base::FileIndex(at as u32)).map(str::to_owned).collect();
                (path, &self.bytes[file.offset as usize..file.end() as usize])
            })
            .collect()
    }

    pub fn marker(&self) -> String {
        let hex: String = self.info.hashes.best().iter().map(|byte| format!("{byte:02x}")).collect();
        format!(".{hex}.bitlode")
    }
}

fn create(piece_length: u32, files: &[(&[&str], usize)], bytes: &[u8]) -> Vec<u8> {
    Create {
        name: "t".to_owned(),
        files: files
            .iter()
            .map(|(path, len)| (path.iter().map(|name| (*name).to_owned()).collect(), *len as u64))
            .collect(),
        piece_length,
        pieces: bytes.chunks(piece_length as usize).flat_map(bitlode_hash::sha1).collect(),
        ..Create::default()
    }
    .info()
    .unwrap()
}

/// A store, its files and the jobs that wait.
pub struct Rig<D: Disk> {
    pub content: Content,
    pub store: Store,
    pub files: Files<D>,
    pub pool: Pool,
    pub file_pool: Arc<FilePool<D>>,
    pub now: Time,
    /// What the store said, jobs and wakes left out.
    pub said: Vec<StoreOutput>,
    pub jobs: VecDeque<Job>,
    pub wake: Time,
    /// Jobs run so far, by kind.
    pub ran: Vec<JobKind>,
}

impl<D: Disk> Rig<D> {
    pub fn new(content: &Content, file_pool: Arc<FilePool<D>>, path: PathBuf, mode: Mode, limits: Limits) -> Rig<D> {
        let pool = Pool::new(64 << 20);
        let setup = StoreSetup { info: content.info.clone(), limits: Arc::new(limits), mode };
        Rig {
            content: content.clone(),
            store: Store::new(setup),
            files: Files::new(file_pool.clone(), pool.clone(), path),
            pool,
            file_pool,
            now: Time::from_secs(1),
            said: Vec::new(),
            jobs: VecDeque::new(),
            wake: Time::NEVER,
            ran: Vec::new(),
        }
    }

    /// Tells the store something; its jobs wait.
    pub fn tell(&mut self, input: StoreInput) {
        self.store.handle(self.now, input);
        while let Some(output) = self.store.poll() {
            match output {
                StoreOutput::Job(job) => self.jobs.push_back(job),
                StoreOutput::Wake { at } => self.wake = at,
                output => self.said.push(output),
            }
        }
    }

    /// Runs the oldest job but does not hand its result back.
    pub fn run_one(&mut self) -> Option<JobDone> {
        let job = self.jobs.pop_front()?;
        self.ran.push(job.kind());
        Some(run(job, &self.files))
    }

    /// Runs jobs until none is left.
    pub fn settle(&mut self) {
        while let Some(done) = self.run_one() {
            self.tell(StoreInput::Done(done));
        }
    }

    /// Tells, and runs what follows.
    pub fn go(&mut self, input: StoreInput) {
        self.tell(input);
        self.settle();
    }

    /// Lets time pass, waking the store when it asked for it; jobs run.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.wake <= end {
            self.now = self.now.max(self.wake);
            self.wake = Time::NEVER;
            self.go(StoreInput::Wake);
        }
        self.now = end;
    }

    pub fn chunk(&self, block: BlockRef) -> Chunk {
        self.chunk_of(self.content.of(block))
    }

    pub fn chunk_of(&self, bytes: &[u8]) -> Chunk {
        let mut slab = self.pool.take();
        slab.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        slab.freeze(bytes.len())
    }

    /// Gives a right block; jobs wait.
    pub fn give(&mut self, block: BlockRef) {
        let data = self.chunk(block);
        self.tell(StoreInput::Block { block, data });
    }

    /// Gives all blocks of a piece and runs what follows.
    pub fn give_piece(&mut self, piece: u32) {
        for block in self.content.blocks(piece) {
            self.give(block);
        }
        self.settle();
    }

    /// Gives all pieces.
    pub fn give_all(&mut self) {
        (0..self.content.pieces()).for_each(|piece| self.give_piece(piece));
    }

    /// Takes what was said.
    pub fn take(&mut self) -> Vec<StoreOutput> {
        std::mem::take(&mut self.said)
    }

    pub fn stopped(&self) -> Option<Code> {
        self.said.iter().rev().find_map(|said| match said {
            StoreOutput::Stopped { code, .. } => Some(*code),
            _ => None,
        })
    }

    pub fn checked(&self) -> Option<&Bitfield> {
        self.said.iter().rev().find_map(|said| match said {
            StoreOutput::Checked { have } => Some(have),
            _ => None,
        })
    }

    pub fn is_completed(&self) -> bool {
        self.said.iter().any(|said| matches!(said, StoreOutput::Completed))
    }

    pub fn verified(&self) -> Vec<u32> {
        let piece = |said: &StoreOutput| if let StoreOutput::Verified { piece } = said { Some(piece.0) } else { None };
        self.said.iter().filter_map(piece).collect()
    }

    pub fn lost(&self) -> Vec<BlockRef> {
        let block = |said: &StoreOutput| if let StoreOutput::Lost { block } = said { Some(*block) } else { None };
        self.said.iter().filter_map(block).collect()
    }

    pub fn unhad(&self) -> Vec<u32> {
        let piece = |said: &StoreOutput| if let StoreOutput::Unhave { piece } = said { Some(piece.0) } else { None };
        self.said.iter().filter_map(piece).collect()
    }

    pub fn durable(&self) -> Vec<u32> {
        let pieces = |said: &StoreOutput| match said {
            StoreOutput::Durable { pieces } => pieces.iter().map(|piece| piece.0).collect(),
            _ => Vec::new(),
        };
        self.said.iter().flat_map(pieces).collect()
    }

    pub fn freed(&self) -> u32 {
        self.said.iter().map(|said| if let StoreOutput::Freed { slabs } = said { *slabs } else { 0 }).sum()
    }
}

/// A folder of the system that is gone when dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bitlode-storage-{}-{next}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }

    pub fn join(&self, path: &[String]) -> PathBuf {
        path.iter().fold(self.0.clone(), |at, name| at.join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
