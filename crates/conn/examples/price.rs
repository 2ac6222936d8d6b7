//! What a connection costs beside the socket: CPU seconds per GB (10⁹ bytes) of payload, received and sent, in memory.
//!
//! `cargo run --release -p bitlode-conn --example price [GB]`. The *copy* row is what the source itself costs: the same
//! bytes into the same number of slices without a connection behind them. What is left is the connection's share.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitlode_base::{BLOCK_LEN, BlockRef, PieceIndex, Pool, Time};
use bitlode_conn::{Conn, Event, Limits};
use bitlode_wire::{Handshake, Message, Reserved, piece_header};

const NOW: Time = Time::ZERO;
/// Requests kept open.
const PIPELINE: u32 = 128;

fn main() {
    let gigabytes: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(4.0);
    let blocks = (gigabytes * 1e9 / f64::from(BLOCK_LEN)) as u32;
    println!("{:<44}{:>10}{:>12}{:>10}", "", "s/GB", "ns/block", "copied");
    for read in [16 * 1024, 64 * 1024, 256 * 1024] {
        let row = |name: &str| format!("{name}, reads of {} KiB", read / 1024);
        let copy = copy(blocks, read);
        print(&row("copy"), blocks, copy, 0);
        for (name, haves) in [("receive", 0), ("receive with a HAVE every 64 blocks", 64), ("… every 8 blocks", 8)] {
            let (spent, copied) = receive(blocks, read, haves);
            print(&row(name), blocks, spent, copied);
        }
    }
    print("send, 64 slices at a time", blocks, send(blocks), 0);
}

fn print(name: &str, blocks: u32, spent: Duration, copied: u64) {
    let bytes = f64::from(blocks) * f64::from(BLOCK_LEN);
    let per_block = spent.as_nanos() as f64 / f64::from(blocks);
    println!(
        "{name:<44}{:>10.4}{per_block:>12.0}{:>9.1}%",
        spent.as_secs_f64() / bytes * 1e9,
        copied as f64 / bytes * 100.0
    );
}

/// A peer's stream, made on the fly: headers and HAVEs in front of blocks that all have the same bytes.
struct Source {
    data: Vec<u8>,
    next: u32,
    haves: u32,
    /// What goes out before the next payload.
    head: Vec<u8>,
    head_at: usize,
    /// Payload bytes of the current block that went out.
    at: usize,
}

impl Source {
    fn new(haves: u32) -> Source {
        let data = (0..BLOCK_LEN).map(|at| at as u8).collect();
        Source { data, next: 0, haves, head: Vec::new(), head_at: 0, at: BLOCK_LEN as usize }
    }

    /// Fills one slice, never beyond the answer to the last request.
    fn fill(&mut self, to: &mut [u8], requested: u32) -> usize {
        let mut done = 0;
        while done < to.len() {
            if self.head_at == self.head.len() && self.at == self.data.len() {
                if self.next == requested {
                    break;
                }
                self.head.clear();
                if self.haves > 0 && self.next.is_multiple_of(self.haves) {
                    Message::Have(PieceIndex(self.next)).encode(&mut self.head);
                }
                self.head.extend(piece_header(block(self.next)));
                (self.next, self.head_at, self.at) = (self.next + 1, 0, 0);
            }
            let head = &self.head[self.head_at..];
            let from = if head.is_empty() { &self.data[self.at..] } else { head };
            let n = from.len().min(to.len() - done);
            to[done..done + n].copy_from_slice(&from[..n]);
            if head.is_empty() {
                self.at += n;
            } else {
                self.head_at += n;
            }
            done += n;
        }
        done
    }
}

fn block(number: u32) -> BlockRef {
    BlockRef { piece: PieceIndex(number / 64), begin: number % 64 * BLOCK_LEN, len: BLOCK_LEN }
}

fn copy(blocks: u32, read: usize) -> Duration {
    let pool = Pool::new(64 << 20);
    let mut slabs: Vec<_> = (0..16).map(|_| pool.take()).collect();
    let mut source = Source::new(0);
    let started = Instant::now();
    let mut head = [0; 13];
    while source.next < blocks {
        let mut left = read;
        for slab in &mut slabs {
            let n = left.min(BLOCK_LEN as usize);
            source.fill(&mut head, blocks);
            source.fill(&mut slab.bytes_mut()[..n], blocks);
            left -= n;
            if left == 0 {
                break;
            }
        }
        black_box(&slabs);
    }
    started.elapsed()
}

fn receive(blocks: u32, read: usize, haves: u32) -> (Duration, u64) {
    let reserved = Reserved::NONE.with_fast();
    let shake = |peer| Handshake { reserved, info_hash: [1; 20], peer_id: [peer; 20] };
    let mut conn = Conn::initiator(Arc::new(limits()), Pool::new(64 << 20), shake(1), NOW);
    let n = conn.recv_plan().fill(&shake(2).encode());
    conn.received(NOW, n);
    let mut source = Source::new(haves);
    let (mut requested, mut arrived) = (0, 0);
    let mut started = Instant::now();
    while arrived < blocks {
        while requested < blocks && requested < arrived + PIPELINE {
            conn.request(NOW, block(requested));
            requested += 1;
        }
        conn.sent(NOW, usize::MAX);
        let mut n = 0;
        for slice in conn.recv_plan().as_io_slices() {
            let want = slice.len().min(read - n);
            let filled = source.fill(&mut slice[..want], requested);
            n += filled;
            if filled < slice.len() {
                break;
            }
        }
        conn.received(NOW, n);
        while let Some(event) = conn.poll() {
            match event {
                Event::Block { data, .. } => {
                    black_box(&data);
                    arrived += 1;
                }
                Event::Failed(error) => panic!("{error}"),
                Event::Handshake(_) => started = Instant::now(),
                _ => {}
            }
        }
    }
    let stats = conn.stats();
    (started.elapsed(), stats.copied_back + stats.buffered)
}

fn send(blocks: u32) -> Duration {
    let shake = Handshake { reserved: Reserved::NONE, info_hash: [1; 20], peer_id: [1; 20] };
    let mut conn = Conn::initiator(Arc::new(limits()), Pool::new(0), shake, NOW);
    let chunk = Pool::new(0).take().freeze(BLOCK_LEN as usize);
    let started = Instant::now();
    for number in 0..blocks {
        conn.send_block(NOW, block(number), [chunk.clone()]);
        if conn.send_room() < 32 * 1024 {
            let n = black_box(conn.send_plan()).as_io_slices().iter().map(|slice| slice.len()).sum();
            conn.sent(NOW, n);
            while conn.poll().is_some() {}
        }
    }
    started.elapsed()
}

fn limits() -> Limits {
    let long = Duration::from_secs(3600);
    Limits {
        message_cap: 128 * 1024 + 13,
        bitfield_before_metadata: 262_145,
        extended_handshake: 64 * 1024,
        extended_message: 17 * 1024,
        recv_buffer: 32 * 1024,
        send_buffer: 512 * 1024,
        blocks_ahead: 16,
        handshake_timeout: long,
        message_timeout: long,
        message_grace: long,
        message_rate: 256,
        idle_timeout: long,
        keep_alive: long,
        unknown_messages: 32,
        unrequested_bytes: 1 << 20,
        unrequested_messages: 64,
        tolerated: 500,
    }
}
