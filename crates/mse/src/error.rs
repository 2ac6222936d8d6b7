//! What can go wrong with a handshake.

use bitlode_base::{Code, Coded};

/// Why a handshake failed. All but [`MseError::Chance`] and [`MseError::Payload`] of our own are the other side's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MseError {
    /// A public key of 0, 1, P − 1 or more: the secret would be known to everyone.
    #[error("degenerate public key")]
    Key,
    /// No end of PadA or PadB within 512 bytes.
    #[error("no synchronisation within 512 bytes of padding")]
    Sync,
    /// The info-hash that was asked for is not here.
    #[error("unknown info-hash")]
    Skey,
    /// The verification constant is not eight zeros.
    #[error("wrong verification constant")]
    Constant,
    /// PadC or PadD is longer than 512 bytes.
    #[error("{0} bytes of padding")]
    Pad(u16),
    /// The initial payload is longer than the limit.
    #[error("{got} bytes of initial payload, more than {max}")]
    Payload {
        /// Bytes announced.
        got: u16,
        /// The limit.
        max: u16,
    },
    /// The answer selects no method, several, or one that was not offered.
    #[error("selected methods {0:#x}")]
    Select(u32),
    /// Nothing that is offered may be accepted, or the connection is plain and must not be.
    #[error("no method of encryption that both sides allow")]
    Required,
    /// The connection is encrypted and must not be.
    #[error("an encrypted connection, which is not allowed")]
    Refused,
    /// A pad of ours is longer than 512 bytes, or a payload of ours than 65,535.
    #[error("a pad or payload of ours is too long")]
    Chance,
}

impl Coded for MseError {
    fn code(&self) -> Code {
        match self {
            MseError::Sync => Code::MseSync,
            MseError::Skey => Code::PeerHandshake,
            MseError::Required | MseError::Refused => Code::MseRequired,
            MseError::Chance => Code::InvalidOption,
            MseError::Key | MseError::Constant | MseError::Pad(_) | MseError::Payload { .. } | MseError::Select(_) => {
                Code::MseInvalid
            }
        }
    }
}
