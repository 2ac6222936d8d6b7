//! In which order files stand in a torrent, and what lies between them.

use std::cmp::Ordering;

use super::{Format, Padding};

/// A file of a torrent that is made, or the pad behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Number of the file; `None` is a pad: zeros that are on no disk (BEP 47).
    pub file: Option<usize>,
    /// Offset of its first byte in the torrent.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// Which of two paths comes first. v1: by the bytes of the whole path, separators included, as makers of v1 torrents
/// sort. With a v2 half: by component, as the keys of the file tree stand (BEP 52), which differs where a name goes on
/// with a byte below `/`. The order of directory listings never counts, so every system makes the same torrent.
pub fn in_order(format: Format, a: &[String], b: &[String]) -> Ordering {
    let separated = |path: &'_ [String]| -> Vec<u8> { path.join("/").into_bytes() };
    match format {
        Format::V1 => separated(a).cmp(&separated(b)),
        Format::V2 | Format::Hybrid => a.iter().map(String::as_bytes).cmp(b.iter().map(String::as_bytes)),
    }
}

/// Files of these lengths as they lie in the torrent's bytes, pads included: of a hybrid or padded torrent of several
/// files, every file that is not empty and does not end with a piece is followed by one, the last too (as the reference
/// creator of BEP 52 has it). In a v2-only torrent the pads are the gaps that nobody hashes or sends. `None` if the sum
/// leaves 64 bits.
pub fn slots(format: Format, padding: Padding, piece_length: u32, lens: &[u64]) -> Option<Vec<Slot>> {
    let aligned = format.has_v2() || padding == Padding::Aligned;
    let length = u64::from(piece_length.max(1));
    let (mut out, mut offset) = (Vec::with_capacity(lens.len()), 0u64);
    for (file, len) in lens.iter().copied().enumerate() {
        out.push(Slot { file: Some(file), offset, len });
        offset = offset.checked_add(len)?;
        let pad = offset.checked_next_multiple_of(length)?.checked_sub(offset)?;
        if aligned && lens.len() > 1 && pad > 0 {
            out.push(Slot { file: None, offset, len: pad });
            offset = offset.checked_add(pad)?;
        }
    }
    Some(out)
}
