//! Who sent wrong data. A peer that alone sent a failing piece is guilty; of several, all are on parole: each fetches
//! whole pieces alone until one is right, so that the next failure names its sender.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use bitlode_base::Time;

/// What a failed piece costs each of its senders.
const FAILED: i32 = -2;
/// What a good piece earns each of its senders.
const VERIFIED: i32 = 1;
/// The most that can be earned.
const BEST: i32 = 8;
/// From here on a peer is banned.
const BAN: i32 = -7;
/// How long a network is remembered after a peer of it was banned.
const TAINTED: Duration = Duration::from_secs(3_600);
/// Networks remembered.
const NETWORKS: usize = 1_024;

/// How far one peer's data is trusted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trust {
    score: i32,
    parole: bool,
}

impl Trust {
    /// Whether the peer has to fetch whole pieces alone.
    pub(crate) fn on_parole(&self) -> bool {
        self.parole
    }

    /// Puts it on parole.
    pub(crate) fn doubt(&mut self) {
        self.parole = true;
    }

    /// A piece with data of this peer was right.
    pub(crate) fn verified(&mut self, alone: bool) {
        self.score = self.score.saturating_add(VERIFIED).min(BEST);
        self.parole &= !alone;
    }

    /// A piece with data of this peer and of others was wrong. Says whether that was once too often. One on parole is not
    /// blamed again: other pieces that it shared were under way already, and what it sends alone convicts it anyway.
    pub(crate) fn failed(&mut self) -> bool {
        if self.parole {
            return false;
        }
        self.score = self.score.min(0).saturating_add(FAILED);
        self.parole = true;
        self.score <= BAN
    }
}

/// Networks (IPv4 /24, IPv6 /48) that banned peers came from: newcomers from there begin on parole.
#[derive(Debug, Default)]
pub(crate) struct Tainted(BTreeMap<IpAddr, Time>);

impl Tainted {
    pub(crate) fn add(&mut self, now: Time, ip: IpAddr) {
        if self.0.len() >= NETWORKS {
            let oldest = self.0.iter().min_by_key(|(_, until)| **until).map(|(ip, _)| *ip);
            oldest.and_then(|ip| self.0.remove(&ip));
        }
        self.0.insert(network(ip), now + TAINTED);
    }

    pub(crate) fn has(&self, now: Time, ip: IpAddr) -> bool {
        self.0.get(&network(ip)).is_some_and(|until| now < *until)
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_that_was_earned_does_not_buy_a_poisoner_time() {
        let mut trust = Trust::default();
        (0..100).for_each(|_| trust.verified(false));
        let relapse = |trust: &mut Trust| {
            let banned = trust.failed();
            trust.verified(true);
            banned
        };
        assert_eq!((0..10).map(|_| relapse(&mut trust)).position(|banned| banned), Some(5));
    }

    #[test]
    fn pieces_shared_with_a_poisoner_that_fail_together_count_once() {
        let mut trust = Trust::default();
        assert!(!(0..100).any(|_| trust.failed()));
    }

    #[test]
    fn only_a_good_piece_of_its_own_ends_parole() {
        let mut trust = Trust::default();
        assert!(!trust.failed() && trust.on_parole());
        trust.verified(false);
        assert!(trust.on_parole());
        trust.verified(true);
        assert!(!trust.on_parole());
    }

    #[test]
    fn a_network_is_tainted_for_an_hour() {
        let mut tainted = Tainted::default();
        tainted.add(Time::ZERO, IpAddr::from([203, 0, 113, 7]));
        assert!(tainted.has(Time::from_secs(3_599), IpAddr::from([203, 0, 113, 200])));
        assert!(tainted.has(Time::ZERO, "::ffff:203.0.113.9".parse().unwrap()));
        assert!(!tainted.has(Time::ZERO, IpAddr::from([203, 0, 114, 7])));
        assert!(!tainted.has(Time::from_secs(3_600), IpAddr::from([203, 0, 113, 200])));
        for n in 0..3_000u32 {
            tainted.add(Time(u64::from(n)), IpAddr::from((n << 8).to_be_bytes()));
        }
        assert_eq!(tainted.0.len(), NETWORKS);
    }
}
