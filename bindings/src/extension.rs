//! Extension messages (BEP 10) and the numbers they have on a connection.

use std::net::{IpAddr, SocketAddr};

use bitlode::api::Failure;
use bitlode::base::{Code, PieceIndex};
use bitlode::node::limits;
use bitlode::session::Settings;
use bitlode::wire::{
    self, ExtendedHandshake, ExtendedLimits, ExtensionMessage, HolepunchError, HolepunchKind, HolepunchMessage,
    MetadataMessage, PexFlags, PexMessage, PexPeer,
};
use napi_derive::napi;

use crate::bytes::{ByteCopy, Bytes};
use crate::error::{Result, failed, failure, guard};
use crate::wire::{FlatPacket, wrong};

type Parsed<T> = std::result::Result<T, Failure>;

/// The extended handshake (BEP 10).
#[napi(object, use_nullable = true)]
pub struct ExtendedHandshakeParts {
    /// Names in `m`.
    pub names: Vec<String>,
    /// Their numbers, in the same order.
    pub ids: Vec<u32>,
    /// The listening port.
    pub p: Option<u32>,
    /// Client name and version.
    pub v: Option<String>,
    /// The address the sender sees its peer at.
    pub yourip: Option<String>,
    /// The sender's IPv4 address.
    pub ipv4: Option<String>,
    /// The sender's IPv6 address.
    pub ipv6: Option<String>,
    /// Requests the sender queues.
    pub reqq: Option<u32>,
    /// Bytes of the info dictionary.
    pub metadata_size: Option<u32>,
    /// Prefers encryption.
    pub e: Option<bool>,
    /// Wants nothing.
    pub upload_only: Option<bool>,
    /// Seconds since the sender last saw a complete copy; -1 for never.
    pub complete_ago: Option<f64>,
}

fn bencode_limits() -> ExtendedLimits {
    limits::swarm(&Settings::default()).bencode
}

/// The payload of an extended handshake.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn build_extended_handshake(parts: ExtendedHandshakeParts) -> Result<ByteCopy> {
    guard("buildExtendedHandshake", || {
        let byte = |id: &u32| u8::try_from(*id).map_err(|_| failure(Code::InvalidOption, "Expected a byte"));
        let ids = parts.ids.iter().map(byte).collect::<Parsed<Vec<u8>>>()?;
        let shake = ExtendedHandshake {
            m: parts.names.into_iter().zip(ids).collect(),
            p: parts.p.and_then(|port| u16::try_from(port).ok()),
            v: parts.v,
            yourip: parts.yourip.map(|ip| address(&ip)).transpose()?,
            ipv4: parts.ipv4.map(|ip| address(&ip)).transpose()?,
            ipv6: parts.ipv6.map(|ip| address(&ip)).transpose()?,
            reqq: parts.reqq,
            metadata_size: parts.metadata_size,
            e: parts.e,
            upload_only: parts.upload_only,
            complete_ago: parts.complete_ago.map(|ago| ago as i64),
        };
        Ok(ByteCopy(shake.build()))
    })
}

/// Reads the payload of an extended handshake.
#[napi(catch_unwind)]
pub fn parse_extended_handshake(#[napi(ts_arg_type = "Uint8Array")] payload: Bytes) -> Result<ExtendedHandshakeParts> {
    guard("parseExtendedHandshake", || {
        let shake = ExtendedHandshake::parse(&payload.0, &bencode_limits()).map_err(failed)?;
        Ok(ExtendedHandshakeParts {
            ids: shake.m.values().map(|id| u32::from(*id)).collect(),
            names: shake.m.into_keys().collect(),
            p: shake.p.map(u32::from),
            v: shake.v,
            yourip: shake.yourip.map(|ip| ip.to_string()),
            ipv4: shake.ipv4.map(|ip| ip.to_string()),
            ipv6: shake.ipv6.map(|ip| ip.to_string()),
            reqq: shake.reqq,
            metadata_size: shake.metadata_size,
            e: shake.e,
            upload_only: shake.upload_only,
            // What JavaScript cannot hold is nobody's age.
            complete_ago: shake.complete_ago.filter(|ago| ago.unsigned_abs() < 1 << 53).map(|ago| ago as f64),
        })
    })
}

