//! A set of pieces in wire order: piece 0 is the highest bit of the first byte (BEP 3).

use crate::PieceIndex;

/// One bit per piece, in wire order; bits behind the last piece are always zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitfield {
    bytes: Vec<u8>,
    len: u32,
    ones: u32,
}

/// Why bytes are not a bitfield of that many pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitfieldError {
    /// The length is not ⌈pieces / 8⌉.
    Length {
        /// Bytes that the number of pieces asks for.
        want: usize,
        /// Bytes given.
        got: usize,
    },
    /// Bits behind the last piece are set.
    SpareBits,
}

impl Bitfield {
    /// No piece of `len`.
    pub fn none(len: u32) -> Bitfield {
        Bitfield { bytes: vec![0; (len as usize).div_ceil(8)], len, ones: 0 }
    }

    /// Every piece of `len`.
    pub fn all(len: u32) -> Bitfield {
        let mut bytes = vec![0xff; (len as usize).div_ceil(8)];
        if let (Some(last), spare @ 1..) = (bytes.last_mut(), bytes_spare(len)) {
            *last = 0xff << spare;
        }
        Bitfield { bytes, len, ones: len }
    }

    /// Reads wire bytes for `len` pieces; the length must be exact and spare bits zero.
    pub fn from_bytes(bytes: &[u8], len: u32) -> Result<Bitfield, BitfieldError> {
        let want = (len as usize).div_ceil(8);
        if bytes.len() != want {
            return Err(BitfieldError::Length { want, got: bytes.len() });
        }
        if bytes.last().is_some_and(|last| last.trailing_zeros() < bytes_spare(len)) {
            return Err(BitfieldError::SpareBits);
        }
        let ones = bytes.iter().map(|b| b.count_ones()).sum();
        Ok(Bitfield { bytes: bytes.to_vec(), len, ones })
    }

    /// The wire bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of pieces, set or not.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are no pieces at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of pieces that are set.
    pub fn count(&self) -> u32 {
        self.ones
    }

    /// Whether every piece is set.
    pub fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// Whether `piece` is set; false beyond the end.
    pub fn has(&self, piece: PieceIndex) -> bool {
        piece.0 < self.len && self.bytes.get(piece.at() / 8).is_some_and(|b| b & mask(piece) != 0)
    }

    /// Sets `piece`; says whether that changed anything. Beyond the end it does nothing.
    pub fn set(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.len || self.has(piece) {
            return false;
        }
        if let Some(byte) = self.bytes.get_mut(piece.at() / 8) {
            *byte |= mask(piece);
            self.ones += 1;
        }
        true
    }

    /// Clears `piece`; says whether that changed anything.
    pub fn clear(&mut self, piece: PieceIndex) -> bool {
        if !self.has(piece) {
            return false;
        }
        if let Some(byte) = self.bytes.get_mut(piece.at() / 8) {
            *byte &= !mask(piece);
            self.ones -= 1;
        }
        true
    }

    /// The pieces that are set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).flat_map(|(at, byte)| {
            let byte = *byte;
            (0..8u32).filter(move |bit| byte & (0x80 >> bit) != 0).map(move |bit| PieceIndex(at as u32 * 8 + bit))
        })
    }
}

fn mask(piece: PieceIndex) -> u8 {
    0x80 >> (piece.0 % 8)
}

fn bytes_spare(len: u32) -> u32 {
    (8 - len % 8) % 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_bits_are_zero_in_a_full_field_and_refused_in_a_read_one() {
        for len in 0..40 {
            let full = Bitfield::all(len);
            assert_eq!(full.iter().count() as u32, len);
            assert!(full.is_full());
            assert_eq!(Bitfield::from_bytes(full.as_bytes(), len).as_ref(), Ok(&full));
            if len % 8 != 0 {
                let mut bytes = full.as_bytes().to_vec();
                *bytes.last_mut().unwrap() |= 1;
                assert_eq!(Bitfield::from_bytes(&bytes, len), Err(BitfieldError::SpareBits));
            }
        }
        assert_eq!(Bitfield::from_bytes(&[0, 0], 8), Err(BitfieldError::Length { want: 1, got: 2 }));
    }

    #[test]
    fn set_and_clear_keep_the_count() {
        let mut field = Bitfield::none(9);
        assert!(field.set(PieceIndex(8)) && !field.set(PieceIndex(8)) && !field.set(PieceIndex(9)));
        assert_eq!((field.count(), field.as_bytes()), (1, &[0u8, 0x80][..]));
        assert!(field.clear(PieceIndex(8)) && !field.clear(PieceIndex(8)));
        assert_eq!(field.count(), 0);
    }
}
