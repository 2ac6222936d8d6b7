//! What the caller will hear. Replies queue; state is a dirty mark with the newest snapshot; facts are a ring. The bell
//! is rung once until the next drain, and nothing here ever waits for the caller.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitlode_base::Code;
use bitlode_session::TorrentId;

use crate::api::{
    Bell, Drained, Failure, HaveChange, LogFact, ReaderId, ReaderState, Reply, ReplyBody, RequestId, StreamId,
    StreamState, TorrentState,
};

/// How much one drain may give, and how many facts wait for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) facts: usize,
}

/// The way out, shared by all threads.
pub(crate) struct Outbox {
    limits: Limits,
    rung: AtomicBool,
    bell: Mutex<Option<Bell>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Accepted commands that have no answer yet: each gets exactly one.
    open: BTreeSet<RequestId>,
    replies: VecDeque<Reply>,
    torrents: BTreeMap<TorrentId, TorrentState>,
    revisions: BTreeMap<TorrentId, u64>,
    streams: BTreeMap<StreamId, StreamState>,
    readers: BTreeMap<ReaderId, ReaderState>,
    progress: BTreeMap<RequestId, (u32, u32)>,
    facts: VecDeque<LogFact>,
    lost: u64,
    failed: Option<Failure>,
    failure_told: bool,
    /// Nothing is accepted any more, and every further command is answered with this.
    ended: Option<Failure>,
}

