//! What was accepted although it is not right.

/// Something about a torrent that its maker should know and that does not stop us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Bytes behind the dictionary.
    #[error("{count} bytes behind the end of the torrent")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// Dictionary keys that are not in order; the info-hash is that of the bytes as they are.
    #[error("{count} dictionary keys are out of order, first at byte {at}")]
    UnsortedKeys {
        /// How many.
        count: u32,
        /// Offset of the first.
        at: u32,
    },
    /// Dictionary keys that are there twice; the first is used.
    #[error("{count} dictionary keys are there twice, first at byte {at}")]
    DuplicateKeys {
        /// How many.
        count: u32,
        /// Offset of the first.
        at: u32,
    },
    /// Trackers beyond the limit, or with a scheme that no tracker has.
    #[error("{count} trackers were dropped")]
    TrackersDropped {
        /// How many.
        count: usize,
    },
    /// Web seeds beyond the limit, or with a scheme that no web seed has.
    #[error("{count} web seeds were dropped")]
    WebSeedsDropped {
        /// How many.
        count: usize,
    },
    /// DHT nodes beyond the limit, or without a port.
    #[error("{count} DHT nodes were dropped")]
    NodesDropped {
        /// How many.
        count: usize,
    },
    /// Files whose name on disk had to differ from another file's.
    #[error("{count} files were renamed because others have the same name")]
    Renamed {
        /// How many.
        count: u32,
    },
    /// Piece layers that the .torrent file lacks (BEP 52).
    #[error("{count} piece layers are missing")]
    LayersMissing {
        /// How many.
        count: u32,
    },
}
