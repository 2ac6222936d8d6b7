//! Every BitTorrent peer-wire packet, built and parsed without IO: the handshake and messages of BEP 3, PORT (BEP 5),
//! the fast extension (BEP 6), the extension protocol (BEP 10) and metadata exchange (BEP 9).
//!
//! Parsing borrows and is total: any bytes give a packet or a [`WireError`]. Framing, limits and time belong to `conn`.

#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod error;
mod extended;
pub mod fuzz;
mod handshake;
mod message;
mod metadata;

pub use error::WireError;
pub use extended::{ExtendedHandshake, ExtendedLimits};
pub use handshake::{Handshake, Reserved};
pub use message::{Message, OwnedMessage, PIECE_HEADER_LEN, id, piece_header};
pub use metadata::{METADATA_PIECE_LEN, MetadataMessage};
