//! What a torrent may ask of us.

use crate::error::MetainfoError;

/// Limits on .torrent files, info dictionaries and magnet links. The numbers come from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a .torrent file or info dictionary.
    pub file_bytes: usize,
    /// Levels of bencoded lists and dictionaries.
    pub depth: u32,
    /// Bencoded values.
    pub tokens: u32,
    /// Pieces.
    pub pieces: u32,
    /// Files, pad files included.
    pub files: u32,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// Bytes of all files together.
    pub total: u64,
    /// Components of a path.
    pub path_depth: u32,
    /// Bytes of one component on disk; longer ones are cut.
    pub name_bytes: usize,
    /// Bytes of a whole path on disk below the download folder.
    pub path_bytes: usize,
    /// Trackers kept.
    pub trackers: usize,
    /// Web seeds kept.
    pub web_seeds: usize,
    /// DHT nodes kept.
    pub nodes: usize,
    /// Bytes of a magnet link.
    pub magnet_bytes: usize,
    /// Peers kept from a magnet link.
    pub magnet_peers: usize,
    /// Files renamed because another one has the same name.
    pub renames: u32,
}

impl Limits {
    /// Whether a .torrent file of `bytes`, or one of which so many were read so far, is within the limit. Whoever reads
    /// from a stream asks with each part and stops at the first error.
    pub fn check_file(&self, bytes: usize) -> Result<(), MetainfoError> {
        if bytes > self.file_bytes {
            return Err(MetainfoError::TooLarge { limit: self.file_bytes });
        }
        Ok(())
    }

    pub(crate) fn bencode(&self) -> bitlode_bencode::Limits {
        bitlode_bencode::Limits { depth: self.depth, tokens: self.tokens }
    }
}
