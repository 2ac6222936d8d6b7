//! The chain of extensions between header and payload.

use std::borrow::Cow;

use crate::{SelectiveAck, UtpError};

const SELECTIVE_ACK: u8 = 1;
const BITS: u8 = 2;
const CLOSE_REASON: u8 = 3;

/// An extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension<'a> {
    /// Packets that came out of order (1).
    SelectiveAck(SelectiveAck<'a>),
    /// Extension bits of old µTorrent (2); nobody reads them.
    Bits([u8; 8]),
    /// Why the sender closes (3; libtorrent's, not in BEP 29). libutp drops every packet whose *first* extension it is:
    /// never send it first.
    CloseReason {
        /// The first two bytes; 0 by convention.
        reserved: u16,
        /// 0 when there is none.
        reason: u16,
    },
    /// One that we do not know; also a close reason of another length.
    Other {
        /// Its number; not 0, which ends the chain.
        id: u8,
        /// At most 255 bytes.
        data: &'a [u8],
    },
}

impl<'a> Extension<'a> {
    /// Its number.
    pub const fn id(&self) -> u8 {
        match self {
            Extension::SelectiveAck(_) => SELECTIVE_ACK,
            Extension::Bits(_) => BITS,
            Extension::CloseReason { .. } => CLOSE_REASON,
            Extension::Other { id, .. } => *id,
        }
    }

    /// Its data as they stand on the wire.
    pub fn data(&self) -> Cow<'a, [u8]> {
        match *self {
            Extension::SelectiveAck(SelectiveAck(data)) | Extension::Other { data, .. } => Cow::Borrowed(data),
            Extension::Bits(bits) => Cow::Owned(bits.to_vec()),
            Extension::CloseReason { reserved, reason } => {
                Cow::Owned([reserved.to_be_bytes(), reason.to_be_bytes()].concat())
            }
        }
    }

    /// Reads the data of an extension.
    ///
    /// Errors: a selective ack without bytes, extension bits that are not 8 bytes (libutp refuses them, too).
    pub fn parse(id: u8, data: &'a [u8]) -> Result<Extension<'a>, UtpError> {
        match (id, data) {
            (SELECTIVE_ACK, []) => Err(UtpError::Extension { id, len: 0 }),
            (SELECTIVE_ACK, mask) => Ok(Extension::SelectiveAck(SelectiveAck(mask))),
            (BITS, bits) => match bits.try_into() {
                Ok(bits) => Ok(Extension::Bits(bits)),
                Err(_) => Err(UtpError::Extension { id, len: data.len() }),
            },
            (CLOSE_REASON, &[a, b, c, d]) => {
                Ok(Extension::CloseReason { reserved: u16::from_be_bytes([a, b]), reason: u16::from_be_bytes([c, d]) })
            }
            (id, data) => Ok(Extension::Other { id, data }),
        }
    }

    /// Appends length and data. The number stands in front of it, where the extension before ends.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), UtpError> {
        let data = self.data();
        let wrong = UtpError::Extension { id: self.id(), len: data.len() };
        // What would be read as something else, or not at all, is not written.
        if Extension::parse(self.id(), &data).ok().as_ref() != Some(self) || self.id() == 0 {
            return Err(wrong);
        }
        out.push(u8::try_from(data.len()).map_err(|_| wrong)?);
        out.extend_from_slice(&data);
        Ok(())
    }
}

/// The extensions of a packet, in their order; checked when the packet was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions<'a> {
    first: u8,
    chain: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Checks the chain that starts with extension `first` in `bytes`: it, and the payload behind it.
    pub(crate) fn split(first: u8, bytes: &'a [u8]) -> Result<(Extensions<'a>, &'a [u8]), UtpError> {
        let (mut id, mut rest) = (first, bytes);
        while id != 0 {
            let (next, data, behind) = link(rest).ok_or(UtpError::Truncated { id })?;
            Extension::parse(id, data)?;
            (id, rest) = (next, behind);
        }
        let chain = bytes.get(..bytes.len().saturating_sub(rest.len())).unwrap_or_default();
        Ok((Extensions { first, chain }, rest))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        if self.first == 0 {
            return None;
        }
        let (next, data, rest) = link(self.chain)?;
        let extension = Extension::parse(self.first, data).ok();
        *self = Extensions { first: next, chain: rest };
        extension
    }
}

/// One extension: the number of the next one, the data, what is behind.
fn link(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([next, len], rest) = bytes.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((*next, data, rest))
}
