//! One swarm, scripted peers and a pretended storage in virtual time. Every output is checked against the rules that
//! always hold.
#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, Bitfield, BlockRef, Choice, PieceIndex, Time};
use bitlode_hash::{InfoHashes, Which};
use bitlode_metainfo::Info;
use bitlode_swarm::{Input, Limits, Output, PeerKey, Reason, Setup, Swarm, SwarmEvent};
use bitlode_wire::{Message, OwnedMessage, Reserved};

mod limits;
pub use limits::limits;

fn metainfo_limits() -> bitlode_metainfo::Limits {
    bitlode_metainfo::Limits {
        file_bytes: 64 << 20,
        depth: 100,
        tokens: 3_000_000,
        pieces: 2_097_152,
        files: 1_000,
        piece_length: 512 << 20,
        total: 1 << 47,
        path_depth: 100,
        name_bytes: 240,
        path_bytes: 4_096,
        trackers: 16,
        web_seeds: 16,
        nodes: 16,
        magnet_bytes: 8_192,
        magnet_peers: 16,
        renames: 500,
    }
}

/// A v1 torrent of one file. Its hashes mean nothing here.
pub fn torrent(total: u64, piece_length: u32) -> Arc<Info> {
    info(total, piece_length, "")
}

pub fn private_torrent(total: u64, piece_length: u32) -> Arc<Info> {
    info(total, piece_length, "7:privatei1e")
}

/// A v1 torrent of files of these lengths; a negative one is padding (BEP 47).
pub fn torrent_of(lengths: &[i64], piece_length: u32) -> Arc<Info> {
    let total: u64 = lengths.iter().map(|len| len.unsigned_abs()).sum();
    let pieces = total.div_ceil(u64::from(piece_length)) as usize;
    let mut raw = "d5:filesl".to_owned();
    for (number, len) in lengths.iter().enumerate() {
        raw += if *len < 0 { "d4:attr1:p6:length" } else { "d6:length" };
        raw += &format!("i{}e4:pathl1:{}ee", len.unsigned_abs(), char::from(b'a' + number as u8));
    }
    raw += &format!("e4:name1:a12:piece lengthi{piece_length}e6:pieces{}:{}e", pieces * 20, "x".repeat(pieces * 20));
    Arc::new(Info::parse(raw.as_bytes(), &metainfo_limits()).unwrap())
}

fn info(total: u64, piece_length: u32, extra: &str) -> Arc<Info> {
    let pieces = total.div_ceil(u64::from(piece_length)) as usize;
    let mut raw = format!("d6:lengthi{total}e4:name1:a12:piece lengthi{piece_length}e6:pieces{}:", pieces * 20);
    (0..pieces * 20).for_each(|n| raw.push(char::from(b'a' + (n % 26) as u8)));
    raw.push_str(extra);
    raw.push('e');
    Arc::new(Info::parse(raw.as_bytes(), &metainfo_limits()).unwrap())
}

pub fn piece(index: u32) -> PieceIndex {
    PieceIndex(index)
}

pub fn block(index: u32, number: u32) -> BlockRef {
    BlockRef { piece: PieceIndex(index), begin: number * BLOCK_LEN, len: BLOCK_LEN }
}

pub fn addr(n: u64) -> SocketAddr {
    SocketAddr::from(([10, (n >> 8) as u8, n as u8, 1], 6881))
}

/// How a scripted peer behaves.
#[derive(Debug, Clone)]
pub struct Bot {
    /// Bytes per second; 0 never answers.
    pub rate: u64,
    pub delay: Duration,
    pub fast: bool,
    /// Whether the block with this running number is wrong.
    pub poison: fn(u64) -> bool,
    /// It rejects every request.
    pub rejects: bool,
    has: Bitfield,
    choking: bool,
    queue: Vec<(Time, BlockRef)>,
    free_at: Time,
    sent: u64,
    told: Told,
}

