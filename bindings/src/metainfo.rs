//! What .torrent files and magnet links say, without an engine.

use bitlode::api::Failure;
use bitlode::base::Code;
use bitlode::hash::InfoHashes;
use bitlode::metainfo::{Edit, Info, Magnet, Metainfo, Signature};
use bitlode::node::limits;
use napi_derive::napi;

use crate::bytes::{ByteCopy, Bytes};
use crate::error::{Result, failed, failure, guard};
use crate::number::whole;
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
    /// What some trackers add to make an info-hash their own.
    pub source: Option<String>,
    /// Where a newer version may be.
    pub update_url: Option<String>,
    /// The certificate that signs those of all peers, PEM.
    pub ssl_cert: Option<String>,
    /// The files.
    pub files: PackedFiles,
}

/// What a program that has many torrents needs of each .torrent file.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct MetainfoSummary {
    /// The name on disk.
    pub name: String,
    /// The name as the torrent spells it; null when that is the same.
    pub original_name: Option<String>,
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
    /// Tracker tiers; null when there are none.
    pub trackers: Option<Vec<Vec<String>>>,
}

/// What a .torrent file says.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct MetainfoFacts {
    /// The info dictionary.
    pub info: TorrentInfo,
    /// Offset of the info dictionary in the file.
    pub info_offset: u32,
    /// Bytes of the info dictionary.
    pub info_bytes: u32,
    /// Tracker tiers.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds.
    pub web_seeds: Vec<String>,
    /// Seeds of BEP 17.
    pub http_seeds: Vec<String>,
    /// DHT nodes, each `host:port`.
    pub nodes: Vec<String>,
    /// v1 info-hashes of torrents that may share files, hexadecimal.
    pub similar: Vec<String>,
    /// What the torrent belongs to.
    pub collections: Vec<String>,
    /// Who vouches for it; nothing is checked.
    pub signatures: Vec<SignatureFacts>,
    /// The character set of names that are not UTF-8.
    pub encoding: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// What made it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<f64>,
    /// What is odd about it and was accepted.
    pub warnings: Vec<String>,
}

/// A signature over the info dictionary (BEP 35).
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct SignatureFacts {
    /// Who signed.
    pub signer: String,
    /// X.509 in DER.
    #[napi(ts_type = "Uint8Array")]
    pub certificate: Option<ByteCopy>,
    /// More that was signed, as bencoding.
    #[napi(ts_type = "Uint8Array")]
    pub info: Option<ByteCopy>,
    /// The signature.
    #[napi(ts_type = "Uint8Array")]
    pub signature: ByteCopy,
}

/// What becomes of a .torrent file; null stays.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct EditOptions {
    /// Tracker tiers.
    pub trackers: Option<Vec<Vec<String>>>,
    /// Web seeds.
    pub web_seeds: Option<Vec<String>>,
    /// DHT nodes, each `host:port`.
    pub nodes: Option<Vec<String>>,
    /// One text, or none to remove it.
    pub comment: Option<Vec<String>>,
    /// One text, or none to remove it.
    pub created_by: Option<Vec<String>>,
    /// Seconds since 1970, or none to remove it.
    pub creation_date: Option<Vec<f64>>,
}

/// A parameter of a magnet link.
#[napi(object, use_nullable = true)]
pub struct MagnetParameter {
    /// Its name.
    pub key: String,
    /// Its value, decoded.
    pub value: String,
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
    /// Peers, each `host:port`.
    pub peers: Vec<String>,
    /// DHT nodes, each `host:port`.
    pub nodes: Vec<String>,
    /// Where the .torrent file is.
    pub sources: Vec<String>,
    /// Where it or its content may be had otherwise.
    pub acceptable: Vec<String>,
    /// Bytes of the content, as the link says.
    pub length: Option<f64>,
    /// Words to search for.
    pub keywords: Vec<String>,
    /// Files to fetch by index: first and last of each run; none for all.
    pub select: Vec<u32>,
    /// What means nothing to us or is not usable.
    pub other: Vec<MagnetParameter>,
}

/// Parses a .torrent file and says the least of it: lists are not made. `setting_names` and `setting_values` are those of
/// `EngineOptions`.
#[napi(catch_unwind)]
pub fn summarize_metainfo(
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes<64>,
    setting_names: Vec<String>,
    setting_values: Vec<f64>,
) -> Result<MetainfoSummary> {
    guard("summarizeMetainfo", || {
        let settings = options::settings(&setting_names, &setting_values)?;
        let Metainfo { info, trackers, .. } =
            Metainfo::parse(&bytes.0, &limits::metainfo(&settings)).map_err(failed)?;
        Ok(MetainfoSummary {
            name: info.name.safe.clone(),
            original_name: (info.name.original != info.name.safe).then(|| info.name.original.clone()),
            v1: info.hashes.v1.map(|hash| hex(&hash)),
            v2: info.hashes.v2.map(|hash| hex(&hash)),
            private: info.private,
            piece_length: info.layout.nominal_piece_len(),
            pieces: info.layout.piece_count(),
            length: content(&info) as f64,
            trackers: (!trackers.is_empty()).then_some(trackers),
        })
    })
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
            info_offset: u32::try_from(metainfo.info_offset).unwrap_or(u32::MAX),
            info_bytes: u32::try_from(metainfo.info.raw.len()).unwrap_or(u32::MAX),
            trackers: metainfo.trackers,
            web_seeds: metainfo.web_seeds,
            http_seeds: metainfo.http_seeds,
            nodes: metainfo.nodes.iter().map(options::host_port).collect(),
            similar: metainfo.similar.iter().map(|hash| hex(hash)).collect(),
            collections: metainfo.collections,
            signatures: metainfo.signatures.into_iter().map(SignatureFacts::from).collect(),
            encoding: metainfo.encoding,
            comment: metainfo.comment,
            created_by: metainfo.created_by,
            creation_date: metainfo.creation_date.map(|date| date as f64),
            warnings: metainfo.warnings.iter().map(ToString::to_string).collect(),
        })
    })
}

