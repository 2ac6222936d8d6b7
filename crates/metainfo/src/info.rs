//! The info dictionary: what an info-hash stands for.

use std::ops::Range;
use std::sync::Arc;

use bitlode_base::{FileIndex, PieceIndex};
use bitlode_bencode::{Dict, Value, Warnings, decode};
use bitlode_hash::{InfoHashes, merkle, sha1, sha256};

use crate::charset::Charset;
use crate::error::MetainfoError;
use crate::layers;
use crate::layout::{File, Layout};
use crate::limits::Limits;
use crate::name::Name;
use crate::path::NodeId;
use crate::unique::{Equal, resolve};
use crate::v1;
use crate::v2;
use crate::verifier::{FileHashes, PieceHashes, Verifier};
use crate::warning::Warning;

/// An info dictionary, parsed and valid.
#[derive(Debug, Clone)]
pub struct Info {
    /// The exact bytes, brackets included, as they were hashed and as `ut_metadata` sends them.
    pub raw: Arc<[u8]>,
    /// Hashes of [`Info::raw`]: v1 where there is a v1 half, v2 where there is a v2 half.
    pub hashes: InfoHashes,
    /// Name of the file, or of the directory above the files.
    pub name: Name,
    /// Files and pieces.
    pub layout: Layout,
    /// Peers come from the torrent's trackers only (BEP 27).
    pub private: bool,
    /// What pieces are checked against.
    pub verifier: Verifier,
    /// `source`: what some trackers add to make an info-hash their own.
    pub source: Option<String>,
    /// `update-url`: where a newer version of the torrent may be (BEP 39). Nothing asks there by itself.
    pub update_url: Option<String>,
    /// `ssl-cert`: the certificate, in PEM, that signs those of all peers. Such a torrent is not downloaded in the clear
    /// by clients that know the key.
    pub ssl_cert: Option<String>,
    /// `similar`: info-hashes of torrents that may share files (BEP 38).
    pub similar: Vec<[u8; 20]>,
    /// `collections`: what the torrent belongs to (BEP 38).
    pub collections: Vec<String>,
    /// What was accepted although it is not right.
    pub warnings: Vec<Warning>,
}

impl Info {
    /// Parses an info dictionary as `ut_metadata` delivers it: nothing may stand behind it (BEP 9).
    pub fn parse(raw_info: &[u8], limits: &Limits) -> Result<Info, MetainfoError> {
        let document = decode(raw_info, limits.bencode())?;
        let mut info = Info::from_value(document.root(), Layers::FromPeers, Charset::default(), limits)?;
        info.warnings.extend(key_warnings(document.warnings()));
        Ok(info)
    }

    pub(crate) fn from_value(
        value: Value<'_>,
        layers: Layers<'_>,
        charset: Charset,
        limits: &Limits,
    ) -> Result<Info, MetainfoError> {
        let dict = value.as_dict().ok_or(MetainfoError::Missing { key: "info" })?;
        let raw: Arc<[u8]> = Arc::from(value.span());
        let version = dict.get(b"meta version").and_then(Value::as_int).unwrap_or(1);
        if !(1..=2).contains(&version) {
            return Err(MetainfoError::Invalid { key: "meta version", why: "is newer than this version knows" });
        }
        let is_v2 = version == 2;
        let is_v1 = !is_v2 || dict.get(b"pieces").is_some();
        let mut name = name(dict, charset, limits)?;
        let piece_length = piece_length(dict, is_v2, limits)?;
        let tree = if is_v2 { Some(v2::tree(dict, piece_length, charset, limits)?) } else { None };
        let mut warnings = Vec::new();

        let mut hashes: Vec<FileHashes> = Vec::new();
        if let Some(tree) = &tree {
            check_pieces(tree.pieces, limits)?;
            hashes = trees_of(&tree.files, piece_length);
            if let Layers::InFile(value) = layers {
                match layers::attach(&mut hashes, value, piece_length)? {
                    0 => {}
                    count => warnings.push(Warning::LayersMissing { count }),
                }
            }
        }
        let (mut layout, verifier, single) = if is_v1 {
            let mut own = v1::files(dict, charset, limits)?;
            let pieces = own.total.div_ceil(u64::from(piece_length));
            let count = check_pieces(pieces, limits)?;
            if let Some(tree) = tree {
                agree(&mut own, &tree, pieces, &name)?;
            }
            let sha1s = PieceHashes::new(raw.clone(), piece_hashes(value, dict, pieces)?);
            let v1::Files { files, paths, total, single } = own;
            let layout = Layout { piece_length, pieces: count, total, aligned: false, files, paths };
            let verifier = match is_v2 {
                true => Verifier::Both { v1: sha1s, v2: hashes.into() },
                false => Verifier::V1(sha1s),
            };
            (layout, verifier, single)
        } else {
            let Some(v2::Tree { mut files, paths, total, pieces }) = tree else {
                return Err(MetainfoError::Missing { key: "file tree" });
            };
            // BEP 52: a tree of one file at the top is a torrent of that file, without a directory.
            let single = match files.as_mut_slice() {
                [only] if paths.node(only.node).is_some_and(|node| node.depth == 1) => {
                    // `name` is only advice; the file's own name stands in the tree.
                    name = paths.component(only.node).to_name();
                    only.node = NodeId::ROOT;
                    true
                }
                _ => false,
            };
            let pieces = check_pieces(pieces, limits)?;
            let layout = Layout { piece_length, pieces, total, aligned: true, files, paths };
            (layout, Verifier::V2(hashes.into()), single)
        };
        if layout.total == 0 {
            return Err(MetainfoError::Size { why: "the torrent has no bytes" });
        }
        if !single {
            match resolve(&mut layout.paths, &layout.files, Equal::Exactly, limits)? {
                0 => {}
                count => warnings.push(Warning::Renamed { count }),
            }
        }
        layout.paths.shrink();
        Ok(Info {
            hashes: InfoHashes { v1: is_v1.then(|| sha1(&raw)), v2: is_v2.then(|| sha256(&raw)) },
            raw,
            name,
            layout,
            private: dict.get(b"private").and_then(Value::as_int) == Some(1),
            verifier,
            source: dict.get(b"source").and_then(Value::as_bytes).map(|bytes| charset.decode(bytes).into_owned()),
            update_url: dict.get(b"update-url").and_then(Value::as_bytes).map(text),
            ssl_cert: dict.get(b"ssl-cert").and_then(Value::as_bytes).map(text),
            similar: similar(dict),
            collections: collections(dict, charset),
            warnings,
        })
    }

