//! Places where a test can make the disk slow or broken. Compiled out unless the feature `failpoints` is on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::disk::Fault;

static POINTS: Mutex<BTreeMap<String, Action>> = Mutex::new(BTreeMap::new());

/// What a failpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Waits, then goes on.
    Sleep(Duration),
    /// Fails.
    Fail(Fault),
    /// Panics, as a bug would.
    Panic,
}

/// Sets what the failpoint `name` does from now on, in the whole process; `None` for nothing. The names are
/// `disk.open`, `disk.create`, `disk.read`, `disk.write` and `disk.sync`.
pub fn set(name: &str, action: Option<Action>) {
    let mut points = POINTS.lock().unwrap_or_else(PoisonError::into_inner);
    match action {
        Some(action) => points.insert(name.to_owned(), action),
        None => points.remove(name),
    };
}

/// Sets failpoints from text: `name=sleep:MILLISECONDS`, `name=full`, `name=io` or `name=panic`, separated by commas. `false` when a
/// part could not be read; the others are set all the same.
pub fn configure(text: &str) -> bool {
    text.split(',').filter(|part| !part.is_empty()).fold(true, |fine, part| {
        let action = part.split_once('=').and_then(|(name, action)| {
            let action = match action {
                "full" => Action::Fail(Fault::Full),
                "io" => Action::Fail(Fault::Io),
                "panic" => Action::Panic,
                sleep => Action::Sleep(Duration::from_millis(sleep.strip_prefix("sleep:")?.parse().ok()?)),
            };
            Some((name, action))
        });
        let Some((name, action)) = action else { return false };
        set(name, Some(action));
        fine
    })
}

/// Does what the failpoint was told to.
pub(crate) fn reach(name: &str) -> Result<(), Fault> {
    let action = POINTS.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
    match action {
        Some(Action::Sleep(time)) => std::thread::sleep(time),
        Some(Action::Fail(fault)) => return Err(fault),
        Some(Action::Panic) => panic!("the failpoint {name} was told to"),
        None => {}
    }
    Ok(())
}
