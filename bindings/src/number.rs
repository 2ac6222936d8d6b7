//! Numbers of JavaScript's.

use bitlode::api::Failure;
use bitlode::base::Code;

use crate::error::failure;

/// A number of JavaScript's that is an integer from 0 to 2^53 - 1.
pub(crate) fn whole(number: f64) -> std::result::Result<u64, Failure> {
    if (0.0..9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0 {
        return Ok(number as u64);
    }
    Err(failure(Code::InvalidOption, format!("Expected an integer from 0 to 2^53 - 1, got {number}")))
}
