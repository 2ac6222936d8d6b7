//! Why a connection ended by itself.

use bitlode_base::{Code, Coded};
use bitlode_wire::WireError;

/// Why a connection cannot go on. Always the peer's doing; the carrier's own end is the caller's to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnError {
    /// A packet is malformed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A message is longer than its type allows. Found in its first bytes; nothing of it was kept.
    #[error("message {id} of {len} bytes is longer than {max}")]
    TooLarge {
        /// The message's id.
        id: u8,
        /// Bytes declared, id included.
        len: u32,
        /// Bytes allowed, id included.
        max: u32,
    },
    /// The bitfield is not ⌈pieces / 8⌉ bytes.
    #[error("bitfield of {got} bytes instead of {want}")]
    BitfieldLength {
        /// Bytes declared.
        got: u32,
        /// Bytes that the number of pieces asks for.
        want: u32,
    },
    /// Bits behind the last piece are set.
    #[error("bitfield with spare bits set")]
    SpareBits,
    /// HAVE_NONE behind BITFIELD, HAVE_ALL, HAVE or REQUEST, or a second one (BEP 6).
    #[error("message {id} is only allowed once, before any have or request")]
    LateBitfield {
        /// The message's id.
        id: u8,
    },
    /// A message of an extension that the handshakes did not agree on.
    #[error("message {id} of an extension that is not on")]
    NotNegotiated {
        /// The message's id.
        id: u8,
    },
    /// Too many messages of unknown types.
    #[error("{count} unknown messages")]
    Unknown {
        /// How many.
        count: u32,
    },
    /// Too much payload that nobody asked for.
    #[error("{messages} unrequested blocks, {bytes} bytes")]
    Unrequested {
        /// How many blocks.
        messages: u32,
        /// Bytes of payload declared.
        bytes: u64,
    },
    /// The handshake did not come in time.
    #[error("no handshake in time")]
    HandshakeTimeout,
    /// A message began and did not end in time, or came too slowly.
    #[error("a message did not come in time")]
    MessageTimeout,
    /// The peer was silent for too long.
    #[error("the peer was silent for too long")]
    Idle,
    /// The peer does not read: control messages pile up, or nothing was taken for [`crate::Limits::idle_timeout`].
    #[error("the peer does not read: {queued} bytes wait")]
    SlowReader {
        /// Bytes that wait.
        queued: usize,
    },
}

impl Coded for ConnError {
    fn code(&self) -> Code {
        match self {
            ConnError::Wire(error) => error.code(),
            ConnError::TooLarge { .. } => Code::PeerMsgTooLarge,
            ConnError::BitfieldLength { .. } | ConnError::SpareBits => Code::PeerBitfield,
            ConnError::LateBitfield { .. }
            | ConnError::NotNegotiated { .. }
            | ConnError::Unknown { .. }
            | ConnError::Unrequested { .. } => Code::PeerProtocol,
            ConnError::HandshakeTimeout
            | ConnError::MessageTimeout
            | ConnError::Idle
            | ConnError::SlowReader { .. } => Code::PeerTimeout,
        }
    }
}
