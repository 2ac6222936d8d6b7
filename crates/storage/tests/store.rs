//! Stores over a disk in memory: what is done, in which order, and what is claimed.

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, BlockRef, Choice, Code, FileIndex, PieceIndex};
use bitlode_storage::{Fault, FilePool, JobKind, Mode, StoreInput, StoreOutput};
use support::{Content, KIB, MemoryDisk, Rig, View, limits};

const DOWNLOAD: Mode = Mode::Download { overwrite: false };

fn rig(content: &Content, disk: &MemoryDisk, mode: Mode) -> Rig<MemoryDisk> {
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    Rig::new(content, pool, PathBuf::from("/downloads"), mode, limits())
}

fn opened(content: &Content, disk: &MemoryDisk) -> Rig<MemoryDisk> {
    let mut rig = rig(content, disk, DOWNLOAD);
    rig.go(StoreInput::Open);
    assert_eq!(rig.checked().map(|have| have.count()), Some(0));
    rig.take();
    rig
}

/// Three files, pieces across their borders, a short last piece.
fn several() -> Content {
    Content::new(32 * KIB, &[(&["a"], 50_000), (&["d", "e", "b"], 70_001), (&["empty"], 0), (&["d", "c"], 9_999)])
}

/// A download of them whose folder was empty.
fn begun() -> (Content, MemoryDisk, Rig<MemoryDisk>) {
    let (content, disk) = (several(), MemoryDisk::default());
    let rig = opened(&content, &disk);
    (content, disk, rig)
}

/// Gives all that is missing; every byte ends up durable.
fn complete(rig: &mut Rig<MemoryDisk>, disk: &MemoryDisk) {
    rig.give_all();
    assert!(rig.is_completed());
    assert_files(&rig.content, disk, View::Durable);
}

fn assert_files(content: &Content, disk: &MemoryDisk, view: View) {
    for (path, bytes) in content.files() {
        assert!(disk.bytes(&path, view).as_deref() == Some(bytes), "{path:?}");
    }
}

#[test]
fn a_download_ends_durable_with_its_marker_gone() {
    let (content, disk, mut rig) = begun();
    let marker = vec![content.marker()];
    assert!(disk.bytes(&marker, View::Durable).is_some(), "the marker is durable before the first byte");
    rig.give_all();
    assert_eq!(rig.verified(), (0..content.pieces()).collect::<Vec<_>>());
    assert!(rig.is_completed());
    assert_files(&content, &disk, View::Durable);
    assert_eq!(disk.bytes(&marker, View::Durable), None);
    assert_eq!(
        (rig.pool.in_use(), rig.freed()),
        (0, (0..content.pieces()).map(|p| content.blocks(p).len() as u32).sum())
    );
    let mut durable = rig.durable();
    durable.sort_unstable();
    assert_eq!(durable, (0..content.pieces()).collect::<Vec<_>>());
}

#[test]
fn transfers_that_are_cut_short_go_on() {
    let (content, disk) = (several(), MemoryDisk::default());
    disk.set_short();
    let mut rig = opened(&content, &disk);
    complete(&mut rig, &disk);
    rig.go(StoreInput::Check);
    assert!(rig.checked().unwrap().is_full());
}

#[test]
fn a_piece_is_one_job_and_one_write_for_each_file() {
    let content = Content::new(256 * KIB, &[(&[], 512 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    disk.calls();
    rig.ran.clear();
    rig.give_piece(0);
    assert_eq!(rig.ran, [JobKind::Piece]);
    let writes = disk.calls().iter().filter(|call| call.starts_with("write")).count();
    assert_eq!(writes, 1);
}

#[test]
fn a_wrong_piece_is_not_written_and_all_its_blocks_are_wanted_again() {
    let (content, disk, mut rig) = begun();
    let blocks = content.blocks(0);
    let wrong = rig.chunk_of(&vec![1; blocks[0].len as usize]);
    rig.tell(StoreInput::Block { block: blocks[0], data: wrong });
    rig.give(blocks[1]);
    rig.settle();
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::Failed { piece: PieceIndex(0) })));
    assert_eq!((rig.verified().len(), rig.pool.in_use(), rig.freed()), (0, 0, 2));
    assert_eq!(disk.bytes(&["t".into(), "a".into()], View::Cached), None);
    rig.give_piece(0);
    assert_eq!(rig.verified(), [0]);
}

