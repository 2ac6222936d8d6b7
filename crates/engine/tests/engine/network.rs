//! Ports, strangers, and silence.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bitlode_base::Code;
use bitlode_engine::api::*;
use bitlode_metainfo::Metainfo;

use crate::support::*;

fn listen(caller: &mut Caller, addrs: &[&str]) -> Result<Vec<SocketAddr>, Failure> {
    let addrs = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
    match caller.ask(Command::Listen { addrs })? {
        ReplyBody::Listening(addrs) => Ok(addrs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn row_93_a_busy_port_gives_way_to_the_next_and_families_share_one() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let mut caller = Caller::with(options(bitlode_session::Settings { listen_port: port, ..settings() }, 1));
    let bound = listen(&mut caller, &["127.0.0.1:0", "[::1]:0"]).unwrap();
    assert!(bound.iter().all(|addr| addr.port() == bound[0].port() && addr.port() > port && addr.port() < port + 10));
    assert_eq!(caller.engine.listening(), bound);
    let failure = listen(&mut caller, &[&format!("127.0.0.1:{port}")]).unwrap_err();
    assert_eq!(failure.code, Code::ListenFailed);
    assert!(failure.message.contains(&port.to_string()));
    // No family of its own is not the end as long as another one is there.
    let any = listen(&mut caller, &["0.0.0.0:0", "[::]:0"]).unwrap();
    assert!(!any.is_empty());
}

#[test]
fn row_93_an_address_that_is_not_there_is_waited_for_and_then_refused() {
    let patience = Duration::from_millis(1_500);
    let mut caller = Caller::with(options(bitlode_session::Settings { listen_patience: patience, ..settings() }, 1));
    let before = Instant::now();
    let failure = listen(&mut caller, &["192.0.2.1:0"]).unwrap_err();
    assert_eq!(failure.code, Code::ListenFailed);
    assert!(before.elapsed() >= patience);
}

#[test]
fn connections_leave_from_the_address_that_was_listened_on() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 100_000, 1);
    let mut caller = Caller::open(2);
    let torrent = caller.create(&path, 32 * 1024);
    let id = caller.download(&torrent, &target.0);
    let from = |caller: &mut Caller| {
        let [peers, streams] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        caller.peer(id, peers.local_addr().unwrap());
        let port = streams.local_addr().unwrap().port();
        let dialed = caller.ask(Command::Dial { host: "127.0.0.1".into(), port, purpose: Purpose::User, family: None });
        assert!(matches!(dialed, Ok(ReplyBody::Dialed { .. })), "{dialed:?}");
        [peers, streams].map(|listener| listener.accept().unwrap().1.ip().to_string())
    };
    assert_eq!(from(&mut caller), ["127.0.0.1"; 2], "the system's choice");
    listen(&mut caller, &["127.0.0.2:0"]).unwrap();
    assert_eq!(from(&mut caller), ["127.0.0.2"; 2]);
    // Where nobody could listen nothing leaves from either; and any address is no address.
    let taken = TcpListener::bind("127.0.0.3:0").unwrap();
    listen(&mut caller, &[&taken.local_addr().unwrap().to_string()]).unwrap_err();
    assert_eq!(from(&mut caller), ["127.0.0.2"; 2]);
    listen(&mut caller, &["0.0.0.0:0"]).unwrap();
    assert_eq!(from(&mut caller), ["127.0.0.1"; 2]);
}

#[test]
fn row_27_a_thousand_silent_connections_do_not_keep_a_peer_out() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 500_000, 1);
    let mut seeder = Caller::open(2);
    let torrent = seeder.create(&path, 32 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();
    let mut silent = Vec::new();
    for number in 0..1_000 {
        silent.push(TcpStream::connect(addr).unwrap());
        // This process has both ends and may not be allowed 2,000 files.
        if number >= 300 {
            silent.remove(0);
        }
    }
    let mut leecher = Caller::open(1);
    let id = leecher.download(&torrent, &target.0);
    leecher.peer(id, addr);
    leecher.complete(id);
    assert_same(&source.0, &target.0);
}

#[test]
fn a_handshake_for_a_torrent_that_is_not_here_is_answered_by_closing() {
    let mut caller = Caller::open(1);
    let addr = caller.listen();
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut hello = vec![19];
    hello.extend_from_slice(b"BitTorrent protocol");
    hello.extend_from_slice(&[0; 48]);
    socket.write_all(&hello).unwrap();
    let mut out = Vec::new();
    let ended = socket.read_to_end(&mut out);
    assert!(out.is_empty() && (ended.is_ok() || ended.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset));
    caller.until("the fact", |caller| caller.facts.iter().any(|fact| fact.kind == "refused"));
}

