//! RC4, the stream cipher that the protocol chose in 2006. It is broken as a cipher; here it makes noise.

/// One direction of an encrypted stream. Each place of the state has a word of its own, which is twice as fast as bytes.
#[derive(Clone)]
pub struct Rc4 {
    state: [u32; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// The stream of a key, from its first byte. Message Stream Encryption begins after [`Rc4::skip`] of 1,024. An empty key
    /// counts as a single zero.
    pub fn new(key: &[u8]) -> Rc4 {
        let mut state = std::array::from_fn(|at| at as u32);
        let mut j = 0u8;
        let key: &[u8] = if key.is_empty() { &[0] } else { key };
        for (i, byte) in (0..=255u8).zip(key.iter().cycle()) {
            j = j.wrapping_add(at(&state, i) as u8).wrapping_add(*byte);
            state.swap(usize::from(i), usize::from(j));
        }
        Rc4 { state, i: 0, j: 0 }
    }

    /// Encrypts or decrypts in place, which is the same; the stream goes on where the last call ended.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (mut i, mut j) = (self.i.wrapping_add(1), self.j);
        let mut a = at(&self.state, i);
        for byte in data {
            j = j.wrapping_add(a as u8);
            let b = at(&self.state, j);
            // The next place is read before these two are written: a load never waits for a store.
            let next = i.wrapping_add(1);
            let early = at(&self.state, next);
            put(&mut self.state, i, b);
            put(&mut self.state, j, a);
            *byte ^= at(&self.state, a.wrapping_add(b) as u8) as u8;
            // Unless it was one of them.
            a = if next == j { a } else { early };
            i = next;
        }
        (self.i, self.j) = (i.wrapping_sub(1), j);
    }

    /// Leaves out the next `bytes` of the stream.
    pub fn skip(&mut self, bytes: usize) {
        let mut sink = [0; 256];
        let mut left = bytes;
        while let Some(part) = sink.get_mut(..left.min(256)).filter(|part| !part.is_empty()) {
            left = left.saturating_sub(part.len());
            self.apply(part);
        }
    }
}

impl std::fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rc4(…)")
    }
}

// A byte is always an index of 256 places: no bound is checked here.
#[allow(clippy::indexing_slicing)]
fn at(state: &[u32; 256], index: u8) -> u32 {
    state[usize::from(index)]
}

#[allow(clippy::indexing_slicing)]
fn put(state: &mut [u32; 256], index: u8, value: u32) {
    state[usize::from(index)] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(key: &[u8], skip: usize, len: usize) -> Vec<u8> {
        let mut cipher = Rc4::new(key);
        cipher.skip(skip);
        let mut out = vec![0; len];
        cipher.apply(&mut out);
        out
    }

    #[test]
    fn the_streams_of_rfc_6229_come_out() {
        for (key, offset, want) in [
            (&[1, 2, 3, 4, 5][..], 0, 0xb239_6305_f03d_c027_ccc3_524a_0a11_18a8_u128),
            (&[1, 2, 3, 4, 5], 1024, 0x30ab_bcc7_c20b_0160_9f23_ee2d_5f6b_b7df),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], 0, 0x9ac7_cc9a_609d_1ef7_b293_2899_cde4_1b97),
        ] {
            assert_eq!(stream(key, offset, 16), want.to_be_bytes(), "{key:?} from {offset}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_the_same_stream() {
        let whole = stream(b"key", 0, 2000);
        for cut in [0, 1, 255, 256, 257, 1999, 2000] {
            let mut cipher = Rc4::new(b"key");
            let mut parts = vec![0; 2000];
            let (a, b) = parts.split_at_mut(cut);
            cipher.apply(a);
            cipher.apply(b);
            assert_eq!(parts, whole, "{cut}");
            assert_eq!(stream(b"key", cut, 2000 - cut), whole[cut..]);
        }
    }

    #[test]
    fn what_was_encrypted_is_decrypted_by_the_same_key() {
        let mut text = *b"attack at dawn";
        Rc4::new(b"k").apply(&mut text);
        assert_ne!(&text, b"attack at dawn");
        Rc4::new(b"k").apply(&mut text);
        assert_eq!(&text, b"attack at dawn");
        assert_eq!(format!("{:?}", Rc4::new(b"k")), "Rc4(…)", "no key is printed");
    }
}
