//! The caller's half of a read of content: what a shard read lies here until it is taken.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitlode_node::ReadData;
use bitlode_session::{ShardId, TorrentId};

use crate::api::{Failure, ReaderId, ReaderState};

/// Bytes in order, from one shard to the caller. What waits here is bounded by the node, which reads on only as far as
/// bytes were taken.
pub(crate) struct Reader {
    /// Who reads for it.
    pub(crate) shard: ShardId,
    pub(crate) torrent: TorrentId,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<ReadData>,
    /// Bytes of the first chunk that were taken already.
    offset: usize,
    ready: usize,
    ended: bool,
    error: Option<Failure>,
}

impl Reader {
    pub(crate) fn new(shard: ShardId, torrent: TorrentId) -> Reader {
        Reader { shard, torrent, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next bytes.
    pub(crate) fn push(&self, data: ReadData) {
        let mut inner = self.inner();
        inner.ready += data.len();
        inner.queue.push_back(data);
    }

    /// All bytes were given.
    pub(crate) fn end(&self) {
        self.inner().ended = true;
    }

    /// No more will come.
    pub(crate) fn fail(&self, failure: Failure) {
        self.inner().error.get_or_insert(failure);
    }

    /// Gives the memory back: nobody will take the rest.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        inner.ready = 0;
        inner.offset = 0;
        inner.queue.clear();
    }

    /// Copies what is ready. What is ready is given before a failure is.
    pub(crate) fn take(&self, out: &mut [u8]) -> Result<usize, Failure> {
        let mut inner = self.inner();
        let inner = &mut *inner;
        let mut taken = 0;
        while let Some(front) = inner.queue.front() {
            let rest = front.get(inner.offset..).unwrap_or_default();
            let room = out.get_mut(taken..).unwrap_or_default();
            let count = rest.len().min(room.len());
            if let (Some(to), Some(from)) = (room.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            taken += count;
            if count < rest.len() {
                inner.offset += count;
                break;
            }
            inner.offset = 0;
            inner.queue.pop_front();
        }
        inner.ready = inner.ready.saturating_sub(taken);
        match &inner.error {
            Some(error) if taken == 0 && inner.queue.is_empty() => Err(error.clone()),
            _ => Ok(taken),
        }
    }

    pub(crate) fn state(&self, reader: ReaderId) -> ReaderState {
        let inner = self.inner();
        let ready = u32::try_from(inner.ready).unwrap_or(u32::MAX);
        ReaderState { reader, ready, ended: inner.ended, error: inner.error.clone() }
    }
}
