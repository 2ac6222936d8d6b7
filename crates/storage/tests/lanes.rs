//! Pieces hashed side by side: the same outcomes as one by one, whatever happens to each of them.

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use bitlode_base::{BlockRef, Choice, Chunk, Code, PieceIndex};
use bitlode_hash::{Hasher, Isa};
use bitlode_storage::{Fault, FilePool, Job, JobKind, Limits, Mode, Scratch, StoreInput, StoreOutput, run_many};
use support::{Content, KIB, MemoryDisk, Rig, View, limits};

/// Every way to hash that this processor has.
fn hashers() -> Vec<Hasher> {
    let own = Isa::ALL.into_iter().filter_map(Hasher::only);
    own.chain(Isa::ALL.into_iter().map(Hasher::at_most)).chain([Hasher::best()]).collect()
}

fn opened(content: &Content, disk: &MemoryDisk, limits: Limits) -> Rig<MemoryDisk> {
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    let mut rig = Rig::new(content, pool, PathBuf::from("/downloads"), Mode::Download { overwrite: false }, limits);
    rig.go(StoreInput::Open);
    rig.take();
    rig
}

/// Three files, pieces of 64 KiB across their borders, a short last piece: 21 pieces.
fn content() -> Content {
    Content::new(64 * KIB, &[(&["a"], 700_000), (&["d", "b"], 600_001), (&["c"], 20_000)])
}

/// Runs the waiting jobs together and hands the results back, until none is left.
fn settle_together(rig: &mut Rig<MemoryDisk>, hasher: Hasher, scratch: &mut Scratch) {
    while !rig.jobs.is_empty() {
        let jobs: Vec<(Job, _)> = rig.jobs.drain(..).map(|job| (job, &rig.files)).collect();
        let count = jobs.len();
        let done = run_many(jobs, hasher, scratch);
        assert_eq!(done.len(), count);
        done.into_iter().for_each(|done| rig.tell(StoreInput::Done(done)));
    }
}

fn wrong(rig: &Rig<MemoryDisk>, block: BlockRef) -> Chunk {
    rig.chunk_of(&vec![0x5a; block.len as usize])
}

/// A download in a random order, some blocks wrong, memory short now and then; jobs run by `settle`. What the store said.
fn download(seed: u64, settle: impl Fn(&mut Rig<MemoryDisk>)) -> Vec<String> {
    let (mut choice, content, disk) = (Choice::new(seed), content(), MemoryDisk::default());
    let mut rig = opened(&content, &disk, Limits { whole_piece: 32 * KIB, run: 32 * KIB, ..limits() });
    let mut blocks: Vec<BlockRef> = (0..content.pieces()).flat_map(|piece| content.blocks(piece)).collect();
    let mut said = Vec::new();
    while !blocks.is_empty() {
        choice.shuffle(&mut blocks);
        for block in std::mem::take(&mut blocks) {
            match choice.below(30) {
                0 => {
                    let data = wrong(&rig, block);
                    rig.tell(StoreInput::Block { block, data });
                }
                1 => {
                    rig.give(block);
                    rig.tell(StoreInput::Pressure);
                }
                2 => {
                    rig.give(block);
                    settle(&mut rig);
                }
                _ => rig.give(block),
            }
        }
        settle(&mut rig);
        for output in rig.take() {
            match &output {
                StoreOutput::Failed { piece } => blocks.extend(content.blocks(piece.0)),
                StoreOutput::Lost { .. } | StoreOutput::Stopped { .. } => panic!("seed {seed}: {output:?}"),
                _ => {}
            }
            said.push(format!("{output:?}"));
        }
    }
    assert!(rig.store.have().is_full() && rig.pool.in_use() == 0, "seed {seed}");
    rig.go(StoreInput::Barrier);
    for (path, bytes) in content.files() {
        assert!(disk.bytes(&path, View::Durable).as_deref() == Some(bytes), "seed {seed}: {path:?}");
    }
    said
}

