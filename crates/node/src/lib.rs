//! One shard without IO: connections, swarms, storage and session put together. The engine and the simulator drive the
//! same [`Node`]: bytes, jobs done and time go in, what to do comes out.
//!
//! | file | owns |
//! |---|---|
//! | `types.rs`, `fact.rs` | what goes in and comes out |
//! | `limits.rs` | the limits of every crate below, from the settings |
//! | `timers.rs` | all wake times |
//! | `links.rs`, `dials.rs` | carriers and connections being made |
//! | `readers.rs` | users' reads of one torrent |
//! | `torrent.rs` | one torrent: its swarm, its store, what is known of both |
//! | `shard.rs` | the state of a node; `carriers.rs`, `swarms.rs`, `stores.rs`, `memory.rs`, `life.rs` are its parts |
//! | `node.rs` | what a driver calls |

#[cfg(test)]
extern crate self as bitlode_node;

mod carriers;
mod dials;
mod fact;
mod life;
pub mod limits;
mod links;
mod memory;
mod node;
#[cfg(test)]
mod panic_tests;
mod readers;
mod shard;
mod stores;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
mod swarms;
mod timers;
mod torrent;
mod types;

/// Bytes of content that a read gives.
pub use bitlode_base::Chunk as ReadData;
pub use bitlode_storage::Mode;
pub use bitlode_swarm::{Candidate, PeerSnapshot, Source};
pub use fact::{COUNTERS, Counter, Fact, HaveChange, Phase, ReadId, State};
pub use node::Node;
pub use types::{DialId, NodeConfig, NodeError, Output, Parcel, ReadRange, TorrentSpec};
