//! The session: everything that torrents of one client share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bitlode_base::{Code, Secret, Time};
use bitlode_hash::InfoHashes;
use core::time::Duration;

use crate::bans::Bans;
use crate::dials::{DialPermit, Dials};
use crate::gate::{Gate, Incoming};
use crate::grants::{Grant, Grants, Need};
use crate::identity;
use crate::ids::{CarrierId, ShardId, TorrentId};
use crate::links::{Link, Links, Refusal};
use crate::routes::{Route, Routes, SessionError};
use crate::settings::Settings;

/// What torrents share. One for all shards, behind a lock.
///
/// Of a torrent: [`place`](Session::place), [`register`](Session::register), then dials, connections and
/// [`deal`](Session::deal), then [`unregister`](Session::unregister). Of a connection that came:
/// [`incoming`](Session::incoming), [`joined`](Session::joined), [`left`](Session::left). Of one that we make:
/// [`dial`](Session::dial), [`dial_ended`](Session::dial_ended) when it stands or failed, [`joined`](Session::joined),
/// [`left`](Session::left).
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    peer_id: [u8; 20],
    routes: Routes,
    gate: Gate,
    links: Links,
    dials: Dials,
    bans: Bans,
    grants: Grants,
    shortage: Arc<AtomicBool>,
    own_addresses: Vec<SocketAddr>,
}

// A client has a handful of addresses; more than this means that somebody feeds us false ones.
const OWN_ADDRESSES: usize = 32;
// Until a place among the connections may be free: nobody can know.
const FULL_RETRY: Duration = Duration::from_secs(1);

