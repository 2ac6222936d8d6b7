//! Lists as one blob of names and arrays of numbers: JavaScript makes objects of them when they are touched.

use bitlode::api::PeerState;
use bitlode::base::FileIndex;
use bitlode::metainfo::Info;
use napi_derive::napi;

use crate::bytes::{ByteCopy, FloatCopy, IntCopy};

/// Strings one after the other, and where each ends.
#[derive(Default)]
struct Blob {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Blob {
    fn push<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) {
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                self.bytes.push(b'/');
            }
            self.bytes.extend_from_slice(part.as_bytes());
        }
        // A .torrent is at most 64 MiB and a name on disk not longer than in there, so this fits by far.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }
}

/// The files of a torrent.
#[napi(object, object_from_js = false)]
pub struct PackedFiles {
    /// How many.
    pub count: u32,
    /// UTF-8: of each file the path on disk below the download folder, then the path as the torrent spells it.
    #[napi(ts_type = "Uint8Array")]
    pub names: ByteCopy,
    /// Where each name ends: two for each file.
    #[napi(ts_type = "Uint32Array")]
    pub ends: IntCopy,
    /// Two for each file: length, offset in the torrent; bytes.
    #[napi(ts_type = "Float64Array")]
    pub numbers: FloatCopy,
    /// Of each file: 1 pad, 2 executable, 4 hidden, 8 symbolic link.
    #[napi(ts_type = "Uint8Array")]
    pub flags: ByteCopy,
    /// 32 bytes for each file: the root of its hash tree, zeros where it has none; empty without a v2 half.
    #[napi(ts_type = "Uint8Array")]
    pub roots: ByteCopy,
    /// Files that are symbolic links, ascending.
    pub links: Vec<u32>,
    /// Where each of those points, below the torrent's folder, as the torrent spells it.
    pub targets: Vec<String>,
}

/// Connected peers.
#[napi(object, object_from_js = false)]
pub struct PackedPeers {
    /// How many.
    pub count: u32,
    /// UTF-8: of each peer the address `ip:port`, then the name of its client.
    #[napi(ts_type = "Uint8Array")]
    pub names: ByteCopy,
    /// Where each name ends: two for each peer.
    #[napi(ts_type = "Uint32Array")]
    pub ends: IntCopy,
    /// 20 bytes for each peer: its peer id.
    #[napi(ts_type = "Uint8Array")]
    pub ids: ByteCopy,
    /// Of each peer: 1 outgoing, 2 choking, 4 choked, 8 interested, 16 wanted, 32 snubbed.
    #[napi(ts_type = "Uint8Array")]
    pub flags: ByteCopy,
    /// Six for each peer: pieces, bytes downloaded, bytes uploaded, down rate, up rate, open requests.
    #[napi(ts_type = "Float64Array")]
    pub numbers: FloatCopy,
}

pub(crate) fn files(info: &Info) -> PackedFiles {
    let mut names = Blob::default();
    let (mut numbers, mut flags, mut roots) = (Vec::new(), Vec::new(), Vec::new());
    let (mut links, mut targets) = (Vec::new(), Vec::new());
    let files = info.layout.files();
    for (file, index) in files.iter().zip((0..).map(FileIndex)) {
        names.push(info.disk_path(index));
        let original = info.layout.path(index).map(|component| component.original);
        names.push(std::iter::once(info.name.original.as_str()).chain(original));
        numbers.extend([file.len as f64, file.offset as f64]);
        flags.push(bits([file.attr.pad, file.attr.executable, file.attr.hidden, file.attr.symlink]));
        if info.hashes.v2.is_some() {
            roots.extend_from_slice(&file.pieces_root.unwrap_or_default());
        }
        if let Some(target) = info.layout.symlink_target(index) {
            links.push(index.0);
            targets.push(target.map(|component| component.original).collect::<Vec<_>>().join("/"));
        }
    }
    PackedFiles {
        count: u32::try_from(files.len()).unwrap_or(u32::MAX),
        names: ByteCopy(names.bytes),
        ends: IntCopy(names.ends),
        numbers: FloatCopy(numbers),
        flags: ByteCopy(flags),
        roots: ByteCopy(roots),
        links,
        targets,
    }
}

pub(crate) fn peers(peers: &[PeerState]) -> PackedPeers {
    let mut names = Blob::default();
    let (mut ids, mut flags, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for peer in peers {
        names.push([peer.addr.to_string().as_str()]);
        names.push([peer.client.as_str()]);
        ids.extend_from_slice(&peer.peer_id);
        let set = [peer.outgoing, peer.choking, peer.choked, peer.interested, peer.wanted, peer.snubbed];
        flags.push(bits(set));
        numbers.extend([peer.pieces as f64, peer.downloaded as f64, peer.uploaded as f64]);
        numbers.extend([peer.down_rate, peer.up_rate, peer.requests as f64]);
    }
    PackedPeers {
        count: u32::try_from(peers.len()).unwrap_or(u32::MAX),
        names: ByteCopy(names.bytes),
        ends: IntCopy(names.ends),
        ids: ByteCopy(ids),
        flags: ByteCopy(flags),
        numbers: FloatCopy(numbers),
    }
}

/// The first flag is the lowest bit.
fn bits<const N: usize>(flags: [bool; N]) -> u8 {
    flags.iter().rev().fold(0, |bits, on| bits << 1 | u8::from(*on))
}
