//! Callers' byte streams, and where they may not lead.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;

use bitlode_base::Code;
use bitlode_engine::api::*;

use crate::support::*;

const ANNOUNCE: Purpose = Purpose::Tracker { announce_path: true };
const URL: Purpose = Purpose::Tracker { announce_path: false };

fn dial(caller: &mut Caller, host: &str, port: u16, purpose: Purpose) -> Result<StreamId, Failure> {
    dial_by(caller, host, port, purpose, None).map(|(stream, _)| stream)
}

fn dial_by(
    caller: &mut Caller,
    host: &str,
    port: u16,
    purpose: Purpose,
    family: Option<Family>,
) -> Result<(StreamId, SocketAddr), Failure> {
    match caller.ask(Command::Dial { host: host.into(), port, purpose, family })? {
        ReplyBody::Dialed { stream, addr } => Ok((stream, addr)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_addresses_of_the_wanted_family_are_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let mut caller = Caller::open(1);
    let mut by = |host: &str, family| dial_by(&mut caller, host, here.port(), Purpose::User, Some(family));
    assert_eq!(by("127.0.0.1", Family::V4).unwrap().1, here);
    assert_eq!(by("localhost", Family::V4).unwrap().1, here);
    let failure = by("127.0.0.1", Family::V6).unwrap_err();
    assert_eq!(failure.code, Code::DnsFailed);
    assert!(failure.message.contains("no IPv6 address"), "{}", failure.message);
    assert_eq!(by("[::1]", Family::V4).unwrap_err().code, Code::DnsFailed);
}

#[test]
fn a_stream_carries_megabytes_both_ways_and_ends_in_halves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        all.reverse();
        socket.write_all(&all).unwrap();
        socket.shutdown(Shutdown::Both).unwrap();
    });
    let mut caller = Caller::open(2);
    let stream = dial(&mut caller, "localhost", port, Purpose::User).unwrap();
    let sent = bytes(3_000_000, 1);
    let mut at = 0;
    while at < sent.len() {
        let count = caller.engine.stream_write(stream, &sent[at..]).unwrap();
        at += count;
        if count == 0 {
            caller.until("room", |caller| caller.streams.remove(&stream).is_some_and(|state| state.writable));
        }
    }
    caller.engine.stream_end(stream);
    assert_eq!(caller.engine.stream_write(stream, b"more").unwrap_err().code, Code::Closed);
    let mut got = Vec::new();
    let mut buffer = vec![0; 10_000];
    loop {
        match caller.engine.stream_read(stream, &mut buffer).unwrap() {
            0 if caller.streams.get(&stream).is_some_and(|state| state.ended) => break,
            0 => caller.until("bytes", |caller| {
                caller.streams.get(&stream).is_some_and(|state| state.ended)
                    || caller.streams.remove(&stream).is_some_and(|state| state.readable)
            }),
            count => got.extend_from_slice(&buffer[..count]),
        }
    }
    // What came before the end was seen may still lie in the buffer.
    while let Ok(count @ 1..) = caller.engine.stream_read(stream, &mut buffer) {
        got.extend_from_slice(&buffer[..count]);
    }
    server.join().unwrap();
    got.reverse();
    assert!(got == sent, "{} bytes came of {}", got.len(), sent.len());
    caller.engine.stream_close(stream);
    assert_eq!(caller.engine.stream_read(stream, &mut buffer).unwrap_err().code, Code::NotFound);
}

#[test]
fn row_60_a_url_of_a_torrent_does_not_reach_a_local_service() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut caller = Caller::open(1);
    let hosts = ["127.0.0.1", "localhost", "[::1]", "::ffff:127.0.0.1", "2130706433", "0x7f.1", "0.0.0.0", "[::]"];
    for host in hosts {
        let failure = dial(&mut caller, host, port, URL).unwrap_err();
        assert!(matches!(failure.code, Code::SsrfBlocked | Code::DnsFailed), "{host}: {failure:?}");
    }
    for host in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[::ffff:10.0.0.1]", "100.64.0.1"] {
        let failure = dial(&mut caller, host, port, ANNOUNCE).unwrap_err();
        assert_eq!(failure.code, Code::SsrfBlocked, "{host}");
    }
    assert!(listener.accept().is_err(), "nobody called");
    dial(&mut caller, "127.0.0.1", port, ANNOUNCE).unwrap();
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap();
}

#[test]
fn failures_of_a_dial_have_their_codes() {
    let mut caller = Caller::open(1);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = dial(&mut caller, "127.0.0.1", port, Purpose::User).unwrap_err();
    assert_eq!(failure.code, Code::DialFailed, "nobody listens any more");
    let failure = dial(&mut caller, "name.invalid", 80, Purpose::User).unwrap_err();
    assert_eq!(failure.code, Code::DnsFailed);
    assert_eq!(dial(&mut caller, "127.0.0.1", 0, Purpose::User).unwrap_err().code, Code::InvalidOption);
    let without = Options { network: false, ..options(settings(), 1) };
    let mut offline = Caller::with(without);
    assert_eq!(dial(&mut offline, "127.0.0.1", 80, Purpose::User).unwrap_err().code, Code::InvalidOption);
}

#[test]
fn a_stream_whose_other_side_breaks_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut caller = Caller::open(1);
    let stream = dial(&mut caller, "127.0.0.1", port, Purpose::User).unwrap();
    let (socket, _) = listener.accept().unwrap();
    let socket = socket2::Socket::from(socket);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(socket); // resets
    caller.until("the break", |caller| caller.streams.get(&stream).is_some_and(|state| state.error.is_some()));
    assert_eq!(caller.engine.stream_read(stream, &mut [0; 8]).unwrap_err().code, Code::DialFailed);
}
