//! The bytes of a torrent that is made.

use bitlode_base::BLOCK_LEN;
use bitlode_bencode::Encoder;

use super::order::{Slot, in_order, slots};
use super::{Create, CreateError, Format, Privacy};

impl Create {
    /// The info dictionary, canonical.
    pub fn info(&self) -> Result<Vec<u8>, CreateError> {
        let slots = self.check()?;
        let mut out = Encoder::new();
        out.begin_dict();
        if self.format.has_v2() {
            self.file_tree(&mut out)?;
        }
        if self.format.has_v1() {
            match self.files.as_slice() {
                [(path, len)] if path.is_empty() => {
                    out.key(b"length").int(int(*len)?);
                }
                files => v1_files(&mut out, files, &slots)?,
            }
        }
        if self.format.has_v2() {
            out.key(b"meta version").int(2);
        }
        out.key(b"name").bytes(self.name.as_bytes());
        out.key(b"piece length").int(i64::from(self.piece_length));
        if self.format.has_v1() {
            out.key(b"pieces").bytes(&self.pieces);
        }
        if self.private == Privacy::Private {
            out.key(b"private").int(1);
        }
        if let Some(source) = &self.source {
            out.key(b"source").bytes(source.as_bytes());
        }
        out.end();
        Ok(out.finish())
    }

    /// The whole .torrent file, canonical.
    pub fn torrent(&self) -> Result<Vec<u8>, CreateError> {
        let info = self.info()?;
        let mut out = Encoder::new();
        out.begin_dict();
        if let Some((first, list)) = announce(&self.trackers) {
            out.key(b"announce").bytes(first.as_bytes());
            if let Some(list) = list {
                out.key(b"announce-list").raw(&list);
            }
        }
        if let Some(comment) = &self.comment {
            out.key(b"comment").bytes(comment.as_bytes());
        }
        if let Some(program) = &self.created_by {
            out.key(b"created by").bytes(program.as_bytes());
        }
        if let Some(date) = self.creation_date {
            out.key(b"creation date").int(date);
        }
        out.key(b"info").raw(&info);
        if let Some(nodes) = node_list(&self.nodes) {
            out.key(b"nodes").raw(&nodes);
        }
        if self.format.has_v2() {
            self.piece_layers(&mut out);
        }
        if let Some(list) = url_list(&self.web_seeds) {
            out.key(b"url-list").raw(&list);
        }
        out.end();
        Ok(out.finish())
    }

    /// Checks all that is given, and says where it lies.
    fn check(&self) -> Result<Vec<Slot>, CreateError> {
        let length = u64::from(self.piece_length);
        if !self.piece_length.is_power_of_two() || self.piece_length < BLOCK_LEN {
            return Err(CreateError::PieceLength { got: self.piece_length });
        }
        check_name(&self.name)?;
        for (path, _) in &self.files {
            if path.is_empty() && self.files.len() > 1 {
                return Err(CreateError::Path);
            }
            path.iter().try_for_each(|component| check_name(component))?;
        }
        if self.format.has_v2() {
            self.check_order()?;
        }
        let lens: Vec<u64> = self.files.iter().map(|(_, len)| *len).collect();
        let slots = slots(self.format, self.padding, self.piece_length, &lens).ok_or(CreateError::Size)?;
        let end = slots.last().and_then(|last| last.offset.checked_add(last.len)).ok_or(CreateError::Size)?;
        if lens.iter().all(|len| *len == 0) || i64::try_from(end).is_err() {
            return Err(CreateError::Size);
        }
        let count = if self.format.has_v1() { end.div_ceil(length) } else { 0 };
        let want = count.checked_mul(20).ok_or(CreateError::Size)?;
        if self.pieces.len() as u64 != want {
            return Err(CreateError::Pieces { want, got: self.pieces.len() as u64 });
        }
        if self.format.has_v2() {
            let fits = |((_, len), tree): (&(Vec<String>, u64), &super::FileTree)| {
                let nodes = if *len > length { len.div_ceil(length) } else { 0 };
                tree.layer.len() as u64 == nodes.saturating_mul(32)
            };
            if self.trees.len() != self.files.len() || !self.files.iter().zip(&self.trees).all(fits) {
                return Err(CreateError::Trees);
            }
        } else if !self.trees.is_empty() {
            return Err(CreateError::Trees);
        }
        Ok(slots)
    }

