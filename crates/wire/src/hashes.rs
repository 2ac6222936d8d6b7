//! Hash exchange (BEP 52): messages 21, 22 and 23, by which peers of a v2 torrent pass on the nodes of a file's Merkle tree.

use crate::WireError;
use crate::bytes::split;
use crate::message::{frame, id};

/// Bytes of a node.
const NODE_LEN: usize = 32;
/// Bytes of a [`HashRange`].
const RANGE_LEN: usize = 48;

/// Which nodes of a tree are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRange {
    /// The root of the file's tree (`pieces root`).
    pub root: [u8; 32],
    /// The layer of the nodes: 0 for the leaves, each of 16 KiB, one more for each layer above them.
    pub base: u32,
    /// The first node, counted from the layer's left end; a multiple of `len`.
    pub index: u32,
    /// How many nodes: a power of two, at least 2.
    pub len: u32,
    /// Layers above `base` for which uncles are wanted, those that follow from the nodes themselves counted.
    pub proof: u32,
}

impl HashRange {
    /// The uncles that belong to this range, the lowest first: `max(0, proof − log2(len) + 1)`. The first of them is the
    /// sibling of the root of the nodes.
    pub const fn uncles(&self) -> u32 {
        match self.len.checked_ilog2() {
            Some(covered) => self.proof.saturating_add(1).saturating_sub(covered),
            None => 0,
        }
    }

    /// Whether the range is one that may be asked for: `len` a power of two from 2 to `max_len`, `index` a multiple of it,
    /// `proof` at most `max_proof`. A request that fails is answered with a reject (BEP 52).
    pub fn check(&self, max_len: u32, max_proof: u32) -> Result<(), WireError> {
        if !self.len.is_power_of_two() || !(2..=max_len).contains(&self.len) {
            return Err(WireError::Value { field: "length", got: self.len });
        }
        if !self.index.is_multiple_of(self.len) {
            return Err(WireError::Value { field: "index", got: self.index });
        }
        if self.proof > max_proof {
            return Err(WireError::Value { field: "proof layers", got: self.proof });
        }
        Ok(())
    }

    fn bytes(&self) -> [u8; RANGE_LEN] {
        let mut out = [0; RANGE_LEN];
        let words = [self.base, self.index, self.len, self.proof].map(u32::to_be_bytes);
        for (to, from) in out.iter_mut().zip(self.root.iter().chain(words.as_flattened())) {
            *to = *from;
        }
        out
    }

    fn read(bytes: &[u8; RANGE_LEN]) -> Option<HashRange> {
        let (root, rest) = split::<32>(bytes)?;
        let (base, rest) = split::<4>(rest)?;
        let (index, rest) = split::<4>(rest)?;
        let (len, proof) = split::<4>(rest)?;
        let proof = proof.first_chunk()?;
        let [base, index, len, proof] = [base, index, len, *proof].map(u32::from_be_bytes);
        Some(HashRange { root, base, index, len, proof })
    }
}

/// A message of the hash exchange. It travels only on connections whose handshake named the v2 info-hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashMessage<'a> {
    /// Send me these nodes (21).
    Request(HashRange),
    /// Nodes of the base layer, then uncles from the lowest up (22).
    Hashes {
        /// The range that was asked for.
        range: HashRange,
        /// 32 bytes for each node. Whether they are as many as the range says is [`HashMessage::is_whole`]'s to tell.
        hashes: &'a [u8],
    },
    /// I will not send these nodes (23).
    Reject(HashRange),
}

impl<'a> HashMessage<'a> {
    /// Whether messages with this id are of the hash exchange.
    pub const fn is_id(id: u8) -> bool {
        matches!(id, id::HASH_REQUEST | id::HASHES | id::HASH_REJECT)
    }

    /// The least payload of a message with one of its ids; requests and rejects have no more.
    pub const MIN_LEN: u32 = RANGE_LEN as u32;

