//! BitTorrent metainfo: .torrent v1, v2 and hybrid, magnet links, piece and file geometry, safe names.
//!
//! * [`Metainfo`] is a .torrent file, [`Info`] its info dictionary, as a file or as peers sent it (BEP 3, 9, 52).
//! * [`Layout`] maps pieces to files and back, [`Verifier`] holds what pieces are checked against.
//! * [`Name`] and [`Info::disk_path`] are the only source of names on disk: decoded once, made safe for every system.
//! * [`Magnet`] reads and writes magnet links; [`create`] writes .torrent files, [`Edit`]
//!   changes what stands around their info dictionary.
//!
//! Everything is bounded by [`Limits`], which the caller gives.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod charset;
pub mod create;
mod edit;
mod error;
pub mod fuzz;
mod info;
mod layers;
mod layout;
mod limits;
mod magnet;
mod metainfo;
mod name;
mod path;
mod unique;
mod url;
mod v1;
mod v2;
mod verifier;
mod warning;

pub use edit::Edit;
pub use error::{MagnetError, MetainfoError};
pub use info::Info;
pub use layout::{Attr, File, Layout, Span};
pub use limits::Limits;
pub use magnet::Magnet;
pub use metainfo::{Metainfo, Signature};
pub use name::{Name, safe_name};
pub use path::Component;
pub use verifier::{FileHashes, PieceHashes, Verifier};
pub use warning::Warning;
