//! Carriers and the connections over them: from the first byte to the place among a torrent's peers, and out.

use std::net::SocketAddr;

use bitlode_base::{Code, Coded, Time};
use bitlode_conn::{Conn, Event};
use bitlode_hash::Which;
use bitlode_session::{CarrierId, Incoming, Route};
use bitlode_swarm::Input;
use bitlode_wire::{Handshake, Reserved};

use crate::fact::Fact;
use crate::links::{Link, Place};
use crate::shard::{End, Shard, caught, slabs};
use crate::timers::Who;
use crate::torrent::Torrent;
use crate::types::{DialId, Output, Parcel};

impl Shard {
    fn ours(&self, info_hash: [u8; 20]) -> Handshake {
        let reserved = Reserved::NONE.with_fast().with_extended();
        Handshake { reserved, info_hash, peer_id: self.peer_id }
    }

    // Coming

    pub(crate) fn incoming(&mut self, now: Time, carrier: CarrierId, addr: SocketAddr) {
        let verdict = self.session().incoming(now, carrier, addr);
        match verdict {
            Incoming::Take => {}
            Incoming::TakeAndDrop(older) => match self.links.find(older) {
                Some(slot) => self.lose(now, slot, End::ours(Code::PeerLimit, "a newer connection took its place")),
                None => self.out.push_back(Output::Evict { carrier: older }),
            },
            Incoming::Refuse(code) => {
                self.fact(Fact::Refused { addr, code });
                self.out.push_back(Output::Close { carrier });
                return;
            }
        }
        let conn = Conn::responder(self.conn_limits.clone(), self.pool.clone(), now);
        match self.links.insert(carrier, addr, conn, Place::Incoming, Which::V1) {
            Some(slot) => self.links.touch(slot),
            None => self.refuse_carrier(carrier),
        }
    }

    pub(crate) fn connected(&mut self, now: Time, dial: DialId, carrier: CarrierId) {
        let Some(dial) = self.dials.remove(dial) else { return self.refuse_carrier(carrier) };
        self.session().dial_ended(dial.torrent, dial.addr);
        let Some(mut t) = self.torrents.find(dial.torrent).and_then(|slot| self.torrents.take(slot)) else {
            return self.refuse_carrier(carrier);
        };
        // The v1 half works the torrent; only a magnet link may know no other hash than v2's.
        let wanted = [Which::V1, Which::V2].into_iter().find_map(|which| Some((which, t.hashes.wire_id(which)?)));
        match wanted {
            Some((which, hash)) if t.running => {
                let conn = Conn::initiator(self.conn_limits.clone(), self.pool.clone(), self.ours(hash), now);
                let place = Place::Dialled { torrent: t.slot };
                match self.links.insert(carrier, dial.addr, conn, place, which) {
                    Some(slot) => self.seat(&mut t, slot),
                    None => self.refuse_carrier(carrier),
                }
            }
            _ => {
                t.feeds.push_back(Input::DialFailed { addr: dial.addr });
                self.refuse_carrier(carrier);
            }
        }
        self.finish(now, t);
    }

    pub(crate) fn dial_failed(&mut self, now: Time, dial: DialId, code: Code) {
        let Some(dial) = self.dials.remove(dial) else { return };
        self.session().dial_ended(dial.torrent, dial.addr);
        let Some(mut t) = self.torrents.find(dial.torrent).and_then(|slot| self.torrents.take(slot)) else { return };
        self.fact(Fact::DialFailed { torrent: t.id, addr: dial.addr, code });
        t.feeds.push_back(Input::DialFailed { addr: dial.addr });
        self.finish(now, t);
    }

    pub(crate) fn adopt(&mut self, now: Time, carrier: CarrierId, parcel: Parcel) {
        let Parcel { conn, handshake, addr } = parcel;
        match self.links.insert(carrier, addr, conn, Place::Incoming, Which::V1) {
            Some(slot) => {
                self.greet(now, slot, handshake);
                self.links.touch(slot);
            }
            None => self.refuse_carrier(carrier),
        }
    }

