//! One torrent's brain without IO: peers, candidates, picker, requests, choker, uploads, bans, metadata exchange.

mod event;
mod input;

pub use event::{Blame, Output, PeerSnapshot, Reason, SwarmEvent, SwarmStats};
#[cfg(feature = "planted-bugs")]
pub use input::Bug;
pub use input::{Candidate, Input, Limits, PeerKey, Setup, Source};
