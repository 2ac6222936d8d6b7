//! Arguments as JavaScript gives them, and what they mean.

use std::net::SocketAddr;
use std::path::PathBuf;

use bitlode::api::{CreateTorrent, Failure, Family, Mode, Options, PeerSource, Purpose};
use bitlode::base::Code;
use bitlode::session::Settings;
use bitlode::storage::SysMode;
use napi_derive::napi;

use crate::error::{failed, failure};
use crate::number::whole;

/// How an engine is opened.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct EngineOptions {
    /// Names of the settings that differ from their defaults.
    pub setting_names: Vec<String>,
    /// Their values, in the same order; a switch is 0 or 1.
    pub setting_values: Vec<f64>,
    /// Threads that own sockets and torrents; null is one per core, at most four.
    pub shards: Option<u16>,
    /// Without network no socket is opened.
    pub network: bool,
    /// The name that peers see.
    pub client: String,
    /// Use only what every system offers.
    pub portable: bool,
}

/// A torrent to add.
#[napi(object, object_to_js = false)]
pub struct AddOptions {
    /// The folder that holds the content.
    pub folder: String,
    /// `download`, `seed` or `verify`.
    pub mode: String,
    /// Write into files that are not marked as this torrent's.
    pub overwrite: bool,
    /// Whether to start at once.
    pub start: bool,
}

/// How a torrent is made.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct CreateOptions {
    /// A file or a folder.
    pub path: String,
    /// Bytes of a piece; null chooses by size.
    pub piece_length: Option<u32>,
    /// Tracker tiers.
    pub trackers: Vec<Vec<String>>,
    /// Only the trackers may be asked for peers.
    pub private: bool,
    /// Free text.
    pub comment: Option<String>,
    /// What made it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<f64>,
}

type Parsed<T> = Result<T, Failure>;

pub(crate) fn engine(options: EngineOptions) -> Parsed<Options> {
    let settings = settings(&options.setting_names, &options.setting_values)?;
    let sys = if options.portable { SysMode::Portable } else { SysMode::Native };
    Ok(Options { settings, shards: options.shards, network: options.network, client: options.client, sys })
}

pub(crate) fn settings(names: &[String], values: &[f64]) -> Parsed<Settings> {
    let mut settings = Settings::default();
    for (name, value) in names.iter().zip(values) {
        settings.set(name, *value).map_err(failed)?;
    }
    Ok(settings)
}

pub(crate) fn mode(options: &AddOptions) -> Parsed<Mode> {
    match options.mode.as_str() {
        "download" => Ok(Mode::Download { overwrite: options.overwrite }),
        "seed" => Ok(Mode::Seed),
        "verify" => Ok(Mode::Verify),
        other => Err(expected("`mode` to be download, seed or verify", other)),
    }
}

pub(crate) fn create(options: CreateOptions) -> Parsed<CreateTorrent> {
    let creation_date = match options.creation_date {
        Some(date) => Some(i64::try_from(whole(date)?).unwrap_or(i64::MAX)),
        None => None,
    };
    Ok(CreateTorrent {
        path: PathBuf::from(options.path),
        piece_length: options.piece_length,
        trackers: options.trackers,
        private: options.private,
        comment: options.comment,
        created_by: options.created_by,
        creation_date,
    })
}

pub(crate) fn addresses(texts: &[String]) -> Parsed<Vec<SocketAddr>> {
    texts.iter().map(|text| text.parse().map_err(|_| expected("an address `ip:port`", text))).collect()
}

pub(crate) fn peer_source(text: &str) -> Parsed<PeerSource> {
    match text {
        "manual" => Ok(PeerSource::Manual),
        "tracker" => Ok(PeerSource::Tracker),
        other => Err(expected("`source` to be manual or tracker", other)),
    }
}

pub(crate) fn purpose(text: &str) -> Parsed<Purpose> {
    match text {
        "user" => Ok(Purpose::User),
        "tracker" => Ok(Purpose::Tracker { announce_path: false }),
        "announce" => Ok(Purpose::Tracker { announce_path: true }),
        other => Err(expected("`purpose` to be user, tracker or announce", other)),
    }
}

pub(crate) fn family(number: u32) -> Parsed<Option<Family>> {
    match number {
        0 => Ok(None),
        4 => Ok(Some(Family::V4)),
        6 => Ok(Some(Family::V6)),
        other => Err(expected("`family` to be 4, 6 or 0", &other.to_string())),
    }
}

fn expected(what: &str, got: &str) -> Failure {
    failure(Code::InvalidOption, format!("Expected {what}, got `{got}`"))
}
