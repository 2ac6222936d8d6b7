//! What the first bytes of a message say, and whether that is allowed. Nothing here waits for a payload.

use bitlode_base::{BlockRef, PieceIndex};
use bitlode_wire::{Message, PIECE_HEADER_LEN, WireError, id};

use crate::{ConnError, Limits};

/// Bytes of a message that are looked at together: the longest message of fixed length (REQUEST) has 17.
pub(crate) const HEAD_LEN: usize = 17;
/// Length prefix and id.
pub(crate) const ID_END: usize = 5;
/// Length prefix, id and extended id (BEP 10).
const EXTENDED_END: usize = 6;

/// What the connection knows that decides on lengths.
pub(crate) struct Rules<'a> {
    pub(crate) limits: &'a Limits,
    /// Pieces of the torrent, when known.
    pub(crate) pieces: Option<u32>,
    /// Whether both sides speak BEP 6.
    pub(crate) fast: bool,
}

/// How many bytes `head` must have before more can be said: 4, 5, and then by type.
pub(crate) fn wanted(head: &[u8]) -> usize {
    match head {
        [_, _, _, _, id::PIECE, ..] => PIECE_HEADER_LEN,
        [_, _, _, _, id::EXTENDED, ..] => EXTENDED_END,
        [_, _, _, _, id, ..] => Message::fixed_len(*id).map_or(ID_END, |len| ID_END.saturating_add(len as usize)),
        [0, 0, 0, 0] => 4,
        [_, _, _, _] => ID_END,
        _ => 4,
    }
}

/// The length prefix; 0 when `head` is shorter than one.
pub(crate) fn declared(head: &[u8]) -> u32 {
    head.first_chunk().map_or(0, |len| u32::from_be_bytes(*len))
}

/// The block that a complete PIECE header announces.
pub(crate) fn announced(head: &[u8]) -> BlockRef {
    let word = |at: usize| {
        let bytes = head.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    BlockRef { piece: PieceIndex(word(5)), begin: word(9), len: declared(head).saturating_sub(9) }
}

impl Rules<'_> {
    /// Judges the first five bytes of a message, or the first six of an extended one.
    pub(crate) fn check(&self, head: &[u8]) -> Result<(), ConnError> {
        let (len, id) = (declared(head), head.get(4).copied().unwrap_or_default());
        if matches!(id, id::SUGGEST..=id::ALLOWED_FAST) && !self.fast {
            return Err(ConnError::NotNegotiated { id });
        }
        let limits = self.limits;
        let extended = limits.extended_handshake.max(limits.extended_message);
        let (least, most) = match (id, head.get(5)) {
            (id::PIECE, _) => (9, limits.message_cap),
            (id::EXTENDED, None) => (2, extended),
            (id::EXTENDED, Some(0)) => (2, limits.extended_handshake),
            (id::EXTENDED, Some(_)) => (2, limits.extended_message),
            (id::BITFIELD, _) => match self.pieces {
                None => (1, limits.bitfield_before_metadata),
                Some(pieces) => {
                    let want = pieces.div_ceil(8);
                    if len != want.saturating_add(1) {
                        return Err(ConnError::BitfieldLength { got: len.saturating_sub(1), want });
                    }
                    (len, len)
                }
            },
            (id, _) => match Message::fixed_len(id) {
                Some(fixed) => (fixed.saturating_add(1), fixed.saturating_add(1)),
                None => (1, limits.message_cap),
            },
        };
        if len > most {
            return Err(ConnError::TooLarge { id, len, max: most });
        }
        if len < least {
            let (want, got) = (least.saturating_sub(1), len.saturating_sub(1));
            return Err(ConnError::Wire(WireError::Length { id, want, got }));
        }
        Ok(())
    }

    /// Judges the bits behind the last piece.
    pub(crate) fn check_spare_bits(&self, bits: &[u8]) -> Result<(), ConnError> {
        let spare = self.pieces.map_or(0, |pieces| pieces.wrapping_neg() % 8);
        if bits.last().is_some_and(|last| last.trailing_zeros() < spare) {
            return Err(ConnError::SpareBits);
        }
        Ok(())
    }
}
