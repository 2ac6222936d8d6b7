//! What peers ask of us, and who may.

use std::time::Duration;

use bitlode_base::{BlockRef, Time};
use bitlode_wire::OwnedMessage;

use crate::choker::{Contender, deal};
use crate::event::{Output, Reason};
#[cfg(feature = "planted-bugs")]
use crate::input::Bug;
use crate::input::PeerKey;
use crate::swarm::Swarm;

/// Requests that come so soon after our CHOKE have crossed it.
const CROSSING: Duration = Duration::from_secs(10);

impl Swarm {
    pub(crate) fn on_request(&mut self, now: Time, key: PeerKey, block: BlockRef) {
        let live = self.is_live();
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.late = true;
        if peer.am_choking || !live {
            if live && now.since(peer.choked_at) >= CROSSING {
                peer.choked_requests = peer.choked_requests.saturating_add(1);
            }
            if peer.choked_requests >= self.limits.choked_requests {
                return self.close(now, key, Reason::InvalidRequests);
            }
            #[cfg(feature = "planted-bugs")]
            if self.has_bug(Bug::ChokedRequestsLost) {
                return;
            }
            return self.reject(key, block);
        }
        let had = self.picker.as_ref().is_some_and(|picker| picker.had().has(block.piece));
        let inside = self.info.as_ref().is_some_and(|info| info.layout.contains(block));
        let valid = had && inside && (1..=self.limits.block_bytes).contains(&block.len);
        if !valid || peer.uploads.has(block) {
            peer.invalid = peer.invalid.saturating_add(1);
            if peer.invalid >= self.limits.invalid_requests {
                return self.close(now, key, Reason::InvalidRequests);
            }
            return self.reject(key, block);
        }
        if peer.uploads.len() >= self.limits.reqq_ours as usize {
            return self.reject(key, block);
        }
        if peer.uploads.push(block) {
            self.say(Output::Uploads { peer: key });
        }
    }

    pub(crate) fn on_cancel(&mut self, key: PeerKey, block: BlockRef) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.uploads.cancel(block) {
            #[cfg(feature = "planted-bugs")]
            if self.has_bug(Bug::LateCancel) {
                return;
            }
            // BEP 6: every request is answered, a cancelled one too.
            self.reject(key, block);
        }
    }

    pub(crate) fn on_block_sent(&mut self, now: Time, key: PeerKey, block: BlockRef) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.uploads.settle() {
            peer.up.add(now, u64::from(block.len));
            self.up.add(now, u64::from(block.len));
        }
    }

    pub(crate) fn on_read_failed(&mut self, key: PeerKey, block: BlockRef) {
        if self.peers.get_mut(&key).is_some_and(|peer| peer.uploads.settle()) {
            self.reject(key, block);
        }
    }

    fn reject(&mut self, key: PeerKey, block: BlockRef) {
        if self.peers.get(&key).is_some_and(|peer| peer.fast) {
            self.say(Output::Send { peer: key, message: OwnedMessage::Reject(block) });
        }
    }

    // Slots

    pub(crate) fn on_interested(&mut self, now: Time, key: PeerKey) {
        let live = self.is_live();
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| !peer.interested) else { return };
        peer.interested = true;
        self.interested += 1;
        if !peer.am_choking {
            self.used += 1;
            if self.used > self.slots {
                // Its slot was given away while it wanted nothing.
                self.choke(now, key);
            }
        } else if live && self.used < self.slots {
            self.unchoke(now, key);
        }
    }

    pub(crate) fn on_not_interested(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.interested) else { return };
        peer.interested = false;
        self.interested -= 1;
        if !peer.am_choking {
            self.used -= 1;
            self.fill_slot(now);
        }
        self.check_both_complete(now, key);
    }

    /// Gives free slots to those who waited longest.
    pub(crate) fn fill_slot(&mut self, now: Time) {
        while self.is_live() && self.used < self.slots {
            let waiting = self.peers.values().filter(|peer| peer.interested && peer.am_choking);
            let Some(key) = waiting.min_by_key(|peer| peer.last_slot).map(|peer| peer.key) else { return };
            self.unchoke(now, key);
        }
    }

    fn unchoke(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.am_choking) else { return };
        peer.am_choking = false;
        peer.unchoked_at = Some(now);
        peer.in_turn = true;
        self.unchoked += 1;
        self.used += usize::from(peer.interested);
        self.say(Output::Send { peer: key, message: OwnedMessage::Unchoke });
    }

    /// Chokes a peer. BEP 6: CHOKE first, then a REJECT for each request that was not taken yet.
    pub(crate) fn choke(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| !peer.am_choking) else { return };
        peer.am_choking = true;
        peer.choked_at = now;
        peer.last_slot = Some(now);
        self.unchoked -= 1;
        self.used -= usize::from(peer.interested);
        let void = peer.uploads.clear();
        self.say(Output::Send { peer: key, message: OwnedMessage::Choke });
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(Bug::ChokedRequestsLost) {
            return;
        }
        for block in void {
            self.reject(key, block);
        }
    }

    /// Decides anew who may download from us.
    pub(crate) fn rechoke(&mut self, now: Time) {
        self.next_rechoke = Time::NEVER;
        if !self.is_live() {
            return;
        }
        let seeding = self.complete;
        let interested = self.peers.values().filter(|peer| peer.interested);
        let contenders: Vec<Contender> = interested
            .map(|peer| Contender {
                key: peer.key,
                unchoked: !peer.am_choking,
                in_turn: peer.in_turn,
                rate: if seeding { peer.up.get(now) } else { peer.down.get(now) },
                since: peer.unchoked_at.unwrap_or(now),
                last: peer.last_slot,
            })
            .collect();
        let slots = deal(now, contenders, self.slots, seeding, self.limits.optimistic_interval, &mut self.choice);
        let holding = |key: PeerKey| slots.iter().any(|slot| slot.key == key);
        let out: Vec<PeerKey> =
            self.peers.values().filter(|peer| !peer.am_choking && !holding(peer.key)).map(|peer| peer.key).collect();
        out.into_iter().for_each(|key| self.choke(now, key));
        for slot in slots {
            self.unchoke(now, slot.key);
            if let Some(peer) = self.peers.get_mut(&slot.key) {
                peer.in_turn = slot.in_turn;
                peer.last_slot = Some(now);
            }
        }
    }
}