#[test]
fn blocks_in_any_order_with_pressure_at_any_time_make_the_same_bytes() {
    for seed in 0..60 {
        let mut choice = Choice::new(seed);
        let content = Content::new(128 * KIB, &[(&["a"], 300_001), (&["b"], 100_000), (&["c"], 77)]);
        let disk = MemoryDisk::default();
        let mut rig = opened(&content, &disk);
        let mut blocks: Vec<BlockRef> = (0..content.pieces()).flat_map(|piece| content.blocks(piece)).collect();
        choice.shuffle(&mut blocks);
        let mut wanted: BTreeSet<BlockRef> = blocks.iter().copied().collect();
        while let Some(block) = blocks.pop() {
            if choice.below(20) == 0 {
                let wrong = rig.chunk_of(&vec![0; block.len as usize]);
                rig.tell(StoreInput::Block { block, data: wrong });
            } else {
                rig.give(block);
            }
            wanted.remove(&block);
            match choice.below(6) {
                0 => rig.tell(StoreInput::Pressure),
                1 => rig.settle(),
                2 => rig.pass(Duration::from_millis(1500)),
                3 => rig.tell(StoreInput::Barrier),
                _ => {}
            }
            if blocks.is_empty() {
                rig.settle();
                for said in rig.take() {
                    if let StoreOutput::Failed { piece } = said {
                        wanted.extend(content.blocks(piece.0));
                    }
                    assert!(!matches!(said, StoreOutput::Lost { .. }), "seed {seed}");
                }
                blocks.extend(&wanted);
                if blocks.is_empty() {
                    break;
                }
            }
        }
        assert_eq!(rig.store.have().count(), content.pieces(), "seed {seed}");
        rig.go(StoreInput::Barrier);
        assert_files(&content, &disk, View::Durable);
        assert_eq!(rig.pool.in_use(), 0, "seed {seed}");
    }
}

