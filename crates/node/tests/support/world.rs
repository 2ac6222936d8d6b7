//! Nodes and the wires between them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bitlode_base::{Choice, Code, Pool, Secret, Time};
use bitlode_hash::{InfoHashes, sha1};
use bitlode_metainfo::{Info, create::Create};
use bitlode_node::{
    Candidate, DialId, Fact, Mode, Node, NodeConfig, Output, Parcel, Source, State, TorrentSpec, limits,
};
use bitlode_session::{CarrierId, Session, Settings, ShardId, TorrentId};
use bitlode_storage::{FilePool, Files, Job};

use super::MemDisk;

/// A torrent and its bytes.
pub(crate) struct Content {
    pub(crate) info: Arc<Info>,
    /// Path below the folder, and bytes.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Content {
    /// Files of these lengths, filled from the seed.
    pub(crate) fn new(seed: u64, piece_length: u32, lengths: &[u64]) -> Content {
        let mut choice = Choice::new(seed);
        let name = format!("content-{seed}");
        let mut files = Vec::new();
        let mut listed = Vec::new();
        let mut all = Vec::new();
        for (number, len) in lengths.iter().enumerate() {
            let bytes: Vec<u8> = (0..*len).map(|_| choice.next() as u8).collect();
            all.extend_from_slice(&bytes);
            files.push((format!("{name}/dir-{number}/file"), bytes));
            listed.push((vec![format!("dir-{number}"), "file".to_owned()], *len));
        }
        let pieces = all.chunks(piece_length as usize).flat_map(sha1).collect();
        let create = Create { name, files: listed, piece_length, pieces, ..Create::default() };
        let info = Info::parse(&create.info().unwrap(), &limits::metainfo(&Settings::default())).unwrap();
        Content { info: Arc::new(info), files }
    }

    /// The same with padding behind each file, up to a piece border (BEP 47).
    pub(crate) fn padded(seed: u64, piece_length: u32, lengths: &[u64]) -> Content {
        let mut choice = Choice::new(seed);
        let name = format!("padded-{seed}");
        let (mut files, mut listed, mut all) = (Vec::new(), String::new(), Vec::new());
        for (number, len) in lengths.iter().enumerate() {
            let bytes: Vec<u8> = (0..*len).map(|_| choice.next() as u8).collect();
            all.extend_from_slice(&bytes);
            let file = format!("file-{number}");
            listed += &format!("d6:lengthi{len}e4:pathl{}ee", string(&file));
            files.push((format!("{name}/{file}"), bytes));
            let pad = all.len().next_multiple_of(piece_length as usize) - all.len();
            if pad > 0 {
                listed += &format!("d4:attr1:p6:lengthi{pad}e4:pathl4:.pad{}ee", string(&pad.to_string()));
                all.resize(all.len() + pad, 0);
            }
        }
        let pieces: Vec<u8> = all.chunks(piece_length as usize).flat_map(sha1).collect();
        let head = format!("d5:filesl{listed}e4:name{}12:piece lengthi{piece_length}e", string(&name));
        let raw = [head.as_bytes(), format!("6:pieces{}:", pieces.len()).as_bytes(), &pieces, b"e"].concat();
        let info = Info::parse(&raw, &limits::metainfo(&Settings::default())).unwrap();
        Content { info: Arc::new(info), files }
    }
}

