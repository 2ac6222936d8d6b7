//! The extended handshake (BEP 10): what a peer supports and says of itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bitlode_bencode::{Encoder, Limits, Value, decode};

use crate::WireError;

/// What of an extended handshake is believed and kept. No defaults: the numbers stand in the table of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedLimits {
    /// Nesting of lists and dictionaries.
    pub depth: u32,
    /// Values in the whole message.
    pub tokens: u32,
    /// Names kept from `m`; further ones are ignored.
    pub names: usize,
    /// Bytes of the longest name kept from `m`.
    pub name_bytes: usize,
    /// Bytes kept of `v`.
    pub client_bytes: usize,
    /// The most that is believed of `reqq`.
    pub reqq: u32,
    /// The largest `metadata_size` believed; a larger one counts as absent.
    pub metadata_size: u32,
}

/// The extended handshake. All keys are optional; a later handshake changes only what it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtendedHandshake {
    /// The sender's numbers for the messages it takes, by name (`ut_metadata`, …); 0 disables, an absent name keeps its number.
    pub m: BTreeMap<String, u8>,
    /// The port the sender listens on; never 0.
    pub p: Option<u16>,
    /// Client name and version.
    pub v: Option<String>,
    /// The address the sender sees us at; IPv4-mapped addresses are unmapped. A vote, not a fact.
    pub yourip: Option<IpAddr>,
    /// The sender's IPv4 address. Hostile input: not checked for being public.
    pub ipv4: Option<Ipv4Addr>,
    /// The sender's IPv6 address. Hostile input: not checked for being public.
    pub ipv6: Option<Ipv6Addr>,
    /// Requests the sender queues without dropping any; at least 1.
    pub reqq: Option<u32>,
    /// Bytes of the info dictionary (BEP 9), when the sender has it; at least 1.
    pub metadata_size: Option<u32>,
    /// Whether the sender prefers encryption.
    pub e: Option<bool>,
    /// Whether the sender wants nothing (BEP 21).
    pub upload_only: Option<bool>,
    /// Seconds since the sender last saw a complete copy (libtorrent); −1 for never.
    pub complete_ago: Option<i64>,
}

impl ExtendedHandshake {
    /// The payload behind extended id 0, canonical.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        let int = |out: &mut Encoder, key: &str, value: Option<i64>| {
            if let Some(value) = value {
                out.key(key.as_bytes()).int(value);
            }
        };
        let bytes = |out: &mut Encoder, key: &str, value: Option<&[u8]>| {
            if let Some(value) = value {
                out.key(key.as_bytes()).bytes(value);
            }
        };
        out.begin_dict();
        int(&mut out, "complete_ago", self.complete_ago.map(planted));
        int(&mut out, "e", self.e.map(i64::from));
        bytes(&mut out, "ipv4", self.ipv4.map(|ip| ip.octets()).as_ref().map(|ip| &ip[..]));
        bytes(&mut out, "ipv6", self.ipv6.map(|ip| ip.octets()).as_ref().map(|ip| &ip[..]));
        out.key(b"m").begin_dict();
        for (name, id) in &self.m {
            out.key(name.as_bytes()).int(i64::from(*id));
        }
        out.end();
        int(&mut out, "metadata_size", self.metadata_size.map(i64::from));
        int(&mut out, "p", self.p.map(i64::from));
        int(&mut out, "reqq", self.reqq.map(i64::from));
        int(&mut out, "upload_only", self.upload_only.map(i64::from));
        bytes(&mut out, "v", self.v.as_deref().map(str::as_bytes));
        match self.yourip.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(ip)) => bytes(&mut out, "yourip", Some(&ip.octets())),
            Some(IpAddr::V6(ip)) => bytes(&mut out, "yourip", Some(&ip.octets())),
            None => {}
        }
        out.end();
        out.finish()
    }

    /// Reads a payload. Only bencoding and the root's type are errors: a key of the wrong type, length or range counts
    /// as absent, because peers in the wild disagree about all of them. Keys may come in any order.
    pub fn parse(payload: &[u8], limits: &ExtendedLimits) -> Result<ExtendedHandshake, WireError> {
        let document = decode(payload, Limits { depth: limits.depth, tokens: limits.tokens })?;
        let mut shake = ExtendedHandshake::default();
        for (key, value) in document.root().as_dict().ok_or(WireError::Key("m"))?.iter() {
            match key {
                b"m" => shake.m = names(value, limits),
                b"p" => shake.p = number(value).filter(|port| *port != 0),
                b"v" => shake.v = value.as_str().map(|text| clamp(text, limits.client_bytes).to_owned()),
                b"yourip" => shake.yourip = address(value),
                b"ipv4" => shake.ipv4 = octets(value).map(Ipv4Addr::from_octets),
                b"ipv6" => shake.ipv6 = octets(value).map(Ipv6Addr::from_octets),
                b"reqq" => shake.reqq = value.as_int().filter(|reqq| *reqq > 0).map(|reqq| at_most(reqq, limits.reqq)),
                b"metadata_size" => {
                    shake.metadata_size = number(value).filter(|size| *size != 0 && *size <= limits.metadata_size);
                }
                b"e" => shake.e = value.as_int().map(|int| int != 0),
                b"upload_only" => shake.upload_only = value.as_int().map(|int| int != 0),
                b"complete_ago" => shake.complete_ago = value.as_int(),
                _ => {}
            }
        }
        Ok(shake)
    }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(ago: i64) -> i64 {
    ago
}

