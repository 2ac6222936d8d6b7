//! What stands beside files and pieces, and mistakes of older clients that are not made here.

mod common;

use bitlode_base::{FileIndex, PieceIndex};
use bitlode_bencode::{Encoder, Limits as Bencode, decode};
use bitlode_hash::sha1;
use bitlode_metainfo::{Info, Metainfo, Signature};
use common::{Entry, LIMITS, content, entry, many, single};

#[test]
fn what_other_keys_say_is_kept() {
    let bytes = b"d11:collectionsl1:xe9:httpseedsl10:http://h/x5:othere4:infod11:collectionsl1:ye6:lengthi5e4:name1:n\
                  12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa7:similarl20:bbbbbbbbbbbbbbbbbbbb1:ze8:ssl-cert3:pem\
                  10:update-url8:http://ue10:signaturesd1:ad11:certificate1:c4:infod1:k1:ve9:signature1:se1:bdeee";
    let metainfo = Metainfo::parse(bytes, &LIMITS).unwrap();
    assert_eq!(
        (metainfo.collections.as_slice(), &metainfo.similar),
        (&["y".to_owned(), "x".to_owned()][..], &vec![[b'b'; 20]])
    );
    assert_eq!(metainfo.http_seeds, ["http://h/x"]);
    let info = &metainfo.info;
    assert_eq!((info.update_url.as_deref(), info.ssl_cert.as_deref()), (Some("http://u"), Some("pem")));
    let signed = Signature {
        signer: "a".to_owned(),
        certificate: Some(b"c".to_vec()),
        info: Some(b"d1:k1:ve".to_vec()),
        signature: b"s".to_vec(),
    };
    // The one without a signature is none.
    assert_eq!(metainfo.signatures, [signed]);
}

#[test]
fn names_that_are_not_utf_8_are_read_in_the_encoding_that_the_torrent_names() {
    let file = |encoding: &[u8], name: &[u8]| {
        let mut out = Encoder::new();
        out.begin_dict().key(b"comment").bytes(name);
        if !encoding.is_empty() {
            out.key(b"encoding").bytes(encoding);
        }
        let files = [Entry { path: vec![name.to_vec(), name.to_vec()], len: 1, ..Entry::default() }];
        out.key(b"info").raw(&many(&files)).end();
        let metainfo = Metainfo::parse(&out.finish(), &LIMITS).unwrap();
        let path: Vec<_> = metainfo.info.layout.path(FileIndex(0)).map(|part| part.original.to_owned()).collect();
        assert_eq!(path[0], path[1]);
        assert_eq!(metainfo.comment, Some(path[0].clone()));
        path[0].clone()
    };
    for label in [&b"GBK"[..], b"gb18030", b"CP936", b"windows-936"] {
        assert_eq!(file(label, b"\xc4\xe3\xba\xc3"), "你好", "{}", label.escape_ascii());
    }
    assert_eq!(file(b"Shift_JIS", b"\x83e\x83X\x83g"), "テスト");
    assert_eq!(file(b"windows-1252", b"na\xefve"), "naïve");
    assert_eq!(file(b"GBK", "你好".as_bytes()), "你好", "UTF-8 in spite of what it says");
    assert_eq!(file(b"no such thing", b"a\xff"), "a\u{fffd}");
    assert_eq!(file(b"", b"a\xff"), "a\u{fffd}");
}

#[test]
fn a_name_in_utf_8_beside_one_in_another_encoding_wins() {
    let bytes = b"d8:encoding3:GBK4:infod6:lengthi5e4:name4:\xc4\xe3\xba\xc310:name.utf-86:\xe4\xbd\xa0\xe5\xa5\xbd\
                  12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee";
    assert_eq!(Metainfo::parse(bytes, &LIMITS).unwrap().info.name.original, "你好");
}

