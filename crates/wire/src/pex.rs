//! Messages of `ut_pex` (BEP 11): peers that tell each other of peers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bitlode_bencode::{Encoder, Limits, Value, decode};

use crate::{ExtendedLimits, WireError};

/// What the sender says of a peer (BEP 11). Bits that we do not know are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PexFlags(pub u8);

impl PexFlags {
    /// It prefers encryption.
    pub const ENCRYPTION: PexFlags = PexFlags(0x01);
    /// It is a seed, or only uploads.
    pub const SEED: PexFlags = PexFlags(0x02);
    /// It speaks µTP; the absence of the bit says nothing.
    pub const UTP: PexFlags = PexFlags(0x04);
    /// It takes `ut_holepunch` (BEP 55).
    pub const HOLEPUNCH: PexFlags = PexFlags(0x08);
    /// The sender connected to it, so it can be reached.
    pub const REACHABLE: PexFlags = PexFlags(0x10);

    /// Whether every bit of `flags` is set.
    pub const fn has(self, flags: PexFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, flags: PexFlags) -> PexFlags {
        PexFlags(self.0 | flags.0)
    }
}

/// A peer that the sender is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PexPeer {
    /// Where it listens. Hostile input: neither address nor port is checked.
    pub addr: SocketAddr,
    /// What the sender says of it.
    pub flags: PexFlags,
}

/// A message of BEP 11: the changes since the last one. How many entries and how many messages are allowed is the reader's
/// to judge; the memory of what was read is bounded by the bytes that came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PexMessage {
    /// Peers it connected to. The wire has one list for each family: IPv4 comes first.
    pub added: Vec<PexPeer>,
    /// Peers it is no longer connected to, IPv4 first.
    pub dropped: Vec<SocketAddr>,
}

impl PexMessage {
    /// The payload behind the extension's number. All six keys are always there, as old clients expect; IPv4-mapped addresses
    /// go as IPv4.
    pub fn build(&self) -> Vec<u8> {
        let (mut v4, mut v6) = (Lists::default(), Lists::default());
        for peer in &self.added {
            let lists = if peer.addr.ip().to_canonical().is_ipv4() { &mut v4 } else { &mut v6 };
            push(&mut lists.added, &peer.addr);
            lists.flags.push(planted(peer));
        }
        for addr in &self.dropped {
            push(if addr.ip().to_canonical().is_ipv4() { &mut v4.dropped } else { &mut v6.dropped }, addr);
        }
        let mut out = Encoder::new();
        out.begin_dict().key(b"added").bytes(&v4.added).key(b"added.f").bytes(&v4.flags);
        out.key(b"added6").bytes(&v6.added).key(b"added6.f").bytes(&v6.flags);
        out.key(b"dropped").bytes(&v4.dropped).key(b"dropped6").bytes(&v6.dropped).end();
        out.finish()
    }

    /// Reads a payload. Each key may be missing, but not all four lists. Flags that are missing, or not one for each peer,
    /// count as none set.
    pub fn parse(payload: &[u8], limits: &ExtendedLimits) -> Result<PexMessage, WireError> {
        let document = decode(payload, Limits { depth: limits.depth, tokens: limits.tokens })?;
        let root = document.root();
        let list = |key: &'static str| bytes(root, key);
        let lists = [list("added")?, list("added6")?, list("dropped")?, list("dropped6")?];
        if lists.iter().all(Option::is_none) {
            return Err(WireError::Key("added"));
        }
        let [added, added6, dropped, dropped6] = lists.map(Option::unwrap_or_default);
        let flagged = |addrs: Vec<SocketAddr>, key: &'static str| -> Result<Vec<PexPeer>, WireError> {
            let flags = list(key)?.filter(|flags| flags.len() == addrs.len()).unwrap_or_default();
            let flags = flags.iter().copied().chain(std::iter::repeat(0)).map(PexFlags);
            Ok(addrs.into_iter().zip(flags).map(|(addr, flags)| PexPeer { addr, flags }).collect())
        };
        let mut message = PexMessage {
            added: flagged(addresses::<6>(added, "added", v4)?, "added.f")?,
            dropped: addresses::<6>(dropped, "dropped", v4)?,
        };
        message.added.extend(flagged(addresses::<18>(added6, "added6", v6)?, "added6.f")?);
        message.dropped.extend(addresses::<18>(dropped6, "dropped6", v6)?);
        // What was mapped is IPv4 and belongs to its list.
        message.added.sort_by_key(|peer| peer.addr.is_ipv6());
        message.dropped.sort_by_key(SocketAddr::is_ipv6);
        Ok(message)
    }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(peer: &PexPeer) -> u8 {
    peer.flags.0
}

/// The planted bug: IPv6 peers lose the bits that we do not know.
#[cfg(feature = "planted-bugs")]
fn planted(peer: &PexPeer) -> u8 {
    if peer.addr.is_ipv6() { peer.flags.0 & 0x1f } else { peer.flags.0 }
}

