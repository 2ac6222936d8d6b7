//! How many of the waiting pieces are hashed now. Hashed side by side they cost a quarter of what they cost one by one, but
//! the first has to wait for the last: worth it only while pieces come fast.

use std::collections::VecDeque;
use std::time::Duration;

use bitlode_base::Time;

/// A new interval counts for one part in so many of the average.
const MEMORY: u64 = 8;
/// How many times the expected time the first piece waits for the others.
const SLACK: u64 = 2;
/// All hope that others come; each piece gives one part of it back.
const HOPE: u64 = 1024;
/// A wait in vain leaves one part in so many.
const DISAPPOINTMENT: u64 = 4;
/// It was in vain when it brought less than one part in so many of a full batch: those cost as much one by one.
const VAIN: usize = 4;

/// What bounds a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Pieces that the hasher takes side by side.
    pub(crate) lanes: usize,
    /// Bytes of memory that a batch may hold.
    pub(crate) bytes: u64,
    /// The longest time that a batch may be expected to take until it is full.
    pub(crate) patience: Duration,
}

/// The policy: it is told what comes and what is taken, and says what to do next.
#[derive(Debug)]
pub(crate) struct Batcher {
    bounds: Bounds,
    /// When each waiting piece came and the bytes it holds, the oldest first.
    waiting: VecDeque<(Time, u32)>,
    /// Average time between two pieces in microseconds, and when the last one came.
    interval: u64,
    last: Time,
    /// So many of the oldest wait for nothing.
    hurried: usize,
    /// How much of the patience is left, in parts of [`HOPE`]. Pieces may come fast and still not side by side: the runs of
    /// one large piece are hashed one after the other, whatever comes meanwhile.
    hope: u64,
}

/// What to do with the waiting pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// There are none.
    Nothing,
    /// Hash so many of the oldest.
    Take(usize),
    /// More are about to come: ask again when one has, or at this time.
    WaitUntil(Time),
}

impl Batcher {
    pub(crate) fn new(bounds: Bounds) -> Batcher {
        let interval = micros(bounds.patience);
        Batcher { bounds, waiting: VecDeque::new(), interval, last: Time::ZERO, hurried: 0, hope: HOPE }
    }

    /// A piece that holds so many bytes waits.
    pub(crate) fn arrived(&mut self, now: Time, bytes: u32) {
        // A pause says only that pieces do not come fast: that they stopped for hours is forgotten with the next few.
        let gap = micros(now.since(self.last)).min(micros(self.bounds.patience));
        self.interval = (self.interval * (MEMORY - 1) + gap) / MEMORY;
        self.last = now;
        self.hope = (self.hope + 1).min(HOPE);
        self.waiting.push_back((now, bytes));
    }

    /// What waits now shall wait no longer.
    pub(crate) fn hurry(&mut self) {
        self.hurried = self.waiting.len();
    }

    /// The oldest were taken.
    pub(crate) fn taken(&mut self, now: Time, count: usize) {
        let full = self.full();
        if count >= full {
            self.hope = HOPE;
        } else if self.hurried == 0 && count < full / VAIN && self.waits() && now >= self.until() {
            self.hope /= DISAPPOINTMENT;
        }
        self.waiting.drain(..count.min(self.waiting.len()));
        self.hurried = self.hurried.saturating_sub(count);
    }

    pub(crate) fn next(&self, now: Time) -> Next {
        if self.waiting.is_empty() {
            return Next::Nothing;
        }
        let mut bytes = 0;
        let fits = self.waiting.iter().take(self.bounds.lanes.max(1)).take_while(|(_, more)| {
            bytes += u64::from(*more);
            bytes <= self.bounds.bytes
        });
        // One that is larger than a batch may be is a batch.
        let count = fits.count().max(1);
        let more = count < self.full() && count == self.waiting.len() && self.hurried == 0;
        match more && self.waits() && now < self.until() {
            true => Next::WaitUntil(self.until()),
            false => Next::Take(count),
        }
    }

    /// Whether pieces come fast enough for the first to wait for the others.
    fn waits(&self) -> bool {
        self.fill() <= micros(self.bounds.patience) * self.hope / HOPE
    }

    /// When those that wait wait no longer.
    fn until(&self) -> Time {
        let oldest = self.waiting.front().map_or(Time::ZERO, |(oldest, _)| *oldest);
        oldest + Duration::from_micros(self.fill().saturating_mul(SLACK))
    }

    /// How long a full batch takes to come, in microseconds.
    fn fill(&self) -> u64 {
        self.interval.saturating_mul(self.full() as u64)
    }