/// What a peer was told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub messages: Vec<OwnedMessage>,
    pub requests: Vec<(Time, BlockRef)>,
    pub cancels: Vec<BlockRef>,
    pub forgets: Vec<BlockRef>,
    pub uploads: u32,
    pub closed: Option<(Reason, bool)>,
}

pub struct Rig {
    pub swarm: Swarm,
    pub now: Time,
    pub bots: BTreeMap<PeerKey, Bot>,
    pub gone: BTreeMap<PeerKey, Told>,
    pub events: Vec<SwarmEvent>,
    pub dials: Vec<(Time, SocketAddr)>,
    pub metadata: Option<Vec<u8>>,
    pub kept: u64,
    pub dropped: u64,
    pub pressed: u32,
    pub wakes: u32,
    pub info: Option<Arc<Info>>,
    pub grant: u32,
    held: BTreeMap<PieceIndex, BTreeMap<u32, bool>>,
    in_memory: u32,
    memory: BTreeMap<PieceIndex, u32>,
    wake: Time,
    next: u64,
    loose: bool,
}

impl Rig {
    /// A running swarm with empty storage.
    pub fn new(info: Arc<Info>) -> Rig {
        let none = Bitfield::none(info.layout.piece_count());
        Rig::with(info, none, limits())
    }

    pub fn seed(info: Arc<Info>) -> Rig {
        let all = Bitfield::all(info.layout.piece_count());
        Rig::with(info, all, limits())
    }

    pub fn with(info: Arc<Info>, have: Bitfield, limits: Limits) -> Rig {
        let mut rig = Rig::bare(info.hashes, Some(info), limits);
        rig.tell(Input::Have(have));
        rig.tell(Input::Grant { slabs: rig.grant });
        rig.tell(Input::Run(true));
        rig
    }

    pub fn bare(hashes: InfoHashes, info: Option<Arc<Info>>, limits: Limits) -> Rig {
        let setup = Rig::setup(hashes, info, limits);
        Rig::of(setup)
    }

