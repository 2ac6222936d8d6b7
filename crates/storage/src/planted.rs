//! Bugs planted on purpose, chosen at run time: the simulator has to find each of them.

use std::cell::Cell;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A barrier syncs no file.
    SkipSync,
    /// A piece is verified whatever its hash says.
    SkipVerify,
    /// A barrier claims what was written after it began.
    ClaimLate,
    /// Spilled blocks are read back from the next block's place.
    MisplacedSpill,
}

thread_local! {
    static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants `bug` in every store and job of this thread; `None` removes it.
pub fn plant(bug: Option<Bug>) {
    CHOSEN.set(bug);
}

/// Whether `bug` is planted in this thread.
pub(crate) fn is(bug: Bug) -> bool {
    CHOSEN.get() == Some(bug)
}
