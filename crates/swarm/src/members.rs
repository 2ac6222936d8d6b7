//! Members come and go; what the swarm as a whole has, wants and may do changes.

use std::net::IpAddr;

use bitlode_base::{Bitfield, PieceIndex, Time};
use bitlode_wire::OwnedMessage;

use crate::event::{Blame, Output, Reason, SwarmEvent};
#[cfg(feature = "planted-bugs")]
use crate::input::Bug;
use crate::input::PeerKey;
use crate::peer::{Joined, Peer};
use crate::picker::Picker;
use crate::swarm::Swarm;

/// HAVEs beyond which a peer that was told "nothing" before the check is better served by a new connection.
const HAVES_AT_ONCE: u32 = 2_000;

impl Swarm {
    pub(crate) fn on_joined(&mut self, now: Time, joined: Joined) {
        let key = joined.key;
        if joined.outgoing {
            self.candidates.connected(joined.addr);
        }
        if self.peers.len() >= self.limits.peers {
            if joined.outgoing {
                self.candidates.left(now, joined.addr, false, &self.limits);
            }
            return self.say(Output::Close { peer: key, reason: Reason::TooManyPeers, ban: false });
        }
        let pieces = self.info.as_ref().map(|info| info.layout.piece_count());
        let mut peer = Peer::new(now, joined, pieces, &self.limits);
        if self.tainted.has(now, joined.addr.ip()) {
            peer.trust.doubt();
        }
        if let (Some(picker), Some(field)) = (&mut self.picker, peer.field()) {
            picker.add_peer(field);
        }
        let extended = peer.extended;
        self.peers.insert(key, peer);
        if extended {
            self.send_extended_handshake(key);
        }
        self.announce(key);
    }

