//! Messages of `ut_metadata` (BEP 9), the payload behind the extension's number.

use bitlode_bencode::{Encoder, Limits, decode_prefix};

use crate::{ExtendedLimits, WireError};

/// Bytes of a metadata piece; only the last may be shorter (BEP 9).
pub const METADATA_PIECE_LEN: u32 = 16 * 1024;

/// A message of BEP 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataMessage<'a> {
    /// Send me this piece.
    Request {
        /// The piece, of 16 KiB.
        piece: u32,
    },
    /// A piece of the info dictionary.
    Data {
        /// The piece.
        piece: u32,
        /// Bytes of the whole info dictionary.
        total_size: u32,
        /// The bytes; only the last piece may be shorter than 16 KiB. Not checked here.
        data: &'a [u8],
    },
    /// I do not have, or will not send, this piece.
    Reject {
        /// The piece.
        piece: u32,
    },
    /// A kind that we do not know; BEP 9: to be ignored.
    Unknown,
}

impl<'a> MetadataMessage<'a> {
    /// The payload behind the extension's number; [`MetadataMessage::Unknown`] gives nothing.
    pub fn build(&self) -> Vec<u8> {
        let (kind, piece, total_size, data) = match *self {
            MetadataMessage::Request { piece } => (REQUEST, piece, None, &[][..]),
            MetadataMessage::Data { piece, total_size, data } => (DATA, piece, Some(total_size), data),
            MetadataMessage::Reject { piece } => (REJECT, planted(piece), None, &[][..]),
            MetadataMessage::Unknown => return Vec::new(),
        };
        let mut out = Encoder::new();
        out.begin_dict().key(b"msg_type").int(kind).key(b"piece").int(i64::from(piece));
        if let Some(total_size) = total_size {
            out.key(b"total_size").int(i64::from(total_size));
        }
        out.end().raw(data);
        out.finish()
    }

    /// Reads a payload. Requests and rejects must end with their dictionary; what follows it in DATA is the data.
    pub fn parse(payload: &'a [u8], limits: &ExtendedLimits) -> Result<MetadataMessage<'a>, WireError> {
        let (document, end) = decode_prefix(payload, Limits { depth: limits.depth, tokens: limits.tokens })?;
        let root = document.root();
        let int = |key: &'static str| root.get(key.as_bytes()).and_then(|value| value.as_int());
        let number = |key| int(key).and_then(|value| u32::try_from(value).ok()).ok_or(WireError::Key(key));
        let data = payload.get(end..).unwrap_or_default();
        match int("msg_type").ok_or(WireError::Key("msg_type"))? {
            REQUEST if data.is_empty() => Ok(MetadataMessage::Request { piece: number("piece")? }),
            DATA => {
                let (piece, total_size) = (number("piece")?, number("total_size")?);
                Ok(MetadataMessage::Data { piece, total_size, data })
            }
            REJECT if data.is_empty() => Ok(MetadataMessage::Reject { piece: number("piece")? }),
            REQUEST | REJECT => Err(WireError::Trailing { bytes: data.len() }),
            _ => Ok(MetadataMessage::Unknown),
        }
    }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(piece: u32) -> u32 {
    piece
}

/// The planted bug: the piece is cut to 16 bits.
#[cfg(feature = "planted-bugs")]
fn planted(piece: u32) -> u32 {
    piece & 0xffff
}

const REQUEST: i64 = 0;
const DATA: i64 = 1;
const REJECT: i64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ExtendedLimits =
        ExtendedLimits { depth: 16, tokens: 100, names: 0, name_bytes: 0, client_bytes: 0, reqq: 0, metadata_size: 0 };

    #[test]
    fn the_three_messages_of_bep_9_are_built_and_read() {
        for (message, bytes) in [
            (MetadataMessage::Request { piece: 0 }, &b"d8:msg_typei0e5:piecei0ee"[..]),
            (
                MetadataMessage::Data { piece: 0, total_size: 34256, data: b"xxxx" },
                &b"d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxx"[..],
            ),
            (MetadataMessage::Reject { piece: 7 }, &b"d8:msg_typei2e5:piecei7ee"[..]),
        ] {
            assert_eq!(message.build(), bytes);
            assert_eq!(MetadataMessage::parse(bytes, &LIMITS), Ok(message));
        }
        let more = b"d3:foo3:bar8:msg_typei0e5:piecei7ee";
        assert_eq!(MetadataMessage::parse(more, &LIMITS), Ok(MetadataMessage::Request { piece: 7 }));
    }

    #[test]
    fn a_message_of_another_type_is_read_as_unknown() {
        assert_eq!(MetadataMessage::parse(b"d8:msg_typei3ee", &LIMITS), Ok(MetadataMessage::Unknown));
        assert_eq!(MetadataMessage::parse(b"d8:msg_typei-1e5:piece1:xe", &LIMITS), Ok(MetadataMessage::Unknown));
    }

    #[test]
    fn missing_keys_wrong_types_and_numbers_out_of_range_are_refused() {
        for (bytes, key) in [
            (&b"de"[..], "msg_type"),
            (b"le", "msg_type"),
            (b"d8:msg_type1:0e", "msg_type"),
            (b"d8:msg_typei0ee", "piece"),
            (b"d8:msg_typei0e5:piecei-1ee", "piece"),
            (b"d8:msg_typei2e5:piecei4294967296ee", "piece"),
            (b"d8:msg_typei1e5:piecei0ee", "total_size"),
            (b"d8:msg_typei1e5:piecei0e10:total_sizei4611686018427387904ee", "total_size"),
        ] {
            assert_eq!(MetadataMessage::parse(bytes, &LIMITS), Err(WireError::Key(key)));
        }
        let trailing = MetadataMessage::parse(b"d8:msg_typei0e5:piecei0eex", &LIMITS);
        assert_eq!(trailing, Err(WireError::Trailing { bytes: 1 }));
        for broken in [&b""[..], b"d", b"d99999999999:a", b"d4294967295:a", b"d8:msg_typei0e5:piecel"] {
            assert!(matches!(MetadataMessage::parse(broken, &LIMITS), Err(WireError::Bencode(_))), "{broken:?}");
        }
    }
}
