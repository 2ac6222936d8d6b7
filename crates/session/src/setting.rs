//! What one row of the table of settings is, and what is wrong with a value that does not fit it.

use core::time::Duration;

use bitlode_base::{Code, Coded};

/// What the number of a setting counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds; a `Duration` in [`Settings`](crate::Settings).
    Milliseconds,
    /// Bytes per second.
    BytesPerSecond,
    /// Things per second.
    PerSecond,
    /// 0 for off, 1 for on; a `boolean` in TypeScript.
    Switch,
}

impl Unit {
    /// The unit as the reference prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unit::Bytes => "bytes",
            Unit::Count => "count",
            Unit::Milliseconds => "milliseconds",
            Unit::BytesPerSecond => "bytes per second",
            Unit::PerSecond => "per second",
            Unit::Switch => "switch",
        }
    }
}

/// A row of the table of settings.
#[derive(Debug, Clone, Copy)]
pub struct SettingDef {
    /// The name as users write it, in camelCase.
    pub name: &'static str,
    /// The name of the field of [`Settings`](crate::Settings).
    pub field: &'static str,
    /// What the number counts.
    pub unit: Unit,
    /// The value when nothing is said.
    pub default: u64,
    /// The least value that is allowed.
    pub min: u64,
    /// The hard limit.
    pub max: u64,
    /// One sentence for the reference.
    pub about: &'static str,
    /// Whether it belongs to the options that applications see.
    pub public: bool,
}

impl SettingDef {
    /// The integer that `value` stands for, if this setting may have it.
    pub fn accept(&self, value: f64) -> Result<u64, SettingError> {
        // Every limit of the table lies below 2^53, where each integer has its own f64. NaN fails the comparison.
        let inside = value >= self.min as f64 && value <= self.max as f64 && value.fract() == 0.0;
        if inside {
            Ok(value as u64)
        } else if self.unit == Unit::Switch {
            Err(SettingError::Switch { name: self.name, got: value })
        } else {
            Err(SettingError::Range { name: self.name, min: self.min, max: self.max, got: value })
        }
    }
}

/// Why a setting cannot be set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The table has no such row.
    #[error("Unknown option `{0}`")]
    Unknown(String),
    /// Not an integer, or outside the range.
    #[error("Expected `{name}` to be an integer from {min} to {max}, got `{got}`")]
    Range {
        /// The setting.
        name: &'static str,
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
        /// The value that was given.
        got: f64,
    },
    /// Neither on nor off.
    #[error("Expected `{name}` to be true or false, got `{got}`")]
    Switch {
        /// The setting.
        name: &'static str,
        /// The value that was given.
        got: f64,
    },
}

impl Coded for SettingError {
    fn code(&self) -> Code {
        match self {
            SettingError::Unknown(_) => Code::UnknownOption,
            SettingError::Range { .. } | SettingError::Switch { .. } => Code::InvalidOption,
        }
    }
}

/// A type that a field of `Settings` can have. The table's ranges make every conversion exact.
pub(crate) trait Number {
    fn from_number(number: u64) -> Self;
    fn to_number(&self) -> u64;
}

macro_rules! integers {
    ($($type:ty),+) => { $(impl Number for $type {
        fn from_number(number: u64) -> Self {
            <$type>::try_from(number).unwrap_or(<$type>::MAX)
        }
        fn to_number(&self) -> u64 {
            u64::try_from(*self).unwrap_or(u64::MAX)
        }
    })+ };
}
integers!(u16, u32, u64, usize);

impl Number for Duration {
    fn from_number(number: u64) -> Self {
        Duration::from_millis(number)
    }
    fn to_number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Number for bool {
    fn from_number(number: u64) -> Self {
        number != 0
    }
    fn to_number(&self) -> u64 {
        u64::from(*self)
    }
}