#[test]
fn pieces_together_come_out_as_they_do_one_by_one_whatever_hashes_them() {
    for seed in 0..12 {
        let alone = download(seed, |rig| {
            // In the same rounds, so that the store is told in the same order.
            while !rig.jobs.is_empty() {
                let done: Vec<_> = (0..rig.jobs.len()).filter_map(|_| rig.run_one()).collect();
                done.into_iter().for_each(|done| rig.tell(StoreInput::Done(done)));
            }
        });
        for hasher in hashers() {
            let together = download(seed, |rig| settle_together(rig, hasher, &mut Scratch::new()));
            assert!(alone == together, "seed {seed}, {hasher}");
        }
    }
}

#[test]
fn right_wrong_spilled_and_running_pieces_of_one_batch_each_have_their_own_end() {
    for hasher in hashers() {
        let content = Content::new(64 * KIB, &[(&[], 20 * 64 * 1024)]);
        let disk = MemoryDisk::default();
        let mut rig = opened(&content, &disk, limits());
        // 0 and 1 have a block on disk that was behind a gap.
        rig.give(content.blocks(0)[2]);
        rig.give(content.blocks(1)[3]);
        rig.go(StoreInput::Pressure);
        disk.calls();
        for piece in 0..20 {
            for (number, block) in content.blocks(piece).into_iter().enumerate() {
                match (piece, number) {
                    (0, 2) | (1, 3) => {}
                    (1 | 5 | 19, 1) => {
                        let data = wrong(&rig, block);
                        rig.tell(StoreInput::Block { block, data });
                    }
                    _ => rig.give(block),
                }
            }
        }
        assert_eq!(rig.jobs.iter().filter(|job| job.kind() == JobKind::Piece).count(), 20);
        settle_together(&mut rig, hasher, &mut Scratch::new());
        let failed = rig.said.iter().filter_map(|said| match said {
            StoreOutput::Failed { piece } => Some(piece.0),
            _ => None,
        });
        assert_eq!(failed.collect::<Vec<_>>(), [1, 5, 19], "{hasher}");
        assert_eq!(rig.verified(), (0..19).filter(|piece| ![1, 5].contains(piece)).collect::<Vec<_>>());
        assert_eq!(rig.pool.in_use(), 0);
        let reads = disk.calls().iter().filter(|call| call.starts_with("read")).count();
        assert_eq!(reads, 2, "only what was spilled is read back");
    }
}

