//! Bad input, by the rows of the threat table: 4 to 17, 19 and 22.

mod common;

use bitlode_base::{Code, Coded, FileIndex, PieceIndex};
use bitlode_bencode::Encoder;
use bitlode_hash::sha1;
use bitlode_metainfo::{Info, Limits, Metainfo, MetainfoError, Warning};
use common::{Entry, LIMITS, entry, many, single, torrent};

fn code(info: &[u8]) -> Code {
    Info::parse(info, &LIMITS).unwrap_err().code()
}

fn paths(info: &Info) -> Vec<String> {
    (0..info.layout.files().len()).map(|n| info.disk_path(FileIndex(n as u32)).collect::<Vec<_>>().join("/")).collect()
}

#[test]
fn row_4_the_info_hash_is_that_of_the_raw_bytes_whatever_their_order() {
    let pieces = [b"6:pieces20:", &[0; 20][..]].concat();
    let unordered = [b"d4:name1:a", &pieces[..], b"12:piece lengthi16384e6:lengthi5e6:lengthi9ee"].concat();
    let metainfo = Metainfo::parse(&torrent(&unordered), &LIMITS).unwrap();
    assert_eq!(metainfo.info.hashes.v1, Some(sha1(&unordered)));
    assert_eq!((&*metainfo.info.raw, metainfo.info.layout.total()), (&unordered[..], 5));
    let kinds: Vec<_> = metainfo.warnings.iter().map(std::mem::discriminant).collect();
    let unsorted = std::mem::discriminant(&Warning::UnsortedKeys { count: 0, at: 0 });
    let duplicate = std::mem::discriminant(&Warning::DuplicateKeys { count: 0, at: 0 });
    assert_eq!(kinds, [unsorted, duplicate]);
}

#[test]
fn row_5_bytes_behind_a_torrent_are_a_warning_and_behind_metadata_an_error() {
    let info = single(b"a", 5, 16384);
    let metainfo = Metainfo::parse(&[&torrent(&info)[..], b"\n\n"].concat(), &LIMITS).unwrap();
    assert_eq!(metainfo.warnings, [Warning::TrailingBytes { count: 2 }]);
    assert_eq!(code(&[&info[..], b"\n"].concat()), Code::BencodeInvalid);
}

#[test]
fn row_6_a_torrent_larger_than_the_limit_is_refused_before_the_rest_is_read() {
    let bytes = torrent(&single(b"a", 5, 16384));
    let limits = |file_bytes| Limits { file_bytes, ..LIMITS };
    assert!(Metainfo::parse(&bytes, &limits(bytes.len() - 1)).is_err_and(|e| e.code() == Code::MetainfoTooLarge));
    assert!(Metainfo::parse(&bytes, &limits(bytes.len())).is_ok());
    assert!(limits(10).check_file(10).is_ok());
    assert_eq!(limits(10).check_file(11), Err(MetainfoError::TooLarge { limit: 10 }));
}

#[test]
fn row_7_piece_lengths_that_are_not_possible_are_refused() {
    for bad in [0, -1, -16384, 1 << 31, 1 << 32, (1 << 29) + 1, i64::MAX, i64::MIN] {
        assert_eq!(code(&single(b"a", 5, bad)), Code::MetainfoPieceLength, "{bad}");
    }
    for good in [1, 16383, 20_000, (1 << 29) - 1, 1 << 29] {
        assert!(Info::parse(&single(b"a", 5, good), &LIMITS).is_ok(), "{good}");
    }
    let v2 = |length: i64| {
        let mut out = Encoder::new();
        out.begin_dict().key(b"file tree").begin_dict().key(b"a").begin_dict().key(b"").begin_dict();
        out.key(b"length").int(5).key(b"pieces root").bytes(&[7; 32]).end().end().end();
        out.key(b"meta version").int(2).key(b"name").bytes(b"a").key(b"piece length").int(length).end();
        Info::parse(&out.finish(), &LIMITS).map(|_| ()).map_err(|error| error.code())
    };
    for bad in [0, 8192, 16385, 3 * 16384, 1 << 30] {
        assert_eq!(v2(bad), Err(Code::MetainfoPieceLength), "{bad}");
    }
    assert_eq!((v2(16384), v2(1 << 29)), (Ok(()), Ok(())));
}

