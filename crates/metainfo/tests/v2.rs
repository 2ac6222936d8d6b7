//! BEP 52: v2 and hybrid torrents.

mod common;

use bitlode_base::{Code, Coded, FileIndex, PieceIndex};
use bitlode_bencode::{Limits as Bencode, decode};
use bitlode_hash::{merkle, sha1};
use bitlode_metainfo::{Info, Metainfo, MetainfoError, Verifier, Warning};
use common::{Entry, Half, LIMITS, content, entry, hex, v2};

const NOTHING: fn(&mut Vec<Entry>) = |_| {};

fn code(bytes: &[u8]) -> Code {
    Metainfo::parse(bytes, &LIMITS).unwrap_err().code()
}

fn hashes(torrent: &[u8]) -> (String, String) {
    let hashes = Metainfo::parse(torrent, &LIMITS).unwrap().info.hashes;
    (hashes.v1.map(|v1| hex(&v1)).unwrap_or_default(), hashes.v2.map(|v2| hex(&v2)).unwrap_or_default())
}

/// `t`: a.bin, b.bin of one whole piece, and an empty file.
fn t(half: Half, spoil: fn(&mut Vec<Entry>)) -> Vec<u8> {
    let data = content(200_000);
    v2("t", &[("a.bin", &data), ("b.bin", &data[1..65537]), ("empty", &[])], 65536, half, spoil)
}

/// `h`: a file of more than a piece and a small one.
fn h(half: Half) -> Vec<u8> {
    let data = content(70_000);
    v2("h", &[("a", &data), ("b", &data[..10])], 65536, half, NOTHING)
}

#[test]
fn info_hashes_of_v2_and_hybrid_torrents_are_those_of_the_reference_creator() {
    let pair = |v1: &str, v2: &str| (v1.to_owned(), v2.to_owned());
    assert_eq!(
        hashes(&t(Half::NoTailPad, NOTHING)),
        pair(
            "b8d3cfa4d5f52c2355092f1b8635d27aeb345273",
            "51acb042c2d4e6048485cb11b46ed1924a695962dc18f7c90680ea153bfe0a0c"
        )
    );
    let v2_only = "08c64ec3fd864e6c5c679c675a8eee5c220c6964e95f0275e16ac130dd4e007a";
    assert_eq!(hashes(&t(Half::V2Only, NOTHING)), pair("", v2_only));
    let data = content(200_000);
    assert_eq!(
        hashes(&v2("a.bin", &[("a.bin", &data)], 65536, Half::Single, NOTHING)),
        pair(
            "4e3bfee1054c81501c1530053e23aa5c99ce23cc",
            "a023533e33874bc3569dd977ab9fe2a085e9a3509e05934b96f8958c5711a69f"
        )
    );
    assert_eq!(
        hashes(&h(Half::TailPad)),
        pair(
            "cf58251bd442a31bbb3a94ecd31f75757f8b9306",
            "c10dae0656d5692d1a6af88e0e748bb92cda54c8f958edba6727f28f6db33268"
        )
    );
    assert_eq!(
        hashes(&h(Half::NoTailPad)),
        pair(
            "3584153783f5a67bd9558c9a9f32eb605d602a3c",
            "f9dc96ae577c49da1fc63dac3260272fa0bfe95ff90ddcb4ca2cd7528e3d3317"
        )
    );
}

#[test]
fn a_hybrid_has_v1_geometry_with_pads_and_both_kinds_of_hash() {
    let metainfo = Metainfo::parse(&t(Half::NoTailPad, NOTHING), &LIMITS).unwrap();
    let info = &metainfo.info;
    let layout = &info.layout;
    assert_eq!((layout.piece_count(), layout.total()), (5, 200_000 + 62_144 + 65_536));
    let pads: Vec<bool> = layout.files().iter().map(|file| file.attr.pad).collect();
    assert_eq!(pads, [false, true, false, false]);
    let spans: Vec<_> =
        layout.spans(PieceIndex(3), 0, u32::MAX).map(|span| (span.file.0, span.len, span.pad)).collect();
    assert_eq!(spans, [(0, 200_000 - 3 * 65536, false), (1, 62_144, true)]);
    let data = content(200_000);
    assert!(matches!(info.verifier, Verifier::Both { .. }));
    assert_eq!(info.verifier.v1(PieceIndex(1)), Some(sha1(&data[65536..131_072])));
    let leaves = merkle::leaves(&data);
    let layer = merkle::layer_of_blocks(&leaves, 2);
    assert_eq!((0..4).map(|n| info.verifier.v2(PieceIndex(n)).unwrap()).collect::<Vec<_>>(), layer);
    assert_eq!(info.verifier.v2(PieceIndex(4)), layout.files()[2].pieces_root);
    assert_eq!(info.verifier.v2(PieceIndex(5)), None);
    assert!(info.transferable().is_ok());
    assert_eq!(info.disk_path(FileIndex(2)).collect::<Vec<_>>(), ["t", "b.bin"]);
}

