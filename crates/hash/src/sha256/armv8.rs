//! The SHA instructions of ARMv8.

use core::arch::aarch64::*;

use super::rounds::K;
use crate::blocks::Block;

#[target_feature(enable = "sha2")]
pub(super) fn compress(words: &mut [u32; 8], blocks: &[Block]) {
    // SAFETY: each pointer is to as many words or bytes as are read or written.
    unsafe {
        let mut abcd = vld1q_u32(words.as_ptr());
        let mut efgh = vld1q_u32(words[4..].as_ptr());
        for block in blocks {
            let mut w = [0, 16, 32, 48].map(|at| vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block[at..].as_ptr()))));
            let (abcd_then, efgh_then) = (abcd, efgh);
            for four in 0..16 {
                if four >= 4 {
                    let [a, b, c, d] = w;
                    w = [b, c, d, vsha256su1q_u32(vsha256su0q_u32(a, b), c, d)];
                }
                let sum = vaddq_u32(w[four.min(3)], vld1q_u32(K[4 * four..].as_ptr()));
                let before = abcd;
                abcd = vsha256hq_u32(abcd, efgh, sum);
                efgh = vsha256h2q_u32(efgh, before, sum);
            }
            abcd = vaddq_u32(abcd, abcd_then);
            efgh = vaddq_u32(efgh, efgh_then);
        }
        vst1q_u32(words.as_mut_ptr(), abcd);
        vst1q_u32(words[4..].as_mut_ptr(), efgh);
    }
}
