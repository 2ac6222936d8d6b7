//! What a torrent is known by.

use crate::sha1::sha1;
use crate::sha256::sha256;

/// The info-hashes of a torrent: v1 (BEP 3), v2 (BEP 52), or both for a hybrid. At least one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHashes {
    /// SHA-1 of the info dictionary.
    pub v1: Option<[u8; 20]>,
    /// SHA-256 of the info dictionary.
    pub v2: Option<[u8; 32]>,
}

/// Which of a torrent's info-hashes a connection, an announce or a look-up uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// The SHA-1.
    V1,
    /// The first 20 bytes of the SHA-256.
    V2,
}

impl InfoHashes {
    /// The 20 bytes that handshakes, trackers and the DHT use, v1 first (BEP 52: v2 is cut to 20 bytes there).
    pub fn wire_ids(&self) -> impl Iterator<Item = (Which, [u8; 20])> + use<> {
        let all = *self;
        [Which::V1, Which::V2].into_iter().filter_map(move |which| Some((which, all.wire_id(which)?)))
    }

    /// The 20 bytes for one of the hashes, if the torrent has it.
    pub fn wire_id(&self, which: Which) -> Option<[u8; 20]> {
        match which {
            Which::V1 => self.v1,
            Which::V2 => self.v2.and_then(|hash| hash.first_chunk::<20>().copied()),
        }
    }

    /// The first of [`InfoHashes::wire_ids`]: v1 where there is one. Zeros if there is no hash at all.
    pub fn best(&self) -> [u8; 20] {
        self.wire_ids().next().map_or([0; 20], |(_, id)| id)
    }

    /// Whether `raw`, the bytes of an info dictionary, has every hash that is known here. A link that names both hashes
    /// is only satisfied by both.
    pub fn matches(&self, raw: &[u8]) -> bool {
        let v1 = self.v1.is_none_or(|hash| hash == sha1(raw));
        let v2 = self.v2.is_none_or(|hash| hash == sha256(raw));
        v1 && v2 && (self.v1.is_some() || self.v2.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_has_two_wire_ids_and_v1_is_the_first() {
        let both = InfoHashes { v1: Some([1; 20]), v2: Some([2; 32]) };
        assert_eq!(both.wire_ids().collect::<Vec<_>>(), [(Which::V1, [1; 20]), (Which::V2, [2; 20])]);
        assert_eq!(both.best(), [1; 20]);
        let v2 = InfoHashes { v1: None, ..both };
        assert_eq!((v2.best(), v2.wire_id(Which::V1)), ([2; 20], None));
    }

    #[test]
    fn a_link_with_both_hashes_is_satisfied_only_by_both() {
        let raw = b"de";
        let both = InfoHashes { v1: Some(sha1(raw)), v2: Some(sha256(raw)) };
        assert!(both.matches(raw) && !both.matches(b"le"));
        assert!(!InfoHashes { v2: Some([0; 32]), ..both }.matches(raw));
        assert!(InfoHashes { v2: None, ..both }.matches(raw));
        assert!(!InfoHashes { v1: None, v2: None }.matches(raw));
    }
}
