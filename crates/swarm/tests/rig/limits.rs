//! Limits for tests.
#![allow(unreachable_pub)]

use std::time::Duration;

use bitlode_wire::ExtendedLimits;

use super::Limits;

pub fn limits() -> Limits {
    let secs = Duration::from_secs;
    Limits {
        peers: 50,
        half_open: 5,
        candidates: 100,
        dials_per_hour: 3,
        dial_backoff: secs(60),
        open_pieces: 16,
        whole_piece: 1 << 20,
        run: 256 << 10,
        stripe_round: Duration::from_millis(20),
        random_pieces: 4,
        requests_floor: 8,
        requests_max: 2_000,
        assume_reqq: 250,
        reqq_ours: 500,
        delay_floor: Duration::from_millis(5),
        request_timeout: secs(20),
        snub_after: secs(60),
        reject_backoff: secs(10),
        reject_retry: secs(1),
        rejects: 50,
        endgame_copies: 3,
        urgent: 256,
        upload_slots: 4,
        rechoke_interval: secs(10),
        optimistic_interval: secs(30),
        block_bytes: 128 * 1024,
        invalid_requests: 50,
        choked_requests: 50,
        bitfield_bytes: 262_145,
        haves_per_piece: 10,
        haves_extra: 10_000,
        unrequested_blocks: 64,
        unrequested_bytes: 1 << 20,
        extended_handshakes: 4,
        bencode: ExtendedLimits {
            depth: 16,
            tokens: 20_000,
            names: 64,
            name_bytes: 64,
            client_bytes: 64,
            reqq: 2_000,
            metadata_size: 16 << 20,
        },
        metadata_bytes: 16 << 20,
        metadata_requests: 2,
        metadata_timeout: secs(10),
        metadata_backoff: secs(60),
        metadata_served: 2,
    }
}
