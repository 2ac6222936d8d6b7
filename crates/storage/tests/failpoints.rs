//! Failpoints in the real disk's way. One test: the points belong to the whole process.
#![cfg(feature = "failpoints")]

mod support;

use std::sync::Arc;

use bitlode_base::Code;
use bitlode_storage::sys::RealDisk;
use bitlode_storage::sys::failpoint::{configure, set};
use bitlode_storage::{FilePool, Mode, StoreInput, SysMode};
use support::{Content, KIB, Rig, TempDir, limits};

#[test]
fn a_failpoint_fails_or_sleeps_until_it_is_taken_back() {
    let (content, dir) = (Content::new(32 * KIB, &[(&[], 64 * 1024)]), TempDir::new());
    let pool = Arc::new(FilePool::new(RealDisk::new(SysMode::Native, 0), 4));
    let mut rig = Rig::new(&content, pool, dir.path(), Mode::Download { overwrite: false }, limits());
    rig.go(StoreInput::Open);
    assert!(configure("disk.write=io,disk.sync=sleep:1"));
    rig.give_piece(0);
    assert_eq!(rig.stopped(), Some(Code::StorageIo));
    set("disk.write", None);
    rig.go(StoreInput::Retry);
    rig.give_all();
    assert!(rig.is_completed());
    assert!(!configure("disk.write=whatever") && !configure("nothing"));
    set("disk.sync", None);
}
