//! Ports, strangers, and silence.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bitlode_base::Code;
use bitlode_engine::api::*;

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

/// Row 79 in a process of its own, which has hardly any descriptors: prints its port and lives until its input ends.
#[test]
#[ignore = "run by row_79"]
fn exhausted_child() {
    let many = bitlode_session::Settings { max_pending_handshakes_per_ip: 4_096, ..settings() };
    let mut caller = Caller::with(options(many, 1));
    println!("port {}", caller.listen().port());
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
#[cfg(unix)]
fn row_79_accepting_recovers_by_itself_when_descriptors_were_short() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command as Process, Stdio};

    let mut child = Process::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" --exact network::exhausted_child --ignored --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| line.unwrap().rsplit_once("port ").map(|(_, port)| port.parse::<u16>().unwrap()));
    let addr = SocketAddr::from(([127, 0, 0, 1], port.unwrap()));
    // More than it can take: some wait in the kernel.
    let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(addr).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(crowd);
    // Descriptors are free again: a stranger is heard, and answered by closing.
    let mut hello = vec![19];
    hello.extend_from_slice(b"BitTorrent protocol");
    hello.extend_from_slice(&[0; 48]);
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
    socket.write_all(&hello).unwrap();
    let answer = socket.read(&mut [0; 1]);
    let heard = match &answer {
        Ok(count) => *count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(heard, "{answer:?}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
