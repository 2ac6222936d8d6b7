//! Which torrent a handshake is for.

use std::collections::BTreeMap;

use crate::keys::same;
use crate::skey_mark;

/// The torrents of a responder, by [`skey_mark`]: one look-up for a handshake, however many there are.
#[derive(Debug, Clone, Default)]
pub struct Skeys(BTreeMap<[u8; 20], [u8; 20]>);

impl Skeys {
    /// None.
    pub fn new() -> Skeys {
        Skeys::default()
    }

    /// Adds an info-hash; for a hybrid torrent both, the v2 hash as its first 20 bytes.
    pub fn insert(&mut self, skey: [u8; 20]) {
        self.0.insert(skey_mark(&skey), skey);
    }

    /// Removes an info-hash.
    pub fn remove(&mut self, skey: &[u8; 20]) {
        self.0.remove(&skey_mark(skey));
    }

    /// The info-hash behind a mark.
    pub fn find(&self, mark: &[u8; 20]) -> Option<[u8; 20]> {
        self.0.get(mark).copied()
    }
}

impl FromIterator<[u8; 20]> for Skeys {
    fn from_iter<T: IntoIterator<Item = [u8; 20]>>(skeys: T) -> Skeys {
        Skeys(skeys.into_iter().map(|skey| (skey_mark(&skey), skey)).collect())
    }
}

/// The info-hash behind a mark, by hashing all of them: no memory, and as long for an unknown one as for any known one. For a
/// few torrents, or where a table cannot be kept; [`Skeys`] otherwise.
pub fn search(mark: &[u8; 20], skeys: impl IntoIterator<Item = [u8; 20]>) -> Option<[u8; 20]> {
    skeys.into_iter().fold(None, |found, skey| if same(&skey_mark(&skey), mark) { Some(skey) } else { found })
}
