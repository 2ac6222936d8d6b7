//! µTP packets (BEP 29): header, selective acks, other extensions, payload.
//!
//! Parsing borrows and is total: any datagram gives a [`Packet`] or a [`UtpError`], and what was not understood is kept.
//!
//! ```
//! use bitlode_utp::{Extension, Header, Kind, Packet, SelectiveAck};
//!
//! // 1,000 was the last packet in order; 1,002 came, too.
//! let mask = SelectiveAck::mask(1000, [1002]);
//! let header = Header { kind: Kind::State, connection_id: 7, timestamp: 1, delay: 2, window: 65_536, seq: 1, ack: 1000 };
//! let mut datagram = Vec::new();
//! header.encode(&[Extension::SelectiveAck(SelectiveAck(&mask))], &[], &mut datagram)?;
//!
//! let packet = Packet::parse(&datagram)?;
//! assert_eq!(packet.header, header);
//! assert!(packet.selective_ack().is_some_and(|ack| ack.received(1000).eq([1002])));
//! # Ok::<(), bitlode_utp::UtpError>(())
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod error;
mod extension;
pub mod fuzz;
mod packet;
mod selective_ack;

pub use error::UtpError;
pub use extension::{Extension, Extensions};
pub use packet::{Header, Kind, Packet};
pub use selective_ack::SelectiveAck;
