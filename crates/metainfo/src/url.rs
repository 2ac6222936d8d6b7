//! The little that metainfo and magnet links need of URLs.

/// Schemes of trackers (BEP 3, 15; ws and wss as WebTorrent uses them).
pub(crate) const TRACKER: &[&str] = &["http", "https", "udp", "ws", "wss"];
/// Schemes of web seeds (BEP 19).
pub(crate) const WEB: &[&str] = &["http", "https"];

/// `text` without white space around it, if it is a URL with one of the schemes and a host. White space inside and
/// control characters are percent-encoded.
pub(crate) fn clean(text: &str, schemes: &[&str]) -> Option<String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://")?;
    let known = schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    if !known || rest.is_empty() || rest.starts_with('/') {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c.is_whitespace() {
            escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Some(out)
}

/// Appends the percent-encoding of `c`.
pub(crate) fn escape(out: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}
