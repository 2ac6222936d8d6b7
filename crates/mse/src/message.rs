//! The two messages that are encrypted, as values. Those before them are a public key and noise.

use crate::{Methods, MseError};

/// The most bytes of any pad.
pub const MAX_PAD: usize = 512;

/// The verification constant: it shows that both sides have the same keys.
pub const VC: [u8; 8] = [0; 8];

/// What the initiator encrypts in its second message, behind the 40 bytes that name the torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// `crypto_provide` as it stands on the wire.
    pub provide: u32,
    /// PadC.
    pub pad: Vec<u8>,
    /// The initial payload (IA), for instance a handshake. libtorrent drops connections with more than 68 bytes.
    pub payload: Vec<u8>,
}

/// What the responder encrypts in its second message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `crypto_select` as it stands on the wire.
    pub select: u32,
    /// PadD.
    pub pad: Vec<u8>,
}

impl Offer {
    /// The bytes before encryption.
    ///
    /// Errors: [`MseError::Chance`] for a pad over 512 bytes or a payload over 65,535.
    pub fn encode(&self) -> Result<Vec<u8>, MseError> {
        let payload = u16::try_from(self.payload.len()).map_err(|_| MseError::Chance)?;
        let mut out = head(self.provide, &self.pad)?;
        out.extend_from_slice(&payload.to_be_bytes());
        out.extend_from_slice(&self.payload);
        Ok(out)
    }

    /// Reads decrypted bytes: the message and how many bytes it has. `None` when there are too few.
    ///
    /// Errors: a wrong verification constant, a pad over 512 bytes, a payload over `max_payload`.
    pub fn parse(bytes: &[u8], max_payload: u16) -> Result<Option<(Offer, usize)>, MseError> {
        let Some((provide, pad, rest)) = split_head(bytes)? else { return Ok(None) };
        let Some((len, rest)) = rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len), rest)) else {
            return Ok(None);
        };
        if len > max_payload {
            return Err(MseError::Payload { got: len, max: max_payload });
        }
        let Some((payload, rest)) = rest.split_at_checked(usize::from(len)) else { return Ok(None) };
        let offer = Offer { provide, pad: pad.to_vec(), payload: payload.to_vec() };
        Ok(Some((offer, bytes.len().saturating_sub(rest.len()))))
    }
}

impl Answer {
    /// The bytes before encryption.
    ///
    /// Errors: [`MseError::Chance`] for a pad over 512 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, MseError> {
        head(self.select, &self.pad)
    }

    /// Reads decrypted bytes: the message and how many bytes it has. `None` when there are too few.
    ///
    /// Errors: a wrong verification constant, a pad over 512 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>, MseError> {
        Ok(split_head(bytes)?
            .map(|(select, pad, rest)| (Answer { select, pad: pad.to_vec() }, bytes.len().saturating_sub(rest.len()))))
    }
}

fn head(methods: u32, pad: &[u8]) -> Result<Vec<u8>, MseError> {
    let len = u16::try_from(pad.len()).ok().filter(|len| usize::from(*len) <= MAX_PAD).ok_or(MseError::Chance)?;
    Ok([&VC[..], &methods.to_be_bytes(), &len.to_be_bytes(), pad].concat())
}

/// Methods, pad and what is behind; `None` when there are too few bytes.
#[allow(clippy::type_complexity)]
fn split_head(bytes: &[u8]) -> Result<Option<(u32, &[u8], &[u8])>, MseError> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_LEN>() else { return Ok(None) };
    let (methods, pad) = read_head(head)?;
    Ok(rest.split_at_checked(usize::from(pad)).map(|(pad, rest)| (methods, pad, rest)))
}

/// Bytes in front of PadC and PadD.
pub(crate) const HEAD_LEN: usize = 14;

/// Methods, and the length of the pad.
pub(crate) fn read_head(head: &[u8; HEAD_LEN]) -> Result<(u32, u16), MseError> {
    let [vc @ .., m0, m1, m2, m3, p0, p1] = *head;
    let pad = u16::from_be_bytes([p0, p1]);
    if vc != VC {
        return Err(MseError::Constant);
    }
    if usize::from(pad) > MAX_PAD {
        return Err(MseError::Pad(pad));
    }
    Ok((u32::from_be_bytes([m0, m1, m2, m3]), pad))
}

/// The one method that an answer selects.
///
/// Errors: none, several, or one that was not offered.
pub(crate) fn selected(select: u32, offered: Methods) -> Result<Methods, MseError> {
    let method = Methods::of(select);
    if !select.is_power_of_two() || !method.is_one() || !offered.has(method) {
        return Err(MseError::Select(select));
    }
    Ok(method)
}
