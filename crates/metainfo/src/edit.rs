//! Changing what stands around an info dictionary.

use bitlode_bencode::{Encoder, decode_prefix};

use crate::create::{announce, node_list, url_list};
use crate::error::MetainfoError;
use crate::limits::Limits;

/// What becomes of a .torrent file; what is `None` stays as it is.
///
/// The info dictionary, and with it the info-hash and every signature, and all keys that are not named here are copied
/// byte for byte, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Tiers of tracker URLs (BEP 12); none removes them.
    pub trackers: Option<Vec<Vec<String>>>,
    /// Web seeds (BEP 19); none removes them.
    pub web_seeds: Option<Vec<String>>,
    /// DHT nodes: host and port (BEP 5); none removes them.
    pub nodes: Option<Vec<(String, u16)>>,
    /// A remark, or none.
    pub comment: Option<Option<String>>,
    /// The program that made it, or none.
    pub created_by: Option<Option<String>>,
    /// Seconds since 1970, or none.
    pub creation_date: Option<Option<i64>>,
}

/// A key that changes, and its new value as bencoding; no value removes it.
type Change = (&'static [u8], Option<Vec<u8>>);

impl Edit {
    /// The changed file. What stands behind the end of the dictionary is left out.
    ///
    /// The input must be bencoding within the limits with an `info`; whether that is a valid one is not asked.
    pub fn apply(&self, torrent: &[u8], limits: &Limits) -> Result<Vec<u8>, MetainfoError> {
        limits.check_file(torrent.len())?;
        let (document, _) = decode_prefix(torrent, limits.bencode())?;
        let root = document.root().as_dict().ok_or(MetainfoError::Missing { key: "info" })?;
        root.get(b"info").and_then(|info| info.as_dict()).ok_or(MetainfoError::Missing { key: "info" })?;
        let mut changes = self.changes();
        let mut out = Encoder::new();
        out.raw(b"d");
        for (key, value) in root.iter() {
            // New keys go where they belong in the order, which the old ones may not keep.
            let due = |(new, _): &Change| *new < key && root.get(new).is_none();
            while let Some(at) = changes.iter().position(due) {
                let (new, bytes) = changes.remove(at);
                write(&mut out, new, bytes.as_deref());
            }
            match changes.iter().position(|(changed, _)| *changed == key) {
                Some(at) => {
                    let (key, bytes) = changes.remove(at);
                    write(&mut out, key, bytes.as_deref());
                    // Of equal keys the first counts; a second one would come to life.
                    changes.push((key, None));
                }
                None => {
                    out.bytes(key).raw(value.span());
                }
            }
        }
        for (key, bytes) in changes {
            write(&mut out, key, bytes.as_deref());
        }
        out.raw(b"e");
        let out = out.finish();
        limits.check_file(out.len())?;
        Ok(out)
    }

    /// All keys that change, in order.
    fn changes(&self) -> Vec<Change> {
        let text = |text: &str| {
            let mut out = Encoder::new();
            out.bytes(text.as_bytes());
            out.finish()
        };
        let mut changes: Vec<Change> = Vec::new();
        if let Some(tiers) = &self.trackers {
            let (first, list) = announce(tiers).unzip();
            changes.push((b"announce", first.map(text)));
            changes.push((b"announce-list", list.flatten()));
        }
        if let Some(comment) = &self.comment {
            changes.push((b"comment", comment.as_deref().map(text)));
            changes.push((b"comment.utf-8", None));
        }
        if let Some(program) = &self.created_by {
            changes.push((b"created by", program.as_deref().map(text)));
            changes.push((b"created by.utf-8", None));
        }
        if let Some(date) = self.creation_date {
            let value = date.map(|date| {
                let mut out = Encoder::new();
                out.int(date);
                out.finish()
            });
            changes.push((b"creation date", value));
        }
        if let Some(nodes) = &self.nodes {
            changes.push((b"nodes", node_list(nodes)));
        }
        if let Some(urls) = &self.web_seeds {
            changes.push((b"url-list", url_list(urls)));
        }
        changes
    }
}

fn write(out: &mut Encoder, key: &[u8], value: Option<&[u8]>) {
    if let Some(value) = value {
        out.bytes(key).raw(value);
    }
}