    fn refuse_carrier(&mut self, carrier: CarrierId) {
        self.session().left(carrier);
        self.out.push_back(Output::Close { carrier });
    }

    /// An incoming connection's handshake named a torrent: ours, another shard's, or nobody's.
    fn greet(&mut self, now: Time, slot: u32, handshake: Handshake) {
        let route = self.session().route(&handshake.info_hash);
        match route {
            None => self.lose(now, slot, End::ours(Code::PeerHandshake, "")),
            Some(Route { shard, .. }) if shard != self.id => {
                // It keeps its number and its place in the session's gate until the other shard takes it in.
                let Some(mut link) = self.links.remove(slot) else { return };
                self.timers.disarm(Who::Carrier(slot), &mut link.armed);
                let parcel = Box::new(Parcel { conn: link.conn, handshake, addr: link.addr });
                self.out.push_back(Output::Move { carrier: link.carrier, to: shard, parcel });
            }
            Some(Route { torrent, which, .. }) => {
                match self.torrents.find(torrent).and_then(|slot| self.torrents.take(slot)) {
                    Some(mut t) => {
                        self.seat(&mut t, slot);
                        self.join(now, &mut t, slot, handshake, which);
                        self.finish(now, t);
                    }
                    None => self.lose(now, slot, End::ours(Code::PeerHandshake, "")),
                }
            }
        }
    }

    /// Gives a link a place in its torrent's list.
    fn seat(&mut self, t: &mut Torrent, slot: u32) {
        if let Some(link) = self.links.at(slot) {
            link.seat = t.peers.len();
            t.peers.push(slot);
            if link.place == Place::Incoming {
                link.place = Place::Dialled { torrent: t.slot };
            }
            self.links.touch(slot);
        }
    }

    /// A connection's handshake fits the torrent: it becomes a peer, unless a rule is against it.
    fn join(&mut self, now: Time, t: &mut Torrent, slot: u32, theirs: Handshake, which: Which) {
        let Some(link) = self.links.at(slot) else { return };
        let (carrier, addr, peer, outgoing) = (link.carrier, link.addr, link.key, link.outgoing);
        if !t.running {
            return self.leave(t, slot, End::ours(Code::PeerHandshake, "the torrent is not running"));
        }
        let joined = self.session().joined(now, carrier, t.id, addr, theirs.peer_id);
        match joined {
            Err(refusal) => {
                if refusal == bitlode_session::Refusal::Itself {
                    t.feeds.push_back(Input::Forbid { addr });
                }
                return self.leave(t, slot, End::ours(refusal.code(), refusal));
            }
            Ok(Some(older)) => {
                if let Some(older) = self.links.find(older) {
                    self.leave(t, older, End::ours(Code::PeerLimit, "both sides dialled: the other connection stays"));
                }
            }
            Ok(None) => {}
        }
        let pieces = t.info.as_deref().map(|info| info.layout.piece_count());
        let ours = self.ours(theirs.info_hash);
        let Some(link) = self.links.at(slot) else { return };
        link.place = Place::Joined { torrent: t.slot };
        link.which = which;
        let conn = &mut link.conn;
        let accepted = caught(|| {
            if let Some(pieces) = pieces {
                conn.set_piece_count(pieces);
            }
            if !outgoing {
                conn.accept(now, ours);
            }
        });
        if accepted.is_none() {
            return self.broken_link(t, slot);
        }
        self.links.touch(slot);
        self.fact(Fact::PeerJoined { torrent: t.id, addr, outgoing });
        self.changed(t);
        let (reserved, peer_id) = (theirs.reserved, theirs.peer_id);
        self.tell(now, t, Input::Joined { peer, addr, outgoing, reserved, peer_id, which }, None);
    }

    // Bytes

