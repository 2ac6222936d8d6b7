//! What the tests of this crate share: limits, deterministic content, and torrents built by hand.
#![allow(dead_code)]

use bitlode_bencode::Encoder;
use bitlode_hash::{Hasher, merkle, sha1, sha256};
use bitlode_metainfo::Limits;
use bitlode_metainfo::create::{Create, FileTree, Format, OnlyPiece, Padding, piece_node, slots};

pub(crate) const LIMITS: Limits = Limits {
    file_bytes: 10 << 20,
    depth: 100,
    tokens: 3_000_000,
    pieces: 2_097_152,
    files: 500_000,
    piece_length: 1 << 29,
    total: (1 << 48) - 1,
    path_depth: 100,
    name_bytes: 240,
    path_bytes: 4096,
    trackers: 512,
    web_seeds: 256,
    nodes: 64,
    magnet_bytes: 8192,
    magnet_peers: 256,
    renames: 500,
};

/// The first `len` bytes of SHA-256(0) ‖ SHA-256(1) ‖ …, numbers as 64 bits, big end first.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut out: Vec<u8> = (0..len.div_ceil(32) as u64).flat_map(|n| sha256(&n.to_be_bytes())).collect();
    out.truncate(len);
    out
}

/// A v1 info dictionary of one file; `pieces` are zeros.
pub(crate) fn single(name: &[u8], len: i64, piece_length: i64) -> Vec<u8> {
    let count = (len.max(0) as u64).div_ceil(piece_length.max(1) as u64) as usize;
    let mut out = Encoder::new();
    out.begin_dict().key(b"length").int(len).key(b"name").bytes(name);
    out.key(b"piece length").int(piece_length).key(b"pieces").bytes(&vec![0; 20 * count]).end();
    out.finish()
}

/// A file of [`many`].
#[derive(Clone, Default)]
pub(crate) struct Entry {
    pub(crate) path: Vec<Vec<u8>>,
    pub(crate) len: i64,
    pub(crate) attr: &'static str,
    pub(crate) link: Vec<Vec<u8>>,
}

pub(crate) fn entry(path: &str, len: i64) -> Entry {
    Entry { path: path.split('/').map(|part| part.as_bytes().to_vec()).collect(), len, ..Entry::default() }
}

/// A v1 info dictionary of many files with pieces of 16 KiB; `pieces` are zeros.
pub(crate) fn many(files: &[Entry]) -> Vec<u8> {
    many_in(files, 16384)
}

/// The same with pieces of another length.
pub(crate) fn many_in(files: &[Entry], piece_length: i64) -> Vec<u8> {
    let total: i64 = files.iter().map(|file| file.len).sum();
    let count = (total.max(0) as u64).div_ceil(piece_length as u64) as usize;
    let mut out = Encoder::new();
    out.begin_dict();
    write_files(&mut out, files);
    out.key(b"name").bytes(b"root").key(b"piece length").int(piece_length);
    out.key(b"pieces").bytes(&vec![0; 20 * count]).end();
    out.finish()
}

fn write_files(out: &mut Encoder, files: &[Entry]) {
    out.key(b"files").begin_list();
    for file in files {
        out.begin_dict();
        if !file.attr.is_empty() {
            out.key(b"attr").bytes(file.attr.as_bytes());
        }
        out.key(b"length").int(file.len).key(b"path").begin_list();
        file.path.iter().for_each(|part| {
            out.bytes(part);
        });
        out.end();
        if !file.link.is_empty() {
            out.key(b"symlink path").begin_list();
            file.link.iter().for_each(|part| {
                out.bytes(part);
            });
            out.end();
        }
        out.end();
    }
    out.end();
}

/// A .torrent file around an info dictionary.
pub(crate) fn torrent(info: &[u8]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.begin_dict().key(b"info").raw(info).end();
    out.finish()
}

/// How the v1 half of a hybrid ends.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Half {
    /// No v1 half.
    V2Only,
    /// `length`, for a single file.
    Single,
    /// `files`, with a pad behind the last.
    TailPad,
    /// `files`, without.
    NoTailPad,
}

