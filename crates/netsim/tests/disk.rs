//! The emulated disk keeps what was synced, and only that surely.

use std::io::{IoSlice, IoSliceMut};
use std::path::Path;
use std::sync::Arc;

use bitlode_base::Choice;
use bitlode_netsim::disk::{Faults, PAGE, Reference, SimDir, SimDisk, SimFile, View};
use bitlode_storage::{Access, Disk, Fault};

fn disk(capacity: u64) -> (SimDisk, Vec<u8>) {
    let mut choice = Choice::new(1);
    let content: Vec<u8> = (0..10 * PAGE + 100).map(|_| choice.next() as u8).collect();
    let files = [(vec!["a".to_owned()], (0, content.len()))].into();
    let reference = Reference { content: content.clone().into(), files: Arc::new(files) };
    (SimDisk::new(reference, capacity, choice), content)
}

fn write(disk: &SimDisk, file: &SimFile, bytes: &[u8], offset: u64) -> Result<(), Fault> {
    let mut done = 0;
    while done < bytes.len() {
        done += disk.write(file, &[IoSlice::new(&bytes[done..])], offset + done as u64)?;
    }
    Ok(())
}

fn open(disk: &SimDisk, name: &str) -> (SimDir, SimFile) {
    let root = disk.open_root(Path::new("/"), true).unwrap();
    let file = disk.open(&root, &[name], Access::Create).unwrap();
    (root, file)
}

#[test]
fn what_is_read_is_what_was_written_at_any_place_and_of_any_bytes() {
    for seed in 0..200 {
        let (disk, content) = disk(u64::MAX);
        disk.set_faults(Faults { short: 300, ..Faults::default() });
        let mut choice = Choice::new(seed);
        let (_, file) = open(&disk, if seed % 2 == 0 { "a" } else { "b" });
        let mut model = Vec::new();
        for _ in 0..30 {
            let at = choice.below(content.len() as u64) as usize;
            let len = 1 + choice.below((content.len() - at) as u64) as usize;
            let mut bytes = content[at..at + len].to_vec();
            if choice.below(2) == 0 {
                bytes[choice.below(len as u64) as usize] ^= 1;
            }
            if model.len() < at + len {
                model.resize(at + len, 0);
            }
            model[at..at + len].copy_from_slice(&bytes);
            write(&disk, &file, &bytes, at as u64).unwrap();
        }
        let mut got = Vec::new();
        loop {
            let mut part = [7; 3000];
            let n = disk.read(&file, &mut [IoSliceMut::new(&mut part)], got.len() as u64).unwrap();
            if n == 0 {
                break;
            }
            got.extend_from_slice(&part[..n]);
        }
        assert!(got == model, "seed {seed}");
        assert_eq!(disk.file_stat(&file).unwrap().size, model.len() as u64);
    }
}

#[test]
fn only_what_was_synced_surely_survives_a_power_cut() {
    let (disk, content) = disk(u64::MAX);
    let path = ["a".to_owned()];
    let (root, file) = open(&disk, "a");
    write(&disk, &file, &content[..4 * PAGE], 0).unwrap();
    disk.sync(&file).unwrap();
    assert!(!disk.holds(&path, 0, &content[..PAGE], View::Durable), "its name is not durable");
    disk.sync_dir(&root, &[]).unwrap();
    assert!(disk.holds(&path, 0, &content[..4 * PAGE], View::Durable));
    write(&disk, &file, &vec![9; PAGE], 0).unwrap();
    write(&disk, &file, &content[4 * PAGE..], 4 * PAGE as u64).unwrap();
    assert!(disk.holds(&path, 0, &[9; PAGE], View::Cached));
    assert!(disk.holds(&path, 0, &content[..4 * PAGE], View::Durable));
    disk.power_cut(0);
    assert!(disk.holds(&path, 0, &content[..4 * PAGE], View::Cached));
    assert_eq!(disk.len_of(&path, View::Cached), Some(4 * PAGE as u64));
    assert_eq!(disk.used(), 4 * PAGE as u64);
}

#[test]
fn a_name_that_was_not_synced_can_go_and_one_that_was_removed_can_come_back() {
    let (disk, _) = disk(u64::MAX);
    let (root, file) = open(&disk, "a");
    disk.sync(&file).unwrap();
    disk.power_cut(0);
    assert_eq!(disk.files(), Vec::<Vec<String>>::new());
    open(&disk, "a");
    disk.sync_dir(&root, &[]).unwrap();
    assert_eq!(disk.remove(&root, &["a"]), Ok(true));
    disk.power_cut(0);
    assert_eq!(disk.files(), [["a".to_owned()]]);
}

#[test]
fn a_failed_sync_forgets_and_the_next_one_does_not_say_so() {
    let (disk, content) = disk(u64::MAX);
    let path = ["a".to_owned()];
    let (root, file) = open(&disk, "a");
    disk.sync_dir(&root, &[]).unwrap();
    write(&disk, &file, &content, 0).unwrap();
    disk.set_faults(Faults { sync: 1000, ..Faults::default() });
    assert_eq!(disk.sync(&file), Err(Fault::Io));
    disk.set_faults(Faults::default());
    assert_eq!(disk.sync(&file), Ok(()));
    assert!(!disk.holds(&path, 0, &content, View::Durable));
    write(&disk, &file, &content, 0).unwrap();
    assert_eq!(disk.sync(&file), Ok(()));
    assert!(disk.holds(&path, 0, &content, View::Durable), "what is written again is synced again");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let (disk, content) = disk(2 * PAGE as u64);
    let (root, file) = open(&disk, "a");
    assert_eq!(disk.write(&file, &[IoSlice::new(&content)], 0), Ok(2 * PAGE));
    assert_eq!(disk.write(&file, &[IoSlice::new(&content[2 * PAGE..])], 2 * PAGE as u64), Err(Fault::Full));
    assert_eq!(disk.free_space(&root), Ok(Some(0)));
    assert_eq!(disk.write(&file, &[IoSlice::new(&content[..PAGE])], 0), Ok(PAGE), "what is there can be written over");
}