#[test]
fn a_v2_torrent_of_one_file_has_the_name_that_stands_in_its_tree() {
    let root = [7u8; 32];
    let tree = [b"d4:only" as &[u8], b"d0:d6:lengthi5e11:pieces root32:", &root, b"eee"].concat();
    let info = [b"d9:file tree", &tree[..], b"12:meta versioni2e4:name5:shown12:piece lengthi16384ee"].concat();
    let info = Info::parse(&info, &LIMITS).unwrap();
    assert_eq!(info.disk_path(FileIndex(0)).collect::<Vec<_>>(), ["only"]);
}

#[test]
fn defect_2_a_file_needs_every_piece_that_holds_one_of_its_bytes() {
    // Pieces were once counted by whole lengths, so that the last file of such a torrent stayed empty.
    let info = Info::parse(&many(&[entry("a", 20_000), entry("b", 13_614)]), &LIMITS).unwrap();
    let layout = &info.layout;
    assert_eq!((layout.piece_count(), layout.piece_len(PieceIndex(2))), (3, 846));
    assert_eq!((layout.pieces_of(FileIndex(0)), layout.pieces_of(FileIndex(1))), (0..2, 1..3));
    let covered: u64 =
        (0..3).flat_map(|n| layout.spans(PieceIndex(n), 0, u32::MAX)).map(|span| u64::from(span.len)).sum();
    assert_eq!(covered, 33_614);
}

#[test]
fn defect_3_the_last_piece_of_content_that_ends_with_it_is_whole() {
    let data = content(2 * 16384);
    let pieces: Vec<u8> = data.chunks(16384).flat_map(sha1).collect();
    let head = b"d6:lengthi32768e4:name1:n12:piece lengthi16384e6:pieces40:";
    let info = Info::parse(&[&head[..], &pieces, b"e"].concat(), &LIMITS).unwrap();
    assert_eq!((info.layout.piece_count(), info.layout.piece_len(PieceIndex(1))), (2, 16384));
    assert_eq!(info.verifier.v1(PieceIndex(1)), Some(sha1(&data[16384..])));
}

#[test]
fn defect_4_a_name_of_digits_stays_a_string_in_the_info_hash() {
    let raw = single(b"2012", 5, 16384);
    let info = Info::parse(&raw, &LIMITS).unwrap();
    assert_eq!((info.name.original.as_str(), info.hashes.v1), ("2012", Some(sha1(&raw))));
    assert!(raw.windows(6).any(|part| part == b"4:2012"));
}

#[test]
fn defect_5_names_keep_dots_inside_and_lose_what_would_lead_out() {
    let paths = ["a..b", "v1..2.txt", "..", "/etc/passwd", "c\\d", "nul", "x\0y", "A..b"];
    let entries = paths.map(|path| Entry { path: vec![path.as_bytes().to_vec()], len: 1, ..Entry::default() });
    let info = Info::parse(&many(&entries), &LIMITS).unwrap();
    let names: Vec<_> = (0..8).map(|n| info.disk_path(FileIndex(n)).nth(1).unwrap().to_owned()).collect();
    assert_eq!(names, ["a..b", "v1..2.txt", "_", "_etc_passwd", "c_d", "_nul", "x_y", "A..b"]);
    let originals: Vec<_> = (0..8).map(|n| info.layout.path(FileIndex(n)).next().unwrap().original).collect();
    assert_eq!(originals, paths);
    let folded = info.for_folding_file_system(&LIMITS).unwrap();
    assert_eq!(folded.disk_path(FileIndex(7)).nth(1), Some("A. (1).b"));
}

#[test]
fn defect_6_bencoding_that_is_not_exact_is_refused_and_never_a_crash() {
    let limits = Bencode { depth: 32, tokens: 1000 };
    for bad in ["00:", "i-0e", "i03e", "i+5e", "l", "d", "d1:a", "li1e", "d1:ai1e", "1:", "i e", "ie", "-1:a", "01:a"] {
        assert!(decode(bad.as_bytes(), limits).is_err(), "{bad}");
    }
    for odd in ["d1:bi1e1:ai1ee", "d1:ai1e1:ai2ee"] {
        assert!(!decode(odd.as_bytes(), limits).unwrap().warnings().is_empty(), "{odd}");
    }
    assert!(decode("l".repeat(1_000_000).as_bytes(), limits).is_err());
}
