//! What one peer was asked for, and how much it may be asked for at a time.

use std::collections::VecDeque;
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, BlockRef, Time};

use crate::input::Limits;

/// The shortest span over which a delivery rate is believed.
const ROUND: Duration = Duration::from_millis(20);
/// Blocks that a delivery rate is measured over, at least.
const ROUND_BLOCKS: u32 = 4;
/// The span after which fewer blocks will do.
const LONG_ROUND: Duration = Duration::from_secs(2);
/// Rounds without growth that end slow start.
const FLAT_ROUNDS: u32 = 3;

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) block: BlockRef,
    pub(crate) at: Time,
}

/// Open requests of one peer, oldest first.
#[derive(Debug)]
pub(crate) struct Requests {
    open: VecDeque<Request>,
    /// When the peer last sent a block, or began to owe us one.
    progress: Time,
}

impl Requests {
    pub(crate) fn new(now: Time) -> Requests {
        Requests { open: VecDeque::new(), progress: now }
    }

    pub(crate) fn len(&self) -> u32 {
        self.open.len() as u32
    }

    pub(crate) fn push(&mut self, now: Time, block: BlockRef) {
        if self.open.is_empty() {
            self.progress = now;
        }
        self.open.push_back(Request { block, at: now });
    }

    /// Takes the request for exactly that block. Peers answer in order, so it is nearly always the first.
    pub(crate) fn take(&mut self, block: BlockRef) -> Option<Request> {
        let at = self.open.iter().position(|request| request.block == block)?;
        self.open.remove(at)
    }

    pub(crate) fn has(&self, block: BlockRef) -> bool {
        self.open.iter().any(|request| request.block == block)
    }

    /// A block came.
    pub(crate) fn progressed(&mut self, now: Time) {
        self.progress = now;
    }

