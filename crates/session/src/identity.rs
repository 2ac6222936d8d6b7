//! Who we say we are.

use bitlode_base::Secret;

// Two letters that neither BEP 20 nor the tables of libtorrent and Transmission give to somebody else (`BL` is
// BitLord's and BitBlinder's); then the version: 0.1.0.
const CLIENT: [u8; 8] = *b"-LD0100-";

/// A peer id in the style of BEP 20: client and version, then 12 bytes from `secret`.
pub(crate) fn peer_id(secret: &mut Secret) -> [u8; 20] {
    let mut id = [0; 20];
    let (client, random) = id.split_at_mut(CLIENT.len());
    client.copy_from_slice(&CLIENT);
    secret.fill(random);
    id
}