#[test]
fn row_8_lengths_that_are_negative_too_large_or_no_integers_are_refused() {
    let most = (1i64 << 48) - 1;
    let wide = Limits { pieces: u32::MAX, ..LIMITS };
    // Half a gigabyte a piece keeps the hashes of the largest torrent at ten megabytes.
    assert!(Info::parse(&single(b"a", most, 1 << 29), &wide).is_ok());
    let sized = |lens: &[&str]| {
        let files: String = lens.iter().enumerate().map(|(n, len)| format!("d6:length{len}4:pathl1:{n}ee")).collect();
        format!("d5:filesl{files}e4:name1:n12:piece lengthi536870912e6:pieces0:e")
    };
    for bad in [
        &["i-1e"][..],
        &["i281474976710656e"],
        &["i281474976710655e", "i1e"],
        &["i9223372036854775807e", "i9223372036854775807e", "i2e"],
        &["3:1.5"],
        &["le"],
        &["i0e", "i0e"],
    ] {
        let got = Info::parse(sized(bad).as_bytes(), &Limits { pieces: u32::MAX, ..LIMITS }).unwrap_err();
        // No bytes at all is no torrent either, once `pieces` is right.
        assert_eq!(got.code(), Code::MetainfoSize, "{bad:?}");
    }
    assert_eq!(code(b"d6:lengthi-5e4:name1:n12:piece lengthi16384e6:pieces0:e"), Code::MetainfoSize);
    assert_eq!(code(b"d6:lengthi0e4:name1:n12:piece lengthi16384e6:pieces0:e"), Code::MetainfoSize);
    assert_eq!(code(b"d4:name1:n12:piece lengthi16384e6:pieces0:e"), Code::MetainfoSize);
    assert_eq!(code(sized(&["f1.5e"]).as_bytes()), Code::BencodeInvalid);
}

