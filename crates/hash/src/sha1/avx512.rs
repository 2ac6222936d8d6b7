//! Sixteen messages side by side.

use core::arch::x86_64::*;

use super::rounds::{five, round, rounds, twenty, word};
use crate::blocks::Block;
use crate::lanes::Columns;
use crate::simd::avx512::{load, message, store};

#[target_feature(enable = "avx512f")]
#[inline]
fn add(x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(x, y)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn xor(x: __m512i, y: __m512i) -> __m512i {
    _mm512_xor_si512(x, y)
}

// The constants of the ternary functions are their tables of truth.

#[target_feature(enable = "avx512f")]
#[inline]
fn xor3(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(x, y, z)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn ch(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xca>(x, y, z)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn maj(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xe8>(x, y, z)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn rol1(x: __m512i) -> __m512i {
    _mm512_rol_epi32::<1>(x)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn rol5(x: __m512i) -> __m512i {
    _mm512_rol_epi32::<5>(x)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn rol30(x: __m512i) -> __m512i {
    _mm512_rol_epi32::<30>(x)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn all(x: u32) -> __m512i {
    _mm512_set1_epi32(x.cast_signed())
}

/// Takes the first `blocks` blocks of each run.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn turn(columns: &mut Columns<5, 16>, runs: &[&[Block]; 16], blocks: usize) {
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
