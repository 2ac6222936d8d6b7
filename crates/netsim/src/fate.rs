//! What happens to a peer: faults, resets, pauses, kills and power cuts.

use std::time::Duration;

use bitlode_base::PieceIndex;

use crate::config::{Fate, Start};
use crate::disk::View;
use crate::peer::{Peer, TORRENT, holds};
use crate::world::{Event, World};

impl World {
    pub(crate) fn fate(&mut self, actor: usize, fate: Fate) {
        self.to_come -= 1;
        self.mix(6, actor as u64, 0);
        self.tell(|| format!("{actor} meets its fate: {fate:?}"));
        match fate {
            Fate::Faults(faults) => {
                let peer = &mut self.peers[actor];
                peer.troubled |= faults.sync > 0 || faults.write > 0;
                peer.disk.set_faults(faults);
            }
            Fate::Capacity(spare) => {
                let peer = &mut self.peers[actor];
                peer.disk.set_capacity(spare.map_or(u64::MAX, |spare| peer.disk.used() + spare));
            }
            Fate::PowerCut { away, keep } => self.stop(actor, away, Some(keep)),
            Fate::Kill { away } => self.stop(actor, away, None),
            Fate::Reset | Fate::Silence => {
                for link in self.links_of(actor) {
                    let Some(it) = self.links.get_mut(&link) else { continue };
                    it.silent = true;
                    if fate == Fate::Reset {
                        self.soon(Event::Ended { link, to: 0 });
                        self.soon(Event::Ended { link, to: 1 });
                    }
                }
            }
            Fate::Pause { away } => {
                let life = self.life(actor);
                self.to_come += 1;
                self.with(actor, life, |now, running| {
                    let _ = running.node.run(now, TORRENT, false);
                });
                self.later(self.now + away, Event::Unpause { actor, life });
            }
        }
    }

    /// Ends a peer's process, with the power or without, and has it come back.
    pub(crate) fn stop(&mut self, actor: usize, away: Duration, power_cut: Option<u64>) {
        if self.peers[actor].running.is_none() {
            return;
        }
        self.check_claims(actor);
        for link in self.links_of(actor) {
            let Some(it) = self.links.get_mut(&link) else { continue };
            it.silent |= power_cut.is_some();
            let side = usize::from(it.ends[1].actor == actor);
            self.close(link, side);
        }
        let peer = &mut self.peers[actor];
        peer.running = None;
        match power_cut {
            Some(keep) => peer.disk.power_cut(keep),
            None => peer.disk.evict(),
        }
        self.to_come += 1;
        self.later(self.now + away, Event::Start { actor });
    }

    /// What a peer claims must survive whatever happens to its power.
    pub(crate) fn check_claims(&mut self, actor: usize) {
        let Peer { running: Some(running), disk, config, .. } = &mut self.peers[actor] else { return };
        let Some(durable) = running.node.durable(TORRENT).filter(|_| config.start != Start::Seed) else { return };
        // What is durable once stays so: only a claim that is taken back is looked at again.
        let claims = std::mem::replace(&mut running.claimed, durable.clone());
        let held = |piece: &PieceIndex| claims.has(*piece) || holds(disk, &self.torrent, *piece, View::Durable);
        let lost = running.claimed.iter().find(|piece| !held(piece));
        if let Some(piece) = lost {
            self.blame(actor, &format!("claims {piece:?}, which is not durable"));
        }
    }
}
