//! What outlives the JavaScript object of an engine: its readers and the end of the environment hold it too.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitlode::Engine as Core;
use bitlode::api::Failure;
use bitlode::base::Code;

use crate::bell::Gate;
use crate::error::failure;

/// How long the end of an environment waits for threads: shards and hashers, then disk threads.
const TEARDOWN: Duration = Duration::from_secs(4);

/// What outlives the JavaScript object: readers and the environment's end hold it too.
pub(crate) struct Held {
    /// Empty once it has ended: sockets, wakers and memory are given back then, not when the object is collected.
    pub(crate) core: Mutex<Option<Arc<Core>>>,
    pub(crate) gate: Arc<Gate>,
    /// The environment's end has a reference and will call `teardown`.
    pub(crate) hooked: AtomicBool,
}

impl Held {
    /// The gate first: afterwards no thread of the engine can reach Node.
    pub(crate) fn end(&self) -> bool {
        self.gate.shut();
        let Some(core) = self.slot().take() else { return true };
        let clean = core.shutdown(TEARDOWN);
        if !clean {
            // A thread is stuck in the kernel: what it holds stays, and nobody waits for it a second time.
            std::mem::forget(core);
        }
        clean
    }

    /// The engine; `ERR_CLOSED` when it has ended.
    pub(crate) fn core(&self) -> std::result::Result<Arc<Core>, Failure> {
        self.slot().clone().ok_or_else(|| failure(Code::Closed, "the engine is closed"))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Core>>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the environment.
///
/// # Safety
///
/// `hook` is the reference that was registered with it, not taken back since.
pub(crate) unsafe extern "C" fn teardown(hook: *mut c_void) {
    // SAFETY: Node calls a hook once, and `unhook` removes it before it takes the reference back.
    let held = unsafe { Arc::from_raw(hook.cast::<Held>().cast_const()) };
    held.hooked.store(false, Ordering::Release);
    let _ = catch_unwind(AssertUnwindSafe(|| held.end()));
}
