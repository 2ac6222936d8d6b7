//! Names that are safe on every file system.

use std::borrow::Cow;

/// A name as the torrent has it and as the disk gets it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Decoded once as UTF-8, or as the .torrent's `encoding` says; bytes that are neither became U+FFFD.
    pub original: String,
    /// Safe as one component of a path on Linux, macOS and Windows.
    pub safe: String,
}

impl Name {
    /// Decodes `bytes` as UTF-8 and makes a name of at most `max` bytes of them.
    pub fn new(bytes: &[u8], max: usize) -> Name {
        Name::decoded(String::from_utf8_lossy(bytes), max)
    }

    /// A name of at most `max` bytes.
    pub(crate) fn decoded(original: Cow<'_, str>, max: usize) -> Name {
        let original = original.into_owned();
        let safe = safe_name(&original, max).into_owned();
        Name { original, safe }
    }
}

/// One component of a path, of at most `max` bytes, that means itself on Linux, macOS and Windows: no separators,
/// no `.` and `..`, no control, bidirectional or invisible characters, no names of devices, no short names, no
/// trailing dots and spaces. What is not possible becomes `_`; an extension survives the cut.
pub fn safe_name(original: &str, max: usize) -> Cow<'_, str> {
    if original.len() <= max && is_plain(original) {
        return Cow::Borrowed(original);
    }
    if matches!(original, "" | "." | "..") {
        return Cow::Borrowed("_");
    }
    let mut name = Cow::Borrowed(original);
    if original.chars().any(unsafe_char) {
        name = Cow::Owned(original.chars().map(|c| if unsafe_char(c) { '_' } else { c }).collect());
    }
    // Windows drops trailing dots and spaces, so `a.` would be `a`.
    let kept = name.trim_end_matches(['.', ' ']).len();
    if kept < name.len() {
        let tail = "_".repeat(name.len().saturating_sub(kept));
        name = Cow::Owned(name.get(..kept).unwrap_or_default().to_owned() + &tail);
    }
    if is_short_name(&name) {
        name = Cow::Owned(name.replace('~', "_"));
    }
    // Before and after the cut: cutting may uncover the name of a device.
    for _ in 0..2 {
        if is_device(&name) {
            name = Cow::Owned(format!("_{name}"));
        }
        if name.len() > max {
            name = Cow::Owned(cut(&name, "", max));
        }
    }
    if name.is_empty() { Cow::Borrowed("_") } else { name }
}

/// Whether a name is safe as its bytes stand, which those of most files are: a torrent may have half a million.
fn is_plain(name: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_' | b'.' | b'(' | b')');
    let (Some(first), Some(last)) = (name.bytes().next(), name.bytes().next_back()) else { return false };
    name.as_bytes().iter().all(plain)
        && !matches!(last, b'.' | b' ')
        // The first letters of devices.
        && (!matches!(first.to_ascii_uppercase(), b'A' | b'C' | b'L' | b'N' | b'P') || !is_device(name))
}

/// `name` with ` (number)` before its extension, of at most `max` bytes.
pub(crate) fn numbered(name: &str, number: u32, max: usize) -> String {
    cut(name, &format!(" ({number})"), max)
}

/// Puts `mark` behind the stem of `name` and shortens the stem so that all of it fits `max` bytes.
fn cut(name: &str, mark: &str, max: usize) -> String {
    let (stem, extension) = split(name);
    let room = max.saturating_sub(extension.len()).saturating_sub(mark.len());
    let mut end = room.min(stem.len());
    while !stem.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let stem = stem.get(..end).unwrap_or_default();
    // The cut may leave a dot or space where nothing follows.
    let stem = if extension.is_empty() && mark.is_empty() { stem.trim_end_matches(['.', ' ']) } else { stem };
    let stem = if stem.is_empty() { "_" } else { stem };
    format!("{stem}{mark}{extension}")
}

/// Stem and extension with its dot. An extension of more than 32 bytes is none: nobody opens a file by it.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len().saturating_sub(dot) <= 32 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn unsafe_char(c: char) -> bool {
    match c {
        ' '..='~' => matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'),
        '\0'..='\u{9f}' => true,
        // Soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator: invisible.
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}' => true,
        // Zero width, bidirectional marks and overrides, line and paragraph separators, invisible operators, isolates.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // Byte order mark, interlinear marks, noncharacters, tags.
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => (c as u32) & 0xfffe == 0xfffe,
    }
}

/// Whether Windows opens a device instead: `CON`, `aux.txt`, `COM¹ .log`.
fn is_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    if base.len() < 3 || base.len() > 8 {
        return false;
    }
    let upper = base.to_ascii_uppercase();
    if matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let port = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT"));
    let mut digits = port.unwrap_or_default().chars();
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// Whether Windows may take it for the short name of another file: `PROGRA~1`, `A~2.TXT`.
fn is_short_name(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let Some((head, digits)) = stem.rsplit_once('~') else { return false };
    let numbered = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    numbered && !head.is_empty() && stem.chars().count() <= 8 && extension.chars().count() <= 3
}
