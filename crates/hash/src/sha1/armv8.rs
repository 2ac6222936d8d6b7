//! The SHA instructions of ARMv8.

use core::arch::aarch64::*;

use crate::blocks::Block;

#[target_feature(enable = "sha2")]
pub(super) fn compress(words: &mut [u32; 5], blocks: &[Block]) {
    // SAFETY: each pointer is to as many words or bytes as are read or written.
    unsafe {
        let mut abcd = vld1q_u32(words.as_ptr());
        let mut e = words[4];
        for block in blocks {
            let mut w = [0, 16, 32, 48].map(|at| vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block[at..].as_ptr()))));
            let (abcd_then, e_then) = (abcd, e);
            for four in 0..20 {
                if four >= 4 {
                    let [a, b, c, d] = w;
                    w = [b, c, d, vsha1su1q_u32(vsha1su0q_u32(a, b, c), d)];
                }
                let now = w[four.min(3)];
                let next = vsha1h_u32(vgetq_lane_u32::<0>(abcd));
                abcd = match four / 5 {
                    0 => vsha1cq_u32(abcd, e, vaddq_u32(now, vdupq_n_u32(0x5a82_7999))),
                    1 => vsha1pq_u32(abcd, e, vaddq_u32(now, vdupq_n_u32(0x6ed9_eba1))),
                    2 => vsha1mq_u32(abcd, e, vaddq_u32(now, vdupq_n_u32(0x8f1b_bcdc))),
                    _ => vsha1pq_u32(abcd, e, vaddq_u32(now, vdupq_n_u32(0xca62_c1d6))),
                };
                e = next;
            }
            abcd = vaddq_u32(abcd, abcd_then);
            e = e.wrapping_add(e_then);
        }
        vst1q_u32(words.as_mut_ptr(), abcd);
        words[4] = e;
    }
}