/// A v2 or hybrid .torrent of files at the top, as the reference creator of BEP 52 writes it. `spoil` edits the v1
/// entries before they are written.
pub(crate) fn v2(name: &str, files: &[(&str, &[u8])], piece: u32, half: Half, spoil: fn(&mut Vec<Entry>)) -> Vec<u8> {
    let level = merkle::piece_level(piece).unwrap();
    let mut sorted = files.to_vec();
    sorted.sort();
    let mut out = Encoder::new();
    out.begin_dict().key(b"info").begin_dict().key(b"file tree").begin_dict();
    let mut layers = Vec::new();
    for (path, data) in &sorted {
        out.key(path.as_bytes()).begin_dict().key(b"").begin_dict().key(b"length").int(data.len() as i64);
        if !data.is_empty() {
            let leaves = merkle::leaves(data);
            let root = merkle::root_of_blocks(&leaves);
            out.key(b"pieces root").bytes(&root);
            if data.len() > piece as usize {
                layers.push((root, merkle::layer_of_blocks(&leaves, level).concat()));
            }
        }
        out.end().end();
    }
    out.end();
    let mut entries = Vec::new();
    let mut bytes = Vec::new();
    for (number, (path, data)) in sorted.iter().enumerate() {
        entries.push(entry(path, data.len() as i64));
        bytes.extend_from_slice(data);
        let pad = (piece as usize - data.len() % piece as usize) % piece as usize;
        if pad > 0 && (number + 1 < sorted.len() || half == Half::TailPad) {
            entries.push(Entry { attr: "p", ..entry(&format!(".pad/{pad}"), pad as i64) });
            bytes.resize(bytes.len() + pad, 0);
        }
    }
    spoil(&mut entries);
    match half {
        Half::TailPad | Half::NoTailPad => write_files(&mut out, &entries),
        Half::Single => {
            out.key(b"length").int(entries[0].len);
        }
        Half::V2Only => {}
    }
    out.key(b"meta version").int(2).key(b"name").bytes(name.as_bytes());
    out.key(b"piece length").int(i64::from(piece));
    if half != Half::V2Only {
        let pieces: Vec<u8> = bytes.chunks(piece as usize).flat_map(sha1).collect();
        out.key(b"pieces").bytes(&pieces);
    }
    out.end();
    layers.sort();
    layers.dedup();
    out.key(b"piece layers").begin_dict();
    layers.iter().for_each(|(root, layer)| {
        out.key(root).bytes(layer);
    });
    out.end().end();
    out.finish()
}

/// A torrent of these files in their order, hashed as the slots say; an empty path is that of a single file.
pub(crate) fn made(name: &str, files: &[(&str, &[u8])], format: Format, padding: Padding, piece_length: u32) -> Create {
    let with = Hasher::portable();
    let mut create = Create { name: name.to_owned(), format, padding, piece_length, ..Create::default() };
    create.files = files
        .iter()
        .map(|(path, data)| {
            let path = if path.is_empty() { Vec::new() } else { path.split('/').map(str::to_owned).collect() };
            (path, data.len() as u64)
        })
        .collect();
    let lens: Vec<u64> = create.files.iter().map(|(_, len)| *len).collect();
    let mut bytes = Vec::new();
    for slot in slots(format, padding, piece_length, &lens).unwrap() {
        assert_eq!(slot.offset, bytes.len() as u64);
        match slot.file {
            Some(file) => bytes.extend_from_slice(files[file].1),
            None => bytes.resize(bytes.len() + slot.len as usize, 0),
        }
    }
    if format.has_v1() {
        create.pieces = bytes.chunks(piece_length as usize).flat_map(sha1).collect();
    }
    if format.has_v2() {
        let tree = |data: &[u8]| {
            let pieces: Vec<&[u8]> = data.chunks(piece_length as usize).collect();
            let only = if pieces.len() == 1 { OnlyPiece::Yes } else { OnlyPiece::No };
            let nodes = pieces.iter().map(|piece| piece_node(with, &merkle::leaves(piece), piece_length, only));
            FileTree::new(with, &nodes.collect::<Vec<_>>(), piece_length)
        };
        create.trees = files.iter().map(|(_, data)| tree(data)).collect();
    }
    create
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
