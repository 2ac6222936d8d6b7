//! Making torrents.

use bitlode_base::{Code, FileIndex};
use bitlode_engine::api::*;
use bitlode_metainfo::Metainfo;
use bitlode_node::limits;

use crate::support::*;

fn wish(path: std::path::PathBuf, piece_length: Option<u32>) -> CreateTorrent {
    let trackers = vec![vec!["http://tracker.example/announce".into()]];
    let (comment, created_by) = (Some("a remark".into()), Some("test".into()));
    CreateTorrent { path, piece_length, trackers, private: true, comment, created_by, creation_date: Some(1) }
}

#[test]
fn a_folder_becomes_a_torrent_with_its_files_in_the_order_of_their_bytes() {
    let folder = Folder::new();
    folder.write("box/b", 100_000, 1);
    folder.write("box/a/z", 50_000, 2);
    folder.write("box/a.txt", 1, 3);
    folder.write("box/empty", 0, 4);
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", folder.join("box/link")).unwrap();
    let mut caller = Caller::with(Options { network: false, ..options(settings(), 1) });
    let request = caller.engine.command(Command::Create(wish(folder.join("box"), Some(16 * 1024)))).unwrap();
    let Ok(ReplyBody::Created(bytes)) = caller.reply(request) else { panic!() };
    let metainfo = Metainfo::parse(&bytes, &limits::metainfo(&settings())).unwrap();
    let info = &metainfo.info;
    let files = 0..info.layout.files().len() as u32;
    let names: Vec<Vec<&str>> = files.map(|file| info.disk_path(FileIndex(file)).collect()).collect();
    let wanted: [&[&str]; 4] = [&["box", "a.txt"], &["box", "a", "z"], &["box", "b"], &["box", "empty"]];
    assert_eq!(names, wanted);
    assert!(info.private && metainfo.comment.as_deref() == Some("a remark") && metainfo.warnings.is_empty());
    #[cfg(unix)]
    assert!(caller.facts.iter().any(|fact| fact.kind == "create-skipped" && fact.message.contains("link")));
    // Checking it with another piece of code says that every hash is right.
    let id = caller.add(&bytes, &folder.0, Mode::Verify);
    caller.until("the check", |caller| caller.torrents.get(&id).is_some_and(|state| state.ready));
    assert_eq!(caller.have(id), info.layout.piece_count());
}

#[test]
fn a_single_file_of_many_tasks_reports_its_progress() {
    let folder = Folder::new();
    let path = folder.write("film", 40 << 20, 1);
    let mut caller = Caller::with(Options { network: false, ..options(settings(), 1) });
    let request = caller.engine.command(Command::Create(wish(path, None))).unwrap();
    caller.until("progress", |caller| caller.progress.iter().any(|(of, done, _)| *of == request && *done > 0));
    let Ok(ReplyBody::Created(bytes)) = caller.reply(request) else { panic!() };
    let id = caller.add(&bytes, &folder.0, Mode::Verify);
    caller.until("the check", |caller| caller.torrents.get(&id).is_some_and(|state| state.ready));
    assert_eq!(caller.have(id), caller.torrents[&id].pieces);
    let steps: Vec<_> = caller.progress.iter().map(|(_, done, _)| *done).collect();
    assert!(steps.is_sorted());
}

#[test]
fn what_cannot_be_made_says_why() {
    let folder = Folder::new();
    let path = folder.write("film", 100_000, 1);
    std::fs::create_dir(folder.join("nothing")).unwrap();
    let mut caller = Caller::with(Options { network: false, ..options(settings(), 1) });
    let mut code = |wish| caller.ask(Command::Create(wish)).unwrap_err().code;
    assert_eq!(code(wish(path.clone(), Some(20_000))), Code::MetainfoPieceLength);
    assert_eq!(code(wish(path.clone(), Some(8 * 1024))), Code::MetainfoPieceLength);
    assert_eq!(code(wish(folder.join("absent"), None)), Code::FileRead);
    assert_eq!(code(wish(folder.join("nothing"), None)), Code::MetainfoSize);
}

#[test]
fn a_creation_can_be_cancelled() {
    let folder = Folder::new();
    let path = folder.join("sparse");
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let mut caller = Caller::with(Options { network: false, ..options(settings(), 1) });
    let request = caller.engine.command(Command::Create(wish(path, None))).unwrap();
    caller.until("the start", |caller| !caller.progress.is_empty());
    caller.done(Command::CancelCreate(request));
    assert_eq!(caller.reply(request).unwrap_err().code, Code::Aborted);
    let unknown = caller.ask(Command::CancelCreate(RequestId(1 << 50))).unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
}