    /// Reads the payload of a message with this id; `None` when the id is another one's.
    pub fn parse(id: u8, payload: &'a [u8]) -> Option<Result<HashMessage<'a>, WireError>> {
        if !HashMessage::is_id(id) {
            return None;
        }
        let got = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let wrong = WireError::Length { id, want: Self::MIN_LEN, got };
        let Some((range, hashes)) =
            payload.split_first_chunk().and_then(|(range, hashes)| Some((HashRange::read(range)?, hashes)))
        else {
            return Some(Err(wrong));
        };
        Some(match id {
            id::HASHES if hashes.len().is_multiple_of(NODE_LEN) => Ok(HashMessage::Hashes { range, hashes }),
            id::HASH_REQUEST if hashes.is_empty() => Ok(HashMessage::Request(range)),
            id::HASH_REJECT if hashes.is_empty() => Ok(HashMessage::Reject(range)),
            _ => Err(wrong),
        })
    }

    /// Appends the frame, length prefix included. Nodes that are no whole ones at the end of `hashes` are left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            HashMessage::Request(range) => frame(out, id::HASH_REQUEST, &[&range.bytes()]),
            HashMessage::Hashes { range, hashes } => {
                let (nodes, _) = hashes.as_chunks::<NODE_LEN>();
                frame(out, id::HASHES, &[&range.bytes(), nodes.as_flattened()]);
            }
            HashMessage::Reject(range) => frame(out, id::HASH_REJECT, &[&range.bytes()]),
        }
    }

    /// What is asked for, answered or refused.
    pub const fn range(&self) -> &HashRange {
        match self {
            HashMessage::Request(range) | HashMessage::Reject(range) | HashMessage::Hashes { range, .. } => range,
        }
    }

    /// Whether as many nodes came as the range says: `len` and its uncles. Requests and rejects are always whole.
    pub fn is_whole(&self) -> bool {
        let HashMessage::Hashes { range, hashes } = self else { return true };
        let want = u64::from(range.len).saturating_add(u64::from(range.uncles()));
        u64::try_from(hashes.len()).is_ok_and(|len| len == want.saturating_mul(NODE_LEN as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncles_are_counted_as_in_the_examples_of_bep_52() {
        for (len, proof, uncles) in
            [(32, 4, 0), (8, 4, 2), (2, 6, 6), (4, 1, 0), (2, 9, 9), (512, 9, 1), (8, 2, 0), (8, 0, 0)]
        {
            let range = HashRange { root: [0; 32], base: 0, index: 0, len, proof };
            assert_eq!(range.uncles(), uncles, "{len} {proof}");
            let hashes = vec![0; 32 * (len + uncles) as usize];
            assert!(HashMessage::Hashes { range, hashes: &hashes }.is_whole());
            assert!(!HashMessage::Hashes { range, hashes: &hashes[32..] }.is_whole());
        }
    }

    #[test]
    fn row_43_absurd_ranges_are_known_as_such() {
        let good = HashRange { root: [0; 32], base: 0, index: 4, len: 4, proof: 32 };
        assert_eq!(good.check(512, 32), Ok(()));
        for (field, bad) in [
            ("length", HashRange { len: 0, ..good }),
            ("length", HashRange { len: 1, ..good }),
            ("length", HashRange { len: 3, ..good }),
            ("length", HashRange { len: 1024, index: 0, ..good }),
            ("length", HashRange { len: u32::MAX, ..good }),
            ("index", HashRange { index: 5, ..good }),
            ("proof layers", HashRange { proof: 33, ..good }),
        ] {
            assert!(matches!(bad.check(512, 32), Err(WireError::Value { field: f, .. }) if f == field), "{bad:?}");
        }
        let huge = HashRange { len: 1 << 31, proof: u32::MAX, ..good };
        assert!(!HashMessage::Hashes { range: huge, hashes: &[] }.is_whole() && huge.uncles() > 0);
    }
}
