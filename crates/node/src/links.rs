//! Every carrier of this node: found by carrier, by peer and by slot in constant time.

use std::net::SocketAddr;

use bitlode_base::Time;
use bitlode_conn::Conn;
use bitlode_hash::Which;
use bitlode_session::CarrierId;
use bitlode_swarm::PeerKey;

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const NONE: u32 = u32::MAX;

/// Where a connection belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// We dialled it for this torrent (its slot); the peer's handshake has not come yet.
    Dialled { torrent: u32 },
    /// It came in; the peer's handshake has not come yet.
    Incoming,
    /// A peer of this torrent (its slot).
    Joined { torrent: u32 },
}

/// One carrier and the connection over it.
pub(crate) struct Link {
    pub(crate) carrier: CarrierId,
    pub(crate) key: PeerKey,
    pub(crate) addr: SocketAddr,
    pub(crate) outgoing: bool,
    pub(crate) which: Which,
    pub(crate) conn: Conn,
    pub(crate) place: Place,
    /// Its position in its torrent's list of peers.
    pub(crate) seat: usize,
    /// The time its timer is armed for.
    pub(crate) armed: Time,
    /// `Output::Writable` is out, and its plan has not run dry since, or a read is due.
    pub(crate) writing: bool,
    /// Blocks of the page cache are read for it once its carrier takes bytes.
    pub(crate) due: bool,
    /// The swarm holds requests of this peer.
    pub(crate) wants: bool,
    /// It stands in its torrent's line for upload memory.
    pub(crate) starved: bool,
    /// Blocks being read for it.
    pub(crate) reading: u32,
    /// Blocks read and not yet sent.
    pub(crate) sending: u32,
    dirty: bool,
    #[cfg(any(test, feature = "planted-bugs"))]
    pub(crate) planted: bool,
}

/// All links of a node. Slots are used again; keys never.
#[derive(Default)]
pub(crate) struct Links {
    slots: Vec<Option<Box<Link>>>,
    free: Vec<u32>,
    /// By opening shard, then by the carrier's low bits: the slot. A carrier that moved here keeps its number.
    carriers: Vec<Vec<u32>>,
    dirty: Vec<u32>,
    serial: u64,
}

impl Links {
    /// Takes a link in; `None` when the carrier is known already or its number is out of range.
    pub(crate) fn insert(
        &mut self,
        carrier: CarrierId,
        addr: SocketAddr,
        conn: Conn,
        place: Place,
        which: Which,
    ) -> Option<u32> {
        let shard = usize::from(carrier.opened_by().0);
        let low = (carrier.0 & SLOT_MASK) as usize;
        if self.carriers.len() <= shard {
            self.carriers.resize_with(shard + 1, Vec::new);
        }
        let row = self.carriers.get_mut(shard)?;
        if row.len() <= low {
            row.resize(low + 1, NONE);
        }
        let at = row.get_mut(low)?;
        if *at != NONE {
            return None;
        }
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        *at = slot;
        self.serial += 1;
        let link = Box::new(Link {
            carrier,
            key: PeerKey((self.serial << SLOT_BITS) | u64::from(slot)),
            addr,
            outgoing: matches!(place, Place::Dialled { .. }),
            which,
            conn,
            place,
            seat: 0,
            armed: Time::NEVER,
            writing: false,
            due: false,
            wants: false,
            starved: false,
            reading: 0,
            sending: 0,
            dirty: false,
            #[cfg(any(test, feature = "planted-bugs"))]
            planted: false,
        });
        match self.slots.get_mut(slot as usize) {
            Some(empty) => *empty = Some(link),
            None => self.slots.push(Some(link)),
        }
        Some(slot)
    }

    /// Takes a link out.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Box<Link>> {
        let link = self.slots.get_mut(slot as usize)?.take()?;
        let row = self.carriers.get_mut(usize::from(link.carrier.opened_by().0));
        if let Some(at) = row.and_then(|row| row.get_mut((link.carrier.0 & SLOT_MASK) as usize)) {
            *at = NONE;
        }
        self.free.push(slot);
        Some(link)
    }

    /// The link in a slot.
    pub(crate) fn at(&mut self, slot: u32) -> Option<&mut Link> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The slot of a carrier.
    pub(crate) fn find(&self, carrier: CarrierId) -> Option<u32> {
        let row = self.carriers.get(usize::from(carrier.opened_by().0))?;
        let slot = *row.get((carrier.0 & SLOT_MASK) as usize)?;
        let link = self.slots.get(slot as usize)?.as_deref()?;
        (link.carrier == carrier).then_some(slot)
    }

    /// The link of a carrier, to look at.
    pub(crate) fn get(&self, carrier: CarrierId) -> Option<&Link> {
        self.slots.get(self.find(carrier)? as usize)?.as_deref()
    }

    /// The slot of a peer that has not left.
    pub(crate) fn of_peer(&self, key: PeerKey) -> Option<u32> {
        let slot = (key.0 & SLOT_MASK) as u32;
        let link = self.slots.get(slot as usize)?.as_deref()?;
        (link.key == key).then_some(slot)
    }

    /// The link of a peer that has not left.
    pub(crate) fn peer(&mut self, key: PeerKey) -> Option<&mut Link> {
        let slot = self.of_peer(key)?;
        self.at(slot)
    }

    /// Puts a link on the list of those whose connection was touched and must be drained.
    pub(crate) fn touch(&mut self, slot: u32) {
        let Some(link) = self.slots.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        if !link.dirty {
            link.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// The next link to drain.
    pub(crate) fn touched(&mut self) -> Option<u32> {
        while let Some(slot) = self.dirty.pop() {
            if let Some(link) = self.at(slot) {
                link.dirty = false;
                return Some(slot);
            }
        }
        None
    }

    /// Links that are here.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
