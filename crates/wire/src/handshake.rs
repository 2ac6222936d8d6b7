//! The 68 bytes that open every connection (BEP 3), and what their reserved bits mean (BEPs 5, 6, 10, 52).

use crate::WireError;
use crate::bytes::split;

/// The first 20 bytes: a length and the protocol's name.
const PSTR: &[u8; 20] = b"\x13BitTorrent protocol";

/// The eight reserved bytes of the handshake. Bits that we do not know are kept and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserved(pub [u8; 8]);

impl Reserved {
    /// No bit set.
    pub const NONE: Reserved = Reserved([0; 8]);

    /// Whether the sender speaks the extension protocol (BEP 10).
    pub const fn extended(self) -> bool {
        self.0[5] & 0x10 != 0
    }

    /// Whether the sender runs a DHT node and takes PORT (BEP 5).
    pub const fn dht(self) -> bool {
        self.0[7] & 0x01 != 0
    }

    /// Whether the sender speaks the fast extension (BEP 6); it is on when both sides say so.
    pub const fn fast(self) -> bool {
        self.0[7] & 0x04 != 0
    }

    /// Whether the sender would upgrade a hybrid torrent's connection to v2 (BEP 52).
    pub const fn v2(self) -> bool {
        self.0[7] & 0x10 != 0
    }

    /// Sets the bit of BEP 10.
    #[must_use]
    pub const fn with_extended(self) -> Reserved {
        self.with(0x10_00_00)
    }

    /// Sets the bit of BEP 5; never for a private torrent.
    #[must_use]
    pub const fn with_dht(self) -> Reserved {
        self.with(0x01)
    }

    /// Sets the bit of BEP 6.
    #[must_use]
    pub const fn with_fast(self) -> Reserved {
        self.with(0x04)
    }

    /// Sets the bit of BEP 52, for hybrid torrents.
    #[must_use]
    pub const fn with_v2(self) -> Reserved {
        self.with(0x10)
    }

    const fn with(self, bits: u64) -> Reserved {
        Reserved((u64::from_be_bytes(self.0) | bits).to_be_bytes())
    }
}

/// The handshake of BEP 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// What the sender supports.
    pub reserved: Reserved,
    /// The torrent: SHA-1 of the info dictionary, or the first 20 bytes of its SHA-256 (BEP 52).
    pub info_hash: [u8; 20],
    /// Who sends.
    pub peer_id: [u8; 20],
}

impl Handshake {
    /// Bytes of a handshake.
    pub const LEN: usize = 68;
    /// Bytes after which [`Handshake::check_prefix`] can say no.
    pub const PREFIX_LEN: usize = PSTR.len();

    /// The bytes to send.
    pub fn encode(&self) -> [u8; Handshake::LEN] {
        let mut out = [0; Handshake::LEN];
        let parts: [&[u8]; 4] = [PSTR, &self.reserved.0, &self.info_hash, &self.peer_id];
        for (to, from) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        out
    }

    /// Whether the first 20 bytes are BitTorrent's; fewer bytes never are.
    pub fn check_prefix(bytes: &[u8]) -> Result<(), WireError> {
        if bytes.starts_with(PSTR) { Ok(()) } else { Err(WireError::NotBitTorrent) }
    }

    /// Whether these bytes, of which there may be fewer than 20, are how a handshake starts.
    pub fn is_prefix(bytes: &[u8]) -> bool {
        PSTR.starts_with(bytes)
    }

    /// Reads a handshake; reserved bits and peer id may be anything.
    pub fn parse(bytes: &[u8; Handshake::LEN]) -> Result<Handshake, WireError> {
        Handshake::check_prefix(bytes)?;
        let (_, rest) = split::<20>(bytes).ok_or(WireError::NotBitTorrent)?;
        let (reserved, rest) = split::<8>(rest).ok_or(WireError::NotBitTorrent)?;
        let (info_hash, rest) = split::<20>(rest).ok_or(WireError::NotBitTorrent)?;
        let (peer_id, _) = split::<20>(rest).ok_or(WireError::NotBitTorrent)?;
        Ok(Handshake { reserved: Reserved(reserved), info_hash, peer_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_read_as_it_was_built() {
        let reserved = Reserved::NONE.with_extended().with_fast().with_dht().with_v2();
        assert_eq!(reserved.0, [0, 0, 0, 0, 0, 0x10, 0, 0x15]);
        let ours = Handshake { reserved, info_hash: [0xaa; 20], peer_id: *b"-BL0010-abcdefghijkl" };
        let bytes = ours.encode();
        assert_eq!(&bytes[..28], b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x15");
        assert_eq!((&bytes[28..48], &bytes[48..]), (&[0xaa; 20][..], &b"-BL0010-abcdefghijkl"[..]));
        assert_eq!(Handshake::parse(&bytes), Ok(ours));
    }

    #[test]
    fn each_bit_is_read_alone_and_unknown_bits_are_kept() {
        for (reserved, bits) in [
            (Reserved::NONE.with_extended(), [true, false, false, false]),
            (Reserved::NONE.with_fast(), [false, true, false, false]),
            (Reserved::NONE.with_dht(), [false, false, true, false]),
            (Reserved::NONE.with_v2(), [false, false, false, true]),
            (Reserved([0xff, 0xff, 0xff, 0xff, 0xff, 0xef, 0xff, 0xea]), [false; 4]),
        ] {
            assert_eq!([reserved.extended(), reserved.fast(), reserved.dht(), reserved.v2()], bits, "{reserved:?}");
            let shake = Handshake { reserved, info_hash: [1; 20], peer_id: [2; 20] };
            assert_eq!(Handshake::parse(&shake.encode()).unwrap().reserved, reserved);
        }
    }

    #[test]
    fn another_protocol_is_refused_at_any_of_the_first_20_bytes() {
        let good = Handshake { reserved: Reserved::NONE, info_hash: [1; 20], peer_id: [2; 20] }.encode();
        for at in 0..20 {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!(Handshake::parse(&bad), Err(WireError::NotBitTorrent));
            assert_eq!(Handshake::check_prefix(&good[..at]), Err(WireError::NotBitTorrent), "too short");
        }
    }
}
