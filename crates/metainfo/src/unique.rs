//! No two files of a torrent share a path on disk.

use std::borrow::Cow;
use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::error::MetainfoError;
use crate::layout::File;
use crate::limits::Limits;
use crate::name::numbered;
use crate::path::{NodeId, Paths};

/// When two names are the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equal {
    /// When all bytes are equal.
    Exactly,
    /// When they differ only in case or in how accents are composed, as on the file systems of Windows and macOS.
    Folded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Only above pad files or links, which are not on disk.
    Absent,
    Directory,
    File,
}

/// Renames files until no two have the same path on disk; the first in order keeps its name. Says how many it renamed.
///
/// A file that is also a directory is an error, unless only safe names or folding make it one: then it is renamed.
pub(crate) fn resolve(paths: &mut Paths, files: &[File], equal: Equal, limits: &Limits) -> Result<u32, MetainfoError> {
    let (roles, levels) = levels(paths, files);
    // Directories that are one on disk are one here: the first stands for all.
    let mut first_of: Vec<NodeId> = (0..roles.len()).map(|at| NodeId(at as u32)).collect();
    let mut renamed = 0u32;
    for level in levels {
        let mut entries: Vec<Entry<'_>> = level.iter().map(|id| Entry::new(paths, *id, &first_of, equal)).collect();
        entries.sort_by(|a, b| a.key().cmp(&b.key()));
        let mut moves: Vec<Vec<&Entry<'_>>> = Vec::new();
        for group in entries.chunk_by(|a, b| a.key() == b.key()).filter(|group| group.len() > 1) {
            let is_file = |entry: &&Entry<'_>| roles.get(entry.id.0 as usize) == Some(&Role::File);
            let mut directories = group.iter().filter(|entry| !is_file(entry));
            let keeps = match directories.next() {
                Some(first) => {
                    for other in directories {
                        if let Some(slot) = first_of.get_mut(other.id.0 as usize) {
                            *slot = first.id;
                        }
                    }
                    0
                }
                None => 1,
            };
            let same: Vec<_> = group.iter().filter(is_file).skip(keeps).collect();
            // Only what the torrent itself calls a file and a directory is its fault; the rest we made equal.
            let original = |id: NodeId| paths.component(id).original;
            let clash = |file: &&&Entry<'_>| {
                let mut directories = group.iter().filter(|entry| !is_file(entry));
                keeps == 0 && directories.any(|entry| original(entry.id) == original(file.id))
            };
            if let Some(file) = same.iter().find(clash) {
                return Err(MetainfoError::PathConflict { path: paths.display(file.id) });
            }
            if !same.is_empty() {
                renamed = renamed.saturating_add(u32::try_from(same.len()).unwrap_or(u32::MAX));
                if renamed > limits.renames {
                    return Err(MetainfoError::Duplicates { limit: limits.renames });
                }
                moves.push(same);
            }
        }
        if moves.is_empty() {
            continue;
        }
        let mut taken: BTreeSet<(NodeId, Cow<'_, str>)> =
            entries.iter().map(|entry| (entry.parent, Cow::Borrowed(&*entry.name))).collect();
        let mut names = Vec::new();
        for group in moves {
            let mut number = 0u32;
            for entry in group {
                let name = loop {
                    number = number.saturating_add(1);
                    let name = numbered(paths.component(entry.id).safe, number, limits.name_bytes);
                    if taken.insert((entry.parent, Cow::Owned(fold(&name, equal).into_owned()))) {
                        break name;
                    }
                };
                names.push((entry.id, name));
            }
        }
        drop(taken);
        drop(entries);
        for (id, name) in names {
            paths.rename(id, &name, limits)?;
        }
    }
    Ok(renamed)
}

struct Entry<'a> {
    parent: NodeId,
    name: Cow<'a, str>,
    id: NodeId,
}

impl<'a> Entry<'a> {
    fn new(paths: &'a Paths, id: NodeId, first_of: &[NodeId], equal: Equal) -> Entry<'a> {
        let parent = paths.node(id).map_or(NodeId::ROOT, |node| node.parent);
        let parent = first_of.get(parent.0 as usize).copied().unwrap_or(NodeId::ROOT);
        Entry { parent, name: fold(paths.component(id).safe, equal), id }
    }

    fn key(&self) -> (NodeId, &str) {
        (self.parent, &self.name)
    }
}

/// What a folding file system compares. It folds more than any one of them does: a rename too many does no harm.
fn fold(name: &str, equal: Equal) -> Cow<'_, str> {
    match equal {
        Equal::Exactly => Cow::Borrowed(name),
        Equal::Folded => {
            Cow::Owned(name.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfd().collect())
        }
    }
}

/// The role of every node, and the nodes that are on disk by depth, in order.
fn levels(paths: &Paths, files: &[File]) -> (Vec<Role>, Vec<Vec<NodeId>>) {
    let mut roles = vec![Role::Absent; paths.len()];
    for file in files.iter().filter(|file| file.on_disk()) {
        let Some(role) = roles.get_mut(file.node.0 as usize) else { continue };
        *role = Role::File;
        let mut at = paths.node(file.node).map_or(NodeId::ROOT, |node| node.parent);
        while let Some(role @ Role::Absent) = roles.get_mut(at.0 as usize) {
            *role = Role::Directory;
            at = paths.node(at).map_or(NodeId::ROOT, |node| node.parent);
        }
    }
    let mut levels: Vec<Vec<NodeId>> = Vec::new();
    for (at, _) in roles.iter().enumerate().filter(|(_, role)| **role != Role::Absent) {
        let id = NodeId(at as u32);
        let depth = paths.node(id).map_or(0, |node| node.depth as usize);
        while levels.len() < depth {
            levels.push(Vec::new());
        }
        if let Some(level) = depth.checked_sub(1).and_then(|above| levels.get_mut(above)) {
            level.push(id);
        }
    }
    (roles, levels)
}