#[test]
fn a_v2_only_torrent_parses_with_files_at_piece_boundaries_and_is_not_transferable() {
    let data = content(70_000);
    let files: [(&str, &[u8]); 4] = [("a", &data), ("b", &[]), ("c", &data[..10]), ("d", &data[..65536])];
    let metainfo = Metainfo::parse(&v2("dir", &files, 65536, Half::V2Only, NOTHING), &LIMITS).unwrap();
    let layout = &metainfo.info.layout;
    let places: Vec<_> = layout.files().iter().map(|file| (file.offset / 65536, file.len)).collect();
    assert_eq!(places, [(0, 70_000), (2, 0), (2, 10), (3, 65536)]);
    let lens: Vec<u32> = (0..5).map(|piece| layout.piece_len(PieceIndex(piece))).collect();
    assert_eq!(lens, [65536, 70_000 - 65536, 10, 65536, 0]);
    assert_eq!((layout.piece_count(), layout.total()), (4, 70_000 + 10 + 65536));
    assert_eq!((layout.pieces_of(FileIndex(0)), layout.pieces_of(FileIndex(1))), (0..2, 2..2));
    let spans: Vec<_> =
        layout.spans(PieceIndex(2), 0, u32::MAX).map(|span| (span.file.0, span.offset, span.len)).collect();
    assert_eq!(spans, [(2, 0, 10)]);
    assert_eq!(metainfo.info.transferable(), Err(MetainfoError::V2Only));
    assert_eq!(metainfo.info.transferable().unwrap_err().code().as_str(), "ERR_METAINFO_V2_ONLY");
}

#[test]
fn a_tree_of_one_file_is_a_single_file_torrent() {
    let data = content(10);
    let metainfo = Metainfo::parse(&v2("a.bin", &[("a.bin", &data)], 16384, Half::V2Only, NOTHING), &LIMITS).unwrap();
    assert!(metainfo.info.is_single_file());
    assert_eq!(metainfo.info.disk_path(FileIndex(0)).collect::<Vec<_>>(), ["a.bin"]);
}

#[test]
fn row_20_halves_of_a_hybrid_that_disagree_are_refused() {
    let spoils: [fn(&mut Vec<Entry>); 7] = [
        |files| files[0].len += 1,
        |files| files[0].path = vec![b"other".to_vec()],
        |files| files.swap(0, 2),
        |files| drop(files.remove(1)),
        |files| drop(files.pop()),
        |files| files.push(entry("more", 0)),
        |files| files[1].attr = "",
    ];
    assert!(Metainfo::parse(&t(Half::TailPad, NOTHING), &LIMITS).is_ok());
    for (number, spoil) in spoils.into_iter().enumerate() {
        assert_eq!(code(&t(Half::TailPad, spoil)), Code::MetainfoHybridMismatch, "spoil {number}");
    }
}

fn replaced(torrent: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = torrent.windows(from.len()).position(|window| window == from).expect("the part is there");
    [&torrent[..at], to, &torrent[at + from.len()..]].concat()
}

