//! The driver: threads, sockets, timers, queues around bitlode-node. It decides nothing that a peer could notice.
//!
//! ```text
//!  Engine ── command ──▶ control ─▶ shard 0..S  (one poll and one Node each)  ◀──▶ disk workers
//!     ▲          └─────────────────▶     │
//!     └────────── drain ◀── outbox ◀─────┘ rings the bell once
//! ```
//!
//! * [`Engine`] is all that a user needs; [`api`] holds the types that go in and out.
//! * A shard is one thread with the sockets and torrents that live there; shards, workers and callers write each other
//!   letters and never wait for one another.
//! * What systems do differently is in `sys`.

mod address;
pub mod api;
mod batcher;
mod control;
mod create;
mod descriptors;
mod engine;
mod hashcheck;
mod inbox;
mod isa;
mod listen;
mod lock;
mod outbox;
mod reader;
mod resolve;
mod shard;
mod shared;
mod source;
mod stream;
mod sys;
mod threads;
mod waiters;
mod workers;

pub use api::Bell;
pub use engine::Engine;
