//! The bodies of the fuzz targets `metainfo`, `metainfo_v2`, `magnet` and `names`, here so that a corpus can be replayed without a fuzzer. Each
//! panics where a promise is broken.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use bitlode_base::{FileIndex, PieceIndex};
use bitlode_bencode::Encoder;

use crate::edit::Edit;
use crate::info::Info;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::magnet::Magnet;
use crate::metainfo::Metainfo;
use crate::name::safe_name;

const LIMITS: Limits = Limits {
    file_bytes: 1 << 20,
    depth: 100,
    tokens: 100_000,
    pieces: 1 << 16,
    files: 10_000,
    piece_length: 1 << 29,
    total: (1 << 48) - 1,
    path_depth: 100,
    name_bytes: 240,
    path_bytes: 4096,
    trackers: 16,
    web_seeds: 16,
    nodes: 16,
    magnet_bytes: 8192,
    magnet_peers: 16,
    renames: 50,
};

/// A .torrent file or an info dictionary: whatever parses has pieces and files that fit each other and safe names, and
/// an edit leaves its info dictionary alone.
pub fn metainfo(data: &[u8]) {
    #[cfg(feature = "planted-bugs")]
    planted_metainfo(data);
    if let Ok(metainfo) = Metainfo::parse(data, &LIMITS) {
        check_info(&metainfo.info);
        assert!(metainfo.trackers.iter().all(|tier| !tier.is_empty()));
        assert!(metainfo.trackers.iter().flatten().count() <= LIMITS.trackers);
        assert!(metainfo.web_seeds.len() <= LIMITS.web_seeds && metainfo.nodes.len() <= LIMITS.nodes);
        check_edit(data, &metainfo);
    }
    if let Ok(info) = Info::parse(data, &LIMITS) {
        assert_eq!(*info.raw, *data);
        check_info(&info);
    }
}

/// The parts of a v2 or hybrid torrent, a byte 255 between them: `file tree`, `piece layers`, and the rest of the info
/// dictionary behind `file tree` when it is there.
pub fn metainfo_v2(data: &[u8]) {
    #[cfg(feature = "planted-bugs")]
    planted_metainfo_v2(data);
    let mut parts = data.split(|byte| *byte == 255);
    let mut part = || parts.next().filter(|part| !part.is_empty());
    let (tree, layers, rest) = (part().unwrap_or(b"de"), part().unwrap_or(b"de"), part());
    let plain = b"12:meta versioni2e4:name1:n12:piece lengthi16384e";
    let info = [b"d9:file tree", tree, rest.unwrap_or(plain), b"e"].concat();
    let file = [b"d4:info", &info[..], b"12:piece layers", layers, b"e"].concat();
    if let Ok(metainfo) = Metainfo::parse(&file, &LIMITS) {
        check_info(&metainfo.info);
        let (layout, verifier) = (&metainfo.info.layout, &metainfo.info.verifier);
        let known = verifier.files().iter().all(|file| file.pieces < 2 || file.layer.is_some());
        if metainfo.info.hashes.v2.is_some() && known {
            let padding = |piece: &u32| layout.is_padding(PieceIndex(*piece));
            let pieces = (0..layout.piece_count().min(64)).filter(|piece| !padding(piece));
            pieces.for_each(|piece| assert!(verifier.v2(PieceIndex(piece)).is_some(), "piece {piece}"));
        }
        check_edit(&file, &metainfo);
    }
}

