//! What nodes say, and the promises that are looked at now and then.

use std::net::{IpAddr, SocketAddr};

use bitlode_base::Code;
use bitlode_node::Fact;

use crate::config::Fate;
use crate::disk::View;
use crate::peer::{complete, lock};
use crate::world::{Event, SWEEP, World};

impl World {
    pub(crate) fn fact(&mut self, actor: usize, fact: Fact) {
        match &fact {
            Fact::Changed { .. } => {}
            Fact::Metadata { .. } => self.tell(|| format!("{actor} has the metadata")),
            fact => self.tell(|| format!("{actor} {fact:?}")),
        }
        let honest = |world: &World, addr: SocketAddr| world.actor_at(addr.ip()).filter(|at| *at < world.peers.len());
        match fact {
            Fact::Metadata { info, .. } => {
                if info.raw != self.torrent.info.raw {
                    self.blame(actor, "took wrong metadata");
                }
                self.peers[actor].info = Some(info);
            }
            Fact::Completed { .. } => {
                self.mix(9, actor as u64, 0);
                self.peers[actor].done = true;
                if let Err(wrong) = complete(&self.peers[actor].disk, &self.torrent, View::Cached)
                    .and_then(|()| complete(&self.peers[actor].disk, &self.torrent, View::Durable))
                {
                    self.blame(actor, &format!("says that it is complete, but {wrong}"));
                }
            }
            Fact::Checked { .. } => self.mix(10, actor as u64, 0),
            Fact::Stopped { code, message, .. } => {
                self.mix(11, actor as u64, code as u64);
                let peer = &mut self.peers[actor];
                peer.stopped = Some(code);
                let fates = &peer.config.fate;
                let trouble = fates.iter().any(|(_, fate)| matches!(fate, Fate::Faults(_) | Fate::Capacity(_)));
                if !trouble {
                    self.blame(actor, &format!("stopped without cause: {code}: {message}"));
                }
            }
            Fact::PeerLeft { addr, code, message, .. } => {
                let accused = matches!(
                    code,
                    Code::PeerProtocol
                        | Code::PeerBitfield
                        | Code::PeerIndex
                        | Code::PeerMsgTooLarge
                        | Code::PeerBanned
                );
                if accused && honest(self, addr).is_some_and(|other| !self.peers[other].troubled) {
                    self.blame(actor, &format!("accuses the honest {addr}: {code}: {message}"));
                }
            }
            Fact::PieceFailed { piece, .. } => {
                let sound = self.villains.is_empty() && self.peers.iter().all(|peer| !peer.troubled);
                if sound {
                    self.blame(actor, &format!("found {piece:?} wrong, and everybody is honest"));
                }
            }
            Fact::Panicked { part, .. } => self.blame(actor, &format!("panicked in its {part}")),
            _ => {}
        }
    }

    pub(crate) fn sweep(&mut self) {
        self.later(self.now + SWEEP, Event::Sweep);
        let mut overdue = Vec::new();
        for link in self.links.values().filter(|link| !link.silent && link.ends.iter().all(|end| end.open)) {
            for (side, end) in link.ends.iter().enumerate() {
                let other = &link.ends[1 - side];
                let free = end.actor < self.peers.len() && !end.blocked && other.waiting == 0;
                if let Some(block) = link.tap.overdue(self.now, side).filter(|_| free) {
                    overdue.push((end.actor, other.actor, block));
                }
            }
        }
        for (actor, other, block) in overdue {
            self.blame(actor, &format!("sent {other} neither a block nor a reject: {block}"));
        }
        for actor in 0..self.peers.len() {
            let Some(running) = &self.peers[actor].running else { continue };
            let banned: Vec<IpAddr> = lock(&running.session).banned().collect();
            let wrong = banned.into_iter().find(|ip| {
                let at = self.actor_at(*ip);
                at.and_then(|at| self.peers.get(at)).is_some_and(|peer| !peer.troubled)
            });
            if let Some(ip) = wrong {
                self.blame(actor, &format!("banned the honest {ip}"));
            }
        }
        if !self.all_done() {
            self.quiet_since = None;
        } else if self.quiet_since.is_none() {
            self.quiet_since = Some(self.now);
            self.tell(|| "everybody is complete".to_owned());
        }
    }
}
