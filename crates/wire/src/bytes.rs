//! Bytes taken from the front.

/// The first `N` bytes and the rest; `None` when there are fewer.
pub(crate) fn split<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(head, rest)| (*head, rest))
}
