//! The sixty-four rounds of SHA-256 (FIPS 180-4 §6.2.2), once for words of any width.
//!
//! The macros call `add`, `ch`, `maj`, `sum0`, `sum1`, `sigma0`, `sigma1` (the capital and the small letters of the
//! standard) and `all` (one number in every lane) of the place where they are used.

/// FIPS 180-4 §4.2.2.
#[rustfmt::skip]
pub(super) const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Word `t` of the schedule, kept in place of word `t - 16`.
macro_rules! word {
    ($w:ident, $t:expr) => {{
        if $t >= 16 {
            let near = add(sigma1($w[($t + 14) % 16]), $w[($t + 9) % 16]);
            $w[$t % 16] = add(add($w[$t % 16], sigma0($w[($t + 1) % 16])), near);
        }
        $w[$t % 16]
    }};
}

macro_rules! round {
    ($w:ident, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        let first = add(add($h, add(word!($w, $t), all(K[$t]))), add(ch($e, $f, $g), sum1($e)));
        $d = add($d, first);
        $h = add(first, add(sum0($a), maj($a, $b, $c)));
    };
}

macro_rules! eight {
    ($w:ident, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        round!($w, $t, $a $b $c $d $e $f $g $h);
        round!($w, $t + 1, $h $a $b $c $d $e $f $g);
        round!($w, $t + 2, $g $h $a $b $c $d $e $f);
        round!($w, $t + 3, $f $g $h $a $b $c $d $e);
        round!($w, $t + 4, $e $f $g $h $a $b $c $d);
        round!($w, $t + 5, $d $e $f $g $h $a $b $c);
        round!($w, $t + 6, $c $d $e $f $g $h $a $b);
        round!($w, $t + 7, $b $c $d $e $f $g $h $a);
    };
}

/// Takes the message words `$w` into the state `$s`.
macro_rules! rounds {
    ($s:ident, $w:ident) => {{
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = $s;
        eight!($w, 0, a b c d e f g h);
        eight!($w, 8, a b c d e f g h);
        eight!($w, 16, a b c d e f g h);
        eight!($w, 24, a b c d e f g h);
        eight!($w, 32, a b c d e f g h);
        eight!($w, 40, a b c d e f g h);
        eight!($w, 48, a b c d e f g h);
        eight!($w, 56, a b c d e f g h);
        $s = [
            add($s[0], a),
            add($s[1], b),
            add($s[2], c),
            add($s[3], d),
            add($s[4], e),
            add($s[5], f),
            add($s[6], g),
            add($s[7], h),
        ];
    }};
}

pub(super) use {eight, round, rounds, word};
