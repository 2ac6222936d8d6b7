//! Magnet links (BEP 9, 52, 53).

use std::fmt;
use std::ops::RangeInclusive;

use bitlode_hash::InfoHashes;

use crate::error::MagnetError;
use crate::limits::Limits;
use crate::url;

/// A magnet link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Magnet {
    /// `xt`: what the torrent is known by. `None` only if [`Magnet::sources`] names a .torrent file.
    pub hashes: Option<InfoHashes>,
    /// `dn`: a name to show until the metadata is there. Not fit for the disk.
    pub name: Option<String>,
    /// `tr`: tracker URLs, each a tier of its own.
    pub trackers: Vec<String>,
    /// `ws`: web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// `x.pe`: peers, host or literal address without brackets, and port.
    pub peers: Vec<(String, u16)>,
    /// `dht`: DHT nodes to start from, like the peers.
    pub nodes: Vec<(String, u16)>,
    /// `xs`: where a .torrent file is (http and https).
    pub sources: Vec<String>,
    /// `as`: where the .torrent file or its content may be had otherwise (http and https).
    pub acceptable: Vec<String>,
    /// `xl`: bytes of the content, as the link says.
    pub length: Option<u64>,
    /// `kt`: words to search for.
    pub keywords: Vec<String>,
    /// `so`: the files to download, by index, pad files counted (BEP 53); empty for all. Nothing here is expanded.
    pub select: Vec<RangeInclusive<u32>>,
    /// Parameters that mean nothing to us, and values that are not usable, decoded, in order; they are written back.
    pub other: Vec<(String, String)>,
    /// Trackers, web seeds, sources, peers and nodes that were dropped, because there are more than the limit.
    pub dropped: usize,
}

impl Magnet {
    /// Parses a link, or a bare info-hash: 40 hexadecimal or 32 base32 characters for v1, 64 hexadecimal for v2.
    pub fn parse(link: &str, limits: &Limits) -> Result<Magnet, MagnetError> {
        let link = link.trim();
        if link.len() > limits.magnet_bytes {
            return Err(MagnetError::TooLong { limit: limits.magnet_bytes });
        }
        let mut magnet = Magnet::default();
        let Some(query) = strip_scheme(link) else {
            let v1 = btih(link);
            let v2 = hex::<32>(link);
            if v1.is_none() && v2.is_none() {
                return Err(MagnetError::Scheme);
            }
            magnet.hashes = Some(InfoHashes { v1, v2 });
            return Ok(magnet);
        };
        let (mut v1, mut v2) = (None, None);
        // Links copied out of HTML have `&amp;`.
        for pair in query.split('&').map(|pair| pair.strip_prefix("amp;").unwrap_or(pair)) {
            // A second `=` belongs to the value.
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode(key).to_lowercase();
            let base = match key.rsplit_once('.') {
                Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
                _ => key.as_str(),
            };
            let text = || decode(value);
            let m = &mut magnet;
            // What is not usable is kept as it is: whoever gets the link from us may know better.
            let read = match base {
                "" if pair.is_empty() => continue,
                "xt" => {
                    m.topic(&text(), &mut v1, &mut v2)?;
                    continue;
                }
                // Forms write a space as `+`; a real plus is `%2B`.
                "dn" => m.name.is_none().then(|| {
                    m.name = Some(decode(&value.replace('+', " ")));
                    true
                }),
                "tr" => url::clean(&text(), url::TRACKER).map(|url| add(&mut m.trackers, url, limits.trackers)),
                "ws" => url::clean(&text(), url::WEB).map(|url| add(&mut m.web_seeds, url, limits.web_seeds)),
                "xs" => url::clean(&text(), url::WEB).map(|url| add(&mut m.sources, url, limits.web_seeds)),
                "as" => url::clean(&text(), url::WEB).map(|url| add(&mut m.acceptable, url, limits.web_seeds)),
                "x.pe" => host_port(&text()).map(|peer| add(&mut m.peers, peer, limits.magnet_peers)),
                "dht" => host_port(&text()).map(|node| add(&mut m.nodes, node, limits.nodes)),
                "so" => select(&text(), limits.files).map(|ranges| {
                    m.select.extend(ranges);
                    true
                }),
                "xl" => text().parse().ok().filter(|_| m.length.is_none()).map(|length| {
                    m.length = Some(length);
                    true
                }),
                "kt" => {
                    m.keywords.extend(value.split('+').filter(|word| !word.is_empty()).map(decode));
                    continue;
                }
                _ => {
                    m.other.push((key, text()));
                    continue;
                }
            };
            match read {
                Some(kept) => m.dropped = m.dropped.saturating_add(usize::from(!kept)),
                None if base == "dn" => m.other.push((base.to_owned(), decode(&value.replace('+', " ")))),
                None => m.other.push((base.to_owned(), text())),
            }
        }
        if v1.is_some() || v2.is_some() {
            magnet.hashes = Some(InfoHashes { v1, v2 });
        } else if magnet.sources.is_empty() {
            return Err(MagnetError::NoHash);
        }
        Ok(magnet)
    }

