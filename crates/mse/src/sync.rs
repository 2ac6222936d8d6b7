//! The end of padding whose length nobody tells.

use crate::keys::same;
use crate::{MAX_PAD, MseError};

/// Looks for `N` bytes behind at most 512 others. Padding may come in parts: BiglyBT sends one half with its key and the other
/// half in front of the mark.
#[derive(Debug, Clone)]
pub(crate) struct Sync<const N: usize> {
    needle: [u8; N],
    last: [u8; N],
    seen: usize,
}

impl<const N: usize> Sync<N> {
    pub(crate) fn new(needle: [u8; N]) -> Sync<N> {
        Sync { needle, last: [0; N], seen: 0 }
    }

    /// Takes bytes: how many, and whether the mark ended with the last of them.
    ///
    /// Errors: [`MseError::Sync`] as soon as the mark can no longer come in time.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(usize, bool), MseError> {
        for (at, byte) in (1usize..).zip(bytes) {
            self.last.rotate_left(1);
            if let Some(last) = self.last.last_mut() {
                *last = *byte;
            }
            self.seen = self.seen.saturating_add(1);
            if self.seen >= N && same(&self.last, &self.needle) {
                return Ok((at, true));
            }
            if self.seen >= MAX_PAD.saturating_add(N) {
                return Err(MseError::Sync);
            }
        }
        Ok((bytes.len(), false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_44_the_mark_is_found_behind_512_bytes_and_not_behind_513() {
        for (pad, found) in [(0, true), (1, true), (511, true), (512, true), (513, false), (2000, false)] {
            for part in [1, 7, 4096] {
                let stream = [vec![b'-'; pad], b"needle and more".to_vec()].concat();
                let (mut sync, mut used) = (Sync::new(*b"needle"), 0);
                let mut result = Ok((0, false));
                while matches!(result, Ok((_, false))) && used < stream.len() {
                    result = sync.feed(&stream[used..stream.len().min(used + part)]);
                    used += result.map_or(0, |(n, _)| n);
                }
                match found {
                    true => assert_eq!((result.map(|(_, found)| found), used), (Ok(true), pad + 6), "{pad} {part}"),
                    false => assert_eq!(result, Err(MseError::Sync), "{pad} {part}"),
                }
            }
        }
    }

    #[test]
    fn a_mark_that_starts_with_its_own_start_is_found() {
        let mut sync = Sync::new(*b"aab");
        assert_eq!(sync.feed(b"aaaab?"), Ok((5, true)));
    }

    #[test]
    fn zeros_are_not_found_before_they_came() {
        let mut sync = Sync::new([0; 4]);
        assert_eq!(sync.feed(&[0, 0, 0]), Ok((3, false)));
        assert_eq!(sync.feed(&[0]), Ok((1, true)));
    }
}
