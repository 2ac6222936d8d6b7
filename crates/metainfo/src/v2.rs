//! The v2 half of an info dictionary (BEP 52).

use bitlode_bencode::{Dict, Entries};

use crate::charset::Charset;
use crate::error::MetainfoError;
use crate::layout::File;
use crate::limits::Limits;
use crate::path::{NodeId, Paths};
use crate::v1;

/// Files that each start at a piece boundary.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    pub(crate) paths: Paths,
    pub(crate) total: u64,
    pub(crate) pieces: u64,
}

/// Reads `file tree`, depth first in the order of the bytes of its keys, without recursion.
pub(crate) fn tree(
    info: Dict<'_>,
    piece_length: u32,
    charset: Charset,
    limits: &Limits,
) -> Result<Tree, MetainfoError> {
    let root =
        info.get(b"file tree").and_then(|tree| tree.as_dict()).ok_or(MetainfoError::Missing { key: "file tree" })?;
    let mut out = Tree { files: Vec::new(), paths: Paths::new(charset), total: 0, pieces: 0 };
    let mut open: Vec<Level<'_>> = vec![Level { entries: root.iter(), last: None, node: NodeId::ROOT }];
    while let Some(level) = open.last_mut() {
        let Some((key, value)) = level.entries.next() else {
            open.pop();
            continue;
        };
        if level.last.is_some_and(|last| last >= key) {
            // The order of the files is the order of the keys, so here it matters.
            return Err(MetainfoError::Invalid { key: "file tree", why: "its keys are out of order" });
        }
        level.last = Some(key);
        if key.is_empty() {
            return Err(MetainfoError::Invalid { key: "file tree", why: "a directory is also a file" });
        }
        let parent = level.node;
        let dict = value.as_dict().ok_or(MetainfoError::Missing { key: "file tree" })?;
        let node = out.paths.push(parent, key, limits)?;
        let mut entries = dict.iter();
        match entries.clone().next() {
            Some((b"", file)) => {
                let file = file.as_dict().ok_or(MetainfoError::Missing { key: "file tree" })?;
                entries.next();
                if entries.next().is_some() {
                    return Err(MetainfoError::Invalid { key: "file tree", why: "a file is also a directory" });
                }
                out.add(file, node, piece_length, limits)?;
            }
            _ => open.push(Level { entries, last: None, node }),
        }
    }
    if out.files.is_empty() {
        return Err(MetainfoError::Invalid { key: "file tree", why: "is empty" });
    }
    Ok(out)
}

struct Level<'a> {
    entries: Entries<'a>,
    last: Option<&'a [u8]>,
    node: NodeId,
}

impl Tree {
    fn add(&mut self, file: Dict<'_>, node: NodeId, piece_length: u32, limits: &Limits) -> Result<(), MetainfoError> {
        if self.files.len() >= limits.files as usize {
            return Err(MetainfoError::Limit { what: "files", limit: limits.files, setting: "maxFiles" });
        }
        let attr = file.get(b"attr").map(v1::attr).unwrap_or_default();
        if attr.pad {
            return Err(MetainfoError::Invalid { key: "file tree", why: "has a pad file" });
        }
        let target = match attr.symlink {
            true => Some(v1::link(file.get(b"symlink path"), &mut self.paths, limits)?),
            false => None,
        };
        let len = if attr.symlink { 0 } else { v1::length(file.get(b"length"), self.total, limits)? };
        let pieces_root = match file.get(b"pieces root") {
            _ if len == 0 => None,
            Some(root) => {
                let root = root.as_bytes().and_then(|root| <[u8; 32]>::try_from(root).ok());
                let root = root.filter(|root| *root != [0; 32]);
                Some(root.ok_or(MetainfoError::HybridMismatch { why: "a `pieces root` is not a SHA-256" })?)
            }
            None => return Err(MetainfoError::Missing { key: "pieces root" }),
        };
        let offset = self.pieces.saturating_mul(u64::from(piece_length));
        self.files.push(File { len, offset, attr, pieces_root, node, target });
        self.total = self.total.saturating_add(len);
        self.pieces = self.pieces.saturating_add(len.div_ceil(u64::from(piece_length.max(1))));
        Ok(())
    }
}
