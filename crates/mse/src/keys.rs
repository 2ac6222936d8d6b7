//! What both sides derive from the shared secret S and the torrent's info-hash SKEY.

use bitlode_hash::Sha1;

use crate::Rc4;

/// Bytes of the stream that are left out before anything is encrypted.
const DISCARD: usize = 1024;

/// By what a responder finds the torrent: `H("req2", SKEY)`. A table of these, one for each torrent it has (two for a hybrid),
/// answers every handshake with one look-up.
pub fn skey_mark(skey: &[u8; 20]) -> [u8; 20] {
    hash(&[b"req2", skey])
}

/// `H("req1", S)`, which ends PadA.
pub(crate) fn sync_mark(secret: &[u8; 96]) -> [u8; 20] {
    hash(&[b"req1", secret])
}

/// `H("req3", S)`, which hides [`skey_mark`].
pub(crate) fn mask(secret: &[u8; 96]) -> [u8; 20] {
    hash(&[b"req3", secret])
}

/// Everything that follows from the secret and the info-hash, for those who write a handshake of their own.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `H("req1", S)`: the end of PadA.
    pub sync: [u8; 20],
    /// `H("req2", SKEY) xor H("req3", S)`: names the torrent.
    pub torrent: [u8; 20],
    /// The stream from the initiator, 1,024 bytes in.
    pub initiator: Rc4,
    /// The stream from the responder, 1,024 bytes in.
    pub responder: Rc4,
}

impl Keys {
    /// Derives the keys.
    pub fn derive(secret: &[u8; 96], skey: &[u8; 20]) -> Keys {
        Keys {
            sync: sync_mark(secret),
            torrent: xor(skey_mark(skey), mask(secret)),
            initiator: stream(b"keyA", secret, skey),
            responder: stream(b"keyB", secret, skey),
        }
    }
}

fn stream(name: &[u8], secret: &[u8; 96], skey: &[u8; 20]) -> Rc4 {
    let mut cipher = Rc4::new(&hash(&[name, secret, skey]));
    cipher.skip(DISCARD);
    cipher
}

pub(crate) fn xor(mut a: [u8; 20], b: [u8; 20]) -> [u8; 20] {
    for (a, b) in a.iter_mut().zip(b) {
        *a ^= b;
    }
    a
}

/// Whether the two are equal, in a time that does not say where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn hash(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hash.finish()
}
