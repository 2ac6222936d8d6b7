//! One way out of every export: a value, or an error whose `code` is stable.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bitlode::api::Failure;
use bitlode::base::{Code, Coded};
use napi_derive::napi;

/// What an export returns. The code becomes the property `code` of the JavaScript error.
pub(crate) type Result<T> = napi::Result<T, Stable>;

/// A stable code as napi-rs wants it.
pub struct Stable(Code);

impl AsRef<str> for Stable {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

impl From<napi::Status> for Stable {
    fn from(status: napi::Status) -> Stable {
        Stable(match status {
            napi::Status::InvalidArg
            | napi::Status::ObjectExpected
            | napi::Status::StringExpected
            | napi::Status::FunctionExpected
            | napi::Status::NumberExpected
            | napi::Status::BooleanExpected
            | napi::Status::ArrayExpected => Code::InvalidOption,
            _ => Code::Internal,
        })
    }
}

/// Runs an export's body: a failure becomes an error with its code, a panic one with `ERR_INTERNAL`.
pub(crate) fn guard<T>(name: &'static str, body: impl FnOnce() -> std::result::Result<T, Failure>) -> Result<T> {
    tracing::trace!(target: "bitlode::native", name);
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(napi::Error::new(Stable(failure.code), failure.message)),
        Err(panic) => Err(napi::Error::new(Stable(Code::Internal), format!("{name} panicked: {}", said(&*panic)))),
    }
}

/// A failure with a code and a sentence.
pub(crate) fn failure(code: Code, message: impl Into<String>) -> Failure {
    Failure { code, message: message.into() }
}

/// The failure that a coded error stands for.
pub(crate) fn failed(error: impl Coded) -> Failure {
    failure(error.code(), error.to_string())
}

/// The failure that an error of Node-API itself stands for.
pub(crate) fn node(error: napi::Error) -> Failure {
    failure(Stable::from(error.status).0, error.reason.clone())
}

fn said(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "no message",
    }
}

/// A failure that is part of a state or a reply.
#[napi(object, object_from_js = false)]
pub struct Fault {
    /// The stable code.
    pub code: String,
    /// One line for a person.
    pub message: String,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        Fault { code: failure.code.as_str().to_owned(), message: failure.message }
    }
}