/// `text` as a bencoded string.
fn string(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// One node with its disk and what it said.
pub(crate) struct Host {
    pub(crate) node: Node,
    pub(crate) session: Arc<Mutex<Session>>,
    pub(crate) disk: MemDisk,
    pub(crate) facts: Vec<Fact>,
    pub(crate) pool: Pool,
    files: BTreeMap<TorrentId, Arc<Files<MemDisk>>>,
    file_pool: Arc<FilePool<MemDisk>>,
    addr: SocketAddr,
    shard: ShardId,
    carriers: u64,
    wake: Time,
}

/// All nodes. Host `n` is reached at 10.0.0.n; a dial of an address where nobody is fails.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) hosts: Vec<Host>,
    /// Both ends of each wire.
    ends: BTreeMap<(usize, CarrierId), (usize, CarrierId)>,
    /// Bytes on their way to an end.
    bytes: BTreeMap<(usize, CarrierId), VecDeque<u8>>,
    /// Jobs that are not run while the disks stand still.
    pub(crate) stuck: Option<VecDeque<(usize, TorrentId, Job)>>,
    /// The first host whose disk can stand still.
    pub(crate) stuck_from: usize,
    pub(crate) evicted: Vec<CarrierId>,
    /// What strangers were told: carriers that are no node's.
    heard: BTreeMap<(usize, CarrierId), Vec<u8>>,
    /// Strangers that take nothing any more.
    pub(crate) deaf: Vec<(usize, CarrierId)>,
    /// The disks' content lies in a page cache.
    pub(crate) cached: bool,
}

impl World {
    pub(crate) fn host(&mut self, settings: Settings) -> usize {
        let number = self.hosts.len();
        let pool = Pool::new(settings.memory);
        let settings = Arc::new(settings);
        let secret = Secret::new([number as u8 + 1; 32]);
        let session = Session::new(settings.clone(), secret, pool.budget(), 1);
        self.shard(settings, pool, Arc::new(Mutex::new(session)), ShardId(0), number)
    }

    /// One host with several shards: the others are further hosts at the same address.
    pub(crate) fn shards(&mut self, settings: Settings, shards: u16) -> Vec<usize> {
        let number = self.hosts.len();
        let pool = Pool::new(settings.memory);
        let settings = Arc::new(settings);
        let secret = Secret::new([number as u8 + 1; 32]);
        let session = Session::new(settings.clone(), secret, pool.budget(), shards);
        let session = Arc::new(Mutex::new(session));
        let shard = |shard| self.shard(settings.clone(), pool.clone(), session.clone(), ShardId(shard), number);
        (0..shards).map(shard).collect()
    }

    fn shard(
        &mut self,
        settings: Arc<Settings>,
        pool: Pool,
        session: Arc<Mutex<Session>>,
        shard: ShardId,
        address: usize,
    ) -> usize {
        let disk = MemDisk::default();
        let config = NodeConfig {
            shard,
            settings,
            pool: pool.clone(),
            session: session.clone(),
            choice: Choice::new(self.hosts.len() as u64),
            client: "test 1.0".to_owned(),
            listen_port: Some(6881),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        };
        self.hosts.push(Host {
            node: Node::new(config),
            session,
            file_pool: Arc::new(FilePool::new(disk.clone(), 16)),
            disk,
            facts: Vec::new(),
            pool,
            files: BTreeMap::new(),
            addr: World::addr(address),
            shard,
            carriers: 0,
            wake: Time::NEVER,
        });
        self.hosts.len() - 1
    }

