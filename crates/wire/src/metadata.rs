//! Messages of `ut_metadata` (BEP 9), the payload behind the extension's number.

/// Bytes of a metadata piece; only the last may be shorter (BEP 9).
pub const METADATA_PIECE_LEN: u32 = 16 * 1024;

/// A message of BEP 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataMessage<'a> {
    /// Send me this piece.
    Request {
        /// The piece, of 16 KiB.
        piece: u32,
    },
    /// A piece of the info dictionary.
    Data {
        /// The piece.
        piece: u32,
        /// Bytes of the whole info dictionary.
        total_size: u32,
        /// The bytes; only the last piece may be shorter than 16 KiB. Not checked here.
        data: &'a [u8],
    },
    /// I do not have, or will not send, this piece.
    Reject {
        /// The piece.
        piece: u32,
    },
    /// A kind that we do not know; BEP 9: to be ignored.
    Unknown,
}