/// The payload of a message of an extension that has a type.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn build_extension(
    kind: String,
    numbers: Vec<u32>,
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes,
) -> Result<ByteCopy> {
    guard("buildExtension", || Ok(ByteCopy(message(&kind, &numbers, &bytes.0)?.build())))
}

/// Reads the payload of the extension with this name; it must be one that has a type.
#[napi(catch_unwind)]
pub fn parse_extension(extension: String, #[napi(ts_arg_type = "Uint8Array")] payload: Bytes) -> Result<FlatPacket> {
    guard("parseExtension", || {
        let message = ExtensionMessage::parse(&extension, &payload.0, &bencode_limits()).map_err(failed)?;
        flat(&message).ok_or_else(|| wrong(&extension))
    })
}

fn message<'a>(kind: &str, numbers: &[u32], bytes: &'a [u8]) -> Parsed<ExtensionMessage<'a>> {
    let holepunch = |kind| endpoint(bytes).map(|addr| ExtensionMessage::Holepunch(HolepunchMessage { kind, addr }));
    Ok(match (kind, numbers) {
        ("metadataRequest", &[piece]) => ExtensionMessage::Metadata(MetadataMessage::Request { piece }),
        ("metadataData", &[piece, total_size]) => {
            ExtensionMessage::Metadata(MetadataMessage::Data { piece, total_size, data: bytes })
        }
        ("metadataReject", &[piece]) => ExtensionMessage::Metadata(MetadataMessage::Reject { piece }),
        ("pex", counts) => pex(counts, bytes).ok_or_else(|| wrong(kind))?,
        ("rendezvous", []) => holepunch(HolepunchKind::Rendezvous)?,
        ("connect", []) => holepunch(HolepunchKind::Connect)?,
        ("holepunchError", &[number]) => holepunch(HolepunchKind::Error(HolepunchError::of(number)))?,
        ("dontHave", &[piece]) => ExtensionMessage::DontHave(PieceIndex(piece)),
        ("uploadOnly", &[only]) => ExtensionMessage::UploadOnly(only != 0),
        _ => return Err(wrong(kind)),
    })
}

fn flat(message: &ExtensionMessage<'_>) -> Option<FlatPacket> {
    let part = |kind, numbers: &[u32], bytes: &[u8]| FlatPacket {
        kind,
        numbers: numbers.to_vec(),
        bytes: ByteCopy(bytes.to_vec()),
    };
    Some(match message {
        ExtensionMessage::Metadata(MetadataMessage::Request { piece }) => part("metadataRequest", &[*piece], &[]),
        ExtensionMessage::Metadata(MetadataMessage::Data { piece, total_size, data }) => {
            part("metadataData", &[*piece, *total_size], data)
        }
        ExtensionMessage::Metadata(MetadataMessage::Reject { piece }) => part("metadataReject", &[*piece], &[]),
        ExtensionMessage::Metadata(MetadataMessage::Unknown) => part("metadataUnknown", &[], &[]),
        ExtensionMessage::Pex(message) => {
            let (mut numbers, mut bytes) = ([0; 2], Vec::new());
            for peer in &message.added {
                numbers[0] += 1;
                bytes.push(peer.flags.0);
                compact(&mut bytes, &peer.addr);
            }
            for addr in &message.dropped {
                numbers[1] += 1;
                compact(&mut bytes, addr);
            }
            part("pex", &numbers, &bytes)
        }
        ExtensionMessage::Holepunch(HolepunchMessage { kind, addr }) => {
            let mut bytes = Vec::new();
            compact(&mut bytes, addr);
            match kind {
                HolepunchKind::Rendezvous => part("rendezvous", &[], &bytes),
                HolepunchKind::Connect => part("connect", &[], &bytes),
                HolepunchKind::Error(error) => part("holepunchError", &[error.number()], &bytes),
            }
        }
        ExtensionMessage::DontHave(piece) => part("dontHave", &[piece.0], &[]),
        ExtensionMessage::UploadOnly(only) => part("uploadOnly", &[u32::from(*only)], &[]),
        ExtensionMessage::Custom { .. } => return None,
    })
}

