//! The body of the fuzz target `bencode`, here so that a corpus can be replayed without a fuzzer.

use crate::decode::{decode, decode_prefix};
use crate::encode::Encoder;
use crate::error::DecodeError;
use crate::scan::Limits;
use crate::value::{Kind, Value};

/// Decodes `data`, walks what came out and checks that spans nest and that encoding again gives the same bytes wherever
/// the input is canonical. Panics where a promise is broken.
pub fn bencode(data: &[u8]) {
    let limits = Limits { depth: 64, tokens: 50_000 };
    #[cfg(feature = "planted-bugs")]
    planted(data);
    match decode_prefix(data, limits) {
        Ok((document, used)) => {
            assert!(used <= data.len());
            let root = document.root();
            assert_eq!(root.span().len(), used, "the root spans what was read");
            let mut encoder = Encoder::new();
            if document.warnings().is_empty() {
                copy(root, &mut encoder);
                assert_eq!(encoder.finish(), root.span(), "canonical input encodes to itself");
            }
            assert_eq!(decode(data, limits).is_ok(), used == data.len());
        }
        Err(error) => {
            assert!(error.at() <= data.len(), "{error}");
            assert!(decode(data, limits).is_err());
            let deep = Limits { depth: 0, ..limits };
            if let Err(DecodeError::Depth { at, .. }) = decode(data, deep) {
                assert!(matches!(data.get(at), Some(b'l' | b'd')));
            }
        }
    }
}

fn copy(value: Value<'_>, out: &mut Encoder) {
    match value.kind() {
        Kind::Int => {
            out.int(value.as_int().unwrap_or_default());
        }
        Kind::Bytes => {
            out.bytes(value.as_bytes().unwrap_or_default());
        }
        Kind::List => {
            out.begin_list();
            value.as_list().into_iter().flatten().for_each(|item| copy(item, out));
            out.end();
        }
        Kind::Dict => {
            out.begin_dict();
            for (key, item) in value.as_dict().into_iter().flat_map(|dict| dict.iter()) {
                assert_eq!(value.get(key).map(Value::offset), Some(item.offset()), "get finds what iter shows");
                out.key(key);
                copy(item, out);
            }
            out.end();
        }
    }
}

/// A slice that trusts a declared length, behind a rare header: proof that the fuzzer finds such things.
#[cfg(feature = "planted-bugs")]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn planted(data: &[u8]) {
    if data.starts_with(b"d2:zz") && data.len() > 6 {
        let declared = usize::from(data[5]);
        assert!(data[6..].len() + 300 > declared * 2, "planted: {declared} bytes declared");
    }
}
