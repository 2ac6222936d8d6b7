//! The connections that are past their handshake: who is connected to what, and who may not be.

use std::collections::BTreeMap;
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
    // Of few hundred links at most: found by looking through the torrent's own.
    torrents: BTreeMap<TorrentId, Vec<CarrierId>>,
}

impl Links {
    pub(crate) fn new(max: usize, max_per_torrent: usize, several_per_ip: bool, ours: [u8; 20]) -> Links {
        Links { max, max_per_torrent, several_per_ip, ours, links: BTreeMap::new(), torrents: BTreeMap::new() }
    }

    /// Takes a connection in; says which older one gives way to it.
    pub(crate) fn insert(&mut self, carrier: CarrierId, link: Link) -> Result<Option<CarrierId>, Refusal> {
        if link.peer_id == self.ours {
            return Err(Refusal::Itself);
        }
        if self.links.contains_key(&carrier) {
            return Ok(None);
        }
        let twin = self.of(link.torrent).find(|(_, other)| other.peer_id == link.peer_id);
        if let Some((older, other)) = twin.map(|(older, other)| (older, *other)) {
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
        self.torrents.entry(link.torrent).or_default().push(carrier);
    }

    pub(crate) fn remove(&mut self, carrier: CarrierId) -> Option<Link> {
        let link = self.links.remove(&carrier)?;
        if let Some(of) = self.torrents.get_mut(&link.torrent) {
            of.retain(|other| *other != carrier);
            if of.is_empty() {
                self.torrents.remove(&link.torrent);
            }
        }
        Some(link)
    }

    pub(crate) fn remove_all(&mut self, torrent: TorrentId) {
        for carrier in self.torrents.remove(&torrent).unwrap_or_default() {
            self.links.remove(&carrier);
        }
    }

    fn of(&self, torrent: TorrentId) -> impl Iterator<Item = (CarrierId, &Link)> {
        let carriers = self.torrents.get(&torrent).map(Vec::as_slice).unwrap_or_default();
        carriers.iter().filter_map(|carrier| Some((*carrier, self.links.get(carrier)?)))
    }

    pub(crate) fn has_ip(&self, torrent: TorrentId, ip: IpAddr) -> bool {
        self.of(torrent).any(|(_, link)| link.ip.to_canonical() == ip.to_canonical())
    }

    /// Whether several peers of one torrent may be at that address: on this machine itself they always may.
    pub(crate) fn several_at(&self, ip: IpAddr) -> bool {
        self.several_per_ip || ip.to_canonical().is_loopback()
    }

    pub(crate) fn count_of(&self, torrent: TorrentId) -> usize {
        self.torrents.get(&torrent).map_or(0, Vec::len)
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}
