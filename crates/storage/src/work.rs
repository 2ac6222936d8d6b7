//! Carrying jobs out: the blocking half. Any thread, any order.

use std::ops::Deref;

use bitlode_base::{BLOCK_LEN, Bitfield, BlockRef, Chunk, FileIndex, PieceIndex, Slab};
use bitlode_hash::Hasher;
use bitlode_metainfo::Info;

use crate::disk::{Access, Disk, Fault, Kind};
use crate::error::StorageError;
use crate::files::{Files, Wait, display};
use crate::folding::fitted;
use crate::hashing::{self, Piece};
use crate::job::{Done, Found, Job, JobDone, Trouble, Work};
use crate::limits::Limits;
use crate::marker;
use crate::scratch::Scratch;
use crate::verify::{Halves, check};

/// Carries a job out and waits for the disk as long as it takes. Hashes in the best way of this processor.
pub fn run<D: Disk>(job: Job, files: &Files<D>) -> JobDone {
    run_with(job, files, Hasher::best(), &mut Scratch::new())
}

/// Carries jobs of any torrents out, each with its files, and answers in their order. Pieces are hashed side by side where
/// their blocks lie in memory, which are never read again, and are written one by one: the failure of one job is no
/// other's. Other jobs run one after the other behind the pieces.
pub fn run_many<D: Disk, F: Deref<Target = Files<D>>>(
    jobs: Vec<(Job, F)>,
    hasher: Hasher,
    scratch: &mut Scratch,
) -> Vec<JobDone> {
    let (mut pieces, mut others, mut order) = (Vec::new(), Vec::new(), Vec::with_capacity(jobs.len()));
    for (Job { info, limits, work }, files) in jobs {
        order.push(matches!(work, Work::Piece(_)));
        match work {
            Work::Piece(work) => pieces.push(Piece { info, limits, files, work }),
            work => others.push((Job { info, limits, work }, files)),
        }
    }
    let mut pieces = hashing::pieces(pieces, hasher, scratch).into_iter().map(JobDone);
    let mut others = others.into_iter().map(|(job, files)| run_with(job, &files, hasher, scratch));
    order.into_iter().filter_map(|piece| if piece { pieces.next() } else { others.next() }).collect()
}

fn run_with<D: Disk>(job: Job, files: &Files<D>, hasher: Hasher, scratch: &mut Scratch) -> JobDone {
    let Job { info, limits, work } = job;
    JobDone(match work {
        Work::Open { create, keep } => Done::Open(open_fitted(&info, &limits, files, create, keep)),
        Work::Begin { marker } => Done::Begin(begin(&info, files, marker)),
        Work::Piece(work) => hashing::piece(Piece { info, limits, files, work }, hasher, scratch),
        Work::Barrier { everything } => Done::Barrier(files.barrier(&info, everything)),
        Work::Finish => Done::Finish(finish(&info, files)),
        Work::Check { pieces, cancel } => check((&info, &limits), files, &pieces, Halves::V1, &cancel, hasher, scratch),
        Work::Read { id, blocks } => match read(&info, &limits, files, &blocks, Wait::Yes) {
            Ok(chunks) => Done::Read { id, blocks, cached: false, result: Ok(chunks.unwrap_or_default()) },
            Err(trouble) => Done::Read { id, blocks, cached: false, result: Err(trouble) },
        },
        Work::Range { id, file, offset, len } => {
            let pieces = pieces_of_range(&info, file, offset, len);
            let result = read_range(&info, files, file, offset, len, Wait::Yes).map(Option::unwrap_or_default);
            Done::Range { id, pieces, result }
        }
    })
}

/// Carries a job out if that takes no waiting: a read of what the page cache holds, through files that are open.
/// Every other job comes back. Meant for the shard's own thread.
pub fn run_now<D: Disk>(job: Job, files: &Files<D>) -> Result<JobDone, Job> {
    match &job.work {
        Work::Read { id, blocks } => match read(&job.info, &job.limits, files, blocks, Wait::No) {
            Ok(Some(chunks)) => {
                Ok(JobDone(Done::Read { id: *id, blocks: blocks.clone(), cached: true, result: Ok(chunks) }))
            }
            _ => Err(job),
        },
        Work::Range { id, file, offset, len } => {
            let pieces = pieces_of_range(&job.info, *file, *offset, *len);
            match read_range(&job.info, files, *file, *offset, *len, Wait::No) {
                Ok(Some(chunks)) => Ok(JobDone(Done::Range { id: *id, pieces, result: Ok(chunks) })),
                _ => Err(job),
            }
        }
        _ => Err(job),
    }
}

