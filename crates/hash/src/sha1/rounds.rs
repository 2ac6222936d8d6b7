//! The eighty rounds of SHA-1 (FIPS 180-4 §6.1.2), once for words of any width.
//!
//! The macros call `add`, `xor`, `xor3`, `rol1`, `rol5`, `rol30`, `ch`, `maj` and `all` (one number in every lane) of the
//! place where they are used.

/// Word `t` of the schedule, kept in place of word `t - 16`.
macro_rules! word {
    ($w:ident, $t:expr) => {{
        if $t >= 16 {
            let older = xor3($w[($t + 13) % 16], $w[($t + 8) % 16], $w[($t + 2) % 16]);
            $w[$t % 16] = rol1(xor(older, $w[$t % 16]));
        }
        $w[$t % 16]
    }};
}

macro_rules! round {
    ($f:ident, $k:ident, $w:ident, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        // What depends on the round before comes last.
        $e = add(add(add($e, add(word!($w, $t), $k)), $f($b, $c, $d)), rol5($a));
        $b = rol30($b);
    };
}

macro_rules! five {
    ($f:ident, $k:ident, $w:ident, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        round!($f, $k, $w, $t, $a $b $c $d $e);
        round!($f, $k, $w, $t + 1, $e $a $b $c $d);
        round!($f, $k, $w, $t + 2, $d $e $a $b $c);
        round!($f, $k, $w, $t + 3, $c $d $e $a $b);
        round!($f, $k, $w, $t + 4, $b $c $d $e $a);
    };
}

macro_rules! twenty {
    ($f:ident, $k:ident, $w:ident, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        five!($f, $k, $w, $t, $a $b $c $d $e);
        five!($f, $k, $w, $t + 5, $a $b $c $d $e);
        five!($f, $k, $w, $t + 10, $a $b $c $d $e);
        five!($f, $k, $w, $t + 15, $a $b $c $d $e);
    };
}

/// Takes the message words `$w` into the state `$h`.
macro_rules! rounds {
    ($h:ident, $w:ident) => {{
        let [mut a, mut b, mut c, mut d, mut e] = $h;
        let [k0, k1, k2, k3] = [all(0x5a82_7999), all(0x6ed9_eba1), all(0x8f1b_bcdc), all(0xca62_c1d6)];
        twenty!(ch, k0, $w, 0, a b c d e);
        twenty!(xor3, k1, $w, 20, a b c d e);
        twenty!(maj, k2, $w, 40, a b c d e);
        twenty!(xor3, k3, $w, 60, a b c d e);
        $h = [add($h[0], a), add($h[1], b), add($h[2], c), add($h[3], d), add($h[4], e)];
    }};
}

pub(super) use {five, round, rounds, twenty, word};
