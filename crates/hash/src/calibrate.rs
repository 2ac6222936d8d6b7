//! The choice of instruction sets by measuring.

use core::array;
use core::time::Duration;

use crate::hasher::{Hasher, Lanes};
use crate::isa::Isa;
use crate::sha1::{Feed, Sha1, sha1_many};
use crate::sha256::sha256_many;

/// All measurements together end soon after this: an engine that starts waits for them.
const BUDGET: Duration = Duration::from_micros(1800);

/// What each message of a measurement is long. Sixteen of them are done in some ten microseconds.
const LENGTH: usize = 4096;

/// Lanes must win by this much, in parts of a hundred, or streams stay: they hold no message back.
const GAIN: u128 = 5;

impl Hasher {
    /// The best within a ceiling (see [`Hasher::at_most`]), measured on this processor in about 2 ms: the lanes of SHA-1 and
    /// of SHA-256 that are quickest, and from how many messages on. `clock` tells the time since any moment. A clock that
    /// tells nothing leaves what [`Hasher::at_most`] and [`Hasher::best`] choose.
    pub fn calibrated(ceiling: Option<Isa>, clock: &mut dyn FnMut() -> Duration) -> Hasher {
        let allowed = |isa: Isa| ceiling.is_none_or(|ceiling| isa.within(ceiling));
        let stream = Hasher::stream(allowed);
        let lanes: Vec<Isa> =
            [Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| allowed(*isa) && isa.is_available()).collect();
        let unmeasured = ceiling.map_or_else(Hasher::best, Hasher::at_most);
        if lanes.is_empty() {
            return unmeasured;
        }
        // Each row: what to hash with, how many messages, the best time of each function.
        let plain = Lanes::none(stream);
        let mut rows = vec![Row::new(Hasher::new(stream, plain, plain), 1)];
        rows.extend(lanes.iter().map(|isa| {
            let all = Lanes::of(*isa, 1);
            Row::new(Hasher::new(stream, all, all), isa.lanes())
        }));
        let data = vec![0x5a; LENGTH];
        let messages: [&[u8]; 16] = array::from_fn(|_| &data[..]);
        let start = clock();
        // Rows take turns, so that all of them see the same clock rates; the first round only warms up.
        for round in 0.. {
            for row in &mut rows {
                let times = row.measure(&messages, clock);
                if round > 0 {
                    row.sha1 = row.sha1.min(times[0]);
                    row.sha256 = row.sha256.min(times[1]);
                }
            }
            if round > 0 && clock().saturating_sub(start) >= BUDGET || round >= 100 {
                break;
            }
        }
        let of = |time: fn(&Row) -> Duration| {
            let many = lanes.iter().zip(&rows[1..]).map(|(isa, row)| (*isa, time(row)));
            choose(stream, time(&rows[0]), many)
        };
        match (of(|row| row.sha1), of(|row| row.sha256)) {
            (Some(sha1), Some(sha256)) => Hasher::new(stream, sha1, sha256),
            _ => unmeasured,
        }
    }
}

struct Row {
    with: Hasher,
    messages: usize,
    sha1: Duration,
    sha256: Duration,
}

impl Row {
    fn new(with: Hasher, messages: usize) -> Row {
        Row { with, messages, sha1: Duration::MAX, sha256: Duration::MAX }
    }

    /// How long SHA-1 and SHA-256 of the messages take.
    fn measure(&self, messages: &[&[u8]; 16], clock: &mut dyn FnMut() -> Duration) -> [Duration; 2] {
        let messages = &messages[..self.messages];
        let mut hashes = vec![Sha1::new(); messages.len()];
        let mut feeds: Vec<Feed<'_>> = hashes
            .iter_mut()
            .zip(messages)
            .map(|(hash, part)| Feed { hash, parts: core::slice::from_ref(part) })
            .collect();
        let start = clock();
        sha1_many(self.with, &mut feeds);
        let between = clock();
        core::hint::black_box(sha256_many(self.with, messages));
        let end = clock();
        core::hint::black_box(&hashes);
        [between.saturating_sub(start), end.saturating_sub(between)]
    }
}

/// The lanes that take least time for a message, if that is less than a stream takes: `one` is the time of one message,
/// that of `many` of as many messages as there are lanes. `None` if a time is nothing.
fn choose(stream: Isa, one: Duration, many: impl Iterator<Item = (Isa, Duration)>) -> Option<Lanes> {
    let one = Some(one.as_nanos()).filter(|time| *time > 0)?;
    let mut best: Option<(Isa, u128)> = None;
    for (isa, turn) in many {
        let turn = Some(turn.as_nanos()).filter(|time| *time > 0)?;
        // Compared without dividing: time of a turn over lanes.
        if best.is_none_or(|(than, time)| turn * (than.lanes() as u128) < time * (isa.lanes() as u128)) {
            best = Some((isa, turn));
        }
    }
    let (isa, turn) = best?;
    if turn * 100 > one * (isa.lanes() as u128) * (100 - GAIN) {
        return Some(Lanes::none(stream));
    }
    // The least number of messages that take longer one by one.
    Some(Lanes::of(isa, u32::try_from(turn / one + 1).unwrap_or(u32::MAX).max(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(one: u64, avx2: u64, avx512: u64) -> Option<Lanes> {
        let times = [(Isa::Avx2, Duration::from_nanos(avx2)), (Isa::Avx512, Duration::from_nanos(avx512))];
        choose(Isa::ShaNi, Duration::from_nanos(one), times.into_iter())
    }

    #[test]
    fn lanes_are_chosen_by_the_time_of_one_message_and_worth_what_streams_take_longer_for() {
        assert_eq!(chosen(465, 2080, 1920), Some(Lanes::of(Isa::Avx512, 5)));
        assert_eq!(chosen(465, 2080, 5000), Some(Lanes::of(Isa::Avx2, 5)));
        assert_eq!(chosen(100, 100, 201), Some(Lanes::of(Isa::Avx2, 2)));
        assert_eq!(chosen(520, 4640, 3600), Some(Lanes::of(Isa::Avx512, 7)));
    }

    #[test]
    fn streams_stay_where_lanes_win_nothing() {
        assert_eq!(chosen(520, 4640, 9000), Some(Lanes::none(Isa::ShaNi)));
        assert_eq!(chosen(1000, 7900, 15_900), Some(Lanes::none(Isa::ShaNi)));
    }

    #[test]
    fn a_clock_that_stands_chooses_nothing() {
        assert_eq!((chosen(0, 1, 1), chosen(1, 0, 1), chosen(1, 1, 0)), (None, None, None));
        for ceiling in Isa::ALL {
            assert_eq!(Hasher::calibrated(Some(ceiling), &mut || Duration::ZERO), Hasher::at_most(ceiling));
        }
        assert_eq!(Hasher::calibrated(None, &mut || Duration::ZERO), Hasher::best());
    }

    #[test]
    fn a_calibration_ends_with_its_budget_and_keeps_the_ceiling() {
        for ceiling in Isa::ALL {
            let mut now = Duration::ZERO;
            let mut asked = 0;
            let with = Hasher::calibrated(Some(ceiling), &mut || {
                asked += 1;
                now += Duration::from_micros(100);
                now
            });
            assert!(asked <= 40, "{asked}");
            let used = [with.one(), with.many_sha1(), with.many_sha256()];
            assert!(used.iter().all(|isa| isa.within(ceiling) && isa.is_available()), "{ceiling}: {with}");
        }
    }
}
