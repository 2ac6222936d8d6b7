//! Writing .torrent files: v1, v2 and hybrid.

mod common;

use bitlode_base::{Code, Coded, FileIndex};
use bitlode_bencode::{Limits, decode};
use bitlode_hash::sha1;
use bitlode_metainfo::Metainfo;
use bitlode_metainfo::create::{Create, Format, Padding, Privacy, in_order, piece_length_for};
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
        nodes: vec![("router.example".to_owned(), 6881), ("::1".to_owned(), 1)],
        ..Create::default()
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
    assert_eq!(metainfo.nodes, create.nodes);
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

/// A torrent of these files with pieces of 64 KiB.
fn made(name: &str, files: &[(&str, &[u8])], format: Format, padding: Padding) -> Create {
    common::made(name, files, format, padding, 65536)
}

#[test]
fn info_hashes_of_v2_and_hybrid_torrents_are_those_of_the_reference_creator() {
    let data = content(200_000);
    let t: [(&str, &[u8]); 3] = [("a.bin", &data), ("b.bin", &data[1..65537]), ("empty", &[])];
    let h: [(&str, &[u8]); 2] = [("a", &data[..70_000]), ("b", &data[..10])];
    let single: [(&str, &[u8]); 1] = [("", &data)];
    let folder: [(&str, &[u8]); 4] = [("a", &[]), ("b", &data[..10]), ("c/d", &data[..3]), ("c.x", &data[..65536])];
    type Row<'a> = (&'a str, &'a [(&'a str, &'a [u8])], &'a str, &'a str);
    let rows: [Row<'_>; 4] = [
        (
            "t",
            &t,
            "b8d3cfa4d5f52c2355092f1b8635d27aeb345273",
            "51acb042c2d4e6048485cb11b46ed1924a695962dc18f7c90680ea153bfe0a0c",
        ),
        (
            "h",
            &h,
            "cf58251bd442a31bbb3a94ecd31f75757f8b9306",
            "c10dae0656d5692d1a6af88e0e748bb92cda54c8f958edba6727f28f6db33268",
        ),
        (
            "a.bin",
            &single,
            "4e3bfee1054c81501c1530053e23aa5c99ce23cc",
            "a023533e33874bc3569dd977ab9fe2a085e9a3509e05934b96f8958c5711a69f",
        ),
        (
            "e",
            &folder,
            "1039df275220fe21bab8692095f8e52dcfcdd2d8",
            "8b7b9591715ffdebc6cb2bfd10e1759b1b098e543363744217453fa8993d37cd",
        ),
    ];
    for (name, files, v1, v2) in rows {
        let bytes = made(name, files, Format::Hybrid, Padding::Packed).torrent().unwrap();
        let metainfo = Metainfo::parse(&bytes, &LIMITS).unwrap();
        assert_eq!(metainfo.warnings, [], "{name}");
        let hashes = metainfo.info.hashes;
        assert_eq!((hashes.v1.map(|v1| hex(&v1)), hashes.v2.map(|v2| hex(&v2))), (Some(v1.into()), Some(v2.into())));
        assert!(decode(&bytes, Limits { depth: 10, tokens: 1000 }).unwrap().warnings().is_empty());
    }
    let v2_only = [
        ("t", &t[..], "08c64ec3fd864e6c5c679c675a8eee5c220c6964e95f0275e16ac130dd4e007a"),
        ("h", &h, "c43833383ac8a4c8e08415330326abb43b404be41c095eede36c978f6d7961d4"),
        ("a.bin", &single, "06aba6abf6791027926916ea359ed9ca3d42b91a4da9efddac5e2ae0e5886f5b"),
        ("e", &folder, "c6dabf715f18ba1a1abc9cd133e6869fed3224c145cf193d62fa65febe74b046"),
    ];
    for (name, files, v2) in v2_only {
        let bytes = made(name, files, Format::V2, Padding::Packed).torrent().unwrap();
        let hashes = Metainfo::parse(&bytes, &LIMITS).unwrap().info.hashes;
        assert_eq!((hashes.v1, hashes.v2.map(|v2| hex(&v2))), (None, Some(v2.to_owned())), "{name}");
    }
}

#[test]
fn a_padded_v1_torrent_has_every_file_at_a_piece_and_the_pads_of_a_hybrid() {
    let data = content(200_000);
    let files: [(&str, &[u8]); 3] = [("a", &data[..70_000]), ("b", &[]), ("c", &data[..5])];
    let of = |format, padding| {
        let torrent = made("n", &files, format, padding).torrent().unwrap();
        let layout = Metainfo::parse(&torrent, &LIMITS).unwrap().info.layout.clone();
        layout.files().iter().map(|file| (file.len, file.offset, file.attr.pad)).collect::<Vec<_>>()
    };
    let padded = of(Format::V1, Padding::Aligned);
    let want = [(70_000, 0, false), (61_072, 70_000, true), (0, 131_072, false), (5, 131_072, false)];
    assert_eq!(padded[..4], want);
    assert_eq!(padded, of(Format::Hybrid, Padding::Packed));
    assert_eq!(of(Format::V1, Padding::Packed).len(), 3);
}

#[test]
fn v1_sorts_whole_paths_and_v2_sorts_component_by_component() {
    let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    let sorted = |format| {
        let mut paths = ["c.x", "c/d", "c-", "b/é", "b/z", "a", "c/"].map(path);
        paths.sort_by(|a, b| in_order(format, a, b));
        paths.map(|path| path.join("/"))
    };
    assert_eq!(sorted(Format::V1), ["a", "b/z", "b/é", "c-", "c.x", "c/", "c/d"]);
    assert_eq!(sorted(Format::V2), ["a", "b/z", "b/é", "c/", "c/d", "c-", "c.x"]);
    assert_eq!(sorted(Format::Hybrid), sorted(Format::V2));
}

#[test]
fn trees_that_do_not_fit_their_files_are_not_written() {
    let data = content(70_000);
    let files: [(&str, &[u8]); 3] = [("a", &data), ("b/c", &data[..9]), ("b/d", &[])];
    let code = |change: fn(&mut Create)| {
        let mut create = made("n", &files, Format::Hybrid, Padding::Packed);
        change(&mut create);
        create.torrent().map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(code(|_| {}), Ok(()));
    assert_eq!(code(|create| drop(create.trees.pop())), Err(Code::MetainfoPieces));
    assert_eq!(code(|create| create.trees[0].layer.push(0)), Err(Code::MetainfoPieces));
    assert_eq!(code(|create| create.trees[1].layer = vec![0; 32]), Err(Code::MetainfoPieces));
    assert_eq!(code(|create| create.format = Format::V1), Err(Code::MetainfoPieces));
    assert_eq!(code(|create| create.format = Format::V2), Err(Code::MetainfoPieces));
    assert_eq!(code(|create| create.files.swap(0, 1)), Err(Code::MetainfoInvalid));
    assert_eq!(code(|create| create.files[2] = create.files[1].clone()), Err(Code::MetainfoInvalid));
    let nested = |create: &mut Create| create.files[2].0 = vec!["b".to_owned(), "c".to_owned(), "x".to_owned()];
    assert_eq!(code(nested), Err(Code::MetainfoInvalid));
}
