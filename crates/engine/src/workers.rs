//! The threads that hash, read and write. Submitting never blocks; what a task has to say goes to a shard's letter box,
//! which never blocks either. Pieces that came are no single tasks: a thread takes as many as are hashed side by side.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use bitlode_base::{Pool, Time};
use bitlode_hash::Hasher;
use bitlode_session::TorrentId;
use bitlode_storage::sys::RealDisk;
use bitlode_storage::{Files, Job, JobDone, Scratch, run_many};

use crate::batcher::{Batcher, Bounds, Next};
use crate::threads::Threads;
use crate::waiters::{Task, Waiters};

/// Threads that may wait for a device, for each that hashes, reads and writes.
const WAITERS_EACH: usize = 4;

/// Who hears what came of pieces.
pub(crate) type Hears = Arc<dyn Fn(Vec<(TorrentId, JobDone)>) + Send + Sync>;

/// A piece to be hashed and written, beside others if there are any.
pub(crate) struct Piece {
    pub(crate) torrent: TorrentId,
    pub(crate) job: Job,
    pub(crate) files: Arc<Files<RealDisk>>,
    pub(crate) hears: Hears,
}

/// What a task needs. One thread is kept for quick ones, so that neither hashing nor the sync of a slow disk stops uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A read that someone waits for.
    Quick,
    /// Hashing, mostly: more of these at once than there are cores would only fight for caches and files' locks.
    Hash,
    /// Waiting for a device, on threads of their own unless one thread does everything.
    Slow,
}

/// How many threads, how many of them may hash at once, and how.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    pub(crate) threads: usize,
    pub(crate) hashing: usize,
    pub(crate) hasher: Hasher,
    /// Of pieces that are hashed side by side.
    pub(crate) bounds: Bounds,
    /// When most of it is in use, pieces do not wait for others.
    pub(crate) pool: Pool,
}

/// The pool of threads.
#[derive(Clone)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
    /// None where one thread does everything, in order.
    waiters: Option<Arc<Waiters>>,
}

struct Shared {
    state: Mutex<State>,
    started: Instant,
    hasher: Hasher,
    pool: Pool,
    /// The thread that is kept for quick tasks sleeps at the first, one that waits for a batch of pieces to become full at
    /// the second, the others at the third.
    kept: Condvar,
    batch: Condvar,
    work: Condvar,
}

struct State {
    quick: VecDeque<(u64, Task)>,
    hash: VecDeque<(u64, Task)>,
    slow: VecDeque<(u64, Task)>,
    /// Their number and order is the batcher's, too.
    pieces: VecDeque<(u64, Piece)>,
    batcher: Batcher,
    next: u64,
    kept_idle: bool,
    idle: usize,
    /// The thread that waits for a batch to become full, by the number it took; `None` once somebody has woken it.
    waiting: Option<u64>,
    hashing: usize,
    hashing_most: usize,
    stopped: bool,
}

/// What a thread does next.
enum Turn {
    Task(Pace, Task),
    Pieces(Vec<Piece>),
    /// Wait for a batch to become full, but not beyond this time.
    Batch(Time),
    Nothing,
}

