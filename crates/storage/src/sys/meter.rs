//! How fast is being written, and whether that is too fast for the page cache.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Over how long a rate is taken: shorter and a burst decides, longer and a fast download is half over.
const WINDOW: Duration = Duration::from_millis(250);

/// Counts what is written; all files of a disk share one.
#[derive(Debug)]
pub(super) struct Meter {
    /// Bytes per second.
    limit: u64,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Option<Instant>,
    bytes: u64,
    fast: bool,
}

impl Meter {
    pub(super) fn new(limit: u64) -> Meter {
        Meter { limit, window: Mutex::new(Window { since: None, bytes: 0, fast: limit == 0 }) }
    }

    /// Counts a write; whether the last whole window reached the limit, or this one has before its end: what a fast download
    /// leaves in the cache until then, of several torrents at once, has the next barrier of each wait for all of it.
    pub(super) fn is_fast(&self, now: Instant, bytes: u64) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = window.since.map(|since| now.saturating_duration_since(since));
        match passed {
            Some(passed) if passed < WINDOW => {}
            _ => {
                let micros = passed.map_or(0, |passed| passed.as_micros());
                let rate = (u128::from(window.bytes) * 1_000_000).checked_div(micros).unwrap_or(0);
                *window = Window { since: Some(now), bytes: 0, fast: rate >= u128::from(self.limit) };
            }
        }
        window.bytes = window.bytes.saturating_add(bytes);
        window.fast |= u128::from(window.bytes) >= u128::from(self.limit) * WINDOW.as_millis() / 1_000;
        window.fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_fast_at_its_limit_and_not_below() {
        for (bytes, fast) in [(99, false), (100, true), (101, true)] {
            let (meter, start) = (Meter::new(1_000), Instant::now());
            let at = |tenths: u64| start + Duration::from_millis(tenths * 100);
            // Windows of 300 ms, 100 ms apart: the third write of one reaches the limit for 250.
            let said: Vec<bool> = (0..7).map(|tenth| meter.is_fast(at(tenth), bytes)).collect();
            assert_eq!(said, [false, false, true, fast, fast, true, fast], "{bytes}");
            assert!(!meter.is_fast(at(60), bytes), "a pause makes it slow");
        }
    }

    #[test]
    fn a_window_that_is_full_before_its_end_is_fast_at_once() {
        for (bytes, fast) in [(249, false), (250, true)] {
            let (meter, start) = (Meter::new(1_000), Instant::now());
            assert!(!meter.is_fast(start, bytes - 100));
            assert_eq!(meter.is_fast(start + Duration::from_millis(1), 100), fast, "{bytes}");
            assert!(
                !meter.is_fast(start + Duration::from_secs(1), 1),
                "a quarter of a second of it is no rate of a whole one"
            );
        }
    }

    #[test]
    fn every_write_reaches_a_limit_of_nothing() {
        let meter = Meter::new(0);
        assert!(meter.is_fast(Instant::now(), 0));
        assert!(meter.is_fast(Instant::now(), 1));
    }
}
