//! One torrent's brain without IO: peers, candidates, picker, requests, choker, uploads, bans, metadata exchange.
//!
//! [`Swarm`] hears facts ([`Input`]) and answers with intents ([`Output`]). No payload byte enters it. After every
//! [`Swarm::handle`] the caller drains [`Swarm::poll`]; the last output of a drain is [`Output::Wake`].
//!
//! | file | owns |
//! |---|---|
//! | `input.rs`, `event.rs` | what goes in, what comes out |
//! | `rate.rs` | bytes per second |
//! | `picker.rs`, `rarity.rs` | which block next: rarest first, pieces in the making, copies at the end |
//! | `requests.rs` | what one peer was asked for, and how much it may be asked for |
//! | `uploads.rs` | what one peer asked us for |
//! | `choker.rs` | who may download from us |
//! | `ban.rs` | who sent wrong data |
//! | `candidates.rs` | who to call next |
//! | `dwindling.rs` | peers that may have run out of what we want |
//! | `metadata.rs` | fetching and serving the info dictionary (BEP 9) |
//! | `news.rs` | pieces that peers have still to be told of |
//! | `peer.rs` | one connected peer |
//! | `swarm.rs` | state and glue; `messages.rs`, `download.rs`, `upload.rs`, `exchange.rs`, `members.rs` are its parts |

mod ban;
mod candidates;
mod choker;
mod download;
mod dwindling;
mod event;
mod exchange;
mod input;
mod members;
mod messages;
mod metadata;
mod news;
mod peer;
mod picker;
mod rarity;
mod rate;
mod requests;
mod swarm;
mod upload;
mod uploads;

pub use event::{Blame, Output, PeerSnapshot, Reason, SwarmEvent, SwarmStats};
#[cfg(feature = "planted-bugs")]
pub use input::Bug;
pub use input::{Candidate, Input, Limits, PeerKey, Setup, Source};
pub use swarm::Swarm;
