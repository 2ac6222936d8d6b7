//! The one table of settings and limits: the only place in Bitlode with their numbers. The crates below take theirs as
//! `Limits` structs; `ts/settings.ts` is generated from here.
//!
//! A row is: what it is; field and name; type = default, least..=greatest; unit; who sees it (`Public` rows are options of
//! the application, `Inner` ones can be set by name but are not advertised).

use core::time::Duration;

use crate::setting::{Number, SettingDef, SettingError, Unit};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident $name:literal: $type:ty = $default:expr, $min:expr => $max:expr; $unit:ident $audience:ident;)+) => {
        /// Every setting and limit, within the ranges of [`Settings::TABLE`] when made by [`Settings::set`].
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl Settings {
            /// Every row, in the order of the reference.
            pub const TABLE: &'static [SettingDef] = &[$(SettingDef {
                name: $name,
                field: stringify!($field),
                unit: Unit::$unit,
                default: $default,
                min: $min,
                max: $max,
                about: concat!($($doc),+).trim_ascii(),
                public: audience!($audience),
            },)+];

            /// The number of a setting: what was set, or the default. `None` when there is no such setting.
            pub fn number(&self, name: &str) -> Option<u64> {
                match name { $($name => Some(self.$field.to_number()),)+ _ => None }
            }

            fn assign(&mut self, name: &str, number: u64) {
                match name { $($name => self.$field = <$type>::from_number(number),)+ _ => {} }
            }
        }

        impl Default for Settings {
            fn default() -> Settings {
                Settings { $($field: <$type>::from_number($default),)+ }
            }
        }
    };
}

macro_rules! audience {
    (Public) => {
        true
    };
    (Inner) => {
        false
    };
}

impl Settings {
    /// The row of a name in camelCase.
    pub fn def(name: &str) -> Option<&'static SettingDef> {
        Self::TABLE.iter().find(|def| def.name == name)
    }

    /// Sets a setting by its name in camelCase; a switch takes 0 or 1. Nothing changes when it fails.
    ///
    /// Errors: `ERR_UNKNOWN_OPTION`, `ERR_INVALID_OPTION`.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), SettingError> {
        let def = Self::def(name).ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        self.assign(name, def.accept(value)?);
        Ok(())
    }

    /// Whether every field, also one that was assigned directly, lies in its range.
    ///
    /// Errors: `ERR_INVALID_OPTION` for the first that does not.
    pub fn validate(&self) -> Result<(), SettingError> {
        for def in Self::TABLE {
            if let Some(number) = self.number(def.name) {
                def.accept(number as f64)?;
            }
        }
        Ok(())
    }
}

