//! Making torrents.

use bitlode_base::{Code, FileIndex};
use bitlode_engine::api::*;
use bitlode_metainfo::Metainfo;
use bitlode_node::limits;

use crate::support::*;

fn wish(path: std::path::PathBuf, piece_length: Option<u32>) -> CreateTorrent {
    let trackers = vec![vec!["http://tracker.example/announce".into()]];
    let (comment, created_by) = (Some("a remark".into()), Some("test".into()));
    let (content, creation_date) = (Content::Path(path), Some(1));
    CreateTorrent {
        content,
        piece_length,
        trackers,
        private: true,
        comment,
        created_by,
        creation_date,
        ..CreateTorrent::default()
    }
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

#[test]
fn files_that_are_named_one_by_one_become_a_torrent_of_that_name() {
    let folder = Folder::new();
    folder.write("x", 40_000, 1);
    folder.write("y", 30_000, 2);
    let mut caller = Caller::with(Options { network: false, ..options(settings(), 1) });
    let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    let files = vec![(path("c.x"), folder.join("x")), (path("c/d"), folder.join("y"))];
    let wish = CreateTorrent {
        content: Content::Files(files.clone()),
        name: Some("named".into()),
        format: Format::Hybrid,
        web_seeds: vec!["http://w/".into()],
        nodes: vec![("n".into(), 1)],
        source: Some("s".into()),
        ..CreateTorrent::default()
    };
    let Ok(ReplyBody::Created(bytes)) = caller.ask(Command::Create(wish.clone())) else { panic!() };
    let metainfo = Metainfo::parse(&bytes, &limits::metainfo(&settings())).unwrap();
    let names: Vec<Vec<&str>> = (0..4).map(|file| metainfo.info.disk_path(FileIndex(file)).collect()).collect();
    let wanted: [&[&str]; 4] =
        [&["named", "c", "d"], &["named", ".pad", "2768"], &["named", "c.x"], &["named", ".pad", "9152"]];
    assert_eq!(names, wanted);
    assert_eq!((metainfo.web_seeds.len(), metainfo.nodes.len()), (1, 1));
    assert_eq!(metainfo.info.source.as_deref(), Some("s"));
    let code = |result: Result<ReplyBody, Failure>| result.unwrap_err().code;
    let twice = Content::Files(vec![files[0].clone(), files[0].clone()]);
    let twice = CreateTorrent { content: twice, ..wish.clone() };
    assert_eq!(code(caller.ask(Command::Create(twice))), Code::InvalidOption);
    let unnamed = CreateTorrent { name: None, ..wish.clone() };
    assert_eq!(code(caller.ask(Command::Create(unnamed))), Code::MetainfoInvalid);
    let folders = Content::Files(vec![(path("a"), folder.0.clone())]);
    assert_eq!(code(caller.ask(Command::Create(CreateTorrent { content: folders, ..wish }))), Code::FileRead);
}
