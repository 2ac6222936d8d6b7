//! What hashing costs: CPU seconds per GB (10⁹ bytes) of each instruction set that this processor has.
//!
//! `taskset -c 0 cargo run --release -p bitlode-hash --example speed [rounds]`. *hot* is sixteen slices of 16 KiB over and
//! over; *cold* half a GiB, sixteen pieces of 1 MiB side by side, a slice of each per call. A *node* is the parent of two
//! hashes in a Merkle tree. The least of all rounds is printed.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::array;
use std::hint::black_box;
use std::slice;
use std::time::{Duration, Instant};

use bitlode_hash::merkle::root_of_layer_with;
use bitlode_hash::{Feed, Hasher, Isa, Sha1, sha1_many, sha256_many};

const SLICE: usize = 16 << 10;
const LANES: usize = 16;
const PIECE: usize = 1 << 20;
const COLD: usize = 512 << 20;
/// How often the hot slices are hashed.
const TURNS: usize = 2048;
const LEAVES: usize = 1 << 20;

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let data: Vec<u8> =
        (0..COLD as u64 / 8).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()).collect();
    println!("best:       {}", Hasher::best());
    let start = Instant::now();
    let calibrated = Hasher::calibrated(None, &mut || start.elapsed());
    println!("calibrated: {calibrated} in {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let mut rows: Vec<(String, Hasher)> =
        Isa::ALL.into_iter().filter_map(|isa| Some((isa.to_string(), Hasher::only(isa)?))).collect();
    rows.push(("calibrated".to_owned(), calibrated));
    let mut best = vec![[f64::MAX; 5]; rows.len()];
    for _ in 0..rounds {
        // Rows take turns, so that a disturbance does not fall on one alone.
        for ((_, with), best) in rows.iter().zip(&mut best) {
            let now = measure(*with, &data);
            best.iter_mut().zip(now).for_each(|(best, now)| *best = best.min(now));
        }
    }
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>13}{:>12}",
        "s/GB", "sha1 hot", "sha1 cold", "sha256 hot", "sha256 cold", "ns per node"
    );
    for ((name, _), [one, one_cold, two, two_cold, node]) in rows.iter().zip(best) {
        println!("{name:<12}{one:>12.3}{one_cold:>12.3}{two:>12.3}{two_cold:>13.3}{node:>12.1}");
    }
}

fn measure(with: Hasher, data: &[u8]) -> [f64; 5] {
    let hot: [&[u8]; LANES] = array::from_fn(|lane| &data[lane * SLICE..(lane + 1) * SLICE]);
    let hot_bytes = (TURNS * LANES * SLICE) as f64;
    let leaves = vec![[7; 32]; LEAVES];
    [
        spent(|| {
            let mut hashes: [Sha1; LANES] = array::from_fn(|_| Sha1::new());
            (0..TURNS).for_each(|_| feed(with, &mut hashes, &hot));
        }) / hot_bytes,
        spent(|| cold(data, |hashes, slices| feed(with, hashes, slices))) / COLD as f64,
        spent(|| (0..TURNS).for_each(|_| drop(black_box(sha256_many(with, &hot))))) / hot_bytes,
        spent(|| cold(data, |_, slices| drop(black_box(sha256_many(with, slices))))) / COLD as f64,
        spent(|| _ = black_box(root_of_layer_with(with, &leaves, 0))) / (LEAVES - 1) as f64,
    ]
}

/// Sixteen pieces at a time, slice after slice.
fn cold(data: &[u8], mut take: impl FnMut(&mut [Sha1; LANES], &[&[u8]; LANES])) {
    for pieces in data.chunks_exact(LANES * PIECE) {
        let mut hashes: [Sha1; LANES] = array::from_fn(|_| Sha1::new());
        for at in (0..PIECE).step_by(SLICE) {
            take(&mut hashes, &array::from_fn(|lane| &pieces[lane * PIECE + at..][..SLICE]));
        }
        black_box(&hashes);
    }
}

fn feed(with: Hasher, hashes: &mut [Sha1; LANES], slices: &[&[u8]; LANES]) {
    let mut feeds: Vec<Feed<'_>> =
        hashes.iter_mut().zip(slices).map(|(hash, part)| Feed { hash, parts: slice::from_ref(part) }).collect();
    sha1_many(with, &mut feeds);
}

/// Nanoseconds of CPU time where the system tells them, else of time.
fn spent(work: impl FnOnce()) -> f64 {
    let start = (cpu(), Instant::now());
    work();
    let time = match (start.0, cpu()) {
        (Some(from), Some(to)) => to - from,
        _ => start.1.elapsed(),
    };
    time.as_secs_f64() * 1e9
}

/// CPU time of this thread, as Linux counts it.
fn cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
