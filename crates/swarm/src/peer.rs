//! One connected peer.

use std::net::SocketAddr;
use std::time::Duration;

use bitlode_base::{Bitfield, BlockRef, PieceIndex, Time};
use bitlode_hash::Which;
use bitlode_wire::Reserved;

use crate::ban::Trust;
use crate::event::{PeerSnapshot, Reason};
use crate::input::{Limits, PeerKey};
use crate::metadata::Served;
use crate::picker::Picker;
use crate::rate::Rate;
use crate::requests::{Requests, Window};
use crate::uploads::Uploads;

/// The span of `Limits::extended_handshakes`.
const MINUTE: Duration = Duration::from_secs(60);
/// Pieces that a peer is not asked for at the same time; the oldest gives way.
const AVOID: usize = 64;
/// Doublings of `Limits::reject_retry`, at most.
const DOUBLINGS: u32 = 16;
/// A connection that lasted this long was of use even without a block.
const LASTING: Duration = Duration::from_secs(60);

/// Pieces of a peer before the metadata is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    All,
    None,
    Bytes(Vec<u8>),
}

/// The place of a peer in [`crate::dwindling::Dwindling`]; by default it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watched(pub(crate) u64);

impl Default for Watched {
    fn default() -> Watched {
        Watched(u64::MAX)
    }
}

/// What a swarm counts its peers by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It has everything.
    pub(crate) seed: bool,
    /// It does not choke us.
    pub(crate) unchokes: bool,
    /// It does not choke us and has something that we want.
    pub(crate) useful: bool,
}

/// Which pieces a peer has.
#[derive(Debug)]
pub(crate) enum Has {
    /// The number of pieces is not known yet: kept as it came, checked later.
    Raw {
        field: Option<Field>,
        haves: Vec<PieceIndex>,
    },
    Known(Bitfield),
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) key: PeerKey,
    pub(crate) addr: SocketAddr,
    /// Where it can be called, if it said so or we called it.
    pub(crate) listens: Option<SocketAddr>,
    pub(crate) outgoing: bool,
    pub(crate) fast: bool,
    pub(crate) extended: bool,
    pub(crate) peer_id: [u8; 20],
    pub(crate) which: Which,
    pub(crate) joined: Time,

    pub(crate) has: Has,
    /// It named its pieces at once; HAVEs follow.
    pub(crate) named: bool,
    /// It sent a HAVE, REQUEST or its pieces: naming them (again) is too late.
    pub(crate) late: bool,
    pub(crate) haves: u64,
    /// Pieces of it that we wanted and did not have when so many had been gained; none now is none then.
    pub(crate) useful: u32,
    pub(crate) useful_at: u64,
    /// When the swarm looks whether any is left.
    pub(crate) watched: Watched,
    /// Those that nobody has begun.
    pub(crate) fresh: u32,
    /// The number of relistings at which `fresh` was right; `None` when it has to be counted anew.
    pub(crate) fresh_at: Option<u64>,

    /// We told it which pieces we have.
    pub(crate) announced: bool,
    /// The number of the first piece that it has not been told of since.
    pub(crate) heard: u64,
    pub(crate) am_interested: bool,
    pub(crate) am_choking: bool,
    pub(crate) interested: bool,
    pub(crate) choking: bool,
    pub(crate) snubbed: bool,
    pub(crate) upload_only: bool,

    pub(crate) requests: Requests,
    pub(crate) window: Window,
    pub(crate) reqq: u32,
    pub(crate) current: Option<PieceIndex>,
    pub(crate) avoid: Vec<(PieceIndex, Time)>,
    /// Blocks that the reserve holds for it, at most two.
    pub(crate) reserved: u32,
    /// It waits in the line for memory or work.
    pub(crate) hungry: bool,
    /// Rejects in a row: of requests that went out after the one before. A queue that is rejected at once counts once.
    pub(crate) rejects: u32,
    pub(crate) rejected_at: Time,
    /// Rejects in a row of what it was never asked for.
    pub(crate) stray_rejects: u32,
    /// Cancelled requests whose REJECT may still come.
    pub(crate) cancelled: u32,
    pub(crate) trust: Trust,
    pub(crate) unrequested: u32,
    pub(crate) unrequested_bytes: u64,

    pub(crate) uploads: Uploads,
    pub(crate) invalid: u32,
    pub(crate) choked_requests: u32,
    /// When we last choked it or let it in, when we unchoked it, when it last held a slot.
    pub(crate) choked_at: Time,
    pub(crate) unchoked_at: Option<Time>,
    pub(crate) last_slot: Option<Time>,
    pub(crate) in_turn: bool,

    /// How the swarm has counted it.
    pub(crate) counted: Standing,

    pub(crate) down: Rate,
    pub(crate) up: Rate,

    pub(crate) client: Option<String>,
    /// Its number for ut_metadata messages.
    pub(crate) metadata_id: Option<u8>,
    pub(crate) metadata_size: Option<u32>,
    pub(crate) metadata_again: Time,
    pub(crate) served: Served,
    pub(crate) shakes: u32,
    pub(crate) shakes_since: Time,
    pub(crate) bad_shakes: u32,
}

