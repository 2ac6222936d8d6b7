//! The connections that are past their handshake: who is connected to what, and who may not be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bitlode_base::{Code, Coded};

use crate::ids::{CarrierId, TorrentId};

/// Why a connection may not join a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such torrent (any more).
    #[error("the torrent is not here")]
    NotFound,
    /// The address is banned.
    #[error("the address is banned")]
    Banned,
    /// We dialled ourselves.
    #[error("the peer is this client itself")]
    Itself,
    /// The same peer is connected already; the older connection stays.
    #[error("the peer is connected already")]
    DuplicatePeer,
    /// Another peer at this IP address is connected to the torrent (`allowMultiplePerIp`).
    #[error("another peer at this address is connected (`allowMultiplePerIp`)")]
    DuplicateIp,
    /// As many connections as `maxConnections` allows.
    #[error("no more connections (`maxConnections`)")]
    Full,
    /// As many connections of this torrent as `maxConnectionsPerTorrent` allows.
    #[error("no more connections for the torrent (`maxConnectionsPerTorrent`)")]
    TorrentFull,
}

impl Coded for Refusal {
    fn code(&self) -> Code {
        match self {
            Refusal::NotFound => Code::PeerHandshake,
            Refusal::Banned => Code::PeerBanned,
            Refusal::Itself | Refusal::DuplicatePeer | Refusal::DuplicateIp | Refusal::Full | Refusal::TorrentFull => {
                Code::PeerLimit
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) torrent: TorrentId,
    pub(crate) ip: IpAddr,
    pub(crate) peer_id: [u8; 20],
    pub(crate) outgoing: bool,
}

#[derive(Debug)]
pub(crate) struct Links {
    max: usize,
    max_per_torrent: usize,
    several_per_ip: bool,
    ours: [u8; 20],
    links: BTreeMap<CarrierId, Link>,
    /// Peer ids of each torrent's peers: each is there once.
    ids: BTreeMap<(TorrentId, [u8; 20]), CarrierId>,
    /// Addresses of each torrent's peers.
    hosts: BTreeSet<(TorrentId, IpAddr, CarrierId)>,
    counts: BTreeMap<TorrentId, usize>,
}

impl Links {
    pub(crate) fn new(max: usize, max_per_torrent: usize, several_per_ip: bool, ours: [u8; 20]) -> Links {
        let (links, ids, hosts, counts) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Links { max, max_per_torrent, several_per_ip, ours, links, ids, hosts, counts }
    }

    /// Takes a connection in; says which older one gives way to it.
    pub(crate) fn insert(&mut self, carrier: CarrierId, link: Link) -> Result<Option<CarrierId>, Refusal> {
        if link.peer_id == self.ours {
            return Err(Refusal::Itself);
        }
        if self.links.contains_key(&carrier) {
            return Ok(None);
        }
        let twin = self.ids.get(&(link.torrent, link.peer_id)).copied();
        if let Some((older, other)) = twin.and_then(|older| Some((older, *self.links.get(&older)?))) {
            // Both sides dialled each other and each took the other's connection in before its own was answered. Both
            // must drop the same one: that of the smaller peer id stays. Every other second connection is refused.
            let crossed = link.outgoing && !other.outgoing;
            if !crossed || self.ours > link.peer_id {
                return Err(Refusal::DuplicatePeer);
            }
            self.remove(older);
            self.add(carrier, link);
            return Ok(Some(older));
        }
        if !self.several_at(link.ip) && self.has_ip(link.torrent, link.ip) {
            return Err(Refusal::DuplicateIp);
        }
        if self.links.len() >= self.max {
            return Err(Refusal::Full);
        }
        if self.count_of(link.torrent) >= self.max_per_torrent {
            return Err(Refusal::TorrentFull);
        }
        self.add(carrier, link);
        Ok(None)
    }

    fn add(&mut self, carrier: CarrierId, link: Link) {
        self.links.insert(carrier, link);
        self.ids.insert((link.torrent, link.peer_id), carrier);
        self.hosts.insert((link.torrent, link.ip.to_canonical(), carrier));
        *self.counts.entry(link.torrent).or_insert(0) += 1;
    }

    pub(crate) fn remove(&mut self, carrier: CarrierId) -> Option<Link> {
        let link = self.links.remove(&carrier)?;
        self.ids.remove(&(link.torrent, link.peer_id));
        self.hosts.remove(&(link.torrent, link.ip.to_canonical(), carrier));
        if let Some(count) = self.counts.get_mut(&link.torrent) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&link.torrent);
            }
        }
        Some(link)
    }

    pub(crate) fn remove_all(&mut self, torrent: TorrentId) {
        let of = self.ids.range((torrent, [0; 20])..=(torrent, [u8::MAX; 20]));
        let carriers: Vec<CarrierId> = of.map(|(_, carrier)| *carrier).collect();
        for carrier in carriers {
            self.remove(carrier);
        }
    }

    pub(crate) fn has_ip(&self, torrent: TorrentId, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let (first, last) = (CarrierId(0), CarrierId(u64::MAX));
        self.hosts.range((torrent, ip, first)..=(torrent, ip, last)).next().is_some()
    }

    /// Whether several peers of one torrent may be at that address: on this machine itself they always may.
    pub(crate) fn several_at(&self, ip: IpAddr) -> bool {
        self.several_per_ip || ip.to_canonical().is_loopback()
    }

    pub(crate) fn count_of(&self, torrent: TorrentId) -> usize {
        self.counts.get(&torrent).copied().unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}
