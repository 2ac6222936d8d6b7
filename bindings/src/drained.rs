//! What `drain` gives, as transfer objects: the fields of `engine::api`, in the same order, `null` for what is absent.

use bitlode::api::{self, HaveChange, Phase, ReplyBody};
use napi_derive::napi;

use crate::bytes::{ByteCopy, IntCopy};
use crate::error::Fault;
use crate::metainfo::TorrentInfo;
use crate::packed::{self, PackedPeers};

/// What happened since the last drain.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Drained {
    /// Replies, in order.
    pub replies: Vec<Reply>,
    /// Torrents that changed.
    pub torrents: Vec<TorrentState>,
    /// Streams that changed.
    pub streams: Vec<StreamState>,
    /// Readers that changed.
    pub readers: Vec<ReaderState>,
    /// Running creations and checks of content.
    pub progress: Vec<CreateProgress>,
    /// Facts for the log.
    pub facts: Vec<LogFact>,
    /// Facts that were overwritten before anyone read them.
    pub lost: f64,
    /// The engine itself failed and accepts nothing more.
    pub failed: Option<Fault>,
    /// The bell rings again at once.
    pub more: bool,
}

/// The answer to one command: either `error`, or what the command answers; all else is null.
#[derive(Default)]
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Reply {
    /// Which command.
    pub request: f64,
    /// Why it failed.
    pub error: Option<Fault>,
    /// `listen`: where we listen.
    pub listening: Option<Vec<String>>,
    /// `add`: the torrent's number.
    pub torrent: Option<f64>,
    /// `check`, `checkContent`: pieces whose hash is right.
    pub have: Option<u32>,
    /// `check`: pieces of the torrent; `checkContent`: pieces that were to be checked.
    pub pieces: Option<u32>,
    /// `checkContent`: the right pieces, in wire order.
    #[napi(ts_type = "Uint8Array")]
    pub right: Option<ByteCopy>,
    /// `peers`: who is connected.
    pub peers: Option<PackedPeers>,
    /// `create`: the .torrent file.
    #[napi(ts_type = "Uint8Array")]
    pub metainfo: Option<ByteCopy>,
    /// `dial`: the stream's number.
    pub stream: Option<f64>,
    /// `dial`: the address that was chosen and checked.
    pub address: Option<String>,
    /// `openReader`: the reader's number.
    pub reader: Option<f64>,
}

/// The newest state of a torrent.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct TorrentState {
    /// Which.
    pub torrent: f64,
    /// Grows with every change.
    pub revision: f64,
    /// What it is doing.
    #[napi(ts_type = "'metadata' | 'checking' | 'paused' | 'downloading' | 'seeding' | 'failed'")]
    pub phase: String,
    /// Why it stopped.
    pub error: Option<Fault>,
    /// The metadata, once.
    pub info: Option<TorrentInfo>,
    /// Pieces of the torrent.
    pub pieces: u32,
    /// Pieces verified and written.
    pub have: u32,
    /// Bytes verified and written.
    pub verified_bytes: f64,
    /// Pieces that are durable.
    pub durable: u32,
    /// Every wanted piece is durable.
    pub complete: bool,
    /// A check in progress: pieces looked at.
    pub checked: Option<u32>,
    /// Whether the content has been checked.
    pub ready: bool,
    /// Connected peers.
    pub peers: u32,
    /// Peers with everything.
    pub seeds: u32,
    /// Peers we serve.
    pub unchoked: u32,
    /// Pieces that were verified since the last snapshot.
    #[napi(ts_type = "Uint32Array")]
    pub added: Option<IntCopy>,
    /// The whole bitfield, in wire order.
    #[napi(ts_type = "Uint8Array")]
    pub whole: Option<ByteCopy>,
}

/// The newest state of a stream.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct StreamState {
    /// Which.
    pub stream: f64,
    /// Bytes can be read now.
    pub readable: bool,
    /// Bytes can be written now.
    pub writable: bool,
    /// The other side has finished.
    pub ended: bool,
    /// The stream broke.
    pub error: Option<Fault>,
}

/// The newest state of a reader.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ReaderState {
    /// Which.
    pub reader: f64,
    /// Bytes that `take` would give now.
    pub ready: u32,
    /// All bytes were given.
    pub ended: bool,
    /// Why no more will come.
    pub error: Option<Fault>,
}

/// How far a running `create` or `checkContent` is.
#[napi(object, object_from_js = false)]
pub struct CreateProgress {
    /// Which command.
    pub request: f64,
    /// Pieces hashed.
    pub hashed: u32,
    /// Pieces in all.
    pub pieces: u32,
}

