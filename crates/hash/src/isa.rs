//! Instruction sets.

use core::fmt;
use core::str::FromStr;

/// An instruction set for hashing. Its text is `portable`, `sha-ni`, `avx2`, `avx512` or `armv8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust, on every processor.
    Portable,
    /// The SHA extensions of x86: one message at a time.
    ShaNi,
    /// AVX2: eight messages side by side.
    Avx2,
    /// AVX-512 F and BW: sixteen messages side by side.
    Avx512,
    /// The SHA instructions of ARMv8: one message at a time.
    Armv8,
}

impl Isa {
    /// All instruction sets, on this processor or not.
    pub const ALL: [Isa; 5] = [Isa::Portable, Isa::ShaNi, Isa::Avx2, Isa::Avx512, Isa::Armv8];

    /// Whether this processor, and the system on it, has the instruction set.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::ShaNi => {
                is_x86_feature_detected!("sha")
                    && is_x86_feature_detected!("ssse3")
                    && is_x86_feature_detected!("sse4.1")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
            #[cfg(target_arch = "aarch64")]
            Isa::Armv8 => std::arch::is_aarch64_feature_detected!("sha2"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// How many messages it hashes side by side.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Portable | Isa::ShaNi | Isa::Armv8 => 1,
            Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Whether it is one of those that `ceiling` allows.
    pub(crate) fn within(self, ceiling: Isa) -> bool {
        match ceiling {
            Isa::Armv8 => matches!(self, Isa::Portable | Isa::Armv8),
            // The x86 ones stand in the order in which each includes those before it.
            Isa::Portable | Isa::ShaNi | Isa::Avx2 | Isa::Avx512 => self <= ceiling,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::ShaNi => "sha-ni",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Armv8 => "armv8",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownIsa;

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected one of")?;
        Isa::ALL.iter().try_for_each(|isa| write!(f, " {isa}"))
    }
}

impl core::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(text: &str) -> Result<Isa, UnknownIsa> {
        Isa::ALL.into_iter().find(|isa| isa.name() == text).ok_or(UnknownIsa)
    }
}
