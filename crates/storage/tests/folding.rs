//! RELIABILITY row 14: folders that take names for equal which differ only in case.

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use bitlode_base::Code;
use bitlode_storage::{FilePool, Limits, Mode, StoreInput, StoreOutput};
use support::{Content, KIB, MemoryDisk, Rig, View, limits};

const DOWNLOAD: Mode = Mode::Download { overwrite: false };

fn rig(content: &Content, disk: &MemoryDisk, mode: Mode, limits: Limits) -> Rig<MemoryDisk> {
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    let mut rig = Rig::new(content, pool, PathBuf::from("/downloads"), mode, limits);
    rig.go(StoreInput::Open);
    rig
}

fn twins() -> Content {
    Content::new(32 * KIB, &[(&["film"], 40_000), (&["FILM"], 30_000), (&["Dir", "x"], 100), (&["dir", "X"], 200)])
}

/// Looks, and makes a file only for the question.
fn probes(disk: &MemoryDisk) -> usize {
    disk.calls().iter().filter(|call| call.starts_with("open") && call.ends_with("bitlode-case-probe")).count()
}

#[test]
fn row_14_files_are_renamed_where_the_folder_takes_their_names_for_one_and_only_there() {
    let content = twins();
    let apart = ["t/Dir/x", "t/FILM", "t/dir/X", "t/film"];
    let together = ["t/Dir/X (1)", "t/Dir/x", "t/FILM (1)", "t/film"];
    for (folds, names) in [(false, apart), (true, together)] {
        let disk = MemoryDisk::default();
        if folds {
            disk.set_folding();
        }
        let mut rig = rig(&content, &disk, DOWNLOAD, limits());
        assert_eq!(probes(&disk), 1);
        assert_eq!(rig.said.iter().any(|said| matches!(said, StoreOutput::Renamed { .. })), folds);
        rig.give_all();
        assert!(rig.is_completed(), "{:?}", rig.said);
        assert_eq!(disk.names(View::Durable), names, "and nothing else is left");
        // It is the same folder for those who look later, and they need not write to know.
        rig.go(StoreInput::Check);
        assert!(rig.checked().unwrap().is_full());
        for mode in [Mode::Seed, Mode::Verify, DOWNLOAD] {
            let rig = self::rig(&content, &disk, mode, limits());
            assert!(rig.checked().unwrap().is_full(), "{mode:?}");
        }
    }
}

#[test]
fn row_14_a_folder_is_not_asked_when_no_names_could_be_one() {
    let content = Content::new(32 * KIB, &[(&["film"], 40_000), (&["FILMS"], 30_000)]);
    let disk = MemoryDisk::default();
    disk.set_folding();
    let mut rig = rig(&content, &disk, DOWNLOAD, limits());
    assert_eq!(probes(&disk), 0);
    rig.give_all();
    assert_eq!(disk.names(View::Durable), ["t/FILMS", "t/film"]);
}

#[test]
fn row_14_a_folder_that_cannot_be_asked_keeps_names_apart_and_too_many_renames_are_an_error() {
    let content = twins();
    let disk = MemoryDisk::default();
    disk.fail("open", 1, bitlode_storage::Fault::Denied);
    let rig = rig(&content, &disk, DOWNLOAD, limits());
    assert_eq!(rig.stopped(), None);
    assert!(!rig.said.iter().any(|said| matches!(said, StoreOutput::Renamed { .. })));
    let disk = MemoryDisk::default();
    disk.set_folding();
    let few = limits();
    let few = Limits { names: bitlode_metainfo::Limits { renames: 1, ..few.names }, ..few };
    let rig = self::rig(&content, &disk, DOWNLOAD, few);
    assert_eq!(rig.stopped(), Some(Code::MetainfoDuplicates));
}
