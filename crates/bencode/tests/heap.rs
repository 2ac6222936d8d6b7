//! Row 2: decoding allocates by what was received. Alone in its file, because it counts every allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bitlode_bencode::{Limits, decode};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system allocator unchanged; counting touches only atomics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), SeqCst) + layout.size();
        PEAK.fetch_max(now, SeqCst);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), SeqCst);
        // SAFETY: `ptr` came from `alloc` above with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

#[test]
fn row_2_the_heap_stays_below_four_times_the_input_and_ignores_declared_lengths() {
    let limits = Limits { depth: 100, tokens: 3_000_000 };
    let mut inputs = Vec::new();
    for unit in [&b"le"[..], b"de", b"0:", b"i0e", b"1:a", b"d0:0:e", b"lleede"] {
        inputs.push([b"l".to_vec(), unit.repeat(400_000), b"e".to_vec()].concat());
    }
    inputs.push(vec![b'l'; 1 << 20]);
    inputs.push([b"l".to_vec(), b"i0e".repeat(3_000_001), b"e".to_vec()].concat());
    inputs.push([vec![b'l'; 100], vec![b'e'; 100]].concat().repeat(1));
    inputs.push(b"9999999999999999:".repeat(1000));
    inputs.push([b"1000000:".to_vec(), vec![0; 1_000_000]].concat());
    for input in inputs {
        let before = NOW.load(SeqCst);
        PEAK.store(before, SeqCst);
        let decoded = decode(&input, limits);
        let used = PEAK.load(SeqCst) - before;
        // A level of nesting costs a frame, whatever the size of the input.
        let frames = 8 * 1024;
        let head = input[..input.len().min(12)].escape_ascii().to_string();
        assert!(used <= 4 * input.len() + frames, "{head}: {used} bytes for {}", input.len());
        drop(decoded);
        assert_eq!(NOW.load(SeqCst), before + head.capacity(), "{head}: nothing stays behind");
    }
}