    /// The order of the tree, in which a directory follows no file of its name.
    fn check_order(&self) -> Result<(), CreateError> {
        for pair in self.files.windows(2) {
            let [(a, _), (b, _)] = pair else { continue };
            if in_order(Format::V2, a, b).is_ge() || b.starts_with(a) {
                return Err(CreateError::Order { path: b.join("/") });
            }
        }
        Ok(())
    }

    fn file_tree(&self, out: &mut Encoder) -> Result<(), CreateError> {
        out.key(b"file tree").begin_dict();
        let mut open: &[String] = &[];
        for ((path, len), tree) in self.files.iter().zip(&self.trees) {
            let name = std::slice::from_ref(&self.name);
            let (file, folders) = if path.is_empty() { name } else { path }.split_last().ok_or(CreateError::Path)?;
            let shared = open.iter().zip(folders).take_while(|(a, b)| a == b).count();
            (shared..open.len()).for_each(|_| {
                out.end();
            });
            for folder in folders.iter().skip(shared) {
                out.key(folder.as_bytes()).begin_dict();
            }
            open = folders;
            out.key(file.as_bytes()).begin_dict().key(b"").begin_dict().key(b"length").int(int(*len)?);
            if *len > 0 {
                out.key(b"pieces root").bytes(&tree.root);
            }
            out.end().end();
        }
        open.iter().for_each(|_| {
            out.end();
        });
        out.end();
        Ok(())
    }

    /// `piece layers`: there even if no file needs one (BEP 52); files of equal content share theirs.
    fn piece_layers(&self, out: &mut Encoder) {
        let mut layers: Vec<_> = self.trees.iter().filter(|tree| !tree.layer.is_empty()).collect();
        layers.sort_by_key(|tree| tree.root);
        layers.dedup_by_key(|tree| tree.root);
        out.key(b"piece layers").begin_dict();
        layers.iter().for_each(|tree| {
            out.key(&tree.root).bytes(&tree.layer);
        });
        out.end();
    }
}

fn v1_files(out: &mut Encoder, files: &[(Vec<String>, u64)], slots: &[Slot]) -> Result<(), CreateError> {
    out.key(b"files").begin_list();
    for slot in slots {
        out.begin_dict();
        match slot.file.and_then(|file| files.get(file)) {
            Some((path, _)) => {
                out.key(b"length").int(int(slot.len)?).key(b"path").begin_list();
                path.iter().for_each(|component| {
                    out.bytes(component.as_bytes());
                });
            }
            // BEP 47.
            None => {
                out.key(b"attr").bytes(b"p").key(b"length").int(int(slot.len)?).key(b"path").begin_list();
                out.bytes(b".pad").bytes(slot.len.to_string().as_bytes());
            }
        }
        out.end().end();
    }
    out.end();
    Ok(())
}

/// The values of `announce` and, for more than one URL, `announce-list` (BEP 12).
pub(crate) fn announce(tiers: &[Vec<String>]) -> Option<(&str, Option<Vec<u8>>)> {
    let full = || tiers.iter().filter(|tier| !tier.is_empty());
    let first = full().next().and_then(|tier| tier.first())?;
    let several = full().flatten().count() > 1;
    let list = several.then(|| {
        let mut out = Encoder::new();
        out.begin_list();
        for tier in full() {
            out.begin_list();
            tier.iter().for_each(|url| {
                out.bytes(url.as_bytes());
            });
            out.end();
        }
        out.end();
        out.finish()
    });
    Some((first, list))
}

/// The value of `url-list` (BEP 19).
pub(crate) fn url_list(urls: &[String]) -> Option<Vec<u8>> {
    let mut out = Encoder::new();
    match urls {
        [] => return None,
        [only] => {
            out.bytes(only.as_bytes());
        }
        many => {
            out.begin_list();
            many.iter().for_each(|url| {
                out.bytes(url.as_bytes());
            });
            out.end();
        }
    }
    Some(out.finish())
}

/// The value of `nodes` (BEP 5).
pub(crate) fn node_list(nodes: &[(String, u16)]) -> Option<Vec<u8>> {
    if nodes.is_empty() {
        return None;
    }
    let mut out = Encoder::new();
    out.begin_list();
    for (host, port) in nodes {
        out.begin_list().bytes(host.as_bytes()).int(i64::from(*port)).end();
    }
    out.end();
    Some(out.finish())
}

fn int(len: u64) -> Result<i64, CreateError> {
    i64::try_from(len).map_err(|_| CreateError::Size)
}

fn check_name(name: &str) -> Result<(), CreateError> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\\', '\0']) {
        return Err(CreateError::Name { name: name.to_owned() });
    }
    Ok(())
}
