//! Torrents to simulate with: content that a seed gives, of every shape that has ever broken a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitlode_base::{BLOCK_LEN, Choice};
use bitlode_bencode::Encoder;
use bitlode_hash::{merkle, sha1};
use bitlode_metainfo::Info;
use bitlode_session::Settings;

use crate::disk::Reference;

/// What a torrent looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// One file of some length.
    Single,
    /// One file whose length is a multiple of the piece length.
    Exact,
    /// One file whose last piece has one byte.
    OneByteTail,
    /// Many files of all lengths, empty ones among them; pieces lie across their borders.
    Many,
    /// Many files, each padded to a piece border (BEP 47).
    Padded,
    /// Many files with v1 and v2 hashes (BEP 52).
    Hybrid,
}

/// A torrent with its content.
#[derive(Debug, Clone)]
pub struct Torrent {
    /// What it looks like.
    pub shape: Shape,
    /// The parsed info dictionary.
    pub info: Arc<Info>,
    /// What its files hold.
    pub reference: Reference,
}

struct Entry {
    path: Vec<String>,
    start: usize,
    len: usize,
    pad: bool,
}

impl Torrent {
    /// A torrent of that shape, of about `total` bytes.
    ///
    /// Panics when the metainfo crate refuses what was built here: that is a failed run.
    pub fn generate(shape: Shape, piece_length: u32, total: usize, choice: &mut Choice) -> Torrent {
        let piece = piece_length as usize;
        let total = match shape {
            Shape::Exact => total.div_ceil(piece).max(1) * piece,
            Shape::OneByteTail => total / piece * piece + 1,
            _ => total.max(1),
        };
        let many = matches!(shape, Shape::Many | Shape::Padded | Shape::Hybrid);
        let aligned = matches!(shape, Shape::Padded | Shape::Hybrid);
        let entries = if many { files(total, piece, aligned, choice) } else { single(total) };
        let mut content = vec![0; entries.last().map_or(0, |last| last.start + last.len)];
        for entry in entries.iter().filter(|entry| !entry.pad) {
            for chunk in content[entry.start..entry.start + entry.len].chunks_mut(8) {
                chunk.copy_from_slice(&choice.next().to_le_bytes()[..chunk.len()]);
            }
        }
        let raw = info_dict(shape, piece_length, many, &entries, &content);
        let limits = bitlode_node::limits::metainfo(&Settings::default());
        let info = match Info::parse(&raw, &limits) {
            Ok(info) => Arc::new(info),
            Err(error) => panic!("the generated metainfo was refused: {error}"),
        };
        let root = many.then(|| NAME.to_owned());
        let files: BTreeMap<_, _> = entries
            .iter()
            .filter(|entry| !entry.pad)
            .map(|entry| (root.iter().chain(&entry.path).cloned().collect(), (entry.start, entry.len)))
            .collect();
        Torrent { shape, info, reference: Reference { content: content.into(), files: Arc::new(files) } }
    }
}

const NAME: &str = "content";

fn single(total: usize) -> Vec<Entry> {
    vec![Entry { path: vec![NAME.to_owned()], start: 0, len: total, pad: false }]
}

fn files(total: usize, piece: usize, aligned: bool, choice: &mut Choice) -> Vec<Entry> {
    let (mut out, mut at, mut left) = (Vec::new(), 0, total);
    let count = 2 + choice.below(30) as usize;
    for n in 0..count {
        let len = match choice.below(6) {
            0 => 0,
            1 => 1,
            2 => piece.min(left),
            3 => (BLOCK_LEN as usize + choice.below(3) as usize - 1).min(left),
            _ => choice.below(left as u64 / 2 + 1) as usize,
        };
        let len = if n + 1 == count { left } else { len.min(left) };
        left -= len;
        let folder = (0..choice.below(3)).map(|depth| format!("d{depth}-{}", n % 3));
        // Ascending names: in a v2 file tree the order is that of the names.
        let path: Vec<String> = if aligned { vec![] } else { folder.collect() };
        let path = [path, vec![format!("f{n:03}")]].concat();
        out.push(Entry { path, start: at, len, pad: false });
        at += len;
        let gap = at.next_multiple_of(piece) - at;
        if aligned && gap > 0 && left > 0 {
            out.push(Entry { path: vec![".pad".into(), gap.to_string()], start: at, len: gap, pad: true });
            at += gap;
        }
    }
    out
}

fn info_dict(shape: Shape, piece_length: u32, many: bool, entries: &[Entry], content: &[u8]) -> Vec<u8> {
    let hybrid = shape == Shape::Hybrid;
    let mut out = Encoder::new();
    out.begin_dict();
    if hybrid {
        out.key(b"file tree").begin_dict();
        for entry in entries.iter().filter(|entry| !entry.pad) {
            let bytes = &content[entry.start..entry.start + entry.len];
            out.key(entry.path.concat().as_bytes()).begin_dict().key(b"").begin_dict();
            out.key(b"length").int(entry.len as i64);
            if entry.len > 0 {
                out.key(b"pieces root").bytes(&merkle::root_of_blocks(&merkle::leaves(bytes)));
            }
            out.end().end();
        }
        out.end();
    }
    if many {
        out.key(b"files").begin_list();
        for entry in entries {
            out.begin_dict();
            if entry.pad {
                out.key(b"attr").bytes(b"p");
            }
            out.key(b"length").int(entry.len as i64);
            out.key(b"path").begin_list();
            for part in &entry.path {
                out.bytes(part.as_bytes());
            }
            out.end().end();
        }
        out.end();
    } else {
        out.key(b"length").int(content.len() as i64);
    }
    if hybrid {
        out.key(b"meta version").int(2);
    }
    out.key(b"name").bytes(NAME.as_bytes());
    out.key(b"piece length").int(i64::from(piece_length));
    let pieces: Vec<u8> = content.chunks(piece_length as usize).flat_map(sha1).collect();
    out.key(b"pieces").bytes(&pieces);
    out.end();
    out.finish()
}
