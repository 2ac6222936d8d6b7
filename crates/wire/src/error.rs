//! What can be wrong with a packet.

use bitlode_base::{Code, Coded};
use bitlode_bencode::DecodeError;

/// Why bytes are not the packet they claim to be. Always the sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The first 20 bytes are not `\x13BitTorrent protocol` (BEP 3).
    #[error("not a BitTorrent handshake")]
    NotBitTorrent,
    /// The payload does not have the length that its type asks for.
    #[error("message {id} with a payload of {got} bytes instead of {want}")]
    Length {
        /// The message's id.
        id: u8,
        /// Bytes the type asks for; the least, where it allows more.
        want: u32,
        /// Bytes given.
        got: u32,
    },
    /// A message is longer than its type may be; known before any of its payload is kept.
    #[error("message of {len} bytes, longer than {max}")]
    TooLong {
        /// The message's id, when it is known.
        id: Option<u8>,
        /// Bytes, id included.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// A field has a value that it may not have.
    #[error("message with a `{field}` of {got}")]
    Value {
        /// The field, as its BEP names it.
        field: &'static str,
        /// The value.
        got: u32,
    },
    /// An extended handshake or metadata message is not valid bencoding.
    #[error("extended message: {0}")]
    Bencode(#[from] DecodeError),
    /// Bytes follow where a message should end.
    #[error("extended message with {bytes} bytes too many")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A key of a bencoded message is missing or has the wrong type.
    #[error("extended message without a valid `{0}`")]
    Key(&'static str),
}

impl Coded for WireError {
    fn code(&self) -> Code {
        match self {
            WireError::NotBitTorrent => Code::PeerHandshake,
            WireError::Length { .. } | WireError::Trailing { .. } | WireError::Key(_) | WireError::Value { .. } => {
                Code::PeerProtocol
            }
            WireError::TooLong { .. } => Code::PeerMsgTooLarge,
            WireError::Bencode(error) => error.code(),
        }
    }
}
