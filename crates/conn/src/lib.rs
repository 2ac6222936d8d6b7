//! One BitTorrent peer connection without IO: handshake, framing, where the next bytes go, what goes out, and its limits.
//!
//! A carrier asks [`Conn::recv_plan`] where bytes shall land, fills any number of them and says so with [`Conn::received`];
//! [`Conn::send_plan`] and [`Conn::sent`] mirror it. **After every call that takes `now`, [`Conn::poll`] is drained.**
//!
//! All bytes that come in pass [`Conn::received`] in stream order before anything looks at them, and all that go out pass
//! [`Conn::send_plan`]: what transforms a stream has these two places to stand.

#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod conn;
mod error;
mod event;
pub mod fuzz;
mod header;
mod limits;
mod parse;
mod plan;
mod recv;
mod requests;
mod send;

pub use conn::Conn;
pub use error::ConnError;
pub use event::{Event, Stats};
pub use limits::Limits;
pub use plan::{RecvPlan, SendPlan};