impl Workers {
    /// Starts the threads; `panicked` hears of a task that panicked.
    pub(crate) fn start(
        size: Size,
        threads: &Arc<Threads>,
        panicked: Arc<dyn Fn(String) + Send + Sync>,
    ) -> std::io::Result<Workers> {
        let single = size.threads <= 1;
        let most = size.threads.saturating_mul(WAITERS_EACH);
        let waiters = (!single).then(|| Arc::new(Waiters::new(most, threads.clone(), panicked.clone())));
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(size.bounds, size.hashing)),
            started: Instant::now(),
            hasher: size.hasher,
            pool: size.pool,
            kept: Condvar::new(),
            batch: Condvar::new(),
            work: Condvar::new(),
        });
        for number in 0..size.threads.max(1) {
            let (mine, panicked) = (shared.clone(), panicked.clone());
            threads.spawn(thread::Builder::new().name(format!("bitlode-disk-{number}")), move || {
                mine.work(number == 0 && !single, &*panicked);
            })?;
        }
        Ok(Workers { shared, waiters })
    }

    /// The way in which everything is hashed.
    pub(crate) fn hasher(&self) -> Hasher {
        self.shared.hasher
    }

    /// Queues a task. After the end it is dropped.
    pub(crate) fn submit(&self, pace: Pace, mut task: Task) {
        if let (Pace::Slow, Some(waiters)) = (pace, &self.waiters) {
            match waiters.submit(task) {
                Some(back) => task = back,
                None => return,
            }
        }
        let mut state = self.shared.state();
        if state.stopped {
            return;
        }
        let number = state.number();
        match pace {
            Pace::Quick => state.quick.push_back((number, task)),
            Pace::Hash => state.hash.push_back((number, task)),
            Pace::Slow => state.slow.push_back((number, task)),
        }
        let kept = state.kept_idle;
        // Nobody may take it yet: whoever ends such a task takes the next one.
        let full = pace == Pace::Hash && !state.may_hash();
        if !full {
            self.shared.wake(state);
        }
        // The other sleeper may have been woken for something slow a moment ago.
        if kept && pace == Pace::Quick {
            self.shared.kept.notify_one();
        }
    }

    /// Queues a piece. After the end it is dropped.
    pub(crate) fn submit_piece(&self, piece: Piece) {
        let now = self.shared.now();
        let hurry = piece.job.is_urgent() || self.shared.is_short();
        let mut state = self.shared.state();
        if state.stopped {
            return;
        }
        let number = state.number();
        state.batcher.arrived(now, piece.job.held());
        state.pieces.push_back((number, piece));
        if hurry {
            state.batcher.hurry();
        }
        self.shared.wake_for_pieces(state, now);
    }

    /// Lets no piece that waits now wait for others any longer.
    pub(crate) fn hurry(&self) {
        let mut state = self.shared.state();
        state.batcher.hurry();
        self.shared.wake_for_pieces(state, self.shared.now());
    }

    /// Lets the threads end after the task that each has in hand; what waits is dropped.
    pub(crate) fn stop(&self) {
        if let Some(waiters) = &self.waiters {
            waiters.stop();
        }
        let mut state = self.shared.state();
        state.stopped = true;
        let tasks =
            (std::mem::take(&mut state.quick), std::mem::take(&mut state.hash), std::mem::take(&mut state.slow));
        let pieces = std::mem::take(&mut state.pieces);
        self.shared.work.notify_all();
        self.shared.batch.notify_all();
        self.shared.kept.notify_all();
        drop(state);
        drop((tasks, pieces));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Three quarters of the memory for blocks are in use.
    fn is_short(&self) -> bool {
        self.pool.in_use() / 3 >= self.pool.budget() / 4
    }

    /// Wakes a thread that sleeps, if one does.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let (idle, waits) = (state.idle > 0, state.idle == 0 && state.waiting.take().is_some());
        drop(state);
        if idle {
            self.work.notify_one();
        } else if waits {
            self.batch.notify_one();
        }
    }

    /// Wakes the thread that waits for a batch if there is one to be taken, or one to do that waiting.
    fn wake_for_pieces(&self, mut state: MutexGuard<'_, State>, now: Time) {
        if !state.may_hash() {
            return;
        }
        let waits = state.waiting.is_some();
        match state.batcher.next(now) {
            Next::Take(_) if waits => {
                state.waiting = None;
                drop(state);
                self.batch.notify_one();
            }
            Next::Take(_) => self.wake(state),
            Next::WaitUntil(_) if !waits => self.wake(state),
            Next::WaitUntil(_) | Next::Nothing => {}
        }
    }

    fn work(&self, kept: bool, panicked: &(dyn Fn(String) + Send + Sync)) {
        let mut scratch = Scratch::new();
        let mut state = self.state();
        while !state.stopped {
            match state.take(kept, self.now()) {
                Turn::Task(pace, task) => {
                    state.hashing += usize::from(pace == Pace::Hash);
                    self.leave(state);
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task(&mut scratch))) {
                        panicked(crate::threads::panic_message(&*panic));
                    }
                    state = self.state();
                    state.hashing -= usize::from(pace == Pace::Hash);
                }
                Turn::Pieces(pieces) => {
                    state.hashing += 1;
                    self.leave(state);
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(pieces, self.hasher, &mut scratch))) {
                        panicked(crate::threads::panic_message(&*panic));
                    }
                    state = self.state();
                    state.hashing -= 1;
                }
                Turn::Batch(until) => {
                    let mine = state.number();
                    state.waiting = Some(mine);
                    let left = until.since(self.now());
                    state = self.batch.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                    state.waiting.take_if(|waiting| *waiting == mine);
                }
                Turn::Nothing if kept => {
                    state.kept_idle = true;
                    scratch.release();
                    state = self.kept.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.kept_idle = false;
                }
                Turn::Nothing => {
                    state.idle += 1;
                    scratch.release();
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                }
            }
        }
    }

    /// A thread goes to work: another one waits for the rest of the pieces in its place.
    fn leave(&self, state: MutexGuard<'_, State>) {
        if state.idle > 0 && !state.pieces.is_empty() && state.waiting.is_none() && state.may_hash() {
            drop(state);
            self.work.notify_one();
        }
    }
}

