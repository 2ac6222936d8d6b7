//! How the stream goes on after the handshake.

/// A set of methods (`crypto_provide`, `crypto_select`). Bits that nobody uses are kept apart: they are never chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods(u32);

impl Methods {
    /// None at all.
    pub const NONE: Methods = Methods(0);
    /// The payload is not encrypted.
    pub const PLAIN: Methods = Methods(1);
    /// The payload is encrypted with RC4.
    pub const RC4: Methods = Methods(2);
    /// Either.
    pub const BOTH: Methods = Methods(3);

    /// The methods in these bits; those that we do not know are left out.
    pub const fn of(bits: u32) -> Methods {
        Methods(bits & Methods::BOTH.0)
    }

    /// The bits on the wire.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every one of `methods` is here.
    pub const fn has(self, methods: Methods) -> bool {
        self.0 & methods.0 == methods.0
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn and(self, methods: Methods) -> Methods {
        Methods(self.0 & methods.0)
    }

    /// Whether it is exactly one method.
    pub const fn is_one(self) -> bool {
        self.0.is_power_of_two()
    }
}