    /// Pieces of a full batch, if they go on being as large as those that wait.
    fn full(&self) -> usize {
        let bytes: u64 = self.waiting.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        let mean = bytes.div_ceil(self.waiting.len().max(1) as u64).max(1);
        let most = usize::try_from(self.bounds.bytes / mean).unwrap_or(usize::MAX);
        self.bounds.lanes.min(most).max(1)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u32 = 1024;
    const BOUNDS: Bounds = Bounds { lanes: 16, bytes: 16 << 20, patience: Duration::from_millis(40) };

    fn at(micros: u64) -> Time {
        Time(micros)
    }

    /// A batcher after many pieces of `bytes`, one every `interval` microseconds, all taken; and the time.
    fn used_to(bounds: Bounds, bytes: u32, interval: u64) -> (Batcher, u64) {
        let mut batcher = Batcher::new(bounds);
        let mut now = 1_000_000;
        for _ in 0..200 {
            now += interval;
            batcher.arrived(at(now), bytes);
            batcher.taken(at(now), 1);
        }
        assert_eq!(batcher.next(at(now)), Next::Nothing);
        (batcher, now)
    }

    #[test]
    fn pieces_that_come_slowly_are_taken_one_by_one() {
        let (mut batcher, now) = used_to(BOUNDS, 256 * KIB, 25_000);
        batcher.arrived(at(now + 25_000), 256 * KIB);
        assert_eq!(batcher.next(at(now + 25_000)), Next::Take(1));
    }

    #[test]
    fn the_very_first_pieces_wait_for_nobody() {
        let mut batcher = Batcher::new(BOUNDS);
        batcher.arrived(at(0), 256 * KIB);
        assert_eq!(batcher.next(at(0)), Next::Take(1));
    }

    #[test]
    fn pieces_that_come_fast_wait_until_all_lanes_are_full() {
        let (mut batcher, start) = used_to(BOUNDS, 256 * KIB, 250);
        for number in 1..16 {
            let now = at(start + number * 250);
            batcher.arrived(now, 256 * KIB);
            // Sixteen are expected to take four milliseconds; the first waits for eight.
            assert!(matches!(batcher.next(now), Next::WaitUntil(until) if until.0 - start <= 250 + 8_000), "{number}");
        }
        batcher.arrived(at(start + 4_000), 256 * KIB);
        assert_eq!(batcher.next(at(start + 4_000)), Next::Take(16));
        batcher.arrived(at(start + 4_250), 256 * KIB);
        assert_eq!(batcher.next(at(start + 4_250)), Next::Take(16));
        batcher.taken(at(start + 4_250), 16);
        assert!(matches!(batcher.next(at(start + 4_250)), Next::WaitUntil(_)));
    }

    #[test]
    fn after_twice_the_expected_time_what_is_there_is_taken() {
        let (mut batcher, start) = used_to(BOUNDS, 256 * KIB, 1_000);
        (0..3).for_each(|_| batcher.arrived(at(start + 1_000), 256 * KIB));
        let Next::WaitUntil(until) = batcher.next(at(start + 1_000)) else { panic!() };
        assert!(until > at(start + 1_000 + 16_000));
        assert_eq!(batcher.next(at(until.0 - 1)), Next::WaitUntil(until));
        assert_eq!(batcher.next(until), Next::Take(3));
    }

    #[test]
    fn a_batch_holds_no_more_bytes_than_it_may() {
        let (mut batcher, start) = used_to(BOUNDS, 4096 * KIB, 2_000);
        for number in 1..4 {
            batcher.arrived(at(start + number * 2_000), 4096 * KIB);
            assert!(matches!(batcher.next(at(start + number * 2_000)), Next::WaitUntil(_)), "{number}");
        }
        batcher.arrived(at(start + 8_000), 4096 * KIB);
        assert_eq!(batcher.next(at(start + 8_000)), Next::Take(4));
        batcher.arrived(at(start + 8_000), 4096 * KIB);
        assert_eq!(batcher.next(at(start + 8_000)), Next::Take(4));
    }

    #[test]
    fn a_piece_larger_than_a_batch_may_be_is_taken_at_once() {
        let (mut batcher, start) = used_to(BOUNDS, 32 << 20, 100);
        batcher.arrived(at(start), 32 << 20);
        assert_eq!(batcher.next(at(start)), Next::Take(1));
    }

    #[test]
    fn a_hasher_of_one_lane_never_waits() {
        let (mut batcher, start) = used_to(Bounds { lanes: 1, ..BOUNDS }, 256 * KIB, 10);
        (0..3).for_each(|_| batcher.arrived(at(start), 256 * KIB));
        assert_eq!(batcher.next(at(start)), Next::Take(1));
    }

    #[test]
    fn a_hurry_ends_the_waiting_of_those_that_wait_and_of_no_later_ones() {
        let (mut batcher, start) = used_to(BOUNDS, 256 * KIB, 250);
        (0..3).for_each(|_| batcher.arrived(at(start + 1), 256 * KIB));
        assert!(matches!(batcher.next(at(start + 1)), Next::WaitUntil(_)));
        batcher.hurry();
        assert_eq!(batcher.next(at(start + 1)), Next::Take(3));
        batcher.taken(at(start + 1), 3);
        batcher.arrived(at(start + 2), 256 * KIB);
        assert!(matches!(batcher.next(at(start + 2)), Next::WaitUntil(_)));
    }

    #[test]
    fn a_long_pause_is_soon_forgotten() {
        let (mut batcher, start) = used_to(BOUNDS, 256 * KIB, 250);
        let mut now = start + 3_600_000_000;
        let mut alone = 0;
        loop {
            batcher.arrived(at(now), 256 * KIB);
            match batcher.next(at(now)) {
                Next::Take(count) => batcher.taken(at(now), count),
                Next::WaitUntil(_) => break,
                Next::Nothing => panic!(),
            }
            alone += 1;
            now += 250;
        }
        assert!((1..=16).contains(&alone), "{alone}");
    }

    #[test]
    fn waits_in_vain_become_rare_and_those_that_are_worth_it_do_not() {
        // A run of the same piece comes a millisecond after the last one was taken: never two of them.
        let waited = |together: usize| {
            let (mut batcher, mut now) = used_to(BOUNDS, 256 * KIB, 1_000);
            let (mut waits, mut took) = (0, 0);
            for _ in 0..400 {
                now += 1_000;
                (0..together).for_each(|_| batcher.arrived(at(now), 256 * KIB));
                if let Next::WaitUntil(until) = batcher.next(at(now)) {
                    waits += 1;
                    now = until.0;
                }
                let Next::Take(count) = batcher.next(at(now)) else { panic!() };
                took += count;
                batcher.taken(at(now), count);
            }
            assert_eq!(took, 400 * together);
            waits
        };
        assert!((1..=8).contains(&waited(1)), "{}", waited(1));
        assert!(waited(8) >= 200, "{}", waited(8));
    }
}
