//! Strict, borrowed, span-preserving bencode decoder and canonical encoder (BEP 3) with depth and token limits.
//!
//! [`decode`] reads a whole input into a flat table of eight bytes a value, without recursion and without copying a
//! string; [`Value`] is a cursor into that table. What is hashed is never encoded again: [`Value::span`] gives the raw
//! bytes. [`Encoder`] writes canonical bencoding.
//!
//! ```
//! use bitlode_bencode::{Limits, decode};
//! let document = decode(b"d3:agei7ee", Limits { depth: 16, tokens: 100 })?;
//! let age = document.root().get(b"age").and_then(|value| value.as_int());
//! assert_eq!(age, Some(7));
//! # Ok::<(), bitlode_bencode::DecodeError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod decode;
mod encode;
mod error;
pub mod fuzz;
mod scan;
mod value;

pub use decode::{Document, Warnings, decode, decode_prefix};
pub use encode::Encoder;
pub use error::{DecodeError, Problem};
pub use scan::Limits;
pub use value::{Dict, Entries, Kind, List, Value};