/// A magnet link: whatever parses comes back the same.
pub fn magnet(data: &[u8]) {
    #[cfg(feature = "planted-bugs")]
    planted_magnet(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(magnet) = Magnet::parse(text, &LIMITS)
    {
        assert!(magnet.hashes.is_some() || !magnet.sources.is_empty());
        let long = Limits { magnet_bytes: usize::MAX, ..LIMITS };
        let again = Magnet::parse(&magnet.to_string(), &long);
        assert_eq!(again.map(|again| Magnet { dropped: magnet.dropped, ..again }), Ok(magnet));
    }
}

/// Paths, one a line, components behind each other with `/` or a zero byte: no file leaves the folder, no two are one.
pub fn names(data: &[u8]) {
    // Enough for every rule about names, and quick enough for a fuzzer.
    let data = data.get(..512).unwrap_or(data);
    #[cfg(feature = "planted-bugs")]
    planted_names(data);
    let whole = String::from_utf8_lossy(data);
    for max in [64, 240] {
        let safe = safe_name(&whole, max);
        assert!(safe.len() <= max, "{safe:?}");
        assert_eq!(safe_name(&safe, max), safe, "what is safe stays");
    }
    let mut out = Encoder::new();
    out.begin_dict().key(b"files").begin_list();
    for line in data.split(|byte| *byte == b'\n') {
        out.begin_dict().key(b"length").int(1).key(b"path").begin_list();
        line.split(|byte| *byte == 0).for_each(|component| {
            out.bytes(component);
        });
        out.end().end();
    }
    let count = data.split(|byte| *byte == b'\n').count();
    out.end().key(b"name").bytes(data.get(..20.min(data.len())).unwrap_or_default());
    out.key(b"piece length").int(1 << 20);
    out.key(b"pieces").bytes(&vec![0; count.div_ceil(1 << 20).saturating_mul(20)]).end();
    if let Ok(info) = Info::parse(&out.finish(), &LIMITS) {
        check_info(&info);
    }
}

/// An edit that changes nothing gives the same bytes; one that changes everything leaves the rest as it is.
fn check_edit(data: &[u8], metainfo: &Metainfo) {
    let wide = Limits { file_bytes: usize::MAX, tokens: u32::MAX, ..LIMITS };
    let same = Edit::default().apply(data, &LIMITS).unwrap();
    assert!(data.starts_with(&same));
    let edit = Edit {
        trackers: Some(vec![vec!["http://a/".to_owned(), "udp://b:1".to_owned()]]),
        web_seeds: Some(vec!["http://w/".to_owned()]),
        nodes: Some(vec![("h".to_owned(), 1)]),
        comment: Some(Some("c".to_owned())),
        created_by: Some(None),
        creation_date: Some(None),
    };
    let edited = edit.apply(data, &LIMITS).unwrap();
    let again = Metainfo::parse(&edited, &wide).unwrap();
    assert_eq!((&again.info.raw, again.info.hashes), (&metainfo.info.raw, metainfo.info.hashes));
    assert_eq!((again.trackers, again.web_seeds), (edit.trackers.clone().unwrap(), edit.web_seeds.clone().unwrap()));
    assert_eq!((again.comment.as_deref(), again.created_by, again.creation_date), (Some("c"), None, None));
    assert_eq!((again.nodes.len(), &again.signatures, &again.similar), (1, &metainfo.signatures, &metainfo.similar));
    assert_eq!(edit.apply(&edited, &wide), Ok(edited));
}

fn check_info(info: &Info) {
    check_paths(info, str::to_owned);
    if let Ok(folded) = info.for_folding_file_system(&LIMITS) {
        check_paths(&folded, str::to_lowercase);
    }
    check_layout(&info.layout);
    for piece in [0, info.layout.piece_count().saturating_sub(1)].map(PieceIndex) {
        assert_eq!(info.verifier.v1(piece).is_some(), info.hashes.v1.is_some());
    }
    assert_eq!(info.transferable().is_ok(), info.hashes.v1.is_some());
    assert!(info.hashes.matches(&info.raw));
}

fn check_paths(info: &Info, key: fn(&str) -> String) {
    let root = Path::new("/root/folder");
    let mut seen = BTreeSet::new();
    for (number, file) in info.layout.files().iter().enumerate() {
        let parts: Vec<&str> = info.disk_path(FileIndex(number as u32)).collect();
        assert!(!parts.is_empty() && parts.len() <= LIMITS.path_depth as usize + 1);
        let relative: PathBuf = parts.iter().collect();
        let normal = relative.components().all(|part| matches!(part, Component::Normal(_)));
        assert!(normal && relative.components().count() == parts.len(), "{parts:?}");
        assert!(root.join(&relative).starts_with(root));
        assert!(
            parts.iter().all(|part| part.len() <= LIMITS.name_bytes && safe_name(part, LIMITS.name_bytes) == **part)
        );
        if file.on_disk() {
            assert!(seen.insert(key(&parts.join("/"))), "two files are {parts:?}");
        }
    }
}

fn check_layout(layout: &Layout) {
    let count = layout.piece_count();
    let mut sum = 0u64;
    for piece in (0..count.min(64)).map(PieceIndex) {
        let len = layout.piece_len(piece);
        assert!(len > 0 && len <= layout.nominal_piece_len());
        let covered: u64 = layout.spans(piece, 0, len).map(|span| u64::from(span.len)).sum();
        assert_eq!(covered, u64::from(len), "spans cover {piece:?}");
        for span in layout.spans(piece, 0, u32::MAX) {
            assert!(layout.pieces_of(span.file).contains(&piece.0));
            let file = &layout.files()[span.file.at()];
            assert!(span.len > 0 && span.offset + u64::from(span.len) <= file.len);
        }
        let last = layout.blocks_in(piece);
        assert!(layout.contains(layout.block(piece, last - 1)) && !layout.contains(layout.block(piece, last)));
        sum += covered;
    }
    if count <= 64 {
        assert_eq!(sum, layout.total());
    }
    assert_eq!(layout.piece_len(PieceIndex(count)), 0);
}

/// An index taken from the input, behind a rare header.
#[cfg(feature = "planted-bugs")]
fn planted_metainfo(data: &[u8]) {
    if let Some(rest) = data.strip_prefix(b"d4:in") {
        let table = [0u8; 250];
        let at = usize::from(rest.first().copied().unwrap_or_default());
        assert!(table[at] == 0);
    }
}

/// A subtraction that trusts the order of two bytes, behind a rare start.
#[cfg(feature = "planted-bugs")]
fn planted_metainfo_v2(data: &[u8]) {
    if let Some([long, short, ..]) = data.strip_prefix(b"d1:") {
        assert!(long.checked_sub(*short).is_some() || *short < 128, "planted");
    }
}

/// A percent sign that is trusted to have two digits behind it, behind a rare start.
#[cfg(feature = "planted-bugs")]
fn planted_magnet(data: &[u8]) {
    if let Some(rest) = data.strip_prefix(b"magnet:?kt=")
        && let Some(at) = rest.iter().position(|byte| *byte == b'%')
    {
        assert!(rest.len() > at + 2, "planted");
    }
}

/// An index taken from a name, behind a rare start.
#[cfg(feature = "planted-bugs")]
fn planted_names(data: &[u8]) {
    if let Some(rest) = data.strip_prefix(b"~!") {
        let room = [0u8; 4];
        let at = rest.split(|byte| *byte == b'.').count();
        assert!(room[at] == 0);
    }
}
