//! The limits of every crate below, read from the one table of settings.

use bitlode_session::Settings;
use bitlode_wire::ExtendedLimits;

/// Of one connection.
pub fn conn(settings: &Settings) -> bitlode_conn::Limits {
    bitlode_conn::Limits {
        message_cap: settings.max_message_bytes,
        bitfield_before_metadata: settings.max_bitfield_before_metadata,
        extended_handshake: settings.max_extended_handshake_bytes,
        extended_message: settings.max_extended_message_bytes,
        recv_buffer: settings.receive_buffer_bytes,
        send_buffer: settings.send_buffer_bytes,
        blocks_ahead: settings.blocks_ahead,
        handshake_timeout: settings.handshake_timeout,
        message_timeout: settings.message_timeout,
        message_grace: settings.message_grace,
        message_rate: settings.message_rate,
        idle_timeout: settings.idle_timeout,
        keep_alive: settings.keep_alive,
        unknown_messages: settings.max_unknown_messages,
        unrequested_bytes: settings.max_unrequested_bytes,
        unrequested_messages: settings.max_unrequested_blocks,
        tolerated: settings.max_tolerated,
    }
}

/// Of one swarm.
pub fn swarm(settings: &Settings) -> bitlode_swarm::Limits {
    let count = |number: u32| number as usize;
    bitlode_swarm::Limits {
        peers: count(settings.max_connections_per_torrent),
        half_open: count(settings.max_half_open_per_torrent),
        candidates: count(settings.max_candidates),
        dials_per_hour: settings.max_dials_per_hour,
        dial_backoff: settings.dial_backoff,
        open_pieces: settings.max_open_pieces,
        whole_piece: settings.whole_piece_bytes,
        run: settings.run_bytes,
        stripe_round: settings.stripe_round,
        random_pieces: settings.random_pieces,
        requests_floor: settings.min_requests,
        requests_max: settings.max_requests,
        assume_reqq: settings.assumed_queue,
        reqq_ours: settings.max_queued_requests,
        delay_floor: settings.delay_floor,
        request_timeout: settings.request_timeout,
        snub_after: settings.snub_timeout,
        reject_backoff: settings.reject_backoff,
        reject_retry: settings.reject_retry,
        rejects: settings.max_rejects,
        endgame_copies: settings.endgame_copies,
        urgent: settings.max_urgent_pieces,
        upload_slots: count(settings.upload_slots),
        rechoke_interval: settings.rechoke_interval,
        optimistic_interval: settings.optimistic_interval,
        block_bytes: settings.max_block_bytes,
        invalid_requests: settings.max_invalid_requests,
        choked_requests: settings.max_choked_requests,
        bitfield_bytes: count(settings.max_bitfield_before_metadata),
        haves_per_piece: settings.max_haves_per_piece,
        haves_extra: settings.max_haves_extra,
        unrequested_blocks: settings.max_unrequested_blocks,
        unrequested_bytes: settings.max_unrequested_bytes,
        extended_handshakes: settings.max_extended_handshakes,
        bencode: ExtendedLimits {
            depth: settings.max_network_depth,
            tokens: settings.max_network_tokens,
            names: settings.max_extension_names,
            name_bytes: settings.max_extension_name_bytes,
            client_bytes: settings.max_client_bytes,
            reqq: settings.max_peer_queue,
            metadata_size: settings.max_metadata_bytes,
        },
        metadata_bytes: settings.max_metadata_bytes,
        metadata_requests: settings.max_metadata_requests,
        metadata_timeout: settings.metadata_timeout,
        metadata_backoff: settings.metadata_backoff,
        metadata_served: settings.max_metadata_served,
    }
}

/// Of one torrent's storage.
pub fn storage(settings: &Settings) -> bitlode_storage::Limits {
    // One thread for files is for one spinning disk: piece after piece, as they lie there.
    let in_order = settings.max_disk_threads == 1;
    bitlode_storage::Limits {
        names: metainfo(settings),
        block_age: settings.spill_after,
        barrier_every: settings.sync_interval,
        barrier_bytes: settings.sync_bytes,
        retry_every: settings.storage_retry,
        whole_piece: settings.whole_piece_bytes,
        run: settings.run_bytes,
        check_read: settings.check_read_bytes,
        check_job: if in_order { 0 } else { settings.check_job_bytes },
        check_pieces: if in_order { 1 } else { settings.check_job_pieces },
        check_jobs: settings.max_check_jobs,
        read_job: settings.read_job_bytes,
    }
}

/// Of .torrent files and magnet links.
pub fn metainfo(settings: &Settings) -> bitlode_metainfo::Limits {
    bitlode_metainfo::Limits {
        file_bytes: settings.max_metainfo_bytes,
        depth: settings.max_metainfo_depth,
        tokens: settings.max_metainfo_tokens,
        pieces: settings.max_pieces,
        files: settings.max_files,
        piece_length: settings.max_piece_length,
        total: settings.max_total_bytes,
        path_depth: settings.max_path_depth,
        name_bytes: settings.max_name_bytes,
        path_bytes: settings.max_path_bytes,
        trackers: settings.max_trackers,
        web_seeds: settings.max_web_seeds,
        nodes: settings.max_nodes,
        magnet_bytes: settings.max_magnet_bytes,
        magnet_peers: settings.max_magnet_peers,
        renames: settings.max_renames,
    }
}

/// Of an info dictionary that peers sent: as large as metadata may be.
pub fn metadata(settings: &Settings) -> bitlode_metainfo::Limits {
    let bytes = usize::try_from(settings.max_metadata_bytes).unwrap_or(usize::MAX);
    bitlode_metainfo::Limits { file_bytes: bytes.max(settings.max_metainfo_bytes), ..metainfo(settings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_for_files_checks_one_piece_after_the_other_and_more_check_many_side_by_side() {
        for (max_disk_threads, in_order) in [(1, true), (2, false)] {
            let limits = storage(&Settings { max_disk_threads, ..Settings::default() });
            assert_eq!((limits.check_job == 0, limits.check_pieces == 1), (in_order, in_order), "{max_disk_threads}");
        }
    }
}
