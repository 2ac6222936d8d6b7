//! Each planted bug does harm that can be seen: what the simulator has to find.
#![cfg(feature = "planted-bugs")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use bitlode_storage::planted::{Bug, plant};
use bitlode_storage::{FilePool, Mode, StoreInput, StoreOutput};
use support::{Content, KIB, MemoryDisk, Rig, View, limits};

fn opened(content: &Content, disk: &MemoryDisk) -> Rig<MemoryDisk> {
    let pool = Arc::new(FilePool::new(disk.clone(), 8));
    let mut rig = Rig::new(content, pool, PathBuf::from("/d"), Mode::Download { overwrite: false }, limits());
    rig.go(StoreInput::Open);
    rig
}

fn harm(bug: Option<Bug>) -> [bool; 4] {
    let content = Content::new(64 * KIB, &[(&[], 256 * 1024)]);
    let (path, disk) = (["t".to_owned()], MemoryDisk::default());
    let mut rig = opened(&content, &disk);
    plant(bug);
    rig.give_piece(0);
    rig.go(StoreInput::Barrier);
    let durable = disk.bytes(&path, View::Durable).unwrap_or_default();
    let unsynced = durable.get(..64 * 1024) != content.bytes.get(..64 * 1024);

    rig.give_piece(1);
    rig.tell(StoreInput::Barrier);
    let barrier = rig.run_one().unwrap();
    rig.give_piece(2);
    rig.tell(StoreInput::Done(barrier));
    let late = rig.durable().contains(&2);

    let block = content.blocks(3)[1];
    rig.give(block);
    rig.go(StoreInput::Pressure);
    rig.give_piece(3);
    let misread = !rig.verified().contains(&3);

    let mut rig = opened(&content, &MemoryDisk::default());
    for block in content.blocks(0) {
        let data = rig.chunk_of(&vec![0; block.len as usize]);
        rig.tell(StoreInput::Block { block, data });
    }
    rig.settle();
    let lie = rig.said.iter().any(|said| matches!(said, StoreOutput::Verified { .. }));
    plant(None);
    [unsynced, lie, late, misread]
}

#[test]
fn each_bug_does_its_own_harm_and_none_is_there_without_one() {
    assert_eq!(harm(None), [false; 4]);
    assert_eq!(harm(Some(Bug::SkipSync)), [true, false, false, false]);
    assert_eq!(harm(Some(Bug::SkipVerify)), [false, true, false, false]);
    assert_eq!(harm(Some(Bug::ClaimLate)), [false, false, true, false]);
    assert_eq!(harm(Some(Bug::MisplacedSpill)), [false, false, false, true]);
}
