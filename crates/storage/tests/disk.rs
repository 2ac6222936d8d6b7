//! Stores over the real disk, in both ways of using the system.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::IoSlice;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use bitlode_base::{Code, Coded, PieceIndex};
use bitlode_storage::sys::RealDisk;
use bitlode_storage::{Access, Coming, Disk, Fault, FilePool, Mode, StoreInput, StoreOutput, SysMode, run_now};
use support::{Content, KIB, Rig, TempDir, limits};

const DOWNLOAD: Mode = Mode::Download { overwrite: false };

/// The native way, unless the suite runs on the portable one; then only that.
fn modes() -> Vec<SysMode> {
    match SysMode::parse(std::env::var("BITLODE_SYS").ok().as_deref()) {
        SysMode::Native => vec![SysMode::Native, SysMode::Portable],
        mode => vec![mode],
    }
}

fn rig(content: &Content, dir: &TempDir, sys: SysMode, mode: Mode) -> Rig<RealDisk> {
    let pool = Arc::new(FilePool::new(RealDisk::new(sys, 0), 4));
    Rig::new(content, pool, dir.path(), mode, limits())
}

fn several() -> Content {
    Content::new(32 * KIB, &[(&["a"], 50_000), (&["d", "e", "b"], 70_001), (&["empty"], 0), (&["d", "c"], 9_999)])
}

fn assert_files(content: &Content, dir: &TempDir) {
    for (path, bytes) in content.files() {
        assert!(fs::read(dir.join(&path)).unwrap() == bytes, "{path:?}");
    }
}

fn put(content: &Content, dir: &TempDir) {
    for (path, bytes) in content.files() {
        fs::create_dir_all(dir.join(&path).parent().unwrap()).unwrap();
        fs::write(dir.join(&path), bytes).unwrap();
    }
}

#[test]
fn a_download_into_a_new_folder_is_byte_identical_and_leaves_nothing_else() {
    for sys in modes() {
        let (content, dir) = (several(), TempDir::new());
        let pool = Arc::new(FilePool::new(RealDisk::new(sys, 0), 2));
        let mut rig = Rig::new(&content, pool.clone(), dir.path().join("new/folder"), DOWNLOAD, limits());
        rig.go(StoreInput::Open);
        rig.give_all();
        assert!(rig.is_completed(), "{sys:?} {:?}", rig.said);
        let below: Vec<_> = fs::read_dir(dir.path().join("new/folder")).unwrap().collect();
        assert_eq!(below.len(), 1, "{below:?}");
        for (path, bytes) in content.files() {
            assert!(fs::read(dir.path().join("new/folder").join(path.join("/"))).unwrap() == bytes);
        }
        assert!(pool.open_files() <= 2);
    }
}

#[test]
fn an_unfinished_download_is_sparse_and_goes_on() {
    for sys in modes() {
        let (content, dir) = (Content::new(64 * KIB, &[(&["big"], 8 << 20), (&["x"], 100)]), TempDir::new());
        let mut first = rig(&content, &dir, sys, DOWNLOAD);
        first.go(StoreInput::Open);
        first.give_piece(100);
        let meta = fs::metadata(dir.path().join("t/big")).unwrap();
        assert!(meta.blocks() * 512 < 1 << 20 && meta.len() > 6 << 20);
        assert!(!dir.path().join("t/x").exists(), "made on its first write");
        drop(first);
        let mut second = rig(&content, &dir, sys, DOWNLOAD);
        second.go(StoreInput::Open);
        assert_eq!(second.checked().unwrap().iter().collect::<Vec<_>>(), [PieceIndex(100)]);
        (0..content.pieces()).filter(|piece| *piece != 100).for_each(|piece| second.give_piece(piece));
        assert!(second.is_completed());
        assert_files(&content, &dir);
    }
}

#[test]
fn a_folder_that_is_missing_is_a_code_for_whoever_does_not_download() {
    for sys in modes() {
        let (content, dir) = (several(), TempDir::new());
        for mode in [Mode::Seed, Mode::Verify] {
            let pool = Arc::new(FilePool::new(RealDisk::new(sys, 0), 2));
            let mut rig = Rig::new(&content, pool, dir.path().join("none"), mode, limits());
            rig.go(StoreInput::Open);
            assert_eq!(rig.stopped(), Some(Code::StorageMissing));
            assert!(!dir.path().join("none").exists());
        }
    }
}

