//! Sharing out the descriptors that the system allows (RELIABILITY row 79): files have their pool, a reserve stays for
//! listening, trackers and state, and connections get what is left.

use bitlode_session::Settings;

/// A shard's poll and its waker.
const OF_A_SHARD: usize = 2;
/// Connections that wait for their handshake get this part of what is left, or more when others leave more.
const PENDING_SHARE: u32 = 4;
/// Fewer connections make no client, whatever the system allows.
const LEAST: usize = 4;

/// What the process has and may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptors {
    /// What the system allows.
    pub(crate) limit: usize,
    /// What is open before anything of ours.
    pub(crate) used: usize,
    /// What the pool of files may open.
    pub(crate) files: usize,
    pub(crate) shards: u16,
}

impl Descriptors {
    /// Lowers the settings of connections to what is possible; says so, for a person, when that was needed.
    pub(crate) fn fit(self, settings: &mut Settings) -> Option<String> {
        let ours = self.files + usize::from(self.shards) * OF_A_SHARD + settings.reserved_descriptors as usize;
        let room = self.limit.saturating_sub(self.used).saturating_sub(ours).max(LEAST);
        let (connections, pending) = (settings.max_connections, settings.max_pending_handshakes);
        if connections as usize + pending as usize <= room {
            return None;
        }
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        settings.max_pending_handshakes = pending.min((room / PENDING_SHARE).max(room.saturating_sub(connections)));
        settings.max_connections = connections.min(room - settings.max_pending_handshakes);
        Some(format!(
            "the system allows {} open files: at most {} connections (maxConnections: {connections}) and {} handshakes \
             (maxPendingHandshakes: {pending})",
            self.limit, settings.max_connections, settings.max_pending_handshakes,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(limit: usize) -> (u32, u32, bool) {
        let mut settings = Settings::default();
        let files = (limit / 4).clamp(8, 256);
        let said = Descriptors { limit, used: 20, files, shards: 2 }.fit(&mut settings);
        settings.validate().unwrap();
        (settings.max_connections, settings.max_pending_handshakes, said.is_some())
    }

    #[test]
    fn row_79_connections_get_what_files_and_the_reserve_leave() {
        assert_eq!(fit(usize::MAX), (200, 128, false));
        assert_eq!(fit(1_024), (200, 128, false));
        // 511 − 20 − 127 − 4 − 32 = 328 is exactly enough; one less is not.
        assert_eq!(fit(511), (200, 128, false));
        assert_eq!(fit(510), (200, 127, true));
        assert_eq!(fit(256), (102, 34, true));
        assert_eq!(fit(128), (30, 10, true));
        for limit in [0, 40, 64] {
            assert_eq!(fit(limit), (3, 1, true), "{limit}");
        }
    }

    #[test]
    fn who_asks_for_less_keeps_it() {
        let mut settings = Settings { max_connections: 10, max_pending_handshakes: 4, ..Settings::default() };
        let before = settings.clone();
        assert_eq!(Descriptors { limit: 128, used: 20, files: 32, shards: 2 }.fit(&mut settings), None);
        assert_eq!(settings, before);
    }
}