    /// Drains a connection that was touched.
    pub(crate) fn serve_link(&mut self, now: Time, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        match link.place {
            Place::Incoming => self.serve_stranger(now, slot),
            Place::Dialled { torrent } | Place::Joined { torrent } => {
                let Some(mut t) = self.torrents.take(torrent) else { return };
                self.serve_peer(now, &mut t, slot);
                self.feed_uploads(now, &mut t, slot, false);
                self.finish(now, t);
            }
        }
        let Some(link) = self.links.at(slot) else { return };
        if !link.writing && (link.due || link.conn.queued() > 0) {
            link.writing = true;
            self.out.push_back(Output::Writable { carrier: link.carrier });
        }
        self.timers.arm(Who::Carrier(slot), &mut link.armed, link.conn.next_timeout());
    }

    fn serve_stranger(&mut self, now: Time, slot: u32) {
        while let Some(link) = self.links.at(slot).filter(|link| link.place == Place::Incoming) {
            match poll(link) {
                None => {
                    self.panicked(None, "conn");
                    return self.lose(now, slot, End::ours(Code::Internal, ""));
                }
                Some(None) => return,
                Some(Some(Event::Handshake(handshake))) => self.greet(now, slot, handshake),
                Some(Some(Event::Failed(error))) => {
                    return self.lose(now, slot, End::ours(error.code(), error));
                }
                // Nothing else comes before the handshake is answered.
                Some(Some(_)) => {}
            }
        }
    }

    fn serve_peer(&mut self, now: Time, t: &mut Torrent, slot: u32) {
        while let Some(link) = self.links.at(slot) {
            let peer = link.key;
            let Some(event) = poll(link) else { return self.broken_link(t, slot) };
            match event {
                None => return,
                Some(Event::Block { block, data }) => self.tell(now, t, Input::Block { peer, block }, Some(data)),
                Some(Event::Message(message)) => {
                    self.tell(now, t, Input::Message { peer, message: message.as_ref() }, None);
                }
                Some(Event::BlockSent { block }) => {
                    let freed = slabs(block.len).min(link.sending);
                    link.sending -= freed;
                    self.upload_freed(t, freed);
                    self.tell(now, t, Input::BlockSent { peer, block }, None);
                }
                Some(Event::Unrequested { block, tolerated }) => {
                    self.tell(now, t, Input::Unrequested { peer, block, tolerated }, None);
                }
                Some(Event::Handshake(theirs)) => {
                    // A hybrid's peer may answer with its other hash (BEP 52).
                    let which = t.hashes.wire_ids().find(|(_, hash)| *hash == theirs.info_hash);
                    match which {
                        Some((which, _)) => self.join(now, t, slot, theirs, which),
                        None => {
                            return self.leave(t, slot, End::ours(Code::PeerHandshake, "it has another torrent"));
                        }
                    }
                }
                Some(Event::Failed(error)) => return self.leave(t, slot, End::ours(error.code(), error)),
            }
            self.run_feeds(now, t);
        }
    }

    pub(crate) fn received(&mut self, now: Time, carrier: CarrierId, n: usize) {
        let Some(slot) = self.links.find(carrier) else { return };
        self.on_conn(now, slot, |conn| conn.received(now, n));
    }

    /// The carrier takes bytes: what is due for it is read.
    pub(crate) fn prepare_send(&mut self, now: Time, carrier: CarrierId) {
        let Some(slot) = self.links.find(carrier) else { return };
        let Some(link) = self.links.at(slot).filter(|link| link.due) else { return };
        link.due = false;
        // Should nothing come of it now, what is read later is told of.
        link.writing = link.conn.queued() > 0;
        if let Place::Joined { torrent } = link.place
            && let Some(mut t) = self.torrents.take(torrent)
        {
            self.feed_uploads(now, &mut t, slot, true);
            self.finish(now, t);
        }
    }

    pub(crate) fn sent(&mut self, now: Time, carrier: CarrierId, n: usize) {
        let Some(slot) = self.links.find(carrier) else { return };
        self.on_conn(now, slot, |conn| conn.sent(now, n));
        if let Some(link) = self.links.at(slot) {
            link.writing = link.conn.queued() > 0;
        }
    }