/// The pieces that a range of a file touches.
pub(crate) fn pieces_of_range(info: &Info, file: FileIndex, offset: u64, len: u32) -> std::ops::Range<u32> {
    let length = u64::from(info.layout.nominal_piece_len()).max(1);
    let start = info.layout.file(file).map_or(0, |file| file.offset).saturating_add(offset);
    let piece = |at: u64| u32::try_from(at / length).unwrap_or(u32::MAX);
    if len == 0 {
        return piece(start)..piece(start);
    }
    piece(start)..piece(start.saturating_add(u64::from(len) - 1)).saturating_add(1)
}

/// Files of the torrent that exist on disk, with their lengths.
fn on_disk(info: &Info) -> impl Iterator<Item = (FileIndex, u64)> + '_ {
    let files = info.layout.files().iter().enumerate();
    files.filter(|(_, file)| file.on_disk()).map(|(at, file)| (FileIndex(at as u32), file.len))
}

fn marker_content(info: &Info) -> Vec<u8> {
    marker::content(info, on_disk(info).map(|(file, _)| display(info, file)))
}

fn marker_error(info: &Info, action: &'static str) -> impl FnOnce(Fault) -> StorageError {
    let path = marker::name(info);
    move |fault| StorageError::Disk { action, path, fault }
}

fn open<D: Disk>(info: &Info, files: &Files<D>, create: bool, keep: bool) -> Result<Found, StorageError> {
    let root = files.reopen(create, keep)?;
    let name = marker::name(info);
    let content = marker_content(info);
    let marker = files.pool().with(|disk| marker::is_there(disk, &root, &name, &content));
    let marker = marker.map_err(marker_error(info, "read"))?;
    let pieces = info.layout.piece_count();
    let mut present = Bitfield::all(pieces);
    let (mut existing, mut needed, mut example, mut changed) = (0, 0u64, String::new(), Vec::new());
    for (file, len) in on_disk(info) {
        let stat = match files.stat(info, file) {
            Ok(stat) => stat,
            // A file stands where a folder of ours should be.
            Err(StorageError::Disk { fault: Fault::WrongKind, path, .. }) => {
                return Err(StorageError::Exists { path });
            }
            Err(error) => return Err(error),
        };
        if !files.remember(file, stat.filter(|stat| stat.kind == Kind::File)) {
            changed.push(file);
        }
        let there = match stat {
            Some(stat) if stat.kind == Kind::File => {
                existing += 1;
                if example.is_empty() {
                    example = display(info, file);
                }
                needed += len.saturating_sub(stat.allocated);
                stat.size.min(len)
            }
            Some(stat) if stat.kind == Kind::Dir => {
                return Err(StorageError::Exists { path: display(info, file) });
            }
            Some(_) => {
                let path = display(info, file);
                return Err(StorageError::Disk { action: "open", path, fault: Fault::Symlink });
            }
            None => {
                needed += len;
                0
            }
        };
        if there < len {
            // Nothing behind the end of the file has to be read to know that it is missing.
            let touched = info.layout.pieces_of(file);
            let first = pieces_of_range(info, file, there, 1).start.max(touched.start);
            (first..touched.end).for_each(|piece| {
                present.clear(PieceIndex(piece));
            });
        }
    }
    let free = files.pool().with(|disk| disk.free_space(&root)).map_err(|fault| StorageError::Disk {
        action: "look at",
        path: files.path().display().to_string(),
        fault,
    })?;
    Ok(Found { marker, existing, example, present, needed, free, changed, fitted: None })
}

/// The same, with other paths where the folder asks for them.
pub(crate) fn open_fitted<D: Disk>(
    info: &Info,
    limits: &Limits,
    files: &Files<D>,
    create: bool,
    keep: bool,
) -> Result<Found, StorageError> {
    let access = if create { Access::Create } else { Access::Read };
    let fitted = if keep { None } else { fitted(info, limits, files, access)? };
    let found = open(fitted.as_deref().unwrap_or(info), files, create, keep)?;
    Ok(Found { fitted, ..found })
}

