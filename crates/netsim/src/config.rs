//! What happens in a run: drawn from its seed, and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bitlode_base::{Choice, Time};

use crate::disk::Faults;
use crate::torrent::Shape;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The seed it was drawn from, and of every choice in the run.
    pub seed: u64,
    /// What the torrent looks like.
    pub shape: Shape,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// Bytes of the torrent, about.
    pub total: usize,
    /// The honest peers: real nodes.
    pub peers: Vec<PeerConfig>,
    /// The others.
    pub villains: Vec<VillainConfig>,
    /// The first so many peers are known to everybody from the start.
    pub hubs: usize,
    /// How many of a thousand transfers are cut into very small parts.
    pub crumbs: u64,
    /// When the run is given up.
    pub until: Time,
}

/// What a peer starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With everything.
    Seed,
    /// With the .torrent file.
    Torrent,
    /// With a magnet link.
    Magnet,
}

/// An honest peer.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// What it starts with.
    pub start: Start,
    /// When it starts.
    pub at: Time,
    /// Where it is reached.
    pub addr: SocketAddr,
    /// Whether anybody can connect to it.
    pub reachable: bool,
    /// Its connection to the network.
    pub link: LinkConfig,
    /// Bytes of its pool.
    pub memory: usize,
    /// Peers it serves at once.
    pub upload_slots: u32,
    /// Peers it is connected to at most.
    pub connections: u32,
    /// How long its disk takes for a job, at most.
    pub disk_delay: Duration,
    /// What happens to it, in order of time.
    pub fate: Vec<(Time, Fate)>,
}

/// How a peer is connected.
#[derive(Debug, Clone, Copy)]
pub struct LinkConfig {
    /// Bytes per second that it sends.
    pub up: u64,
    /// Bytes per second that it receives.
    pub down: u64,
    /// From it to the middle of the network.
    pub delay: Duration,
}

/// Something that happens to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its power goes; it comes back after this time. Thousandths of what is not durable survive.
    PowerCut {
        /// How long it is away.
        away: Duration,
        /// Thousandths that survive.
        keep: u64,
    },
    /// Its process is killed; it comes back after this time, its page cache intact.
    Kill {
        /// How long it is away.
        away: Duration,
    },
    /// All its connections are reset.
    Reset,
    /// All its connections go dead without a word.
    Silence,
    /// It is paused for this time.
    Pause {
        /// How long.
        away: Duration,
    },
    /// Its disk fails like this from now on.
    Faults(Faults),
    /// That many bytes fit on its disk beside what is there; `None`: enough.
    Capacity(Option<u64>),
}

/// A peer that means harm.
#[derive(Debug, Clone)]
pub struct VillainConfig {
    /// What it does.
    pub kind: Villainy,
    /// When it appears.
    pub at: Time,
    /// Where it is reached.
    pub addr: SocketAddr,
    /// Its connection to the network.
    pub link: LinkConfig,
}

/// What a peer that means harm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Villainy {
    /// Says it has everything and sends wrong bytes, these thousandths of the time.
    Poison {
        /// Thousandths of its blocks that are wrong.
        wrong: u64,
    },
    /// Says it has everything and rejects or ignores every request.
    Miser,
    /// Breaks rules of the protocol, one after another.
    Vandal,
    /// Offers wrong metadata.
    MetadataLiar,
    /// Requests and never reads.
    Glutton,
}