    pub fn setup(hashes: InfoHashes, info: Option<Arc<Info>>, limits: Limits) -> Setup {
        Setup {
            hashes,
            info,
            limits: Arc::new(limits),
            choice: Choice::new(1),
            client: "Bitlode test".to_owned(),
            listen_port: Some(6881),
            our_addrs: vec![addr(999)],
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }

    pub fn of(setup: Setup) -> Rig {
        let info = setup.info.clone();
        Rig {
            swarm: Swarm::new(setup, Time::ZERO),
            now: Time::ZERO,
            bots: BTreeMap::new(),
            gone: BTreeMap::new(),
            events: Vec::new(),
            dials: Vec::new(),
            metadata: None,
            kept: 0,
            dropped: 0,
            pressed: 0,
            wakes: 0,
            info,
            grant: 4_096,
            held: BTreeMap::new(),
            in_memory: 0,
            memory: BTreeMap::new(),
            wake: Time::NEVER,
            next: 0,
            loose: false,
        }
    }

    pub fn grant(&mut self, slabs: u32) {
        self.grant = slabs;
        self.tell(Input::Grant { slabs });
    }

    /// A peer joins; it says nothing yet.
    pub fn join(&mut self, fast: bool) -> PeerKey {
        let key = PeerKey(self.next);
        let outgoing = true;
        self.join_from(key, addr(self.next), outgoing, fast)
    }

    pub fn join_from(&mut self, key: PeerKey, addr: SocketAddr, outgoing: bool, fast: bool) -> PeerKey {
        self.next = self.next.max(key.0) + 1;
        let pieces = self.info.as_ref().map_or(0, |info| info.layout.piece_count());
        let bot = Bot {
            rate: 1 << 20,
            delay: Duration::from_millis(20),
            fast,
            poison: |_| false,
            rejects: false,
            has: Bitfield::none(pieces),
            choking: true,
            queue: Vec::new(),
            free_at: Time::ZERO,
            sent: 0,
            told: Told::default(),
        };
        self.bots.insert(key, bot);
        let reserved = Reserved::NONE.with_extended();
        let reserved = if fast { reserved.with_fast() } else { reserved };
        let peer_id = [key.0 as u8; 20];
        self.tell(Input::Joined { peer: key, addr, outgoing, reserved, peer_id, which: Which::V1 });
        key
    }

    /// A peer that has everything and lets us download.
    pub fn seed_peer(&mut self, rate: u64) -> PeerKey {
        let key = self.join(true);
        self.bot(key).rate = rate;
        self.say(key, Message::HaveAll);
        self.say(key, Message::Unchoke);
        key
    }

    /// A peer that has these pieces and lets us download.
    pub fn peer_with(&mut self, pieces: impl IntoIterator<Item = u32>) -> PeerKey {
        let key = self.join(true);
        let mut field = self.bot(key).has.clone();
        pieces.into_iter().for_each(|index| assert!(field.set(PieceIndex(index))));
        self.say(key, Message::Bitfield(field.as_bytes()));
        self.say(key, Message::Unchoke);
        key
    }

    pub fn bot(&mut self, key: PeerKey) -> &mut Bot {
        self.bots.get_mut(&key).expect("the peer is connected")
    }

    /// What a peer, connected or closed, was told.
    pub fn told(&self, key: PeerKey) -> &Told {
        self.bots.get(&key).map(|bot| &bot.told).or(self.gone.get(&key)).expect("the peer was there")
    }

    pub fn closed(&self, key: PeerKey) -> Option<Reason> {
        self.told(key).closed.map(|(reason, _)| reason)
    }

    /// What was sent to the peer since the last call.
    pub fn heard(&mut self, key: PeerKey) -> Vec<OwnedMessage> {
        std::mem::take(&mut self.bot(key).told.messages)
    }

    /// Requests that the peer has not answered.
    pub fn open(&self, key: PeerKey) -> Vec<BlockRef> {
        self.bots.get(&key).map(|bot| bot.queue.iter().map(|(_, block)| *block).collect()).unwrap_or_default()
    }

    /// The peer says something.
    pub fn say(&mut self, key: PeerKey, message: Message<'_>) {
        if let Some(bot) = self.bots.get_mut(&key) {
            let pieces = bot.has.len();
            match message {
                Message::HaveAll => bot.has = Bitfield::all(pieces),
                Message::Bitfield(bytes) => bot.has = Bitfield::from_bytes(bytes, pieces).unwrap_or(bot.has.clone()),
                Message::Have(piece) => {
                    bot.has.set(piece);
                }
                Message::Unchoke => bot.choking = false,
                Message::Choke => {
                    bot.choking = true;
                    if !bot.fast {
                        // The swarm forgets them in the drain that follows; what it forgot is checked there.
                        self.loose = true;
                    }
                }
                Message::Reject(block) => bot.queue.retain(|(_, open)| *open != block),
                _ => {}
            }
        }
        self.tell(Input::Message { peer: key, message });
        self.loose = false;
    }

    /// The peer chokes us and, with the fast extension, rejects what is open.
    pub fn choke(&mut self, key: PeerKey) {
        self.say(key, Message::Choke);
        if self.bot(key).fast {
            for block in self.open(key) {
                self.say(key, Message::Reject(block));
            }
        }
        assert_eq!(self.open(key), []);
        self.bot(key).free_at = Time::ZERO;
    }

    pub fn leave(&mut self, key: PeerKey) {
        self.gone.insert(key, self.bots.get(&key).expect("connected").told.clone());
        self.bots.remove(&key);
        self.tell(Input::Left { peer: key });
    }

    pub fn have(&self) -> u32 {
        self.swarm.have().map_or(0, Bitfield::count)
    }

    /// Tells the swarm a fact and looks at all it answers.
    pub fn tell(&mut self, input: Input<'_>) {
        if let Input::Freed { slabs } = &input {
            self.in_memory -= slabs;
        }
        let mut answer = matches!(input, Input::Block { .. });
        self.swarm.handle(self.now, input);
        let mut later = Vec::new();
        let mut ended = false;
        while let Some(output) = self.swarm.poll() {
            assert!(!ended, "{output:?} after Wake");
            if std::mem::take(&mut answer) {
                assert!(matches!(output, Output::Keep { .. } | Output::Drop { .. }), "{output:?} came first");
            }
            ended = matches!(output, Output::Wake { .. });
            self.obey(output, &mut later);
        }
        assert!(ended, "a drain ends with Wake");
        let stats = self.swarm.snapshot();
        let open: usize = self.bots.values().map(|bot| bot.queue.len()).sum();
        assert_eq!(stats.requests as usize, open, "open requests at {:?}", self.now);
        assert_eq!(stats.unfreed, self.in_memory, "blocks in memory");
        for input in later {
            self.tell(input);
        }
    }

    fn obey(&mut self, output: Output, later: &mut Vec<Input<'static>>) {
        match output {
            Output::Send { peer, message } => {
                let bot = self.bots.get_mut(&peer).expect("sent to a peer that is there");
                bot.told.messages.push(message);
            }
            Output::Request { peer, block } => {
                let stats = self.swarm.snapshot();
                assert!(stats.requests + stats.unfreed <= self.grant, "beyond the grant");
                let bot = self.bots.get_mut(&peer).expect("asked a peer that is there");
                assert!(!bot.choking, "asked while choked");
                assert!(bot.has.has(block.piece), "asked for what the peer lacks");
                assert!(!bot.queue.iter().any(|(_, open)| *open == block), "asked twice: {block:?}");
                let held = self.held.get(&block.piece).is_some_and(|held| held.contains_key(&block.number()));
                assert!(!held, "asked for what is held");
                bot.told.requests.push((self.now, block));
                let at = match (bot.rejects, bot.rate) {
                    (true, _) => self.now + bot.delay,
                    (_, 0) => Time::NEVER,
                    (_, rate) => {
                        let takes = Duration::from_micros(u64::from(block.len) * 1_000_000 / rate);
                        bot.free_at = bot.free_at.max(self.now + bot.delay) + takes;
                        bot.free_at
                    }
                };
                bot.queue.push((at, block));
            }
            Output::Cancel { peer, block } => {
                if let Some(bot) = self.bots.get_mut(&peer) {
                    assert!(bot.queue.iter().any(|(_, open)| *open == block), "cancelled what was not open");
                    bot.queue.retain(|(_, open)| *open != block);
                    bot.told.cancels.push(block);
                }
            }
            Output::Forget { peer, block } => {
                let bot = self.bots.get_mut(&peer).expect("there");
                assert!(self.loose, "only a choke without the fast extension makes us forget");
                bot.queue.retain(|(_, open)| *open != block);
                bot.told.forgets.push(block);
            }
            Output::Keep { peer, block } => {
                let bot = self.bots.get_mut(&peer).expect("there");
                let good = !(bot.poison)(bot.sent);
                bot.sent += 1;
                self.kept += 1;
                self.in_memory += 1;
                *self.memory.entry(block.piece).or_default() += 1;
                let held = self.held.entry(block.piece).or_default();
                assert!(held.insert(block.number(), good).is_none(), "a second copy was kept");
                let had = self.swarm.have().is_some_and(|had| had.has(block.piece));
                assert!(!had, "a block of a piece that is had was kept");
                let info = self.info.clone().expect("metadata");
                let pads = info.layout.pad_blocks(block.piece);
                assert!(!pads.contains(&block.number()), "padding was fetched");
                if held.len() + pads.len() == info.layout.blocks_in(block.piece) as usize {
                    let right = self.held.remove(&block.piece).expect("held").values().all(|good| *good);
                    later.push(Input::Freed { slabs: self.memory.remove(&block.piece).unwrap_or(0) });
                    let piece = block.piece;
                    later.push(if right { Input::Verified { piece } } else { Input::Failed { piece } });
                }
            }
            Output::Drop { .. } => self.dropped += 1,
            Output::Uploads { peer } => self.bots.get_mut(&peer).expect("there").told.uploads += 1,
            Output::Close { peer, reason, ban } => {
                let mut told = self.bots.remove(&peer).map(|bot| bot.told).unwrap_or_default();
                told.closed = Some((reason, ban));
                self.gone.insert(peer, told);
                later.push(Input::Left { peer });
            }
            Output::Dial { addr } => self.dials.push((self.now, addr)),
            Output::Metadata(bytes) => self.metadata = Some(bytes),
            Output::Pressure => self.pressed += 1,
            Output::Event(event) => self.events.push(event),
            Output::Wake { at, why } => {
                assert!(!why.is_empty());
                self.wake = at;
            }
        }
    }

    /// Lets time pass; peers answer what they were asked.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until something holds; says whether it came to hold before `end`.
    pub fn run_until(&mut self, end: Time, done: impl Fn(&Rig) -> bool) -> bool {
        while !done(self) {
            let answers =
                self.bots.iter().flat_map(|(key, bot)| bot.queue.iter().map(|(at, block)| (*at, *key, *block)));
            let (at, who) = match answers.min_by_key(|(at, key, _)| (*at, *key)) {
                Some((at, key, block)) if at <= self.wake => (at, Some((key, block))),
                _ => (self.wake, None),
            };
            if at > end || at == Time::NEVER {
                self.now = end;
                return false;
            }
            self.now = self.now.max(at);
            let Some((key, block)) = who else {
                self.wakes += 1;
                self.wake = Time::NEVER;
                self.tell(Input::Wake);
                continue;
            };
            let bot = self.bot(key);
            bot.queue.retain(|(_, open)| *open != block);
            if bot.rejects {
                self.tell(Input::Message { peer: key, message: Message::Reject(block) });
            } else {
                self.tell(Input::Block { peer: key, block });
            }
        }
        true
    }

    /// Runs until all pieces are had.
    pub fn complete(&mut self, within: Duration) -> bool {
        let end = self.now + within;
        self.run_until(end, |rig| rig.swarm.snapshot().complete)
    }

    /// Storage writes everything it holds, unverified.
    pub fn spill(&mut self) {
        self.memory.clear();
        let slabs = self.in_memory;
        self.tell(Input::Freed { slabs });
    }

    /// Pieces that requests to a peer touched, in order.
    pub fn pieces_asked(&self, key: PeerKey) -> Vec<u32> {
        let mut pieces: Vec<u32> = self.told(key).requests.iter().map(|(_, block)| block.piece.0).collect();
        pieces.dedup();
        pieces
    }

    /// All distinct blocks asked of a peer.
    pub fn blocks_asked(&self, key: PeerKey) -> BTreeSet<BlockRef> {
        self.told(key).requests.iter().map(|(_, block)| *block).collect()
    }
}

impl Bot {
    /// It will never answer that request.
    pub fn lose(&mut self, block: BlockRef) {
        self.queue.iter_mut().filter(|(_, open)| *open == block).for_each(|(at, _)| *at = Time::NEVER);
    }
}

impl Rig {
    /// The number of pieces is known now, and the peer has them all.
    pub fn learn_pieces(&mut self, key: PeerKey) {
        let pieces = self.info.as_ref().map_or(0, |info| info.layout.piece_count());
        self.bot(key).has = Bitfield::all(pieces);
    }

    /// Storage drops a block that it holds.
    pub fn lose(&mut self, block: BlockRef) {
        let held = self.held.get_mut(&block.piece).and_then(|held| held.remove(&block.number()));
        assert!(held.is_some(), "it is held");
        *self.memory.get_mut(&block.piece).expect("in memory") -= 1;
        self.tell(Input::Lost { block });
        self.tell(Input::Freed { slabs: 1 });
    }
}
