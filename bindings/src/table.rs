//! The tables that TypeScript holds a copy of, the strict decoder for what other code wants to read, and the log.

use bitlode::base::Code;
use bitlode::bencode;
use bitlode::session::Settings;
use napi_derive::napi;
use tracing_subscriber::EnvFilter;

use crate::bytes::Bytes;
use crate::error::{Result, failed, failure, guard};

/// One row of the table of errors.
#[napi(object, object_from_js = false)]
pub struct ErrorRow {
    /// The stable code.
    pub code: String,
    /// The sentence that explains it.
    pub about: String,
}

/// One row of the table of settings.
#[napi(object, object_from_js = false)]
pub struct SettingRow {
    /// The name.
    pub name: String,
    /// What the number counts.
    pub unit: String,
    /// The value when nothing is said.
    pub default: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

/// The version of the addon.
#[napi(catch_unwind)]
pub fn version() -> Result<String> {
    guard("version", || Ok(env!("CARGO_PKG_VERSION").to_owned()))
}

/// Every error code, in the order of the table.
#[napi(catch_unwind)]
pub fn error_codes() -> Result<Vec<ErrorRow>> {
    let row = |code: &Code| ErrorRow { code: code.as_str().to_owned(), about: code.about().to_owned() };
    guard("errorCodes", || Ok(Code::ALL.iter().map(row).collect()))
}

/// Every setting, in the order of the table.
#[napi(catch_unwind)]
pub fn settings_table() -> Result<Vec<SettingRow>> {
    guard("settingsTable", || {
        let row = |def: &bitlode::session::SettingDef| SettingRow {
            name: def.name.to_owned(),
            unit: def.unit.as_str().to_owned(),
            default: def.default as f64,
            min: def.min as f64,
            max: def.max as f64,
        };
        Ok(Settings::TABLE.iter().map(row).collect())
    })
}

/// Throws unless `bytes` are one bencoded value within the limits and nothing behind it.
#[napi(catch_unwind)]
pub fn check_bencode(#[napi(ts_arg_type = "Uint8Array")] bytes: Bytes, depth: u32, tokens: u32) -> Result<()> {
    guard("checkBencode", || bencode::decode(&bytes.0, bencode::Limits { depth, tokens }).map(drop).map_err(failed))
}

/// Writes the log to the standard error; `filter` is a level or a filter of the `tracing` crate. The first call decides.
#[napi(catch_unwind)]
pub fn set_log(filter: String) -> Result<()> {
    guard("setLog", || {
        let filter = EnvFilter::try_new(filter).map_err(|error| failure(Code::InvalidOption, error.to_string()))?;
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
        Ok(())
    })
}
