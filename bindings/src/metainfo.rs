//! What .torrent files and magnet links say, without an engine.

use bitlode::api::Failure;
use bitlode::base::Code;
use bitlode::hash::InfoHashes;
use bitlode::metainfo::{Info, Magnet, Metainfo};
use bitlode::node::limits;
use napi_derive::napi;

use crate::bytes::Bytes;
use crate::error::{Result, failed, failure, guard};
use crate::options;
use crate::packed::{self, PackedFiles};

/// What an info dictionary says.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct TorrentInfo {
    /// The name on disk.
    pub name: String,
    /// The name as the torrent spells it.
    pub original_name: String,
    /// The v1 info-hash, hexadecimal.
    pub v1: Option<String>,
    /// The v2 info-hash, hexadecimal.
    pub v2: Option<String>,
    /// Only the trackers may be asked for peers.
    pub private: bool,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// Pieces.
    pub pieces: u32,
    /// Bytes of content, pads not counted.
    pub length: f64,
    /// The files.
    pub files: PackedFiles,
}

/// What a .torrent file says.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct MetainfoFacts {
    /// The info dictionary.
    pub info: TorrentInfo,
    /// Tracker tiers.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds.
    pub web_seeds: Vec<String>,
    /// Free text.
    pub comment: Option<String>,
    /// What made it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<f64>,
    /// What is odd about it and was accepted.
    pub warnings: Vec<String>,
}

/// What a magnet link says.
#[napi(object, use_nullable = true)]
pub struct MagnetFacts {
    /// The v1 info-hash, hexadecimal.
    pub v1: Option<String>,
    /// The v2 info-hash, hexadecimal.
    pub v2: Option<String>,
    /// The name to show until the metadata is known.
    pub name: Option<String>,
    /// Trackers, each its own tier.
    pub trackers: Vec<String>,
    /// Web seeds.
    pub web_seeds: Vec<String>,
    /// Peers, each `ip:port`.
    pub peers: Vec<String>,
}

/// Parses a .torrent file. `setting_names` and `setting_values` are those of `EngineOptions`.
#[napi(catch_unwind)]
pub fn parse_metainfo(
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes<64>,
    setting_names: Vec<String>,
    setting_values: Vec<f64>,
) -> Result<MetainfoFacts> {
    guard("parseMetainfo", || {
        let settings = options::settings(&setting_names, &setting_values)?;
        let metainfo = Metainfo::parse(&bytes.0, &limits::metainfo(&settings)).map_err(failed)?;
        Ok(MetainfoFacts {
            info: TorrentInfo::from(&*metainfo.info),
            trackers: metainfo.trackers,
            web_seeds: metainfo.web_seeds,
            comment: metainfo.comment,
            created_by: metainfo.created_by,
            creation_date: metainfo.creation_date.map(|date| date as f64),
            warnings: metainfo.warnings.iter().map(ToString::to_string).collect(),
        })
    })
}

/// Parses a magnet link or a bare info-hash.
#[napi(catch_unwind)]
pub fn parse_magnet(link: String, setting_names: Vec<String>, setting_values: Vec<f64>) -> Result<MagnetFacts> {
    guard("parseMagnet", || {
        let settings = options::settings(&setting_names, &setting_values)?;
        let magnet = Magnet::parse(&link, &limits::metainfo(&settings)).map_err(failed)?;
        let host_port = |(host, port): &(String, u16)| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        Ok(MagnetFacts {
            v1: magnet.hashes.and_then(|hashes| hashes.v1).map(|hash| hex(&hash)),
            v2: magnet.hashes.and_then(|hashes| hashes.v2).map(|hash| hex(&hash)),
            name: magnet.name,
            trackers: magnet.trackers,
            web_seeds: magnet.web_seeds,
            peers: magnet.peers.iter().map(host_port).collect(),
        })
    })
}

/// Writes a magnet link.
#[napi(catch_unwind)]
pub fn build_magnet(magnet: MagnetFacts) -> Result<String> {
    guard("buildMagnet", || {
        let hashes = InfoHashes { v1: unhex(magnet.v1.as_deref())?, v2: unhex(magnet.v2.as_deref())? };
        if hashes.v1.is_none() && hashes.v2.is_none() {
            return Err(failure(Code::MagnetInvalid, "A magnet link needs an info-hash"));
        }
        let peers = magnet.peers.iter().filter_map(|peer| peer.rsplit_once(':'));
        let peers = peers.filter_map(|(host, port)| {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            Some((host.to_owned(), port.parse().ok()?))
        });
        let link = Magnet {
            hashes: Some(hashes),
            name: magnet.name,
            trackers: magnet.trackers,
            web_seeds: magnet.web_seeds,
            peers: peers.collect(),
            ..Magnet::default()
        };
        Ok(link.to_string())
    })
}

impl From<&Info> for TorrentInfo {
    fn from(info: &Info) -> TorrentInfo {
        let layout = &info.layout;
        let content = layout.files().iter().filter(|file| !file.attr.pad).map(|file| file.len);
        TorrentInfo {
            name: info.name.safe.clone(),
            original_name: info.name.original.clone(),
            v1: info.hashes.v1.map(|hash| hex(&hash)),
            v2: info.hashes.v2.map(|hash| hex(&hash)),
            private: info.private,
            piece_length: layout.nominal_piece_len(),
            pieces: layout.piece_count(),
            length: content.sum::<u64>() as f64,
            files: packed::files(info),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: Option<&str>) -> std::result::Result<Option<[u8; N]>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || failure(Code::MagnetInvalid, format!("Expected {} hexadecimal digits, got `{text}`", 2 * N));
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(Some(bytes))
}
