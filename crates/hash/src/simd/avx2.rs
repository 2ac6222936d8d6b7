//! Eight lanes.

use core::arch::x86_64::*;

use super::sse::{self, quarter};

/// One word of each lane.
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) fn load(words: &[u32; 8]) -> __m256i {
    // SAFETY: `words` is 32 readable bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// The reverse of [`load`].
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) fn store(words: &mut [u32; 8], v: __m256i) {
    // SAFETY: `words` is 32 bytes that are ours to write, and the store asks for no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), v) }
}

/// The sixteen big-endian words of block `at` of each run: result `i` holds word `i` of lanes 0 to 7.
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) fn message(runs: &[&[[u8; 64]]; 8], at: usize) -> [__m256i; 16] {
    let blocks = [
        &runs[0][at],
        &runs[1][at],
        &runs[2][at],
        &runs[3][at],
        &runs[4][at],
        &runs[5][at],
        &runs[6][at],
        &runs[7][at],
    ];
    let mut out = [_mm256_setzero_si256(); 16];
    let mut q = 0;
    while q < 4 {
        let words = four_words(&blocks, q);
        out[4 * q] = words[0];
        out[4 * q + 1] = words[1];
        out[4 * q + 2] = words[2];
        out[4 * q + 3] = words[3];
        q += 1;
    }
    out
}

/// Words `4 * q` to `4 * q + 3` of each lane: two 4×4 transpositions side by side, lanes 0 to 3 in the lower half.
#[target_feature(enable = "avx2")]
#[inline]
fn four_words(blocks: &[&[u8; 64]; 8], q: usize) -> [__m256i; 4] {
    let a = pair(blocks[0], blocks[4], q);
    let b = pair(blocks[1], blocks[5], q);
    let c = pair(blocks[2], blocks[6], q);
    let d = pair(blocks[3], blocks[7], q);
    let ab_low = _mm256_unpacklo_epi32(a, b);
    let ab_high = _mm256_unpackhi_epi32(a, b);
    let cd_low = _mm256_unpacklo_epi32(c, d);
    let cd_high = _mm256_unpackhi_epi32(c, d);
    [
        _mm256_unpacklo_epi64(ab_low, cd_low),
        _mm256_unpackhi_epi64(ab_low, cd_low),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Quarter `q` of two blocks with the bytes of each word reversed.
#[target_feature(enable = "avx2")]
#[inline]
fn pair(low: &[u8; 64], high: &[u8; 64], q: usize) -> __m256i {
    let low = _mm256_castsi128_si256(sse::load(quarter(low, q)));
    let both = _mm256_inserti128_si256::<1>(low, sse::load(quarter(high, q)));
    let order = _mm256_set_epi64x(0x0c0d0e0f_08090a0b, 0x04050607_00010203, 0x0c0d0e0f_08090a0b, 0x04050607_00010203);
    _mm256_shuffle_epi8(both, order)
}