/// The address of the `n`-th actor of a run: every eighth speaks IPv6.
pub fn address(n: usize) -> SocketAddr {
    let ip: IpAddr = if n % 8 == 7 {
        format!("2001:db8:{n:x}::1").parse().unwrap_or(IpAddr::from([10, 255, 255, 255]))
    } else {
        IpAddr::from([10, 0, (n / 200) as u8, (n % 200) as u8 + 1])
    };
    SocketAddr::new(ip, 6881)
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

impl Config {
    /// The run of a seed.
    pub fn draw(seed: u64) -> Config {
        let mut choice = Choice::new(seed);
        let choice = &mut choice;
        let shape = *pick(
            choice,
            &[Shape::Single, Shape::Exact, Shape::OneByteTail, Shape::Many, Shape::Padded, Shape::Hybrid],
        );
        // Mostly a handful of peers, sometimes a crowd; what they move together is bounded.
        let peers = 2 + if choice.below(5) == 0 { choice.below(29) } else { choice.below(8) } as usize;
        let total = (MIB + choice.below(7 * MIB)).min(32 * MIB / peers as u64) as usize;
        let piece_length = match choice.below(10) {
            0 if shape != Shape::Hybrid => 1000 * (1 + choice.below(60)) as u32,
            0 | 1 => 1024 * 1024,
            2 | 3 => 16 * 1024,
            n => (32 * 1024) << (n % 5),
        };
        // Small pieces of a large torrent cost a message each: that is what they are there for, but not many times over.
        let total = total.min(piece_length as usize * 600);
        let seeds = 1 + choice.below(peers as u64 / 4 + 1) as usize;
        let slow = choice.below(4) == 0;
        let troubled = choice.below(2) == 0;
        let end = Time::from_secs(3600);
        let peers = (0..peers).map(|n| peer(choice, n, n < seeds, slow, troubled && n > 0)).collect::<Vec<_>>();
        let villains = match choice.below(3) {
            0 => 0,
            _ => choice.below(3) as usize,
        };
        let villains = (0..villains).map(|n| villain(choice, peers.len() + n, slow)).collect();
        let crumbs = *pick(choice, &[0, 10, 100]);
        Config { seed, shape, piece_length, total, peers, villains, hubs: 0, crumbs, until: end }
    }

    /// Fifty peers, pieces of 16 MiB, and a pool of 4 MiB for each: a piece never fits into memory.
    pub fn large_pieces(seed: u64) -> Config {
        let mut choice = Choice::new(seed);
        let peers = (0..50)
            .map(|n| PeerConfig { memory: 4 * MIB as usize, ..peer(&mut choice, n, n < 5, false, false) })
            .collect();
        Config {
            seed,
            shape: Shape::OneByteTail,
            piece_length: 16 * MIB as u32,
            total: 33 * MIB as usize,
            peers,
            villains: Vec::new(),
            hubs: 0,
            crumbs: 0,
            until: Time::from_secs(3600),
        }
    }

    /// A swarm of so many peers: a seed and a peer that fetches are connected to all others, these to few each.
    pub fn crowd(seed: u64, count: usize) -> Config {
        let mut choice = Choice::new(seed);
        let peers = (0..count)
            .map(|n| {
                let hub = n < 2;
                let rate = if hub { 512 * MIB } else { 4 * MIB };
                PeerConfig {
                    start: if n == 0 { Start::Seed } else { Start::Torrent },
                    at: if hub { Time::ZERO } else { Time(choice.below(30_000_000)) },
                    reachable: true,
                    link: LinkConfig { up: rate, down: rate, delay: Duration::from_millis(5) },
                    memory: if hub { 64 * MIB } else { MIB } as usize,
                    upload_slots: if hub { 100 } else { 4 },
                    connections: if hub { count.min(10_000) as u32 } else { 8 },
                    disk_delay: Duration::from_micros(200),
                    ..peer(&mut choice, n, n == 0, false, false)
                }
            })
            .collect();
        Config {
            seed,
            shape: Shape::Single,
            piece_length: 16 * KIB as u32,
            total: 512 * KIB as usize,
            peers,
            villains: Vec::new(),
            hubs: 2,
            crumbs: 0,
            until: Time::from_secs(3600),
        }
    }
}

fn pick<'a, T>(choice: &mut Choice, list: &'a [T]) -> &'a T {
    &list[choice.below(list.len() as u64) as usize]
}

fn link(choice: &mut Choice, slow: bool) -> LinkConfig {
    let rate = |choice: &mut Choice| {
        if slow && choice.below(3) == 0 { 40 * KIB + choice.below(200 * KIB) } else { MIB + choice.below(20 * MIB) }
    };
    LinkConfig { up: rate(choice), down: rate(choice), delay: Duration::from_micros(100 + choice.below(80_000)) }
}

fn peer(choice: &mut Choice, n: usize, seed: bool, slow: bool, troubled: bool) -> PeerConfig {
    let start = match choice.below(4) {
        _ if seed => Start::Seed,
        0 => Start::Magnet,
        _ => Start::Torrent,
    };
    let at = if n == 0 { Time::ZERO } else { Time(choice.below(20_000_000)) };
    let fate = if troubled { fate(choice, at, seed) } else { Vec::new() };
    PeerConfig {
        start,
        at,
        addr: address(n),
        // The first seed is always there and always reached; of the others some sit behind a wall.
        reachable: n == 0 || choice.below(5) > 0,
        link: link(choice, slow && n > 0),
        memory: *pick(choice, &[MIB, 4 * MIB, 64 * MIB]) as usize,
        upload_slots: 2 + choice.below(7) as u32,
        connections: 8 + choice.below(43) as u32,
        disk_delay: Duration::from_micros(*pick(choice, &[200, 5_000, 100_000, 1_000_000])),
        fate,
    }
}

fn fate(choice: &mut Choice, start: Time, seed: bool) -> Vec<(Time, Fate)> {
    let mut out = Vec::new();
    let mut at = start;
    for _ in 0..choice.below(5) {
        at = at + Duration::from_millis(200 + choice.below(20_000));
        let away = Duration::from_millis(100 + choice.below(20_000));
        let fate = match choice.below(9) {
            0 | 1 => Fate::PowerCut { away, keep: *pick(choice, &[0, 500, 900]) },
            2 => Fate::Kill { away },
            3 => Fate::Reset,
            4 => Fate::Silence,
            5 => Fate::Pause { away },
            6 if !seed => Fate::Capacity(Some(choice.below(MIB))),
            7 if !seed => Fate::Faults(Faults { sync: 300, ..Faults::default() }),
            8 if !seed => Fate::Faults(Faults { read: 20, write: 50, sync: 50, short: 200 }),
            _ => Fate::Faults(Faults { short: 300, ..Faults::default() }),
        };
        out.push((at, fate));
        at = at + away;
        match fate {
            Fate::Capacity(_) => out.push((at, Fate::Capacity(None))),
            Fate::Faults(_) => out.push((at, Fate::Faults(Faults::default()))),
            _ => {}
        }
    }
    out
}

fn villain(choice: &mut Choice, n: usize, slow: bool) -> VillainConfig {
    let kind = match choice.below(7) {
        0..3 => Villainy::Poison { wrong: *pick(choice, &[1000, 500, 100]) },
        3 => Villainy::Miser,
        4 => Villainy::Vandal,
        5 => Villainy::MetadataLiar,
        _ => Villainy::Glutton,
    };
    VillainConfig { kind, at: Time(choice.below(10_000_000)), addr: address(n), link: link(choice, slow) }
}