settings! {
    // Metainfo and magnet links

    /// Bytes of a .torrent file.
    max_metainfo_bytes "maxMetainfoBytes": usize = 10 * MIB, KIB => 64 * MIB; Bytes Public;
    /// Nested lists and dictionaries of a .torrent file or info dictionary.
    max_metainfo_depth "maxMetainfoDepth": u32 = 100, 8 => 1_000; Count Inner;
    /// Values in a .torrent file or info dictionary.
    max_metainfo_tokens "maxMetainfoTokens": u32 = 3_000_000, 1_000 => 10_000_000; Count Inner;
    /// Nested lists and dictionaries of a message from the network.
    max_network_depth "maxNetworkDepth": u32 = 16, 4 => 100; Count Inner;
    /// Values in a bencoded message from the network.
    max_network_tokens "maxNetworkTokens": u32 = 20_000, 100 => 3_000_000; Count Inner;
    /// Pieces of a torrent.
    max_pieces "maxPieces": u32 = 2_097_152, 1 => 4_194_304; Count Public;
    /// Bytes of a piece.
    max_piece_length "maxPieceLength": u32 = 512 * MIB, 16 * KIB => 512 * MIB; Bytes Public;
    /// Bytes of all files of a torrent, and of one.
    max_total_bytes "maxTotalBytes": u64 = (1 << 48) - 1, 1 => (1 << 48) - 1; Bytes Public;
    /// Files of a torrent.
    max_files "maxFiles": u32 = 500_000, 1 => 1_000_000; Count Public;
    /// Directories inside each other.
    max_path_depth "maxPathDepth": u32 = 100, 1 => 1_000; Count Inner;
    /// Bytes of a file or directory name on disk; a longer one is cut, its extension kept.
    max_name_bytes "maxNameBytes": usize = 240, 16 => 250; Bytes Inner;
    /// Bytes of a path below the download folder.
    max_path_bytes "maxPathBytes": usize = 4_096, 256 => 65_536; Bytes Inner;
    /// Files renamed because another one has the same name on this file system.
    max_renames "maxRenames": u32 = 500, 0 => 100_000; Count Inner;
    /// Trackers kept of a torrent or magnet link; further ones are dropped with a warning.
    max_trackers "maxTrackers": usize = 512, 1 => 4_096; Count Inner;
    /// Web seeds kept of a torrent or magnet link.
    max_web_seeds "maxWebSeeds": usize = 256, 1 => 4_096; Count Inner;
    /// DHT nodes kept of a torrent.
    max_nodes "maxNodes": usize = 64, 1 => 1_024; Count Inner;
    /// Bytes of a magnet link.
    max_magnet_bytes "maxMagnetBytes": usize = 8 * KIB, 256 => MIB; Bytes Public;
    /// Peer addresses kept of a magnet link.
    max_magnet_peers "maxMagnetPeers": usize = 64, 1 => 1_024; Count Inner;

    // Connections

    /// Peers connected for all torrents together.
    max_connections "maxConnections": u32 = 200, 1 => 10_000; Count Public;
    /// Peers connected for one torrent.
    max_connections_per_torrent "maxConnectionsPerTorrent": u32 = 50, 1 => 10_000; Count Public;
    /// Whether a torrent may have more than one peer at the same IP address.
    allow_multiple_per_ip "allowMultiplePerIp": bool = 0, 0 => 1; Switch Public;
    /// Connections being made, for all torrents together.
    max_half_open "maxHalfOpen": u32 = 100, 1 => 1_000; Count Public;
    /// Connections being made for one torrent.
    max_half_open_per_torrent "maxHalfOpenPerTorrent": u32 = 25, 1 => 1_000; Count Inner;
    /// Connections begun per second.
    connect_rate "connectRate": u32 = 20, 1 => 1_000; PerSecond Public;
    /// Incoming connections whose handshake has not come yet; the oldest gives way.
    max_pending_handshakes "maxPendingHandshakes": u32 = 128, 1 => 4_096; Count Inner;
    /// The same from one IPv4 address or one IPv6 /64.
    max_pending_handshakes_per_ip "maxPendingHandshakesPerIp": u32 = 8, 1 => 4_096; Count Inner;
    /// Banned IP addresses remembered; the oldest gives way.
    max_bans "maxBans": u32 = 65_536, 1 => 1_000_000; Count Inner;
    /// Until a connection must stand.
    connect_timeout "connectTimeout": Duration = 10 * SECOND, SECOND => 2 * MINUTE; Milliseconds Public;
    /// Until the peer's handshake must be complete.
    handshake_timeout "handshakeTimeout": Duration = 10 * SECOND, SECOND => 2 * MINUTE; Milliseconds Public;
    /// Until a started message must be complete.
    message_timeout "messageTimeout": Duration = 60 * SECOND, 5 * SECOND => 10 * MINUTE; Milliseconds Inner;
    /// From when a started message must keep `messageRate`.
    message_grace "messageGrace": Duration = 15 * SECOND, SECOND => 10 * MINUTE; Milliseconds Inner;
    /// Bytes per second at which a started message must come after `messageGrace`.
    message_rate "messageRate": u32 = 256, 0 => MIB; BytesPerSecond Inner;
    /// Silence after which a peer is dropped. Others send a keep-alive after 100 to 120 seconds: one that was a little late
    /// on its way must not cost the connection.
    idle_timeout "idleTimeout": Duration = 150 * SECOND, 10 * SECOND => HOUR; Milliseconds Public;
    /// Silence of ours after which a keep-alive is sent.
    keep_alive "keepAlive": Duration = 100 * SECOND, 5 * SECOND => HOUR; Milliseconds Inner;

    // Messages

    /// Bytes of a message whose type has no tighter limit (a bitfield may be as long as the torrent asks for).
    max_message_bytes "maxMessageBytes": u32 = 128 * KIB + 13, 16 * KIB + 13 => MIB; Bytes Inner;
    /// Bytes of a bitfield before the number of pieces is known.
    max_bitfield_before_metadata "maxBitfieldBeforeMetadata": u32 = 262_145, 1 => 524_289; Bytes Inner;
    /// Bytes of an extension handshake (BEP 10).
    max_extended_handshake_bytes "maxExtendedHandshakeBytes": u32 = 64 * KIB, KIB => MIB; Bytes Inner;
    /// Names of extension messages kept of a peer.
    max_extension_names "maxExtensionNames": usize = 64, 4 => 255; Count Inner;
    /// Bytes of the name of an extension message.
    max_extension_name_bytes "maxExtensionNameBytes": usize = 64, 16 => KIB; Bytes Inner;
    /// Bytes kept of the name of a peer's client.
    max_client_bytes "maxClientBytes": usize = 128, 0 => 4 * KIB; Bytes Inner;
    /// The most that is believed of the queue that a peer announces (`reqq`).
    max_peer_queue "maxPeerQueue": u32 = 2_000, 1 => 2_000; Count Inner;
    /// Bytes of another extension message.
    max_extended_message_bytes "maxExtendedMessageBytes": u32 = 17 * KIB, 17 * KIB => MIB; Bytes Inner;
    /// Extension handshakes of a peer within a minute.
    max_extended_handshakes "maxExtendedHandshakes": u32 = 4, 1 => 1_000; Count Inner;
    /// Bytes received from a peer and not yet read.
    receive_buffer_bytes "receiveBufferBytes": usize = 288 * KIB, 32 * KIB => 4 * MIB; Bytes Inner;
    /// Bytes waiting to be sent to a peer.
    send_buffer_bytes "sendBufferBytes": usize = 512 * KIB, 32 * KIB => 8 * MIB; Bytes Inner;
    /// Blocks for which memory stands ready in one read of a connection.
    blocks_ahead "blocksAhead": usize = 32, 1 => 32; Count Inner;
    /// Requests given up whose late answers are not held against a peer.
    max_tolerated "maxTolerated": usize = 2_000, 1 => 10_000; Count Inner;
    /// Messages of unknown type until a peer is dropped.
    max_unknown_messages "maxUnknownMessages": u32 = 32, 0 => 10_000; Count Inner;
    /// Bytes of blocks that nobody asked for until a peer is dropped.
    max_unrequested_bytes "maxUnrequestedBytes": u64 = MIB, 0 => GIB; Bytes Inner;
    /// Blocks that nobody asked for until a peer is dropped.
    max_unrequested_blocks "maxUnrequestedBlocks": u32 = 64, 0 => 10_000; Count Inner;
    /// HAVE messages of a peer for each piece of the torrent, until it is dropped.
    max_haves_per_piece "maxHavesPerPiece": u32 = 10, 1 => 1_000; Count Inner;
    /// HAVE messages of a peer beside those for each piece.
    max_haves_extra "maxHavesExtra": u32 = 10_000, 0 => 10_000_000; Count Inner;

    // Requests

    /// Bytes of a block that a peer may ask for.
    max_block_bytes "maxBlockBytes": u32 = 128 * KIB, 16 * KIB => 128 * KIB; Bytes Inner;
    /// Requests of a peer that wait to be answered; more are rejected. Announced as `reqq`.
    max_queued_requests "maxQueuedRequests": u32 = 500, 1 => 2_000; Count Public;
    /// Requests open at a peer, however fast it is.
    max_requests "maxRequests": u32 = 2_000, 1 => 2_000; Count Public;
    /// Requests open at a peer, however slow it is.
    min_requests "minRequests": u32 = 8, 1 => 500; Count Inner;
    /// Requests that a peer is taken to queue when it does not say.
    assumed_queue "assumedQueue": u32 = 250, 1 => 2_000; Count Inner;
    /// Requests outside the torrent, or for pieces that we do not have, until a peer is dropped.
    max_invalid_requests "maxInvalidRequests": u32 = 50, 1 => 10_000; Count Inner;
    /// Requests while choked until a peer is dropped.
    max_choked_requests "maxChokedRequests": u32 = 50, 1 => 10_000; Count Inner;
    /// Rejected requests in a row until a peer is dropped; several that were rejected together count as one.
    max_rejects "maxRejects": u32 = 50, 1 => 10_000; Count Inner;
    /// How long a peer is not asked for a piece after it rejected a block of it, while it has others.
    reject_backoff "rejectBackoff": Duration = 10 * SECOND, 100 => HOUR; Milliseconds Inner;
    /// How long a peer that rejected all it could be asked for is left alone; it doubles, up to `rejectBackoff`.
    reject_retry "rejectRetry": Duration = SECOND, 100 => HOUR; Milliseconds Inner;
    /// The least round trip that open requests allow for: wake-ups and reading from disk.
    delay_floor "delayFloor": Duration = 5, 0 => SECOND; Milliseconds Inner;
    /// Without a block for that long, requests open at a peer are asked of others.
    request_timeout "requestTimeout": Duration = 20 * SECOND, SECOND => 10 * MINUTE; Milliseconds Public;
    /// A peer that was silent for that long while requests were open is snubbed: it gets one request at a time.
    snub_timeout "snubTimeout": Duration = 60 * SECOND, SECOND => HOUR; Milliseconds Public;
    /// Pieces taken at random before rarest first begins.
    random_pieces "randomPieces": u32 = 4, 0 => 1_024; Count Inner;
    /// Copies of one block asked for at the same time when little is left.
    endgame_copies "endgameCopies": u32 = 3, 1 => 16; Count Inner;
    /// Pieces that a reader waits for, remembered at once.
    max_urgent_pieces "maxUrgentPieces": usize = 256, 1 => 65_536; Count Inner;
    /// Pieces in the making at once, at up to 1 MiB a piece and as far as memory allows.
    max_open_pieces "maxOpenPieces": u32 = 16, 1 => 1_024; Count Inner;

    /// A peer that sends a run (`runBytes`) of each of `maxOpenPieces` pieces within this time fetches pieces above
    /// `wholePieceBytes` side by side, which makes hashing them cheap. At 20 ms no spinning disk is that fast, and would be
    /// slowed down by it.
    stripe_round "stripeRound": Duration = 20, 0 => SECOND; Milliseconds Inner;

    // Candidates, choking, metadata

    /// Attempts to connect to one address in an hour, unless the user gave it.
    max_dials_per_hour "maxDialsPerHour": u32 = 3, 1 => 3_600; Count Inner;
    /// The first wait before an address is dialled again; it doubles.
    dial_backoff "dialBackoff": Duration = 60 * SECOND, SECOND => HOUR; Milliseconds Inner;
    /// Addresses known of a torrent.
    max_candidates "maxCandidates": u32 = 3_000, 1 => 100_000; Count Public;
    /// Peers of a torrent that may download from us at the same time, the optimistic one among them.
    upload_slots "uploadSlots": u32 = 8, 1 => 1_000; Count Public;
    /// How often it is decided who may download from us.
    rechoke_interval "rechokeInterval": Duration = 10 * SECOND, SECOND => 10 * MINUTE; Milliseconds Inner;
    /// How often the optimistic slot changes hands.
    optimistic_interval "optimisticInterval": Duration = 30 * SECOND, SECOND => HOUR; Milliseconds Inner;
    /// Bytes of an info dictionary fetched from peers (BEP 9).
    max_metadata_bytes "maxMetadataBytes": u32 = 16 * MIB, 16 * KIB => 32 * MIB; Bytes Public;
    /// Metadata requests open at a peer.
    max_metadata_requests "maxMetadataRequests": u32 = 2, 1 => 64; Count Inner;
    /// Without an answer for that long, metadata is asked of another peer.
    metadata_timeout "metadataTimeout": Duration = 10 * SECOND, SECOND => 10 * MINUTE; Milliseconds Inner;
    /// How long a peer is not asked for metadata after it failed to give it.
    metadata_backoff "metadataBackoff": Duration = 60 * SECOND, SECOND => HOUR; Milliseconds Inner;
    /// How often a peer may fetch the whole metadata in ten minutes.
    max_metadata_served "maxMetadataServed": u32 = 2, 1 => 100; Count Inner;

    // Memory and disk

    /// Bytes of all blocks received, being written and being sent together.
    memory "memory": usize = 64 * MIB, MIB => 16 * GIB; Bytes Public;
    /// Files open at once; at most a quarter of the system's limit is used.
    max_open_files "maxOpenFiles": u32 = 256, 4 => 65_536; Count Public;
    /// How long a block waits in memory for its piece before it is written unverified.
    spill_after "spillAfter": Duration = 2 * SECOND, 100 => 10 * MINUTE; Milliseconds Inner;
    /// How long written data may wait until it is made durable.
    sync_interval "syncInterval": Duration = 5 * SECOND, 100 => 10 * MINUTE; Milliseconds Public;
    /// Bytes written until they are made durable.
    sync_bytes "syncBytes": u64 = 64 * MIB, MIB => 16 * GIB; Bytes Public;
    /// Bytes of the largest piece that is hashed and written in one go; larger ones are, run by run, while they arrive.
    whole_piece_bytes "wholePieceBytes": u32 = MIB, 16 * KIB => 64 * MIB; Bytes Inner;
    /// Bytes of a run, the unit in which larger pieces are hashed and written.
    run_bytes "runBytes": u32 = 256 * KIB, 16 * KIB => 16 * MIB; Bytes Inner;
    /// Bytes written in a second from which on verified data leaves the page cache alone.
    past_cache_rate "pastCacheRate": u64 = 128 * MIB, 0 => 1 << 40; BytesPerSecond Inner;
    /// Bytes of one read while content is checked.
    check_read_bytes "checkReadBytes": u32 = 256 * KIB, 16 * KIB => 16 * MIB; Bytes Inner;
    /// Bytes that one job of a check covers at most, unless these are fewer pieces than `checkJobPieces`.
    check_job_bytes "checkJobBytes": u64 = 16 * MIB, 16 * KIB => GIB; Bytes Inner;
    /// Pieces that one job of a check covers at least: as many as the widest processors hash side by side.
    check_job_pieces "checkJobPieces": u32 = 16, 1 => 1_024; Count Inner;
    /// Jobs of a torrent's check at once.
    max_check_jobs "maxCheckJobs": u32 = 8, 1 => 256; Count Inner;
    /// Bytes of one read for upload.
    read_job_bytes "readJobBytes": u32 = 256 * KIB, 16 * KIB => 4 * MIB; Bytes Inner;
    /// How long a torrent that hit a full disk waits until it tries again.
    storage_retry "storageRetry": Duration = 60 * SECOND, SECOND => HOUR; Milliseconds Inner;

    // Threads and the engine's loop

    /// Network threads; never more than processor cores.
    max_shards "maxShards": u16 = 4, 1 => 64; Count Public;
    /// Threads that hash pieces; never more than processor cores.
    max_hash_threads "maxHashThreads": u16 = 4, 1 => 64; Count Public;
    /// How long pieces may take to come until as many are there as are hashed side by side: when it would be longer, each
    /// is hashed at once. Waiting saves three quarters of the hashing, which is much only when pieces come fast.
    hash_patience "hashPatience": Duration = 40, 0 => SECOND; Milliseconds Inner;
    /// Descriptors left free of connections and of the pool of files: for listening, trackers and state.
    reserved_descriptors "reservedDescriptors": u32 = 32, 0 => 1_024; Count Inner;
    /// Threads that read and write files. 1 is for a single spinning disk: content is then checked, and torrents are made,
    /// in the order in which it lies there.
    max_disk_threads "maxDiskThreads": u16 = 4, 1 => 64; Count Public;
    /// Bytes that one connection may move before the next one has its turn.
    turn_bytes "turnBytes": usize = 256 * KIB, 16 * KIB => 16 * MIB; Bytes Inner;
    /// Records that the application takes over in one turn.
    drain_records "drainRecords": u32 = 4_096, 16 => 65_536; Count Inner;
    /// Bytes that the application takes over in one turn.
    drain_bytes "drainBytes": usize = MIB, 64 * KIB => 16 * MIB; Bytes Inner;
    /// Log facts that wait for the application; the oldest are overwritten and counted.
    log_facts "logFacts": u32 = 2_000, 1 => 1_000_000; Count Public;
    /// How often memory is dealt out anew.
    deal_interval "dealInterval": Duration = 50, 10 => SECOND; Milliseconds Inner;
    /// A jump of the clock that counts as the machine having slept.
    resume_gap "resumeGap": Duration = 30 * SECOND, SECOND => HOUR; Milliseconds Inner;
    /// The first port tried for peers when none is asked for; 0 leaves the choice to the system.
    listen_port "listenPort": u16 = 6_881, 0 => 65_535; Count Public;
    /// Ports tried upwards from the first when it is in use.
    listen_tries "listenTries": u32 = 10, 1 => 1_000; Count Inner;
    /// How long listening is tried again when there is no network.
    listen_patience "listenPatience": Duration = 30 * SECOND, 0 => HOUR; Milliseconds Inner;
    /// The first wait after accepting failed for lack of file descriptors; it doubles.
    accept_backoff_min "acceptBackoffMin": Duration = 100, 1 => MINUTE; Milliseconds Inner;
    /// The longest wait after accepting failed.
    accept_backoff_max "acceptBackoffMax": Duration = 5 * SECOND, 1 => 10 * MINUTE; Milliseconds Inner;
    /// How long closing waits for shards and hashers, and then again for disk threads.
    join_timeout "joinTimeout": Duration = 2 * SECOND, 100 => MINUTE; Milliseconds Inner;
    /// How long a graceful close may take in all.
    close_timeout "closeTimeout": Duration = 10 * SECOND, 100 => 10 * MINUTE; Milliseconds Public;
    /// Bytes that a stream to a tracker holds in each direction.
    stream_buffer_bytes "streamBufferBytes": usize = 64 * KIB, 4 * KIB => 16 * MIB; Bytes Inner;
    /// Bytes that `stream()` reads ahead of its reader.
    read_ahead_bytes "readAheadBytes": usize = 4 * MIB, 16 * KIB => 256 * MIB; Bytes Public;

    // HTTP, trackers, names (read by TypeScript)

    /// Bytes of an HTTP tracker's answer as it comes.
    http_body_bytes "httpBodyBytes": usize = MIB, KIB => 64 * MIB; Bytes Inner;
    /// Bytes of an HTTP tracker's answer when inflated.
    http_inflated_bytes "httpInflatedBytes": usize = 2 * MIB, KIB => 128 * MIB; Bytes Inner;
    /// Bytes of the header of an HTTP answer.
    http_header_bytes "httpHeaderBytes": usize = 32 * KIB, KIB => MIB; Bytes Inner;
    /// Redirects followed in a row.
    http_redirects "httpRedirects": u32 = 5, 0 => 20; Count Inner;
    /// Until an HTTP answer must be complete.
    http_timeout "httpTimeout": Duration = 30 * SECOND, SECOND => 10 * MINUTE; Milliseconds Public;
    /// Until the first byte of an HTTP answer must come.
    http_first_byte_timeout "httpFirstByteTimeout": Duration = 10 * SECOND, SECOND => 10 * MINUTE; Milliseconds Inner;
    /// How long closing waits for trackers to hear `stopped`.
    tracker_stop_timeout "trackerStopTimeout": Duration = 5 * SECOND, 0 => MINUTE; Milliseconds Public;
    /// Peers kept of a tracker's answer.
    tracker_peers "trackerPeers": u32 = 1_000, 1 => 10_000; Count Inner;
    /// Peers asked of a tracker.
    tracker_num_want "trackerNumWant": u32 = 100, 0 => 1_000; Count Inner;
    /// The least time between announces, whatever the tracker says.
    tracker_interval_min "trackerIntervalMin": Duration = MINUTE, SECOND => HOUR; Milliseconds Inner;
    /// The longest time between announces, whatever the tracker says.
    tracker_interval_max "trackerIntervalMax": Duration = 24 * HOUR, MINUTE => 7 * 24 * HOUR; Milliseconds Inner;
    /// The time between announces when the tracker does not say.
    tracker_interval_default "trackerIntervalDefault": Duration = 30 * MINUTE, MINUTE => 24 * HOUR; Milliseconds Inner;
    /// The first wait after an announce failed; it doubles.
    tracker_backoff_min "trackerBackoffMin": Duration = 15 * SECOND, SECOND => HOUR; Milliseconds Inner;
    /// The longest wait after announces failed.
    tracker_backoff_max "trackerBackoffMax": Duration = 30 * MINUTE, SECOND => 24 * HOUR; Milliseconds Inner;
    /// Announces under way at once.
    max_announces "maxAnnounces": u32 = 32, 1 => 1_024; Count Inner;
    /// Until a name must be resolved.
    dns_timeout "dnsTimeout": Duration = 10 * SECOND, SECOND => 2 * MINUTE; Milliseconds Inner;
    /// Names being resolved at once.
    dns_concurrency "dnsConcurrency": u32 = 8, 1 => 64; Count Inner;
    /// Addresses used of a name.
    dns_addresses "dnsAddresses": u32 = 16, 1 => 256; Count Inner;

    // Messages read and built alone, in TypeScript

    /// Bytes of a DHT message that is read.
    krpc_bytes "krpcBytes": usize = 1_500, 512 => 65_507; Bytes Inner;
    /// Bytes of a datagram of local service discovery, read or built.
    lsd_bytes "lsdBytes": usize = 1_400, 256 => 65_507; Bytes Inner;
    /// Bytes of a message of a WebSocket tracker.
    ws_message_bytes "wsMessageBytes": usize = 256 * KIB, KIB => 16 * MIB; Bytes Inner;
    /// Offers read of one announce to a WebSocket tracker.
    ws_offers "wsOffers": u32 = 82, 1 => 1_000; Count Inner;
    /// Ranges of an IP filter.
    max_filter_ranges "maxFilterRanges": u32 = 2_000_000, 1 => 10_000_000; Count Inner;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_its_ends_and_nothing_beyond() {
        for def in Settings::TABLE {
            assert!(def.min <= def.default && def.default <= def.max, "{}", def.name);
            assert!(def.max < 1 << 53, "{}", def.name);
            let mut settings = Settings::default();
            assert_eq!(settings.number(def.name), Some(def.default), "{}", def.name);
            for good in [def.min, def.max] {
                settings.set(def.name, good as f64).unwrap();
                assert_eq!(settings.number(def.name), Some(good), "{}", def.name);
                settings.validate().unwrap();
            }
            let bad = [def.min as f64 - 1.0, def.max as f64 + 1.0, def.min as f64 + 0.5, f64::NAN, f64::INFINITY];
            for value in bad {
                assert!(settings.set(def.name, value).is_err(), "{} = {value}", def.name);
                assert_eq!(settings.number(def.name), Some(def.max), "{} unchanged", def.name);
            }
        }
    }

    #[test]
    fn names_are_the_fields_in_camel_case_and_sentences_end() {
        for def in Settings::TABLE {
            let mut camel = String::new();
            for (at, word) in def.field.split('_').enumerate() {
                let (first, rest) = word.split_at(1);
                camel += &if at == 0 { first.to_owned() } else { first.to_uppercase() };
                camel += rest;
            }
            assert_eq!(camel, def.name);
            assert!(def.about.ends_with('.'), "{}", def.name);
        }
        let mut names: Vec<_> = Settings::TABLE.iter().map(|def| def.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Settings::TABLE.len());
    }

    #[test]
    fn an_error_says_what_was_expected_and_what_came() {
        use bitlode_base::{Code, Coded};
        let mut settings = Settings::default();
        let wrong = settings.set("maxHalfOpen", 0.0).unwrap_err();
        assert_eq!(wrong.to_string(), "Expected `maxHalfOpen` to be an integer from 1 to 1000, got `0`");
        assert_eq!(wrong.code(), Code::InvalidOption);
        let unknown = settings.set("maxhalfopen", 1.0).unwrap_err();
        assert_eq!(
            (unknown.to_string().as_str(), unknown.code()),
            ("Unknown option `maxhalfopen`", Code::UnknownOption)
        );
        let switch = settings.set("allowMultiplePerIp", 2.0).unwrap_err();
        assert_eq!(switch.to_string(), "Expected `allowMultiplePerIp` to be true or false, got `2`");
        settings.max_half_open = 0;
        assert_eq!(settings.validate().unwrap_err(), wrong);
    }
}