#[test]
fn row_17_no_symbolic_link_is_made_or_written_through() {
    for sys in modes() {
        // A link that stands there already is refused, at the end of a path and before it.
        for link in ["t/a", "t/d", "t"] {
            let (content, dir, outside) = (several(), TempDir::new(), TempDir::new());
            fs::create_dir_all(dir.path().join(link).parent().unwrap()).unwrap();
            let target = if link == "t/a" { outside.path().join("file") } else { outside.path() };
            symlink(&target, dir.path().join(link)).unwrap();
            let mut rig = rig(&content, &dir, sys, Mode::Download { overwrite: true });
            rig.go(StoreInput::Open);
            assert_eq!(rig.stopped(), Some(Code::StorageSymlink), "{sys:?} {link}");
            rig.give_all();
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{sys:?} {link}");
        }
    }
}

#[test]
fn row_17_a_link_that_the_torrent_brings_is_not_made() {
    let bytes = vec![5; 20_000];
    let hashes: Vec<u8> = bytes.chunks(32 * 1024).flat_map(bitlode_hash::sha1).collect();
    let mut raw =
        b"d5:filesld6:lengthi20000e4:pathl1:aeed4:attr1:l6:lengthi0e4:pathl4:evile12:symlink pathl3:etc6:passwdeee\
        4:name1:t12:piece lengthi32768e6:pieces20:"
            .to_vec();
    raw.extend(hashes);
    raw.push(b'e');
    let content = Content::parse(&raw, bytes);
    assert!(content.info.layout.files().iter().any(|file| file.attr.symlink), "the link was parsed as one");
    for sys in modes() {
        let dir = TempDir::new();
        let mut rig = rig(&content, &dir, sys, DOWNLOAD);
        rig.go(StoreInput::Open);
        rig.give_all();
        assert!(rig.is_completed(), "{:?}", rig.said);
        assert!(fs::symlink_metadata(dir.path().join("t/evil")).is_err(), "{sys:?}");
        assert_eq!(fs::read_dir(dir.path().join("t")).unwrap().count(), 1);
    }
}

#[test]
fn row_18_a_link_put_there_during_the_download_is_not_followed() {
    for sys in modes() {
        for link in ["t", "t/d"] {
            let (content, dir, outside) = (several(), TempDir::new(), TempDir::new());
            let mut rig = rig(&content, &dir, sys, DOWNLOAD);
            rig.go(StoreInput::Open);
            let at = dir.path().join(link);
            let _ = fs::remove_dir_all(&at);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            symlink(outside.path(), &at).unwrap();
            rig.give_all();
            assert!(rig.stopped().is_some(), "{sys:?} {link}");
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{sys:?} {link}");
        }
    }
}

#[test]
fn row_18_names_that_lead_out_of_the_root_are_refused_below_the_sanitizer_too() {
    for sys in modes() {
        let dir = TempDir::new();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::write(dir.path().join("secret"), b"x").unwrap();
        let disk = RealDisk::new(sys, 0);
        let root = disk.open_root(&dir.path().join("root"), false).unwrap();
        for path in [&["..", "secret"][..], &["../secret"], &["a", "..", "..", "secret"], &["/etc/passwd"]] {
            assert!(disk.open(&root, path, Access::Read).is_err(), "{sys:?} {path:?}");
            assert!(!matches!(disk.stat(&root, path), Ok(Some(_))), "{sys:?} {path:?}");
            assert!(disk.remove(&root, path).is_err() || dir.path().join("secret").exists());
        }
        assert!(dir.path().join("secret").exists());
    }
}

