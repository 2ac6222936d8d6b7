//! Eight messages side by side.

use core::arch::x86_64::*;

use super::rounds::{five, round, rounds, twenty, word};
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

#[target_feature(enable = "avx2")]
#[inline]
fn maj(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn rol1(x: __m256i) -> __m256i {
    _mm256_or_si256(add(x, x), _mm256_srli_epi32::<31>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn rol5(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<5>(x), _mm256_srli_epi32::<27>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn rol30(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<30>(x), _mm256_srli_epi32::<2>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn all(x: u32) -> __m256i {
    _mm256_set1_epi32(x.cast_signed())
}

/// Takes the first `blocks` blocks of each run.
#[target_feature(enable = "avx2")]
pub(super) fn turn(columns: &mut Columns<5, 8>, runs: &[&[Block]; 8], blocks: usize) {
    let [a, b, c, d, e] = columns;
    let mut h = [load(a), load(b), load(c), load(d), load(e)];
    for at in 0..blocks {
        let mut w = message(runs, at);
        rounds!(h, w);
    }
    store(a, h[0]);
    store(b, h[1]);
    store(c, h[2]);
    store(d, h[3]);
    store(e, h[4]);
}