/// A fact for the log.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct LogFact {
    /// Microseconds since the engine started.
    pub time: f64,
    /// The torrent.
    pub torrent: Option<f64>,
    /// What happened.
    pub kind: String,
    /// The peer, `ip:port`.
    pub peer: Option<String>,
    /// The piece.
    pub piece: Option<u32>,
    /// Why.
    pub code: Option<String>,
    /// One line for a person; may be empty.
    pub message: String,
}

impl From<api::Drained> for Drained {
    fn from(drained: api::Drained) -> Drained {
        Drained {
            replies: convert(drained.replies),
            torrents: convert(drained.torrents),
            streams: convert(drained.streams),
            readers: convert(drained.readers),
            progress: convert(drained.progress),
            facts: convert(drained.facts),
            lost: drained.lost as f64,
            failed: drained.failed.map(Fault::from),
            more: drained.more,
        }
    }
}

fn convert<A, B: From<A>>(list: Vec<A>) -> Vec<B> {
    list.into_iter().map(B::from).collect()
}

impl From<api::Reply> for Reply {
    fn from(reply: api::Reply) -> Reply {
        let mut out = Reply { request: reply.request.0 as f64, ..Reply::default() };
        match reply.result {
            Err(failure) => out.error = Some(failure.into()),
            Ok(ReplyBody::Done) => {}
            Ok(ReplyBody::Listening(addrs)) => out.listening = Some(addrs.iter().map(ToString::to_string).collect()),
            // Whoever adds has the .torrent file, and with it the metadata.
            Ok(ReplyBody::Added { torrent, .. }) => out.torrent = Some(torrent.0 as f64),
            Ok(ReplyBody::Checked { have, pieces }) => (out.have, out.pieces) = (Some(have), Some(pieces)),
            Ok(ReplyBody::Peers(peers)) => out.peers = Some(packed::peers(&peers)),
            Ok(ReplyBody::ContentChecked { checked, right }) => {
                (out.have, out.pieces) = (Some(right.count()), Some(checked));
                out.right = Some(ByteCopy(right.as_bytes().to_vec()));
            }
            Ok(ReplyBody::Created(metainfo)) => out.metainfo = Some(ByteCopy(metainfo)),
            Ok(ReplyBody::Dialed { stream, addr }) => {
                (out.stream, out.address) = (Some(stream.0 as f64), Some(addr.to_string()));
            }
            Ok(ReplyBody::Reader(reader)) => out.reader = Some(reader.0 as f64),
        }
        out
    }
}

impl From<api::TorrentState> for TorrentState {
    fn from(state: api::TorrentState) -> TorrentState {
        let (added, whole) = match state.changes {
            HaveChange::None => (None, None),
            HaveChange::Added(pieces) => (Some(IntCopy(pieces)), None),
            HaveChange::Whole(bits) => (None, Some(ByteCopy(bits))),
        };
        let phase = match state.phase {
            Phase::Metadata => "metadata",
            Phase::Checking => "checking",
            Phase::Paused => "paused",
            Phase::Downloading => "downloading",
            Phase::Seeding => "seeding",
            Phase::Failed => "failed",
        };
        TorrentState {
            torrent: state.torrent.0 as f64,
            revision: state.revision as f64,
            phase: phase.to_owned(),
            error: state.error.map(Fault::from),
            info: state.info.as_deref().map(TorrentInfo::from),
            pieces: state.pieces,
            have: state.have,
            verified_bytes: state.verified_bytes as f64,
            durable: state.durable,
            complete: state.complete,
            checked: state.checked,
            ready: state.ready,
            peers: state.peers,
            seeds: state.seeds,
            unchoked: state.unchoked,
            added,
            whole,
        }
    }
}

impl From<api::StreamState> for StreamState {
    fn from(state: api::StreamState) -> StreamState {
        StreamState {
            stream: state.stream.0 as f64,
            readable: state.readable,
            writable: state.writable,
            ended: state.ended,
            error: state.error.map(Fault::from),
        }
    }
}

impl From<api::ReaderState> for ReaderState {
    fn from(state: api::ReaderState) -> ReaderState {
        ReaderState {
            reader: state.reader.0 as f64,
            ready: state.ready,
            ended: state.ended,
            error: state.error.map(Fault::from),
        }
    }
}

impl From<(api::RequestId, u32, u32)> for CreateProgress {
    fn from((request, hashed, pieces): (api::RequestId, u32, u32)) -> CreateProgress {
        CreateProgress { request: request.0 as f64, hashed, pieces }
    }
}

impl From<api::LogFact> for LogFact {
    fn from(fact: api::LogFact) -> LogFact {
        LogFact {
            time: fact.time as f64,
            torrent: fact.torrent.map(|torrent| torrent.0 as f64),
            kind: fact.kind.to_owned(),
            peer: fact.peer.map(|peer| peer.to_string()),
            piece: fact.piece,
            code: fact.code.map(|code| code.as_str().to_owned()),
            message: fact.message,
        }
    }
}