    /// Whether this version can download and seed the torrent: v1 and hybrid, yes; v2-only, no.
    pub fn transferable(&self) -> Result<(), MetainfoError> {
        match self.verifier {
            Verifier::V1(_) | Verifier::Both { .. } => Ok(()),
            Verifier::V2(_) => Err(MetainfoError::V2Only),
        }
    }

    /// Whether the torrent is one file without a directory of its own.
    pub fn is_single_file(&self) -> bool {
        matches!(self.layout.files.as_slice(), [only] if only.node == NodeId::ROOT)
    }

    /// The safe components of a file's path from the download folder down: `[name]` for a single file, else
    /// `[name, …path]`.
    pub fn disk_path(&self, file: FileIndex) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.safe.as_str()).chain(self.layout.path(file).map(|component| component.safe))
    }

    /// The same torrent for a file system that takes names for equal when they differ only in case or composition:
    /// files that would share a path are renamed, in order, with ` (1)`, ` (2)` before the extension. Ask for it only
    /// after probing the download folder: elsewhere such names are different files.
    pub fn for_folding_file_system(&self, limits: &Limits) -> Result<Info, MetainfoError> {
        let mut info = self.clone();
        let count = resolve(&mut info.layout.paths, &info.layout.files, Equal::Folded, limits)?;
        if count > 0 {
            info.warnings.push(Warning::Renamed { count });
        }
        Ok(info)
    }
}

/// Where the piece layers of a v2 half come from.
pub(crate) enum Layers<'a> {
    /// The .torrent file, whose `piece layers` this is.
    InFile(Option<Value<'a>>),
    /// Peers, later.
    FromPeers,
}

/// A string of the torrent for people to read.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The info-hashes of `similar`; what is none is left out.
pub(crate) fn similar(dict: Dict<'_>) -> Vec<[u8; 20]> {
    let list = dict.get(b"similar").and_then(Value::as_list).into_iter().flatten();
    list.filter_map(|hash| <[u8; 20]>::try_from(hash.as_bytes()?).ok()).collect()
}

/// The names of `collections`.
pub(crate) fn collections(dict: Dict<'_>, charset: Charset) -> Vec<String> {
    let list = dict.get(b"collections").and_then(Value::as_list).into_iter().flatten();
    list.filter_map(|name| Some(charset.decode(name.as_bytes()?).into_owned())).collect()
}

/// What the decoder says about dictionary keys.
pub(crate) fn key_warnings(found: Warnings) -> impl Iterator<Item = Warning> {
    let at = found.first_at.unwrap_or(0);
    let unsorted = (found.unsorted_keys > 0).then_some(Warning::UnsortedKeys { count: found.unsorted_keys, at });
    let duplicate = (found.duplicate_keys > 0).then_some(Warning::DuplicateKeys { count: found.duplicate_keys, at });
    unsorted.into_iter().chain(duplicate)
}

