//! The Node addon. It converts and calls; it decides nothing. Two classes, `Engine` and `Reader`, and plain functions
//! that need neither. No export is asynchronous, no engine thread waits for JavaScript, no pointer into JavaScript's
//! memory outlives a call.
// napi-rs exports public items only, and nobody links a cdylib from Rust.
#![allow(unreachable_pub)]
// In a test build napi-rs registers nothing, so nothing is used.
#![cfg_attr(test, allow(dead_code))]

mod bell;
mod bytes;
mod drained;
mod engine;
mod error;
mod extension;
mod held;
#[cfg(feature = "test-hooks")]
mod hooks;
mod metainfo;
mod mse;
mod number;
mod options;
mod packed;
mod reader;
mod table;
mod utp;
mod wire;
