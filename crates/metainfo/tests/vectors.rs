//! Torrents of other projects, where they are at hand: in `BITLODE_VECTORS`, or in `shared/vectors` beside the workspace.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bitlode_base::Coded;
use bitlode_metainfo::{Metainfo, Warning};
use common::{LIMITS, hex};

/// Files where we differ from libtorrent on purpose: the code, the name on disk or the number of files here, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("bad_name", "____", "a name of four zero bytes is made safe, not refused"),
    ("duplicate_files2", "temp", "117 renames are within our limit of 500"),
    ("invalid_filename2", "_est2", "a control character is replaced, not removed"),
    ("invalid_name2", "_", "an empty name becomes `_`, not the info-hash"),
    ("invalid_name3", "foobar_", "a trailing space is replaced everywhere, so that names are portable"),
    ("long_name", LONG, "names are cut at 240 bytes and keep their extension"),
    ("slash_path3", "temp_.._.._abc", "separators are replaced, not removed"),
    ("v2_invalid_filename", "\u{fffd}est_MB", "bytes that are not UTF-8 are shown as such, separators replaced"),
    ("v2_multiple_files", "3 files", "libtorrent counts two pads that it makes up between the files of a v2 torrent"),
    (
        "v2_unordered_files",
        "ERR_METAINFO_INVALID",
        "bencoding with keys out of order is read; only the tree's order is a rule",
    ),
];

const LONG: &str = "abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789\
                    abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789\
                    abcdefghij0123456789abcdefghij0.23456789";

/// Our codes for an error of libtorrent.
fn codes(error: &str) -> &'static [&'static str] {
    match error {
        "torrent_missing_name" | "torrent_invalid_name" | "torrent_missing_pieces" | "torrent_file_parse_failed" => {
            &["ERR_METAINFO_INVALID"]
        }
        "torrent_missing_piece_length" => &["ERR_METAINFO_INVALID", "ERR_METAINFO_PIECE_LENGTH"],
        "torrent_invalid_length" => &["ERR_METAINFO_SIZE"],
        "too_many_pieces_in_torrent" => &["ERR_METAINFO_LIMIT"],
        "too_many_duplicate_filenames" => &["ERR_METAINFO_DUPLICATES"],
        "torrent_inconsistent_files" => &["ERR_METAINFO_HYBRID_MISMATCH"],
        "torrent_invalid_piece_layer" | "torrent_missing_pieces_root" => {
            &["ERR_METAINFO_HYBRID_MISMATCH", "ERR_METAINFO_INVALID"]
        }
        "invalid_bencoding" => &["ERR_BENCODE_INVALID"],
        _ => &[],
    }
}

#[test]
fn torrents_of_libtorrent_end_as_it_expects() {
    let Some(folder) = vectors("libtorrent") else { return };
    let table = std::fs::read_to_string(folder.join("EXPECT.tsv")).unwrap();
    let mut wrong = Vec::new();
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [file, expect, _, name, files, piece_length, v1, v2] = cells[..8] else { panic!("{row}") };
        let got = Metainfo::parse(&std::fs::read(folder.join(file)).unwrap(), &LIMITS);
        let stem = file.strip_suffix(".torrent").unwrap();
        let ours = DIFFERENCES.iter().find(|(file, ..)| *file == stem).map(|(_, ours, _)| *ours);
        match got {
            Ok(metainfo) => {
                let info = &metainfo.info;
                let hash = |hash: Option<String>| hash.unwrap_or_else(|| "-".to_owned());
                let same_hashes =
                    hash(info.hashes.v1.map(|v1| hex(&v1))) == v1 && hash(info.hashes.v2.map(|v2| hex(&v2))) == v2;
                let count = info.layout.files().len();
                let own_count = ours.and_then(|ours| ours.strip_suffix(" files"));
                let same_files = files == "-" || own_count.unwrap_or(files) == count.to_string();
                let same_length = info.layout.nominal_piece_len().to_string() == piece_length;
                let as_expected = match ours {
                    Some(ours) if own_count.is_none() => info.name.safe == ours,
                    _ => expect == "ok" && info.name.safe == name,
                };
                if !(same_hashes && same_files && same_length && as_expected) {
                    wrong.push(format!(
                        "{file}: {expect}, here `{}`, {} files",
                        info.name.safe,
                        info.layout.files().len()
                    ));
                }
            }
            Err(error) => {
                let code = error.code().as_str();
                if ours.map_or(!codes(expect).contains(&code), |ours| ours != code) {
                    wrong.push(format!("{file}: {expect}, here {code}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn torrents_of_net_bittorrent_have_the_facts_it_lists() {
    let Some(folder) = vectors("nb") else { return };
    let text = std::fs::read_to_string(folder.join("torrents/EXPECT.json")).unwrap();
    let mut seen = 0;
    for object in text.split("\n {\n").skip(1) {
        // One field a line, as the file was printed.
        let field = |key: &str| {
            let head = format!("  \"{key}\": ");
            let line = object.lines().find(|line| line.starts_with(&head)).unwrap();
            line[head.len()..].trim_end_matches(',').trim_matches('"').to_owned()
        };
        let file = field("file");
        let metainfo = Metainfo::parse(&std::fs::read(folder.join(&file)).unwrap(), &LIMITS).unwrap();
        let info = &metainfo.info;
        assert_eq!(hex(&info.hashes.best()), field("infohash"), "{file}");
        assert_eq!(info.name.original, field("name"), "{file}");
        assert_eq!(info.layout.files().len().to_string(), field("files"), "{file}");
        assert_eq!(info.layout.total().to_string(), field("size"), "{file}");
        assert_eq!(info.layout.nominal_piece_len().to_string(), field("piece_length"), "{file}");
        assert_eq!(info.layout.piece_count().to_string(), field("pieces"), "{file}");
        assert_eq!(metainfo.nodes.len().to_string(), field("nodes"), "{file}");
        let web_seeds: usize = field("url_list").parse().unwrap();
        assert_eq!(metainfo.web_seeds.len(), web_seeds.min(LIMITS.web_seeds), "{file}");
        let trailing = metainfo.warnings.iter().any(|warning| matches!(warning, Warning::TrailingBytes { .. }));
        assert_eq!(trailing, !field("trailing").is_empty(), "{file}");
        seen += 1;
    }
    assert_eq!(seen, text.matches("\"file\":").count());
}

fn vectors(name: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("BITLODE_VECTORS") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    };
    let folder = root.join(name);
    if !folder.is_dir() {
        // Past the harness, which keeps what a passing test prints to itself: a skip is to be seen and counted.
        let said =
            std::io::stdout().write_all(format!("\nskipped: the torrents of {name} are not at hand\n").as_bytes());
        said.expect("the standard output takes a line");
        return None;
    }
    Some(folder)
}