    /// Tells a peer which pieces we have, once, as its first message that is not an extension's.
    fn announce(&mut self, key: PeerKey) {
        #[cfg(feature = "planted-bugs")]
        let planted = self.planted_last_piece();
        let heard = self.news.end();
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| !peer.announced) else { return };
        let message = match (&self.info, &self.picker) {
            // No metadata: nothing to name (BEP 3), or nothing at all (BEP 6).
            (None, _) if !peer.fast => return,
            (None, _) => OwnedMessage::HaveNone,
            // It is being looked at what we have: nothing else is said before that either.
            (Some(_), None) => return,
            (Some(_), Some(picker)) => {
                #[allow(unused_mut)]
                let mut had = picker.had().clone();
                #[cfg(feature = "planted-bugs")]
                if planted {
                    had.clear(PieceIndex(had.len().saturating_sub(1)));
                }
                (peer.announced, peer.heard) = (true, heard);
                match (peer.fast, had.count() == 0, had.is_full()) {
                    (false, true, _) => return,
                    (true, true, _) => OwnedMessage::HaveNone,
                    (true, _, true) => OwnedMessage::HaveAll,
                    _ => OwnedMessage::Bitfield(had.as_bytes().to_vec()),
                }
            }
        };
        (peer.announced, peer.heard) = (true, heard);
        self.say(Output::Send { peer: key, message });
    }

    #[cfg(feature = "planted-bugs")]
    fn planted_last_piece(&self) -> bool {
        self.has_bug(Bug::LastPieceForgotten)
    }

    pub(crate) fn send_have(&mut self, piece: PieceIndex) {
        #[cfg(feature = "planted-bugs")]
        if self.planted_last_piece() && self.have().is_some_and(|had| piece.0 + 1 == had.len()) {
            return;
        }
        self.news.add(piece);
        if self.news.at(self.peers.len()) <= self.now() {
            self.tell_news();
        }
    }

    /// Tells every peer of the pieces that came since it was told last, as far as it lacks them.
    pub(crate) fn tell_news(&mut self) {
        let (first, end, news) = self.news.take(self.now());
        let Some(picker) = &self.picker else { return };
        let mut out = Vec::new();
        for peer in self.peers.values_mut().filter(|peer| peer.announced) {
            let fresh = news.iter().skip(usize::try_from(peer.heard.saturating_sub(first)).unwrap_or(usize::MAX));
            let lacking = fresh.filter(|piece| picker.had().has(**piece) && !peer.has(**piece));
            out.extend(lacking.map(|piece| (peer.key, *piece)));
            peer.heard = end;
        }
        for (peer, piece) in out {
            self.say(Output::Send { peer, message: OwnedMessage::Have(piece) });
        }
    }

    pub(crate) fn on_metadata(&mut self, now: Time, info: std::sync::Arc<bitlode_metainfo::Info>) {
        if self.info.is_some() {
            return;
        }
        let pieces = info.layout.piece_count();
        // A magnet link may have named one hash only; a hybrid has two.
        self.hashes = info.hashes;
        self.info = Some(info);
        self.fetch = None;
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            let learned = self.peers.get_mut(&key).map_or(Ok(()), |peer| peer.learn(pieces));
            match learned {
                Ok(()) => self.recount(key),
                Err(reason) => self.close(now, key, reason),
            }
        }
    }

    /// What is on disk is known, or known anew.
    pub(crate) fn on_have(&mut self, now: Time, have: Bitfield) {
        let Some(info) = self.info.clone().filter(|info| info.layout.piece_count() == have.len()) else { return };
        self.drop_requests();
        let old = self.picker.take();
        let wanted = old.as_ref().map(|old| old.wanted().clone()).or_else(|| self.wanted_early.take());
        let before = old.map_or_else(|| Bitfield::none(have.len()), |old| old.had().clone());
        let lost = before.iter().any(|piece| !have.has(piece));
        let new: Vec<PieceIndex> = have.iter().filter(|piece| !before.has(*piece)).collect();
        let mut picker = Picker::new(info, have);
        if let Some(wanted) = wanted {
            picker.set_wanted(wanted);
        }
        #[cfg(feature = "planted-bugs")]
        if self.planted_last_piece() {
            let mut wanted = picker.wanted().clone();
            wanted.clear(PieceIndex(wanted.len().saturating_sub(1)));
            picker.set_wanted(wanted);
        }
        picker.set_urgent(&self.urgent_early, self.limits.urgent);
        self.complete = false;
        for peer in self.peers.values_mut() {
            self.dwindling.forget(peer);
            peer.count(&picker);
            peer.current = None;
            peer.field().into_iter().for_each(|field| picker.add_peer(field));
        }
        self.picker = Some(picker);
        let keys: Vec<(PeerKey, bool)> = self.peers.values().map(|peer| (peer.key, peer.announced)).collect();
        for (key, announced) in keys {
            if !announced {
                self.announce(key);
            } else if lost || new.len() > HAVES_AT_ONCE as usize {
                self.close(now, key, Reason::Stale);
                continue;
            } else {
                for piece in &new {
                    self.say(Output::Send { peer: key, message: OwnedMessage::Have(*piece) });
                }
            }
            self.update_interest(now, key);
        }
        self.check_complete(now);
        self.pump_due = true;
        if self.running {
            self.next_rechoke = now;
        }
    }

    pub(crate) fn on_unhave(&mut self, now: Time, piece: PieceIndex) {
        if !self.picker.as_mut().is_some_and(|picker| picker.unhave(piece)) {
            return;
        }
        self.recount_useful(now);
        self.check_complete(now);
    }

    pub(crate) fn on_wanted(&mut self, now: Time, wanted: Bitfield) {
        let Some(picker) = &mut self.picker else {
            self.wanted_early = Some(wanted);
            return;
        };
        picker.set_wanted(wanted);
        self.recount_useful(now);
        self.check_complete(now);
    }

    pub(crate) fn on_urgent(&mut self, pieces: &[PieceIndex]) {
        match &mut self.picker {
            Some(picker) => picker.set_urgent(pieces, self.limits.urgent),
            None => self.urgent_early = pieces.iter().copied().take(self.limits.urgent).collect(),
        }
        self.pump_due = true;
    }

    /// What is wanted changed: every peer is looked at again.
    fn recount_useful(&mut self, now: Time) {
        let Some(picker) = &self.picker else { return };
        self.peers.values_mut().for_each(|peer| peer.count(picker));
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        keys.into_iter().for_each(|key| self.update_interest(now, key));
        self.pump_due = true;
    }

    pub(crate) fn on_run(&mut self, now: Time, run: bool) {
        if self.running == run {
            return;
        }
        self.running = run;
        if run {
            let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
            keys.into_iter().for_each(|key| self.update_interest(now, key));
            self.rechoke(now);
            self.start_fetch(now);
            self.pump_due = true;
            return;
        }
        self.drop_requests();
        self.fetch = None;
        self.hungry.clear();
        self.peers.values_mut().for_each(|peer| peer.hungry = false);
        self.starved = false;
        let unchoked: Vec<PeerKey> = self.peers.values().filter(|peer| !peer.am_choking).map(|peer| peer.key).collect();
        unchoked.into_iter().for_each(|key| self.choke(now, key));
        self.next_rechoke = Time::NEVER;
    }

    pub(crate) fn on_banned(&mut self, now: Time, ip: IpAddr) {
        self.candidates.ban(ip);
        let banned: Vec<PeerKey> =
            self.peers.values().filter(|peer| peer.addr.ip() == ip).map(|peer| peer.key).collect();
        for key in banned {
            self.close(now, key, Reason::Banned);
        }
    }

    /// Wants what the peer has, or no longer.
    pub(crate) fn update_interest(&mut self, now: Time, key: PeerKey) {
        self.recount(key);
        if let Some(peer) = self.peers.get_mut(&key) {
            self.dwindling.watch(peer);
        }
        let live = self.picker.is_some() && self.running;
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.announced || !peer.fast) else { return };
        let wants = peer.useful > 0 && (live || peer.am_interested);
        if wants != peer.am_interested {
            peer.am_interested = wants;
            let message = if wants { OwnedMessage::Interested } else { OwnedMessage::NotInterested };
            // From here on it is too late to name all our pieces at once.
            if !std::mem::replace(&mut peer.announced, true) {
                peer.heard = self.news.end();
            }
            self.say(Output::Send { peer: key, message });
            self.note(key);
        }
        if wants {
            self.refill(now, key);
        }
    }

    /// Every wanted piece may be had by now.
    pub(crate) fn check_complete(&mut self, now: Time) {
        let Some(picker) = &self.picker else { return };
        let complete = picker.is_complete();
        let full = picker.had().is_full();
        if complete == self.complete {
            return;
        }
        self.complete = complete;
        if !complete {
            return self.candidates.want_seeds(now);
        }
        self.event(SwarmEvent::Complete);
        if full {
            self.event(SwarmEvent::Seeding);
        }
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            self.check_both_complete(now, key);
        }
    }

    /// Closes a peer when neither side needs anything.
    pub(crate) fn check_both_complete(&mut self, now: Time, key: PeerKey) {
        if !self.complete {
            return;
        }
        let Some(peer) = self.peers.get(&key) else { return };
        if peer.is_seed() || (peer.upload_only && !peer.interested) {
            if let Some(addr) = peer.listens {
                self.candidates.is_seed(addr);
            }
            self.close(now, key, Reason::BothComplete);
        }
    }

    /// Closes a peer and forgets it; nothing it still says counts.
    pub(crate) fn close(&mut self, now: Time, key: PeerKey, reason: Reason) {
        let Some(peer) = self.peers.get(&key) else { return };
        let ip = peer.addr.ip();
        let ban = matches!(reason, Reason::Poison | Reason::MetadataPoison);
        if ban {
            self.tainted.add(now, ip);
        }
        let address = peer.listens;
        self.remove(now, key);
        if let Some(address) = address {
            match reason.blame() {
                Blame::Misbehaved if ban || reason == Reason::Banned => self.candidates.never(address),
                Blame::Misbehaved => self.candidates.shun(address),
                Blame::Policy if reason == Reason::Stale => self.candidates.renew(now, address, &self.limits),
                Blame::Policy | Blame::Incompatible => {}
            }
        }
        self.say(Output::Close { peer: key, reason, ban });
    }

    /// A peer is gone: what it was asked for is free, what it asked for is void.
    pub(crate) fn remove(&mut self, now: Time, key: PeerKey) {
        self.give_up_all(key);
        let Some(mut peer) = self.peers.remove(&key) else { return };
        self.dwindling.forget(&mut peer);
        self.reserved = self.reserved.saturating_sub(peer.reserved);
        // Most peers leave nothing that another one could use.
        self.pump_due |= peer.reserved > 0;
        if let Some(picker) = &mut self.picker {
            self.pump_due |= picker.disown(key);
            peer.field().into_iter().for_each(|field| picker.remove_peer(field));
        }
        self.standings.remove(peer.counted);
        self.interested -= usize::from(peer.interested);
        self.unchoked -= usize::from(!peer.am_choking);
        self.used -= usize::from(peer.interested && !peer.am_choking);
        if let Some(addr) = peer.listens {
            self.candidates.left(now, addr, peer.was_useful(now), &self.limits);
        }
        if self.fetch.as_ref().is_some_and(|fetch| fetch.peer == key) {
            self.fetch = None;
            self.start_fetch(now);
        }
        if peer.interested && !peer.am_choking {
            self.fill_slot(now);
        }
    }
}
