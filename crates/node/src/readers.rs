//! Users' reads of one torrent: which bytes are read next, which pieces they wait for, what is given in order.

use std::collections::BTreeSet;

use bitlode_base::{BLOCK_LEN, Bitfield, Chunk, FileIndex, PieceIndex};
use bitlode_metainfo::Layout;

use crate::fact::ReadId;
use crate::types::ReadRange;

/// Blocks that a torrent's reads may hold whatever its share of memory is, so that a paused torrent can be read.
const BLOCKS_LEAST: u64 = 4;

/// Of the read-ahead, this part may lie read and not taken; the rest is only fetched from peers.
const HELD_PART: u64 = 16;

#[derive(Debug)]
struct Reader {
    id: ReadId,
    file: FileIndex,
    /// Where the file begins in the torrent's bytes.
    base: u64,
    /// Positions in the file: the next to read, and one past the last.
    next: u64,
    end: u64,
    /// Bytes that were given and not taken.
    held: u64,
    /// Bytes being read for it.
    busy: u64,
    /// Storage had nothing there: a piece must be verified first.
    waits: bool,
}

/// A part of a file to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) file: FileIndex,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// The open reads of a torrent.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    list: Vec<Reader>,
    urgent: Vec<PieceIndex>,
}

impl Readers {
    /// Whether there is nothing to read and nothing to take back.
    pub(crate) fn idle(&self) -> bool {
        self.list.is_empty() && self.urgent.is_empty()
    }

    /// Opens a read; false when the range is not inside the file.
    pub(crate) fn open(&mut self, id: ReadId, range: ReadRange, layout: &Layout) -> bool {
        let Some(file) = layout.files().get(range.file.at()) else { return false };
        if range.start > range.end || range.end > file.len {
            return false;
        }
        let (base, next, end) = (file.offset, range.start, range.end);
        self.list.push(Reader { id, file: range.file, base, next, end, held: 0, busy: 0, waits: false });
        true
    }

    /// Forgets a read.
    pub(crate) fn close(&mut self, id: ReadId) {
        self.list.retain(|reader| reader.id != id);
    }

    /// Ends all.
    pub(crate) fn close_all(&mut self) -> Vec<ReadId> {
        self.list.drain(..).map(|reader| reader.id).collect()
    }

    /// The user took `bytes`.
    pub(crate) fn taken(&mut self, id: ReadId, bytes: u64) {
        if let Some(reader) = self.list.iter_mut().find(|reader| reader.id == id) {
            reader.held = reader.held.saturating_sub(bytes);
        }
    }

    /// A piece was verified: those that waited try again.
    pub(crate) fn verified(&mut self) {
        for reader in &mut self.list {
            reader.waits = false;
        }
    }

    /// A read that gave everything; it is closed.
    pub(crate) fn ended(&mut self) -> Option<ReadId> {
        let at = self.list.iter().position(|reader| reader.next >= reader.end && reader.busy == 0)?;
        Some(self.list.remove(at).id)
    }

    /// What to read next for one of the readers. `ahead` is the read-ahead in bytes, `grant` the torrent's share of memory
    /// for what goes out, in blocks; reads use half of it.
    pub(crate) fn next(&mut self, layout: &Layout, have: &Bitfield, ahead: u64, grant: u32) -> Option<(ReadId, Part)> {
        let block = u64::from(BLOCK_LEN);
        let held: u64 = self.list.iter().map(|reader| reader.held + reader.busy).sum();
        let room = ((u64::from(grant) / 2).max(BLOCKS_LEAST) * block).saturating_sub(held);
        let most = (ahead / HELD_PART).max(block);
        if room < block {
            return None;
        }
        let at = self.list.iter().position(|reader| {
            let idle = reader.busy == 0 && !reader.waits && reader.next < reader.end && reader.held < most;
            idle && have.has(piece_at(layout, reader.base + reader.next))
        })?;
        let mut reader = self.list.remove(at);
        let offset = reader.next;
        // Whole blocks of the file but for the first and the last, so that no block of memory is left half empty.
        let len = (most - reader.held).min(room).min(reader.end - offset);
        let len = u32::try_from(len).unwrap_or(BLOCK_LEN);
        reader.busy = u64::from(len);
        let (id, part) = (reader.id, Part { file: reader.file, offset, len });
        self.list.push(reader); // the others have their turn first
        Some((id, part))
    }

    /// What was read for `id`, given on in order.
    pub(crate) fn done(&mut self, id: ReadId, chunks: Vec<Chunk>, mut give: impl FnMut(Chunk)) {
        let Some(reader) = self.list.iter_mut().find(|reader| reader.id == id) else { return };
        reader.busy = 0;
        reader.waits = chunks.is_empty();
        for chunk in chunks {
            reader.held += chunk.len() as u64;
            reader.next += chunk.len() as u64;
            give(chunk);
        }
    }

    /// The pieces that the readers wait for, nearest first and the readers in turn; `None` when that is what was said last.
    pub(crate) fn urgent(&mut self, layout: &Layout, have: &Bitfield, ahead: u64) -> Option<&[PieceIndex]> {
        if self.idle() {
            return None;
        }
        let spans: Vec<(u32, u32)> = self
            .list
            .iter()
            .filter(|reader| reader.next < reader.end)
            .map(|reader| {
                let last = reader.next.saturating_add(ahead).min(reader.end) - 1;
                (piece_at(layout, reader.base + reader.next).0, piece_at(layout, reader.base + last).0)
            })
            .collect();
        let longest = spans.iter().map(|(first, last)| last - first + 1).max().unwrap_or(0);
        let mut seen = BTreeSet::new();
        let mut list = Vec::new();
        for step in 0..longest {
            for (first, last) in &spans {
                let piece = PieceIndex(first.saturating_add(step));
                if piece.0 <= *last && !have.has(piece) && seen.insert(piece) {
                    list.push(piece);
                }
            }
        }
        if list == self.urgent {
            return None;
        }
        self.urgent = list;
        Some(&self.urgent)
    }
}

fn piece_at(layout: &Layout, at: u64) -> PieceIndex {
    PieceIndex(u32::try_from(at / u64::from(layout.nominal_piece_len()).max(1)).unwrap_or(u32::MAX))
}
