//! Letters to a shard from other threads. Sending never blocks and wakes the shard only when it sleeps.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use mio::Waker;

/// A shard's letter box.
pub(crate) struct Inbox<T> {
    letters: Mutex<Vec<T>>,
    asleep: AtomicBool,
    waker: Waker,
}

impl<T> Inbox<T> {
    pub(crate) fn new(waker: Waker) -> Inbox<T> {
        Inbox { letters: Mutex::new(Vec::new()), asleep: AtomicBool::new(false), waker }
    }

    /// Leaves a letter; wakes the shard when it sleeps.
    pub(crate) fn send(&self, letter: T) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
        if self.asleep.swap(false, SeqCst) {
            // It fails only when the shard's poll is gone, and then nobody reads letters.
            let _ = self.waker.wake();
        }
    }

    /// Takes all letters, in order, into `out`.
    pub(crate) fn take(&self, out: &mut Vec<T>) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        match out.is_empty() {
            true => std::mem::swap(&mut *letters, out),
            false => out.append(&mut letters),
        }
    }

    /// The shard says that it will sleep; false when a letter has come and it must not.
    pub(crate) fn may_sleep(&self) -> bool {
        self.asleep.store(true, SeqCst);
        // Looked at after the flag is up: a letter that came before is seen here, one that comes later sees the flag.
        if self.letters.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return true;
        }
        self.asleep.store(false, SeqCst);
        false
    }

    /// The shard is awake.
    pub(crate) fn woke(&self) {
        self.asleep.store(false, SeqCst);
    }
}