/// The marker first, then the files without content: nothing else will ever make those.
fn begin<D: Disk>(info: &Info, files: &Files<D>, marker: bool) -> Result<(), StorageError> {
    if marker {
        let root = files.root()?;
        let (name, content) = (marker::name(info), marker_content(info));
        let there = files.pool().with(|disk| marker::is_there(disk, &root, &name, &content));
        if !there.map_err(marker_error(info, "read"))? {
            let written = files.pool().with(|disk| marker::write(disk, &root, &name, &content));
            written.map_err(marker_error(info, "write"))?;
        }
    }
    for (file, _) in on_disk(info).filter(|(_, len)| *len == 0) {
        files.make(info, file).map_err(|trouble| trouble.error)?;
    }
    Ok(())
}

/// Every file is looked at by its name once more: a claim is made of the whole.
fn finish<D: Disk>(info: &Info, files: &Files<D>) -> Result<(), Trouble> {
    for (file, len) in on_disk(info) {
        files.settle(info, file, len)?;
    }
    let root = files.root()?;
    let name = marker::name(info);
    let removed = files.pool().with(|disk| marker::remove(disk, &root, &name));
    Ok(removed.map_err(marker_error(info, "remove"))?)
}

/// Reads blocks, adjacent ones together, into one slab for each 16 KiB of a block. `None` when that would have to wait.
fn read<D: Disk>(
    info: &Info,
    limits: &Limits,
    files: &Files<D>,
    blocks: &[BlockRef],
    wait: Wait,
) -> Result<Option<Vec<(BlockRef, Chunk)>>, Trouble> {
    let parts: Vec<BlockRef> = blocks.iter().flat_map(|block| parts(*block)).collect();
    let mut out = Vec::with_capacity(parts.len());
    let adjacent = |a: &BlockRef, b: &BlockRef| a.piece == b.piece && a.begin.checked_add(a.len) == Some(b.begin);
    let most = (limits.read_job / BLOCK_LEN).max(1) as usize;
    for run in parts.chunk_by(adjacent).flat_map(|run| run.chunks(most)) {
        let Some(first) = run.first() else { continue };
        let lens: Vec<usize> = run.iter().map(|part| part.len as usize).collect();
        let fill = |buffers: Vec<&mut [u8]>| files.read(info, (first.piece, first.begin), buffers, wait);
        let Some(chunks) = into_slabs(files, &lens, fill)? else { return Ok(None) };
        out.extend(run.iter().copied().zip(chunks));
    }
    Ok(Some(out))
}

fn read_range<D: Disk>(
    info: &Info,
    files: &Files<D>,
    file: FileIndex,
    offset: u64,
    len: u32,
    wait: Wait,
) -> Result<Option<Vec<Chunk>>, Trouble> {
    if info.layout.file(file).is_none_or(|file| !file.on_disk()) {
        let lens = cut(len);
        return into_slabs(files, &lens, |buffers| {
            buffers.into_iter().for_each(|buffer| buffer.fill(0));
            Ok(true)
        });
    }
    into_slabs(files, &cut(len), |buffers| files.read_file(info, file, offset, buffers, wait))
}

fn into_slabs<D: Disk>(
    files: &Files<D>,
    lens: &[usize],
    fill: impl FnOnce(Vec<&mut [u8]>) -> Result<bool, Trouble>,
) -> Result<Option<Vec<Chunk>>, Trouble> {
    let mut slabs: Vec<Slab> = lens.iter().map(|_| files.slabs().take()).collect();
    let buffers = slabs.iter_mut().zip(lens).map(|(slab, len)| slab.bytes_mut().get_mut(..*len).unwrap_or_default());
    if !fill(buffers.collect())? {
        return Ok(None);
    }
    Ok(Some(slabs.into_iter().zip(lens).map(|(slab, len)| slab.freeze(*len)).collect()))
}

/// A block as parts that fit a slab each.
fn parts(block: BlockRef) -> impl Iterator<Item = BlockRef> {
    let mut begin = block.begin;
    cut(block.len).into_iter().map(move |len| {
        let part = BlockRef { piece: block.piece, begin, len: len as u32 };
        begin = begin.saturating_add(part.len);
        part
    })
}

/// `len` in lengths of at most a slab.
fn cut(len: u32) -> Vec<usize> {
    let (full, rest) = ((len / BLOCK_LEN) as usize, (len % BLOCK_LEN) as usize);
    let mut lens = vec![BLOCK_LEN as usize; full];
    lens.extend((rest > 0).then_some(rest));
    lens
}
