//! Incoming connections whose handshake has not come yet. They cost nothing to open, so they are few, and those of one
//! address fewer; a newcomer takes the place of the oldest, so that silent ones cannot shut the gate.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use bitlode_base::Code;

use crate::ids::CarrierId;

/// What to do with a connection that was just accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Take it: its handshake is awaited.
    Take,
    /// Close it.
    Refuse(Code),
    /// Take it and close this one, the oldest that still waits for its handshake. It is already forgotten here.
    TakeAndDrop(CarrierId),
}

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 house has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct House(IpAddr);

impl House {
    fn of(ip: IpAddr) -> House {
        House(match ip.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    max: usize,
    max_per_house: usize,
    next: u64,
    oldest_first: BTreeMap<u64, CarrierId>,
    carriers: BTreeMap<CarrierId, (House, u64)>,
    houses: BTreeMap<(House, u64), CarrierId>,
}

impl Gate {
    pub(crate) fn new(max: usize, max_per_house: usize) -> Gate {
        let (oldest_first, carriers, houses) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Gate { max, max_per_house, next: 0, oldest_first, carriers, houses }
    }

    pub(crate) fn enter(&mut self, carrier: CarrierId, ip: IpAddr) -> Incoming {
        self.leave(carrier);
        let house = House::of(ip);
        let of_house = || self.houses.range((house, 0)..=(house, u64::MAX));
        let dropped = if of_house().count() >= self.max_per_house {
            of_house().next().map(|(_, oldest)| *oldest)
        } else if self.carriers.len() >= self.max {
            self.oldest_first.values().next().copied()
        } else {
            None
        };
        if let Some(oldest) = dropped {
            self.leave(oldest);
        }
        self.oldest_first.insert(self.next, carrier);
        self.carriers.insert(carrier, (house, self.next));
        self.houses.insert((house, self.next), carrier);
        self.next += 1;
        dropped.map_or(Incoming::Take, Incoming::TakeAndDrop)
    }

    /// True when it was waiting here.
    pub(crate) fn leave(&mut self, carrier: CarrierId) -> bool {
        let Some((house, number)) = self.carriers.remove(&carrier) else { return false };
        self.oldest_first.remove(&number);
        self.houses.remove(&(house, number));
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.carriers.len()
    }
}
