//! Reading content, while it is fetched and after.

use bitlode_base::{Code, FileIndex};
use bitlode_engine::api::*;
use bitlode_session::TorrentId;

use crate::support::*;

fn open(caller: &mut Caller, torrent: TorrentId, file: u32, start: u64, end: u64) -> Result<ReaderId, Failure> {
    match caller.ask(Command::OpenReader { torrent, file: FileIndex(file), start, end })? {
        ReplyBody::Reader(reader) => Ok(reader),
        other => panic!("{other:?}"),
    }
}

fn read_all(caller: &mut Caller, reader: ReaderId) -> Vec<u8> {
    let mut got = Vec::new();
    let mut buffer = vec![0; 50_000];
    loop {
        match caller.engine.read_take(reader, &mut buffer).unwrap() {
            0 if caller.readers.get(&reader).is_some_and(|state| state.ended && state.ready == 0) => return got,
            0 => caller.until("bytes", |caller| {
                caller.readers.remove(&reader).is_some_and(|mut state| {
                    let news = state.ready > 0 || state.ended;
                    state.ready = 0;
                    caller.readers.insert(reader, state);
                    news
                })
            }),
            count => got.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn a_file_is_read_in_order_while_it_is_downloaded() {
    let (source, target) = (Folder::new(), Folder::new());
    source.write("album/a", 1_000_003, 1);
    source.write("album/b", 5_000_000, 2);
    let mut seeder = Caller::open(1);
    let torrent = seeder.create(&source.join("album"), 64 * 1024);
    seeder.seed(&torrent, &source.0);
    let addr = seeder.listen();

    let mut leecher = Caller::open(1);
    let id = leecher.download(&torrent, &target.0);
    let whole = open(&mut leecher, id, 1, 0, 5_000_000).unwrap();
    let part = open(&mut leecher, id, 0, 999_000, 1_000_003).unwrap();
    leecher.peer(id, addr);
    assert!(read_all(&mut leecher, whole) == bytes(5_000_000, 2));
    assert!(read_all(&mut leecher, part) == bytes(1_000_003, 1)[999_000..]);
    leecher.engine.reader_close(whole);
    leecher.engine.reader_close(part);
    assert_eq!(leecher.engine.read_take(whole, &mut [0; 8]).unwrap_err().code, Code::NotFound);
}

#[test]
fn ranges_outside_the_file_are_refused_and_a_removed_torrent_ends_its_readers() {
    let source = Folder::new();
    let path = source.write("film", 3_000_000, 3);
    let mut caller = Caller::open(1);
    let torrent = caller.create(&path, 64 * 1024);
    let id = caller.seed(&torrent, &source.0);
    assert_eq!(open(&mut caller, id, 0, 0, 3_000_001).unwrap_err().code, Code::InvalidOption);
    assert_eq!(open(&mut caller, id, 1, 0, 1).unwrap_err().code, Code::InvalidOption);
    assert_eq!(open(&mut caller, id, 0, 2, 1).unwrap_err().code, Code::InvalidOption);
    let nothing = open(&mut caller, id, 0, 5, 5).unwrap();
    assert!(read_all(&mut caller, nothing).is_empty());
    let reader = open(&mut caller, id, 0, 0, 3_000_000).unwrap();
    caller.until("the first bytes", |caller| caller.readers.get(&reader).is_some_and(|state| state.ready > 0));
    caller.done(Command::Remove(id));
    caller.until("the end", |caller| caller.readers.get(&reader).is_some_and(|state| state.error.is_some()));
    let mut buffer = vec![0; 3_000_000];
    let failure = loop {
        match caller.engine.read_take(reader, &mut buffer) {
            Ok(count) => assert!(count > 0, "what was ready is given before the failure"),
            Err(failure) => break failure,
        }
    };
    assert!(matches!(failure.code, Code::Closed | Code::NotFound), "{failure:?}");
}
