//! The key exchange of Diffie and Hellman with 768 bits. Powers are taken in constant time by the library.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U192, U768, const_monty_params};

use crate::MseError;

const_monty_params!(
    P,
    U768,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    "The prime as the library wants it."
);

type Residue = ConstMontyForm<P, { U768::LIMBS }>;

/// The prime P: a safe prime of 768 bits, big-endian. It is not the first Oakley group, whose end is another.
pub const PRIME: [u8; 96] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34, 0xc4, 0xc6, 0x62,
    0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74, 0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13,
    0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd, 0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30,
    0x2b, 0x0a, 0x6d, 0xf2, 0x5f, 0x14, 0x37, 0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45, 0xe4, 0x85, 0xb5, 0x76,
    0x62, 0x5e, 0x7e, 0xc6, 0xf4, 0x4c, 0x42, 0xe9, 0xa6, 0x3a, 0x36, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x05,
    0x63,
];

/// The generator G.
pub const GENERATOR: u8 = 2;

/// Bits of a private key: everyone's.
const KEY_BITS: u32 = 160;

/// A private key and its public one. Making it costs one power modulo P, using it another: a responder under load may use
/// one pair for many connections, since nothing is authenticated anyway.
#[derive(Clone)]
pub struct KeyPair {
    private: U192,
    public: [u8; 96],
}

impl KeyPair {
    /// The pair of a private key of 160 random bits.
    pub fn new(private: [u8; 20]) -> KeyPair {
        let mut wide = [0; 24];
        for (to, from) in wide.iter_mut().skip(4).zip(private) {
            *to = from;
        }
        let private = U192::from_be_slice(&wide);
        KeyPair { private, public: power(&U768::from_u8(GENERATOR), &private) }
    }

    /// The key for the other side: always 96 bytes, zeros in front.
    pub const fn public(&self) -> &[u8; 96] {
        &self.public
    }

    /// The secret that both sides share: always 96 bytes, zeros in front.
    ///
    /// Errors: a key below 2 or above P − 2, whose secret would be known to everyone.
    pub fn shared(&self, theirs: &[u8; 96]) -> Result<[u8; 96], MseError> {
        let theirs = U768::from_be_slice(theirs);
        let last = U768::from_be_slice(&PRIME).wrapping_sub(&U768::from_u8(2));
        if theirs < U768::from_u8(2) || theirs > last {
            return Err(MseError::Key);
        }
        Ok(power(&theirs, &self.private))
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

fn power(base: &U768, exponent: &U192) -> [u8; 96] {
    let bytes = Residue::new(base).pow_bounded_exp(exponent, KEY_BITS).retrieve().to_be_bytes();
    let mut out = [0; 96];
    for (to, from) in out.iter_mut().zip(bytes.as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(n: u8) -> KeyPair {
        KeyPair::new([n; 20])
    }

    #[test]
    fn both_sides_find_the_same_secret() {
        for n in 1..20 {
            let (a, b) = (pair(n), pair(n + 100));
            assert_eq!(a.shared(b.public()), b.shared(a.public()));
        }
        assert_eq!(
            U768::from_be_slice(&PRIME),
            Residue::new(&U768::ZERO).sub(&Residue::ONE).retrieve().wrapping_add(&U768::ONE)
        );
    }

    #[test]
    fn degenerate_keys_are_refused() {
        let prime = U768::from_be_slice(&PRIME);
        let key = |value: U768| -> [u8; 96] { value.to_be_bytes().as_ref().try_into().unwrap() };
        let below = |n: u8| key(prime.wrapping_sub(&U768::from_u8(n)));
        let (ours, one) = (pair(3), U768::ONE);
        for bad in [[0; 96], key(one), below(1), PRIME, key(prime.wrapping_add(&one)), [0xff; 96]] {
            assert_eq!(ours.shared(&bad), Err(MseError::Key), "{bad:02x?}");
        }
        assert!(ours.shared(&below(2)).is_ok() && ours.shared(&key(U768::from_u8(2))).is_ok());
    }
}