/// The planted bug: the sign is lost.
#[cfg(feature = "planted-bugs")]
fn planted(ago: i64) -> i64 {
    ago.saturating_abs()
}

/// `m`: names that are text, numbers that are a byte.
fn names(value: Value<'_>, limits: &ExtendedLimits) -> BTreeMap<String, u8> {
    let mut names = BTreeMap::new();
    for (name, id) in value.as_dict().into_iter().flat_map(|dict| dict.iter()) {
        let Some((name, id)) = std::str::from_utf8(name).ok().zip(number::<u8>(id)) else { continue };
        if name.len() <= limits.name_bytes && (names.len() < limits.names || names.contains_key(name)) {
            names.insert(name.to_owned(), id);
        }
    }
    names
}

fn number<N: TryFrom<i64>>(value: Value<'_>) -> Option<N> {
    value.as_int().and_then(|int| N::try_from(int).ok())
}

fn octets<const N: usize>(value: Value<'_>) -> Option<[u8; N]> {
    value.as_bytes().and_then(|bytes| bytes.try_into().ok())
}

fn address(value: Value<'_>) -> Option<IpAddr> {
    let v4 = octets(value).map(|ip: [u8; 4]| IpAddr::from(ip));
    v4.or_else(|| octets(value).map(|ip: [u8; 16]| IpAddr::from(ip).to_canonical()))
}

fn at_most(value: i64, max: u32) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX).min(max)
}

