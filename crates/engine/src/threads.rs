//! Threads that can be waited for with a limit: one that is stuck in the system is left behind.

use std::any::Any;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// A set of threads.
#[derive(Default)]
pub(crate) struct Threads {
    handles: Mutex<Vec<JoinHandle<()>>>,
    ended: Arc<(Mutex<usize>, Condvar)>,
}

/// Says that its thread is at its end, whichever way it came there.
struct Farewell(Arc<(Mutex<usize>, Condvar)>);

impl Drop for Farewell {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.1.notify_all();
    }
}

impl Threads {
    pub(crate) fn spawn(&self, builder: Builder, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let farewell = Farewell(self.ended.clone());
        let handle = builder.spawn(move || {
            let _farewell = farewell;
            run();
        })?;
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Waits until all have ended; false when some have not within `limit`: those are left behind. May be called again.
    pub(crate) fn join(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = self.ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        let me = std::thread::current().id();
        // A thread of the set cannot wait for itself: it is on its way out.
        let mine = handles.iter().filter(|handle| handle.thread().id() == me).count();
        while *ended < handles.len() - mine {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            ended = self.ended.1.wait_timeout(ended, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let all = *ended >= handles.len() - mine;
        drop(ended);
        if all {
            for handle in handles.drain(..).filter(|handle| handle.thread().id() != me) {
                // The thread has said farewell: only the system's part of its end is left. Its panic was reported inside.
                let _ = handle.join();
            }
            *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        }
        all
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}
