//! All paths of a torrent in two allocations.
//!
//! A torrent may have half a million files, and a hostile one a hundred directories above each; so a path is a chain of
//! 28-byte nodes from a file up to the root, siblings share their parents, and all text stands in one string.

use crate::charset::Charset;
use crate::error::MetainfoError;
use crate::limits::Limits;
use crate::name::{Name, safe_name};

/// One component of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component<'a> {
    /// As in the torrent; bytes that are neither UTF-8 nor what its `encoding` says became U+FFFD.
    pub original: &'a str,
    /// As on disk.
    pub safe: &'a str,
}

impl Component<'_> {
    /// The component with its own copies.
    pub fn to_name(self) -> Name {
        Name { original: self.original.to_owned(), safe: self.safe.to_owned() }
    }
}

/// Number of a node; [`NodeId::ROOT`] stands above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) const ROOT: NodeId = NodeId(u32::MAX);
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) parent: NodeId,
    original: Text,
    safe: Text,
    /// Bytes of the path on disk up to here, a separator behind each component.
    bytes: u32,
    /// Components up to here.
    pub(crate) depth: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Text {
    start: u32,
    len: u32,
}

/// The nodes and their text. A parent always stands before its children.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    text: String,
    charset: Charset,
}

impl Paths {
    /// No nodes yet; names that are not UTF-8 are in `charset`.
    pub(crate) fn new(charset: Charset) -> Paths {
        Paths { charset, ..Paths::default() }
    }

    /// Adds a component below `parent`.
    pub(crate) fn push(&mut self, parent: NodeId, bytes: &[u8], limits: &Limits) -> Result<NodeId, MetainfoError> {
        let decoded = self.charset.decode(bytes);
        let safe = safe_name(&decoded, limits.name_bytes);
        let (above, depth) = self.node(parent).map_or((0, 0), |node| (node.bytes, node.depth));
        let depth = depth.saturating_add(1);
        if depth > limits.path_depth {
            return Err(MetainfoError::PathDepth { what: "directories", limit: limits.path_depth as usize });
        }
        let path_bytes = (above as usize).saturating_add(safe.len());
        if path_bytes > limits.path_bytes {
            return Err(MetainfoError::PathDepth { what: "bytes", limit: limits.path_bytes });
        }
        let original = self.append(&decoded)?;
        let safe = if *safe == *decoded { original } else { self.append(&safe)? };
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| TOO_MUCH_TEXT)?);
        let bytes = u32::try_from(path_bytes.saturating_add(1)).map_err(|_| TOO_MUCH_TEXT)?;
        self.nodes.push(Node { parent, original, safe, bytes, depth });
        Ok(id)
    }

    /// Gives a node without children another name on disk.
    pub(crate) fn rename(&mut self, id: NodeId, safe: &str, limits: &Limits) -> Result<(), MetainfoError> {
        let text = self.append(safe)?;
        let above = self.node(id).and_then(|node| self.node(node.parent)).map_or(0, |parent| parent.bytes);
        let path_bytes = (above as usize).saturating_add(safe.len());
        if path_bytes > limits.path_bytes {
            return Err(MetainfoError::PathDepth { what: "bytes", limit: limits.path_bytes });
        }
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.safe = text;
            node.bytes = u32::try_from(path_bytes.saturating_add(1)).map_err(|_| TOO_MUCH_TEXT)?;
        }
        Ok(())
    }

    fn append(&mut self, text: &str) -> Result<Text, MetainfoError> {
        let start = u32::try_from(self.text.len()).map_err(|_| TOO_MUCH_TEXT)?;
        let len = u32::try_from(text.len()).map_err(|_| TOO_MUCH_TEXT)?;
        self.text.push_str(text);
        Ok(Text { start, len })
    }

    fn str(&self, text: Text) -> &str {
        let start = text.start as usize;
        self.text.get(start..start.saturating_add(text.len as usize)).unwrap_or_default()
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The last component of a node's path.
    pub(crate) fn component(&self, id: NodeId) -> Component<'_> {
        match self.node(id) {
            Some(node) => Component { original: self.str(node.original), safe: self.str(node.safe) },
            None => Component { original: "", safe: "" },
        }
    }

    /// The components of a node's path from the top, the root excluded.
    pub(crate) fn path(&self, id: NodeId) -> impl DoubleEndedIterator<Item = Component<'_>> + ExactSizeIterator {
        let mut ids = Vec::with_capacity(self.node(id).map_or(0, |node| node.depth as usize));
        let mut at = id;
        while let Some(node) = self.node(at) {
            ids.push(at);
            at = node.parent;
        }
        ids.into_iter().rev().map(|id| self.component(id))
    }

    /// The path of a node on disk, for messages.
    pub(crate) fn display(&self, id: NodeId) -> String {
        self.path(id).map(|component| component.safe).collect::<Vec<_>>().join("/")
    }

    /// Gives back memory that growing reserved.
    pub(crate) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.text.shrink_to_fit();
    }
}

const TOO_MUCH_TEXT: MetainfoError = MetainfoError::Invalid { key: "path", why: "the names are too long together" };

/// Adds whole paths; directories that a path shares with the one before it are not added again.
#[derive(Debug)]
pub(crate) struct PathBuilder {
    pub(crate) paths: Paths,
    chain: Vec<NodeId>,
}

impl PathBuilder {
    pub(crate) fn new(charset: Charset) -> PathBuilder {
        PathBuilder { paths: Paths::new(charset), chain: Vec::new() }
    }

    /// Adds the path of a file. Two files never share their last node.
    pub(crate) fn add(&mut self, components: &[&[u8]], limits: &Limits) -> Result<NodeId, MetainfoError> {
        let Some((name, directories)) = components.split_last() else {
            return Err(MetainfoError::Invalid { key: "path", why: "is empty" });
        };
        let shared = self
            .chain
            .iter()
            .zip(directories)
            .take_while(|(id, bytes)| self.paths.component(**id).original.as_bytes() == **bytes)
            .count();
        self.chain.truncate(shared);
        for bytes in directories.iter().skip(shared) {
            let parent = self.chain.last().copied().unwrap_or(NodeId::ROOT);
            self.chain.push(self.paths.push(parent, bytes, limits)?);
        }
        self.paths.push(self.chain.last().copied().unwrap_or(NodeId::ROOT), name, limits)
    }
}
