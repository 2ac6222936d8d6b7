//! Deterministic swarm simulation for Bitlode (development only).
//!
//! Real nodes, that is `conn`, `swarm`, `session`, `storage` and `node` as they ship, talk over emulated links and write to
//! emulated disks, in virtual time, on one thread. Everything that happens follows from one number.
//!
//! | file | owns |
//! |---|---|
//! | `disk.rs`, `inodes.rs` | a disk with a page cache, torn writes, faults and power cuts |
//! | `torrent.rs` | torrents of every shape, with their content |
//! | `config.rs` | what happens in the run of a seed |
//! | `plant.rs` | bugs to be found |
//! | `tap.rs` | what honest peers say, held against the rules |
//! | `villain.rs` | peers that mean harm |
//! | `link.rs`, `peer.rs` | connections, honest peers |
//! | `world.rs` | the queue of events, and what nodes want done |
//! | `net.rs`, `bytes.rs`, `fate.rs` | how events come about |
//! | `watch.rs` | what is promised |

mod bytes;
pub mod config;
pub mod disk;
mod fate;
mod inodes;
mod link;
mod net;
mod peer;
pub mod plant;
mod tap;
pub mod torrent;
mod villain;
mod watch;
mod world;

pub use config::Config;
pub use plant::Planted;
pub use world::{Outcome, Telling, run};
