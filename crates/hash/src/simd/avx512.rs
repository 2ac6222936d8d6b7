//! Sixteen lanes.

use core::arch::x86_64::*;

/// One word of each lane.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn load(words: &[u32; 16]) -> __m512i {
    // SAFETY: `words` is 64 readable bytes, and the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The reverse of [`load`].
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn store(words: &mut [u32; 16], v: __m512i) {
    // SAFETY: `words` is 64 bytes that are ours to write, and the store asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), v) }
}

/// A block with the bytes of each word reversed.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn row(block: &[u8; 64]) -> __m512i {
    // SAFETY: `block` is 64 readable bytes, and the load asks for no alignment.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    let order = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    _mm512_shuffle_epi8(bytes, order)
}

/// Four rows, transposed within each 128 bits: result `i` holds in its 128 bits `k` word `4 * k + i` of the four.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn four_rows(runs: &[&[[u8; 64]]; 16], at: usize, first: usize) -> [__m512i; 4] {
    let a = row(&runs[first][at]);
    let b = row(&runs[first + 1][at]);
    let c = row(&runs[first + 2][at]);
    let d = row(&runs[first + 3][at]);
    let ab_low = _mm512_unpacklo_epi32(a, b);
    let ab_high = _mm512_unpackhi_epi32(a, b);
    let cd_low = _mm512_unpacklo_epi32(c, d);
    let cd_high = _mm512_unpackhi_epi32(c, d);
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// The sixteen big-endian words of block `at` of each run: result `i` holds word `i` of lanes 0 to 15.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub(crate) fn message(runs: &[&[[u8; 64]]; 16], at: usize) -> [__m512i; 16] {
    let a = four_rows(runs, at, 0);
    let b = four_rows(runs, at, 4);
    let c = four_rows(runs, at, 8);
    let d = four_rows(runs, at, 12);
    let mut out = [_mm512_setzero_si512(); 16];
    let mut i = 0;
    while i < 4 {
        // A 4×4 transposition of 128-bit parts: the even ones first, then the odd ones.
        let ab_even = _mm512_shuffle_i32x4::<0x88>(a[i], b[i]);
        let ab_odd = _mm512_shuffle_i32x4::<0xdd>(a[i], b[i]);
        let cd_even = _mm512_shuffle_i32x4::<0x88>(c[i], d[i]);
        let cd_odd = _mm512_shuffle_i32x4::<0xdd>(c[i], d[i]);
        out[i] = _mm512_shuffle_i32x4::<0x88>(ab_even, cd_even);
        out[4 + i] = _mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd);
        out[8 + i] = _mm512_shuffle_i32x4::<0xdd>(ab_even, cd_even);
        out[12 + i] = _mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd);
        i += 1;
    }
    out
}
