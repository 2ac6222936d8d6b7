//! Random operations against a model that counts everything anew each time.

use std::collections::{BTreeMap, BTreeSet};

use bitlode_base::Choice;

use super::*;

#[derive(Debug, Default)]
struct Model {
    had: BTreeSet<u32>,
    unwanted: BTreeSet<u32>,
    begun: BTreeSet<u32>,
    asked: BTreeMap<(u32, u32), BTreeSet<PeerKey>>,
    held: BTreeMap<(u32, u32), PeerKey>,
    peers: BTreeMap<PeerKey, ModelPeer>,
}

#[derive(Debug)]
struct ModelPeer {
    has: Bitfield,
    current: Option<PieceIndex>,
    avoid: Vec<(PieceIndex, Time)>,
    counted: Option<(u32, u64)>,
    counted_of: u32,
}

fn info(pieces: u32, blocks: u32) -> Arc<Info> {
    let length = blocks * 16_384;
    let total = u64::from(pieces) * u64::from(length) - 7;
    let mut raw = format!("d6:lengthi{total}e4:name1:a12:piece lengthi{length}e6:pieces{}:", pieces * 20);
    raw.push_str(&"x".repeat(pieces as usize * 20));
    raw.push('e');
    let limits = bitlode_metainfo::Limits {
        file_bytes: 1 << 20,
        depth: 10,
        tokens: 100,
        pieces: 10_000,
        files: 1,
        piece_length: 1 << 24,
        total: 1 << 40,
        path_depth: 1,
        name_bytes: 100,
        path_bytes: 100,
        trackers: 0,
        web_seeds: 0,
        nodes: 0,
        magnet_bytes: 0,
        magnet_peers: 0,
        renames: 0,
    };
    Arc::new(Info::parse(raw.as_bytes(), &limits).unwrap())
}

impl Model {
    fn useful(&self, piece: u32) -> bool {
        !self.had.contains(&piece) && !self.unwanted.contains(&piece)
    }

    fn listed(&self, piece: u32) -> bool {
        self.useful(piece) && !self.begun.contains(&piece)
    }

    fn is_free(&self, piece: u32, number: u32) -> bool {
        !self.asked.contains_key(&(piece, number)) && !self.held.contains_key(&(piece, number))
    }

    fn free(&self, piece: u32, blocks: u32) -> u32 {
        (0..blocks).filter(|number| self.is_free(piece, *number)).count() as u32
    }

    /// Peers that have a piece, those with everything left out.
    fn rarity(&self, piece: u32) -> usize {
        let some = self.peers.values().filter(|peer| !peer.has.is_full());
        some.filter(|peer| peer.has.has(PieceIndex(piece))).count()
    }
}

struct Play {
    picker: Picker,
    model: Model,
    choice: Choice,
    pieces: u32,
    blocks: u32,
    next: u64,
}

impl Play {
    fn new(seed: u64) -> Play {
        let mut choice = Choice::new(seed);
        let (pieces, blocks) = (1 + choice.below(40) as u32, 1 + choice.below(6) as u32);
        let picker = Picker::new(info(pieces, blocks), Bitfield::none(pieces));
        Play { picker, model: Model::default(), choice, pieces, blocks, next: 0 }
    }

    fn some_peer(&mut self) -> Option<PeerKey> {
        let at = self.choice.index(self.model.peers.len())?;
        self.model.peers.keys().nth(at).copied()
    }

    fn some_asked(&mut self) -> Option<(PeerKey, BlockRef)> {
        let at = self.choice.index(self.model.asked.len())?;
        let ((piece, number), by) = self.model.asked.iter().nth(at)?;
        let who = self.choice.index(by.len())?;
        let block = self.picker.info.layout.block(PieceIndex(*piece), *number);
        Some((*by.iter().nth(who)?, block))
    }