    /// How long the peer has owed us a block without sending one.
    pub(crate) fn silence(&self, now: Time) -> Duration {
        if self.open.is_empty() { Duration::ZERO } else { now.since(self.progress) }
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Request> {
        self.open.iter().rev()
    }

    /// Takes all but the `keep` oldest.
    pub(crate) fn take_newest(&mut self, keep: usize) -> Vec<Request> {
        self.open.split_off(keep.min(self.open.len())).into()
    }

    /// Takes those asked before `now` − `age`.
    pub(crate) fn take_older(&mut self, now: Time, age: Duration) -> Vec<Request> {
        let mut old = Vec::new();
        while let Some(first) = self.open.front().copied().filter(|first| now.since(first.at) >= age) {
            self.open.pop_front();
            old.push(first);
        }
        old
    }

    /// The machine slept: nobody owed us anything meanwhile.
    pub(crate) fn resumed(&mut self, now: Time) {
        self.progress = now;
        for request in &mut self.open {
            request.at = now;
        }
    }
}

/// How long a shortest round trip is believed: twice this, because the one before counts too.
const EPOCH: Duration = Duration::from_secs(10);
/// Rounds of half a window that let our own queue drain, so that the next shortest round trip is without it.
const DRAIN: u32 = 2;

/// How many requests a peer should have open: rate × round trip × 1.5, found by doubling at first.
#[derive(Debug)]
pub(crate) struct Window {
    size: u32,
    doubling: bool,
    flat: u32,
    /// The shortest round trips of this epoch and of the one before: means of rounds, because a peer that answers twice
    /// a second (Transmission) answers the few requests at once that come while it does.
    delay: Duration,
    delay_before: Duration,
    epoch: Time,
    drain: u32,
    /// Bytes per second over the last rounds.
    rate: u64,
    last_round: u64,
    since: Time,
    bytes: u64,
    blocks: u32,
    /// The sum of this round's round trips.
    waited: Duration,
}

impl Window {
    pub(crate) fn new(now: Time, limits: &Limits) -> Window {
        Window {
            size: limits.requests_floor.max(1),
            doubling: true,
            flat: 0,
            delay: Duration::MAX,
            delay_before: Duration::MAX,
            epoch: now,
            drain: 0,
            rate: 0,
            last_round: 0,
            since: now,
            bytes: 0,
            blocks: 0,
            waited: Duration::ZERO,
        }
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// How long `blocks` more would take; `None` when nothing is known.
    pub(crate) fn eta(&self, blocks: u32) -> Option<Duration> {
        (self.rate > 0).then(|| {
            Duration::from_micros(u64::from(blocks).saturating_mul(u64::from(BLOCK_LEN) * 1_000_000) / self.rate)
        })
    }

    /// The peer was silent for too long: it starts again from one request.
    pub(crate) fn collapse(&mut self, now: Time, limits: &Limits) {
        *self = Window { size: 1, ..Window::new(now, limits) };
    }

    /// The peer rejected a request and `open` are left: what it holds is what it takes. With none left it is sounded out
    /// with a single one.
    pub(crate) fn rejected(&mut self, now: Time, open: u32, limits: &Limits) {
        if open == 0 {
            return self.collapse(now, limits);
        }
        self.size = self.size.min(open);
        self.doubling = false;
    }

    /// A block came, `round_trip` after it was asked for. `ceiling` is what the peer will queue.
    pub(crate) fn block(&mut self, now: Time, bytes: u64, round_trip: Duration, ceiling: u32, limits: &Limits) {
        let floor = limits.requests_floor.max(1);
        let ceiling = ceiling.min(limits.requests_max).max(1);
        self.waited = self.waited.saturating_add(round_trip);
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks = self.blocks.saturating_add(1);
        // One more for each block doubles the window in each round trip.
        let grown = if self.doubling { self.size.saturating_add(1).max(floor) } else { self.size };
        self.size = grown.min(ceiling);
        let span = now.since(self.since);
        let mean = self.waited / self.blocks.max(1);
        let shortest = self.delay.min(self.delay_before);
        let least = if shortest == Duration::MAX { mean } else { shortest };
        if span < least.max(ROUND) || (self.blocks < ROUND_BLOCKS && span < LONG_ROUND) {
            return;
        }
        self.delay = self.delay.min(mean);
        let round = self.bytes.saturating_mul(1_000_000) / (span.as_micros() as u64).max(1);
        self.rate = if self.rate == 0 { round } else { (self.rate.saturating_mul(3).saturating_add(round)) / 4 };
        if round > self.last_round.saturating_add(self.last_round / 4) {
            self.flat = 0;
            self.last_round = round;
        } else {
            self.flat = self.flat.saturating_add(1);
            self.doubling &= self.flat < FLAT_ROUNDS;
        }
        if !self.doubling {
            if now.since(self.epoch) >= EPOCH {
                (self.delay_before, self.delay) = (self.delay, mean);
                (self.epoch, self.drain) = (now, DRAIN);
            }
            let shortest = self.delay.min(self.delay_before).max(limits.delay_floor);
            let bytes = u128::from(self.rate) * shortest.as_micros() * 3 / 2 / 1_000_000;
            let target = u32::try_from(bytes.div_ceil(u128::from(BLOCK_LEN))).unwrap_or(u32::MAX);
            self.size = target.max(floor).min(ceiling);
            if self.drain > 0 {
                self.drain -= 1;
                self.size = (self.size / 2).max(1);
            }
        }
        // A peer so slow that the floor would time out gets what it can send in time.
        let in_time = u128::from(self.rate) * limits.request_timeout.as_micros() / 1_000_000 / u128::from(BLOCK_LEN);
        self.size = self.size.min(u32::try_from(in_time).unwrap_or(u32::MAX).max(1));
        (self.since, self.bytes, self.blocks, self.waited) = (now, 0, 0, Duration::ZERO);
    }
}

#[cfg(test)]
#[path = "../tests/rig/limits.rs"]
mod limits;

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as Transmission does: what was asked is sent twice a second, and every sixth time the last requests, which
    /// come while it sends, are answered at once.
    #[test]
    fn a_peer_that_answers_twice_a_second_gets_a_window_for_its_rate() {
        let limits = super::limits::limits();
        let mut window = Window::new(Time::ZERO, &limits);
        for pulse in 1..80_u64 {
            let now = Time(pulse * 500_000);
            for block in 0..window.size() {
                let late = pulse % 6 == 0 && block < 4;
                let round_trip = Duration::from_millis(if late { 1 } else { 500 });
                window.block(now, u64::from(BLOCK_LEN), round_trip, 250, &limits);
            }
        }
        assert!(window.size() >= 100, "{}", window.size());
    }
}
