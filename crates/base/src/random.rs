//! The two sources of chance. Both are seeded from outside: in the engine by the system, in the simulator by the run's seed.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Choices that nobody gains by predicting: shuffles, jitter, the optimistic unchoke (xoshiro256++).
#[derive(Debug, Clone)]
pub struct Choice([u64; 4]);

impl Choice {
    /// A generator for this seed; any seed will do.
    pub fn new(seed: u64) -> Choice {
        // SplitMix64 spreads the seed so that no state is all zero.
        let mut x = seed;
        Choice(std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: it never ends")]
    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let out = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        out
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A position in a list of `len`, or `None` when it is empty.
    pub fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len as u64) as usize)
    }

    /// Shuffles in place (Fisher–Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i as u64 + 1) as usize);
        }
    }

    /// A generator of its own, for a part whose draws must not disturb the others'.
    pub fn fork(&mut self) -> Choice {
        Choice::new(self.next())
    }
}

/// Bytes that nobody may guess: peer ids, tokens, keys (ChaCha20).
#[derive(Clone)]
pub struct Secret(ChaCha20Rng);

impl Secret {
    /// A generator for this key.
    pub fn new(key: [u8; 32]) -> Secret {
        Secret(ChaCha20Rng::from_seed(key))
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A generator of its own.
    pub fn fork(&mut self) -> Secret {
        let mut key = [0; 32];
        self.fill(&mut key);
        Secret::new(key)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
