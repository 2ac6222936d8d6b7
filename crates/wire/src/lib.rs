//! Every BitTorrent peer-wire packet, built and parsed without IO: the handshake and messages of BEP 3, PORT (BEP 5),
//! the fast extension (BEP 6), the extension protocol (BEP 10) with `ut_metadata` (BEP 9), `ut_pex` (BEP 11), `lt_donthave`
//! (BEP 54), `ut_holepunch` (BEP 55) and `upload_only` (BEP 21), and the hash exchange (BEP 52).
//!
//! Parsing borrows and is total: any bytes give a packet or a [`WireError`]. [`PacketReader`] reads a stream that is cut
//! anywhere; time and the order of messages belong to `conn`.
//!
//! ```
//! use bitlode_wire::{FrameLimits, Message, Packet, PacketReader};
//!
//! let limits = FrameLimits { message: 16_393, bitfield: 4_096, extended_handshake: 4_096, extended_message: 16_500 };
//! let mut reader = PacketReader::after_handshake(limits);
//! let mut bytes = Vec::new();
//! Message::Port(6881).encode(&mut bytes);
//! let (start, end) = bytes.split_at(3);
//! assert_eq!(reader.read(start)?, (3, None));
//! assert_eq!(reader.read(end)?, (4, Some(Packet::Message(Message::Port(6881)))));
//! # Ok::<(), bitlode_wire::WireError>(())
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod bytes;
mod error;
mod extended;
pub mod fuzz;
mod handshake;
mod hashes;
mod holepunch;
mod message;
mod metadata;
mod pex;
mod registry;
mod stream;

pub use error::WireError;
pub use extended::{ExtendedHandshake, ExtendedLimits};
pub use handshake::{Handshake, Reserved};
pub use hashes::{HashMessage, HashRange};
pub use holepunch::{HolepunchError, HolepunchKind, HolepunchMessage};
pub use message::{Message, OwnedMessage, PIECE_HEADER_LEN, id, piece_header};
pub use metadata::{METADATA_PIECE_LEN, MetadataMessage};
pub use pex::{PexFlags, PexMessage, PexPeer};
pub use registry::{ExtensionMessage, Registry, name};
pub use stream::{FrameLimits, Packet, PacketReader};
