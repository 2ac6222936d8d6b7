//! A .torrent file.

use std::collections::BTreeSet;
use std::sync::Arc;

use bitlode_bencode::{Dict, Value, decode_prefix};

use crate::charset::Charset;
use crate::error::MetainfoError;
use crate::info::{self, Info, Layers, key_warnings, text};
use crate::limits::Limits;
use crate::url;
use crate::warning::Warning;

/// A .torrent file, parsed and valid (BEP 3, 5, 12, 19, 52).
#[derive(Debug, Clone)]
pub struct Metainfo {
    /// The torrent itself; piece layers of a v2 half are in its verifier.
    pub info: Arc<Info>,
    /// Where the info dictionary stands in the file: offset of its first byte. It has the length of [`Info::raw`].
    pub info_offset: usize,
    /// Tiers of tracker URLs in the order of the file (BEP 12). Every URL once; schemes http, https, udp, ws and wss.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19), each once; those of a torrent of many files end in `/`.
    pub web_seeds: Vec<String>,
    /// DHT nodes to start from: host and port (BEP 5).
    pub nodes: Vec<(String, u16)>,
    /// A remark of the maker.
    pub comment: Option<String>,
    /// The program that made it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<i64>,
    /// `encoding`: the character set of names that are not UTF-8.
    pub encoding: Option<String>,
    /// Seeds of the other kind, `httpseeds` (BEP 17). Kept, not used.
    pub http_seeds: Vec<String>,
    /// Torrents that may share files, here and in the info dictionary (BEP 38).
    pub similar: Vec<[u8; 20]>,
    /// What the torrent belongs to, here and in the info dictionary (BEP 38).
    pub collections: Vec<String>,
    /// Who vouches for the info dictionary (BEP 35). Nothing is checked.
    pub signatures: Vec<Signature>,
    /// What was accepted although it is not right.
    pub warnings: Vec<Warning>,
}

/// A signature over the info dictionary (BEP 35), as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who signed: a name like `com.example`.
    pub signer: String,
    /// The signer's certificate, X.509 in DER, where it is given.
    pub certificate: Option<Vec<u8>>,
    /// `info`: more that was signed, as bencoding.
    pub info: Option<Vec<u8>>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Metainfo {
    /// Parses a .torrent file. Bytes behind it are a warning.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Metainfo, MetainfoError> {
        limits.check_file(bytes.len())?;
        let (document, used) = decode_prefix(bytes, limits.bencode())?;
        let root = document.root().as_dict().ok_or(MetainfoError::Missing { key: "info" })?;
        let info = root.get(b"info").ok_or(MetainfoError::Missing { key: "info" })?;
        let info_offset = info.offset();
        let encoding = root.get(b"encoding").and_then(Value::as_bytes);
        let charset = encoding.map(Charset::named).unwrap_or_default();
        let info = Info::from_value(info, Layers::InFile(root.get(b"piece layers")), charset, limits)?;

        let mut warnings: Vec<Warning> = key_warnings(document.warnings()).collect();
        if used < bytes.len() {
            warnings.push(Warning::TrailingBytes { count: bytes.len().saturating_sub(used) });
        }
        warnings.extend(info.warnings.iter().cloned());
        let (trackers, dropped) = trackers(root, limits.trackers);
        if dropped > 0 {
            warnings.push(Warning::TrackersDropped { count: dropped });
        }
        let (web_seeds, dropped) = web_seeds(root, info.layout.files().len() > 1, limits.web_seeds);
        if dropped > 0 {
            warnings.push(Warning::WebSeedsDropped { count: dropped });
        }
        let (nodes, dropped) = nodes(root, limits.nodes);
        if dropped > 0 {
            warnings.push(Warning::NodesDropped { count: dropped });
        }
        let readable = |utf8: &[u8], plain: &[u8]| {
            let bytes = root.get(utf8).and_then(Value::as_bytes).or_else(|| root.get(plain).and_then(Value::as_bytes));
            bytes.map(|bytes| charset.decode(bytes).into_owned())
        };
        let (mut similar, mut collections) = (info.similar.clone(), info.collections.clone());
        similar.extend(info::similar(root));
        collections.extend(info::collections(root, charset));
        Ok(Metainfo {
            comment: readable(b"comment.utf-8", b"comment"),
            created_by: readable(b"created by.utf-8", b"created by"),
            creation_date: root.get(b"creation date").and_then(Value::as_int),
            encoding: encoding.map(text),
            http_seeds: http_seeds(root, limits.web_seeds),
            similar,
            collections,
            signatures: signatures(root),
            info: Arc::new(info),
            info_offset,
            trackers,
            web_seeds,
            nodes,
            warnings,
        })
    }
}

