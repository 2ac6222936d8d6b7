//! Changing what stands around an info dictionary.

mod common;

use bitlode_base::{Code, Coded};
use bitlode_metainfo::{Edit, Limits, Metainfo};
use common::{LIMITS, single};

/// A torrent with everything around its info dictionary, some of it unknown, out of order and twice.
fn torrent() -> Vec<u8> {
    let info = single(b"a", 5, 16384);
    let front =
        b"d8:announce10:http://a/x13:announce-listll10:http://a/xel9:udp://b:1ee4:blobd1:z0:1:ai-3ee7:comment1:c";
    let back = b"13:comment.utf-81:d4:infu4:\xff\x00\x01\x023:abc1:19:publisher1:p3:abc1:2";
    let end = b"5:nodesll1:hi1eee10:signaturesd1:ad9:signature1:see8:url-list9:http://w/e\n";
    [&front[..], b"4:info", &info, back, end].concat()
}

fn parse(bytes: &[u8]) -> Metainfo {
    Metainfo::parse(bytes, &LIMITS).unwrap()
}

#[test]
fn an_edit_of_nothing_gives_the_same_bytes() {
    let bytes = torrent();
    assert_eq!(Edit::default().apply(&bytes, &LIMITS).unwrap(), bytes[..bytes.len() - 1]);
}

#[test]
fn what_is_not_edited_survives_byte_for_byte() {
    let bytes = torrent();
    let edit = Edit {
        trackers: Some(vec![
            vec!["http://n/1".to_owned(), "http://n/2".to_owned()],
            vec![],
            vec!["udp://m:1".to_owned()],
        ]),
        web_seeds: Some(vec!["http://s/1".to_owned(), "http://s/2".to_owned()]),
        comment: Some(Some("naïve".to_owned())),
        created_by: Some(Some("me".to_owned())),
        creation_date: Some(Some(-1)),
        nodes: Some(vec![("::1".to_owned(), 2)]),
    };
    let edited = edit.apply(&bytes, &LIMITS).unwrap();
    let info = single(b"a", 5, 16384);
    let front =
        b"d8:announce10:http://n/113:announce-listll10:http://n/110:http://n/2el9:udp://m:1ee4:blobd1:z0:1:ai-3ee\
                  7:comment6:na\xc3\xafve10:created by2:me13:creation datei-1e";
    let back =
        b"4:infu4:\xff\x00\x01\x023:abc1:19:publisher1:p3:abc1:25:nodesll3:::1i2eee10:signaturesd1:ad9:signature1:see\
                 8:url-listl10:http://s/110:http://s/2ee";
    assert_eq!(
        edited.escape_ascii().to_string(),
        [&front[..], b"4:info", &info, back].concat().escape_ascii().to_string()
    );
    let (before, after) = (parse(&bytes), parse(&edited));
    assert_eq!((before.info.hashes, before.signatures), (after.info.hashes, after.signatures));
    assert_eq!((after.comment.as_deref(), after.trackers.len(), after.web_seeds.len()), (Some("naïve"), 2, 2));
    assert_eq!(edit.apply(&edited, &LIMITS).unwrap(), edited);
}

#[test]
fn what_is_edited_to_nothing_is_gone() {
    let edit = Edit {
        trackers: Some(vec![vec![]]),
        web_seeds: Some(vec![]),
        comment: Some(None),
        created_by: Some(None),
        creation_date: Some(None),
        nodes: Some(vec![]),
    };
    let after = parse(&edit.apply(&torrent(), &LIMITS).unwrap());
    assert!(after.trackers.is_empty() && after.web_seeds.is_empty() && after.nodes.is_empty());
    assert_eq!((after.comment, after.created_by, after.creation_date), (None, None, None));
    assert_eq!(after.signatures.len(), 1);
}

#[test]
fn new_keys_stand_where_a_canonical_torrent_has_them() {
    let bytes = common::torrent(&single(b"a", 5, 16384));
    let edit = Edit {
        trackers: Some(vec![vec!["http://n/1".to_owned()]]),
        web_seeds: Some(vec!["http://s/1".to_owned()]),
        ..Edit::default()
    };
    let after = parse(&edit.apply(&bytes, &LIMITS).unwrap());
    assert_eq!((after.warnings, after.trackers), (vec![], vec![vec!["http://n/1".to_owned()]]));
}

#[test]
fn an_edit_of_what_is_no_torrent_or_too_large_is_refused() {
    let code = |bytes: &[u8], limits: &Limits| Edit::default().apply(bytes, limits).map_err(|error| error.code());
    assert_eq!(code(b"de", &LIMITS), Err(Code::MetainfoInvalid));
    assert_eq!(code(b"d4:infoi1ee", &LIMITS), Err(Code::MetainfoInvalid));
    assert_eq!(code(b"le", &LIMITS), Err(Code::MetainfoInvalid));
    assert_eq!(code(b"d4:infod", &LIMITS), Err(Code::BencodeInvalid));
    let bytes = common::torrent(&single(b"a", 5, 16384));
    let limits = Limits { file_bytes: bytes.len(), ..LIMITS };
    let longer = Edit { comment: Some(Some("x".to_owned())), ..Edit::default() };
    assert_eq!(longer.apply(&bytes, &limits).map_err(|error| error.code()), Err(Code::MetainfoTooLarge));
}