#[test]
fn what_is_written_past_the_page_cache_is_what_is_read_also_where_the_file_system_refuses() {
    let bytes: Vec<u8> = (0..100_003u32).map(|n| (n * 7) as u8).collect();
    // The memory file system is nothing but page cache, and says so.
    for parent in [std::env::temp_dir(), "/dev/shm".into()] {
        for (sys, limit) in modes().into_iter().flat_map(|sys| [(sys, 0), (sys, u64::MAX)]) {
            let dir = parent.join(format!("bitlode-past-{}", std::process::id()));
            let disk = RealDisk::new(sys, limit);
            let root = disk.open_root(&dir, true).unwrap();
            let file = disk.open(&root, &["f"], Access::Create).unwrap();
            // Behind a hole, at an odd place, and again over the middle.
            for (at, part) in [(50_001, 50_001..100_003), (0, 0..50_001), (30_000, 30_000..60_000)] {
                let (mut at, mut rest): (u64, &[u8]) = (at, &bytes[part]);
                while !rest.is_empty() {
                    let (left, right) = rest.split_at(rest.len() / 2);
                    let coming = Coming { len: 100_003, whole: true };
                    let n = disk.write_final(&file, &[IoSlice::new(left), IoSlice::new(right)], at, coming).unwrap();
                    (at, rest) = (at + n as u64, &rest[n..]);
                }
            }
            disk.sync(&file).unwrap();
            assert_eq!(fs::read(dir.join("f")).unwrap(), bytes, "{parent:?} {sys:?} {limit}");
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_written_fast_ends_where_it_was_written_and_is_allocated_around_that_at_most() {
    let (dir, mib) = (PathBuf::from(format!("/var/tmp/bitlode-places-{}", std::process::id())), 1 << 20);
    for (sys, limit) in modes().into_iter().flat_map(|sys| [(sys, 0), (sys, u64::MAX)]) {
        let disk = RealDisk::new(sys, limit);
        let root = disk.open_root(&dir, true).unwrap();
        let file = disk.open(&root, &["f"], Access::Create).unwrap();
        let (bytes, coming) = (vec![7; mib], Coming { len: 100 * mib as u64, whole: false });
        for at in [22, 21, 20] {
            let written = disk.write_final(&file, &[IoSlice::new(&bytes)], (at * mib) as u64, coming);
            assert_eq!(written, Ok(mib));
        }
        disk.sync(&file).unwrap();
        let stat = disk.file_stat(&file).unwrap();
        assert_eq!(stat.size, 23 * mib as u64, "{sys:?} {limit}");
        // Some pages may be the file system's own.
        let most = if sys == SysMode::Native && limit == 0 { 8 } else { 3 };
        assert!(stat.allocated <= most * mib as u64 + 262_144, "{sys:?} {limit} {}", stat.allocated);
        let read = fs::read(dir.join("f")).unwrap();
        let (hole, written) = read.split_at(20 * mib);
        assert!(hole.iter().all(|byte| *byte == 0) && written.iter().all(|byte| *byte == 7));
        fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn row_78_the_real_disk_maps_what_it_meets() {
    for sys in modes() {
        let dir = TempDir::new();
        let disk = RealDisk::new(sys, 0);
        let root = disk.open_root(&dir.path(), false).unwrap();
        let long = "n".repeat(300);
        assert_eq!(disk.open(&root, &[&long], Access::Create).err(), Some(Fault::Name), "{sys:?}");
        assert_eq!(disk.open(&root, &["none"], Access::Write).err(), Some(Fault::Missing));
        assert_eq!(disk.open(&root, &["none", "f"], Access::Create).err(), Some(Fault::Missing));
        fs::create_dir(dir.path().join("folder")).unwrap();
        assert_eq!(disk.open(&root, &["folder"], Access::Read).err(), Some(Fault::WrongKind));
        fs::write(dir.path().join("file"), b"x").unwrap();
        assert_eq!(disk.open(&root, &["file", "f"], Access::Create).err(), Some(Fault::WrongKind));
        assert_eq!(disk.make_dir(&root, &["file"]).err(), Some(Fault::WrongKind));
        assert_eq!(disk.make_dir(&root, &["folder"]), Ok(false));
        assert_eq!(disk.make_dir(&root, &["folder", "new"]), Ok(true));
        assert_eq!(disk.remove(&root, &["none"]), Ok(false));
        assert!(disk.open_root(&dir.path().join("file"), false).is_err());
        if sys == SysMode::Native {
            assert!(disk.free_space(&root).unwrap().is_some());
        }
    }
}

#[test]
fn row_78_no_permission_is_a_code() {
    use std::os::unix::fs::PermissionsExt;
    let (content, dir) = (several(), TempDir::new());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(dir.path().join("probe"), b"").is_ok() {
        // Root may write anywhere: a read-only file system is what stops it.
        let _ = fs::remove_file(dir.path().join("probe"));
        let pool = Arc::new(FilePool::new(RealDisk::new(SysMode::Native, 0), 2));
        let mut rig = Rig::new(&content, pool, "/proc/sys/kernel".into(), DOWNLOAD, limits());
        rig.go(StoreInput::Open);
        assert!(rig.stopped().is_some() && rig.checked().is_none(), "{:?}", rig.said);
        return;
    }
    let mut rig = rig(&content, &dir, SysMode::Native, DOWNLOAD);
    rig.go(StoreInput::Open);
    assert_eq!(rig.stopped(), Some(Code::StorageAccess));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn row_80_a_file_that_changes_while_it_is_seeded_is_no_longer_served_and_the_others_are() {
    type Change = fn(&std::path::Path);
    let changes: [(&str, Change); 6] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("truncated", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap()),
        ("grown", |path| {
            let bytes = [fs::read(path).unwrap(), vec![0; 10]].concat();
            fs::write(path, bytes).unwrap();
        }),
        ("rewritten", |path| {
            let bytes = fs::read(path).unwrap();
            std::process::Command::new("sleep").arg("0.02").status().unwrap();
            fs::write(path, bytes).unwrap();
        }),
        ("replaced", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path.with_extension("new"), bytes).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
        ("replaced by a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for sys in modes() {
        for (name, change) in changes {
            for warm in [false, true] {
                let (content, dir) = (several(), TempDir::new());
                put(&content, &dir);
                let mut rig = rig(&content, &dir, sys, Mode::Seed);
                rig.go(StoreInput::Open);
                assert!(rig.checked().unwrap().is_full());
                if warm {
                    // The file is open when it changes.
                    rig.go(StoreInput::Read { id: 1, blocks: content.blocks(0) });
                } else {
                    (1..content.pieces()).for_each(|piece| {
                        rig.go(StoreInput::Read { id: 1, blocks: content.blocks(piece) });
                    });
                }
                rig.take();
                change(&dir.path().join("t/a"));
                rig.go(StoreInput::Read { id: 2, blocks: content.blocks(0) });
                let failed = rig.said.iter().find_map(|said| match said {
                    StoreOutput::ReadFailed { id: 2, code } => Some(*code),
                    _ => None,
                });
                assert_eq!(failed, Some(Code::StorageChanged), "{sys:?} {name} {warm} {:?}", rig.said);
                assert_eq!((rig.unhad(), rig.stopped()), (vec![0, 1], None), "{sys:?} {name} {warm}");
                rig.take();
                rig.go(StoreInput::Read { id: 3, blocks: content.blocks(3) });
                assert!(matches!(rig.said[..], [StoreOutput::ReadDone { id: 3, .. }]), "{sys:?} {name} {warm}");
            }
        }
    }
}

#[test]
fn row_82_what_is_there_is_neither_written_nor_truncated_without_leave() {
    for sys in modes() {
        let (content, dir) = (several(), TempDir::new());
        fs::create_dir(dir.path().join("t")).unwrap();
        let longer = [content.files()[0].1, b"and more"].concat();
        fs::write(dir.path().join("t/a"), &longer).unwrap();
        let mut first = rig(&content, &dir, sys, DOWNLOAD);
        first.go(StoreInput::Open);
        assert_eq!(first.stopped(), Some(Code::StorageExists));
        assert!(fs::read(dir.path().join("t/a")).unwrap() == longer);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let mut second = rig(&content, &dir, sys, Mode::Download { overwrite: true });
        second.go(StoreInput::Open);
        second.give_all();
        assert!(second.is_completed());
        assert!(fs::read(dir.path().join("t/a")).unwrap() == longer, "never truncated");
    }
}

#[test]
fn reads_of_what_is_in_the_page_cache_need_no_other_thread() {
    let (content, dir) = (several(), TempDir::new());
    put(&content, &dir);
    let mut rig = rig(&content, &dir, SysMode::Native, Mode::Seed);
    rig.go(StoreInput::Open);
    rig.go(StoreInput::Read { id: 1, blocks: content.blocks(0) });
    rig.take();
    rig.tell(StoreInput::Read { id: 2, blocks: content.blocks(0) });
    let job = rig.jobs.pop_front().unwrap();
    match run_now(job, &rig.files) {
        Ok(done) => rig.tell(StoreInput::Done(done)),
        // Not every file system can tell; then the job comes back whole.
        Err(job) => rig.jobs.push_back(job),
    }
    rig.settle();
    let StoreOutput::ReadDone { id: 2, chunks } = &rig.said[0] else { panic!("{:?}", rig.said) };
    assert!(chunks.iter().all(|(block, chunk)| **chunk == *content.of(*block)));
    // A file that is not open is never opened there.
    let mut cold = self::rig(&content, &dir, SysMode::Portable, Mode::Seed);
    cold.go(StoreInput::Open);
    cold.tell(StoreInput::Read { id: 3, blocks: content.blocks(0) });
    assert!(run_now(cold.jobs.pop_front().unwrap(), &cold.files).is_err());
}

#[test]
fn a_store_error_names_the_file_and_its_code() {
    let error = bitlode_storage::StorageError::Disk { action: "write", path: "t/a".to_owned(), fault: Fault::Full };
    assert_eq!((error.to_string().as_str(), error.code()), ("write t/a: no space left", Code::StorageFull));
}
