//! The character set of names that are not UTF-8.

use std::borrow::Cow;

use encoding_rs::Encoding;

/// What `encoding` of a .torrent file says its strings are in; UTF-8 where it says nothing that is known.
///
/// Strings that are valid UTF-8 are read as such whatever it says: makers often name a character set and write UTF-8.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Charset(Option<&'static Encoding>);

impl Charset {
    /// The character set of that name, as the Encoding Standard knows it, or a Windows code page (`CP936`).
    pub(crate) fn named(label: &[u8]) -> Charset {
        let label = label.trim_ascii().to_ascii_lowercase();
        let digits = ["windows-", "windows", "cp", "ms"].iter().find_map(|head| label.strip_prefix(head.as_bytes()));
        let page: Option<&[u8]> = match digits.unwrap_or(&label) {
            b"932" => Some(b"shift_jis"),
            b"936" => Some(b"gbk"),
            b"949" => Some(b"euc-kr"),
            b"950" => Some(b"big5"),
            _ => None,
        };
        Charset(Encoding::for_label(page.unwrap_or(&label)))
    }

    /// The text of `bytes`. What they cannot be becomes U+FFFD.
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match (std::str::from_utf8(bytes), self.0) {
            (Ok(text), _) => Cow::Borrowed(text),
            (Err(_), Some(charset)) => charset.decode_without_bom_handling(bytes).0,
            (Err(_), None) => String::from_utf8_lossy(bytes),
        }
    }
}