    pub(crate) fn addr(host: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host as u8 + 1], 6881))
    }

    /// Adds a torrent, with its metadata or by its hashes only.
    pub(crate) fn add(
        &mut self,
        host: usize,
        id: u64,
        hashes: InfoHashes,
        info: Option<Arc<Info>>,
        mode: Mode,
    ) -> TorrentId {
        let id = TorrentId(id);
        let h = &mut self.hosts[host];
        h.session.lock().unwrap().register(id, &hashes, h.shard).unwrap();
        let files = Files::new(h.file_pool.clone(), h.pool.clone(), PathBuf::from("/data"));
        h.files.insert(id, Arc::new(files));
        h.node.add(self.now, TorrentSpec { id, hashes, info, mode, run: true });
        self.settle();
        id
    }

    /// A host that has all the content.
    pub(crate) fn seed(&mut self, host: usize, id: u64, content: &Content) -> TorrentId {
        for (path, bytes) in &content.files {
            self.hosts[host].disk.put(&format!("/data/{path}"), bytes.clone());
        }
        self.add(host, id, content.info.hashes, Some(content.info.clone()), Mode::Seed)
    }

    pub(crate) fn leech(&mut self, host: usize, id: u64, content: &Content) -> TorrentId {
        let mode = Mode::Download { overwrite: false };
        self.add(host, id, content.info.hashes, Some(content.info.clone()), mode)
    }

    /// Tells a torrent of another host.
    pub(crate) fn meet(&mut self, host: usize, id: TorrentId, other: usize) {
        let candidate = Candidate { addr: self.hosts[other].addr, source: Source::Manual };
        self.hosts[host].node.add_candidates(self.now, id, &[candidate]).unwrap();
        self.settle();
    }

    /// Someone who is no node connects to a host.
    pub(crate) fn stranger(&mut self, host: usize) -> CarrierId {
        let carrier = self.carrier(host);
        let addr = SocketAddr::from(([192, 0, 2, carrier.0 as u8], 40_000));
        self.hosts[host].node.incoming(self.now, carrier, addr);
        self.heard.insert((host, carrier), Vec::new());
        carrier
    }

    /// A stranger says something; gives what it hears until all is still.
    pub(crate) fn say(&mut self, host: usize, carrier: CarrierId, bytes: &[u8]) -> Vec<u8> {
        self.bytes.entry((host, carrier)).or_default().extend(bytes);
        self.settle();
        self.heard.get_mut(&(host, carrier)).map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn state(&mut self, host: usize, id: TorrentId) -> State {
        self.hosts[host].node.take_state(id).unwrap()
    }

    pub(crate) fn has(&self, host: usize, content: &Content) -> bool {
        let disk = &self.hosts[host].disk;
        content.files.iter().all(|(path, bytes)| disk.get(&format!("/data/{path}")).as_ref() == Some(bytes))
    }

    /// Goes from wake to wake until `done`, or for so many seconds.
    pub(crate) fn run(&mut self, secs: u64, mut done: impl FnMut(&mut World) -> bool) -> bool {
        let end = Time(self.now.micros() + secs * 1_000_000);
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            let next = self.hosts.iter().map(|host| host.wake).min().unwrap_or(Time::NEVER);
            if next > end {
                self.now = end;
                return false;
            }
            self.now = self.now.max(next);
            for host in 0..self.hosts.len() {
                if self.hosts[host].wake <= self.now {
                    self.hosts[host].wake = Time::NEVER;
                    self.hosts[host].node.wake(self.now);
                }
            }
        }
    }

    pub(crate) fn next_wake(&self) -> Time {
        self.hosts.iter().map(|host| host.wake).min().unwrap_or(Time::NEVER)
    }

    /// Carries out everything that the nodes ask for and moves all bytes.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for host in 0..self.hosts.len() {
                while let Some(output) = self.hosts[host].node.poll() {
                    quiet = false;
                    self.carry_out(host, output);
                }
            }
            quiet &= !self.deliver();
            if quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, host: usize, output: Output) {
        match output {
            Output::Fact(fact) => self.hosts[host].facts.push(fact),
            Output::Wake { at } => self.hosts[host].wake = at,
            Output::Close { carrier } => self.cut(host, carrier),
            Output::Evict { carrier } => self.evicted.push(carrier),
            Output::Writable { carrier } => self.write(host, carrier),
            Output::Dial { dial, addr } => self.dial(host, dial, addr),
            Output::Move { carrier, to, parcel } => self.move_to(host, carrier, to, *parcel),
            Output::Job { torrent, job } => match &mut self.stuck {
                Some(jobs) if host >= self.stuck_from => jobs.push_back((host, torrent, job)),
                _ => self.job(host, torrent, job),
            },
        }
    }

    fn job(&mut self, host: usize, torrent: TorrentId, job: Job) {
        let files = self.hosts[host].files[&torrent].clone();
        let job = if self.cached { bitlode_storage::run_now(job, &files) } else { Err(job) };
        let done = job.unwrap_or_else(|job| bitlode_storage::run(job, &files));
        self.hosts[host].node.job_done(self.now, torrent, done);
    }

    /// Lets the disks run again.
    pub(crate) fn unstick(&mut self) {
        for (host, torrent, job) in self.stuck.take().unwrap_or_default() {
            self.job(host, torrent, job);
        }
        self.settle();
    }

    fn carrier(&mut self, host: usize) -> CarrierId {
        let host = &mut self.hosts[host];
        host.carriers += 1;
        CarrierId::new(host.shard, host.carriers)
    }

    fn dial(&mut self, host: usize, dial: DialId, addr: SocketAddr) {
        let Some(other) = self.hosts.iter().position(|host| host.addr == addr) else {
            return self.hosts[host].node.dial_failed(self.now, dial, Code::PeerUnreachable);
        };
        let (here, there) = (self.carrier(host), self.carrier(other));
        self.ends.insert((host, here), (other, there));
        self.ends.insert((other, there), (host, here));
        let from = self.hosts[host].addr;
        self.hosts[other].node.incoming(self.now, there, SocketAddr::new(from.ip(), 40_000));
        self.hosts[host].node.connected(self.now, dial, here);
    }

    fn move_to(&mut self, host: usize, carrier: CarrierId, to: ShardId, parcel: Parcel) {
        let addr = self.hosts[host].addr;
        let to = self.hosts.iter().position(|host| host.addr == addr && host.shard == to).unwrap();
        if let Some(far) = self.ends.remove(&(host, carrier)) {
            self.ends.insert(far, (to, carrier));
            self.ends.insert((to, carrier), far);
        }
        if let Some(bytes) = self.bytes.remove(&(host, carrier)) {
            self.bytes.insert((to, carrier), bytes);
        }
        self.hosts[to].node.adopt(self.now, carrier, parcel);
    }

    fn write(&mut self, host: usize, carrier: CarrierId) {
        while !self.deaf.contains(&(host, carrier)) {
            self.hosts[host].node.prepare_send(self.now, carrier);
            let Some(plan) = self.hosts[host].node.send_plan(carrier) else { return };
            let bytes: Vec<u8> = plan.as_io_slices().iter().flat_map(|slice| slice.iter().copied()).collect();
            if bytes.is_empty() {
                return;
            }
            if let Some(far) = self.ends.get(&(host, carrier)) {
                self.bytes.entry(*far).or_default().extend(&bytes);
            } else if let Some(heard) = self.heard.get_mut(&(host, carrier)) {
                heard.extend(&bytes);
            }
            self.hosts[host].node.sent(self.now, carrier, bytes.len());
        }
    }

    /// Moves one helping of bytes on every wire; says whether there were any.
    fn deliver(&mut self) -> bool {
        let mut any = false;
        for end in self.bytes.keys().copied().collect::<Vec<_>>() {
            let (host, carrier) = end;
            let Some(queue) = self.bytes.get_mut(&end).filter(|queue| !queue.is_empty()) else { continue };
            let Some(mut plan) = self.hosts[host].node.recv_plan(carrier) else {
                self.bytes.remove(&end);
                continue;
            };
            let n = plan.fill(queue.make_contiguous());
            if n == 0 {
                continue;
            }
            queue.drain(..n);
            any = true;
            self.hosts[host].node.received(self.now, carrier, n);
        }
        any
    }

    /// Closes a wire from one end.
    pub(crate) fn cut(&mut self, host: usize, carrier: CarrierId) {
        self.bytes.remove(&(host, carrier));
        if let Some((far, there)) = self.ends.remove(&(host, carrier)) {
            // What was sent before arrives first.
            while self.bytes.get(&(far, there)).is_some_and(|queue| !queue.is_empty()) {
                let before = self.bytes[&(far, there)].len();
                self.deliver();
                if self.bytes.get(&(far, there)).is_some_and(|queue| queue.len() == before) {
                    break;
                }
            }
            self.ends.remove(&(far, there));
            self.bytes.remove(&(far, there));
            self.hosts[far].node.lost(self.now, there, Code::PeerClosed);
        }
    }
}
