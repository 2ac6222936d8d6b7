//! What tests may break: panics in every place they can happen, and the failpoints of storage. Never in a release.

use bitlode::base::Code;
use bitlode::storage::sys::failpoint;
use napi_derive::napi;

use crate::error::{Result, failure, guard};

/// Panics in this call.
#[napi(catch_unwind, skip_typescript)]
pub fn panic_in_call() -> Result<()> {
    guard("panicInCall", || panic!("a test asked for it"))
}

/// Sets failpoints of storage: `name=sleep:MILLISECONDS`, `name=full`, `name=io`, `name=panic`, separated by commas; without `=` the
/// point is cleared.
#[napi(catch_unwind, skip_typescript)]
pub fn set_failpoints(text: String) -> Result<()> {
    guard("setFailpoints", || {
        let (set, clear): (Vec<&str>, Vec<&str>) = text.split(',').partition(|part| part.contains('='));
        clear.into_iter().for_each(|name| failpoint::set(name, None));
        if failpoint::configure(&set.join(",")) {
            return Ok(());
        }
        Err(failure(Code::InvalidOption, format!("Expected failpoints, got `{text}`")))
    })
}
