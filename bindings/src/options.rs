//! Arguments as JavaScript gives them, and what they mean.

use std::net::SocketAddr;
use std::path::PathBuf;

use bitlode::api::{
    CheckContent, Content, CreateTorrent, Failure, Family, Format, Mode, Options, Padding, PeerSource, Purpose,
};
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

/// A file of a torrent that is made.
#[napi(object, object_to_js = false)]
pub struct CreateFile {
    /// The components of its path in the torrent; none for a torrent of a single file.
    pub path: Vec<String>,
    /// Where it lies.
    pub disk: String,
}

/// How a torrent is made.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct CreateOptions {
    /// A file or a folder; null when there are `files`.
    pub path: Option<String>,
    /// Files one by one.
    pub files: Vec<CreateFile>,
    /// Name of the torrent; null is that of the path.
    pub name: Option<String>,
    /// `v1`, `v2` or `hybrid`.
    pub format: String,
    /// Whether v1 files are padded to whole pieces.
    pub padding: bool,
    /// Bytes of a piece; null chooses by size.
    pub piece_length: Option<u32>,
    /// Tracker tiers.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds.
    pub web_seeds: Vec<String>,
    /// DHT nodes, each `host:port`.
    pub nodes: Vec<String>,
    /// Only the trackers may be asked for peers.
    pub private: bool,
    /// `source`.
    pub source: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// What made it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<f64>,
}

/// What is checked.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct CheckOptions {
    /// The folder that holds the content.
    pub folder: String,
    /// Pieces: first and last of each run; null unless asked for.
    pub pieces: Option<Vec<u32>>,
    /// Files by index; null unless asked for.
    pub files: Option<Vec<u32>>,
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
    let file = |file: CreateFile| (file.path, PathBuf::from(file.disk));
    let content = match options.path {
        Some(path) => Content::Path(PathBuf::from(path)),
        None => Content::Files(options.files.into_iter().map(file).collect()),
    };
    let format = match options.format.as_str() {
        "v1" => Format::V1,
        "v2" => Format::V2,
        "hybrid" => Format::Hybrid,
        other => return Err(expected("`format` to be v1, v2 or hybrid", other)),
    };
    Ok(CreateTorrent {
        content,
        name: options.name,
        format,
        padding: if options.padding { Padding::Aligned } else { Padding::Packed },
        piece_length: options.piece_length,
        trackers: options.trackers,
        web_seeds: options.web_seeds,
        nodes: nodes(&options.nodes)?,
        private: options.private,
        source: options.source,
        comment: options.comment,
        created_by: options.created_by,
        creation_date,
    })
}

pub(crate) fn check(metainfo: Vec<u8>, options: CheckOptions) -> Parsed<CheckContent> {
    let runs = |flat: Vec<u32>| flat.as_chunks::<2>().0.iter().map(|[first, last]| (*first, *last)).collect();
    let folder = PathBuf::from(options.folder);
    Ok(CheckContent { metainfo, folder, pieces: options.pieces.map(runs), files: options.files })
}

/// Hosts and ports, each `host:port` or `[v6]:port`.
pub(crate) fn nodes(texts: &[String]) -> Parsed<Vec<(String, u16)>> {
    let node = |text: &String| {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (!host.is_empty()).then(|| (host.to_owned(), port))
    };
    texts.iter().map(|text| node(text).ok_or_else(|| expected("`host:port`", text))).collect()
}

/// [`nodes`] the other way.
pub(crate) fn host_port((host, port): &(String, u16)) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
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