    fn topic(&mut self, topic: &str, v1: &mut Option<[u8; 20]>, v2: &mut Option<[u8; 32]>) -> Result<(), MagnetError> {
        let lower = topic.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("urn:btih:") {
            let hash = btih(value).ok_or(MagnetError::Btih)?;
            if v1.replace(hash).is_some_and(|other| other != hash) {
                return Err(MagnetError::Ambiguous);
            }
        } else if let Some(value) = lower.strip_prefix("urn:btmh:") {
            // Multihash: 0x12 is SHA-256, 0x20 its length.
            let hash = value.strip_prefix("1220").and_then(hex::<32>).ok_or(MagnetError::Btmh)?;
            if v2.replace(hash).is_some_and(|other| other != hash) {
                return Err(MagnetError::Ambiguous);
            }
        } else {
            self.other.push(("xt".to_owned(), topic.to_owned()));
        }
        Ok(())
    }
}

/// The link: `xt` first, hashes in lower-case hexadecimal and not escaped, everything else percent-encoded.
impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Query(String::from("magnet:?"));
        if let Some(hashes) = self.hashes {
            if let Some(v1) = hashes.v1 {
                out.raw("xt", &format!("urn:btih:{}", to_hex(&v1)));
            }
            if let Some(v2) = hashes.v2 {
                out.raw("xt", &format!("urn:btmh:1220{}", to_hex(&v2)));
            }
        }
        self.name.iter().for_each(|name| out.escaped("dn", name));
        self.trackers.iter().for_each(|url| out.escaped("tr", url));
        self.web_seeds.iter().for_each(|url| out.escaped("ws", url));
        self.sources.iter().for_each(|url| out.escaped("xs", url));
        self.acceptable.iter().for_each(|url| out.escaped("as", url));
        for (key, list) in [("x.pe", &self.peers), ("dht", &self.nodes)] {
            for (host, port) in list {
                let v6 = host.contains(':');
                let address = if v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                out.raw(key, &escape(&address, ":[]"));
            }
        }
        if !self.select.is_empty() {
            let ranges = self.select.iter().map(|range| match (range.start(), range.end()) {
                (start, end) if start == end => start.to_string(),
                (start, end) => format!("{start}-{end}"),
            });
            out.raw("so", &ranges.collect::<Vec<_>>().join(","));
        }
        if let Some(length) = self.length {
            out.raw("xl", &length.to_string());
        }
        if !self.keywords.is_empty() {
            out.raw("kt", &self.keywords.iter().map(|word| escape(word, "")).collect::<Vec<_>>().join("+"));
        }
        self.other.iter().for_each(|(key, value)| out.escaped(&escape(key, ""), value));
        f.write_str(&out.0)
    }
}

struct Query(String);

impl Query {
    fn raw(&mut self, key: &str, value: &str) {
        if !self.0.ends_with('?') {
            self.0.push('&');
        }
        self.0.push_str(key);
        self.0.push('=');
        self.0.push_str(value);
    }

    fn escaped(&mut self, key: &str, value: &str) {
        self.raw(key, &escape(value, ""));
    }
}

fn escape(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' => out.push(c),
            _ if keep.contains(c) => out.push(c),
            _ => url::escape(&mut out, c),
        }
    }
    out
}

fn strip_scheme(link: &str) -> Option<&str> {
    ["magnet:?", "stream-magnet:?"].into_iter().find_map(|scheme| {
        let (head, rest) = link.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Adds what is not there yet; false if there are as many as may be.
fn add<T: PartialEq>(list: &mut Vec<T>, item: T, limit: usize) -> bool {
    let known = list.contains(&item);
    let room = known || list.len() < limit;
    if room && !known {
        list.push(item);
    }
    room
}

/// Percent-decodes; a `%` without two hexadecimal digits stays, bytes that are not UTF-8 become U+FFFD.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            out.push((high << 4) | low);
            rest = after;
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut out = [0; N];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(out)
}

/// A v1 info-hash: 40 hexadecimal or 32 base32 characters (RFC 4648) of any case.
fn btih(text: &str) -> Option<[u8; 20]> {
    hex::<20>(text).or_else(|| base32(text))
}

fn base32(text: &str) -> Option<[u8; 20]> {
    let (groups, rest) = text.as_bytes().as_chunks::<8>();
    if groups.len() != 4 || !rest.is_empty() {
        return None;
    }
    let mut out = [0; 20];
    for (bytes, group) in out.as_chunks_mut::<5>().0.iter_mut().zip(groups) {
        let mut bits = 0u64;
        for c in group {
            let value = match c.to_ascii_lowercase() {
                c @ b'a'..=b'z' => c.saturating_sub(b'a'),
                c @ b'2'..=b'7' => c.saturating_sub(b'2').saturating_add(26),
                _ => return None,
            };
            bits = (bits << 5) | u64::from(value);
        }
        let [_, _, _, low @ ..] = bits.to_be_bytes();
        *bytes = low;
    }
    Some(out)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `host:port` or `[v6]:port`.
fn host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').filter(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => host,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits = !host.is_empty()
        && (host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_ok() || host.chars().all(plain));
    fits.then(|| (host.to_owned(), port))
}

/// The ranges of `so` below `files`, without the tokens that are broken; nothing if there is a character that has no
/// business there.
fn select(text: &str, files: u32) -> Option<Vec<RangeInclusive<u32>>> {
    if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'-')) {
        return None;
    }
    let range = |token: &str| {
        let (start, end) = token.split_once('-').unwrap_or((token, token));
        let start = start.parse::<u32>().ok().filter(|start| *start < files)?;
        // An end that is no number is broken; one that is too large is cut.
        let end = match end.parse::<u32>() {
            Ok(end) => end.min(files.saturating_sub(1)),
            Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => files.saturating_sub(1),
            Err(_) => return None,
        };
        (start <= end).then_some(start..=end)
    };
    Some(text.split(',').filter_map(range).collect())
}
