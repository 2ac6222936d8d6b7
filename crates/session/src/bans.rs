//! Banned addresses. Banned is an exact address: a whole IPv6 /64 may be a hall full of honest peers.

use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Debug)]
pub(crate) struct Bans {
    max: usize,
    numbers: BTreeMap<IpAddr, u64>,
    oldest_first: BTreeMap<u64, IpAddr>,
    next: u64,
}

impl Bans {
    pub(crate) fn new(max: usize) -> Bans {
        Bans { max, numbers: BTreeMap::new(), oldest_first: BTreeMap::new(), next: 0 }
    }

    /// Bans an address; true when it was not banned before.
    pub(crate) fn ban(&mut self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if self.numbers.contains_key(&ip) {
            return false;
        }
        self.numbers.insert(ip, self.next);
        self.oldest_first.insert(self.next, ip);
        self.next += 1;
        while self.numbers.len() > self.max {
            let Some((_, oldest)) = self.oldest_first.pop_first() else { break };
            self.numbers.remove(&oldest);
        }
        true
    }

    /// Lifts a ban; true when there was one.
    pub(crate) fn pardon(&mut self, ip: IpAddr) -> bool {
        let Some(number) = self.numbers.remove(&ip.to_canonical()) else { return false };
        self.oldest_first.remove(&number);
        true
    }

    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        self.numbers.contains_key(&ip.to_canonical())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.numbers.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ban_gives_way_at_the_limit_and_mapped_addresses_are_one() {
        let ip = |n: u8| IpAddr::from([10, 0, 0, n]);
        let mut bans = Bans::new(2);
        assert!(bans.ban(ip(1)) && bans.ban(ip(2)) && !bans.ban(ip(1)));
        assert!(bans.has("::ffff:10.0.0.1".parse().unwrap()));
        assert!(bans.ban(ip(3)));
        assert_eq!(bans.iter().collect::<Vec<_>>(), [ip(2), ip(3)]);
        assert!(bans.pardon(ip(2)) && !bans.pardon(ip(2)) && bans.ban(ip(4)));
        assert_eq!(bans.iter().collect::<Vec<_>>(), [ip(3), ip(4)]);
    }
}