/// What is known of a peer when it joins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined {
    pub(crate) key: PeerKey,
    pub(crate) addr: SocketAddr,
    pub(crate) outgoing: bool,
    pub(crate) reserved: Reserved,
    pub(crate) peer_id: [u8; 20],
    pub(crate) which: Which,
}

impl Peer {
    pub(crate) fn new(now: Time, joined: Joined, pieces: Option<u32>, limits: &Limits) -> Peer {
        Peer {
            key: joined.key,
            addr: joined.addr,
            listens: joined.outgoing.then_some(joined.addr),
            outgoing: joined.outgoing,
            fast: joined.reserved.fast(),
            extended: joined.reserved.extended(),
            peer_id: joined.peer_id,
            which: joined.which,
            joined: now,
            has: match pieces {
                Some(pieces) => Has::Known(Bitfield::none(pieces)),
                None => Has::Raw { field: None, haves: Vec::new() },
            },
            named: false,
            late: false,
            haves: 0,
            useful: 0,
            useful_at: 0,
            watched: Watched::default(),
            fresh: 0,
            fresh_at: None,
            announced: false,
            heard: 0,
            am_interested: false,
            am_choking: true,
            interested: false,
            choking: true,
            snubbed: false,
            upload_only: false,
            requests: Requests::new(now),
            window: Window::new(now, limits),
            reqq: limits.assume_reqq,
            current: None,
            avoid: Vec::new(),
            reserved: 0,
            hungry: false,
            rejects: 0,
            rejected_at: now,
            stray_rejects: 0,
            cancelled: 0,
            trust: Trust::default(),
            unrequested: 0,
            unrequested_bytes: 0,
            uploads: Uploads::default(),
            invalid: 0,
            choked_requests: 0,
            choked_at: now,
            unchoked_at: None,
            last_slot: None,
            in_turn: false,
            counted: Standing::default(),
            down: Rate::new(now),
            up: Rate::new(now),
            client: None,
            metadata_id: None,
            metadata_size: None,
            metadata_again: Time::ZERO,
            served: Served::new(now),
            shakes: 0,
            shakes_since: now,
            bad_shakes: 0,
        }
    }

    /// The pieces it has, once their number is known.
    pub(crate) fn field(&self) -> Option<&Bitfield> {
        match &self.has {
            Has::Known(field) => Some(field),
            Has::Raw { .. } => None,
        }
    }

    pub(crate) fn has(&self, piece: PieceIndex) -> bool {
        self.field().is_some_and(|field| field.has(piece))
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.field().is_some_and(|field| field.is_full() && !field.is_empty())
    }

    /// Counts what of it is useful and what is fresh.
    pub(crate) fn count(&mut self, picker: &Picker) {
        if let Has::Known(field) = &self.has {
            (self.useful, self.fresh) = picker.count(field);
            self.useful_at = picker.gained();
            self.fresh_at = Some(picker.relistings());
        }
    }

    /// Brings `fresh` in line with what was listed and left the list meanwhile.
    pub(crate) fn refresh(&mut self, picker: &Picker) {
        if let Has::Known(field) = &self.has {
            self.fresh = match self.fresh_at {
                Some(at) => picker.fresh(field, self.fresh, at),
                None => picker.count(field).1,
            };
            self.fresh_at = Some(picker.relistings());
        }
    }

    /// It got a piece, which is in its field already.
    pub(crate) fn got(&mut self, piece: PieceIndex, picker: &Picker) {
        if self.useful == 0 {
            self.useful_at = picker.gained();
        }
        self.useful = self.useful.saturating_add(u32::from(picker.is_useful(piece)));
        if self.fresh_at.is_some_and(|at| at == picker.relistings()) {
            self.fresh = self.fresh.saturating_add(u32::from(picker.is_listed(piece)));
        } else {
            self.fresh_at = None;
        }
    }

    /// How many pieces must be gained until nothing of it can be of use, if it gets no further ones.
    pub(crate) fn runs_out_at(&self) -> u64 {
        self.useful_at.saturating_add(u64::from(self.useful))
    }