    fn join(&mut self) {
        let mut has = Bitfield::none(self.pieces);
        match self.choice.below(4) {
            0 => has = Bitfield::all(self.pieces),
            n => (0..self.pieces).filter(|_| self.choice.below(4) < n).for_each(|piece| {
                has.set(PieceIndex(piece));
            }),
        }
        self.picker.add_peer(&has);
        let avoid = (self.choice.below(3) == 0).then(|| (PieceIndex(self.choice.below(4) as u32), Time::NEVER));
        let avoid = avoid.into_iter().collect();
        self.model
            .peers
            .insert(PeerKey(self.next), ModelPeer { has, current: None, avoid, counted: None, counted_of: 0 });
        self.next += 1;
    }

    fn leave(&mut self) {
        let Some(key) = self.some_peer() else { return };
        let open: Vec<_> = self.model.asked.iter().filter(|(_, by)| by.contains(&key)).map(|(at, _)| *at).collect();
        for (piece, number) in open {
            self.release(key, self.picker.info.layout.block(PieceIndex(piece), number));
        }
        self.picker.disown(key);
        let gone = self.model.peers.remove(&key).unwrap();
        self.picker.remove_peer(&gone.has);
    }

    fn have(&mut self) {
        let Some(key) = self.some_peer() else { return };
        let piece = PieceIndex(self.choice.below(self.pieces.into()) as u32);
        let peer = self.model.peers.get_mut(&key).unwrap();
        if peer.has.set(piece) {
            self.picker.add_have(piece, &peer.has);
        }
    }

    fn release(&mut self, key: PeerKey, block: BlockRef) {
        self.picker.release(key, block);
        let at = (block.piece.0, block.number());
        let by = self.model.asked.get_mut(&at).unwrap();
        by.remove(&key);
        if by.is_empty() {
            self.model.asked.remove(&at);
        }
    }

    fn pick(&mut self) {
        let Some(key) = self.some_peer() else { return };
        let max = 1 + self.choice.below(8) as u32;
        let wish = 1 + self.choice.below(5) as usize;
        let (pieces, run) = (1 + self.choice.below(4) as usize, 1 + self.choice.below(3) as usize);
        let stripes = Stripes { pieces, run };
        let want = Want { max, wish, stripes, random: false, idle: self.choice.below(2) == 0 };
        let listed: BTreeSet<u32> = (0..self.pieces).filter(|piece| self.model.listed(*piece)).collect();
        let peer = self.model.peers.get_mut(&key).unwrap();
        let fresh = self.picker.count(&peer.has).1;
        let (has, avoid) = (peer.has.clone(), peer.avoid.clone());
        let current = &mut peer.current;
        let asker = Asker { key, has: &has, fresh, parole: false, avoid: &avoid, current };
        let mut out = Vec::new();
        self.picker.pick(Time::ZERO, asker, want, &mut self.choice, &mut out);
        assert!(out.len() as u32 <= max);
        let may = |piece: u32| has.has(PieceIndex(piece)) && !avoid.iter().any(|(avoid, _)| avoid.0 == piece);
        let mut begun = Vec::new();
        for block in &out {
            let (piece, number) = (block.piece.0, block.number());
            assert!(self.model.useful(piece) && may(piece), "{block:?}");
            assert!(self.model.is_free(piece, number), "{block:?} is asked for or held");
            assert_eq!(*block, self.picker.info.layout.block(block.piece, number));
            self.model.asked.insert((piece, number), BTreeSet::from([key]));
            if self.model.begun.insert(piece) {
                begun.push(piece);
            }
        }
        for (at, piece) in begun.iter().enumerate() {
            let left = listed.iter().filter(|other| may(**other) && !begun[..at].contains(other));
            let rarest = left.map(|other| self.model.rarity(*other)).min();
            assert_eq!(rarest, Some(self.model.rarity(*piece)), "the rarest first");
        }
        if (out.len() as u32) < max && self.model.begun.iter().all(|piece| !self.picker.is_alone(*piece)) {
            let helps = self
                .model
                .begun
                .iter()
                .any(|piece| may(*piece) && self.model.useful(*piece) && self.model.free(*piece, self.blocks) > 0);
            assert!(!helps, "there was more to take");
            let fits = listed.iter().any(|piece| may(*piece) && !self.model.begun.contains(piece));
            assert!(!fits || self.picker.partial.len() >= wish, "there was a piece to begin");
        }
    }

