//! What torrents share, without IO: settings, identity, routing by info-hash, connection and half-open limits, bans, the
//! shard a torrent lives on, and the share of the block pool that it may use.
//!
//! [`Session`] stands behind one lock that all shards share. It is asked when a connection comes, joins or goes and every
//! 50 ms for memory, never for a message or a block.

mod bans;
mod dials;
mod gate;
mod grants;
mod identity;
mod ids;
mod links;
mod routes;
mod session;
mod setting;
mod settings;
mod typescript;

pub use dials::DialPermit;
pub use gate::Incoming;
pub use grants::{Grant, Need};
pub use ids::{CarrierId, ShardId, TorrentId};
pub use links::Refusal;
pub use routes::{Route, SessionError};
pub use session::Session;
pub use setting::{SettingDef, SettingError, Unit};
pub use settings::Settings;
pub use typescript::typescript;