#[test]
fn row_9_piece_hashes_that_do_not_fit_the_content_are_refused() {
    let with = |bytes: usize| {
        let mut out = Encoder::new();
        out.begin_dict().key(b"length").int(40_000).key(b"name").bytes(b"a");
        out.key(b"piece length").int(16384).key(b"pieces").bytes(&vec![0; bytes]).end();
        Info::parse(&out.finish(), &LIMITS).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(with(60), Ok(()));
    for bad in [0, 1, 40, 59, 61, 80] {
        assert_eq!(with(bad), Err(Code::MetainfoPieces), "{bad}");
    }
}

#[test]
fn row_10_more_pieces_or_files_than_the_limit_name_the_setting_that_raises_it() {
    let at = |pieces, files, info: &[u8]| Info::parse(info, &Limits { pieces, files, ..LIMITS }).map(|_| ());
    let ten = single(b"a", 10 * 16384, 16384);
    assert_eq!(at(10, 1, &ten), Ok(()));
    let error = at(9, 1, &ten).unwrap_err();
    assert_eq!((error.code(), error.to_string()), (Code::MetainfoLimit, "more than 9 pieces (`maxPieces`)".to_owned()));
    // Counted before a hash is looked at: nothing is allocated for what is only declared.
    assert_eq!(code(b"d6:lengthi281474976710655e4:name1:n12:piece lengthi1e6:pieces0:e"), Code::MetainfoLimit);
    let three = many(&[entry("a", 1), entry("b", 1), entry("c", 1)]);
    assert_eq!(at(10, 3, &three), Ok(()));
    let error = at(10, 2, &three).unwrap_err();
    assert_eq!((error.code(), error.to_string()), (Code::MetainfoLimit, "more than 2 files (`maxFiles`)".to_owned()));
}

#[test]
fn row_11_paths_that_want_to_leave_the_folder_are_made_safe_and_keep_their_original() {
    let info = Info::parse(
        &many(&[
            entry("_", 1),
            entry("../../etc/passwd", 1),
            entry("/abs", 1),
            entry("C:/x", 1),
            entry("\\\\?\\C:\\x", 1),
            Entry { path: vec![b"//srv/share".to_vec()], ..entry("", 1) },
            Entry { path: vec![b"a/../../b".to_vec(), b".".to_vec()], ..entry("", 1) },
        ]),
        &LIMITS,
    )
    .unwrap();
    let want = [
        "root/_ (1)",
        "root/_/_/etc/passwd",
        "root/_/abs",
        "root/C_/x",
        "root/____C__x",
        "root/__srv_share",
        "root/a_.._.._b/_",
    ];
    assert_eq!(paths(&info), want);
    let original = |n| info.layout.path(FileIndex(n)).map(|part| part.original).collect::<Vec<_>>();
    assert_eq!((original(1), original(6)), (vec!["..", "..", "etc", "passwd"], vec!["a/../../b", "."]));
    let named = |name: &[u8]| Info::parse(&single(name, 5, 16384), &LIMITS).unwrap().name.safe;
    assert_eq!([&b".."[..], b"", b"/etc/passwd", b"C:\\x"].map(named), ["_", "_", "_etc_passwd", "C__x"]);
}

#[test]
fn row_12_names_are_decoded_once_and_utf_8_keys_win_when_they_are_valid() {
    // Overlong `/`, UTF-16 with a mark, a lone byte, Shift-JIS whose second byte is a backslash.
    let raw: [(&[u8], &str); 5] = [
        (b"a\xc0\xafb", "a\u{fffd}\u{fffd}b"),
        (b"\xff\xfe.\x00.\x00", "\u{fffd}\u{fffd}._._"),
        (b"\xff", "\u{fffd}"),
        (b"\x83\x5c", "\u{fffd}_"),
        (b"\xef\xbb\xbf..", "___"),
    ];
    for (name, want) in raw {
        let info = Info::parse(&single(name, 5, 16384), &LIMITS).unwrap();
        assert_eq!(info.name.safe, want, "{}", name.escape_ascii());
    }
    let named = |plain: &[u8], utf8: &[u8]| {
        let mut out = Encoder::new();
        out.begin_dict().key(b"files").begin_list().begin_dict().key(b"length").int(5);
        out.key(b"path").begin_list().bytes(plain).end().key(b"path.utf-8").begin_list().bytes(utf8).end().end().end();
        out.key(b"name").bytes(plain).key(b"name.utf-8").bytes(utf8).key(b"piece length").int(16384);
        out.key(b"pieces").bytes(&[0; 20]).end();
        paths(&Info::parse(&out.finish(), &LIMITS).unwrap()).remove(0)
    };
    assert_eq!(named(b"\x8e\x4f", "三".as_bytes()), "三/三");
    assert_eq!(named(b"plain", b"\xff"), "plain/plain");
}

#[test]
fn row_14_equal_names_are_renamed_and_folded_ones_only_when_asked() {
    let info = Info::parse(
        &many(&[
            entry("a.txt", 1),
            entry("a.txt", 1),
            entry("A.TXT", 1),
            entry("a (1).txt", 1),
            entry("\u{e9}", 1),
            entry("e\u{301}", 1),
            entry("Dir/x", 1),
            entry("dir/X", 1),
            entry("DIR", 1),
            entry("x.", 1),
            entry("x_", 1),
        ]),
        &LIMITS,
    )
    .unwrap();
    assert_eq!(info.warnings, [Warning::Renamed { count: 2 }]);
    let exact = paths(&info);
    assert_eq!(exact[..4], ["root/a.txt", "root/a (2).txt", "root/A.TXT", "root/a (1).txt"]);
    assert_eq!(exact[4..9], ["root/\u{e9}", "root/e\u{301}", "root/Dir/x", "root/dir/X", "root/DIR"]);
    assert_eq!(exact[9..], ["root/x_", "root/x_ (1)"]);

    let folded = info.for_folding_file_system(&LIMITS).unwrap();
    assert_eq!(folded.hashes, info.hashes);
    let names = paths(&folded);
    assert_eq!(names[..4], ["root/a.txt", "root/a (2).txt", "root/A (3).TXT", "root/a (1).txt"]);
    assert_eq!(
        names[4..],
        ["root/\u{e9}", "root/e\u{301} (1)", "root/Dir/x", "root/dir/X (1)", "root/DIR (1)", "root/x_", "root/x_ (1)"]
    );
    assert_eq!(paths(&folded.for_folding_file_system(&LIMITS).unwrap()), names, "asking twice changes nothing");

    let same = |count: usize| Info::parse(&many(&vec![entry("same", 1); count]), &LIMITS);
    assert_eq!(paths(&same(501).unwrap())[500], "root/same (500)");
    assert_eq!(same(502).unwrap_err().code(), Code::MetainfoDuplicates);
    let cases = [entry("same", 1), entry("SAME", 1), entry("Same", 1)];
    let info = Info::parse(&many(&cases), &LIMITS).unwrap();
    let one = Limits { renames: 1, ..LIMITS };
    assert_eq!(info.for_folding_file_system(&one).unwrap_err().code(), Code::MetainfoDuplicates);
}

#[test]
fn row_15_a_file_that_is_also_a_directory_is_refused_in_any_order() {
    for files in [["a", "a/b"], ["a/b", "a"], ["x/a/b/c", "x/a"], ["..", "../x"]] {
        let info = many(&files.map(|path| entry(path, 1)));
        assert_eq!(code(&info), Code::MetainfoPathConflict, "{files:?}");
    }
    let far = many(&[entry("a/b", 1), entry("z", 1), entry("a/c", 1), entry("z2/a", 1), entry("a/b/c", 1)]);
    assert_eq!(code(&far), Code::MetainfoPathConflict);
    // Pads and links are not on disk.
    let pad = Entry { attr: "p", ..entry("a", 1) };
    assert!(Info::parse(&many(&[pad, entry("a/b", 1)]), &LIMITS).is_ok());
}

#[test]
fn row_16_long_names_are_cut_and_deep_or_long_paths_are_refused() {
    let long = format!("{}.torrent", "é".repeat(200));
    let info = Info::parse(&single(long.as_bytes(), 5, 16384), &LIMITS).unwrap();
    assert!(info.name.safe.len() <= 240 && info.name.safe.len() > 236 && info.name.safe.ends_with("é.torrent"));
    assert_eq!(info.name.original, long);
    let twins = [format!("{}1.bin", "x".repeat(300)), format!("{}2.bin", "x".repeat(300))];
    let info = Info::parse(&many(&[entry(&twins[0], 1), entry(&twins[1], 1)]), &LIMITS).unwrap();
    let names = paths(&info);
    assert!(names[1].ends_with("x (1).bin") && names.iter().all(|name| name.len() == "root/".len() + 240));

    let deep = |depth: usize| Info::parse(&many(&[entry(&vec!["d"; depth].join("/"), 1)]), &LIMITS).map(|_| ());
    assert_eq!((deep(99), deep(100)), (Ok(()), Ok(())));
    assert_eq!(deep(101).unwrap_err().code(), Code::MetainfoPathDepth);
    let wide = |last: usize| {
        let path = [vec!["d".repeat(239); 17], vec!["f".repeat(last)]].concat().join("/");
        Info::parse(&many(&[entry(&path, 1)]), &LIMITS).map(|_| ())
    };
    assert_eq!(wide(16), Ok(()));
    assert_eq!(wide(17).unwrap_err().code(), Code::MetainfoPathDepth);
}

#[test]
fn row_17_links_are_parsed_without_content_and_are_not_on_disk() {
    let link = |path: &str, target: &str| {
        let target = target.split('/').map(|part| part.as_bytes().to_vec()).collect();
        Entry { attr: "l", link: target, ..entry(path, 0) }
    };
    let mut long = link("loop", "loop");
    long.len = 70_000;
    let files = [link("a", "../../etc/passwd"), entry("a/b", 5), long];
    let mut info = many(&files);
    // The declared length of the link does not count, so one piece hash is right.
    let pieces = info.windows(10).position(|window| window == b"6:pieces10").unwrap();
    info.truncate(pieces);
    info.extend_from_slice(&[b"6:pieces20:", &[0; 20][..], b"e"].concat());
    let info = Info::parse(&info, &LIMITS).unwrap();
    let files = info.layout.files();
    assert_eq!(
        files.iter().map(|file| (file.on_disk(), file.len)).collect::<Vec<_>>(),
        [(false, 0), (true, 5), (false, 0)]
    );
    let target: Vec<_> = info.layout.symlink_target(FileIndex(0)).unwrap().map(|part| part.original).collect();
    assert_eq!(target, ["..", "..", "etc", "passwd"]);
    assert!(info.layout.symlink_target(FileIndex(1)).is_none());
    let bare = Entry { attr: "l", ..entry("a", 0) };
    assert_eq!(code(&many(&[bare, entry("b", 1)])), Code::MetainfoInvalid);
}

#[test]
fn row_19_pad_files_have_no_name_on_disk_to_fight_over_and_any_length() {
    let pad = |len| Entry { attr: "p", ..entry(".pad/1", len) };
    let info = Info::parse(&many(&[entry("a", 1), pad(7), pad(16384), pad(0), entry("b", 1)]), &LIMITS).unwrap();
    assert_eq!(info.warnings, []);
    assert!(info.layout.files().iter().filter(|file| file.attr.pad).all(|file| !file.on_disk()));
    let spans: Vec<_> =
        info.layout.spans(PieceIndex(0), 0, u32::MAX).map(|span| (span.file.0, span.len, span.pad)).collect();
    assert_eq!(spans, [(0, 1, false), (1, 7, true), (2, 16376, true)]);
    let million = vec![pad(0); 100_000];
    let info = Info::parse(&many(&[vec![entry("a", 1)], million].concat()), &LIMITS).unwrap();
    assert_eq!(info.layout.files().len(), 100_001);
}

#[test]
fn row_22_lists_are_cut_at_their_limits_and_counted() {
    let info = single(b"a", 5, 16384);
    let mut out = Encoder::new();
    out.begin_dict().key(b"announce").bytes(b"http://ignored/").key(b"announce-list").begin_list();
    for tier in 0..1000 {
        out.begin_list();
        for number in 0..100 {
            out.bytes(format!(" http://t{tier}.example/{} ", number / 2).as_bytes());
        }
        out.end();
    }
    out.end().key(b"info").raw(&info).key(b"nodes").begin_list();
    for number in 0..100_000 {
        out.begin_list().bytes(b"node.example").int(number).end();
    }
    out.end().key(b"url-list").begin_list();
    for number in 0..100_000 {
        out.bytes(format!("http://w/{number}").as_bytes());
    }
    out.bytes(b"ftp://w/x").bytes(b"").end().end();
    let metainfo = Metainfo::parse(&out.finish(), &LIMITS).unwrap();
    assert_eq!(metainfo.trackers.iter().map(Vec::len).collect::<Vec<_>>(), [vec![50; 10], vec![12]].concat());
    assert_eq!((metainfo.web_seeds.len(), metainfo.nodes.len()), (256, 64));
    let want = [
        Warning::TrackersDropped { count: 2 * (50_000 - 512) },
        Warning::WebSeedsDropped { count: 100_001 - 256 },
        Warning::NodesDropped { count: 100_000 - 64 },
    ];
    assert_eq!(metainfo.warnings, want);
}

#[test]
fn the_announce_key_counts_only_without_a_list_and_schemes_are_checked() {
    let with = |extra: &[u8]| {
        let info = single(b"a", 5, 16384);
        let bytes = [b"d", extra, b"4:info", &info, b"e"].concat();
        let metainfo = Metainfo::parse(&bytes, &LIMITS).unwrap();
        (metainfo.trackers, metainfo.warnings.len())
    };
    let urls = |tiers: &[&[&str]]| {
        tiers.iter().map(|tier| tier.iter().map(|url| url.to_string()).collect()).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(with(b"8:announce11:udp://t:1/a"), (urls(&[&["udp://t:1/a"]]), 0));
    assert_eq!(with(b"8:announce11:udp://t:1/a13:announce-listllelee"), (urls(&[&["udp://t:1/a"]]), 0));
    assert_eq!(
        with(b"8:announce11:udp://t:1/a13:announce-listll10:http://b/cel7:gopher:el9:wss://d/eee"),
        (urls(&[&["http://b/c"], &["wss://d/e"]]), 1)
    );
    assert_eq!(with(b"8:announcei5e"), (urls(&[]), 1));
    assert_eq!(with(b"8:announce16:file:///etc/pass"), (urls(&[]), 1));
}

#[test]
fn wrong_types_and_missing_keys_end_in_one_code() {
    let tail = b"12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae";
    let broken: [&[u8]; 9] = [
        b"d6:lengthi5e",
        b"d6:lengthi5e4:namei1e",
        b"d5:filesi1e4:name1:n",
        b"d5:filesle4:name1:n",
        b"d5:filesli1ee4:name1:n",
        b"d5:filesld6:lengthi5eee4:name1:n",
        b"d5:filesld6:lengthi5e4:pathleee4:name1:n",
        b"d5:filesld6:lengthi5e4:pathli1eeee4:name1:n",
        b"d5:filesld6:lengthi5e4:path1:aee4:name1:n",
    ];
    for head in broken {
        assert_eq!(code(&[head, tail].concat()), Code::MetainfoInvalid, "{}", head.escape_ascii());
    }
    assert_eq!(code(b"le"), Code::MetainfoInvalid);
    for file in [&b"de"[..], b"le", b"d4:infoi1ee", b"i1e"] {
        assert_eq!(Metainfo::parse(file, &LIMITS).unwrap_err().code(), Code::MetainfoInvalid);
    }
    assert_eq!(Metainfo::parse(b"", &LIMITS).unwrap_err().code(), Code::BencodeInvalid);
}
