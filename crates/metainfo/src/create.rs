//! Making .torrent files (BEP 3, v1).

use bitlode_base::{BLOCK_LEN, Code, Coded};
use bitlode_bencode::Encoder;

/// A torrent to write. Paths and lengths come from the files, `pieces` from hashing them in this order.
#[derive(Debug, Clone, Default)]
pub struct Create {
    /// Name of the file, or of the directory above the files.
    pub name: String,
    /// Path components below the directory and bytes of each file, in order; one file with an empty path is a
    /// single-file torrent.
    pub files: Vec<(Vec<String>, u64)>,
    /// Bytes of a piece: a power of two of at least 16 KiB.
    pub piece_length: u32,
    /// SHA-1 of each piece, 20 bytes a piece.
    pub pieces: Vec<u8>,
    /// Whether peers may come from the trackers only (BEP 27).
    pub private: Privacy,
    /// `source`, which changes the info-hash.
    pub source: Option<String>,
    /// Tiers of tracker URLs (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// A remark.
    pub comment: Option<String>,
    /// The program that makes it.
    pub created_by: Option<String>,
    /// Seconds since 1970.
    pub creation_date: Option<i64>,
}

/// Where peers may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Privacy {
    /// From everywhere.
    #[default]
    Public,
    /// From the torrent's trackers only (BEP 27).
    Private,
}

/// Why a torrent cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The piece length is not a power of two of at least 16 KiB.
    #[error("piece length {got} is not a power of two of at least 16 KiB")]
    PieceLength {
        /// What was given.
        got: u32,
    },
    /// A name is empty, `.` or `..`, or has a separator or NUL in it.
    #[error("`{name}` cannot be the name of a file in a torrent")]
    Name {
        /// The name.
        name: String,
    },
    /// There are no bytes, or more than 2^63 − 1.
    #[error("the files have no bytes, or too many")]
    Size,
    /// A path is empty although there are more files.
    #[error("only a single file may stand without a path")]
    Path,
    /// The hashes are not 20 bytes for each piece.
    #[error("{want} bytes of piece hashes are right, got {got}")]
    Pieces {
        /// 20 bytes a piece.
        want: u64,
        /// What was given.
        got: u64,
    },
}

impl Coded for CreateError {
    fn code(&self) -> Code {
        match self {
            CreateError::PieceLength { .. } => Code::MetainfoPieceLength,
            CreateError::Name { .. } | CreateError::Path => Code::MetainfoInvalid,
            CreateError::Size => Code::MetainfoSize,
            CreateError::Pieces { .. } => Code::MetainfoPieces,
        }
    }
}

/// A piece length for `total` bytes: the smallest power of two that makes at most 1,500 pieces, from 16 KiB to 16 MiB.
pub fn piece_length_for(total: u64) -> u32 {
    let most = 16 * 1024 * 1024;
    let mut length = BLOCK_LEN;
    while length < most && total.div_ceil(u64::from(length.max(1))) > 1_500 {
        length = length.saturating_mul(2);
    }
    length
}

impl Create {
    /// The info dictionary, canonical.
    pub fn info(&self) -> Result<Vec<u8>, CreateError> {
        if !self.piece_length.is_power_of_two() || self.piece_length < BLOCK_LEN {
            return Err(CreateError::PieceLength { got: self.piece_length });
        }
        let total = self.files.iter().try_fold(0u64, |sum, (_, len)| sum.checked_add(*len));
        let total = total.filter(|total| *total > 0 && i64::try_from(*total).is_ok()).ok_or(CreateError::Size)?;
        let want = total.div_ceil(u64::from(self.piece_length.max(1))).checked_mul(20).ok_or(CreateError::Size)?;
        if self.pieces.len() as u64 != want {
            return Err(CreateError::Pieces { want, got: self.pieces.len() as u64 });
        }
        check_name(&self.name)?;
        let mut out = Encoder::new();
        out.begin_dict();
        match self.files.as_slice() {
            [(path, len)] if path.is_empty() => {
                out.key(b"length").int(i64::try_from(*len).map_err(|_| CreateError::Size)?);
            }
            files => {
                out.key(b"files").begin_list();
                for (path, len) in files {
                    if path.is_empty() {
                        return Err(CreateError::Path);
                    }
                    out.begin_dict().key(b"length").int(i64::try_from(*len).map_err(|_| CreateError::Size)?);
                    out.key(b"path").begin_list();
                    for component in path {
                        check_name(component)?;
                        out.bytes(component.as_bytes());
                    }
                    out.end().end();
                }
                out.end();
            }
        }
        out.key(b"name").bytes(self.name.as_bytes());
        out.key(b"piece length").int(i64::from(self.piece_length));
        out.key(b"pieces").bytes(&self.pieces);
        if self.private == Privacy::Private {
            out.key(b"private").int(1);
        }
        if let Some(source) = &self.source {
            out.key(b"source").bytes(source.as_bytes());
        }
        out.end();
        Ok(out.finish())
    }

    /// The whole .torrent file, canonical.
    pub fn torrent(&self) -> Result<Vec<u8>, CreateError> {
        let info = self.info()?;
        let tiers = || self.trackers.iter().filter(|tier| !tier.is_empty());
        let mut out = Encoder::new();
        out.begin_dict();
        if let Some(first) = tiers().next().and_then(|tier| tier.first()) {
            out.key(b"announce").bytes(first.as_bytes());
        }
        if tiers().flatten().count() > 1 {
            out.key(b"announce-list").begin_list();
            for tier in tiers() {
                out.begin_list();
                tier.iter().for_each(|url| {
                    out.bytes(url.as_bytes());
                });
                out.end();
            }
            out.end();
        }
        if let Some(comment) = &self.comment {
            out.key(b"comment").bytes(comment.as_bytes());
        }
        if let Some(program) = &self.created_by {
            out.key(b"created by").bytes(program.as_bytes());
        }
        if let Some(date) = self.creation_date {
            out.key(b"creation date").int(date);
        }
        out.key(b"info").raw(&info);
        match self.web_seeds.as_slice() {
            [] => {}
            [only] => {
                out.key(b"url-list").bytes(only.as_bytes());
            }
            many => {
                out.key(b"url-list").begin_list();
                many.iter().for_each(|url| {
                    out.bytes(url.as_bytes());
                });
                out.end();
            }
        }
        out.end();
        Ok(out.finish())
    }
}

fn check_name(name: &str) -> Result<(), CreateError> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\\', '\0']) {
        return Err(CreateError::Name { name: name.to_owned() });
    }
    Ok(())
}
