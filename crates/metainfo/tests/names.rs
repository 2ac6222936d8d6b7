//! Safe names: a table, and properties over random bytes.

use std::path::{Component, Path};

use bitlode_base::Choice;
use bitlode_metainfo::{Name, safe_name};

const MAX: usize = 240;

fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).unwrap());
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    out
}

#[test]
fn row_13_and_rows_11_and_12_each_name_of_the_table_becomes_its_safe_one() {
    let rows: Vec<_> = include_str!("names.tsv").lines().skip(1).map(|row| row.split_once('\t').unwrap()).collect();
    assert!(rows.len() >= 300);
    let mut wrong = Vec::new();
    for (from, to) in rows {
        let name = Name::new(&unescape(from), MAX);
        let want = String::from_utf8(unescape(to)).unwrap();
        if name.safe != want {
            wrong.push(format!("{from}: {:?} instead of {want:?}", name.safe));
        }
        check(&name.safe, MAX);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn check(safe: &str, max: usize) {
    assert!(!safe.is_empty() && safe.len() <= max, "{safe:?}");
    assert_eq!(safe_name(safe, max), safe, "a safe name stays");
    let parts: Vec<_> = Path::new(safe).components().collect();
    assert!(matches!(parts.as_slice(), [Component::Normal(part)] if *part == safe), "{safe:?}");
    assert!(!safe.contains(['/', '\\', ':', '\0']) && !safe.ends_with(['.', ' ']));
}

#[test]
fn row_12_whatever_the_bytes_the_name_is_one_normal_component() {
    let mut choice = Choice::new(12);
    // Mostly what makes names dangerous.
    let salt: Vec<&[u8]> = vec![
        b".",
        b"..",
        b"/",
        b"\\",
        b" ",
        b":",
        b"~1",
        b"con",
        b"aux",
        b"COM",
        b"\xc2\xb9",
        b"\0",
        b"\xff",
        b"\xc0\xaf",
        b"\xe2\x80\xae",
        b"\xe2\x80\x8b",
        b"\xef\xbb\xbf",
        b"x",
        b".txt",
        b"\xe6\x97\xa5",
    ];
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..choice.below(12) {
            match choice.below(4) {
                0 => bytes.push(choice.below(256) as u8),
                _ => bytes.extend_from_slice(salt[choice.below(salt.len() as u64) as usize]),
            }
        }
        if choice.below(10) == 0 {
            bytes = bytes.repeat(1 + choice.below(60) as usize);
        }
        let max = [64, MAX][choice.below(2) as usize];
        check(&Name::new(&bytes, max).safe, max);
    }
}

#[test]
fn a_cut_name_keeps_its_extension_and_whole_characters() {
    assert_eq!(safe_name(&format!("{}.mkv", "x".repeat(300)), 64), format!("{}.mkv", "x".repeat(60)));
    assert_eq!(safe_name(&"日".repeat(100), 64), "日".repeat(21));
}
