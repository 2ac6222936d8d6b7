//! Selective acks: which packets came behind a hole.

/// The mask of a selective ack. Bit `i`, least significant first in each byte, stands for packet `ack + 2 + i`: `ack + 1` is
/// by definition missing. BEP 29 asks for a multiple of four bytes; libtorrent sends any number, so any number is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectiveAck<'a>(pub &'a [u8]);

/// Bytes of the longest mask: the longest multiple of four that an extension can hold.
const MAX_MASK: usize = 252;

impl SelectiveAck<'_> {
    /// The packets that came, in ascending order. `ack` is the packet's `ack`; numbers wrap.
    pub fn received(&self, ack: u16) -> impl Iterator<Item = u16> + '_ {
        let bits = self.0.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        (0u16..).zip(bits).filter(|(_, came)| *came).map(move |(at, _)| ack.wrapping_add(2).wrapping_add(at))
    }

    /// The mask for packets that came behind `ack`: the fewest multiples of four bytes, at least four. Packets that no mask
    /// can name, beyond `ack + 2,017` or not behind `ack + 1`, are left out.
    pub fn mask(ack: u16, received: impl IntoIterator<Item = u16>) -> Vec<u8> {
        let mut mask = vec![0; 4];
        for seq in received {
            let at = usize::from(seq.wrapping_sub(ack).wrapping_sub(2));
            let byte = at / 8;
            if byte >= MAX_MASK {
                continue;
            }
            if byte >= mask.len() {
                mask.resize((byte / 4).saturating_add(1).saturating_mul(4), 0);
            }
            if let Some(byte) = mask.get_mut(byte) {
                *byte |= 1 << (at % 8);
            }
        }
        mask
    }
}
