//! The body of the fuzz target `conn`, here so that a corpus can be replayed without a fuzzer.

use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{BlockRef, PieceIndex, Pool, Time};
use bitlode_wire::{Handshake, Message, Reserved};

use crate::{Conn, Event, Limits};

/// The number of pieces that both sides know.
const PIECES: u32 = 20;
/// Bytes of the longest stream, so that a run takes little time.
const LONGEST: usize = 4096;

/// Reads `data` as a list of requests of ours and messages of a peer, cuts the peer's stream in three ways (as long as
/// plans allow, by few bytes, as `data` says) and checks that the connection makes the same of it each time, gives every
/// byte to somebody and keeps to its slabs. Panics where it does not.
pub fn conn(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let script = Script::read(*kind, data);
    let whole = run(&script, &[]);
    let few = script.stream.len().div_ceil(600);
    assert_eq!(run(&script, &[few]), whole, "{few} bytes at a time");
    assert_eq!(run(&script, &script.cuts), whole, "cut as {:?}", script.cuts);
}

struct Script {
    reserved: Reserved,
    requests: Vec<BlockRef>,
    given_up: Vec<BlockRef>,
    stream: Vec<u8>,
    cuts: Vec<usize>,
}

impl Script {
    fn read(kind: u8, data: &[u8]) -> Script {
        let reserved = if kind & 1 == 0 { Reserved::NONE.with_fast().with_extended() } else { Reserved::NONE };
        let theirs = Handshake { reserved, info_hash: [1; 20], peer_id: [2; 20] };
        let mut script = Script {
            reserved,
            requests: Vec::new(),
            given_up: Vec::new(),
            stream: theirs.encode().to_vec(),
            cuts: Vec::new(),
        };
        let mut left = data.iter().copied();
        while let Some((op, arg)) = left.next().zip(left.next()) {
            script.step(op, arg, &mut left);
            if script.stream.len() > LONGEST {
                break;
            }
        }
        script
    }

    fn step(&mut self, op: u8, arg: u8, left: &mut impl Iterator<Item = u8>) {
        let piece = PieceIndex(u32::from(arg) % PIECES);
        let begin = u32::from(op & 0xf0);
        let requested = self.requests.get(usize::from(arg).checked_rem(self.requests.len()).unwrap_or(0)).copied();
        match (op & 0x0f, requested) {
            (0 | 1, _) => self.requests.push(BlockRef { piece, begin, len: if op & 1 == 0 { 300 } else { 77 } }),
            (2 | 3, Some(block)) => self.piece(block),
            (4, Some(block)) => {
                // The next answers in order.
                let from = self.requests.iter().position(|other| *other == block).unwrap_or(0);
                let next: Vec<_> = self.requests.iter().skip(from).take(8).copied().collect();
                next.into_iter().for_each(|block| self.piece(block));
            }
            (5, _) => self.message(&Message::Have(piece)),
            (6, _) => self.cuts.push(usize::from(arg).saturating_add(usize::from(begin as u8).saturating_mul(16))),
            (7, _) => self.piece(BlockRef { piece, begin, len: u32::from(arg) }),
            (8, Some(block)) => self.given_up.push(block),
            (9, Some(block)) => self.message(&Message::Reject(block)),
            (10, _) => self.message(&if arg & 1 == 0 { Message::Choke } else { Message::KeepAlive }),
            (11, _) => self.message(&Message::Extended { id: arg & 1, payload: &vec![7; usize::from(arg)] }),
            (12, _) => self.message(&Message::Bitfield(&[0xff, 0xff, arg & 0xf0])),
            (13, _) => {
                let len = u32::from(arg).saturating_add(1);
                self.stream.extend(len.to_be_bytes());
                self.stream.push(99);
                self.stream.extend(std::iter::repeat_n(3, usize::from(arg)));
            }
            (14, _) => self.stream.extend(left.take(usize::from(arg))),
            _ => self.message(&Message::Unchoke),
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        message.encode(&mut self.stream);
    }

    fn piece(&mut self, block: BlockRef) {
        let data: Vec<u8> = (0..block.len).map(|at| (at ^ block.begin ^ block.piece.0) as u8).collect();
        self.message(&Message::Piece { piece: block.piece, begin: block.begin, data: &data });
    }
}

/// What the connection made of the stream: its events and, if it lives, how many bytes it counted.
fn run(script: &Script, cuts: &[usize]) -> (Vec<String>, Option<u64>) {
    let pool = Pool::new(1 << 20);
    let ours = Handshake { reserved: script.reserved, info_hash: [1; 20], peer_id: [3; 20] };
    let mut conn = Conn::initiator(Arc::new(limits()), pool.clone(), ours, Time::ZERO);
    conn.set_piece_count(PIECES);
    script.requests.iter().for_each(|block| conn.request(Time::ZERO, *block));
    script.given_up.iter().for_each(|block| conn.forget(*block));
    let mut seen = Vec::new();
    let mut failed = false;
    let mut left = script.stream.as_slice();
    let mut cuts = cuts.iter().cycle();
    while !left.is_empty() && !failed {
        let most = cuts.next().map_or(usize::MAX, |cut| (*cut).max(1));
        let n = conn.recv_plan().fill(left.get(..most).unwrap_or(left));
        assert!(n > 0, "a connection that lives can read");
        assert!(pool.in_use() <= conn.open_requests().saturating_add(1), "slabs are promised by requests");
        conn.received(Time::ZERO, n);
        left = left.get(n..).unwrap_or_default();
        while let Some(event) = conn.poll() {
            failed = matches!(event, Event::Failed(_));
            seen.push(match event {
                Event::Block { block, data } => format!("{block:?} {:?}", &data[..]),
                event => format!("{event:?}"),
            });
        }
    }
    let stats = conn.stats();
    let counted = stats.received_payload.saturating_add(stats.received_protocol);
    if !failed {
        assert_eq!(counted, script.stream.len() as u64, "every byte is somebody's");
    }
    drop(conn);
    assert_eq!(pool.in_use(), 0);
    (seen, (!failed).then_some(counted))
}

fn limits() -> Limits {
    let long = Duration::from_secs(60);
    Limits {
        message_cap: 5_000,
        bitfield_before_metadata: 100,
        extended_handshake: 3_000,
        extended_message: 200,
        recv_buffer: 256,
        send_buffer: 1 << 20,
        blocks_ahead: 8,
        handshake_timeout: long,
        message_timeout: long,
        message_grace: long,
        message_rate: 1,
        idle_timeout: long,
        keep_alive: long,
        unknown_messages: 8,
        unrequested_bytes: 3_000,
        unrequested_messages: 16,
        tolerated: 20,
    }
}