    fn copy(&mut self) {
        let (Some(key), Some((_, block))) = (self.some_peer(), self.some_asked()) else { return };
        let by = self.model.asked.get_mut(&(block.piece.0, block.number())).unwrap();
        let open = self.picker.open.get(&block.piece);
        let alone = open.is_some_and(|open| open.alone.is_some() && open.owner.is_some());
        let took = self.picker.copy(Time::ZERO, key, block, 3);
        assert_eq!(took, !by.contains(&key) && by.len() < 3 && !alone);
        if took {
            by.insert(key);
        }
    }

    fn arrive(&mut self) {
        let Some((key, block)) = self.some_asked() else { return };
        let at = (block.piece.0, block.number());
        let mut others = self.model.asked.remove(&at).unwrap();
        others.remove(&key);
        self.model.held.insert(at, key);
        let full = (0..self.blocks).all(|number| self.model.held.contains_key(&(at.0, number)));
        let Arrival::Kept { cancel } = self.picker.arrived(key, block) else { panic!("not kept") };
        assert_eq!(cancel.into_iter().collect::<BTreeSet<_>>(), others);
        assert_eq!(self.picker.arrived(key, block), Arrival::Duplicate);
        if full {
            self.judge(at.0);
        }
    }

    /// A piece is whole: right or wrong.
    fn judge(&mut self, piece: u32) {
        let held: Vec<_> = self.model.held.range((piece, 0)..=(piece, u32::MAX)).map(|(at, by)| (*at, *by)).collect();
        let senders: Vec<PeerKey> = held.iter().map(|(_, by)| *by).collect::<BTreeSet<_>>().into_iter().collect();
        for (at, _) in &held {
            self.model.held.remove(at);
        }
        if self.choice.below(4) == 0 {
            assert_eq!(self.picker.failed(Time::ZERO, PieceIndex(piece)), senders);
        } else {
            self.model.had.insert(piece);
            self.model.begun.remove(&piece);
            assert_eq!(self.picker.verified(PieceIndex(piece)), (senders, Vec::new()));
        }
    }

    fn lose(&mut self) {
        let Some(at) = self.choice.index(self.model.held.len()) else { return };
        let (piece, number) = *self.model.held.keys().nth(at).unwrap();
        self.model.held.remove(&(piece, number));
        self.picker.lost(self.picker.info.layout.block(PieceIndex(piece), number));
    }

    fn change(&mut self) {
        match self.choice.below(3) {
            0 => {
                let piece = self.choice.below(self.pieces.into()) as u32;
                assert_eq!(self.picker.unhave(PieceIndex(piece)), self.model.had.remove(&piece));
            }
            _ => {
                let mut wanted = Bitfield::all(self.pieces);
                self.model.unwanted.clear();
                for piece in (0..self.pieces).filter(|_| self.choice.below(8) == 0) {
                    wanted.clear(PieceIndex(piece));
                    self.model.unwanted.insert(piece);
                }
                self.picker.set_wanted(wanted);
            }
        }
    }

    /// A peer's count of listed pieces, brought in line, is what counting anew gives.
    fn recount(&mut self) {
        let Some(key) = self.some_peer() else { return };
        let peer = self.model.peers.get_mut(&key).unwrap();
        if let Some((fresh, at)) = peer.counted.filter(|_| peer.counted_of == peer.has.count()) {
            assert_eq!(self.picker.fresh(&peer.has, fresh, at), self.picker.count(&peer.has).1);
        }
        peer.counted = Some((self.picker.count(&peer.has).1, self.picker.relistings()));
        peer.counted_of = peer.has.count();
    }

