//! Bytes per second, smoothed; integers only, so that every machine gets the same numbers.

use std::time::Duration;

use bitlode_base::Time;

/// How often what came is folded into the average.
const FOLD: Duration = Duration::from_millis(100);
/// The time constant of the average, in microseconds.
const TAU: u64 = 3_000_000;

/// An exponentially weighted rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: u64,
    pending: u64,
    since: Time,
    total: u64,
}

impl Rate {
    pub(crate) fn new(now: Time) -> Rate {
        Rate { per_second: 0, pending: 0, since: now, total: 0 }
    }

    /// Counts bytes.
    pub(crate) fn add(&mut self, now: Time, bytes: u64) {
        self.total = self.total.saturating_add(bytes);
        self.pending = self.pending.saturating_add(bytes);
        if now.since(self.since) >= FOLD {
            self.per_second = self.get(now);
            self.pending = 0;
            self.since = now;
        }
    }

    /// Bytes per second, as of now.
    pub(crate) fn get(&self, now: Time) -> u64 {
        let span = now.since(self.since).as_micros() as u64;
        let sum = u128::from(self.per_second) * u128::from(TAU) + u128::from(self.pending) * 1_000_000;
        u64::try_from(sum / u128::from(TAU.saturating_add(span))).unwrap_or(u64::MAX)
    }

    /// Bytes ever counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_comes_near_a_steady_stream_and_falls_when_it_ends() {
        let mut rate = Rate::new(Time::ZERO);
        for ms in 0..20_000 {
            rate.add(Time(ms * 1_000), 1_000);
        }
        let steady = rate.get(Time::from_secs(20));
        assert!((950_000..1_050_000).contains(&steady), "{steady}");
        assert!(rate.get(Time::from_secs(50)) < 100_000);
        assert_eq!(rate.total(), 20_000_000);
    }
}
