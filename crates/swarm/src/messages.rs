//! What peers say, except about metadata and requests of theirs.

use bitlode_base::{Bitfield, PieceIndex, Time};
use bitlode_wire::Message;

use crate::event::{Reason, SwarmEvent};
#[cfg(feature = "planted-bugs")]
use crate::input::Bug;
use crate::input::PeerKey;
use crate::peer::{Field, Has};
use crate::requests::Window;
use crate::swarm::Swarm;

/// Bytes of a HAVE on the wire.
const HAVE_BYTES: u64 = 9;

impl Swarm {
    pub(crate) fn on_message(&mut self, now: Time, key: PeerKey, message: Message<'_>) {
        let Some(peer) = self.peers.get(&key) else { return };
        let fast_only = matches!(
            message,
            Message::HaveAll | Message::HaveNone | Message::Reject(_) | Message::Suggest(_) | Message::AllowedFast(_)
        );
        if fast_only && !peer.fast {
            return self.close(now, key, Reason::Protocol("a message of the fast extension, which is off"));
        }
        match message {
            Message::Choke => self.on_choke(key),
            Message::Unchoke => self.on_unchoke(now, key),
            Message::Interested => self.on_interested(now, key),
            Message::NotInterested => self.on_not_interested(now, key),
            Message::Have(piece) => self.on_have_message(now, key, piece),
            Message::Bitfield(bytes) => self.on_field(now, key, Field::Bytes(bytes.to_vec())),
            Message::HaveAll => self.on_field(now, key, Field::All),
            Message::HaveNone => self.on_field(now, key, Field::None),
            Message::Request(block) => self.on_request(now, key, block),
            Message::Cancel(block) => self.on_cancel(key, block),
            Message::Reject(block) => self.on_reject(now, key, block),
            Message::Extended { id, payload } => self.on_extended(now, key, id, payload),
            // Hints that are not followed, and what ends in the connection.
            Message::Suggest(_)
            | Message::AllowedFast(_)
            | Message::Port(_)
            | Message::KeepAlive
            | Message::Piece { .. }
            | Message::Unknown { .. } => {}
        }
    }

    fn on_choke(&mut self, key: PeerKey) {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(Bug::ChokeSkipped) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| !peer.choking) else { return };
        peer.choking = true;
        peer.current = None;
        if peer.rejects > 0 {
            peer.forgive();
            peer.avoid.clear();
        }
        let fast = peer.fast;
        if let Some(picker) = &mut self.picker {
            picker.disown(key);
        }
        if !fast {
            // BEP 3: a choke drops all requests. With BEP 6 each is rejected, or answered still.
            self.forget_all(key);
        }
        self.note(key);
        self.recount(key);
        self.event(SwarmEvent::Choked { peer: key });
    }

    fn on_unchoke(&mut self, now: Time, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.choking) else { return };
        peer.choking = false;
        if peer.requests.len() == 0 {
            // The pipe is empty: round trips are true again.
            peer.window = Window::new(now, &self.limits);
        }
        peer.requests.progressed(now);
        self.note(key);
        self.recount(key);
        self.event(SwarmEvent::Unchoked { peer: key });
        self.refill(now, key);
    }

    fn on_have_message(&mut self, now: Time, key: PeerKey, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.haves = peer.haves.saturating_add(1);
        peer.late = true;
        let extra = u64::from(self.limits.haves_extra);
        match &mut peer.has {
            Has::Raw { haves, .. } => {
                if peer.haves > extra {
                    return self.close(now, key, Reason::HaveFlood);
                }
                haves.push(piece);
            }
            Has::Known(field) => {
                let most = u64::from(field.len()).saturating_mul(u64::from(self.limits.haves_per_piece));
                if piece.0 >= field.len() {
                    return self.close(now, key, Reason::Index(piece));
                }
                if peer.haves > most.saturating_add(extra) {
                    return self.close(now, key, Reason::HaveFlood);
                }
                if field.has(piece) {
                    return;
                }
                // What was listed before this piece came is counted without it.
                if let Some(picker) =
                    self.picker.as_ref().filter(|picker| peer.fresh_at.is_some_and(|at| picker.remembers(at)))
                {
                    peer.refresh(picker);
                }
                let Has::Known(field) = &mut peer.has else { return };
                field.set(piece);
                if let Some(picker) = &mut self.picker {
                    picker.add_have(piece, field);
                    peer.got(piece, picker);
                }
                self.update_interest(now, key);
                self.check_both_complete(now, key);
            }
        }
    }

    /// The peer names all its pieces at once.
    fn on_field(&mut self, now: Time, key: PeerKey, named: Field) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.named || peer.late {
            return self.on_late_field(now, key, named);
        }
        peer.named = true;
        let field = match (&mut peer.has, named) {
            (Has::Raw { .. }, Field::Bytes(bytes)) if bytes.len() > self.limits.bitfield_bytes => {
                return self.close(now, key, Reason::Bitfield);
            }
            (Has::Raw { field, .. }, named) => {
                *field = Some(named);
                return;
            }
            (Has::Known(known), Field::All) => Bitfield::all(known.len()),
            (Has::Known(known), Field::None) => Bitfield::none(known.len()),
            (Has::Known(known), Field::Bytes(bytes)) => match Bitfield::from_bytes(&bytes, known.len()) {
                Ok(field) => field,
                Err(_) => return self.close(now, key, Reason::Bitfield),
            },
        };
        if let Some(picker) = &mut self.picker {
            picker.add_peer(&field);
            peer.field().into_iter().for_each(|none| picker.remove_peer(none));
        }
        peer.has = Has::Known(field);
        if let Some(picker) = &self.picker {
            peer.count(picker);
        }
        self.update_interest(now, key);
        self.check_both_complete(now, key);
    }

    /// The peer names its pieces again: aria2 does so in place of many HAVEs. It is worth the HAVEs that it stands for,
    /// and counts as many as fill its bytes, so that a flood of them ends like a flood of HAVEs.
    fn on_late_field(&mut self, now: Time, key: PeerKey, named: Field) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Has::Known(known) = &peer.has else {
            return self.close(now, key, Reason::Protocol("the pieces were named twice or too late"));
        };
        let field = match named {
            Field::All => Bitfield::all(known.len()),
            Field::None => return self.close(now, key, Reason::Protocol("pieces were had and are not")),
            Field::Bytes(bytes) => match Bitfield::from_bytes(&bytes, known.len()) {
                Ok(field) => field,
                Err(_) => return self.close(now, key, Reason::Bitfield),
            },
        };
        let news: Vec<PieceIndex> = field.iter().filter(|piece| !known.has(*piece)).collect();
        peer.haves = peer.haves.saturating_add(u64::from(known.len()) / (8 * HAVE_BYTES) + 1);
        let most = u64::from(known.len()).saturating_mul(u64::from(self.limits.haves_per_piece));
        if peer.haves > most.saturating_add(u64::from(self.limits.haves_extra)) {
            return self.close(now, key, Reason::HaveFlood);
        }
        news.into_iter().for_each(|piece| self.on_have_message(now, key, piece));
    }
}
