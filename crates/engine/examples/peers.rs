//! What peers cost an engine: thousands of light ones on loopback that shake hands, name their pieces, say HAVE, and stay.
//!
//! ```text
//! peers [PEERS [PIECES]]
//! ```
//! The peers live in a process of their own, one thread and one socket each, so that the engine's processor time can be
//! read from the system. One of them has the content and sends it; the others are interested and have half of the pieces.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use bitlode_base::{BLOCK_LEN, Bitfield, Choice, PieceIndex};
use bitlode_engine::Engine;
use bitlode_engine::api::*;
use bitlode_hash::sha1;
use bitlode_session::{Settings, TorrentId};
use bitlode_storage::sys::SysMode;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const PIECE_LEN: usize = 16 * 1024;
/// Peers that may wait for an answer to their handshake.
const CONNECTING: usize = 200;
/// HAVEs of one measurement, and pieces of another.
const HAVES: u64 = 20_000;
const COMPLETED: u32 = 100;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);

fn piece(index: u32) -> Vec<u8> {
    let mut choice = Choice::new(index.into());
    (0..PIECE_LEN / 8).flat_map(|_| choice.next().to_le_bytes()).collect()
}

fn metainfo(pieces: u32) -> (Vec<u8>, [u8; 20]) {
    let length = PIECE_LEN as u64 * u64::from(pieces);
    let mut info =
        format!("d6:lengthi{length}e4:name7:content12:piece lengthi{PIECE_LEN}e6:pieces{}:", pieces * 20).into_bytes();
    (0..pieces).for_each(|index| info.extend(sha1(&piece(index))));
    info.push(b'e');
    let hash = sha1(&info);
    ([&b"d4:info"[..], &info, b"e"].concat(), hash)
}

// The peers' process

struct Light {
    socket: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    shaken: bool,
}

struct Crowd {
    poll: Poll,
    events: Events,
    peers: Vec<Light>,
    target: SocketAddr,
    hash: [u8; 20],
    pieces: u32,
    choice: Choice,
    shaken: usize,
    /// HAVEs heard.
    heard: u64,
    giving: bool,
}

impl Crowd {
    fn connect(&mut self) {
        let number = self.peers.len();
        let mut socket = TcpStream::connect(self.target).unwrap();
        self.poll.registry().register(&mut socket, Token(number), Interest::READABLE | Interest::WRITABLE).unwrap();
        let mut outbox = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\x04".to_vec();
        outbox.extend(self.hash);
        outbox.extend(format!("-XX0001-{number:012}").bytes());
        let mut has = if number == 0 { Bitfield::all(self.pieces) } else { Bitfield::none(self.pieces) };
        (0..self.pieces).filter(|_| self.choice.below(2) == 0).for_each(|index| {
            has.set(PieceIndex(index));
        });
        message(&mut outbox, 5, has.as_bytes());
        message(&mut outbox, 2, &[]);
        self.peers.push(Light { socket, inbox: Vec::new(), outbox, shaken: false });
    }