fn name(dict: Dict<'_>, charset: Charset, limits: &Limits) -> Result<Name, MetainfoError> {
    let utf8 = dict.get(b"name.utf-8").and_then(Value::as_str).map(str::as_bytes).filter(|name| !name.is_empty());
    let bytes = utf8.or_else(|| dict.get(b"name").and_then(Value::as_bytes));
    let bytes = bytes.ok_or(MetainfoError::Missing { key: "name" })?;
    Ok(Name::decoded(charset.decode(bytes), limits.name_bytes))
}

fn piece_length(dict: Dict<'_>, is_v2: bool, limits: &Limits) -> Result<u32, MetainfoError> {
    let value = dict.get(b"piece length").ok_or(MetainfoError::Missing { key: "piece length" })?;
    let got = value.as_int().ok_or(MetainfoError::Missing { key: "piece length" })?;
    let refuse = |why| MetainfoError::PieceLength { got, why };
    let length = u32::try_from(got).map_err(|_| refuse("it is out of range"))?;
    if length == 0 || length > limits.piece_length {
        return Err(refuse("it is out of range"));
    }
    if is_v2 && merkle::piece_level(length).is_none() {
        return Err(refuse("v2 wants a power of two of at least 16 KiB"));
    }
    Ok(length)
}

fn check_pieces(pieces: u64, limits: &Limits) -> Result<u32, MetainfoError> {
    let count = u32::try_from(pieces).ok().filter(|count| *count <= limits.pieces);
    count.ok_or(MetainfoError::Limit { what: "pieces", limit: limits.pieces, setting: "maxPieces" })
}

/// Where `pieces` stands in the info dictionary.
fn piece_hashes(info: Value<'_>, dict: Dict<'_>, pieces: u64) -> Result<Range<usize>, MetainfoError> {
    let found = dict.get(b"pieces").and_then(|value| Some((value, value.as_bytes()?)));
    let (value, bytes) = found.ok_or(MetainfoError::Missing { key: "pieces" })?;
    let want = pieces.saturating_mul(20);
    if bytes.len() as u64 != want {
        return Err(MetainfoError::Pieces { want, got: bytes.len() as u64 });
    }
    let end = value.offset().saturating_add(value.span().len()).saturating_sub(info.offset());
    Ok(end.saturating_sub(bytes.len())..end)
}

/// The trees of the files that are not empty, without layers.
fn trees_of(files: &[File], piece_length: u32) -> Vec<FileHashes> {
    let length = u64::from(piece_length.max(1));
    let mut first = 0u32;
    let mut out = Vec::new();
    for file in files {
        let Some(root) = file.pieces_root else { continue };
        let pieces = u32::try_from(file.len.div_ceil(length)).unwrap_or(u32::MAX);
        out.push(FileHashes { first: PieceIndex(first), pieces, root, layer: None });
        first = first.saturating_add(pieces);
    }
    out
}

/// Checks that both halves of a hybrid describe the same files at the same pieces, and copies the roots into `own`.
/// A pad behind the last file may be there or not: creators differ (BEP 47).
fn agree(own: &mut v1::Files, tree: &v2::Tree, pieces: u64, name: &Name) -> Result<(), MetainfoError> {
    let mismatch = |why| MetainfoError::HybridMismatch { why };
    if pieces != tree.pieces {
        return Err(mismatch("v1 and v2 have different numbers of pieces"));
    }
    let mut theirs = tree.files.iter();
    let v1::Files { files, paths, single, .. } = own;
    for file in files.iter_mut().filter(|file| !file.attr.pad) {
        let other = theirs.next().ok_or(mismatch("v1 has a file that v2 has not"))?;
        let mut path = tree.paths.path(other.node).map(|component| component.original);
        let same_path = match single {
            true => path.next() == Some(&name.original) && path.next().is_none(),
            false => path.eq(paths.path(file.node).map(|component| component.original)),
        };
        if !same_path {
            return Err(mismatch("v1 and v2 name different files"));
        }
        if file.len != other.len || file.attr.symlink != other.attr.symlink {
            return Err(mismatch("v1 and v2 give a file different lengths"));
        }
        if file.len > 0 && file.offset != other.offset {
            return Err(mismatch("a v1 file does not start at its piece"));
        }
        file.pieces_root = other.pieces_root;
    }
    if theirs.next().is_some() {
        return Err(mismatch("v2 has a file that v1 has not"));
    }
    Ok(())
}
