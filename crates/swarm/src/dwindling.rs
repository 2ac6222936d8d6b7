//! Which peers may have run out of pieces that we want, without looking at all of them at each piece that comes.

use std::collections::BTreeSet;

use crate::input::PeerKey;
use crate::peer::{Peer, Watched};

/// Peers by the number of pieces, [`crate::picker::Picker::gained`], at which the last useful one of theirs may come. A
/// peer had `useful` of them when it was counted, and each piece that came since takes one at most: until so many have
/// come, it need not be counted again. Who stands too early here is counted in vain and put where it belongs, so each
/// peer is looked at some times in all, not once for each piece.
#[derive(Debug, Default)]
pub(crate) struct Dwindling {
    due: BTreeSet<(u64, PeerKey)>,
}

impl Dwindling {
    /// What is known of a peer has changed.
    pub(crate) fn watch(&mut self, peer: &mut Peer) {
        if peer.useful == 0 || peer.runs_out_at() >= peer.watched.0 {
            return;
        }
        self.forget(peer);
        peer.watched = Watched(peer.runs_out_at());
        self.due.insert((peer.watched.0, peer.key));
    }

    /// A peer is gone, or all are counted by another measure.
    pub(crate) fn forget(&mut self, peer: &mut Peer) {
        if peer.watched != Watched::default() {
            self.due.remove(&(peer.watched.0, peer.key));
            peer.watched = Watched::default();
        }
    }

    /// A peer that may have run out after so many pieces. It is watched no more: whoever looks at it watches it again.
    pub(crate) fn due(&mut self, gained: u64) -> Option<PeerKey> {
        self.due.first().filter(|(due, _)| *due <= gained)?;
        self.due.pop_first().map(|(_, key)| key)
    }
}