    fn turn(&mut self, wait: Duration) {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(1));
        self.poll.poll(&mut events, Some(wait)).unwrap();
        for event in &events {
            self.read(event.token().0);
            self.write(event.token().0);
        }
        self.events = events;
    }

    fn read(&mut self, number: usize) {
        let light = &mut self.peers[number];
        let mut buffer = [0; 65_536];
        loop {
            match light.socket.read(&mut buffer) {
                // All is there, and neither side needs anything.
                Ok(0) => return,
                Ok(n) => light.inbox.extend(&buffer[..n]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("peer {number}: {error}"),
            }
        }
        if !light.shaken && light.inbox.len() >= 68 {
            light.inbox.drain(..68);
            light.shaken = true;
            self.shaken += 1;
        }
        while let Some(length) = light.inbox.first_chunk::<4>().filter(|_| light.shaken) {
            let end = 4 + u32::from_be_bytes(*length) as usize;
            let Some(body) = light.inbox.get(4..end) else { break };
            match body.first() {
                Some(4) => self.heard += 1,
                Some(6) => {
                    let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap());
                    let (index, begin, len) = (number(1), number(5) as usize, number(9) as usize);
                    let header = [&body[1..9], &piece(index)[begin..begin + len]].concat();
                    message(&mut light.outbox, 7, &header);
                }
                _ => {}
            }
            light.inbox.drain(..end);
        }
        light.inbox.shrink_to(1_024);
    }

    fn write(&mut self, number: usize) {
        let light = &mut self.peers[number];
        while !light.outbox.is_empty() {
            match light.socket.write(&light.outbox) {
                Ok(n) => drop(light.outbox.drain(..n)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return,
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => return,
                Err(error) => panic!("peer {number}: {error}"),
            }
        }
    }

    fn order(&mut self, order: &str) {
        let mut words = order.split(' ');
        let (what, count) = (words.next().unwrap_or(""), words.next().and_then(|word| word.parse().ok()).unwrap_or(0));
        match what {
            "connect" => {
                while self.shaken < count {
                    while self.peers.len() < count.min(self.shaken + CONNECTING) {
                        self.connect();
                    }
                    self.turn(Duration::from_millis(10));
                }
            }
            // Pieces that a peer has already are named again: that costs the engine as much until it sees it.
            "have" => {
                for _ in 0..count {
                    let number = 1 + self.choice.index(self.peers.len() - 1).unwrap_or(0);
                    let index = self.choice.below(self.pieces.into()) as u32;
                    message(&mut self.peers[number].outbox, 4, &index.to_be_bytes());
                    self.write(number);
                }
            }
            "give" => {
                message(&mut self.peers[0].outbox, 1, &[]);
                self.giving = true;
                self.write(0);
            }
            "heard" | "" => {}
            other => panic!("{other}?"),
        }
        println!("{}", self.heard);
    }
}

fn message(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.extend((1 + body.len() as u32).to_be_bytes());
    out.push(id);
    out.extend(body);
}

fn crowd(target: &str, pieces: u32) {
    let mut crowd = Crowd {
        poll: Poll::new().unwrap(),
        events: Events::with_capacity(1_024),
        peers: Vec::new(),
        target: target.parse().unwrap(),
        hash: metainfo(pieces).1,
        pieces,
        choice: Choice::new(1),
        shaken: 0,
        heard: 0,
        giving: false,
    };
    let (tell, orders) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if tell.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    loop {
        crowd.turn(Duration::from_millis(if crowd.giving { 1 } else { 20 }));
        match orders.try_recv() {
            Ok(order) => crowd.order(&order),
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => return,
        }
    }
}

// The engine's process

struct Peers {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    /// Has something done; gives the HAVEs heard so far.
    fn ask(&mut self, order: &str) -> u64 {
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }
}

struct Caller {
    engine: Engine,
    bell: Arc<(Mutex<bool>, Condvar)>,
    replies: BTreeMap<RequestId, Result<ReplyBody, Failure>>,
    torrents: BTreeMap<TorrentId, TorrentState>,
    folder: PathBuf,
}

impl Caller {
    fn wait(&mut self, time: Duration) {
        let bell = self.bell.clone();
        let (mut rung, _) = bell.1.wait_timeout_while(bell.0.lock().unwrap(), time, |rung| !*rung).unwrap();
        *rung = false;
        drop(rung);
        let drained = self.engine.drain();
        self.replies.extend(drained.replies.into_iter().map(|reply| (reply.request, reply.result)));
        self.torrents.extend(drained.torrents.into_iter().map(|state| (state.torrent, state)));
    }

    fn rest(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.wait(end.saturating_duration_since(Instant::now()));
        }
    }

    fn ask(&mut self, command: Command) -> ReplyBody {
        let request = self.engine.command(command).unwrap();
        loop {
            if let Some(reply) = self.replies.remove(&request) {
                return reply.unwrap();
            }
            self.wait(Duration::from_millis(100));
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Processor seconds of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
    (fields[12].parse::<f64>().unwrap() + fields[13].parse::<f64>().unwrap()) / 100.0
}

fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4_096.0
}

