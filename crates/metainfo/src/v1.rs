//! The v1 half of an info dictionary (BEP 3, 47).

use bitlode_bencode::{Dict, Value};

use crate::charset::Charset;
use crate::error::MetainfoError;
use crate::layout::{Attr, File};
use crate::limits::Limits;
use crate::path::{NodeId, PathBuilder, Paths};

/// Files one behind the other.
pub(crate) struct Files {
    pub(crate) files: Vec<File>,
    pub(crate) paths: Paths,
    pub(crate) total: u64,
    /// Whether the torrent is one file without a directory.
    pub(crate) single: bool,
}

/// Reads `files` or `length`.
pub(crate) fn files(info: Dict<'_>, charset: Charset, limits: &Limits) -> Result<Files, MetainfoError> {
    match info.get(b"files") {
        Some(list) => many(list, charset, limits),
        None => single(info, limits),
    }
}

fn single(info: Dict<'_>, limits: &Limits) -> Result<Files, MetainfoError> {
    let len = length(info.get(b"length"), 0, limits)?;
    let attr = info.get(b"attr").map(attr).unwrap_or_default();
    let attr = Attr { pad: false, symlink: false, ..attr };
    let file = File { len, offset: 0, attr, pieces_root: None, node: NodeId::ROOT, target: None };
    Ok(Files { files: vec![file], paths: Paths::default(), total: len, single: true })
}

fn many(list: Value<'_>, charset: Charset, limits: &Limits) -> Result<Files, MetainfoError> {
    let list = list.as_list().ok_or(MetainfoError::Missing { key: "files" })?;
    let mut builder = PathBuilder::new(charset);
    let mut files = Vec::new();
    let mut total = 0u64;
    let mut path = Vec::new();
    for item in list {
        if files.len() >= limits.files as usize {
            return Err(MetainfoError::Limit { what: "files", limit: limits.files, setting: "maxFiles" });
        }
        let keys = Keys::of(item)?;
        let attr = keys.attr.map(attr).unwrap_or_default();
        // BEP 47: a link has no content, whatever its length says.
        let len = if attr.symlink { 0 } else { length(keys.length, total, limits)? };
        let utf8 = components(keys.path_utf8, &mut path) && path.iter().all(|name| std::str::from_utf8(name).is_ok());
        let node = if utf8 || components(keys.path, &mut path) {
            builder.add(&path, limits)?
        } else if attr.pad && keys.path.is_none() {
            // Pads are never on disk, and some makers do not name them.
            builder.add(&[b".pad", len.to_string().as_bytes()], limits)?
        } else {
            return Err(MetainfoError::Missing { key: "path" });
        };
        let target = match (attr.symlink, keys.target) {
            (true, target) => Some(link(target, &mut builder.paths, limits)?),
            (false, _) => None,
        };
        files.push(File { len, offset: total, attr, pieces_root: None, node, target });
        total = total.saturating_add(len);
    }
    if files.is_empty() {
        return Err(MetainfoError::Invalid { key: "files", why: "is empty" });
    }
    Ok(Files { files, paths: builder.paths, total, single: false })
}

/// The keys of one entry of `files`; of equal ones the first.
#[derive(Default)]
struct Keys<'a> {
    length: Option<Value<'a>>,
    path: Option<Value<'a>>,
    path_utf8: Option<Value<'a>>,
    attr: Option<Value<'a>>,
    target: Option<Value<'a>>,
}

impl<'a> Keys<'a> {
    fn of(item: Value<'a>) -> Result<Keys<'a>, MetainfoError> {
        let dict = item.as_dict().ok_or(MetainfoError::Missing { key: "files" })?;
        let mut keys = Keys::default();
        for (key, value) in dict.iter() {
            let slot = match key {
                b"length" => &mut keys.length,
                b"path" => &mut keys.path,
                b"path.utf-8" => &mut keys.path_utf8,
                b"attr" => &mut keys.attr,
                b"symlink path" => &mut keys.target,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        Ok(keys)
    }
}

/// A length that is a number and, added to `before`, within the limit.
pub(crate) fn length(value: Option<Value<'_>>, before: u64, limits: &Limits) -> Result<u64, MetainfoError> {
    let value = value.and_then(Value::as_int).ok_or(MetainfoError::Size { why: "a file has no length" })?;
    let len = u64::try_from(value).map_err(|_| MetainfoError::Size { why: "a file's length is negative" })?;
    match before.checked_add(len) {
        Some(sum) if sum <= limits.total => Ok(len),
        _ => Err(MetainfoError::Size { why: "the files are too long together" }),
    }
}

/// Replaces `into` by the strings of a list; false if it is not a list of strings with at least one.
fn components<'a>(value: Option<Value<'a>>, into: &mut Vec<&'a [u8]>) -> bool {
    into.clear();
    let Some(list) = value.and_then(Value::as_list) else { return false };
    for item in list {
        let Some(bytes) = item.as_bytes() else { return false };
        into.push(bytes);
    }
    !into.is_empty()
}

/// The letters of `attr` (BEP 47), in any order; unknown ones mean nothing.
pub(crate) fn attr(value: Value<'_>) -> Attr {
    let letters = value.as_bytes().unwrap_or_default();
    Attr {
        pad: letters.contains(&b'p'),
        executable: letters.contains(&b'x'),
        hidden: letters.contains(&b'h'),
        symlink: letters.contains(&b'l'),
    }
}

/// Adds the target of a symbolic link to `paths`.
pub(crate) fn link(value: Option<Value<'_>>, paths: &mut Paths, limits: &Limits) -> Result<NodeId, MetainfoError> {
    let mut target = Vec::new();
    if !components(value, &mut target) {
        return Err(MetainfoError::Missing { key: "symlink path" });
    }
    target.into_iter().try_fold(NodeId::ROOT, |parent, bytes| paths.push(parent, bytes, limits))
}
