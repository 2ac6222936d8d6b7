//! The doorbell: the only way from a thread of the engine to Node, behind one gate.

use std::sync::{Mutex, PoisonError};

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue};

/// Carries nothing, keeps no event loop alive, holds one ring at most.
type Bell = ThreadsafeFunction<(), UnknownReturnValue, (), Status, false, true, 1>;

/// Open while Node can be reached. Whoever rings does so under the lock and without blocking, so once `shut` has
/// returned no thread is inside Node-API and none can enter it.
pub(crate) struct Gate(Mutex<Option<Bell>>);

impl Gate {
    /// Making the threadsafe function also pins the library in memory: napi-rs takes one more reference to it, which is
    /// never given back, so code of a thread that outlives its environment stays mapped.
    pub(crate) fn open(ring: &Function<'_, (), UnknownReturnValue>) -> napi::Result<Gate> {
        let bell = ring.build_threadsafe_function::<()>().weak::<true>().max_queue_size::<1>().build()?;
        Ok(Gate(Mutex::new(Some(bell))))
    }

    pub(crate) fn ring(&self) {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = &*gate {
            // A full queue means that a ring is on its way already.
            bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    pub(crate) fn shut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
