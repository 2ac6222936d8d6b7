//! Who may download from us (BEP 3). While we download: the peers that give us most, and one optimistic slot. As a seed:
//! half of the slots to those that take fastest, half in turn, so that nobody starves.

use std::time::Duration;

use bitlode_base::{Choice, Time};

use crate::input::PeerKey;

/// An interested peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contender {
    pub(crate) key: PeerKey,
    pub(crate) unchoked: bool,
    /// Whether it holds a slot that changes hands.
    pub(crate) in_turn: bool,
    /// Bytes per second: to us while we download, from us as a seed.
    pub(crate) rate: u64,
    /// When it was unchoked last.
    pub(crate) since: Time,
    /// When it last held a slot; `None` for never.
    pub(crate) last: Option<Time>,
}

/// A peer that shall be unchoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) key: PeerKey,
    pub(crate) in_turn: bool,
}

/// Deals the slots.
pub(crate) fn deal(
    now: Time,
    mut contenders: Vec<Contender>,
    slots: usize,
    seeding: bool,
    turn: Duration,
    choice: &mut Choice,
) -> Vec<Slot> {
    let turns = if seeding { slots / 2 } else { 1 }.max(1).min(slots);
    choice.shuffle(&mut contenders);
    contenders.sort_by_key(|one| (std::cmp::Reverse(one.rate), !one.unchoked));
    // A slot in turn is kept for its time even by a peer that has become one of the fastest.
    let rest = contenders.split_off((slots - turns).min(contenders.len()));
    let mut dealt: Vec<Slot> = contenders.iter().map(|one| Slot { key: one.key, in_turn: false }).collect();
    let mut rest = rest;
    let holds = |one: &Contender| one.unchoked && one.in_turn && now.since(one.since) < turn;
    // Those in the middle of their turn, then who never had one, then who waited longest.
    rest.sort_by_key(|one| (!holds(one), if one.unchoked { Some(now) } else { one.last }));
    dealt.extend(rest.iter().take(slots - dealt.len().min(slots)).map(|one| Slot { key: one.key, in_turn: true }));
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const TURN: Duration = Duration::from_secs(30);

    /// Deals every 10 s for a while; gives how often each peer held a slot.
    fn play(rates: &[u64], slots: usize, seeding: bool, rounds: u64) -> Vec<u32> {
        let mut choice = Choice::new(1);
        let mut state: BTreeMap<u64, Contender> = BTreeMap::new();
        for (n, rate) in rates.iter().enumerate() {
            let key = PeerKey(n as u64);
            let since = Time::ZERO;
            state.insert(n as u64, Contender { key, unchoked: false, in_turn: false, rate: *rate, since, last: None });
        }
        let mut held = vec![0; rates.len()];
        for round in 0..rounds {
            let now = Time::from_secs(round * 10);
            let dealt = deal(now, state.values().copied().collect(), slots, seeding, TURN, &mut choice);
            assert_eq!(dealt.len(), slots.min(rates.len()));
            assert_eq!(dealt.iter().map(|slot| slot.key).collect::<BTreeSet<_>>().len(), dealt.len());
            for one in state.values_mut() {
                let slot = dealt.iter().find(|slot| slot.key == one.key);
                if slot.is_some() {
                    held[one.key.0 as usize] += 1;
                    if !one.unchoked {
                        one.since = now;
                    }
                    one.last = Some(now);
                }
                one.unchoked = slot.is_some();
                one.in_turn = slot.is_some_and(|slot| slot.in_turn);
            }
        }
        held
    }

    #[test]
    fn the_best_givers_keep_their_slots_and_the_last_slot_goes_round() {
        let held = play(&[100, 90, 80, 0, 0, 0, 0, 0], 4, false, 150);
        assert_eq!(held[..3], [150; 3]);
        assert!(held[3..].iter().all(|times| (27..=33).contains(times)), "{held:?}");
    }

    #[test]
    fn a_seed_lets_nobody_starve() {
        let held = play(&[100, 90, 80, 70, 0, 0, 0, 0, 0, 0, 0, 0], 4, true, 600);
        assert_eq!(held[..2], [600; 2]);
        assert!(held[2..].iter().all(|times| *times >= 90), "{held:?}");
    }

    #[test]
    fn one_slot_goes_round_too() {
        assert!(play(&[100, 0, 0], 1, false, 90).iter().all(|times| *times >= 27));
        assert!(play(&[1, 2, 3], 0, true, 3).iter().all(|times| *times == 0));
        assert!(play(&[1, 2, 3], 8, true, 3).iter().all(|times| *times == 3));
    }
}
