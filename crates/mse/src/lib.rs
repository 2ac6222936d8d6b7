//! Message Stream Encryption, by which BitTorrent connections look like noise: the handshake of both roles as a state
//! machine without IO, its messages, and the RC4 streams that come of it. There is no BEP; the rules are those of the
//! Azureus wiki as libtorrent, Transmission and BiglyBT follow them.
//!
//! It is obfuscation, not security: an anonymous key exchange of 768 bits, RC4, no integrity, and the info-hash as the only
//! secret.
//!
//! ```
//! use bitlode_base::Secret;
//! use bitlode_mse::{Chance, Handshake, Initiator, Methods, Output, Responder, skey_mark};
//!
//! let (info_hash, mut secret) = ([7; 20], Secret::new([1; 32]));
//! let ours = Initiator { skey: info_hash, provide: Methods::BOTH, payload: b"hello".to_vec() };
//! let a = Handshake::initiate(ours, Chance::draw(&mut secret))?;
//! let theirs = Responder { accept: Methods::RC4, prefer: Methods::RC4, max_payload: 65_535 };
//! let b = Handshake::respond(theirs, Chance::draw(&mut secret))?;
//!
//! let (mut sides, mut wires, mut done) = ([a, b], [Vec::new(), Vec::new()], Vec::new());
//! while done.len() < 2 {
//!     for me in 0..2 {
//!         let used = sides[me].received(&wires[me]);
//!         wires[me].drain(..used);
//!         while let Some(output) = sides[me].poll() {
//!             match output {
//!                 Output::Send(bytes) => wires[1 - me].extend(bytes),
//!                 Output::Find(mark) => sides[me].found((mark == skey_mark(&info_hash)).then_some(info_hash)),
//!                 Output::Done(established) => done.push(established),
//!                 Output::Failed(error) => return Err(error),
//!             }
//!         }
//!     }
//! }
//! // The responder is done first.
//! assert_eq!(done[0].payload, b"hello");
//! # Ok::<(), bitlode_mse::MseError>(())
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod chance;
mod detect;
mod dh;
mod error;
pub mod fuzz;
mod handshake;
mod keys;
mod message;
mod method;
mod rc4;
mod skeys;
mod sync;

pub use chance::Chance;
pub use detect::{Detected, Encryption, detect};
pub use dh::{GENERATOR, KeyPair, PRIME};
pub use error::MseError;
pub use handshake::{Established, Handshake, Initiator, Output, Responder};
pub use keys::{Keys, skey_mark};
pub use message::{Answer, MAX_PAD, Offer, VC};
pub use method::Methods;
pub use rc4::Rc4;
pub use skeys::{Skeys, search};