    fn check(&mut self) {
        for piece in 0..self.pieces {
            let at = PieceIndex(piece);
            assert_eq!(self.picker.is_listed(at), self.model.listed(piece), "listed {piece}");
            assert_eq!(self.picker.is_useful(at), self.model.useful(piece));
            assert_eq!(self.picker.rarity.peers(piece) as usize, self.model.rarity(piece), "rarity of {piece}");
            assert_eq!(self.picker.open.contains_key(&at), self.model.begun.contains(&piece));
            let free = if self.model.begun.contains(&piece) { self.model.free(piece, self.blocks) } else { 0 };
            assert_eq!(self.picker.open.get(&at).map_or(0, |open| open.free), free, "free of {piece}");
            assert_eq!(self.picker.partial.contains(&at), free > 0 && !self.model.unwanted.contains(&piece));
        }
        let wanted_had = self.model.had.iter().filter(|piece| !self.model.unwanted.contains(piece)).count();
        assert_eq!(self.picker.wanted_had() as usize, wanted_had);
        let copies: usize = self.model.asked.values().map(|by| by.len() - 1).sum();
        assert_eq!(self.picker.copies.values().map(Vec::len).sum::<usize>(), copies);
        let ends = (0..self.pieces).all(|piece| !self.model.listed(piece)) && self.picker.partial.is_empty();
        assert_eq!(self.picker.is_end_game(), ends && !self.model.begun.is_empty());
    }
}

impl Picker {
    fn is_alone(&self, piece: u32) -> bool {
        self.open.get(&PieceIndex(piece)).is_some_and(|open| open.alone.is_some())
    }
}

#[test]
fn the_picker_agrees_with_a_model_that_counts_everything_anew() {
    for seed in 0..300 {
        let mut play = Play::new(seed);
        for step in 0..400 {
            match play.choice.below(20) {
                0 | 1 => play.join(),
                2 => play.leave(),
                3 => play.have(),
                4..=8 => play.pick(),
                9 => play.copy(),
                10..=15 => play.arrive(),
                16 => {
                    if let Some((key, block)) = play.some_asked() {
                        play.release(key, block);
                    }
                }
                17 => play.lose(),
                18 => {
                    if play.choice.below(10) == 0 {
                        play.change();
                    }
                }
                _ => play.recount(),
            }
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play.check()));
            assert!(caught.is_ok(), "seed {seed}, step {step}");
        }
    }
}

#[test]
fn a_piece_that_failed_waits_for_one_peer_and_not_for_ever() {
    let mut picker = Picker::new(info(1, 4), Bitfield::none(1));
    let has = Bitfield::all(1);
    picker.add_peer(&has);
    let mut choice = Choice::new(1);
    let mut pick = |picker: &mut Picker, now: Time, key: u64, max: u32| {
        let fresh = picker.count(&has).1;
        let asker = Asker { key: PeerKey(key), has: &has, fresh, parole: false, avoid: &[], current: &mut None };
        let mut out = Vec::new();
        let want = Want { max, wish: 4, stripes: Stripes::NONE, random: false, idle: true };
        picker.pick(now, asker, want, &mut choice, &mut out);
        out
    };
    for (key, block) in [1, 2]
        .into_iter()
        .flat_map(|key| pick(&mut picker, Time::ZERO, key, 2).into_iter().map(move |b| (key, b)))
        .collect::<Vec<_>>()
    {
        picker.arrived(PeerKey(key), block);
    }
    assert_eq!(picker.failed(Time::ZERO, PieceIndex(0)), [PeerKey(1), PeerKey(2)]);
    let now = Time::from_secs(5);
    let mine = pick(&mut picker, now, 3, 1);
    assert_eq!(mine.len(), 1);
    assert_eq!(pick(&mut picker, now, 4, 4), [], "the third peer's alone");
    assert!(!picker.copy(now, PeerKey(4), mine[0], 3));
    assert_eq!(pick(&mut picker, now, 3, 1).len(), 1);
    let later = now + ALONE;
    assert_eq!(pick(&mut picker, later, 4, 4).len(), 2, "it had its time");
}

