//! What a handshake takes from chance.

use bitlode_base::Secret;

use crate::{KeyPair, MAX_PAD, MseError};

/// How many lengths a pad may have.
const LENGTHS: u64 = MAX_PAD as u64 + 1;

/// Everything random of one handshake, drawn before it starts.
#[derive(Debug, Clone)]
pub struct Chance {
    pub(crate) pair: KeyPair,
    pub(crate) pad: Vec<u8>,
    pub(crate) reserved: Vec<u8>,
}

impl Chance {
    /// From given parts: `pad` is PadA or PadB and should be random, `reserved` PadC or PadD, zeros by convention.
    ///
    /// Errors: [`MseError::Chance`] when one is longer than 512 bytes.
    pub fn new(pair: KeyPair, pad: Vec<u8>, reserved: Vec<u8>) -> Result<Chance, MseError> {
        if pad.len() > MAX_PAD || reserved.len() > MAX_PAD {
            return Err(MseError::Chance);
        }
        Ok(Chance { pair, pad, reserved })
    }

    /// Draws a key and pads of 0 to 512 bytes.
    pub fn draw(secret: &mut Secret) -> Chance {
        let mut private = [0; 20];
        secret.fill(&mut private);
        Chance::with_pair(KeyPair::new(private), secret)
    }

    /// Draws the pads only: for a pair that is used more than once.
    pub fn with_pair(pair: KeyPair, secret: &mut Secret) -> Chance {
        let mut len = || usize::try_from(secret.next() % LENGTHS).unwrap_or(0);
        let (mut pad, reserved) = (vec![0; len()], vec![0; len()]);
        secret.fill(&mut pad);
        Chance { pair, pad, reserved }
    }
}