#[test]
fn a_peer_that_nobody_is_at_is_a_fact_and_not_an_end() {
    let (source, target) = (Folder::new(), Folder::new());
    let path = source.write("film", 100_000, 1);
    let mut caller = Caller::open(1);
    let torrent = caller.create(&path, 32 * 1024);
    let id = caller.download(&torrent, &target.0);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    caller.peer(id, nobody);
    caller.until("the fact", |caller| {
        caller.facts.iter().any(|fact| fact.kind == "dial-failed" && fact.peer == Some(nobody))
    });
    caller.until("the state", |caller| caller.phase(id) == Some(Phase::Downloading));
}

/// Row 79 in a process of its own, which has few descriptors: seeds, prints where, and opens as many files as it can
/// when it is told to. Lives until its input ends.
#[test]
#[ignore = "run by row_79"]
fn exhausted_child() {
    let many = bitlode_session::Settings { max_pending_handshakes_per_ip: 4_096, ..settings() };
    let source = Folder::new();
    let path = source.write("film", 100_000, 1);
    let mut caller = Caller::with(options(many, 1));
    let torrent = caller.create(&path, 32 * 1024);
    caller.seed(&torrent, &source.0);
    let hash = Metainfo::parse(&torrent, &bitlode_node::limits::metainfo(&settings())).unwrap().info.hashes.v1.unwrap();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let lowered = caller.facts.iter().find(|fact| fact.kind == "limit-lowered").map(|fact| fact.message.clone());
    println!("at {} {hash} {}", caller.listen().port(), lowered.unwrap_or_default());
    while std::io::stdin().read(&mut [0]).unwrap() > 0 {
        caller.drain();
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        println!("free {}", files.len());
    }
}

/// A child with so many descriptors.
#[cfg(unix)]
struct Exhausted {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
    addr: SocketAddr,
    hash: Vec<u8>,
    lowered: String,
}

#[cfg(unix)]
impl Exhausted {
    fn start(limit: u32) -> Exhausted {
        use std::io::{BufRead, BufReader};
        use std::process::{Command as Process, Stdio};

        let script = format!("ulimit -n {limit}; exec \"$0\" --exact network::exhausted_child --ignored --nocapture");
        let mut child = Process::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| Some(line.unwrap().split_once("at ")?.1.to_owned())).unwrap();
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], word().parse().unwrap()));
        let hash = word();
        let hash = (0..20).map(|at| u8::from_str_radix(&hash[2 * at..2 * at + 2], 16).unwrap()).collect();
        Exhausted { child, lines, addr, hash, lowered: word().to_owned() }
    }

    /// Connects and says hello.
    fn hello(&self, hash: &[u8], number: u8) -> TcpStream {
        let mut socket = TcpStream::connect(self.addr).unwrap();
        let hello = [&b"\x13BitTorrent protocol"[..], &[0; 8], hash, &[number; 20]].concat();
        // It may have been refused by now.
        let _ = socket.write_all(&hello);
        socket.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
        socket
    }

    /// Files that the child can open beside what it has.
    fn free(&mut self) -> usize {
        self.child.stdin.as_mut().unwrap().write_all(b"?").unwrap();
        self.lines.find_map(|line| line.unwrap().rsplit_once("free ")?.1.parse().ok()).unwrap()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
#[cfg(unix)]
fn row_79_accepting_recovers_by_itself_when_descriptors_were_short() {
    let child = Exhausted::start(40);
    // More than it can take: some wait in the kernel.
    let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(child.addr).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(crowd);
    // Descriptors are free again: a stranger is heard, and answered by closing.
    let answer = child.hello(&[0; 20], 1).read(&mut [0; 1]);
    let heard = match &answer {
        Ok(count) => *count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(heard, "{answer:?}");
    child.end();
}

#[test]
#[cfg(target_os = "linux")]
fn row_79_connections_leave_descriptors_for_files_and_state() {
    if sys() == bitlode_storage::sys::SysMode::Portable {
        return; // the limit cannot be known there
    }
    for (limit, pool) in [(96, 24), (256, 64)] {
        let mut child = Exhausted::start(limit);
        assert!(child.lowered.contains(&format!("allows {limit} open files")), "{}", child.lowered);
        assert!(child.lowered.contains("maxConnections: 200"), "{}", child.lowered);
        // Peers as many as it takes, and strangers that say nothing: one IP address may send more than there are.
        let hash = child.hash.clone();
        let peers: Vec<_> = (0..250).map(|number| child.hello(&hash, number)).collect();
        let taken = peers.iter().filter(|socket| (&**socket).read(&mut [0; 68]).is_ok_and(|count| count > 0)).count();
        let _silent: Vec<_> = (0..200).map(|_| TcpStream::connect(child.addr).unwrap()).collect();
        std::thread::sleep(Duration::from_millis(300));
        let free = child.free();
        // 32, and the pool's but for its one file; one socket listens, one folder is open.
        assert!(taken > 0 && free >= 32 + pool - 3, "{limit}: {taken} peers, {free} descriptors free");
        child.end();
    }
}
