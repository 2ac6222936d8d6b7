//! Addresses that may have peers: whom to call next, and when again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bitlode_base::{Choice, Time};

use crate::input::{Candidate, Limits, Source};

/// The span of [`Limits::dials_per_hour`].
const HOUR: Duration = Duration::from_secs(3_600);
/// An address typed by the user is tried again that much sooner at first.
const MANUAL_HASTE: u32 = 12;
/// Doublings of the wait, at most.
const DOUBLINGS: u32 = 6;
/// How long a peer that has everything is not called while we have everything too.
const SEED_WAIT: Duration = Duration::from_secs(1_800);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the queue, at this place.
    Waiting(Time, u64),
    Dialling,
    Connected,
    /// It misbehaved: only the user may have it called again.
    Shunned,
    /// It is ours, or banned.
    Never,
}

#[derive(Debug)]
struct Known {
    source: Source,
    state: State,
    /// Attempts of the last hour.
    attempts: VecDeque<Time>,
    /// Failures since the last useful connection.
    fails: u32,
    seed: bool,
}

/// The addresses of one torrent.
#[derive(Debug)]
pub(crate) struct Candidates {
    known: BTreeMap<SocketAddr, Known>,
    queue: BTreeSet<(Time, u64, SocketAddr)>,
    dialling: usize,
    choice: Choice,
}

impl Candidates {
    pub(crate) fn new(choice: Choice) -> Candidates {
        Candidates { known: BTreeMap::new(), queue: BTreeSet::new(), dialling: 0, choice }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Connections being made.
    pub(crate) fn dialling(&self) -> usize {
        self.dialling
    }

    /// Takes an address in, if there is room; a full list gives up one that failed before, and for one that the user typed
    /// any other. Typed again, an address is called at once, whatever came of it before.
    pub(crate) fn add(&mut self, now: Time, candidate: Candidate, max: usize) {
        let Candidate { addr, source } = candidate;
        if addr.port() == 0 || addr.ip().is_unspecified() || addr.ip().is_multicast() {
            return;
        }
        let manual = source == Source::Manual;
        if let Some(known) = self.known.get_mut(&addr) {
            if manual {
                (known.source, known.fails) = (source, 0);
                if matches!(known.state, State::Waiting(..) | State::Shunned) {
                    self.wait(addr, now);
                }
            }
            return;
        }
        if self.known.len() >= max {
            let gives_way = |known: &Known| known.source != Source::Manual && (manual || known.fails > 0);
            let mut last_first = self.queue.iter().rev().map(|(_, _, addr)| *addr);
            let worst = last_first.find(|addr| self.known.get(addr).is_some_and(gives_way));
            let Some(worst) = worst else { return };
            self.forget(worst);
        }
        let state = State::Never;
        self.known.insert(addr, Known { source, state, attempts: VecDeque::new(), fails: 0, seed: false });
        self.wait(addr, now);
    }

    /// The next address to call, if one is due. It is being dialled from now on.
    pub(crate) fn next(&mut self, now: Time, limits: &Limits) -> Option<SocketAddr> {
        let (at, order, addr) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.remove(&(at, order, addr));
        let known = self.known.get_mut(&addr)?;
        known.state = State::Dialling;
        known.attempts.push_back(now);
        while known.attempts.len() > limits.dials_per_hour.max(1) as usize {
            known.attempts.pop_front();
        }
        self.dialling += 1;
        Some(addr)
    }

    /// When the next address is due.
    pub(crate) fn due(&self) -> Time {
        self.queue.first().map_or(Time::NEVER, |(at, _, _)| *at)
    }

    /// A connection to, or from, that address stands.
    pub(crate) fn connected(&mut self, addr: SocketAddr) {
        self.set(addr, State::Connected);
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, now: Time, addr: SocketAddr, limits: &Limits) {
        if let Some(known) = self.known.get_mut(&addr).filter(|known| known.state == State::Dialling) {
            known.fails = known.fails.saturating_add(1);
            self.again(now, addr, limits);
        }
    }

    /// A dial was not begun.
    pub(crate) fn later(&mut self, addr: SocketAddr, at: Time) {
        if let Some(known) = self.known.get_mut(&addr).filter(|known| known.state == State::Dialling) {
            known.attempts.pop_back();
            self.wait(addr, at);
        }
    }

    /// A connection ended. A useful one is worth a new start.
    pub(crate) fn left(&mut self, now: Time, addr: SocketAddr, useful: bool, limits: &Limits) {
        let Some(known) = self.known.get_mut(&addr).filter(|known| known.state == State::Connected) else { return };
        if useful {
            known.fails = 0;
            known.attempts.clear();
        } else {
            known.fails = known.fails.saturating_add(1);
        }
        self.again(now, addr, limits);
    }

    /// The address has everything, and so have we.
    pub(crate) fn is_seed(&mut self, addr: SocketAddr) {
        if let Some(known) = self.known.get_mut(&addr) {
            known.seed = true;
        }
    }

    /// We want pieces again: those that have everything are of use.
    pub(crate) fn want_seeds(&mut self, now: Time) {
        let mut waiting = Vec::new();
        for (addr, known) in &mut self.known {
            if std::mem::take(&mut known.seed) && matches!(known.state, State::Waiting(..)) {
                waiting.push(*addr);
            }
        }
        for addr in waiting {
            self.wait(addr, now);
        }
    }

    /// Never call this address.
    pub(crate) fn never(&mut self, addr: SocketAddr) {
        self.end(addr, State::Never);
    }

    /// Do not call this address unless the user types it again.
    pub(crate) fn shun(&mut self, addr: SocketAddr) {
        self.end(addr, State::Shunned);
    }

    /// Nothing was wrong with the connection that just ended: it may be made again at once.
    pub(crate) fn renew(&mut self, now: Time, addr: SocketAddr, limits: &Limits) {
        let Some(known) = self.known.get(&addr) else { return };
        let may = known.source == Source::Manual || known.attempts.len() < limits.dials_per_hour.max(1) as usize;
        if may && matches!(known.state, State::Waiting(..)) {
            self.wait(addr, now);
        }
    }

    fn end(&mut self, addr: SocketAddr, state: State) {
        let known = self.known.entry(addr).or_insert(Known {
            source: Source::Incoming,
            state: State::Never,
            attempts: VecDeque::new(),
            fails: 1,
            seed: false,
        });
        let dialling = known.state == State::Dialling;
        self.dialling -= usize::from(dialling);
        if let State::Waiting(at, order) = std::mem::replace(&mut known.state, state) {
            self.queue.remove(&(at, order, addr));
        }
    }

    /// Never call this host.
    pub(crate) fn ban(&mut self, ip: IpAddr) {
        let range = SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX);
        let banned: Vec<SocketAddr> = self.known.range(range).map(|(addr, _)| *addr).collect();
        for addr in banned {
            self.never(addr);
        }
    }

