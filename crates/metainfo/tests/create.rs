//! Writing .torrent files.

mod common;

use bitlode_base::{Code, Coded, FileIndex};
use bitlode_bencode::{Limits, decode};
use bitlode_hash::sha1;
use bitlode_metainfo::Metainfo;
use bitlode_metainfo::create::{Create, Privacy, piece_length_for};
use common::{LIMITS, content, hex};

fn multi() -> Create {
    let data = content(50_000);
    Create {
        name: "dir".to_owned(),
        files: vec![
            (vec!["b".to_owned(), "two.txt".to_owned()], 20_000),
            (vec!["empty".to_owned()], 0),
            (vec!["a.txt".to_owned()], 30_000),
        ],
        piece_length: 16384,
        pieces: data.chunks(16384).flat_map(sha1).collect(),
        private: Privacy::Private,
        source: Some("here".to_owned()),
        trackers: vec![vec!["http://a/announce".to_owned(), "udp://b:1".to_owned()], vec!["http://c/x".to_owned()]],
        web_seeds: vec!["http://w/".to_owned()],
        comment: Some("a remark".to_owned()),
        created_by: Some("Bitlode".to_owned()),
        creation_date: Some(1_700_000_000),
    }
}

#[test]
fn what_is_written_is_canonical_and_reads_back_the_same() {
    let create = multi();
    let bytes = create.torrent().unwrap();
    assert!(decode(&bytes, Limits { depth: 10, tokens: 1000 }).unwrap().warnings().is_empty());
    let metainfo = Metainfo::parse(&bytes, &LIMITS).unwrap();
    assert_eq!(metainfo.warnings, []);
    assert_eq!(*metainfo.info.raw, create.info().unwrap());
    assert_eq!((metainfo.trackers, metainfo.web_seeds), (create.trackers, create.web_seeds));
    assert_eq!(metainfo.comment.as_deref(), Some("a remark"));
    assert_eq!((metainfo.created_by.as_deref(), metainfo.creation_date), (Some("Bitlode"), Some(1_700_000_000)));
    assert!(metainfo.info.private && metainfo.info.source.as_deref() == Some("here"));
    let paths: Vec<String> =
        (0..3).map(|n| metainfo.info.disk_path(FileIndex(n)).collect::<Vec<_>>().join("/")).collect();
    assert_eq!(paths, ["dir/b/two.txt", "dir/empty", "dir/a.txt"]);
}

#[test]
fn a_single_file_has_a_length_and_the_known_info_hash() {
    let create = Create {
        name: "a.txt".to_owned(),
        files: vec![(Vec::new(), 5)],
        piece_length: 16384,
        pieces: sha1(b"hello").to_vec(),
        ..Create::default()
    };
    let metainfo = Metainfo::parse(&create.torrent().unwrap(), &LIMITS).unwrap();
    assert_eq!(hex(&metainfo.info.hashes.best()), "de3edc1dfa1958affac1dbdc8f34d4d6dac43f00");
    assert!(metainfo.info.is_single_file() && !metainfo.info.private && metainfo.trackers.is_empty());
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let code = |change: fn(&mut Create)| {
        let mut create = multi();
        change(&mut create);
        create.torrent().unwrap_err().code()
    };
    assert_eq!(code(|create| create.piece_length = 20_000), Code::MetainfoPieceLength);
    assert_eq!(code(|create| create.piece_length = 8192), Code::MetainfoPieceLength);
    assert_eq!(code(|create| create.pieces.push(0)), Code::MetainfoPieces);
    assert_eq!(code(|create| create.files[0].1 += 20_000), Code::MetainfoPieces);
    assert_eq!(code(|create| create.files[0].1 = u64::MAX), Code::MetainfoSize);
    assert_eq!(code(|create| create.files.clear()), Code::MetainfoSize);
    assert_eq!(code(|create| create.files[1].0.clear()), Code::MetainfoInvalid);
    for name in ["", ".", "..", "a/b", "a\\b", "a\0"] {
        let mut create = multi();
        create.files[2].0[0] = name.to_owned();
        assert_eq!(create.torrent().unwrap_err().code(), Code::MetainfoInvalid, "{name:?}");
    }
}

#[test]
fn the_automatic_piece_length_keeps_the_number_of_pieces_small() {
    for (total, want) in [(0, 16 << 10), (1, 16 << 10), (1500 * 16384, 16 << 10), (1500 * 16384 + 1, 32 << 10)] {
        assert_eq!(piece_length_for(total), want, "{total}");
    }
    assert_eq!(piece_length_for(1 << 30), 1 << 20);
    assert_eq!(piece_length_for(u64::MAX), 16 << 20);
}
