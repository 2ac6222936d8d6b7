//! The SHA extensions of x86.

use core::arch::x86_64::*;

use crate::blocks::Block;
use crate::simd::sse::{ahead, load, of_words, quarter, to_words};

/// Four message words, the first of them highest.
#[target_feature(enable = "ssse3")]
#[inline]
fn four(block: &Block, at: usize) -> __m128i {
    _mm_shuffle_epi8(load(quarter(block, at)), _mm_set_epi64x(0x00010203_04050607, 0x08090a0b_0c0d0e0f))
}

/// Four rounds; `$w` are their words. `$abcd` and `$before`, its value four rounds ago, move on.
macro_rules! four_rounds {
    ($f:literal, $abcd:ident, $before:ident, $w:expr) => {
        let e = _mm_sha1nexte_epu32($before, $w);
        $before = $abcd;
        $abcd = _mm_sha1rnds4_epu32::<$f>($abcd, e);
    };
}

/// The next four words in place of the oldest.
macro_rules! schedule {
    ($w0:ident, $w1:ident, $w2:ident, $w3:ident) => {
        $w0 = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32($w0, $w1), $w2), $w3);
    };
}

/// Twenty rounds, the words of the first four being the oldest of the sixteen.
macro_rules! twenty {
    ($f:literal, $abcd:ident, $before:ident, $a:ident $b:ident $c:ident $d:ident) => {
        schedule!($a, $b, $c, $d);
        four_rounds!($f, $abcd, $before, $a);
        schedule!($b, $c, $d, $a);
        four_rounds!($f, $abcd, $before, $b);
        schedule!($c, $d, $a, $b);
        four_rounds!($f, $abcd, $before, $c);
        schedule!($d, $a, $b, $c);
        four_rounds!($f, $abcd, $before, $d);
        schedule!($a, $b, $c, $d);
        four_rounds!($f, $abcd, $before, $a);
    };
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn compress(words: &mut [u32; 5], blocks: &[Block]) {
    let [a, b, c, d, e] = *words;
    let mut abcd = of_words([d, c, b, a]);
    let mut e = of_words([0, 0, 0, e]);
    for block in blocks {
        ahead::<1024>(block);
        let (abcd_then, e_then) = (abcd, e);
        let (mut w0, mut w1, mut w2, mut w3) = (four(block, 0), four(block, 1), four(block, 2), four(block, 3));
        // The first four rounds take e as it is; later ones make it from what a was four rounds before.
        let mut before = abcd;
        abcd = _mm_sha1rnds4_epu32::<0>(abcd, _mm_add_epi32(e, w0));
        four_rounds!(0, abcd, before, w1);
        four_rounds!(0, abcd, before, w2);
        four_rounds!(0, abcd, before, w3);
        schedule!(w0, w1, w2, w3);
        four_rounds!(0, abcd, before, w0);
        twenty!(1, abcd, before, w1 w2 w3 w0);
        twenty!(2, abcd, before, w2 w3 w0 w1);
        twenty!(3, abcd, before, w3 w0 w1 w2);
        e = _mm_sha1nexte_epu32(before, e_then);
        abcd = _mm_add_epi32(abcd, abcd_then);
    }
    let [d, c, b, a] = to_words(abcd);
    let [_, _, _, e] = to_words(e);
    *words = [a, b, c, d, e];
}