    /// The network is back: everything that waits may be tried soon, spread over ten seconds.
    pub(crate) fn resumed(&mut self, now: Time) {
        let waiting: Vec<SocketAddr> = self.queue.iter().map(|(_, _, addr)| *addr).collect();
        for addr in waiting {
            let known = self.known.get(&addr);
            if known.is_some_and(|known| known.source == Source::Manual || known.fails == 0) {
                let jitter = Duration::from_millis(self.choice.below(10_000));
                self.wait(addr, now + jitter);
            }
        }
    }

    fn again(&mut self, now: Time, addr: SocketAddr, limits: &Limits) {
        let Some(known) = self.known.get(&addr) else { return };
        let doubled = limits.dial_backoff.saturating_mul(1 << known.fails.saturating_sub(1).min(DOUBLINGS));
        let manual = known.source == Source::Manual;
        let mut wait = if manual { (doubled / MANUAL_HASTE).min(limits.dial_backoff) } else { doubled };
        if known.seed {
            wait = wait.max(SEED_WAIT);
        }
        // A tenth of jitter, so that swarms do not dial in step.
        wait += Duration::from_millis(self.choice.below(wait.as_millis() as u64 / 10 + 1));
        let mut at = now + wait;
        if !manual && known.attempts.len() >= limits.dials_per_hour.max(1) as usize {
            at = known.attempts.front().map_or(at, |first| at.max(*first + HOUR));
        }
        self.wait(addr, at);
    }

    fn wait(&mut self, addr: SocketAddr, at: Time) {
        // Addresses typed by the user come first among those that are due.
        let manual = self.known.get(&addr).is_some_and(|known| known.source == Source::Manual);
        let order = if manual { 0 } else { self.choice.next() | 1 };
        self.set(addr, State::Waiting(at, order));
    }

    fn set(&mut self, addr: SocketAddr, state: State) {
        let Some(known) = self.known.get_mut(&addr) else { return };
        match std::mem::replace(&mut known.state, state) {
            State::Waiting(at, order) => {
                self.queue.remove(&(at, order, addr));
            }
            State::Dialling => self.dialling -= 1,
            // It called us, or we do not call it: that changes nothing.
            before @ (State::Shunned | State::Never) if matches!(state, State::Connected) => known.state = before,
            State::Connected | State::Shunned | State::Never => {}
        }
        if let State::Waiting(at, order) = state {
            self.queue.insert((at, order, addr));
        }
    }

    fn forget(&mut self, addr: SocketAddr) {
        if let Some(Known { state: State::Waiting(at, order), .. }) = self.known.remove(&addr) {
            self.queue.remove(&(at, order, addr));
        }
    }
}
