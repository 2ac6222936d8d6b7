//! Connections being made. When one may begin is the session's to say, when to try again the swarm's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bitlode_session::TorrentId;

use crate::types::DialId;

/// A dial that the driver works on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dial {
    pub(crate) torrent: TorrentId,
    pub(crate) addr: SocketAddr,
}

/// All dials of a node.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    all: BTreeMap<DialId, Dial>,
    last: u64,
}

impl Dials {
    /// A new one.
    pub(crate) fn add(&mut self, torrent: TorrentId, addr: SocketAddr) -> DialId {
        self.last += 1;
        let dial = DialId(self.last);
        self.all.insert(dial, Dial { torrent, addr });
        dial
    }

    /// Ends one.
    pub(crate) fn remove(&mut self, dial: DialId) -> Option<Dial> {
        self.all.remove(&dial)
    }
}