/// The lists of one family.
#[derive(Default)]
struct Lists {
    added: Vec<u8>,
    flags: Vec<u8>,
    dropped: Vec<u8>,
}

fn push(out: &mut Vec<u8>, addr: &SocketAddr) {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(&addr.port().to_be_bytes());
}

fn bytes<'a>(root: Value<'a>, key: &'static str) -> Result<Option<&'a [u8]>, WireError> {
    root.get(key.as_bytes()).map(|value| value.as_bytes().ok_or(WireError::Key(key))).transpose()
}

fn addresses<const N: usize>(
    list: &[u8],
    key: &'static str,
    one: fn(&[u8; N]) -> SocketAddr,
) -> Result<Vec<SocketAddr>, WireError> {
    let (entries, []) = list.as_chunks::<N>() else { return Err(WireError::Key(key)) };
    Ok(entries.iter().map(one).collect())
}

fn v4(&[a, b, c, d, p, q]: &[u8; 6]) -> SocketAddr {
    (Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([p, q])).into()
}

fn v6(bytes: &[u8; 18]) -> SocketAddr {
    let [ip @ .., p, q] = *bytes;
    (Ipv6Addr::from_octets(ip).to_canonical(), u16::from_be_bytes([p, q])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ExtendedLimits =
        ExtendedLimits { depth: 16, tokens: 100, names: 0, name_bytes: 0, client_bytes: 0, reqq: 0, metadata_size: 0 };

    fn parse(bytes: &[u8]) -> Result<PexMessage, WireError> {
        PexMessage::parse(bytes, &LIMITS)
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_message_of_the_notes_is_built_and_read() {
        let bytes = b"d5:added6:\xc0\x00\x02\x01\x1a\xe17:added.f1:\x146:added60:8:added6.f0:7:dropped0:8:dropped60:e";
        let flags = PexFlags::UTP.with(PexFlags::REACHABLE);
        let message =
            PexMessage { added: vec![PexPeer { addr: addr("192.0.2.1:6881"), flags }], ..PexMessage::default() };
        assert_eq!(message.build(), bytes);
        assert_eq!(parse(bytes), Ok(message));
        assert!(flags.has(PexFlags::UTP) && !flags.has(PexFlags::SEED.with(PexFlags::UTP)));
    }

    #[test]
    fn both_families_and_all_flags_survive_a_round_trip() {
        let peer = |text, flags| PexPeer { addr: addr(text), flags: PexFlags(flags) };
        let message = PexMessage {
            added: vec![peer("10.0.0.1:1", 0xff), peer("10.0.0.2:0", 0), peer("[2001:db8::1]:65535", 0x02)],
            dropped: vec![addr("192.0.2.7:80"), addr("[::1]:81"), addr("[fe80::2]:82")],
        };
        assert_eq!(parse(&message.build()), Ok(message));
        assert_eq!(parse(&PexMessage::default().build()), Ok(PexMessage::default()));
    }

    #[test]
    fn ipv4_in_the_clothes_of_ipv6_is_ipv4() {
        let bytes = b"d6:added636:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x09\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\x088:added6.f2:\x01\x02e";
        let read = parse(bytes).unwrap();
        let found: Vec<_> = read.added.iter().map(|peer| (peer.addr, peer.flags.0)).collect();
        assert_eq!(found, [(addr("192.0.2.1:8"), 2), (addr("[2001:db8::1]:9"), 1)]);
        assert_eq!(parse(&read.build()), Ok(read));
    }

    #[test]
    fn flags_that_do_not_fit_count_as_none() {
        for flags in ["", "7:added.f0:", "7:added.f2:\x01\x02"] {
            let read = parse(format!("d5:added6:abcdef{flags}e").as_bytes()).unwrap();
            assert_eq!(read.added, [PexPeer { addr: addr("97.98.99.100:25958"), flags: PexFlags(0) }]);
        }
    }

    #[test]
    fn lists_of_parts_wrong_types_and_no_list_at_all_are_refused() {
        for (bytes, key) in [
            (&b"de"[..], "added"),
            (b"le", "added"),
            (b"d7:added.f0:e", "added"),
            (b"d5:added5:abcdee", "added"),
            (b"d5:addedi1ee", "added"),
            (b"d5:added0:7:added.fi1ee", "added.f"),
            (b"d6:added67:abcdefge", "added6"),
            (b"d7:dropped7:abcdefge", "dropped"),
            (b"d8:dropped6le1:xe", "dropped6"),
        ] {
            assert!(
                matches!(parse(bytes), Err(WireError::Key(k)) if k == key)
                    || matches!(parse(bytes), Err(WireError::Bencode(_))),
                "{bytes:?}"
            );
        }
        assert!(matches!(parse(b"d5:added0:ex"), Err(WireError::Bencode(_))), "bytes behind the message");
    }
}
