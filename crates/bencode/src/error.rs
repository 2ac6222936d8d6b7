//! Why bytes are not bencoding.

use bitlode_base::{Code, Coded};

/// Why [`decode`](crate::decode) refused its input; every variant names the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Lists and dictionaries are nested deeper than the limit.
    #[error("nested deeper than {limit} at byte {at}")]
    Depth {
        /// Offset of the bracket that went too deep.
        at: usize,
        /// The limit.
        limit: u32,
    },
    /// More values than the limit.
    #[error("more than {limit} values at byte {at}")]
    Tokens {
        /// Offset of the value that was one too many.
        at: usize,
        /// The limit.
        limit: u32,
    },
    /// Not bencoding.
    #[error("{problem} at byte {at}")]
    Invalid {
        /// Offset of the byte that is wrong.
        at: usize,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The input ends inside a value.
    #[error("the input ends inside a value")]
    End,
    /// No value starts with this byte.
    #[error("no value starts with this byte")]
    Start,
    /// An integer without digits, with a leading zero, `-0`, or a character that is no digit.
    #[error("not an integer in its shortest form")]
    Integer,
    /// An integer outside the signed 64-bit range.
    #[error("integer does not fit 64 bits")]
    Range,
    /// The length of a string is not a number in its shortest form followed by a colon.
    #[error("not the length of a string")]
    Length,
    /// A string is longer than what is left of the input.
    #[error("string is longer than the input")]
    Truncated,
    /// A dictionary key is not a string.
    #[error("dictionary key is not a string")]
    Key,
    /// A dictionary ends behind a key.
    #[error("dictionary key has no value")]
    NoValue,
    /// There are bytes behind the value.
    #[error("bytes behind the value")]
    Trailing,
    /// The input is longer than 4 GiB.
    #[error("input is longer than 4 GiB")]
    Huge,
}

impl DecodeError {
    /// Offset of the byte where decoding stopped.
    pub const fn at(&self) -> usize {
        match self {
            DecodeError::Depth { at, .. } | DecodeError::Tokens { at, .. } | DecodeError::Invalid { at, .. } => *at,
        }
    }
}

impl Coded for DecodeError {
    fn code(&self) -> Code {
        match self {
            DecodeError::Depth { .. } => Code::BencodeDepth,
            DecodeError::Tokens { .. } => Code::BencodeTokens,
            DecodeError::Invalid { .. } => Code::BencodeInvalid,
        }
    }
}