/// Picks `max` blocks for a peer that has everything: piece and block number of each.
fn pick(
    picker: &mut Picker,
    key: u64,
    current: &mut Option<PieceIndex>,
    max: u32,
    stripes: Stripes,
) -> Vec<(u32, u32)> {
    let has = Bitfield::all(picker.pieces());
    let fresh = picker.count(&has).1;
    let asker = Asker { key: PeerKey(key), has: &has, fresh, parole: false, avoid: &[], current };
    let (mut out, mut choice) = (Vec::new(), Choice::new(1));
    let want = Want { max, wish: 2, stripes, random: false, idle: true };
    picker.pick(Time::ZERO, asker, want, &mut choice, &mut out);
    out.iter().map(|block| (block.piece.0, block.number())).collect()
}

#[test]
fn a_fast_peer_gets_a_run_of_each_of_several_pieces_in_turn() {
    let mut picker = Picker::new(info(9, 12), Bitfield::none(9));
    picker.add_peer(&Bitfield::all(9));
    let (mut current, mut got) = (None, Vec::new());
    // In portions that do not fit the runs; two runs of each piece, so that none is whole yet.
    for max in [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2] {
        got.extend(pick(&mut picker, 1, &mut current, max, Stripes { pieces: 4, run: 4 }));
    }
    assert_eq!(got.len(), 32);
    let pieces: Vec<u32> = got.chunks(4).map(|run| run[0].0).collect();
    let round = |pieces: &[u32]| pieces.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!((round(&pieces[..4]).len(), round(&pieces[..4])), (4, round(&pieces[4..])));
    for (at, run) in got.chunks(4).enumerate() {
        let begin = 4 * (at as u32 / 4);
        assert_eq!(run, (begin..begin + 4).map(|number| (pieces[at], number)).collect::<Vec<_>>());
    }
}

#[test]
fn a_peer_that_is_not_fast_any_more_finishes_its_pieces_one_by_one() {
    let mut picker = Picker::new(info(9, 12), Bitfield::none(9));
    picker.add_peer(&Bitfield::all(9));
    let mut current = None;
    let begun = pick(&mut picker, 1, &mut current, 16, Stripes { pieces: 4, run: 4 });
    let rest = pick(&mut picker, 1, &mut current, 32, Stripes::NONE);
    let pieces = |blocks: &[(u32, u32)]| blocks.iter().map(|(piece, _)| *piece).collect::<BTreeSet<_>>();
    assert_eq!(pieces(&rest), pieces(&begun));
    for run in rest.chunks(8) {
        assert_eq!(run, (4..12).map(|number| (run[0].0, number)).collect::<Vec<_>>());
    }
}

#[test]
fn pieces_side_by_side_keep_no_other_peer_from_a_piece_of_its_own() {
    let mut picker = Picker::new(info(9, 12), Bitfield::none(9));
    picker.add_peer(&Bitfield::all(9));
    picker.add_peer(&Bitfield::all(9));
    let striped = pick(&mut picker, 1, &mut None, 16, Stripes { pieces: 4, run: 4 });
    let own = pick(&mut picker, 2, &mut None, 12, Stripes::NONE);
    assert_eq!(own, (0..12).map(|number| (own[0].0, number)).collect::<Vec<_>>());
    assert!(striped.iter().all(|(piece, _)| *piece != own[0].0));
    // When the fast one leaves, its pieces are the first that the other goes on with.
    for (piece, number) in &striped {
        let block = picker.info.layout.block(PieceIndex(*piece), *number);
        picker.release(PeerKey(1), block);
    }
    picker.disown(PeerKey(1));
    let next = pick(&mut picker, 2, &mut None, 12, Stripes::NONE);
    assert!(striped.iter().any(|(piece, _)| *piece == next[0].0));
}
