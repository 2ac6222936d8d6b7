//! What an incoming connection is, and whether that is allowed.

use crate::MseError;

const PLAIN_START: &[u8; 20] = b"\x13BitTorrent protocol";

/// What the first bytes of an incoming connection say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detected {
    /// Not enough to tell: at most 19 bytes that a plain handshake starts with. A random key does one time in 256.
    Undecided,
    /// BitTorrent's handshake (BEP 3).
    Plain,
    /// A public key.
    Encrypted,
}

/// Looks at the first bytes of an incoming connection; 20 always decide.
pub fn detect(first: &[u8]) -> Detected {
    let len = first.len().min(PLAIN_START.len());
    match (first.get(..len), PLAIN_START.get(..len)) {
        (Some(first), Some(plain)) if first != plain => Detected::Encrypted,
        _ if len == PLAIN_START.len() => Detected::Plain,
        _ => Detected::Undecided,
    }
}

/// Whether connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    Never,
    /// As the other side likes.
    Allowed,
    /// Always: a plain handshake is neither sent nor answered.
    Required,
}

impl Encryption {
    /// Judges the first bytes of an incoming connection.
    ///
    /// Errors: [`MseError::Required`], [`MseError::Refused`].
    pub fn admit(self, first: &[u8]) -> Result<Detected, MseError> {
        match (self, detect(first)) {
            (Encryption::Required, Detected::Plain) => Err(MseError::Required),
            (Encryption::Never, Detected::Encrypted) => Err(MseError::Refused),
            (_, detected) => Ok(detected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_bytes_decide_and_one_may() {
        let plain = b"\x13BitTorrent protocol\0\0";
        for len in 0..plain.len() {
            let want = if len < 20 { Detected::Undecided } else { Detected::Plain };
            assert_eq!(detect(&plain[..len]), want, "{len}");
        }
        for at in 0..20 {
            let mut other = *plain;
            other[at] ^= 0x40;
            assert_eq!(detect(&other[..=at]), Detected::Encrypted, "{at}");
            assert_eq!(detect(&other), Detected::Encrypted, "{at}");
        }
    }

    #[test]
    fn row_45_what_is_required_is_never_answered_in_plaintext() {
        let plain = b"\x13BitTorrent protocol";
        assert_eq!(Encryption::Required.admit(plain), Err(MseError::Required));
        assert_eq!(Encryption::Required.admit(&[7]), Ok(Detected::Encrypted));
        assert_eq!(Encryption::Required.admit(&plain[..19]), Ok(Detected::Undecided));
        assert_eq!(Encryption::Never.admit(&[7]), Err(MseError::Refused));
        assert_eq!(Encryption::Never.admit(plain), Ok(Detected::Plain));
        assert_eq!(Encryption::Allowed.admit(plain), Ok(Detected::Plain));
        assert_eq!(Encryption::Allowed.admit(&[7]), Ok(Detected::Encrypted));
    }
}
