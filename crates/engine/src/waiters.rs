//! Threads for tasks that wait for a device: syncs, and what opens and finishes files. They use no processor, but a worker
//! in their place would hash and write nothing meanwhile, and syncs that wait together share one commit of a journal.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use bitlode_storage::Scratch;

use crate::lock::lock;
use crate::threads::{Threads, panic_message};

/// A piece of work for any thread; the memory is the thread's.
pub(crate) type Task = Box<dyn FnOnce(&mut Scratch) + Send>;

/// The threads, started when there is something for them, up to a given number.
pub(crate) struct Waiters {
    shared: Arc<Shared>,
    threads: Arc<Threads>,
    most: usize,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    panicked: Arc<dyn Fn(String) + Send + Sync>,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    running: usize,
    /// Threads that sleep, one that was woken and does not run yet among them.
    idle: usize,
    stopped: bool,
}

impl Waiters {
    /// None yet, at most `most` later; `panicked` hears of a task that panicked.
    pub(crate) fn new(most: usize, threads: Arc<Threads>, panicked: Arc<dyn Fn(String) + Send + Sync>) -> Waiters {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new(), panicked });
        Waiters { shared, threads, most: most.max(1) }
    }

    /// Queues a task; gives it back if no thread is there for it and none can be started. After the end it is dropped.
    pub(crate) fn submit(&self, task: Task) -> Option<Task> {
        let mut state = lock(&self.shared.state);
        if state.stopped {
            return None;
        }
        // Whoever sleeps may have been woken for one of those that wait already.
        if state.idle <= state.tasks.len() && state.running < self.most {
            let shared = self.shared.clone();
            let name = format!("bitlode-sync-{}", state.running);
            if self.threads.spawn(thread::Builder::new().name(name), move || shared.work()).is_ok() {
                state.running += 1;
            }
        }
        if state.running == 0 {
            return Some(task);
        }
        state.tasks.push_back(task);
        drop(state);
        self.shared.work.notify_one();
        None
    }

    /// Lets the threads end after the task that each has in hand; what waits is dropped.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.shared.state);
        state.stopped = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.shared.work.notify_all();
        drop(tasks);
    }
}

impl Shared {
    fn work(&self) {
        let mut scratch = Scratch::new();
        let mut state = lock(&self.state);
        while !state.stopped {
            if let Some(task) = state.tasks.pop_front() {
                drop(state);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task(&mut scratch))) {
                    (self.panicked)(panic_message(&*panic));
                }
                state = lock(&self.state);
                continue;
            }
            scratch.release();
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
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

    fn some(most: usize) -> (Waiters, Arc<Threads>, mpsc::Receiver<String>) {
        let threads = Arc::new(Threads::new(Sys::new(SysMode::Native)));
        let (tx, panics) = mpsc::channel();
        let panicked = Arc::new(move |why| tx.send(why).unwrap());
        (Waiters::new(most, threads.clone(), panicked), threads, panics)
    }

    fn running(waiters: &Waiters) -> usize {
        lock(&waiters.shared.state).running
    }

    fn sleeps(waiters: &Waiters, count: usize) {
        while lock(&waiters.shared.state).idle < count {
            thread::yield_now();
        }
    }

    #[test]
    fn threads_start_when_tasks_wait_up_to_the_most_and_serve_again() {
        let (waiters, threads, _) = some(2);
        assert_eq!(running(&waiters), 0);
        let (tx, rx) = mpsc::channel();
        for round in 0..50 {
            let tx = tx.clone();
            assert!(waiters.submit(Box::new(move |_| tx.send(round).unwrap())).is_none());
            assert_eq!(rx.recv_timeout(Duration::from_secs(10)), Ok(round));
            sleeps(&waiters, 1);
        }
        assert_eq!(running(&waiters), 1);
        for number in 0..50 {
            let tx = tx.clone();
            assert!(waiters.submit(Box::new(move |_| tx.send(number).unwrap())).is_none());
        }
        let mut all: Vec<i32> = (0..50).map(|_| rx.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert!(running(&waiters) <= 2);
        waiters.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }

    #[test]
    fn what_waits_is_dropped_at_the_end_and_what_comes_later_too() {
        let (waiters, threads, _) = some(1);
        let (go, gate) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let task = move |_: &mut Scratch| {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        };
        assert!(waiters.submit(Box::new(task)).is_none());
        begins.recv_timeout(Duration::from_secs(10)).unwrap();
        let token = Arc::new(());
        for _ in 0..2 {
            let held = token.clone();
            assert!(waiters.submit(Box::new(move |_| drop(held))).is_none());
            waiters.stop();
            assert_eq!(Arc::strong_count(&token), 1);
        }
        go.send(()).unwrap();
        assert!(threads.join(Duration::from_secs(10)));
    }

    #[test]
    fn a_task_that_panics_is_reported_and_its_thread_goes_on() {
        let (waiters, threads, panics) = some(1);
        assert!(waiters.submit(Box::new(|_| panic!("planned"))).is_none());
        assert_eq!(panics.recv_timeout(Duration::from_secs(10)).as_deref(), Ok("planned"));
        let (tx, rx) = mpsc::channel();
        assert!(waiters.submit(Box::new(move |_| tx.send(()).unwrap())).is_none());
        rx.recv_timeout(Duration::from_secs(10)).unwrap();
        waiters.stop();
        assert!(threads.join(Duration::from_secs(10)));
    }
}
