//! The choice of instruction sets.

use core::fmt;

use crate::isa::Isa;

/// What to hash with: one instruction set for streams, and for each hash function one that takes many messages side by
/// side, if that pays. It holds only instruction sets that the processor has.
///
/// Many messages go through lanes while at least *worth* of them are at hand, else one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hasher {
    one: Isa,
    sha1: Lanes,
    sha256: Lanes,
}

/// How one hash function takes many messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lanes {
    /// `one` of the hasher where lanes don't pay.
    isa: Isa,
    worth: u32,
}

impl Lanes {
    /// No lanes: every message is a stream.
    pub(crate) fn none(one: Isa) -> Lanes {
        Lanes { isa: one, worth: 1 }
    }

    /// The lanes of `isa` from `worth` messages on.
    pub(crate) fn of(isa: Isa, worth: u32) -> Lanes {
        Lanes { isa, worth: worth.clamp(1, isa.lanes() as u32) }
    }
}

impl Hasher {
    /// Plain Rust only.
    pub fn portable() -> Hasher {
        Hasher::at_most(Isa::Portable)
    }

    /// The best of what the processor says that it has. Nothing is measured: the same on each call.
    pub fn best() -> Hasher {
        Hasher::chosen(|_| true)
    }

    /// The best within a ceiling: `avx512` includes `avx2`, that `sha-ni`, that `portable`; `armv8` includes `portable`.
    /// With `avx2` streams still go through SHA-NI; `sha-ni` has no lanes. What the processor lacks is left out, so a
    /// ceiling of another architecture leaves plain Rust.
    pub fn at_most(ceiling: Isa) -> Hasher {
        Hasher::chosen(|isa| isa.within(ceiling))
    }

    /// Many messages through `isa` from two on, however slow, and streams too if it has them (else plain Rust): for tests
    /// and measurements. `None` if the processor lacks it.
    pub fn only(isa: Isa) -> Option<Hasher> {
        if !isa.is_available() {
            return None;
        }
        if isa.lanes() == 1 {
            return Some(Hasher::new(isa, Lanes::none(isa), Lanes::none(isa)));
        }
        Some(Hasher::new(Isa::Portable, Lanes::of(isa, 2), Lanes::of(isa, 2)))
    }

    pub(crate) fn new(one: Isa, sha1: Lanes, sha256: Lanes) -> Hasher {
        Hasher { one, sha1, sha256 }
    }

    /// The instruction set of streams within a ceiling.
    pub(crate) fn stream(ceiling: impl Fn(Isa) -> bool) -> Isa {
        let has = |isa: &Isa| ceiling(*isa) && isa.is_available();
        [Isa::ShaNi, Isa::Armv8].into_iter().find(has).unwrap_or(Isa::Portable)
    }

    fn chosen(ceiling: impl Fn(Isa) -> bool) -> Hasher {
        let one = Hasher::stream(&ceiling);
        let quick = one != Isa::Portable;
        let has = |isa| ceiling(isa) && isa.is_available();
        // Break-even as measured on Xeons: a turn of sixteen lanes costs what four streams of SHA-1 by SHA-NI cost, or six
        // of SHA-256; a turn of eight what four cost, and more than eight. Plain Rust is slower than SHA-NI by two to four.
        let (sha1, sha256) = match (has(Isa::Avx512), has(Isa::Avx2), quick) {
            (true, _, true) => (Lanes::of(Isa::Avx512, 5), Lanes::of(Isa::Avx512, 7)),
            (true, _, false) => (Lanes::of(Isa::Avx512, 3), Lanes::of(Isa::Avx512, 3)),
            (false, true, true) => (Lanes::of(Isa::Avx2, 5), Lanes::none(one)),
            (false, true, false) => (Lanes::of(Isa::Avx2, 3), Lanes::of(Isa::Avx2, 3)),
            (false, false, _) => (Lanes::none(one), Lanes::none(one)),
        };
        Hasher::new(one, sha1, sha256)
    }

    /// How many messages SHA-1 takes side by side; 1 where there are no lanes.
    pub fn lanes_sha1(&self) -> usize {
        self.sha1.isa.lanes()
    }

    /// How many messages SHA-256 takes side by side; 1 where there are no lanes.
    pub fn lanes_sha256(&self) -> usize {
        self.sha256.isa.lanes()
    }

    /// From how many messages on lanes of SHA-1 are quicker than streams; 1 where there are no lanes.
    pub fn worth_sha1(&self) -> usize {
        self.sha1.worth as usize
    }

    /// From how many messages on lanes of SHA-256 are quicker than streams; 1 where there are no lanes.
    pub fn worth_sha256(&self) -> usize {
        self.sha256.worth as usize
    }

    /// The instruction set of streams.
    pub fn one(&self) -> Isa {
        self.one
    }

    /// The instruction set of many messages in SHA-1: that of streams where there are no lanes.
    pub fn many_sha1(&self) -> Isa {
        self.sha1.isa
    }

    /// The instruction set of many messages in SHA-256: that of streams where there are no lanes.
    pub fn many_sha256(&self) -> Isa {
        self.sha256.isa
    }
}

impl fmt::Display for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "streams {}", self.one)?;
        for (name, lanes) in [("sha1", self.sha1), ("sha256", self.sha256)] {
            match lanes.isa.lanes() {
                1 => write!(f, ", {name} no lanes")?,
                n => write!(f, ", {name} {} x{n} from {}", lanes.isa, lanes.worth)?,
            }
        }
        Ok(())
    }
}