#[test]
fn a_write_that_fails_is_the_failure_of_its_own_piece() {
    let content = Content::new(64 * KIB, &[(&[], 16 * 64 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk, limits());
    for piece in 0..16 {
        content.blocks(piece).into_iter().for_each(|block| rig.give(block));
    }
    disk.fail("write", 1, Fault::Full);
    let jobs: Vec<(Job, _)> = rig.jobs.drain(..).map(|job| (job, &rig.files)).collect();
    let done = run_many(jobs, Hasher::best(), &mut Scratch::new());
    // The first result stops the torrent; the others were written all the same and are believed.
    done.into_iter().for_each(|done| rig.tell(StoreInput::Done(done)));
    assert_eq!(rig.stopped(), Some(Code::StorageFull));
    assert_eq!(rig.verified(), (1..16).collect::<Vec<_>>());
    assert_eq!(rig.lost(), content.blocks(0));
    assert_eq!(rig.pool.in_use(), 0);
    rig.go(StoreInput::Retry);
    rig.give_piece(0);
    assert!(rig.is_completed());
}

#[test]
fn a_batch_takes_jobs_of_several_torrents_and_of_other_kinds() {
    let (a, b) = (content(), Content::new(32 * KIB, &[(&[], 100_000)]));
    let (disk_a, disk_b) = (MemoryDisk::default(), MemoryDisk::default());
    let (mut rig_a, mut rig_b) = (opened(&a, &disk_a, limits()), opened(&b, &disk_b, limits()));
    (0..4).flat_map(|piece| a.blocks(piece)).for_each(|block| rig_a.give(block));
    (0..4).flat_map(|piece| b.blocks(piece)).for_each(|block| rig_b.give(block));
    rig_b.tell(StoreInput::Barrier);
    let from_a = rig_a.jobs.len();
    let mut jobs: Vec<(Job, _)> = rig_a.jobs.drain(..).map(|job| (job, &rig_a.files)).collect();
    jobs.extend(rig_b.jobs.drain(..).map(|job| (job, &rig_b.files)));
    let mut done = run_many(jobs, Hasher::best(), &mut Scratch::new());
    done.drain(..from_a).for_each(|done| rig_a.tell(StoreInput::Done(done)));
    done.into_iter().for_each(|done| rig_b.tell(StoreInput::Done(done)));
    assert_eq!((rig_a.verified(), rig_b.verified()), (vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    rig_b.settle();
    assert!(rig_b.is_completed());
}

#[test]
fn a_large_piece_is_hashed_a_run_at_a_time_however_much_of_it_has_come() {
    let (run, disk) = (64 * KIB, MemoryDisk::default());
    let content = Content::new(512 * KIB, &[(&[], 512 * 1024)]);
    let mut rig = opened(&content, &disk, Limits { whole_piece: 256 * KIB, run, ..limits() });
    content.blocks(0).into_iter().for_each(|block| rig.give(block));
    let mut held = Vec::new();
    while let Some(job) = rig.jobs.front().filter(|job| job.held() > 0) {
        assert_eq!(job.is_urgent(), !held.is_empty(), "nothing else is to come");
        held.push(job.held());
        assert_eq!(rig.jobs.len(), 1, "one owner of the hash");
        let done = rig.run_one().unwrap();
        rig.tell(StoreInput::Done(done));
    }
    // Runs of one length fill the lanes that they share with other pieces to the end.
    assert_eq!((held, rig.verified()), (vec![run; 8], vec![0]));
}

#[test]
fn a_large_piece_that_came_whole_is_written_to_its_end_before_the_store_closes() {
    let (run, disk) = (64 * KIB, MemoryDisk::default());
    let content = Content::new(512 * KIB, &[(&[], 1024 * 1024)]);
    let mut rig = opened(&content, &disk, Limits { whole_piece: 256 * KIB, run, ..limits() });
    content.blocks(0).into_iter().for_each(|block| rig.give(block));
    content.blocks(1)[..5].iter().for_each(|block| rig.give(*block));
    rig.tell(StoreInput::Close);
    rig.settle();
    assert_eq!((rig.verified(), rig.pool.in_use()), (vec![0], 0));
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::Closed)));
}

#[test]
fn only_pieces_that_others_wait_for_are_urgent() {
    let content = Content::new(64 * KIB, &[(&[], 3 * 64 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk, limits());
    let urgent = |rig: &Rig<MemoryDisk>| rig.jobs.iter().map(Job::is_urgent).collect::<Vec<_>>();
    content.blocks(0).into_iter().for_each(|block| rig.give(block));
    assert_eq!((urgent(&rig), rig.jobs[0].held()), (vec![false], 64 * KIB));
    content.blocks(1)[..3].iter().for_each(|block| rig.give(*block));
    rig.give(content.blocks(2)[0]);
    rig.tell(StoreInput::Pressure);
    assert_eq!(urgent(&rig), [false, true, true], "memory is short");
    rig.settle();
    rig.give(content.blocks(1)[3]);
    assert_eq!(urgent(&rig), [false]);
    content.blocks(2)[1..].iter().for_each(|block| rig.give(*block));
    assert_eq!(urgent(&rig), [false, true], "nothing else is to come");
}

/// The outcome of a check of what is on the disk, with jobs of `pieces` at least.
fn check(content: &Content, disk: &MemoryDisk, hasher: Hasher, pieces: u32, prepare: impl Fn(&MemoryDisk)) -> String {
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    let limits = Limits { check_pieces: pieces, check_job: 1, ..limits() };
    let mut rig = Rig::new(content, pool, PathBuf::from("/downloads"), Mode::Verify, limits);
    rig.tell(StoreInput::Open);
    let opened = rig.run_one().unwrap();
    prepare(disk);
    rig.tell(StoreInput::Done(opened));
    settle_together(&mut rig, hasher, &mut Scratch::new());
    let progress = rig.said.iter().rev().find_map(|said| match said {
        StoreOutput::CheckProgress { pieces, .. } => Some(*pieces),
        _ => None,
    });
    let have = rig.checked().map(|have| have.iter().map(|piece| piece.0).collect::<Vec<_>>());
    format!("{have:?} {:?} {progress:?}", rig.stopped())
}

#[test]
fn a_check_side_by_side_finds_what_one_by_one_finds() {
    let content = content();
    let bytes = content.bytes.clone();
    let files = content.files();
    type Damage = fn(&mut [Vec<u8>]);
    let damage: [(&str, Damage); 4] = [
        ("nothing", |_| {}),
        ("a byte here and there", |files| {
            files[0][0] ^= 1;
            files[0][400_000] ^= 1;
            files[1][600_000] ^= 1;
        }),
        ("a short file", |files| files[0].truncate(300_000)),
        ("an empty file", |files| files[1].clear()),
    ];
    for (what, damage) in damage {
        let disk = MemoryDisk::default();
        let mut there: Vec<Vec<u8>> = files.iter().map(|(_, bytes)| bytes.to_vec()).collect();
        damage(&mut there);
        files.iter().zip(&there).for_each(|((path, _), bytes)| disk.put(path, bytes));
        let alone = check(&content, &disk, Hasher::portable(), 1, |_| {});
        let whole: Vec<u8> = there.concat();
        if whole.len() == bytes.len() {
            let right: Vec<u32> = (0..content.pieces())
                .filter(|piece| {
                    let at = *piece as usize * 65536..bytes.len().min((*piece as usize + 1) * 65536);
                    whole[at.clone()] == bytes[at]
                })
                .collect();
            assert!(alone.starts_with(&format!("Some({right:?})")), "{what}: {alone}");
        }
        for hasher in hashers() {
            for pieces in [1, 7, 16, 40] {
                assert_eq!(check(&content, &disk, hasher, pieces, |_| {}), alone, "{what}, {hasher}, {pieces}");
            }
        }
    }
}

#[test]
fn a_piece_that_the_device_does_not_give_is_the_only_one_that_is_wrong() {
    let content = content();
    for hasher in hashers() {
        let disk = MemoryDisk::default();
        content.files().iter().for_each(|(path, bytes)| disk.put(path, bytes));
        let found = check(&content, &disk, hasher, 16, |disk| disk.fail("read", 1, Fault::Io));
        let right: Vec<u32> = (1..content.pieces()).collect();
        assert_eq!(found, format!("Some({right:?}) None Some({})", content.pieces()), "{hasher}");
    }
}

#[test]
fn what_would_hinder_every_other_piece_ends_the_check() {
    let content = content();
    for fault in [Fault::Memory, Fault::Fds] {
        let disk = MemoryDisk::default();
        content.files().iter().for_each(|(path, bytes)| disk.put(path, bytes));
        let found = check(&content, &disk, Hasher::best(), 16, |disk| disk.fail("read", 1, fault));
        assert!(found.starts_with(&format!("None Some({:?})", fault.code())), "{found}");
    }
}

#[test]
fn a_check_that_is_cancelled_reads_no_further() {
    let content = content();
    let disk = MemoryDisk::default();
    content.files().iter().for_each(|(path, bytes)| disk.put(path, bytes));
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    let limits = Limits { check_pieces: 16, check_job: 1, ..limits() };
    let mut rig = Rig::new(&content, pool, PathBuf::from("/downloads"), Mode::Verify, limits);
    rig.tell(StoreInput::Open);
    let opened = rig.run_one().unwrap();
    rig.tell(StoreInput::Done(opened));
    assert!(rig.jobs.iter().all(|job| job.kind() == JobKind::Check) && !rig.jobs.is_empty());
    rig.tell(StoreInput::CancelCheck);
    disk.calls();
    settle_together(&mut rig, Hasher::best(), &mut Scratch::new());
    assert!(!disk.calls().iter().any(|call| call.starts_with("read")));
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::CheckCancelled)));
    assert!(!rig.store.have().has(PieceIndex(0)));
}