    /// What it is to be counted as now.
    pub(crate) fn standing(&self) -> Standing {
        let unchokes = !self.choking;
        Standing { seed: self.is_seed(), unchokes, useful: unchokes && self.useful > 0 }
    }

    /// The metadata came: checks what the peer said about its pieces before.
    pub(crate) fn learn(&mut self, pieces: u32) -> Result<(), Reason> {
        let Has::Raw { field, haves } = &mut self.has else { return Ok(()) };
        let mut known = match field {
            Some(Field::All) => Bitfield::all(pieces),
            Some(Field::Bytes(bytes)) => Bitfield::from_bytes(bytes, pieces).map_err(|_| Reason::Bitfield)?,
            Some(Field::None) | None => Bitfield::none(pieces),
        };
        for piece in haves.iter() {
            if piece.0 >= pieces {
                return Err(Reason::Index(*piece));
            }
            known.set(*piece);
        }
        self.has = Has::Known(known);
        Ok(())
    }

    /// Whether it may be asked for blocks.
    pub(crate) fn gives(&self) -> bool {
        !self.choking && self.am_interested
    }

    pub(crate) fn ceiling(&self, limits: &Limits) -> u32 {
        // Transmission rejects the request that would fill the queue that it announces.
        self.reqq.saturating_sub(1).min(limits.requests_max).max(1)
    }

    /// It rejected a block of this piece: it is not asked for the piece for a while.
    pub(crate) fn avoid(&mut self, now: Time, piece: PieceIndex, limits: &Limits) {
        self.avoid.retain(|(avoid, until)| *avoid != piece && now < *until);
        if self.avoid.len() >= AVOID {
            self.avoid.remove(0);
        }
        self.avoid.push((piece, now + limits.reject_backoff));
        if self.current == Some(piece) {
            self.current = None;
        }
    }

    /// It rejected something that went out at `asked`, without a choke so far.
    pub(crate) fn rejected(&mut self, now: Time, asked: Time, limits: &Limits) {
        if self.rejects == 0 || asked >= self.rejected_at {
            self.rejects = self.rejects.saturating_add(1);
            self.rejected_at = now;
        }
        self.window.rejected(now, self.requests.len(), limits);
    }

    /// It answered, or choked us: whatever it rejected before is no sign of anything.
    pub(crate) fn forgive(&mut self) {
        (self.rejects, self.stray_rejects) = (0, 0);
    }

    /// When a peer that has rejected all that it could be asked for is asked again.
    pub(crate) fn retry_at(&self, limits: &Limits) -> Time {
        if self.rejects == 0 || self.requests.len() > 0 {
            return Time::NEVER;
        }
        let doubled = limits.reject_retry.saturating_mul(1 << (self.rejects - 1).min(DOUBLINGS));
        self.rejected_at + doubled.min(limits.reject_backoff)
    }

    /// One more extended handshake; says whether that is too many.
    pub(crate) fn shake(&mut self, now: Time, limits: &Limits) -> bool {
        if now.since(self.shakes_since) >= MINUTE {
            (self.shakes, self.shakes_since) = (0, now);
        }
        self.shakes = self.shakes.saturating_add(1);
        self.shakes > limits.extended_handshakes
    }

    /// A block was asked for and the answer is of no use any more.
    pub(crate) fn cancel(&mut self, block: BlockRef) -> bool {
        let open = self.requests.take(block).is_some();
        self.cancelled = self.cancelled.saturating_add(u32::from(open));
        open
    }

    /// Whether the connection did any good.
    pub(crate) fn was_useful(&self, now: Time) -> bool {
        self.down.total() > 0 || self.up.total() > 0 || now.since(self.joined) >= LASTING
    }

    pub(crate) fn snapshot(&self, now: Time) -> PeerSnapshot {
        PeerSnapshot {
            peer: self.key,
            addr: self.addr,
            outgoing: self.outgoing,
            peer_id: self.peer_id,
            which: self.which,
            client: self.client.clone(),
            pieces: self.field().map(Bitfield::count),
            seed: self.is_seed(),
            am_interested: self.am_interested,
            am_choking: self.am_choking,
            interested: self.interested,
            choking: self.choking,
            snubbed: self.snubbed,
            requests: self.requests.len(),
            window: self.window.size(),
            queued: self.uploads.len() as u32,
            downloaded: self.down.total(),
            uploaded: self.up.total(),
            download_rate: self.down.get(now),
            upload_rate: self.up.get(now),
        }
    }
}