/// Hashes and writes pieces, and tells their shards, each of them once.
fn run(pieces: Vec<Piece>, hasher: Hasher, scratch: &mut Scratch) {
    let (mut jobs, mut owners) = (Vec::with_capacity(pieces.len()), Vec::with_capacity(pieces.len()));
    for Piece { torrent, job, files, hears } in pieces {
        jobs.push((job, files));
        owners.push((torrent, hears));
    }
    let mut answers: Vec<(Hears, Vec<(TorrentId, JobDone)>)> = Vec::new();
    for ((torrent, hears), done) in owners.into_iter().zip(run_many(jobs, hasher, scratch)) {
        match answers.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &hears)) {
            Some((_, theirs)) => theirs.push((torrent, done)),
            None => answers.push((hears, vec![(torrent, done)])),
        }
    }
    for (hears, theirs) in answers {
        hears(theirs);
    }
}

impl State {
    fn new(bounds: Bounds, hashing_most: usize) -> State {
        State {
            quick: VecDeque::new(),
            hash: VecDeque::new(),
            slow: VecDeque::new(),
            pieces: VecDeque::new(),
            batcher: Batcher::new(bounds),
            next: 0,
            kept_idle: false,
            idle: 0,
            waiting: None,
            hashing: 0,
            hashing_most: hashing_most.max(1),
            stopped: false,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn may_hash(&self) -> bool {
        self.hashing < self.hashing_most
    }

    /// The oldest of what a thread may do now.
    fn take(&mut self, kept: bool, now: Time) -> Turn {
        let first = |queue: &VecDeque<(u64, Task)>, may: bool| queue.front().filter(|_| may).map(|(number, _)| *number);
        let may_hash = !kept && self.may_hash();
        let batch = if may_hash { self.batcher.next(now) } else { Next::Nothing };
        let oldest = [
            (first(&self.quick, true), Pace::Quick),
            (first(&self.hash, may_hash), Pace::Hash),
            (first(&self.slow, !kept), Pace::Slow),
        ];
        let oldest = oldest.into_iter().filter_map(|(number, pace)| Some((number?, pace))).min_by_key(|(n, _)| *n);
        let piece = self.pieces.front().map_or(u64::MAX, |(number, _)| *number);
        match (batch, oldest) {
            (Next::Take(count), oldest) if oldest.is_none_or(|(number, _)| piece < number) => {
                self.batcher.taken(now, count);
                let count = count.min(self.pieces.len());
                Turn::Pieces(self.pieces.drain(..count).map(|(_, piece)| piece).collect())
            }
            (_, Some((_, pace))) => {
                let queue = match pace {
                    Pace::Quick => &mut self.quick,
                    Pace::Hash => &mut self.hash,
                    Pace::Slow => &mut self.slow,
                };
                queue.pop_front().map_or(Turn::Nothing, |(_, task)| Turn::Task(pace, task))
            }
            (Next::WaitUntil(until), None) if self.waiting.is_none() => Turn::Batch(until),
            (_, None) => Turn::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use bitlode_storage::SysMode;

    use super::*;
    use crate::sys::Sys;

    fn start(threads: &Arc<Threads>, number: usize, panicked: Arc<dyn Fn(String) + Send + Sync>) -> Workers {
        let bounds = Bounds { lanes: 16, bytes: 1 << 24, patience: Duration::from_millis(40) };
        let (hasher, pool) = (Hasher::portable(), Pool::new(1 << 26));
        let size = Size { threads: number, hashing: number.min(2), hasher, bounds, pool };
        Workers::start(size, threads, panicked).unwrap()
    }

    #[test]
    fn slow_tasks_never_hold_up_quick_ones() {
        let threads = Arc::new(Threads::new(Sys::new(SysMode::Native)));
        let workers = start(&threads, 3, Arc::new(|_| {}));
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        for pace in [Pace::Slow, Pace::Hash].repeat(5) {
            let gate = gate.clone();
            let wait = move |_: &mut Scratch| {
                let open = gate.0.lock().unwrap();
                drop(gate.1.wait_while(open, |open| !*open).unwrap());
            };
            workers.submit(pace, Box::new(wait));
        }
        for number in 0..100 {
            let (tx, rx) = mpsc::channel();
            workers.submit(Pace::Quick, Box::new(move |_| tx.send(number).unwrap()));
            assert_eq!(rx.recv_timeout(Duration::from_secs(10)), Ok(number));
        }
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        workers.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }

    #[test]
    fn syncs_that_wait_for_a_device_leave_the_threads_that_hash_alone_and_wait_side_by_side() {
        let threads = Arc::new(Threads::new(Sys::new(SysMode::Native)));
        let workers = start(&threads, 3, Arc::new(|_| {}));
        let (hashed, heard) = mpsc::channel();
        // None of them ends before all have begun, and before something was hashed beside them.
        let (all, gate) = (12, Arc::new((Mutex::new(0), Condvar::new())));
        let (synced, ended) = mpsc::channel();
        for _ in 0..all {
            let (gate, synced) = (gate.clone(), synced.clone());
            let sync = move |_: &mut Scratch| {
                *gate.0.lock().unwrap() += 1;
                gate.1.notify_all();
                let begun = gate.0.lock().unwrap();
                drop(gate.1.wait_while(begun, |begun| *begun < all + 1).unwrap());
                synced.send(()).unwrap();
            };
            workers.submit(Pace::Slow, Box::new(sync));
        }
        workers.submit(Pace::Hash, Box::new(move |_| hashed.send(()).unwrap()));
        assert_eq!(heard.recv_timeout(Duration::from_secs(10)), Ok(()));
        *gate.0.lock().unwrap() += 1;
        gate.1.notify_all();
        for _ in 0..all {
            assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(()));
        }
        workers.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }

    #[test]
    fn a_task_that_panics_is_reported_and_its_thread_goes_on() {
        let threads = Arc::new(Threads::new(Sys::new(SysMode::Native)));
        let (tx, rx) = mpsc::channel();
        let workers = start(&threads, 1, Arc::new(move |why| tx.send(why).unwrap()));
        workers.submit(Pace::Quick, Box::new(|_| panic!("planned")));
        assert_eq!(rx.recv_timeout(Duration::from_secs(10)).as_deref(), Ok("planned"));
        let (tx, rx) = mpsc::channel();
        workers.submit(Pace::Slow, Box::new(move |_| tx.send(()).unwrap()));
        rx.recv_timeout(Duration::from_secs(10)).unwrap();
        workers.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }
}
