//! Eight messages side by side.

use core::arch::x86_64::*;

use super::rounds::{K, eight, round, rounds, word};
use crate::blocks::Block;
use crate::lanes::Columns;
use crate::simd::avx2::{load, message, store};

#[target_feature(enable = "avx2")]
#[inline]
fn add(x: __m256i, y: __m256i) -> __m256i {
    _mm256_add_epi32(x, y)
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor(x: __m256i, y: __m256i) -> __m256i {
    _mm256_xor_si256(x, y)
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor3(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
    xor(xor(x, y), z)
}

#[target_feature(enable = "avx2")]
#[inline]
fn ch(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
    xor(z, _mm256_and_si256(x, xor(y, z)))
}

/// `x ^ y` is `y ^ z` of the next round, where the compiler finds it again.
#[target_feature(enable = "avx2")]
#[inline]
fn maj(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
    xor(y, _mm256_and_si256(xor(x, y), xor(y, z)))
}

/// Turns each word right by `R`; `L` is 32 - `R`.
#[target_feature(enable = "avx2")]
#[inline]
fn ror<const R: i32, const L: i32>(x: __m256i) -> __m256i {
    const { assert!(R + L == 32) }
    _mm256_or_si256(_mm256_srli_epi32::<R>(x), _mm256_slli_epi32::<L>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sum0(x: __m256i) -> __m256i {
    xor3(ror::<2, 30>(x), ror::<13, 19>(x), ror::<22, 10>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sum1(x: __m256i) -> __m256i {
    xor3(ror::<6, 26>(x), ror::<11, 21>(x), ror::<25, 7>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sigma0(x: __m256i) -> __m256i {
    xor3(ror::<7, 25>(x), ror::<18, 14>(x), _mm256_srli_epi32::<3>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sigma1(x: __m256i) -> __m256i {
    xor3(ror::<17, 15>(x), ror::<19, 13>(x), _mm256_srli_epi32::<10>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn all(x: u32) -> __m256i {
    _mm256_set1_epi32(x.cast_signed())
}

/// Takes the first `blocks` blocks of each run.
#[target_feature(enable = "avx2")]
pub(super) fn turn(columns: &mut Columns<8, 8>, runs: &[&[Block]; 8], blocks: usize) {
    let [a, b, c, d, e, f, g, h] = columns;
    let mut s = [load(a), load(b), load(c), load(d), load(e), load(f), load(g), load(h)];
    for at in 0..blocks {
        let mut w = message(runs, at);
        rounds!(s, w);
    }
    store(a, s[0]);
    store(b, s[1]);
    store(c, s[2]);
    store(d, s[3]);
    store(e, s[4]);
    store(f, s[5]);
    store(g, s[6]);
    store(h, s[7]);
}
