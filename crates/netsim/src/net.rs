//! Who finds, dials, accepts and leaves whom.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bitlode_base::{Code, Time};
use bitlode_node::{Candidate, DialId, Source};
use bitlode_session::{CarrierId, ShardId};

use crate::link::{End, Link};
use crate::peer::{Running, TORRENT};
use crate::villain::Mask;
use crate::world::{Event, World};

/// How long an actor tries to connect where nobody answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl World {
    pub(crate) fn actor_at(&self, ip: IpAddr) -> Option<usize> {
        let peers = self.peers.iter().map(|peer| peer.config.addr.ip());
        peers.chain(self.villains.iter().map(|villain| villain.config.addr.ip())).position(|at| at == ip)
    }

    pub(crate) fn addr(&self, actor: usize) -> SocketAddr {
        match self.peers.get(actor) {
            Some(peer) => peer.config.addr,
            None => self.villains[actor - self.peers.len()].config.addr,
        }
    }

    pub(crate) fn reachable(&self, actor: usize) -> bool {
        self.peers.get(actor).is_none_or(|peer| peer.config.reachable)
    }

    pub(crate) fn awake(&self, actor: usize) -> bool {
        match self.peers.get(actor) {
            Some(peer) => peer.running.is_some(),
            None => self.villains[actor - self.peers.len()].awake,
        }
    }

    pub(crate) fn dial(&mut self, actor: usize, life: u64, dial: DialId, addr: SocketAddr) {
        self.mix(12, actor as u64, u64::from(addr.port()));
        let target = self.actor_at(addr.ip());
        let answered = target.filter(|target| self.reachable(*target));
        let wait = match answered {
            Some(target) => (self.link_of(actor).delay + self.link_of(target).delay) * 2,
            None => CONNECT_TIMEOUT,
        };
        let refused = answered.is_none();
        self.later(self.now + wait, Event::Answer { actor, life, dial, addr, refused });
    }

    pub(crate) fn answer(&mut self, actor: usize, life: u64, dial: DialId, addr: SocketAddr, refused: bool) {
        if !self.alive(actor, life) {
            return;
        }
        let target = self.actor_at(addr.ip()).filter(|target| !refused && self.awake(*target) && *target != actor);
        self.mix(13, actor as u64, target.map_or(0, |target| target as u64 + 1));
        let Some(target) = target else {
            return self.with(actor, life, |now, running| running.node.dial_failed(now, dial, Code::DialFailed));
        };
        let link = self.connect(actor, target);
        let carrier = self.links[&link].ends[0].carrier;
        self.with(actor, life, |now, running| running.node.connected(now, dial, carrier));
        self.accept(link, target);
    }

    /// Makes a link; nobody is told.
    pub(crate) fn connect(&mut self, from: usize, to: usize) -> u64 {
        self.next_link += 1;
        let link = self.next_link;
        let ends = [(from, 0), (to, 1)].map(|(actor, side)| {
            let life = self.life(actor);
            let carrier = match self.peers.get_mut(actor).and_then(|peer| peer.running.as_mut()) {
                Some(running) => {
                    running.next_carrier += 1;
                    let carrier = CarrierId::new(ShardId(0), running.next_carrier);
                    running.carriers.insert(carrier, (link, side));
                    carrier
                }
                None => CarrierId(0),
            };
            End::new(actor, life, carrier)
        });
        self.links.insert(link, Link { ends, tap: Default::default(), silent: false });
        link
    }

    pub(crate) fn accept(&mut self, link: u64, target: usize) {
        let Some(it) = self.links.get(&link) else { return };
        let from = SocketAddr::new(self.addr(it.ends[0].actor).ip(), 30_000 + (link % 20_000) as u16);
        let (carrier, life) = (it.ends[1].carrier, it.ends[1].life);
        if target < self.peers.len() {
            self.with(target, life, |now, running| running.node.incoming(now, carrier, from));
        } else {
            self.mask(link, target, false);
        }
    }

    pub(crate) fn mask(&mut self, link: u64, actor: usize, dialled: bool) {
        let villain = &mut self.villains[actor - self.peers.len()];
        let (info, content) = (self.torrent.info.clone(), self.torrent.reference.content.clone());
        let choice = self.choice.fork();
        let mask = Mask::new(villain.config.kind, info, content, villain.peer_id, choice, dialled);
        villain.masks.insert(link, mask);
        self.soon(Event::Flush { link, from: usize::from(!dialled) });
    }

    pub(crate) fn oracle(&mut self, actor: usize, life: u64) {
        if !self.alive(actor, life) {
            return;
        }
        self.mix(14, actor as u64, 0);
        let count = self.peers.len() + self.villains.len();
        let mut others: Vec<usize> = (0..count).filter(|other| *other != actor).collect();
        self.choice.shuffle(&mut others);
        others.truncate(2 + self.choice.below(12) as usize);
        others.extend((0..self.config.hubs).filter(|hub| *hub != actor));
        let again = self.now + Duration::from_secs(5 + self.choice.below(25));
        self.later(again, Event::Oracle { actor, life });
        if actor < self.peers.len() {
            let candidates: Vec<_> =
                others.iter().map(|other| Candidate { addr: self.addr(*other), source: Source::Tracker }).collect();
            return self.with(actor, life, |now, running| {
                let _ = running.node.add_candidates(now, TORRENT, &candidates);
            });
        }
        for target in others.into_iter().take(3) {
            if target < self.peers.len() && self.awake(target) && self.reachable(target) {
                let link = self.connect(actor, target);
                self.mask(link, actor, true);
                self.accept(link, target);
            }
        }
    }

    pub(crate) fn links_of(&self, actor: usize) -> Vec<u64> {
        let of = |link: &Link| link.ends.iter().any(|end| end.actor == actor && end.open);
        self.links.iter().filter(|(_, link)| of(link)).map(|(id, _)| *id).collect()
    }

    /// One end closes; the other hears of it when everything sent before has arrived.
    pub(crate) fn close(&mut self, link: u64, side: usize) {
        let Some(it) = self.links.get_mut(&link) else { return };
        if !std::mem::replace(&mut it.ends[side].open, false) {
            return;
        }
        let (actor, carrier) = (it.ends[side].actor, it.ends[side].carrier);
        let other = &it.ends[1 - side];
        let (other_open, last, silent, other_actor) = (other.open, other.last, it.silent, other.actor);
        match self.peers.get_mut(actor) {
            Some(peer) => drop(peer.running.as_mut().map(|running| running.carriers.remove(&carrier))),
            None => drop(self.villains[actor - self.peers.len()].masks.remove(&link)),
        }
        if !other_open {
            self.links.remove(&link);
        } else if !silent {
            let delay = self.link_of(actor).delay + self.link_of(other_actor).delay;
            self.later((self.now + delay).max(last), Event::Ended { link, to: 1 - side });
        }
    }

    pub(crate) fn ended(&mut self, link: u64, to: usize) {
        let Some(it) = self.links.get(&link) else { return };
        let end = &it.ends[to];
        if !end.open {
            return;
        }
        let (actor, life, carrier) = (end.actor, end.life, end.carrier);
        self.mix(15, actor as u64, carrier.0);
        self.close(link, to);
        self.with_peer(actor, life, |now, running| running.node.lost(now, carrier, Code::PeerClosed));
    }

    pub(crate) fn with_peer(&mut self, actor: usize, life: u64, call: impl FnOnce(Time, &mut Running)) {
        if actor < self.peers.len() {
            self.with(actor, life, call);
        }
    }
}
