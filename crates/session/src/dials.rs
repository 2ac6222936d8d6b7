//! When and whom to dial.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bitlode_base::Time;

use crate::ids::TorrentId;

/// Whether an address may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialPermit {
    /// Now: it counts as half-open until `dial_ended`.
    Now,
    /// Ask again then: too many are half-open, or too many were begun this second.
    Later(Time),
    /// Not this address: it is banned, ours, not dialable, or there is a connection to it. Treat it as one that failed.
    Never,
}

// How long to wait for a half-open connection to end: nobody can know, and asking again costs next to nothing.
const FULL_RETRY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Dials {
    max: usize,
    max_per_torrent: usize,
    // When the last `rate` dials began: no second, wherever it starts, sees more.
    rate: usize,
    begun: VecDeque<Time>,
    open: BTreeMap<TorrentId, BTreeSet<SocketAddr>>,
    count: usize,
}

const RATE_SPAN: Duration = Duration::from_secs(1);

impl Dials {
    pub(crate) fn new(max: usize, max_per_torrent: usize, rate: usize) -> Dials {
        Dials { max, max_per_torrent, rate, begun: VecDeque::new(), open: BTreeMap::new(), count: 0 }
    }

    /// Takes a place if there is one.
    pub(crate) fn begin(&mut self, now: Time, torrent: TorrentId, addr: SocketAddr) -> DialPermit {
        if self.count >= self.max || self.of(torrent) >= self.max_per_torrent {
            return DialPermit::Later(now + FULL_RETRY);
        }
        if self.begun.len() >= self.rate {
            let next = self.begun.front().map_or(Time::ZERO, |first| *first + RATE_SPAN);
            if next > now {
                return DialPermit::Later(next);
            }
            self.begun.pop_front();
        }
        self.begun.push_back(now);
        self.open.entry(torrent).or_default().insert(addr);
        self.count += 1;
        DialPermit::Now
    }

    /// True when it was half-open.
    pub(crate) fn end(&mut self, torrent: TorrentId, addr: SocketAddr) -> bool {
        let Some(of) = self.open.get_mut(&torrent) else { return false };
        if !of.remove(&addr) {
            return false;
        }
        if of.is_empty() {
            self.open.remove(&torrent);
        }
        self.count -= 1;
        true
    }

    pub(crate) fn end_all(&mut self, torrent: TorrentId) {
        self.count -= self.open.remove(&torrent).map_or(0, |of| of.len());
    }

    pub(crate) fn has(&self, torrent: TorrentId, addr: SocketAddr) -> bool {
        self.open.get(&torrent).is_some_and(|of| of.contains(&addr))
    }

    pub(crate) fn has_ip(&self, torrent: TorrentId, ip: IpAddr) -> bool {
        let same = |addr: &SocketAddr| addr.ip().to_canonical() == ip.to_canonical();
        self.open.get(&torrent).is_some_and(|of| of.iter().any(same))
    }

    pub(crate) fn of(&self, torrent: TorrentId) -> usize {
        self.open.get(&torrent).map_or(0, BTreeSet::len)
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }
}
