//! The extended handshake (BEP 10): what a peer supports and says of itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