impl Outbox {
    pub(crate) fn new(limits: Limits, bell: Bell) -> Outbox {
        Outbox {
            limits,
            rung: AtomicBool::new(false),
            bell: Mutex::new(Some(bell)),
            inner: Mutex::new(Inner::default()),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        if !self.rung.swap(true, SeqCst)
            && let Some(bell) = self.bell.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            // The caller's code: whatever goes wrong in there is no failure of the engine's.
            let rung = catch_unwind(AssertUnwindSafe(|| bell()));
            if rung.is_err() {
                tracing::error!("the bell panicked");
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner());
        self.ring();
    }

    /// After this returns the bell is never rung again and nothing of it is held.
    pub(crate) fn silence(&self) {
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(bell);
    }

    /// A command was accepted; refuses after the end.
    pub(crate) fn accept(&self, request: RequestId) -> Result<(), Failure> {
        let mut inner = self.inner();
        if let Some(ended) = &inner.ended {
            return Err(ended.clone());
        }
        inner.open.insert(request);
        Ok(())
    }

    /// Answers a command; a second answer is dropped.
    pub(crate) fn reply(&self, request: RequestId, result: Result<ReplyBody, Failure>) {
        let mut inner = self.inner();
        if inner.open.remove(&request) {
            inner.progress.remove(&request);
            inner.replies.push_back(Reply { request, result });
            drop(inner);
            self.ring();
        }
    }

    /// The newest state of a torrent; its changes add up until they are drained.
    pub(crate) fn torrent(&self, mut state: TorrentState) {
        self.change(|inner| {
            let revision = inner.revisions.entry(state.torrent).or_insert(0);
            *revision += 1;
            state.revision = *revision;
            if let Some(old) = inner.torrents.remove(&state.torrent) {
                state.info = state.info.take().or(old.info);
                state.changes = merge(old.changes, state.changes);
            }
            inner.torrents.insert(state.torrent, state);
        });
    }

    /// A torrent is gone: what was not drained of it is dropped.
    pub(crate) fn forget_torrent(&self, torrent: TorrentId) {
        let mut inner = self.inner();
        inner.torrents.remove(&torrent);
        inner.revisions.remove(&torrent);
    }

    pub(crate) fn stream(&self, state: StreamState) {
        self.change(|inner| {
            inner.streams.insert(state.stream, state);
        });
    }

    pub(crate) fn forget_stream(&self, stream: StreamId) {
        self.inner().streams.remove(&stream);
    }

    pub(crate) fn reader(&self, state: ReaderState) {
        self.change(|inner| {
            inner.readers.insert(state.reader, state);
        });
    }

    pub(crate) fn forget_reader(&self, reader: ReaderId) {
        self.inner().readers.remove(&reader);
    }

    pub(crate) fn progress(&self, request: RequestId, done: u32, total: u32) {
        self.change(|inner| {
            if inner.open.contains(&request) {
                inner.progress.insert(request, (done, total));
            }
        });
    }

    pub(crate) fn fact(&self, fact: LogFact) {
        self.change(|inner| {
            if inner.facts.len() >= self.limits.facts {
                inner.facts.pop_front();
                inner.lost += 1;
            }
            inner.facts.push_back(fact);
        });
    }

    /// The engine itself failed: all that waits is answered, nothing more is accepted.
    pub(crate) fn poison(&self, message: String) {
        self.change(|inner| {
            let failure = Failure { code: Code::Internal, message };
            inner.failed.get_or_insert_with(|| failure.clone());
            inner.end(failure);
        });
    }

    /// The engine is over: all that waits is answered, nothing more is accepted.
    pub(crate) fn end(&self, failure: Failure) {
        self.change(|inner| inner.end(failure));
    }

    /// The records since the last call, as far as the limits go.
    pub(crate) fn drain(&self) -> Drained {
        // Cleared before reading: what is added from now on rings again.
        self.rung.store(false, SeqCst);
        let mut out = Drained::default();
        let mut inner = self.inner();
        let inner = &mut *inner;
        let mut room = Room { records: self.limits.records, bytes: self.limits.bytes };
        while let Some(reply) = inner.replies.pop_front() {
            room.take(reply_bytes(&reply));
            out.replies.push(reply);
            if room.is_full() {
                break;
            }
        }
        while !room.is_full()
            && let Some((_, state)) = inner.torrents.pop_first()
        {
            room.take(torrent_bytes(&state));
            out.torrents.push(state);
        }
        while !room.is_full()
            && let Some((_, state)) = inner.streams.pop_first()
        {
            room.take(size_of::<StreamState>());
            out.streams.push(state);
        }
        while !room.is_full()
            && let Some((_, state)) = inner.readers.pop_first()
        {
            room.take(size_of::<ReaderState>());
            out.readers.push(state);
        }
        while !room.is_full()
            && let Some((request, (done, total))) = inner.progress.pop_first()
        {
            room.take(16);
            out.progress.push((request, done, total));
        }
        while !room.is_full()
            && let Some(fact) = inner.facts.pop_front()
        {
            room.take(size_of::<LogFact>() + fact.message.len());
            out.facts.push(fact);
        }
        out.lost = std::mem::take(&mut inner.lost);
        if !inner.failure_told {
            out.failed = inner.failed.clone();
            inner.failure_told = out.failed.is_some();
        }
        out.more = !inner.is_drained();
        if out.more {
            self.ring();
        }
        out
    }
}

impl Inner {
    fn end(&mut self, failure: Failure) {
        for request in std::mem::take(&mut self.open) {
            self.replies.push_back(Reply { request, result: Err(failure.clone()) });
        }
        self.progress.clear();
        self.ended.get_or_insert(failure);
    }

