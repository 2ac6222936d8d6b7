//! The engine as its user sees it: commands in, one doorbell out, `drain`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::Code;
use bitlode_session::TorrentId;

use crate::api::{Command, Drained, Failure, Options, ReaderId, RequestId, ShardLoad, StreamId};

/// What the engine calls when there is something to drain: it must return at once and may not call the engine.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// A running engine. Every method returns at once; no thread of the engine ever waits for the caller.
pub struct Engine {
    closed: Failure,
}

impl Engine {
    /// Starts the threads. `bell` is rung at most once until the next [`Engine::drain`].
    pub fn open(options: Options, bell: Bell) -> Result<Engine, Failure> {
        let _ = (options, bell);
        Ok(Engine { closed: Failure { code: Code::Closed, message: "the engine is closed".into() } })
    }

    /// Checks and queues a command; its reply carries the number that is returned. `ERR_CLOSED` after the end.
    pub fn command(&self, command: Command) -> Result<RequestId, Failure> {
        let _ = command;
        Err(self.closed.clone())
    }

    /// What happened since the last call: at most 4,096 records; `more` says that the bell rings again.
    pub fn drain(&self) -> Drained {
        Drained::default()
    }

    /// Fills `out` by [`crate::api::Counter`]; false when there is no such torrent.
    pub fn counters(&self, torrent: TorrentId, out: &mut [f64]) -> bool {
        let _ = (torrent, out);
        false
    }

    /// Copies bytes that a stream received; 0 when there are none now (see the stream's state for its end).
    pub fn stream_read(&self, stream: StreamId, out: &mut [u8]) -> Result<usize, Failure> {
        let _ = (stream, out);
        Err(self.closed.clone())
    }

    /// Queues bytes for a stream and says how many were taken; 0 when its buffer is full.
    pub fn stream_write(&self, stream: StreamId, bytes: &[u8]) -> Result<usize, Failure> {
        let _ = (stream, bytes);
        Err(self.closed.clone())
    }

    /// Ends writing behind what was queued (half close).
    pub fn stream_end(&self, stream: StreamId) {
        let _ = stream;
    }

    /// Closes a stream and forgets it.
    pub fn stream_close(&self, stream: StreamId) {
        let _ = stream;
    }

    /// Copies bytes that a reader has ready; 0 when there are none now (see the reader's state for its end).
    pub fn read_take(&self, reader: ReaderId, out: &mut [u8]) -> Result<usize, Failure> {
        let _ = (reader, out);
        Err(self.closed.clone())
    }

    /// Ends a reader and forgets it.
    pub fn reader_close(&self, reader: ReaderId) {
        let _ = reader;
    }

    /// Where the engine listens now.
    pub fn listening(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// What each shard has done so far.
    pub fn shard_loads(&self) -> Vec<ShardLoad> {
        Vec::new()
    }

    /// Stops and joins all threads within `limit`; false when one is stuck and was left behind, holding nothing of the
    /// caller's. May be called again.
    pub fn shutdown(&self, limit: Duration) -> bool {
        let _ = limit;
        true
    }
}