/// The tiers of `announce-list`, or `announce` where the list has no tracker (BEP 12), and how many were dropped.
fn trackers(root: Dict<'_>, limit: usize) -> (Vec<Vec<String>>, usize) {
    let mut seen = BTreeSet::new();
    let mut dropped = 0usize;
    let mut take = |value: Value<'_>| -> Option<String> {
        let Some(url) = value.as_bytes().map(text).and_then(|text| url::clean(&text, url::TRACKER)) else {
            // An empty string is how some makers say "none".
            let empty = value.as_bytes().is_some_and(|bytes| bytes.trim_ascii().is_empty());
            dropped = dropped.saturating_add(usize::from(!empty));
            return None;
        };
        if seen.contains(&url) {
            return None;
        }
        if seen.len() >= limit {
            dropped = dropped.saturating_add(1);
            return None;
        }
        seen.insert(url.clone());
        Some(url)
    };
    let mut tiers = Vec::new();
    for tier in root.get(b"announce-list").and_then(Value::as_list).into_iter().flatten() {
        // Some makers forget the inner list.
        let tier: Vec<String> = match tier.as_list() {
            Some(urls) => urls.filter_map(&mut take).collect(),
            None => take(tier).into_iter().collect(),
        };
        if !tier.is_empty() {
            tiers.push(tier);
        }
    }
    if tiers.is_empty() {
        tiers.extend(root.get(b"announce").and_then(take).map(|url| vec![url]));
    }
    (tiers, dropped)
}

fn web_seeds(root: Dict<'_>, many: bool, limit: usize) -> (Vec<String>, usize) {
    let mut seeds: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut dropped = 0usize;
    let mut take = |value: Value<'_>| {
        let bytes = value.as_bytes().unwrap_or_default();
        if bytes.trim_ascii().is_empty() {
            return;
        }
        match url::clean(&text(bytes), url::WEB) {
            Some(mut url) => {
                // BEP 19: the path of a file is appended, so a torrent of many files names a directory.
                if many && !url.ends_with('/') {
                    url.push('/');
                }
                if seen.contains(&url) {
                } else if seen.len() >= limit {
                    dropped = dropped.saturating_add(1);
                } else {
                    seen.insert(url.clone());
                    seeds.push(url);
                }
            }
            None => dropped = dropped.saturating_add(1),
        }
    };
    if let Some(value) = root.get(b"url-list") {
        match value.as_list() {
            Some(list) => list.for_each(take),
            None => take(value),
        }
    }
    (seeds, dropped)
}

fn http_seeds(root: Dict<'_>, limit: usize) -> Vec<String> {
    let list = root.get(b"httpseeds").and_then(Value::as_list).into_iter().flatten();
    list.filter_map(|url| url::clean(&text(url.as_bytes()?), url::WEB)).take(limit).collect()
}

fn signatures(root: Dict<'_>) -> Vec<Signature> {
    let signers = root.get(b"signatures").and_then(Value::as_dict);
    let read = |(signer, value): (&[u8], Value<'_>)| {
        let bytes = |key: &[u8]| value.get(key).and_then(Value::as_bytes).map(<[u8]>::to_vec);
        let info = value.get(b"info").map(|info| info.span().to_vec());
        Some(Signature {
            signer: text(signer),
            certificate: bytes(b"certificate"),
            info,
            signature: bytes(b"signature")?,
        })
    };
    signers.into_iter().flat_map(|signers| signers.iter().filter_map(read)).collect()
}

fn nodes(root: Dict<'_>, limit: usize) -> (Vec<(String, u16)>, usize) {
    let mut nodes = Vec::new();
    let mut dropped = 0usize;
    for item in root.get(b"nodes").and_then(Value::as_list).into_iter().flatten() {
        match node(item) {
            Some(node) if nodes.len() < limit => nodes.push(node),
            _ => dropped = dropped.saturating_add(1),
        }
    }
    (nodes, dropped)
}

fn node(item: Value<'_>) -> Option<(String, u16)> {
    let mut pair = item.as_list()?;
    let host = pair.next()?.as_str().filter(|host| !host.is_empty())?;
    let port = u16::try_from(pair.next()?.as_int()?).ok().filter(|port| *port != 0)?;
    Some((host.to_owned(), port))
}
