//! Four words at a time.

use core::arch::x86_64::*;

/// Sixteen bytes as they stand.
#[target_feature(enable = "sse2")]
#[inline]
pub(crate) fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: `bytes` is sixteen readable bytes, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Words of a state, `words[0]` lowest.
#[target_feature(enable = "sse2")]
#[inline]
pub(crate) fn of_words(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_setr_epi32(a, b, c, d)
}

/// The reverse of [`of_words`].
#[target_feature(enable = "sse4.1")]
#[inline]
pub(crate) fn to_words(v: __m128i) -> [u32; 4] {
    [_mm_extract_epi32::<0>(v), _mm_extract_epi32::<1>(v), _mm_extract_epi32::<2>(v), _mm_extract_epi32::<3>(v)]
        .map(i32::cast_unsigned)
}

/// The part of a block that holds the words `4 * at` to `4 * at + 3`.
#[inline]
pub(crate) fn quarter(block: &[u8; 64], at: usize) -> &[u8; 16] {
    &block.as_chunks::<16>().0[at]
}

/// Asks for the line `BYTES` behind the start of `block`, so that data that lie in no near cache are there in time: one
/// stream alone has too few loads on their way, and takes almost twice as long from memory without this. Past the end of
/// the data nothing happens.
#[target_feature(enable = "sse2")]
#[inline]
pub(crate) fn ahead<const BYTES: usize>(block: &[u8; 64]) {
    _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(BYTES).cast());
}
