//! What a swarm's work costs when it grows: peers that join and leave, HAVEs, blocks, pieces, at many sizes, sans-IO.
//!
//! ```text
//! growth [PIECES PEERS]
//! ```
//! Half of the peers have about half of the pieces, a quarter has all but a few, a quarter a few. Some unchoke us and send
//! blocks; all the rest is there and says nothing.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time and memory")]

#[path = "../tests/rig/limits.rs"]
mod limits;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitlode_base::{Bitfield, BlockRef, Choice, PieceIndex, Time};
use bitlode_hash::Which;
use bitlode_metainfo::Info;
use bitlode_swarm::{Input, Limits, Output, PeerKey, Setup, Swarm};
use bitlode_wire::{Message, Reserved};

const BLOCK: u32 = 16 * 1024;
const BLOCKS: u32 = 4;
/// Peers that send blocks.
const GIVERS: u64 = 20;
const HAVES: u32 = 20_000;
const GRANT: u32 = 2_000;
const COMPLETED: u32 = 200;

fn info(pieces: u32) -> Arc<Info> {
    let length = BLOCK * BLOCKS;
    let mut raw = format!(
        "d6:lengthi{}e4:name1:a12:piece lengthi{length}e6:pieces{}:",
        u64::from(length) * u64::from(pieces),
        pieces * 20
    )
    .into_bytes();
    raw.resize(raw.len() + pieces as usize * 20, b'x');
    raw.push(b'e');
    let limits = bitlode_metainfo::Limits {
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
    };
    Arc::new(Info::parse(&raw, &limits).unwrap())
}

struct Bench {
    swarm: Swarm,
    now: Time,
    asked: Vec<(PeerKey, BlockRef)>,
    sent: u64,
}

impl Bench {
    fn new(pieces: u32, peers: u64) -> Bench {
        let info = info(pieces);
        let limits = Limits { peers: peers as usize + 1, ..limits::limits() };
        let setup = Setup {
            hashes: info.hashes,
            info: Some(info),
            limits: Arc::new(limits),
            choice: Choice::new(1),
            client: String::new(),
            listen_port: None,
            our_addrs: Vec::new(),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        };
        let mut bench = Bench { swarm: Swarm::new(setup, Time::ZERO), now: Time::ZERO, asked: Vec::new(), sent: 0 };
        bench.tell(Input::Have(Bitfield::none(pieces)));
        bench.tell(Input::Grant { slabs: GRANT });
        bench.tell(Input::Run(true));
        bench
    }

    fn tell(&mut self, input: Input<'_>) {
        self.now = self.now + Duration::from_micros(1);
        self.swarm.handle(self.now, input);
        while let Some(output) = self.swarm.poll() {
            match output {
                Output::Request { peer, block } => self.asked.push((peer, block)),
                Output::Send { .. } => self.sent += 1,
                Output::Cancel { peer, block } | Output::Forget { peer, block } => {
                    self.asked.retain(|(by, asked)| (*by, *asked) != (peer, block));
                }
                _ => {}
            }
        }
    }

    fn join(&mut self, key: u64, has: &Bitfield) {
        let peer = PeerKey(key);
        let addr = SocketAddr::from(([10, (key >> 16) as u8, (key >> 8) as u8, key as u8], 6881));
        let reserved = Reserved::NONE.with_fast();
        let mut peer_id = [b'x'; 20];
        peer_id[..8].copy_from_slice(&key.to_le_bytes());
        self.tell(Input::Joined { peer, addr, outgoing: false, reserved, peer_id, which: Which::V1 });
        self.say(key, Message::Bitfield(has.as_bytes()));
    }

    fn say(&mut self, key: u64, message: Message<'_>) {
        self.tell(Input::Message { peer: PeerKey(key), message });
    }
}

/// Some of the pieces: about so many of 1,000.
fn some(choice: &mut Choice, pieces: u32, of_1000: u64) -> Bitfield {
    let mut has = Bitfield::none(pieces);
    (0..pieces).filter(|_| choice.below(1_000) < of_1000).for_each(|piece| {
        has.set(PieceIndex(piece));
    });
    has
}

fn measure(pieces: u32, peers: u64) {
    let mut choice = Choice::new(7);
    let fields = [500, 995, 500, 5].map(|part| some(&mut choice, pieces, part));
    let field = |key: u64| &fields[(key % 4) as usize];
    let mut bench = Bench::new(pieces, peers);
    let us = |begin: Instant, times: u64| begin.elapsed().as_secs_f64() * 1e6 / times.max(1) as f64;

    let begin = Instant::now();
    (0..peers).for_each(|key| bench.join(key, field(key)));
    let join = us(begin, peers);

    let givers = GIVERS.min(peers);
    let begin = Instant::now();
    (0..peers).for_each(|key| bench.say(key, Message::Unchoke));
    let unchoke = us(begin, peers);

    let begin = Instant::now();
    for _ in 0..HAVES {
        let (key, piece) = (choice.below(peers), choice.below(pieces.into()) as u32);
        bench.say(key, Message::Have(PieceIndex(piece)));
    }
    let have = us(begin, HAVES.into());

    // Blocks come from some of the peers, each answered by new requests; pieces are complete at once.
    let (mut blocks, mut done, mut sent) = (0u64, 0u32, bench.sent);
    let (mut block_time, mut piece_time) = (Duration::ZERO, Duration::ZERO);
    let mut held = std::collections::BTreeMap::<u32, u32>::new();
    while done < COMPLETED.min(pieces / 2) {
        let Some(at) = bench.asked.iter().position(|(peer, _)| peer.0 < givers) else { break };
        let (peer, block) = bench.asked.remove(at);
        let begin = Instant::now();
        bench.tell(Input::Block { peer, block });
        block_time += begin.elapsed();
        blocks += 1;
        let count = held.entry(block.piece.0).or_default();
        *count += 1;
        if *count == BLOCKS {
            let begin = Instant::now();
            bench.tell(Input::Freed { slabs: BLOCKS });
            bench.tell(Input::Verified { piece: block.piece });
            piece_time += begin.elapsed();
            done += 1;
        }
    }
    sent = bench.sent - sent;

    let begin = Instant::now();
    for second in 1..=10 {
        bench.now = bench.now + Duration::from_millis(1_000 * u64::from(second > 0));
        bench.tell(Input::Wake);
    }
    let tick = us(begin, 10);
    let begin = Instant::now();
    (0..100).for_each(|_| {
        std::hint::black_box(bench.swarm.snapshot());
    });
    let snapshot = us(begin, 100);

    let begin = Instant::now();
    (0..peers).for_each(|key| bench.tell(Input::Left { peer: PeerKey(key) }));
    let leave = us(begin, peers);
    println!(
        "{pieces} pieces, {peers} peers, µs: join {join:.1}, unchoke {unchoke:.1}, HAVE {have:.2}, block {:.2}, piece {:.1} \
         ({:.0} messages), second {tick:.0}, snapshot {snapshot:.1}, leave {leave:.1}",
        block_time.as_secs_f64() * 1e6 / blocks.max(1) as f64,
        piece_time.as_secs_f64() * 1e6 / f64::from(done.max(1)),
        sent as f64 / f64::from(done.max(1)),
    );
}

fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|arg| arg.parse().expect("a number")).collect();
    if let [pieces, peers] = args[..] {
        return measure(pieces as u32, peers);
    }
    for pieces in [1_000, 100_000, 500_000] {
        for peers in [10, 1_000, 10_000] {
            measure(pieces, peers);
        }
    }
}
