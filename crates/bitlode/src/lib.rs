//! A BitTorrent engine for Rust applications: real sockets and files around protocol code that does no IO of its own.
//!
//! [`Engine`] takes [commands](api::Command) and tells by one doorbell that there is something to
//! [drain](Engine::drain): replies, states, log facts. No thread of the engine ever waits for the application.
//!
//! ```no_run
//! use std::sync::{Arc, mpsc};
//! use bitlode::api::{AddTorrent, Command, Mode, Options, PeerSource, ReplyBody, Source};
//! use bitlode::{Engine, Settings, SysMode};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ring, bell) = mpsc::channel();
//! let options = Options {
//!     settings: Settings::default(),
//!     shards: None,
//!     network: true,
//!     client: "example 1.0".into(),
//!     sys: SysMode::Native,
//! };
//! let engine = Engine::open(options, Arc::new(move || ring.send(()).unwrap_or_default()))?;
//! engine.command(Command::Add(AddTorrent {
//!     source: Source::Metainfo(std::fs::read("film.torrent")?),
//!     folder: "downloads".into(),
//!     mode: Mode::Download { overwrite: false },
//!     start: true,
//! }))?;
//! for () in bell {
//!     let drained = engine.drain();
//!     for reply in drained.replies {
//!         if let ReplyBody::Added { torrent, .. } = reply.result? {
//!             let peers = vec!["192.0.2.7:6881".parse()?];
//!             engine.command(Command::AddPeers(torrent, peers, PeerSource::Manual))?;
//!         }
//!     }
//!     for state in drained.torrents {
//!         println!("{} of {} pieces", state.have, state.pieces);
//!         if state.complete {
//!             return Ok(()); // every byte is verified, on disk and durable
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! There is no tracker client and no DHT here: they are written in TypeScript, in the npm package of the same name. An
//! application finds peers as it likes and names them with [`api::Command::AddPeers`]; magnet links may name them, too.
//!
//! The parts stand alone as well and open nothing: [`metainfo`] reads and writes .torrent files and magnet links,
//! [`wire`] every packet between peers, [`mse`] the handshake that hides them, [`utp`] the packets of µTP, [`bencode`] and
//! [`hash`] what they are made of; [`conn`], [`swarm`],
//! [`storage`], [`session`] and [`node`] are state machines that are told the time and give intents.

pub use bitlode_base as base;
pub use bitlode_bencode as bencode;
pub use bitlode_conn as conn;
pub use bitlode_hash as hash;
pub use bitlode_metainfo as metainfo;
pub use bitlode_mse as mse;
pub use bitlode_node as node;
pub use bitlode_session as session;
pub use bitlode_storage as storage;
pub use bitlode_swarm as swarm;
pub use bitlode_utp as utp;
pub use bitlode_wire as wire;

pub use bitlode_base::{Bitfield, BlockRef, Code, Coded, FileIndex, PieceIndex};
pub use bitlode_engine::{Bell, Engine, api};
pub use bitlode_session::{Settings, TorrentId};
pub use bitlode_storage::sys::SysMode;
