//! All wake times of a node in one ordered set.

use std::collections::BTreeSet;

use bitlode_base::Time;

/// Who is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A carrier's connection, by its slot.
    Carrier(u32),
    /// A swarm, by its torrent's slot.
    Swarm(u32),
    /// A store, by its torrent's slot.
    Store(u32),
    /// The dealing of grants to active torrents.
    Deal,
}

/// Wake times, at most one for each.
///
/// A time that moves later is left as it is: the early wake finds nothing due and asks again. That way the timeouts that
/// every received byte pushes back cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Time, Who)>);

impl Timers {
    /// Arms `who` for `at` unless it is armed for earlier; `armed` is the time it is armed for, kept by its owner.
    pub(crate) fn arm(&mut self, who: Who, armed: &mut Time, at: Time) {
        if at < *armed {
            self.disarm(who, armed);
            self.0.insert((at, who));
            *armed = at;
        }
    }

    /// Forgets `who`.
    pub(crate) fn disarm(&mut self, who: Who, armed: &mut Time) {
        if *armed != Time::NEVER {
            self.0.remove(&(*armed, who));
            *armed = Time::NEVER;
        }
    }

    /// The next one that is due at `now`; its owner must set `armed` to [`Time::NEVER`].
    pub(crate) fn due(&mut self, now: Time) -> Option<Who> {
        if self.0.first()?.0 > now {
            return None;
        }
        self.0.pop_first().map(|(_, who)| who)
    }

    /// The earliest time.
    pub(crate) fn next(&self) -> Time {
        self.0.first().map_or(Time::NEVER, |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_moves_later_keeps_its_early_wake_and_one_that_moves_earlier_replaces_it() {
        let mut timers = Timers::default();
        let mut armed = Time::NEVER;
        timers.arm(Who::Carrier(1), &mut armed, Time(50));
        timers.arm(Who::Carrier(1), &mut armed, Time(90));
        assert_eq!(timers.next(), Time(50));
        timers.arm(Who::Carrier(1), &mut armed, Time(20));
        assert_eq!((timers.next(), timers.due(Time(19))), (Time(20), None));
        assert_eq!((timers.due(Time(60)), timers.due(Time(60))), (Some(Who::Carrier(1)), None));
        armed = Time::NEVER;
        timers.arm(Who::Carrier(1), &mut armed, Time(70));
        timers.disarm(Who::Carrier(1), &mut armed);
        assert_eq!((timers.next(), armed), (Time::NEVER, Time::NEVER));
    }
}
