//! The threads that hash, read and write. Submitting never blocks; what a task has to say goes to a shard's letter box,
//! which never blocks either.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::threads::Threads;

/// A piece of work for any thread.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// How long a task may take: one thread is kept for quick ones, so that syncing a slow disk never stops uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    Slow,
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Workers(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    /// The only thread serves both paces.
    single: bool,
}

#[derive(Default)]
struct State {
    quick: VecDeque<(u64, Task)>,
    slow: VecDeque<(u64, Task)>,
    next: u64,
    /// Threads that sleep: the one that is kept for quick tasks, and the others.
    kept_idle: bool,
    idle: usize,
    stopped: bool,
}

impl Workers {
    /// Starts `count` threads; `panicked` hears of a task that panicked.
    pub(crate) fn start(
        count: usize,
        threads: &Threads,
        panicked: Arc<dyn Fn(String) + Send + Sync>,
    ) -> std::io::Result<Workers> {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new(), single: count <= 1 });
        for number in 0..count.max(1) {
            let (mine, panicked) = (shared.clone(), panicked.clone());
            threads.spawn(thread::Builder::new().name(format!("bitlode-disk-{number}")), move || {
                mine.work(number == 0 && !mine.single, &*panicked);
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
        match pace {
            Pace::Quick => state.quick.push_back((number, task)),
            Pace::Slow => state.slow.push_back((number, task)),
        }
        let (idle, kept) = (state.idle > 0, state.kept_idle);
        drop(state);
        match (idle, pace, kept) {
            // Which sleeper is woken is up to the system: when both kinds sleep, both are woken.
            (true, Pace::Slow, true) => self.0.work.notify_all(),
            (true, ..) | (false, Pace::Quick, true) => self.0.work.notify_one(),
            _ => {}
        }
    }

    /// Lets the threads end after the task that each has in hand; what waits is dropped.
    pub(crate) fn stop(&self) {
        let mut state = self.0.state();
        state.stopped = true;
        let dropped = (std::mem::take(&mut state.quick), std::mem::take(&mut state.slow));
        self.0.work.notify_all();
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
            if let Some(task) = state.take(kept) {
                drop(state);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(task)) {
                    panicked(crate::threads::panic_message(&*panic));
                }
                state = self.state();
                continue;
            }
            match kept {
                true => state.kept_idle = true,
                false => state.idle += 1,
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            match kept {
                true => state.kept_idle = false,
                false => state.idle -= 1,
            }
        }
    }
}

impl State {
    /// The oldest task that this thread may run.
    fn take(&mut self, kept: bool) -> Option<Task> {
        let quick = self.quick.front().map_or(u64::MAX, |(number, _)| *number);
        let slow = self.slow.front().map_or(u64::MAX, |(number, _)| *number);
        match kept || quick < slow {
            true => self.quick.pop_front(),
            false => self.slow.pop_front(),
        }
        .map(|(_, task)| task)
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
        let workers = Workers::start(3, &threads, Arc::new(|_| {})).unwrap();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        for _ in 0..10 {
            let gate = gate.clone();
            let wait = move || {
                let open = gate.0.lock().unwrap();
                drop(gate.1.wait_while(open, |open| !*open).unwrap());
            };
            workers.submit(Pace::Slow, Box::new(wait));
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
        let workers = Workers::start(1, &threads, Arc::new(move |why| tx.send(why).unwrap())).unwrap();
        workers.submit(Pace::Quick, Box::new(|| panic!("planned")));
        assert_eq!(rx.recv_timeout(Duration::from_secs(10)).as_deref(), Ok("planned"));
        let (tx, rx) = mpsc::channel();
        workers.submit(Pace::Slow, Box::new(move || tx.send(()).unwrap()));
        rx.recv_timeout(Duration::from_secs(10)).unwrap();
        workers.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }
}