fn measure(count: u64, pieces: u32) {
    let most = u32::try_from(count).unwrap() + 1;
    let settings = Settings {
        allow_multiple_per_ip: true,
        listen_port: 0,
        max_connections: most.min(10_000),
        max_connections_per_torrent: most.min(10_000),
        max_pending_handshakes: 1_000,
        max_pending_handshakes_per_ip: 1_000,
        ..Settings::default()
    };
    let bell = Arc::new((Mutex::new(false), Condvar::new()));
    let ring = bell.clone();
    let ring = Arc::new(move || {
        *ring.0.lock().unwrap() = true;
        ring.1.notify_all();
    });
    let options =
        Options { settings, shards: Some(1), network: true, client: "peers".into(), sys: SysMode::parse(None) };
    let engine = Engine::open(options, ring).unwrap();
    let folder = std::env::temp_dir().join(format!("bitlode-peers-{}", std::process::id()));
    let (replies, torrents) = (BTreeMap::new(), BTreeMap::new());
    let mut caller = Caller { engine, bell, replies, torrents, folder: folder.clone() };
    let ReplyBody::Listening(addrs) = caller.ask(Command::Listen { addrs: vec!["127.0.0.1:0".parse().unwrap()] })
    else {
        panic!("not listening");
    };
    let wish = AddTorrent {
        source: Source::Metainfo(metainfo(pieces).0),
        folder,
        mode: Mode::Download { overwrite: false },
        start: true,
    };
    let ReplyBody::Added { torrent, .. } = caller.ask(Command::Add(wish)) else { panic!("not added") };
    while caller.torrents.get(&torrent).is_none_or(|state| state.phase != Phase::Downloading) {
        caller.wait(Duration::from_millis(100));
    }
    let args = ["crowd".to_owned(), addrs[0].to_string(), pieces.to_string()];
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut peers = Peers { child, orders, answers };

    let (memory, before) = (resident(), cpu());
    peers.ask(&format!("connect {count}"));
    caller.rest(Duration::from_secs(1));
    let join = cpu() - before;
    let each = (resident() - memory) / count as f64;

    let before = cpu();
    caller.rest(IDLE);
    let idle = (cpu() - before) / IDLE.as_secs_f64();

    let before = cpu();
    peers.ask(&format!("have {HAVES}"));
    caller.rest(Duration::from_secs(1));
    let haves = cpu() - before - idle;

    let (before, heard) = (cpu(), peers.ask("heard"));
    peers.ask("give");
    let begin = Instant::now();
    let have = |caller: &Caller| caller.torrents.get(&torrent).map_or(0, |state| state.have);
    while have(&caller) < COMPLETED.min(pieces) && begin.elapsed() < Duration::from_secs(120) {
        caller.wait(Duration::from_millis(50));
    }
    let (done, pieces_cpu, took) = (have(&caller), cpu() - before, begin.elapsed());
    let heard = peers.ask("heard") - heard;
    let connected = match caller.ask(Command::Peers(torrent)) {
        ReplyBody::Peers(peers) => peers.len(),
        other => panic!("{other:?}"),
    };
    println!(
        "{count} peers ({connected} at the end), {pieces} pieces: {each:.0} B a peer, {:.0} µs CPU to join, {:.2} % CPU idle, \
         {:.1} ms CPU a 1,000 HAVEs, {:.2} ms CPU a piece ({done} pieces in {:.2} s, {:.0} HAVEs each)",
        join * 1e6 / count as f64,
        idle * 100.0,
        haves * 1e6 / HAVES as f64,
        pieces_cpu * 1e3 / f64::from(done.max(1)),
        took.as_secs_f64(),
        heard as f64 / f64::from(done.max(1)),
    );
    let _ = peers.child.kill();
    let _ = peers.child.wait();
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).map(|arg| arg.parse::<u64>().expect("a number"));
    assert!(PIECE_LEN == BLOCK_LEN as usize);
    if args.first().is_some_and(|arg| arg == "crowd") {
        return crowd(&args[1], args[2].parse().expect("a number"));
    }
    let pieces = number(1).unwrap_or(4_000) as u32;
    for count in number(0).map_or(vec![10, 1_000, 9_000], |count| vec![count]) {
        measure(count, pieces);
    }
}
