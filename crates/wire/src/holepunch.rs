//! Messages of `ut_holepunch` (BEP 55): a peer that both sides know makes them call each other at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::WireError;
use crate::bytes::split;

/// Why a rendezvous failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolepunchError {
    /// The address is not valid.
    NoSuchPeer,
    /// The relay is not connected to the target.
    NotConnected,
    /// The target does not take `ut_holepunch`.
    NoSupport,
    /// The target is the relay or the sender.
    NoSelf,
    /// A number that BEP 55 does not have.
    Other(u32),
}

impl HolepunchError {
    /// Its number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            HolepunchError::NoSuchPeer => 1,
            HolepunchError::NotConnected => 2,
            HolepunchError::NoSupport => 3,
            HolepunchError::NoSelf => 4,
            HolepunchError::Other(number) => number,
        }
    }

    /// The error with this number.
    pub const fn of(number: u32) -> HolepunchError {
        match number {
            1 => HolepunchError::NoSuchPeer,
            2 => HolepunchError::NotConnected,
            3 => HolepunchError::NoSupport,
            4 => HolepunchError::NoSelf,
            other => HolepunchError::Other(other),
        }
    }
}

/// What a message of BEP 55 wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolepunchKind {
    /// To the relay: have this peer and me call each other.
    Rendezvous,
    /// From the relay: call this peer now, over µTP.
    Connect,
    /// From the relay: there will be no call.
    Error(HolepunchError),
}

/// A message of BEP 55.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolepunchMessage {
    /// What it wants.
    pub kind: HolepunchKind,
    /// Which peer is meant. Hostile input: neither address nor port is checked.
    pub addr: SocketAddr,
}

impl HolepunchMessage {
    /// The payload behind the extension's number. The error's number is always there, 0 where there is no error: that is the
    /// form that all clients accept.
    pub fn build(&self) -> Vec<u8> {
        let (kind, error) = match self.kind {
            HolepunchKind::Rendezvous => (RENDEZVOUS, 0),
            HolepunchKind::Connect => (CONNECT, 0),
            HolepunchKind::Error(error) => (ERROR, planted(error)),
        };
        let mut out = vec![kind];
        match self.addr.ip().to_canonical() {
            IpAddr::V4(ip) => {
                out.push(V4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(V6);
                out.extend_from_slice(&ip.octets());
            }
        }
        out.extend_from_slice(&self.addr.port().to_be_bytes());
        out.extend_from_slice(&error.to_be_bytes());
        out
    }

    /// Reads a payload. libtorrent and BiglyBT leave the error's number out where there is no error: both forms are read. A
    /// number that is not 0 there, and anything behind it, is refused.
    pub fn parse(payload: &[u8]) -> Result<HolepunchMessage, WireError> {
        let short = || WireError::Length { id: crate::id::EXTENDED, want: 8, got: len_of(payload) };
        let ([kind, family], rest) = split::<2>(payload).ok_or_else(short)?;
        let (ip, rest) = match family {
            V4 => {
                split::<4>(rest).map(|(ip, rest)| (IpAddr::from(Ipv4Addr::from_octets(ip)), rest)).ok_or_else(short)?
            }
            V6 => split::<16>(rest)
                .map(|(ip, rest)| (IpAddr::from(Ipv6Addr::from_octets(ip)).to_canonical(), rest))
                .ok_or_else(short)?,
            other => return Err(WireError::Value { field: "addr_type", got: other.into() }),
        };
        let (port, rest) = split::<2>(rest).ok_or_else(short)?;
        let error = match rest {
            [] => None,
            [a, b, c, d] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
            [_, _, _] | [_, _] | [_] => return Err(short()),
            [_, _, _, _, more @ ..] => return Err(WireError::Trailing { bytes: more.len() }),
        };
        let kind = match (kind, error) {
            (RENDEZVOUS, None | Some(0)) => HolepunchKind::Rendezvous,
            (CONNECT, None | Some(0)) => HolepunchKind::Connect,
            (RENDEZVOUS | CONNECT, Some(got)) => return Err(WireError::Value { field: "err_code", got }),
            (ERROR, Some(number)) => HolepunchKind::Error(HolepunchError::of(number)),
            (ERROR, None) => return Err(short()),
            (other, _) => return Err(WireError::Value { field: "msg_type", got: other.into() }),
        };
        Ok(HolepunchMessage { kind, addr: (ip, u16::from_be_bytes(port)).into() })
    }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(error: HolepunchError) -> u32 {
    error.number()
}

/// The planted bug: one error for another.
#[cfg(feature = "planted-bugs")]
fn planted(error: HolepunchError) -> u32 {
    if error == HolepunchError::NoSelf { 3 } else { error.number() }
}

const RENDEZVOUS: u8 = 0;
const CONNECT: u8 = 1;
const ERROR: u8 = 2;
const V4: u8 = 0;
const V6: u8 = 1;

fn len_of(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn message(kind: HolepunchKind, addr: &str) -> HolepunchMessage {
        HolepunchMessage { kind, addr: addr.parse().unwrap() }
    }

    #[test]
    fn the_messages_of_the_notes_are_built_and_read() {
        for (want, bytes) in [
            (message(HolepunchKind::Rendezvous, "192.0.2.1:6881"), "0000c00002011ae100000000"),
            (message(HolepunchKind::Connect, "[2001:db8::1]:6881"), "010120010db80000000000000000000000011ae100000000"),
            (message(HolepunchKind::Error(HolepunchError::NotConnected), "192.0.2.1:6881"), "0200c00002011ae100000002"),
        ] {
            assert_eq!(want.build(), hex(bytes));
            assert_eq!(HolepunchMessage::parse(&hex(bytes)), Ok(want));
        }
    }

    #[test]
    fn the_error_may_be_left_out_where_there_is_none() {
        let short = message(HolepunchKind::Rendezvous, "192.0.2.1:6881");
        assert_eq!(HolepunchMessage::parse(&hex("0000c00002011ae1")), Ok(short));
        let error = HolepunchMessage::parse(&hex("0200c00002011ae1"));
        assert!(matches!(error, Err(WireError::Length { .. })), "{error:?}");
    }

    #[test]
    fn every_error_has_its_number() {
        for number in [0, 1, 2, 3, 4, 5, u32::MAX] {
            let error = HolepunchError::of(number);
            assert_eq!(error.number(), number);
            let sent = message(HolepunchKind::Error(error), "10.0.0.1:1");
            assert_eq!(HolepunchMessage::parse(&sent.build()), Ok(sent));
        }
    }

    #[test]
    fn unknown_types_families_lengths_and_errors_without_reason_are_refused() {
        for (bytes, field) in [
            ("0300c00002011ae100000000", "msg_type"),
            ("0002c00002011ae100000000", "addr_type"),
            ("0000c00002011ae100000001", "err_code"),
        ] {
            let read = HolepunchMessage::parse(&hex(bytes));
            assert!(matches!(read, Err(WireError::Value { field: f, .. }) if f == field), "{read:?}");
        }
        let whole = hex("0000c00002011ae100000000");
        for len in (0..whole.len()).filter(|len| *len != 8) {
            assert!(matches!(HolepunchMessage::parse(&whole[..len]), Err(WireError::Length { .. })), "{len}");
        }
        let more = HolepunchMessage::parse(&hex("0000c00002011ae10000000000"));
        assert_eq!(more, Err(WireError::Trailing { bytes: 1 }));
    }
}
