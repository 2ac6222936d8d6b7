//! Which of the processor's instructions hash.

use std::sync::Mutex;
use std::time::Instant;

use bitlode_base::Code;
use bitlode_hash::{Hasher, Isa};

use crate::api::Failure;
use crate::lock::lock;

/// The environment variable that names the best instructions that may be used, whatever the processor has.
pub(crate) const VARIABLE: &str = "BITLODE_ISA";

/// Hashers that were measured in this process, each with its ceiling.
static MEASURED: Mutex<Vec<(Option<Isa>, Hasher)>> = Mutex::new(Vec::new());

/// The fastest hasher up to a ceiling; none or an empty one means whatever is fastest. Measured once in a process: that
/// takes a few milliseconds.
///
/// Errors: `ERR_INVALID_OPTION` for a ceiling that does not exist.
pub(crate) fn hasher(ceiling: Option<&str>) -> Result<Hasher, Failure> {
    let ceiling = match ceiling.filter(|name| !name.is_empty()) {
        Some(name) => Some(name.parse::<Isa>().map_err(|_| Failure {
            code: Code::InvalidOption,
            message: format!("Expected {VARIABLE} to be portable, sha-ni, avx2, avx512 or armv8, got `{name}`"),
        })?),
        None => None,
    };
    let mut measured = lock(&MEASURED);
    if let Some((_, hasher)) = measured.iter().find(|(other, _)| *other == ceiling) {
        return Ok(*hasher);
    }
    let started = Instant::now();
    let hasher = Hasher::calibrated(ceiling, &mut || started.elapsed());
    tracing::debug!(?ceiling, ?hasher, took = ?started.elapsed(), "chose how to hash");
    measured.push((ceiling, hasher));
    Ok(hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_that_does_not_exist_is_an_error_that_names_those_that_do() {
        let failure = hasher(Some("sse9")).unwrap_err();
        assert_eq!(failure.code, Code::InvalidOption);
        assert_eq!(failure.message, "Expected BITLODE_ISA to be portable, sha-ni, avx2, avx512 or armv8, got `sse9`");
    }

    #[test]
    fn no_ceiling_is_passed_whatever_the_processor_has() {
        for (name, most) in [("portable", 1), ("sha-ni", 2), ("avx2", 8), ("avx512", 16), ("", 16)] {
            let chosen = hasher(Some(name)).unwrap();
            assert!(chosen.lanes_sha1() <= most, "{name}: {chosen:?}");
            assert_eq!(hasher(Some(name)).unwrap().lanes_sha1(), chosen.lanes_sha1(), "chosen once");
        }
        assert!(hasher(None).is_ok());
    }
}
