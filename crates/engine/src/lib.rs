//! The driver: threads, sockets, timers, queues around bitlode-node. It decides nothing that a peer could notice.
//!
//! ```text
//!  Engine ── command ──▶ control ─▶ shard 0..S  (mio loop + Node each)  ◀──▶ disk workers
//!     ▲                                  │
//!     └────────── drain ◀── outbox ◀─────┘ rings the bell once
//! ```

pub mod api;
mod engine;

pub use engine::{Bell, Engine};
