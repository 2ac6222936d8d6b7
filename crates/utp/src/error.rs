//! What can be wrong with a datagram.

use bitlode_base::{Code, Coded};

/// Why a datagram is not a µTP packet, or cannot become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UtpError {
    /// Fewer bytes than a header has.
    #[error("{bytes} bytes are fewer than the 20 of a header")]
    Short {
        /// How many there are.
        bytes: usize,
    },
    /// A version other than 1.
    #[error("version {0} instead of 1")]
    Version(u8),
    /// A type that BEP 29 does not have.
    #[error("there is no packet type {0}")]
    Type(u8),
    /// An extension runs past the end of the datagram.
    #[error("extension {id} runs past the end")]
    Truncated {
        /// Its number.
        id: u8,
    },
    /// An extension that we know has a length that it may not have, or 0 for a number.
    #[error("extension {id} of {len} bytes")]
    Extension {
        /// Its number.
        id: u8,
        /// Bytes of its data.
        len: usize,
    },
}

impl Coded for UtpError {
    fn code(&self) -> Code {
        Code::UtpInvalid
    }
}
