//! The threads that hash, read and write. Submitting never blocks; what a task has to say goes to a shard's letter box,
//! which never blocks either.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::threads::Threads;

/// A piece of work for any thread.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// What a task needs. One thread is kept for quick ones, so that neither hashing nor the sync of a slow disk stops uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A read that someone waits for.
    Quick,
    /// Hashing, mostly: more of these at once than there are cores would only fight for caches and files' locks.
    Hash,
    /// Waiting for a device.
    Slow,
}

/// How many threads, and how many of them may hash at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) threads: usize,
    pub(crate) hashing: usize,
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Workers(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The thread that is kept for quick tasks sleeps at the first, the others at the second.
    kept: Condvar,
    work: Condvar,
}

#[derive(Default)]
struct State {
    quick: VecDeque<(u64, Task)>,
    hash: VecDeque<(u64, Task)>,
    slow: VecDeque<(u64, Task)>,
    next: u64,
    kept_idle: bool,
    idle: usize,
    hashing: usize,
    hashing_most: usize,
    stopped: bool,
}

impl Workers {
    /// Starts the threads; `panicked` hears of a task that panicked.
    pub(crate) fn start(
        size: Size,
        threads: &Threads,
        panicked: Arc<dyn Fn(String) + Send + Sync>,
    ) -> std::io::Result<Workers> {
        let single = size.threads <= 1;
        let state = State { hashing_most: size.hashing.max(1), ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), kept: Condvar::new(), work: Condvar::new() });
        for number in 0..size.threads.max(1) {
            let (mine, panicked) = (shared.clone(), panicked.clone());
            threads.spawn(thread::Builder::new().name(format!("bitlode-disk-{number}")), move || {
                mine.work(number == 0 && !single, &*panicked);
            })?;
        }
        Ok(Workers(shared))
    }

    /// Queues a task. After the end it is dropped.
    pub(crate) fn submit(&self, pace: Pace, task: Task) {
        let mut state = self.0.state();
        if state.stopped {
            return;
        }
        let number = state.next;
        state.next += 1;
        let (wake, kept) = (state.idle > 0, state.kept_idle);
        match pace {
            Pace::Quick => state.quick.push_back((number, task)),
            Pace::Hash => state.hash.push_back((number, task)),
            Pace::Slow => state.slow.push_back((number, task)),
        }
        // Nobody may take it yet: whoever ends such a task takes the next one.
        let full = pace == Pace::Hash && state.hashing >= state.hashing_most;
        drop(state);
        if wake && !full {
            self.0.work.notify_one();
        }
        // The other sleeper may have been woken for something slow a moment ago.
        if kept && pace == Pace::Quick {
            self.0.kept.notify_one();
        }
    }

    /// Lets the threads end after the task that each has in hand; what waits is dropped.
    pub(crate) fn stop(&self) {
        let mut state = self.0.state();
        state.stopped = true;
        let dropped =
            (std::mem::take(&mut state.quick), std::mem::take(&mut state.hash), std::mem::take(&mut state.slow));
        self.0.work.notify_all();
        self.0.kept.notify_all();
        drop(state);
        drop(dropped);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, kept: bool, panicked: &(dyn Fn(String) + Send + Sync)) {
        let mut state = self.state();
        while !state.stopped {
            if let Some((pace, task)) = state.take(kept) {
                state.hashing += usize::from(pace == Pace::Hash);
                drop(state);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(task)) {
                    panicked(crate::threads::panic_message(&*panic));
                }
                state = self.state();
                state.hashing -= usize::from(pace == Pace::Hash);
                continue;
            }
            if kept {
                state.kept_idle = true;
                state = self.kept.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.kept_idle = false;
            } else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

impl State {
    /// The oldest task that a thread may run now.
    fn take(&mut self, kept: bool) -> Option<(Pace, Task)> {
        let first = |queue: &VecDeque<(u64, Task)>, may: bool| queue.front().filter(|_| may).map(|(number, _)| *number);
        let may_hash = !kept && self.hashing < self.hashing_most;
        let oldest = [
            (first(&self.quick, true), Pace::Quick),
            (first(&self.hash, may_hash), Pace::Hash),
            (first(&self.slow, !kept), Pace::Slow),
        ];
        let (_, pace) =
            oldest.into_iter().filter_map(|(number, pace)| Some((number?, pace))).min_by_key(|(n, _)| *n)?;
        let queue = match pace {
            Pace::Quick => &mut self.quick,
            Pace::Hash => &mut self.hash,
            Pace::Slow => &mut self.slow,
        };
        queue.pop_front().map(|(_, task)| (pace, task))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn slow_tasks_never_hold_up_quick_ones() {
        let threads = Threads::default();
        let workers = Workers::start(Size { threads: 3, hashing: 2 }, &threads, Arc::new(|_| {})).unwrap();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        for pace in [Pace::Slow, Pace::Hash].repeat(5) {
            let gate = gate.clone();
            let wait = move || {
                let open = gate.0.lock().unwrap();
                drop(gate.1.wait_while(open, |open| !*open).unwrap());
            };
            workers.submit(pace, Box::new(wait));
        }
        for number in 0..100 {
            let (tx, rx) = mpsc::channel();
            workers.submit(Pace::Quick, Box::new(move || tx.send(number).unwrap()));
            assert_eq!(rx.recv_timeout(Duration::from_secs(10)), Ok(number));
        }
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        workers.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }

    #[test]
    fn a_task_that_panics_is_reported_and_its_thread_goes_on() {
        let threads = Threads::default();
        let (tx, rx) = mpsc::channel();
        let workers =
            Workers::start(Size { threads: 1, hashing: 1 }, &threads, Arc::new(move |why| tx.send(why).unwrap()))
                .unwrap();
        workers.submit(Pace::Quick, Box::new(|| panic!("planned")));
        assert_eq!(rx.recv_timeout(Duration::from_secs(10)).as_deref(), Ok("planned"));
        let (tx, rx) = mpsc::channel();
        workers.submit(Pace::Slow, Box::new(move || tx.send(()).unwrap()));
        rx.recv_timeout(Duration::from_secs(10)).unwrap();
        workers.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }
}