impl Session {
    /// A session for a pool of `pool_slabs` slabs of 16 KiB and that many shards. The settings must be valid.
    pub fn new(settings: Arc<Settings>, mut secret: Secret, pool_slabs: usize, shards: u16) -> Session {
        let peer_id = identity::peer_id(&mut secret);
        let at = |number: u32| number as usize;
        Session {
            peer_id,
            routes: Routes::new(shards),
            gate: Gate::new(at(settings.max_pending_handshakes), at(settings.max_pending_handshakes_per_ip)),
            links: Links::new(
                at(settings.max_connections),
                at(settings.max_connections_per_torrent),
                settings.allow_multiple_per_ip,
                peer_id,
            ),
            dials: Dials::new(
                at(settings.max_half_open),
                at(settings.max_half_open_per_torrent),
                at(settings.connect_rate),
            ),
            bans: Bans::new(at(settings.max_bans)),
            grants: Grants::new(pool_slabs),
            shortage: Arc::default(),
            own_addresses: Vec::new(),
            settings,
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The peer id of all our handshakes.
    pub fn peer_id(&self) -> [u8; 20] {
        self.peer_id
    }

    // Torrents

    /// The shard with the fewest torrents; register the torrent there at once.
    pub fn place(&self) -> ShardId {
        self.routes.place()
    }

    /// Makes a torrent reachable by its hashes.
    pub fn register(&mut self, id: TorrentId, hashes: &InfoHashes, shard: ShardId) -> Result<(), SessionError> {
        self.routes.insert(id, hashes, shard)
    }

    /// The torrent's hashes are these now: a hybrid's metadata named its other one. On an error the old ones stay.
    pub fn rehash(&mut self, id: TorrentId, hashes: &InfoHashes) -> Result<(), SessionError> {
        self.routes.rehash(id, hashes)
    }

    /// Forgets a torrent with its connections, dials and leases.
    pub fn unregister(&mut self, id: TorrentId) {
        self.routes.remove(id);
        self.links.remove_all(id);
        self.dials.end_all(id);
        self.grants.remove(id);
        self.shortage.store(self.grants.is_short(), Relaxed);
    }

    /// Where a handshake with this info-hash leads.
    pub fn route(&self, hash: &[u8; 20]) -> Option<Route> {
        self.routes.find(hash)
    }

    // Connections

    /// A connection was accepted: whether to wait for its handshake.
    pub fn incoming(&mut self, _now: Time, carrier: CarrierId, addr: SocketAddr) -> Incoming {
        if self.bans.has(addr.ip()) {
            return Incoming::Refuse(Code::PeerBanned);
        }
        if self.links.len() >= self.settings.max_connections as usize {
            return Incoming::Refuse(Code::PeerLimit);
        }
        self.gate.enter(carrier, addr.ip())
    }

    /// A connection's handshake has come and named a torrent. `Ok(Some(older))`: the peer had dialled us while we dialled
    /// it, and of the two connections both sides drop that one. On an error close it.
    pub fn joined(
        &mut self,
        _now: Time,
        carrier: CarrierId,
        torrent: TorrentId,
        addr: SocketAddr,
        peer_id: [u8; 20],
    ) -> Result<Option<CarrierId>, Refusal> {
        let outgoing = !self.gate.leave(carrier);
        if !self.routes.has(torrent) {
            return Err(Refusal::NotFound);
        }
        if self.bans.has(addr.ip()) {
            return Err(Refusal::Banned);
        }
        let link = Link { torrent, ip: addr.ip(), peer_id, outgoing };
        let joined = self.links.insert(carrier, link);
        if outgoing && joined == Err(Refusal::Itself) {
            self.remember_own(addr);
        }
        joined
    }

    /// A connection is gone, in whatever state it was.
    pub fn left(&mut self, carrier: CarrierId) {
        self.gate.leave(carrier);
        self.links.remove(carrier);
    }

    /// Connections past their handshake.
    pub fn connections(&self) -> usize {
        self.links.len()
    }

    /// Connections of a torrent past their handshake.
    pub fn connections_of(&self, torrent: TorrentId) -> usize {
        self.links.count_of(torrent)
    }

    /// Incoming connections whose handshake is awaited.
    pub fn pending(&self) -> usize {
        self.gate.len()
    }

    // Dials

    /// Whether `addr` may be dialled for `torrent`. On `Now` it counts as half-open.
    pub fn dial(&mut self, now: Time, torrent: TorrentId, addr: SocketAddr) -> DialPermit {
        let ip = addr.ip();
        let dialable = addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast();
        if !dialable || !self.routes.has(torrent) || self.bans.has(ip) || self.own_addresses.contains(&addr) {
            return DialPermit::Never;
        }
        if self.dials.has(torrent, addr) {
            return DialPermit::Never;
        }
        // Whoever is there now may leave, or turn out to be ourselves: the other ports of that host keep their chance.
        if !self.links.several_at(ip) && (self.links.has_ip(torrent, ip) || self.dials.has_ip(torrent, ip)) {
            return DialPermit::Later(now + FULL_RETRY);
        }
        let total = self.links.len() + self.dials.len();
        let of_torrent = self.links.count_of(torrent) + self.dials.of(torrent);
        if total >= self.settings.max_connections as usize
            || of_torrent >= self.settings.max_connections_per_torrent as usize
        {
            return DialPermit::Later(now + FULL_RETRY);
        }
        self.dials.begin(now, torrent, addr)
    }

    /// A dial stands or failed, or nobody waits for it any more: it is half-open no longer.
    pub fn dial_ended(&mut self, torrent: TorrentId, addr: SocketAddr) {
        self.dials.end(torrent, addr);
    }

    /// Connections being made.
    pub fn half_open(&self) -> usize {
        self.dials.len()
    }

    // Bans

    /// Bans an IP address for all torrents; true when it was not banned before. Its connections are the caller's to close.
    pub fn ban(&mut self, ip: IpAddr) -> bool {
        self.bans.ban(ip)
    }

    /// Lifts a ban; true when there was one.
    pub fn pardon(&mut self, ip: IpAddr) -> bool {
        self.bans.pardon(ip)
    }

    /// Whether an address is banned.
    pub fn is_banned(&self, ip: IpAddr) -> bool {
        self.bans.has(ip)
    }

    /// The banned addresses, ascending.
    pub fn banned(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.bans.iter()
    }

    /// Addresses at which we are reached: they are not dialled.
    pub fn remember_own(&mut self, addr: SocketAddr) {
        if !self.own_addresses.contains(&addr) {
            if self.own_addresses.len() >= OWN_ADDRESSES {
                self.own_addresses.remove(0);
            }
            self.own_addresses.push(addr);
        }
    }

    // Memory

    /// Deals a torrent its share of the pool anew; each torrent asks every `dealInterval`, and sooner while
    /// there is a [`shortage`](Session::shortage).
    pub fn deal(&mut self, now: Time, torrent: TorrentId, need: Need) -> Grant {
        if !self.routes.has(torrent) {
            return Grant::default();
        }
        let grant = self.grants.deal(now, torrent, need);
        self.shortage.store(self.grants.is_short(), Relaxed);
        grant
    }

    /// Whether a torrent, on any shard, was dealt much less than is due to it, since others hold more: those ask sooner than
    /// they would, so that it need not wait. Read without the session's lock.
    pub fn shortage(&self) -> Arc<AtomicBool> {
        self.shortage.clone()
    }

    /// Slabs leased to all torrents; never more than the pool has.
    pub fn leased(&self) -> u64 {
        self.grants.leased()
    }
}
