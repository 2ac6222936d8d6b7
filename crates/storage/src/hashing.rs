//! Pieces that arrive: hashed side by side while they lie in memory, compared, and only then written.

use std::ops::Deref;
use std::sync::Arc;

use bitlode_base::{BLOCK_LEN, BlockRef, Chunk, PieceIndex};
use bitlode_hash::{Hasher, Sha1, sha1_many};
use bitlode_metainfo::Info;

use crate::disk::Disk;
use crate::files::{Files, Wait};
use crate::job::{Done, Feed, Hashed, PieceWork, Trouble};
use crate::limits::Limits;
use crate::scratch::Scratch;
use crate::transfer::After;

/// Slices of one write: runs of up to 1 MiB.
const RUN_BLOCKS: usize = 64;

/// A piece's work and what it is about.
pub(crate) struct Piece<F> {
    pub(crate) info: Arc<Info>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) files: F,
    pub(crate) work: Box<PieceWork>,
}

/// Hashes what lies in memory side by side, then compares and writes piece by piece: the failure of one is no other's.
/// Answers in the order of the pieces.
pub(crate) fn pieces<D: Disk, F: Deref<Target = Files<D>>>(
    mut pieces: Vec<Piece<F>>,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Vec<Done> {
    let mut hashes: Vec<Sha1> = pieces.iter_mut().map(|piece| std::mem::take(&mut piece.work.hash)).collect();
    // The slices of those that lie wholly in memory; the others have none here.
    let parts: Vec<Vec<&[u8]>> = pieces.iter().map(|piece| in_memory(&piece.work.feed)).collect();
    let lanes = hashes.iter_mut().zip(&parts).filter(|(_, parts)| !parts.is_empty());
    let mut lanes: Vec<_> = lanes.map(|(hash, parts)| bitlode_hash::Feed { hash, parts }).collect();
    sha1_many(hasher, &mut lanes);
    let fed: Vec<bool> = parts.iter().map(|parts| !parts.is_empty()).collect();
    let hashed = pieces.into_iter().zip(hashes).zip(fed);
    let done = hashed.map(|((piece, hash), fed)| match fed {
        true => finish(piece, Ok(hash)),
        false => one_stream(piece, hash, hasher, scratch),
    });
    done.collect()
}

/// The same for one piece.
pub(crate) fn piece<D: Disk, F: Deref<Target = Files<D>>>(
    mut piece: Piece<F>,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Done {
    let hash = std::mem::take(&mut piece.work.hash);
    one_stream(piece, hash, hasher, scratch)
}

fn one_stream<D: Disk, F: Deref<Target = Files<D>>>(
    piece: Piece<F>,
    mut hash: Sha1,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Done {
    let fed = piece.work.feed.iter().try_for_each(|feed| match feed {
        Feed::Memory(_, chunk) => {
            hash.update_with(hasher, chunk);
            Ok(())
        }
        Feed::Spilled(run) => read_back((&piece.info, &piece.limits), &piece.files, *run, hasher, scratch, &mut hash),
    });
    finish(piece, fed.map(|()| hash))
}

fn finish<D: Disk, F: Deref<Target = Files<D>>>(piece: Piece<F>, hash: Result<Sha1, Trouble>) -> Done {
    let Piece { info, files, work, .. } = piece;
    let (number, slabs) = (work.piece, work.slabs());
    let result = hash.and_then(|hash| compare_and_write(&info, &files, *work, hash));
    Done::Piece { piece: number, slabs, result }
}

/// The blocks of a feed; none when some of them were spilled.
fn in_memory(feed: &[Feed]) -> Vec<&[u8]> {
    let slices = feed.iter().map(|feed| match feed {
        Feed::Memory(_, chunk) => Some(&**chunk),
        Feed::Spilled(_) => None,
    });
    slices.collect::<Option<_>>().unwrap_or_default()
}

fn compare_and_write<D: Disk>(info: &Info, files: &Files<D>, work: PieceWork, hash: Sha1) -> Result<Hashed, Trouble> {
    let PieceWork { piece, feed, spill, last, whole, .. } = work;
    if last && !matches(info, piece, hash.clone()) {
        return Ok(Hashed::Wrong);
    }
    let fed = feed.into_iter().filter_map(|feed| match feed {
        Feed::Memory(block, chunk) => Some((block, chunk)),
        Feed::Spilled(_) => None,
    });
    write_runs(info, files, fed, After::Done { whole })?;
    write_runs(info, files, spill, After::ReadBack)?;
    Ok(if last { Hashed::Right } else { Hashed::On(hash) })
}

fn write_runs<D: Disk>(
    info: &Info,
    files: &Files<D>,
    blocks: impl IntoIterator<Item = (BlockRef, Chunk)>,
    after: After,
) -> Result<(), Trouble> {
    let mut run: Vec<(BlockRef, Chunk)> = Vec::with_capacity(RUN_BLOCKS);
    for (block, chunk) in blocks {
        let follows = run.last().is_none_or(|(last, _)| last.begin + last.len == block.begin);
        if !follows || run.len() == RUN_BLOCKS {
            files.write(info, &run, after)?;
            // Back to the pool at once, not when the piece is done.
            run.clear();
        }
        run.push((block, chunk));
    }
    files.write(info, &run, after)
}

fn matches(info: &Info, piece: PieceIndex, hash: Sha1) -> bool {
    #[cfg(feature = "planted-bugs")]
    if crate::planted::is(crate::planted::Bug::SkipVerify) {
        return true;
    }
    info.verifier.v1(piece) == Some(hash.finish())
}

/// Hashes spilled blocks from their place on disk.
fn read_back<D: Disk>(
    (info, limits): (&Info, &Limits),
    files: &Files<D>,
    run: BlockRef,
    hasher: Hasher,
    scratch: &mut Scratch,
    hash: &mut Sha1,
) -> Result<(), Trouble> {
    let (mut begin, end) = (run.begin, run.begin.saturating_add(run.len));
    while begin < end {
        let step = (end - begin).min(limits.check_read.max(BLOCK_LEN));
        let from = begin;
        #[cfg(feature = "planted-bugs")]
        let (from, step) = misplaced(info, run.piece, from, step);
        let bytes = scratch.bytes(step as usize);
        files.read(info, (run.piece, from), vec![&mut *bytes], Wait::Yes)?;
        hash.update_with(hasher, bytes);
        begin += step;
    }
    Ok(())
}

#[cfg(feature = "planted-bugs")]
fn misplaced(info: &Info, piece: PieceIndex, from: u32, step: u32) -> (u32, u32) {
    if !crate::planted::is(crate::planted::Bug::MisplacedSpill) {
        return (from, step);
    }
    let step = step.min(BLOCK_LEN);
    (from.saturating_add(BLOCK_LEN).min(info.layout.piece_len(piece).saturating_sub(step)), step)
}
