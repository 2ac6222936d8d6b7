//! Each planted bug does what it says; the scenario passes without it.
#![cfg(feature = "planted-bugs")]

mod rig;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bitlode_base::Bitfield;
use bitlode_swarm::{Bug, Input};
use bitlode_wire::{Message, OwnedMessage};
use rig::{Rig, block, limits, piece, torrent};

const MIB: u64 = 1 << 20;

fn rig(bug: Option<Bug>, have: Bitfield) -> Rig {
    let info = torrent(4 * MIB, 1 << 20);
    let mut setup = Rig::setup(info.hashes, Some(info), limits());
    setup.planted = bug;
    let mut rig = Rig::of(setup);
    rig.tell(Input::Have(have));
    rig.tell(Input::Grant { slabs: rig.grant });
    rig.tell(Input::Run(true));
    rig
}

fn leech(bug: Option<Bug>) -> Rig {
    rig(bug, Bitfield::none(4))
}

/// Whether all goes well in the scenario that the bug spoils.
fn well(bug: Bug, planted: Option<Bug>) -> bool {
    let secs = Duration::from_secs;
    match bug {
        Bug::ChokeSkipped => {
            let mut rig = leech(planted);
            let peer = rig.seed_peer(MIB);
            rig.choke(peer);
            rig.run(secs(2));
            true
        }
        Bug::ChokedRequestsLost | Bug::LateCancel => {
            let mut rig = rig(planted, Bitfield::all(4));
            let peer = rig.join(true);
            rig.say(peer, Message::Interested);
            rig.say(peer, Message::Request(block(0, 0)));
            match bug {
                Bug::LateCancel => rig.say(peer, Message::Cancel(block(0, 0))),
                _ => rig.tell(Input::UploadSlots(0)),
            }
            rig.heard(peer).contains(&OwnedMessage::Reject(block(0, 0)))
        }
        Bug::LastPieceForgotten => {
            let mut rig = leech(planted);
            rig.seed_peer(MIB);
            rig.complete(secs(20)) && rig.swarm.have().is_some_and(Bitfield::is_full)
        }
        Bug::UnverifiedHave => {
            let mut rig = leech(planted);
            let liar = rig.seed_peer(MIB);
            rig.bot(liar).poison = |_| true;
            let peer = rig.join(true);
            rig.run(secs(3));
            let heard = rig.heard(peer);
            !(0..4).any(|index| heard.contains(&OwnedMessage::Have(piece(index))))
        }
        Bug::DuplicateAccepted => {
            let mut rig = leech(planted);
            rig.tell(Input::Wanted(Bitfield::from_bytes(&[0xe0], 4).unwrap()));
            let slow = rig.peer_with([0, 1, 2]);
            rig.bot(slow).rate = 100 << 10;
            rig.peer_with([0, 1, 2]);
            rig.run(secs(60));
            rig.swarm.snapshot().complete
        }
        Bug::TimedOutForgotten => {
            let mut rig = leech(planted);
            let silent = rig.seed_peer(0);
            rig.run(secs(25));
            rig.leave(silent);
            rig.seed_peer(MIB);
            rig.complete(secs(20))
        }
        Bug::RejectIgnored => {
            let mut rig = leech(planted);
            let peer = rig.seed_peer(MIB);
            let first = rig.open(peer)[0];
            rig.say(peer, Message::Reject(first));
            rig.complete(secs(40))
        }
    }
}

#[test]
fn every_planted_bug_spoils_its_scenario_and_only_when_planted() {
    for bug in Bug::ALL {
        assert!(well(bug, None), "{bug:?} is not planted");
        let spoiled = catch_unwind(AssertUnwindSafe(|| well(bug, Some(bug))));
        assert!(!matches!(spoiled, Ok(true)), "{bug:?} is planted and nobody sees it");
    }
}
