//! The SHA extensions of x86.

use core::arch::x86_64::*;

use super::rounds::K;
use crate::blocks::Block;
use crate::simd::sse::{ahead, load, of_words, quarter, to_words};

/// Four message words, the first of them lowest.
#[target_feature(enable = "ssse3")]
#[inline]
fn four(block: &Block, at: usize) -> __m128i {
    _mm_shuffle_epi8(load(quarter(block, at)), _mm_set_epi64x(0x0c0d0e0f_08090a0b, 0x04050607_00010203))
}

/// Four rounds from round `$t` on with the words `$w`.
macro_rules! four_rounds {
    ($t:literal, $abef:ident, $cdgh:ident, $w:expr) => {
        let sum = _mm_add_epi32($w, of_words([K[$t], K[$t + 1], K[$t + 2], K[$t + 3]]));
        $cdgh = _mm_sha256rnds2_epu32($cdgh, $abef, sum);
        $abef = _mm_sha256rnds2_epu32($abef, $cdgh, _mm_shuffle_epi32::<0b1110>(sum));
    };
}

/// The next four words in place of the oldest, and their rounds.
macro_rules! later_rounds {
    ($t:literal, $abef:ident, $cdgh:ident, $w0:ident $w1:ident $w2:ident $w3:ident) => {
        let older = _mm_add_epi32(_mm_sha256msg1_epu32($w0, $w1), _mm_alignr_epi8::<4>($w3, $w2));
        $w0 = _mm_sha256msg2_epu32(older, $w3);
        four_rounds!($t, $abef, $cdgh, $w0);
    };
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn compress(words: &mut [u32; 8], blocks: &[Block]) {
    let [a, b, c, d, e, f, g, h] = *words;
    let mut abef = of_words([f, e, b, a]);
    let mut cdgh = of_words([h, g, d, c]);
    for block in blocks {
        ahead::<1024>(block);
        let (abef_then, cdgh_then) = (abef, cdgh);
        let (mut w0, mut w1, mut w2, mut w3) = (four(block, 0), four(block, 1), four(block, 2), four(block, 3));
        four_rounds!(0, abef, cdgh, w0);
        four_rounds!(4, abef, cdgh, w1);
        four_rounds!(8, abef, cdgh, w2);
        four_rounds!(12, abef, cdgh, w3);
        later_rounds!(16, abef, cdgh, w0 w1 w2 w3);
        later_rounds!(20, abef, cdgh, w1 w2 w3 w0);
        later_rounds!(24, abef, cdgh, w2 w3 w0 w1);
        later_rounds!(28, abef, cdgh, w3 w0 w1 w2);
        later_rounds!(32, abef, cdgh, w0 w1 w2 w3);
        later_rounds!(36, abef, cdgh, w1 w2 w3 w0);
        later_rounds!(40, abef, cdgh, w2 w3 w0 w1);
        later_rounds!(44, abef, cdgh, w3 w0 w1 w2);
        later_rounds!(48, abef, cdgh, w0 w1 w2 w3);
        later_rounds!(52, abef, cdgh, w1 w2 w3 w0);
        later_rounds!(56, abef, cdgh, w2 w3 w0 w1);
        later_rounds!(60, abef, cdgh, w3 w0 w1 w2);
        abef = _mm_add_epi32(abef, abef_then);
        cdgh = _mm_add_epi32(cdgh, cdgh_then);
    }
    let [f, e, b, a] = to_words(abef);
    let [h, g, d, c] = to_words(cdgh);
    *words = [a, b, c, d, e, f, g, h];
}
