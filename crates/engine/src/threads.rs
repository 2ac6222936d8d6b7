//! Threads that can be waited for with a limit: one that is stuck in the system is left behind.

use std::any::Any;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::sys::Sys;

/// A set of threads, none of which pushes the application's own aside.
pub(crate) struct Threads {
    sys: Sys,
    handles: Mutex<Vec<JoinHandle<()>>>,
    running: Arc<(Mutex<usize>, Condvar)>,
}

/// Says that its thread is at its end, whichever way it came there, or that it could not be started.
struct Farewell(Arc<(Mutex<usize>, Condvar)>);

impl Drop for Farewell {
    fn drop(&mut self) {
        *lock(&self.0.0) -= 1;
        self.0.1.notify_all();
    }
}

impl Threads {
    pub(crate) fn new(sys: Sys) -> Threads {
        Threads { sys, handles: Mutex::default(), running: Arc::default() }
    }

    pub(crate) fn spawn(&self, builder: Builder, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        // Held until the handle lies there: the thread may ask for it at once.
        let mut handles = lock(&self.handles);
        *lock(&self.running.0) += 1;
        let farewell = Farewell(self.running.clone());
        let sys = self.sys;
        let handle = builder.spawn(move || {
            let _farewell = farewell;
            sys.wait_ones_turn();
            run();
        })?;
        handles.push(handle);
        Ok(())
    }

    /// Waits until all have ended, those that they start meanwhile too; false when some have not within `limit`: those are
    /// left behind. May be called again.
    pub(crate) fn join(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let me = std::thread::current().id();
        // A thread of the set cannot wait for itself: it is on its way out.
        let mine = lock(&self.handles).iter().filter(|handle| handle.thread().id() == me).count();
        let mut running = lock(&self.running.0);
        while *running > mine {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            running = self.running.1.wait_timeout(running, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(running);
        let handles = std::mem::take(&mut *lock(&self.handles));
        let (mine, ended): (Vec<_>, Vec<_>) = handles.into_iter().partition(|handle| handle.thread().id() == me);
        lock(&self.handles).extend(mine);
        for handle in ended {
            // The thread has said farewell: only the system's part of its end is left. Its panic was reported inside.
            let _ = handle.join();
        }
        true
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use bitlode_storage::SysMode;

    use super::*;

    #[test]
    fn a_thread_that_starts_another_one_while_all_are_waited_for_ends_with_it() {
        for _ in 0..300 {
            let threads = Arc::new(Threads::new(Sys::new(SysMode::Native)));
            let (go, wait) = mpsc::channel();
            let (theirs, builder) = (threads.clone(), || Builder::new().name("bitlode-test".into()));
            let first = move || {
                wait.recv().unwrap();
                theirs.spawn(builder(), || {}).unwrap();
            };
            threads.spawn(builder(), first).unwrap();
            let (done, joined) = mpsc::channel();
            std::thread::spawn(move || {
                go.send(()).unwrap();
                done.send(threads.join(Duration::from_secs(10))).unwrap();
            });
            assert_eq!(joined.recv_timeout(Duration::from_secs(30)), Ok(true));
        }
    }
}