/// Peers cross as 1 byte of flags, 1 byte of family, the address and the port; dropped ones without flags.
fn pex<'a>(counts: &[u32], bytes: &[u8]) -> Option<ExtensionMessage<'a>> {
    let &[added, dropped] = counts else { return None };
    let (mut message, mut rest) = (PexMessage::default(), bytes);
    for _ in 0..added {
        let (flags, behind) = rest.split_first()?;
        let (addr, behind) = expand(behind)?;
        message.added.push(PexPeer { addr, flags: PexFlags(*flags) });
        rest = behind;
    }
    for _ in 0..dropped {
        let (addr, behind) = expand(rest)?;
        message.dropped.push(addr);
        rest = behind;
    }
    rest.is_empty().then_some(ExtensionMessage::Pex(message))
}

/// Family (4 or 6), address, port.
fn compact(out: &mut Vec<u8>, addr: &SocketAddr) {
    match addr.ip() {
        IpAddr::V4(ip) => out.extend([&[4][..], &ip.octets()].concat()),
        IpAddr::V6(ip) => out.extend([&[6][..], &ip.octets()].concat()),
    }
    out.extend(addr.port().to_be_bytes());
}

fn expand(bytes: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (family, rest) = bytes.split_first()?;
    let (ip, rest): (IpAddr, &[u8]) = match family {
        4 => rest.split_first_chunk::<4>().map(|(ip, rest)| ((*ip).into(), rest))?,
        _ => rest.split_first_chunk::<16>().map(|(ip, rest)| ((*ip).into(), rest))?,
    };
    let (port, rest) = rest.split_first_chunk()?;
    Some(((ip, u16::from_be_bytes(*port)).into(), rest))
}

fn endpoint(bytes: &[u8]) -> Parsed<SocketAddr> {
    let addr = expand(bytes).filter(|(_, rest)| rest.is_empty()).map(|(addr, _)| addr);
    addr.ok_or_else(|| failure(Code::InvalidOption, "Expected an address and a port"))
}

fn address<Ip: std::str::FromStr>(text: &str) -> Parsed<Ip> {
    text.parse().map_err(|_| failure(Code::InvalidOption, format!("Expected an IP address, got `{text}`")))
}

/// The numbers of extension messages on one connection.
#[napi]
pub struct ExtensionRegistry(wire::Registry);

#[napi]
impl ExtensionRegistry {
    /// One that knows no name.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "only JavaScript makes them")]
    pub fn new() -> Self {
        ExtensionRegistry(wire::Registry::new())
    }

    /// Registers a name under a number of ours.
    #[napi(catch_unwind)]
    pub fn register(&mut self, name: String, id: u32) -> Result<()> {
        guard("extensionRegistry.register", || {
            let refused = || failure(Code::InvalidOption, format!("`{name}` or its number {id} is taken or not one"));
            let byte = u8::try_from(id).map_err(|_| refused())?;
            self.0.register(&name, byte).map_err(|_| refused())
        })
    }

    /// Learns the other side's numbers from its extended handshake.
    #[napi(catch_unwind)]
    pub fn learn(&mut self, names: Vec<String>, ids: Vec<u32>) -> Result<()> {
        guard("extensionRegistry.learn", || {
            let ids = ids.into_iter().map(|id| u8::try_from(id).unwrap_or(0));
            let shake = ExtendedHandshake { m: names.into_iter().zip(ids).collect(), ..Default::default() };
            self.0.learn(&shake, &bencode_limits());
            Ok(())
        })
    }

    /// The name behind a number of ours.
    #[napi(catch_unwind)]
    pub fn name_of(&self, id: u32) -> Result<Option<String>> {
        guard("extensionRegistry.nameOf", || {
            Ok(u8::try_from(id).ok().and_then(|id| self.0.name_of(id)).map(str::to_owned))
        })
    }

    /// The other side's number for a name.
    #[napi(catch_unwind)]
    pub fn id_of(&self, name: String) -> Result<Option<u32>> {
        guard("extensionRegistry.idOf", || Ok(self.0.id_of(&name).map(u32::from)))
    }
}