/// The longest prefix of at most `max` bytes that ends between two characters.
fn clamp(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ExtendedLimits = ExtendedLimits {
        depth: 16,
        tokens: 200,
        names: 8,
        name_bytes: 32,
        client_bytes: 64,
        reqq: 2000,
        metadata_size: 16 << 20,
    };

    fn parse(bytes: &[u8]) -> ExtendedHandshake {
        ExtendedHandshake::parse(bytes, &LIMITS).unwrap()
    }

    #[test]
    fn the_handshake_of_the_notes_is_built_and_read() {
        let bytes = b"d1:md11:lt_donthavei7e11:upload_onlyi3e12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e1:pi6881e4:reqqi250e1:v8:test 1.06:yourip4:\xc0\x00\x02\x01e";
        let m = [("lt_donthave", 7), ("upload_only", 3), ("ut_holepunch", 4), ("ut_metadata", 2), ("ut_pex", 1)];
        let shake = ExtendedHandshake {
            m: m.into_iter().map(|(name, id)| (name.to_owned(), id)).collect(),
            p: Some(6881),
            v: Some("test 1.0".to_owned()),
            yourip: Some(IpAddr::from([192, 0, 2, 1])),
            reqq: Some(250),
            metadata_size: Some(31235),
            ..ExtendedHandshake::default()
        };
        assert_eq!((bytes.len() + 2, shake.build().as_slice()), (0x9f, &bytes[..]));
        assert_eq!(parse(bytes), shake);
    }

    #[test]
    fn every_key_survives_a_round_trip() {
        let shake = ExtendedHandshake {
            m: BTreeMap::from([("ut_metadata".to_owned(), 0)]),
            p: Some(1),
            v: Some("µTorrent".to_owned()),
            yourip: Some("2001:db8::1".parse().unwrap()),
            ipv4: Some([10, 0, 0, 1].into()),
            ipv6: Some("fe80::2".parse().unwrap()),
            reqq: Some(2000),
            metadata_size: Some(16 << 20),
            e: Some(true),
            upload_only: Some(false),
            complete_ago: Some(-1),
        };
        assert_eq!(parse(&shake.build()), shake);
        assert_eq!(ExtendedHandshake::default().build(), b"d1:mdee");
        assert_eq!(parse(b"de"), ExtendedHandshake::default());
    }

    #[test]
    fn libtorrents_form_of_the_sample_in_bep_10_is_read() {
        let shake = parse(b"d1:md11:LT_metadatai1e6:ut_pexi2ee1:pi6881e1:v12:uTorrent 1.2e");
        assert_eq!((shake.m["LT_metadata"], shake.m["ut_pex"], shake.p), (1, 2, Some(6881)));
        assert_eq!(shake.v.as_deref(), Some("uTorrent 1.2"));
    }

    #[test]
    fn keys_of_the_wrong_type_length_or_range_count_as_absent() {
        let empty = ExtendedHandshake::default();
        for bytes in [
            &b"d1:mi1ee"[..],
            b"d1:pi0ee",
            b"d1:pi65536ee",
            b"d1:pi-1ee",
            b"d1:p4:6881e",
            b"d1:v2:\xff\xfee",
            b"d6:yourip5:12345e",
            b"d4:ipv46:123456e",
            b"d4:ipv64:1234e",
            b"d4:reqqi0ee",
            b"d4:reqqi-5ee",
            b"d13:metadata_sizei0ee",
            b"d13:metadata_sizei16777217ee",
            b"d13:metadata_sizei4611686018427387904ee",
            b"d11:upload_only1:0e",
            b"d1:md1:ai256e1:bi-1e1:c1:xee",
            b"d7:unknownd1:xi1eee",
        ] {
            assert_eq!(parse(bytes), empty, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_believed_is_clamped() {
        assert_eq!(parse(b"d4:reqqi9223372036854775807ee").reqq, Some(2000));
        assert_eq!(parse(b"d4:reqqi2000ee").reqq, Some(2000));
        assert_eq!(parse(b"d4:reqqi1999ee").reqq, Some(1999));
        assert_eq!(parse(b"d13:metadata_sizei16777216ee").metadata_size, Some(16 << 20));
        assert_eq!(parse(format!("d1:v66:{}e", "µ".repeat(33)).as_bytes()).v, Some("µ".repeat(32)));
        assert_eq!(parse(format!("d1:v66:x{}xe", "µ".repeat(32)).as_bytes()).v, Some(format!("x{}", "µ".repeat(31))));
        let mapped = parse(b"d6:yourip16:\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01e");
        assert_eq!(mapped.yourip, Some(IpAddr::from([192, 0, 2, 1])));
    }

    #[test]
    fn names_beyond_the_limit_are_ignored_and_the_last_of_equal_ones_wins() {
        let many: String = (0..20).map(|n| format!("2:{n:02}i1e")).collect();
        let shake = parse(format!("d1:md{many}2:07i9eee").as_bytes());
        assert_eq!((shake.m.len(), shake.m["07"], shake.m.get("08")), (8, 9, None));
        let long = format!("d1:md33:{}i1e32:{}i2eee", "x".repeat(33), "y".repeat(32));
        assert_eq!(parse(long.as_bytes()).m, BTreeMap::from([("y".repeat(32), 2)]));
    }

    #[test]
    fn keys_may_come_in_any_order() {
        let shake = parse(b"d1:v1:x1:pi5e1:md6:ut_pexi1eee");
        assert_eq!((shake.v.as_deref(), shake.p, shake.m["ut_pex"]), (Some("x"), Some(5), 1));
    }

    #[test]
    fn depth_tokens_trailing_bytes_and_another_root_are_errors() {
        let bomb = "l".repeat(1_000_000);
        assert!(matches!(ExtendedHandshake::parse(bomb.as_bytes(), &LIMITS), Err(WireError::Bencode(_))));
        let tokens = format!("d1:ml{}ee", "i0e".repeat(300));
        assert!(matches!(ExtendedHandshake::parse(tokens.as_bytes(), &LIMITS), Err(WireError::Bencode(_))));
        assert!(matches!(ExtendedHandshake::parse(b"dex", &LIMITS), Err(WireError::Bencode(_))));
        assert_eq!(ExtendedHandshake::parse(b"le", &LIMITS), Err(WireError::Key("m")));
    }
}
