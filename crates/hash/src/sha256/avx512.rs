//! Sixteen messages side by side.

use core::arch::x86_64::*;

use super::rounds::{K, eight, round, rounds, word};
use crate::blocks::Block;
use crate::lanes::Columns;
use crate::simd::avx512::{load, message, store};

#[target_feature(enable = "avx512f")]
#[inline]
fn add(x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(x, y)
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
fn sum0(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<2>(x), _mm512_ror_epi32::<13>(x), _mm512_ror_epi32::<22>(x))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn sum1(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<6>(x), _mm512_ror_epi32::<11>(x), _mm512_ror_epi32::<25>(x))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn sigma0(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<7>(x), _mm512_ror_epi32::<18>(x), _mm512_srli_epi32::<3>(x))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn sigma1(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<17>(x), _mm512_ror_epi32::<19>(x), _mm512_srli_epi32::<10>(x))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn all(x: u32) -> __m512i {
    _mm512_set1_epi32(x.cast_signed())
}

/// Takes the first `blocks` blocks of each run.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn turn(columns: &mut Columns<8, 16>, runs: &[&[Block]; 16], blocks: usize) {
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