    fn is_drained(&self) -> bool {
        self.replies.is_empty()
            && self.torrents.is_empty()
            && self.streams.is_empty()
            && self.readers.is_empty()
            && self.progress.is_empty()
            && self.facts.is_empty()
    }
}

struct Room {
    records: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn is_full(&self) -> bool {
        self.records == 0 || self.bytes == 0
    }
}

fn reply_bytes(reply: &Reply) -> usize {
    size_of::<Reply>()
        + match &reply.result {
            Ok(ReplyBody::Created(bytes)) => bytes.len(),
            Ok(ReplyBody::ContentChecked { right, .. }) => right.as_bytes().len(),
            Ok(ReplyBody::Peers(peers)) => peers.len() * size_of::<crate::api::PeerState>(),
            Ok(_) => 0,
            Err(failure) => failure.message.len(),
        }
}

fn torrent_bytes(state: &TorrentState) -> usize {
    size_of::<TorrentState>()
        + match &state.changes {
            HaveChange::None => 0,
            HaveChange::Added(pieces) => pieces.len() * 4,
            HaveChange::Whole(bytes) => bytes.len(),
        }
}

/// What happened first, then what happened later, as one difference.
fn merge(old: HaveChange, new: HaveChange) -> HaveChange {
    match (old, new) {
        (_, HaveChange::Whole(bytes)) => HaveChange::Whole(bytes),
        (old, HaveChange::None) => old,
        (HaveChange::None, new) => new,
        (HaveChange::Added(mut pieces), HaveChange::Added(more)) => {
            pieces.extend(more);
            HaveChange::Added(pieces)
        }
        (HaveChange::Whole(mut bytes), HaveChange::Added(pieces)) => {
            for piece in pieces {
                if let Some(byte) = bytes.get_mut(piece as usize / 8) {
                    *byte |= 0x80 >> (piece % 8);
                }
            }
            HaveChange::Whole(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    fn outbox(records: usize, facts: usize) -> (Arc<AtomicU32>, Outbox) {
        let rings = Arc::new(AtomicU32::new(0));
        let count = rings.clone();
        let bell: Bell = Arc::new(move || {
            count.fetch_add(1, Relaxed);
        });
        (rings, Outbox::new(Limits { records, bytes: 1 << 20, facts }, bell))
    }

    fn fact(time: u64) -> LogFact {
        let kind = "peer-left";
        LogFact { time, torrent: None, kind, peer: None, piece: None, code: None, message: String::new() }
    }

    #[test]
    fn the_bell_rings_once_until_the_next_drain() {
        let (rings, outbox) = outbox(100, 100);
        outbox.fact(fact(1));
        outbox.fact(fact(2));
        assert_eq!(rings.load(Relaxed), 1);
        assert_eq!(outbox.drain().facts.len(), 2);
        outbox.fact(fact(3));
        assert_eq!(rings.load(Relaxed), 2);
        outbox.silence();
        outbox.drain();
        outbox.fact(fact(4));
        assert_eq!(rings.load(Relaxed), 2, "silenced");
    }

    #[test]
    fn a_drain_is_bounded_and_rings_again_for_the_rest() {
        let (rings, outbox) = outbox(3, 100);
        (0..7).for_each(|at| outbox.fact(fact(at)));
        let sizes: Vec<_> = (0..3).map(|_| outbox.drain()).map(|d| (d.facts.len(), d.more)).collect();
        assert_eq!(sizes, [(3, true), (3, true), (1, false)]);
        assert_eq!(rings.load(Relaxed), 3);
    }

    #[test]
    fn overwritten_facts_are_counted() {
        let (_, outbox) = outbox(100, 4);
        (0..10).for_each(|at| outbox.fact(fact(at)));
        let drained = outbox.drain();
        assert_eq!((drained.lost, drained.facts[0].time, drained.facts.len()), (6, 6, 4));
        assert_eq!(outbox.drain().lost, 0);
    }

    #[test]
    fn each_command_has_exactly_one_reply_also_when_the_engine_ends() {
        let (_, outbox) = outbox(100, 4);
        for number in 1..=3 {
            outbox.accept(RequestId(number)).unwrap();
        }
        outbox.reply(RequestId(2), Ok(ReplyBody::Done));
        outbox.reply(RequestId(2), Ok(ReplyBody::Done));
        outbox.poison("a shard panicked".into());
        outbox.reply(RequestId(1), Ok(ReplyBody::Done));
        let drained = outbox.drain();
        assert_eq!(drained.replies.iter().map(|r| r.request.0).collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!(drained.failed.unwrap().code, Code::Internal);
        assert_eq!(outbox.accept(RequestId(4)).unwrap_err().code, Code::Internal);
        assert!(outbox.drain().failed.is_none(), "told once");
    }

    #[test]
    fn differences_add_up_until_they_are_drained() {
        assert_eq!(merge(HaveChange::None, HaveChange::Added(vec![1])), HaveChange::Added(vec![1]));
        assert_eq!(merge(HaveChange::Added(vec![1]), HaveChange::Added(vec![2])), HaveChange::Added(vec![1, 2]));
        assert_eq!(merge(HaveChange::Whole(vec![0x80]), HaveChange::Added(vec![2])), HaveChange::Whole(vec![0xa0]));
        assert_eq!(merge(HaveChange::Added(vec![1]), HaveChange::Whole(vec![0])), HaveChange::Whole(vec![0]));
        assert_eq!(merge(HaveChange::Whole(vec![1]), HaveChange::None), HaveChange::Whole(vec![1]));
    }
}