#[test]
fn a_large_piece_is_hashed_and_written_while_it_arrives_and_never_read_back() {
    let content = Content::new(4 << 20, &[(&[], 8 << 20)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    disk.calls();
    for block in content.blocks(0) {
        rig.give(block);
        rig.settle();
        assert!(rig.pool.in_use() <= 16, "one run of 256 KiB");
    }
    assert_eq!(rig.verified(), [0]);
    assert!(!disk.calls().iter().any(|call| call.starts_with("read")));
}

#[test]
fn sixteen_large_pieces_at_once_take_no_more_than_a_run_each() {
    let content = Content::new(4 << 20, &[(&[], 64 << 20)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    for number in 0..256 {
        for piece in 0..16 {
            let block = content.blocks(piece)[number];
            rig.give(block);
        }
        rig.settle();
    }
    assert!(rig.pool.peak() <= 16 * 16, "{}", rig.pool.peak());
    assert_eq!(rig.store.have().count(), 16);
    assert!(rig.is_completed());
}

#[test]
fn pressure_frees_every_slab_and_only_blocks_behind_a_gap_are_read_back() {
    let content = Content::new(128 * KIB, &[(&[], 128 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    let blocks = content.blocks(0);
    for number in [0, 1, 4, 5, 6] {
        rig.give(blocks[number]);
    }
    assert_eq!(rig.pool.in_use(), 5);
    rig.go(StoreInput::Pressure);
    assert_eq!((rig.pool.in_use(), rig.freed()), (0, 5));
    disk.calls();
    for number in [7, 3, 2] {
        rig.give(blocks[number]);
    }
    rig.settle();
    let reads = disk.calls().iter().filter(|call| call.starts_with("read")).count();
    assert_eq!((rig.verified(), reads), (vec![0], 1));
}

#[test]
fn pressure_while_a_job_is_out_spills_when_it_is_back() {
    let content = Content::new(2 << 20, &[(&[], 2 << 20)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    let blocks = content.blocks(0);
    blocks[..16].iter().for_each(|block| rig.give(*block));
    assert_eq!(rig.jobs.len(), 1, "a run is out");
    blocks[20..36].iter().for_each(|block| rig.give(*block));
    rig.tell(StoreInput::Pressure);
    rig.settle();
    assert_eq!(rig.pool.in_use(), 0);
}

#[test]
fn pressure_takes_no_piece_apart_while_jobs_hold_most_of_the_memory() {
    let content = Content::new(64 * KIB, &[(&[], 3 * 64 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    content.blocks(0).into_iter().for_each(|block| rig.give(block));
    content.blocks(1)[..3].iter().for_each(|block| rig.give(*block));
    rig.tell(StoreInput::Pressure);
    assert_eq!(rig.jobs.len(), 1, "four blocks are with a job, three wait for their piece");
    rig.settle();
    assert_eq!((rig.verified(), rig.pool.in_use()), (vec![0], 3));
    rig.go(StoreInput::Pressure);
    assert_eq!(rig.pool.in_use(), 0);
}

#[test]
fn a_block_that_waits_for_its_piece_is_written_after_two_seconds() {
    let content = Content::new(128 * KIB, &[(&[], 128 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    rig.give(content.blocks(0)[3]);
    rig.pass(Duration::from_millis(1900));
    assert_eq!(rig.pool.in_use(), 1);
    rig.pass(Duration::from_millis(200));
    assert_eq!(rig.pool.in_use(), 0);
    (0..8).filter(|number| *number != 3).for_each(|number| rig.give(content.blocks(0)[number]));
    rig.settle();
    assert_eq!(rig.verified(), [0]);
}

#[test]
fn a_block_is_written_for_its_own_age_and_not_for_that_of_one_that_is_gone() {
    let content = Content::new(64 * KIB, &[(&[], 192 * 1024)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    rig.give(content.blocks(0)[0]);
    rig.pass(Duration::from_millis(1500));
    rig.give(content.blocks(1)[0]);
    content.blocks(0)[1..].iter().for_each(|block| rig.give(*block));
    rig.settle();
    assert_eq!((rig.verified(), rig.pool.in_use()), (vec![0], 1));
    rig.pass(Duration::from_millis(1900));
    assert_eq!(rig.pool.in_use(), 1, "3.4 seconds after the first, 1.9 after this one");
    rig.give(content.blocks(2)[0]);
    rig.pass(Duration::from_millis(200));
    assert_eq!(rig.pool.in_use(), 1, "only the one that came last");
    rig.pass(Duration::from_millis(1900));
    assert_eq!(rig.pool.in_use(), 0);
}

#[test]
fn a_barrier_runs_five_seconds_after_the_first_piece_that_is_not_durable() {
    let (_, _, mut rig) = begun();
    rig.give_piece(0);
    rig.pass(Duration::from_secs(3));
    rig.give_piece(1);
    rig.pass(Duration::from_millis(1900));
    assert!(rig.durable().is_empty());
    rig.pass(Duration::from_millis(200));
    assert_eq!(rig.durable(), [0, 1]);
}

#[test]
fn a_barrier_runs_when_enough_bytes_are_not_durable() {
    let content = several();
    let disk = MemoryDisk::default();
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    let limits = bitlode_storage::Limits { barrier_bytes: 64 << 10, ..limits() };
    let mut rig = Rig::new(&content, pool, PathBuf::from("/d"), DOWNLOAD, limits);
    rig.go(StoreInput::Open);
    rig.give_piece(0);
    assert!(rig.durable().is_empty());
    rig.give_piece(1);
    assert_eq!(rig.durable(), [0, 1]);
}

#[test]
fn a_barrier_claims_only_what_was_written_before_it_began() {
    let (_, _, mut rig) = begun();
    rig.give_piece(0);
    rig.tell(StoreInput::Barrier);
    let barrier = rig.run_one().unwrap();
    rig.give_piece(1);
    rig.tell(StoreInput::Done(barrier));
    assert_eq!(rig.durable(), [0]);
    rig.go(StoreInput::Barrier);
    assert_eq!(rig.durable(), [0, 1]);
}

#[test]
fn a_barrier_asked_for_while_one_is_out_is_answered_by_its_own() {
    let (_, _, mut rig) = begun();
    rig.give_piece(0);
    rig.tell(StoreInput::Barrier);
    let barrier = rig.run_one().unwrap();
    rig.give_piece(1);
    rig.tell(StoreInput::Barrier);
    rig.tell(StoreInput::Done(barrier));
    assert!(!rig.said.iter().any(|said| matches!(said, StoreOutput::Durable { .. })));
    rig.settle();
    assert_eq!(rig.durable(), [0, 1]);
}

#[test]
fn new_folders_are_durable_before_their_files_are_claimed() {
    let (_, disk, mut rig) = begun();
    (0..3).for_each(|piece| rig.give_piece(piece));
    disk.calls();
    rig.go(StoreInput::Barrier);
    let synced: BTreeSet<_> = disk.calls().into_iter().filter(|call| call.starts_with("sync_dir")).collect();
    let want = ["sync_dir ", "sync_dir t", "sync_dir t/d", "sync_dir t/d/e"];
    assert_eq!(synced, want.iter().map(|call| (*call).to_owned()).collect());
}

#[test]
fn row_77_after_a_failed_sync_nothing_since_the_last_good_barrier_is_claimed_or_read_back() {
    let (content, disk, mut rig) = begun();
    rig.give_piece(0);
    rig.go(StoreInput::Barrier);
    rig.give_piece(1);
    let spilled = content.blocks(2)[1];
    rig.give(spilled);
    rig.go(StoreInput::Pressure);
    rig.take();
    disk.fail("sync", 1, Fault::Io);
    rig.go(StoreInput::Barrier);
    assert_eq!((rig.unhad(), rig.lost(), rig.durable()), (vec![1], vec![spilled], vec![]));
    assert_eq!(rig.stopped(), Some(Code::StorageIo));
    assert_eq!(rig.store.have().iter().collect::<Vec<_>>(), [PieceIndex(0)]);
    rig.take();
    rig.go(StoreInput::Retry);
    assert!(matches!(rig.said[..], [StoreOutput::Resumed]), "{:?}", rig.said);
    complete(&mut rig, &disk);
}

#[test]
fn row_77_a_job_that_is_out_during_a_failed_sync_is_not_believed() {
    let (content, disk, mut rig) = begun();
    rig.give_piece(0);
    content.blocks(1).into_iter().for_each(|block| rig.give(block));
    let piece = rig.run_one().unwrap();
    rig.tell(StoreInput::Barrier);
    disk.fail("sync", 1, Fault::Io);
    rig.settle();
    rig.take();
    rig.tell(StoreInput::Done(piece));
    assert_eq!((rig.verified(), rig.lost()), (vec![], content.blocks(1)));
}

#[test]
fn row_77_a_failed_read_takes_the_piece_back_and_the_others_stay() {
    let (content, disk, mut rig) = begun();
    rig.give_all();
    rig.take();
    disk.fail("read", 1, Fault::Io);
    rig.go(StoreInput::Read { id: 3, blocks: content.blocks(1) });
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::ReadFailed { id: 3, code: Code::StorageIo })));
    assert_eq!((rig.unhad(), rig.stopped()), (vec![1], None));
    assert!(disk.bytes(&[content.marker()], View::Durable).is_some(), "it is unfinished again");
    rig.go(StoreInput::Read { id: 4, blocks: content.blocks(0) });
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::ReadDone { id: 4, .. })));
    rig.give_piece(1);
    assert!(rig.is_completed());
    assert_eq!(disk.bytes(&[content.marker()], View::Durable), None);
}

#[test]
fn row_76_a_full_disk_stops_with_the_bytes_needed_and_goes_on_by_itself() {
    let (content, disk, mut rig) = begun();
    rig.give_piece(0);
    disk.fail("write", 1, Fault::Full);
    rig.give(content.blocks(2)[0]);
    content.blocks(1).into_iter().for_each(|block| rig.give(block));
    rig.settle();
    let needed = content.bytes.len() - 32 * 1024;
    let stop = rig.said.iter().find_map(|said| match said {
        StoreOutput::Stopped { code, message } => Some((*code, message.clone())),
        _ => None,
    });
    let (code, message) = stop.unwrap();
    assert_eq!(code, Code::StorageFull);
    assert!(message.contains(&format!("{needed} bytes are needed")), "{message}");
    let lost: BTreeSet<_> = rig.lost().into_iter().collect();
    assert_eq!(lost, content.blocks(1).into_iter().chain([content.blocks(2)[0]]).collect());
    assert_eq!(rig.pool.in_use(), 0, "memory goes back while it is stopped");
    rig.give(content.blocks(3)[0]);
    assert_eq!(rig.pool.in_use(), 0);
    rig.take();
    disk.set_free(0);
    disk.fail("write", 0, Fault::Full);
    rig.pass(Duration::from_secs(60));
    assert!(rig.said.is_empty() || rig.stopped().is_none(), "still full: nothing new to say");
    disk.set_free(1 << 30);
    rig.pass(Duration::from_secs(61));
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::Resumed)));
    complete(&mut rig, &disk);
}

#[test]
fn row_76_delayed_allocation_that_fails_at_the_sync_claims_nothing() {
    let (_, disk, mut rig) = begun();
    rig.give_piece(0);
    disk.fail("sync", 1, Fault::Full);
    rig.go(StoreInput::Barrier);
    assert_eq!((rig.stopped(), rig.unhad(), rig.durable()), (Some(Code::StorageFull), vec![0], vec![]));
}

#[test]
fn row_76_space_is_looked_at_before_the_first_byte() {
    let (content, disk) = (several(), MemoryDisk::default());
    disk.set_free(100_000);
    let mut rig = rig(&content, &disk, DOWNLOAD);
    rig.go(StoreInput::Open);
    assert_eq!(rig.stopped(), Some(Code::StorageFull));
    assert!(disk.names(View::Cached).is_empty(), "not even a marker");
    disk.set_free(200_000);
    rig.go(StoreInput::Retry);
    assert!(rig.checked().is_some());
    rig.give_all();
    assert!(rig.is_completed());
}

#[test]
fn row_76_a_marker_that_cannot_be_made_stops_before_the_first_byte() {
    for call in ["write", "sync", "sync_dir", "open"] {
        let (content, disk) = (several(), MemoryDisk::default());
        disk.fail(call, 1, Fault::Full);
        let mut rig = rig(&content, &disk, DOWNLOAD);
        rig.go(StoreInput::Open);
        assert_eq!((rig.stopped(), rig.checked()), (Some(Code::StorageFull), None), "{call}");
        rig.go(StoreInput::Retry);
        rig.give_all();
        assert!(rig.is_completed(), "{call}");
    }
}

#[test]
fn row_78_an_error_at_any_call_ends_in_a_state_with_a_code_and_a_retry_completes() {
    for call in ["open", "write", "sync", "sync_dir", "remove", "make_dir", "read"] {
        for fault in [Fault::Io, Fault::Denied, Fault::Name, Fault::TooLarge, Fault::Stale, Fault::Memory] {
            for nth in 0..12 {
                let (content, disk) = (several(), MemoryDisk::default());
                let mut rig = rig(&content, &disk, DOWNLOAD);
                rig.go(StoreInput::Open);
                for round in 0..12 {
                    if round == nth {
                        disk.fail(call, 1, fault);
                    }
                    let missing: Vec<_> =
                        (0..content.pieces()).filter(|p| !rig.store.have().has(PieceIndex(*p))).collect();
                    if let Some(piece) = missing.get(round % missing.len().max(1)) {
                        let blocks = content.blocks(*piece);
                        rig.give(blocks[blocks.len() - 1]);
                        rig.go(StoreInput::Pressure);
                        rig.give_piece(*piece);
                    }
                    rig.go(StoreInput::Barrier);
                    rig.go(StoreInput::Read { id: 1, blocks: content.blocks(0) });
                    rig.go(StoreInput::Retry);
                    for piece in rig.durable() {
                        assert!(piece < content.pieces());
                    }
                }
                for _ in 0..3 {
                    rig.go(StoreInput::Retry);
                    rig.give_all();
                }
                assert_eq!(rig.store.stopped(), None, "{call} {fault} {nth}");
                assert!(rig.store.have().is_full() && rig.is_completed(), "{call} {fault} {nth}");
                assert_files(&content, &disk, View::Durable);
                assert_eq!(rig.pool.in_use(), rig.said.iter().map(read_slabs).sum::<usize>(), "{call} {fault} {nth}");
            }
        }
    }
}

fn read_slabs(said: &StoreOutput) -> usize {
    if let StoreOutput::ReadDone { chunks, .. } = said { chunks.len() } else { 0 }
}

#[test]
fn row_79_no_more_files_are_open_than_the_limit_and_a_process_without_descriptors_closes_its_oldest() {
    let names: Vec<String> = (0..40).map(|number| format!("f{number:02}")).collect();
    let paths: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let files: Vec<(&[&str], usize)> = paths.iter().map(|path| (&path[..], 20_000)).collect();
    let content = Content::new(16 * KIB, &files);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    for piece in 0..content.pieces() {
        if piece % 5 == 4 {
            disk.fail("open", 3, Fault::Fds);
        }
        rig.give_piece(piece);
    }
    assert!(rig.is_completed());
    assert_files(&content, &disk, View::Durable);
    assert!(disk.most_open() <= 10, "{}", disk.most_open());
    // With none to close there is a code.
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    disk.fail("open", u32::MAX, Fault::Fds);
    rig.give_piece(0);
    assert_eq!(rig.stopped(), Some(Code::StorageFds));
    disk.fail("open", 0, Fault::Fds);
    rig.pass(Duration::from_secs(61));
    rig.give_piece(0);
    assert_eq!(rig.verified(), [0]);
}

#[test]
fn row_80_a_file_that_vanished_is_no_longer_had_and_is_never_claimed() {
    let (_, disk, mut rig) = begun();
    rig.give_piece(0);
    rig.give_piece(1);
    disk.delete(&["t".into(), "a".into()]);
    rig.go(StoreInput::Barrier);
    assert_eq!((rig.stopped(), rig.durable()), (Some(Code::StorageChanged), vec![]));
    assert_eq!(rig.unhad(), [0, 1]);
    rig.go(StoreInput::Retry);
    complete(&mut rig, &disk);
}

#[test]
fn row_80_a_file_that_vanished_after_its_claim_prevents_completion() {
    let (content, disk, mut rig) = begun();
    (0..3).for_each(|piece| rig.give_piece(piece));
    rig.go(StoreInput::Barrier);
    disk.delete(&["t".into(), "a".into()]);
    (3..content.pieces()).for_each(|piece| rig.give_piece(piece));
    assert!(!rig.is_completed());
    assert_eq!((rig.stopped(), rig.unhad()), (Some(Code::StorageChanged), vec![0, 1]));
    rig.go(StoreInput::Retry);
    rig.give_all();
    assert!(rig.is_completed());
}

#[test]
fn row_82_foreign_files_are_not_touched_without_leave() {
    let (content, disk) = (several(), MemoryDisk::default());
    let path = ["t".to_owned(), "a".to_owned()];
    disk.put(&path, b"precious");
    let mut rig1 = rig(&content, &disk, DOWNLOAD);
    rig1.go(StoreInput::Open);
    assert_eq!((rig1.stopped(), rig1.checked()), (Some(Code::StorageExists), None));
    assert_eq!(disk.bytes(&path, View::Cached).as_deref(), Some(&b"precious"[..]));
    assert_eq!(disk.names(View::Cached), ["t/a"]);
    rig1.give_piece(0);
    rig1.pass(Duration::from_secs(600));
    assert_eq!(disk.bytes(&path, View::Cached).as_deref(), Some(&b"precious"[..]));

    let mut rig2 = rig(&content, &disk, Mode::Download { overwrite: true });
    rig2.go(StoreInput::Open);
    rig2.give_all();
    assert!(rig2.is_completed());
    assert_files(&content, &disk, View::Durable);
}

#[test]
fn row_82_foreign_files_that_hold_the_content_are_a_finished_download() {
    let (content, disk) = (several(), MemoryDisk::default());
    for (path, bytes) in content.files() {
        disk.put(&path, bytes);
    }
    let mut rig = rig(&content, &disk, DOWNLOAD);
    rig.go(StoreInput::Open);
    assert!(rig.checked().unwrap().is_full() && rig.is_completed());
    assert!(!disk.calls().iter().any(|call| call.starts_with("write")));
}

#[test]
fn row_82_a_file_that_appears_during_a_download_is_not_written_into() {
    let (_, disk, mut rig) = begun();
    let path = ["t".to_owned(), "a".to_owned()];
    disk.put(&path, b"precious");
    rig.give_piece(0);
    assert_eq!(rig.stopped(), Some(Code::StorageExists));
    assert_eq!(disk.bytes(&path, View::Cached).as_deref(), Some(&b"precious"[..]));
}

#[test]
fn an_unfinished_download_goes_on_where_it_was() {
    let (content, disk) = (several(), MemoryDisk::default());
    let mut rig1 = opened(&content, &disk);
    rig1.give_piece(1);
    rig1.give_piece(3);
    drop(rig1);
    let mut rig2 = rig(&content, &disk, DOWNLOAD);
    rig2.go(StoreInput::Open);
    assert!(rig2.said.iter().any(|said| matches!(said, StoreOutput::Opened { ours: true, .. })));
    let have = rig2.checked().unwrap().clone();
    assert_eq!(have.iter().map(|piece| piece.0).collect::<Vec<_>>(), [1, 3]);
    rig2.go(StoreInput::Barrier);
    assert_eq!(rig2.durable(), [1, 3], "what was only in the page cache is synced before it is claimed");
    for piece in [0, 2, 4].into_iter().filter(|piece| *piece < content.pieces()) {
        rig2.give_piece(piece);
    }
    assert!(rig2.is_completed());
    assert_files(&content, &disk, View::Durable);
}

#[test]
fn a_torn_marker_is_none() {
    let (content, disk) = (several(), MemoryDisk::default());
    drop(opened(&content, &disk));
    let marker = vec![content.marker()];
    let whole = disk.bytes(&marker, View::Durable).unwrap();
    for (at, name) in [(whole.len() - 1, "cut"), (whole.len(), "flipped")] {
        let mut torn = whole[..at].to_vec();
        torn[10] ^= 1;
        disk.put(&marker, &torn);
        disk.put(&["t".into(), "a".into()], b"x");
        let mut rig = rig(&content, &disk, DOWNLOAD);
        rig.go(StoreInput::Open);
        assert_eq!(rig.stopped(), Some(Code::StorageExists), "{name}");
    }
}

#[test]
fn a_check_reads_nothing_of_files_that_are_missing_or_end_before_the_piece() {
    let content = Content::new(32 * KIB, &[(&["a"], 128 * 1024), (&["b"], 256 * 1024)]);
    let disk = MemoryDisk::default();
    disk.put(&["t".into(), "a".into()], &content.bytes[..50_000]);
    let mut rig = rig(&content, &disk, Mode::Verify);
    rig.go(StoreInput::Open);
    assert_eq!(rig.checked().unwrap().iter().collect::<Vec<_>>(), [PieceIndex(0)]);
    assert_eq!(disk.calls().iter().filter(|call| call.starts_with("read")).count(), 1);
}

#[test]
fn a_check_is_split_among_a_bounded_number_of_jobs() {
    let content = Content::new(64 * KIB, &[(&[], 10 << 20)]);
    let disk = MemoryDisk::default();
    disk.put(&["t".into()], &content.bytes);
    let mut rig = rig(&content, &disk, Mode::Seed);
    rig.tell(StoreInput::Open);
    let done = rig.run_one().unwrap();
    rig.tell(StoreInput::Done(done));
    assert_eq!(rig.jobs.len(), 4);
    assert!(rig.jobs.iter().all(|job| job.kind() == JobKind::Check));
    rig.jobs.make_contiguous().reverse();
    rig.settle();
    assert!(rig.checked().unwrap().is_full() && rig.is_completed());
    let mut progress = rig.said.iter().filter_map(|said| match said {
        StoreOutput::CheckProgress { pieces, total } => Some((*pieces, *total)),
        _ => None,
    });
    assert_eq!(progress.next_back(), Some((160, 160)));
}

#[test]
fn a_cancelled_check_ends_and_what_was_had_stays() {
    let (_, _, mut rig) = begun();
    rig.give_piece(0);
    rig.tell(StoreInput::Check);
    rig.tell(StoreInput::CancelCheck);
    rig.settle();
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::CheckCancelled)));
    assert_eq!(rig.store.have().count(), 1);
    rig.give_all();
    assert!(rig.is_completed());
}

#[test]
fn a_check_waits_for_the_writes_that_are_out() {
    let (content, _, mut rig) = begun();
    rig.give_piece(0);
    content.blocks(1).into_iter().for_each(|block| rig.give(block));
    assert_eq!(rig.jobs.len(), 1);
    rig.tell(StoreInput::Check);
    assert!(rig.jobs.iter().all(|job| job.kind() == JobKind::Piece), "no check while a piece is being written");
    rig.settle();
    assert_eq!(rig.lost(), content.blocks(1));
    // Its bytes are there all the same, and the check finds them.
    assert_eq!(rig.checked().unwrap().count(), 2);
}

/// File `a`, padding, file `b`; pieces of 32 KiB.
fn padded(a: usize, pad: usize, b: usize) -> Content {
    let mut bytes = vec![7; a];
    bytes.resize(a + pad, 0);
    bytes.resize(a + pad + b, 9);
    let hashes: Vec<u8> = bytes.chunks(32 * 1024).flat_map(bitlode_hash::sha1).collect();
    let mut raw = format!(
        "d5:filesld6:lengthi{a}e4:pathl1:aeed4:attr1:p6:lengthi{pad}e4:pathl4:.pad1:0eed6:lengthi{b}e4:pathl1:beee\
         4:name1:t12:piece lengthi32768e6:pieces{}:",
        hashes.len()
    )
    .into_bytes();
    raw.extend(hashes);
    raw.push(b'e');
    Content::parse(&raw, bytes)
}

#[test]
fn pads_are_zeros_that_are_never_on_disk_and_whose_blocks_need_not_come() {
    // The third layout begins a piece with padding, and ends it within a block.
    for (content, count) in [(padded(40_000, 25_536, 30_000), 5), (padded(40_000, 25_536 + 20_000, 10_000), 4)] {
        let layout = &content.info.layout;
        let blocks: Vec<BlockRef> = (0..content.pieces()).flat_map(|piece| content.blocks(piece)).collect();
        let is_pad = |block: &BlockRef| layout.pad_blocks(block.piece).contains(&block.number());
        assert_eq!(blocks.iter().filter(|block| !is_pad(block)).count(), count);
        for (pressure, pads) in [(false, false), (true, false), (false, true), (true, true)] {
            let disk = MemoryDisk::default();
            let mut rig = opened(&content, &disk);
            for block in blocks.iter().rev().filter(|block| pads || !is_pad(block)) {
                rig.give(*block);
                if pressure {
                    rig.go(StoreInput::Pressure);
                }
            }
            rig.settle();
            assert!(rig.is_completed());
            assert_eq!((rig.pool.in_use(), rig.lost()), (0, Vec::new()));
            assert_eq!(disk.names(View::Cached), ["t/a", "t/b"]);
            assert_files(&content, &disk, View::Durable);
            rig.go(StoreInput::Check);
            assert!(rig.checked().unwrap().is_full());
            rig.take();
            let block = content.blocks(1)[0];
            rig.go(StoreInput::Read { id: 1, blocks: vec![block] });
            let StoreOutput::ReadDone { chunks, .. } = &rig.said[0] else { panic!("{:?}", rig.said) };
            assert_eq!(&*chunks[0].1, content.of(block));
        }
    }
}

#[test]
fn row_19_a_wrong_piece_keeps_its_padding_and_wants_the_rest_again() {
    let (content, disk) = (padded(40_000, 25_536, 30_000), MemoryDisk::default());
    let mut rig = opened(&content, &disk);
    let block = content.blocks(1)[0];
    for (byte, verified) in [(1, vec![]), (7, vec![1])] {
        let data = rig.chunk_of(&[vec![byte; 7_232], vec![0; 9_152]].concat());
        rig.go(StoreInput::Block { block, data });
        assert_eq!(rig.verified(), verified);
    }
    assert!(rig.said.iter().any(|said| matches!(said, StoreOutput::Failed { piece: PieceIndex(1) })));
}

#[test]
fn row_77_a_piece_of_nothing_but_padding_is_had_from_the_start_and_outlives_a_failed_sync() {
    let (content, disk) = (padded(32_768, 65_536, 32_768), MemoryDisk::default());
    let mut rig = rig(&content, &disk, DOWNLOAD);
    rig.go(StoreInput::Open);
    assert_eq!(rig.checked().unwrap().iter().map(|piece| piece.0).collect::<Vec<_>>(), [1, 2]);
    rig.give_piece(0);
    disk.fail("sync", 1, Fault::Io);
    rig.go(StoreInput::Barrier);
    assert_eq!((rig.stopped(), rig.unhad()), (Some(Code::StorageIo), vec![0]));
    rig.go(StoreInput::Retry);
    rig.give_piece(0);
    rig.give_piece(3);
    assert!(rig.is_completed());
    let mut durable = rig.durable();
    durable.sort_unstable();
    assert_eq!(durable, [0, 1, 2, 3]);
}

#[test]
fn reads_give_the_blocks_in_the_order_asked_and_long_ones_in_parts() {
    let content = Content::new(256 * KIB, &[(&["a"], 300_000), (&["b"], 300_000)]);
    let disk = MemoryDisk::default();
    let mut rig = opened(&content, &disk);
    rig.give_all();
    rig.take();
    disk.calls();
    let long = BlockRef { piece: PieceIndex(1), begin: 10, len: 100_000 };
    let mut blocks = content.blocks(0);
    blocks.push(long);
    rig.go(StoreInput::Read { id: 9, blocks: blocks.clone() });
    let said = rig.take();
    let StoreOutput::ReadDone { id: 9, chunks } = &said[0] else { panic!("{said:?}") };
    assert_eq!(chunks.len(), 16 + 7);
    assert!(chunks.iter().all(|(block, chunk)| **chunk == *content.of(*block) && block.len <= BLOCK_LEN));
    assert_eq!(chunks[16].0, BlockRef { len: BLOCK_LEN, ..long });
    assert_eq!(disk.calls().iter().filter(|call| call.starts_with("read")).count(), 3, "one for each run in a file");
}

#[test]
fn nothing_outside_a_verified_piece_is_read() {
    let (_, _, mut rig) = begun();
    rig.give_piece(1);
    rig.take();
    let beyond = [
        BlockRef { piece: PieceIndex(0), begin: 0, len: 1 },
        BlockRef { piece: PieceIndex(1), begin: 32 * KIB - 1, len: 2 },
        BlockRef { piece: PieceIndex(1), begin: u32::MAX, len: u32::MAX },
        BlockRef { piece: PieceIndex(u32::MAX), begin: 0, len: 1 },
        BlockRef { piece: PieceIndex(1), begin: 0, len: 0 },
    ];
    for block in beyond {
        rig.tell(StoreInput::Read { id: 1, blocks: vec![block] });
        assert!(matches!(rig.take()[..], [StoreOutput::ReadFailed { id: 1, .. }]), "{block:?}");
        assert!(rig.jobs.is_empty());
    }
}

#[test]
fn a_users_read_ends_where_the_verified_bytes_or_the_file_end() {
    let (content, _, mut rig) = begun();
    rig.give_piece(0);
    let read = |rig: &mut Rig<MemoryDisk>, file, offset, len| {
        rig.take();
        rig.go(StoreInput::ReadRange { id: 1, file: FileIndex(file), offset, len });
        match &rig.said[..] {
            [StoreOutput::RangeDone { chunks, .. }] => chunks.iter().flat_map(|chunk| chunk.to_vec()).collect(),
            said => panic!("{said:?}"),
        }
    };
    let got: Vec<u8> = read(&mut rig, 0, 100, 60_000);
    assert!(got == content.bytes[100..32 * 1024]);
    assert!(read(&mut rig, 1, 0, 100).is_empty(), "not had");
    rig.give_all();
    let got: Vec<u8> = read(&mut rig, 1, 60_000, 60_000);
    assert!(got == content.bytes[110_000..120_001]);
    assert!(read(&mut rig, 1, 70_001, 1).is_empty() && read(&mut rig, 1, u64::MAX, 1).is_empty());
}

#[test]
fn closing_makes_the_last_pieces_durable_and_gives_all_memory_back() {
    let (content, _, mut rig) = begun();
    rig.give_piece(0);
    rig.give(content.blocks(1)[0]);
    content.blocks(2).into_iter().for_each(|block| rig.give(block));
    rig.go(StoreInput::Close);
    assert!(matches!(rig.said.last(), Some(StoreOutput::Closed)));
    assert_eq!(rig.durable(), [0, 2]);
    assert_eq!(rig.pool.in_use(), 0);
    let pool = rig.file_pool.clone();
    drop(rig);
    assert_eq!(pool.open_files(), 0);
}

#[test]
fn only_the_wanted_pieces_have_to_be_durable_and_the_marker_stays() {
    let (content, disk, mut rig) = begun();
    let mut wanted = bitlode_base::Bitfield::none(content.pieces());
    wanted.set(PieceIndex(1));
    rig.tell(StoreInput::Wanted(wanted));
    rig.give_piece(1);
    assert!(rig.is_completed());
    assert!(disk.bytes(&[content.marker()], View::Durable).is_some());
}

#[test]
fn seeding_and_verifying_write_nothing() {
    let (content, disk) = (several(), MemoryDisk::default());
    for (path, bytes) in content.files().into_iter().skip(1) {
        disk.put(&path, bytes);
    }
    for mode in [Mode::Seed, Mode::Verify] {
        let mut rig = rig(&content, &disk, mode);
        rig.go(StoreInput::Open);
        assert!(rig.checked().is_some_and(|have| !have.is_full() && have.count() > 0));
        rig.give_piece(0);
        rig.go(StoreInput::Barrier);
        rig.go(StoreInput::Close);
        assert!(rig.verified().is_empty() && !rig.is_completed());
        assert!(!disk.calls().iter().any(|call| call.starts_with("write") || call.starts_with("make")));
    }
}