    pub(crate) fn link_timeout(&mut self, now: Time, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        link.armed = Time::NEVER;
        if link.conn.next_timeout() <= now {
            self.on_conn(now, slot, |conn| conn.handle_timeout(now));
        } else {
            self.timers.arm(Who::Carrier(slot), &mut link.armed, link.conn.next_timeout());
        }
    }

    fn on_conn(&mut self, now: Time, slot: u32, call: impl FnOnce(&mut Conn)) {
        let Some(link) = self.links.at(slot) else { return };
        let conn = &mut link.conn;
        if caught(|| call(conn)).is_some() {
            self.links.touch(slot);
        } else {
            self.panicked(None, "conn");
            self.lose(now, slot, End::ours(Code::Internal, ""));
        }
    }

    // Going

    /// Ends a link, wherever it belongs. No torrent may be taken out.
    pub(crate) fn lose(&mut self, now: Time, slot: u32, end: End) {
        let Some(link) = self.links.at(slot) else { return };
        match link.place {
            Place::Incoming => {
                if let Some(link) = self.unlink(slot, end.close) {
                    self.fact(Fact::Refused { addr: link.addr, code: end.code });
                }
            }
            Place::Dialled { torrent } | Place::Joined { torrent } => {
                let Some(mut t) = self.torrents.take(torrent) else { return };
                self.leave(&mut t, slot, end);
                self.finish(now, t);
            }
        }
    }

    /// Ends a link of a torrent that is taken out.
    pub(crate) fn leave(&mut self, t: &mut Torrent, slot: u32, end: End) {
        let Some(link) = self.unlink(slot, end.close) else { return };
        t.peers.swap_remove(link.seat);
        if let Some(moved) = t.peers.get(link.seat).and_then(|moved| self.links.at(*moved)) {
            moved.seat = link.seat;
        }
        t.wanting -= u32::from(link.wants);
        let End { code, message, .. } = end;
        let (torrent, addr) = (t.id, link.addr);
        if matches!(link.place, Place::Joined { .. }) {
            self.upload_freed(t, link.sending);
            t.feeds.push_back(Input::Left { peer: link.key });
            self.changed(t);
            tracing::debug!(torrent = t.id.0, %addr, %code, message, "peer left");
            self.fact(Fact::PeerLeft { torrent, addr, code, message });
        } else if link.outgoing {
            t.feeds.push_back(Input::DialFailed { addr });
            self.fact(Fact::DialFailed { torrent, addr, code });
        } else {
            self.fact(Fact::Refused { addr, code });
        }
    }

    /// Ends all links of a torrent.
    pub(crate) fn leave_all(&mut self, t: &mut Torrent, code: Code, why: &str) {
        while let Some(slot) = t.peers.last().copied() {
            self.leave(t, slot, End::ours(code, why));
        }
    }

    pub(crate) fn broken_link(&mut self, t: &mut Torrent, slot: u32) {
        self.panicked(Some(t.id), "conn");
        self.leave(t, slot, End::ours(Code::Internal, ""));
    }

    fn unlink(&mut self, slot: u32, close: bool) -> Option<Box<Link>> {
        let mut link = self.links.remove(slot)?;
        self.timers.disarm(Who::Carrier(slot), &mut link.armed);
        self.session().left(link.carrier);
        if close {
            self.out.push_back(Output::Close { carrier: link.carrier });
        }
        Some(link)
    }
}

/// The next event; the outer `None` says that the connection has a bug and must not be used any more.
fn poll(link: &mut Link) -> Option<Option<Event>> {
    #[cfg(any(test, feature = "planted-bugs"))]
    let planted = link.planted;
    let conn = &mut link.conn;
    caught(|| {
        #[cfg(any(test, feature = "planted-bugs"))]
        assert!(!planted, "a planted bug");
        conn.poll()
    })
}
