//! How long a processor stood still for a thread that nothing on the machine may push aside: run on it with real-time
//! priority (chrt(1), taskset(1)). What is seen is the hypervisor's, and the interrupts'. When its input ends it prints the
//! longest stop in milliseconds.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(1);

fn main() {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        seen.store(true, Ordering::Relaxed);
    });
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(PERIOD);
        longest = longest.max(last.elapsed().saturating_sub(PERIOD));
        last = Instant::now();
    }
    // Whoever asked may be gone.
    let _ = writeln!(std::io::stdout(), "{:.1}", longest.as_secs_f64() * 1e3);
}
