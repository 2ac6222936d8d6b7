//! Checking pieces on disk: as many side by side as the processor hashes at once.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bitlode_base::{BLOCK_LEN, PieceIndex};
use bitlode_hash::Hasher;
use bitlode_metainfo::Info;
use bitlode_metainfo::create::Format;

use crate::digest::PieceDigest;
use crate::disk::{Disk, Fault};
use crate::error::StorageError;
use crate::files::{Files, Wait};
use crate::job::Done;
use crate::limits::Limits;
use crate::scratch::Scratch;

/// Pieces that are read side by side at most, whatever the hasher could take: it bounds the memory.
const LANES: usize = 16;

/// Which hashes of a piece are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halves {
    /// SHA-1, as of pieces that arrive.
    V1,
    /// All that the torrent has.
    All,
}

/// One piece on its way.
struct Lane {
    piece: PieceIndex,
    len: u32,
    /// Bytes hashed so far.
    at: u32,
    format: Format,
    digest: PieceDigest,
    state: State,
}

enum State {
    Going,
    /// Something of it is missing, or is not what it was.
    Wrong,
    /// The device did not give it.
    Unreadable(StorageError),
}

/// Reads and compares pieces. What is missing or cannot be read is not right; only what would hinder every other piece as
/// well ends the check.
pub(crate) fn check<D: Disk>(
    (info, limits): (&Info, &Limits),
    files: &Files<D>,
    pieces: &[PieceIndex],
    halves: Halves,
    cancel: &AtomicBool,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Done {
    let (mut right, mut looked_at, mut unreadable) = (Vec::new(), 0, None);
    for group in pieces.chunks(hasher.lanes_sha1().clamp(1, LANES)) {
        if cancel.load(Relaxed) {
            break;
        }
        let mut lanes: Vec<Lane> = group.iter().map(|piece| Lane::new(info, *piece, halves)).collect();
        looked_at += group.len() as u32;
        if let Err(error) = run(info, limits, files, &mut lanes, cancel, hasher, scratch) {
            return Done::Check { right, looked_at, unreadable, error: Some(error) };
        }
        for lane in lanes {
            match lane.state {
                State::Going if lane.at == lane.len => {
                    if lane.is_right(info, hasher) {
                        right.push(lane.piece);
                    }
                }
                // Cancelled before its end.
                State::Going | State::Wrong => {}
                State::Unreadable(error) => {
                    unreadable.get_or_insert(error);
                }
            }
        }
    }
    Done::Check { right, looked_at, unreadable, error: None }
}

impl Lane {
    fn new(info: &Info, piece: PieceIndex, halves: Halves) -> Lane {
        let (len, layout, verifier) = (info.layout.piece_len(piece), &info.layout, &info.verifier);
        let format = match halves {
            Halves::V1 => Format::V1,
            Halves::All if verifier.v1(piece).is_none() => Format::V2,
            // A layer that the torrent lacks is no fault of the piece: the other half knows it.
            Halves::All if verifier.v2(piece).is_none() => Format::V1,
            Halves::All => Format::Hybrid,
        };
        // Files of a v2 half begin their pieces, so a pad stands behind all content.
        let content = layout.spans(piece, 0, len).take_while(|span| !span.pad).map(|span| span.len).sum();
        Lane { piece, len, at: 0, format, digest: PieceDigest::new(format, content), state: State::Going }
    }

    /// Every hash is what the torrent says; one that it does not say is not.
    fn is_right(&self, info: &Info, hasher: Hasher) -> bool {
        let v1 = || self.digest.v1() == info.verifier.v1(self.piece);
        let v2 = || {
            let node = info.verifier.v2_node(self.piece);
            let length = info.layout.nominal_piece_len();
            node.is_some_and(|(node, only)| self.digest.v2(hasher, length, only) == Some(node))
        };
        (!self.format.has_v1() || v1()) && (!self.format.has_v2() || v2())
    }

    fn is_going(&self) -> bool {
        matches!(self.state, State::Going) && self.at < self.len
    }
}

/// Reads a part of each piece, hashes these parts side by side, and so on to the end of the longest.
fn run<D: Disk>(
    info: &Info,
    limits: &Limits,
    files: &Files<D>,
    lanes: &mut [Lane],
    cancel: &AtomicBool,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Result<(), StorageError> {
    let longest = lanes.iter().map(|lane| lane.len).max().unwrap_or(0);
    // Whole blocks, of which the leaves of a tree are made.
    let step = (limits.check_read / BLOCK_LEN * BLOCK_LEN).max(BLOCK_LEN).min(longest.max(1));
    let buffer = scratch.bytes(step as usize * lanes.len());
    while lanes.iter().any(Lane::is_going) {
        for (lane, part) in lanes.iter_mut().zip(buffer.chunks_mut(step as usize)) {
            if !lane.is_going() {
                continue;
            }
            if cancel.load(Relaxed) {
                return Ok(());
            }
            let part = part.get_mut(..step.min(lane.len - lane.at) as usize).unwrap_or_default();
            match files.read(info, (lane.piece, lane.at), vec![part], Wait::Yes) {
                Ok(_) => {}
                Err(trouble) => match trouble.error {
                    error @ StorageError::Disk { fault: Fault::Fds | Fault::Memory, .. } => return Err(error),
                    error @ StorageError::Disk { fault: Fault::Io, .. } => lane.state = State::Unreadable(error),
                    _ => lane.state = State::Wrong,
                },
            }
        }
        let mut parts = Vec::with_capacity(lanes.len());
        for (lane, part) in lanes.iter_mut().zip(buffer.chunks(step as usize)) {
            if lane.is_going() {
                let part = part.get(..step.min(lane.len - lane.at) as usize).unwrap_or_default();
                lane.at += part.len() as u32;
                parts.push((&mut lane.digest, part));
            }
        }
        PieceDigest::update_many(hasher, &mut parts);
    }
    Ok(())
}