/// Changes what stands around the info dictionary of a .torrent file; everything else stays byte for byte.
#[napi(catch_unwind, ts_return_type = "Uint8Array")]
pub fn edit_metainfo(
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes<64>,
    edit: EditOptions,
    setting_names: Vec<String>,
    setting_values: Vec<f64>,
) -> Result<ByteCopy> {
    guard("editMetainfo", || {
        let settings = options::settings(&setting_names, &setting_values)?;
        let date = |date: f64| Ok::<_, Failure>(i64::try_from(whole(date)?).unwrap_or(i64::MAX));
        let creation_date = edit.creation_date.map(|dates| dates.first().copied().map(date).transpose());
        let edit = Edit {
            trackers: edit.trackers,
            web_seeds: edit.web_seeds,
            nodes: edit.nodes.map(|nodes| options::nodes(&nodes)).transpose()?,
            comment: edit.comment.map(|texts| texts.into_iter().next()),
            created_by: edit.created_by.map(|texts| texts.into_iter().next()),
            creation_date: creation_date.transpose()?,
        };
        Ok(ByteCopy(edit.apply(&bytes.0, &limits::metainfo(&settings)).map_err(failed)?))
    })
}

/// Parses a magnet link or a bare info-hash.
#[napi(catch_unwind)]
pub fn parse_magnet(link: String, setting_names: Vec<String>, setting_values: Vec<f64>) -> Result<MagnetFacts> {
    guard("parseMagnet", || {
        let settings = options::settings(&setting_names, &setting_values)?;
        let magnet = Magnet::parse(&link, &limits::metainfo(&settings)).map_err(failed)?;
        Ok(MagnetFacts {
            v1: magnet.hashes.and_then(|hashes| hashes.v1).map(|hash| hex(&hash)),
            v2: magnet.hashes.and_then(|hashes| hashes.v2).map(|hash| hex(&hash)),
            name: magnet.name,
            trackers: magnet.trackers,
            web_seeds: magnet.web_seeds,
            peers: magnet.peers.iter().map(options::host_port).collect(),
            nodes: magnet.nodes.iter().map(options::host_port).collect(),
            sources: magnet.sources,
            acceptable: magnet.acceptable,
            length: magnet.length.map(|length| length as f64),
            keywords: magnet.keywords,
            select: magnet.select.iter().flat_map(|range| [*range.start(), *range.end()]).collect(),
            other: magnet.other.into_iter().map(|(key, value)| MagnetParameter { key, value }).collect(),
        })
    })
}

/// Writes a magnet link.
#[napi(catch_unwind)]
pub fn build_magnet(magnet: MagnetFacts) -> Result<String> {
    guard("buildMagnet", || {
        let hashes = InfoHashes { v1: unhex(magnet.v1.as_deref())?, v2: unhex(magnet.v2.as_deref())? };
        let hashes = (hashes.v1.is_some() || hashes.v2.is_some()).then_some(hashes);
        if hashes.is_none() && magnet.sources.is_empty() {
            return Err(failure(Code::MagnetInvalid, "A magnet link needs an info-hash or a source"));
        }
        let length = magnet.length.map(whole).transpose()?;
        let select = magnet.select.as_chunks::<2>().0.iter().map(|[first, last]| *first..=*last);
        let link = Magnet {
            hashes,
            name: magnet.name,
            trackers: magnet.trackers,
            web_seeds: magnet.web_seeds,
            peers: options::nodes(&magnet.peers)?,
            nodes: options::nodes(&magnet.nodes)?,
            sources: magnet.sources,
            acceptable: magnet.acceptable,
            length,
            keywords: magnet.keywords,
            select: select.collect(),
            other: magnet.other.into_iter().map(|MagnetParameter { key, value }| (key, value)).collect(),
            dropped: 0,
        };
        Ok(link.to_string())
    })
}

impl From<&Info> for TorrentInfo {
    fn from(info: &Info) -> TorrentInfo {
        let layout = &info.layout;
        TorrentInfo {
            name: info.name.safe.clone(),
            original_name: info.name.original.clone(),
            v1: info.hashes.v1.map(|hash| hex(&hash)),
            v2: info.hashes.v2.map(|hash| hex(&hash)),
            private: info.private,
            piece_length: layout.nominal_piece_len(),
            pieces: layout.piece_count(),
            length: content(info) as f64,
            source: info.source.clone(),
            update_url: info.update_url.clone(),
            ssl_cert: info.ssl_cert.clone(),
            files: packed::files(info),
        }
    }
}

impl From<Signature> for SignatureFacts {
    fn from(from: Signature) -> SignatureFacts {
        let Signature { signer, certificate, info, signature } = from;
        let (certificate, info) = (certificate.map(ByteCopy), info.map(ByteCopy));
        SignatureFacts { signer, certificate, info, signature: ByteCopy(signature) }
    }
}

/// Bytes of all files but pads.
fn content(info: &Info) -> u64 {
    info.layout.files().iter().filter(|file| !file.attr.pad).map(|file| file.len).sum()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
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
