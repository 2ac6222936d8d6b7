//! The header of 20 bytes and what follows it.

use crate::{Extension, Extensions, SelectiveAck, UtpError};

const VERSION: u8 = 1;

/// What a packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Payload.
    Data,
    /// The end of the stream; it has a number of its own, as payload has.
    Fin,
    /// An ack without payload. Its number is that of the next payload and is not used up.
    State,
    /// There is no such connection.
    Reset,
    /// The start of a connection.
    Syn,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Data, Kind::Fin, Kind::State, Kind::Reset, Kind::Syn];

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Kind::Data => 0,
            Kind::Fin => 1,
            Kind::State => 2,
            Kind::Reset => 3,
            Kind::Syn => 4,
        }
    }
}

/// The fixed fields of a packet, in the order of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the packet is for.
    pub kind: Kind,
    /// A SYN carries the number on which its sender will receive; each later packet that on which its receiver does.
    pub connection_id: u16,
    /// The sender's clock in microseconds; wraps.
    pub timestamp: u32,
    /// The one-way delay of the last packet as its receiver measured it, in microseconds; 0 for none yet. Old µTorrent says
    /// 0x7fffffff for none.
    pub delay: u32,
    /// Bytes free in the sender's receive buffer.
    pub window: u32,
    /// The packet's number; wraps.
    pub seq: u16,
    /// The last number that came in order.
    pub ack: u16,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 20;

    /// Appends the datagram.
    ///
    /// Errors: an extension that is longer than 255 bytes, has the number 0, or would be read as another one. Nothing is
    /// appended then.
    pub fn encode(&self, extensions: &[Extension<'_>], payload: &[u8], out: &mut Vec<u8>) -> Result<(), UtpError> {
        let start = out.len();
        let (kind, mut next) = (self.kind.number() << 4 | VERSION, extensions.iter().map(Extension::id));
        out.extend_from_slice(&[kind, next.next().unwrap_or(0)]);
        out.extend_from_slice(&self.connection_id.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.delay.to_be_bytes());
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&planted(self).to_be_bytes());
        for extension in extensions {
            out.push(next.next().unwrap_or(0));
            extension.encode(out).inspect_err(|_| out.truncate(start))?;
        }
        out.extend_from_slice(payload);
        Ok(())
    }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(header: &Header) -> u16 {
    header.ack
}

/// The planted bug: the last number before the wrap is lost.
#[cfg(feature = "planted-bugs")]
fn planted(header: &Header) -> u16 {
    if header.kind == Kind::Fin && header.ack >= 0xff00 { 0 } else { header.ack }
}

/// A datagram of µTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed fields.
    pub header: Header,
    /// The extensions, in their order.
    pub extensions: Extensions<'a>,
    /// The rest.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram. Extensions that we do not know are kept; a payload where none belongs is the connection's to judge.
    ///
    /// Errors: fewer than 20 bytes, another version, an unknown type, an extension that is not whole or of a wrong length.
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, UtpError> {
        let short = || UtpError::Short { bytes: datagram.len() };
        let (head, rest) = datagram.split_first_chunk::<{ Header::LEN }>().ok_or_else(short)?;
        let &[kind, first, c0, c1, t0, t1, t2, t3, d0, d1, d2, d3, w0, w1, w2, w3, s0, s1, a0, a1] = head;
        let (kind, version) = (kind >> 4, kind & 0x0f);
        if version != VERSION {
            return Err(UtpError::Version(version));
        }
        let kind = *Kind::ALL.get(usize::from(kind)).ok_or(UtpError::Type(kind))?;
        let header = Header {
            kind,
            connection_id: u16::from_be_bytes([c0, c1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            delay: u32::from_be_bytes([d0, d1, d2, d3]),
            window: u32::from_be_bytes([w0, w1, w2, w3]),
            seq: u16::from_be_bytes([s0, s1]),
            ack: u16::from_be_bytes([a0, a1]),
        };
        let (extensions, payload) = Extensions::split(first, rest)?;
        Ok(Packet { header, extensions, payload })
    }

    /// The first selective ack, if there is one.
    pub fn selective_ack(&self) -> Option<SelectiveAck<'a>> {
        self.extensions.into_iter().find_map(|extension| match extension {
            Extension::SelectiveAck(ack) => Some(ack),
            _ => None,
        })
    }

    /// Appends the datagram; what was read is written as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), UtpError> {
        let extensions: Vec<_> = self.extensions.into_iter().collect();
        self.header.encode(&extensions, self.payload, out)
    }
}