#[test]
fn row_20_piece_layers_that_do_not_fit_are_refused_and_missing_ones_come_from_peers() {
    let good = t(Half::V2Only, NOTHING);
    let document = decode(&good, Bencode { depth: 100, tokens: 1000 }).unwrap();
    let layers = document.root().get(b"piece layers").unwrap();
    let (root, layer) = layers.as_dict().unwrap().iter().next().map(|(root, layer)| (root, layer.span())).unwrap();

    let mut flipped = layer.to_vec();
    flipped[10] ^= 1;
    assert_eq!(code(&replaced(&good, layer, &flipped)), Code::MetainfoHybridMismatch);
    let short = [b"96:", &layer[4..4 + 96]].concat();
    assert_eq!(code(&replaced(&good, layer, &short)), Code::MetainfoHybridMismatch);
    let empty = replaced(&good, layer, b"0:");
    assert_eq!(code(&empty), Code::MetainfoHybridMismatch);
    let foreign = [b"32:", root].concat();
    let unknown = replaced(&good, &foreign, &[b"32:", &[7; 32][..]].concat());
    // The first match is `pieces root` in the tree, so now the layer's root belongs to no file.
    assert_eq!(code(&unknown), Code::MetainfoHybridMismatch);
    assert_eq!(code(&replaced(&good, layers.span(), b"i1e")), Code::MetainfoInvalid);

    let missing = Metainfo::parse(&replaced(&good, layers.span(), b"de"), &LIMITS).unwrap();
    assert_eq!(missing.warnings, [Warning::LayersMissing { count: 1 }]);
    assert_eq!(missing.info.verifier.v2(PieceIndex(0)), None);
    let from_peer = Info::parse(&missing.info.raw, &LIMITS).unwrap();
    assert_eq!((from_peer.hashes, from_peer.warnings.len()), (missing.info.hashes, 0));
}

#[test]
fn row_20_roots_that_are_no_hash_and_trees_that_are_no_tree_are_refused() {
    let parse = |tree: &[u8]| {
        let head = b"d9:file tree";
        let tail = b"12:meta versioni2e4:name1:n12:piece lengthi16384ee";
        Info::parse(&[&head[..], tree, &tail[..]].concat(), &LIMITS).map_err(|error| error.code())
    };
    let root = [b"11:pieces root32:", &[7; 32][..]].concat();
    let file = |body: &[u8]| [b"d1:ad0:d", body, b"eee"].concat();
    assert!(parse(&file(&[b"6:lengthi5e", &root[..]].concat())).is_ok());
    let zero = [b"6:lengthi5e11:pieces root32:", &[0; 32][..]].concat();
    let refused: [(&[u8], Code); 12] = [
        (&file(b"6:lengthi5e"), Code::MetainfoInvalid),
        (&file(b"6:lengthi5e11:pieces root3:abc"), Code::MetainfoHybridMismatch),
        (&file(&zero), Code::MetainfoHybridMismatch),
        (&file(b"6:lengthi-5e"), Code::MetainfoSize),
        (&file(b"6:lengthi0e"), Code::MetainfoSize),
        (&file(&[b"4:attr1:p6:lengthi5e", &root[..]].concat()), Code::MetainfoInvalid),
        (b"d0:d6:lengthi0eee", Code::MetainfoInvalid),
        (b"d1:ad0:d6:lengthi0ee1:bdeee", Code::MetainfoInvalid),
        (b"d1:bd0:d6:lengthi0eee1:ad0:d6:lengthi0eeee", Code::MetainfoInvalid),
        (b"d1:ai1ee", Code::MetainfoInvalid),
        (b"de", Code::MetainfoInvalid),
        (b"i1e", Code::MetainfoInvalid),
    ];
    for (tree, want) in refused {
        assert_eq!(parse(tree).unwrap_err(), want, "{}", tree.escape_ascii());
    }
    let newer = b"d4:infod12:meta versioni3e4:name1:n12:piece lengthi16384eee";
    assert_eq!(code(newer), Code::MetainfoInvalid);
}

#[test]
fn two_files_with_one_root_share_their_layer() {
    let data = content(100_000);
    let metainfo =
        Metainfo::parse(&v2("d", &[("a", &data), ("b", &data)], 32768, Half::TailPad, NOTHING), &LIMITS).unwrap();
    let files = metainfo.info.verifier.files();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file.layer.as_ref().is_some_and(|layer| layer.len() == 4 * 32)));
    assert_eq!(metainfo.info.verifier.v2(PieceIndex(1)), metainfo.info.verifier.v2(PieceIndex(5)));
}
