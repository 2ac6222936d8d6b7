//! Which blocks to ask for next.
//!
//! A piece is *listed* (may be begun), *open* (begun) or had. An open piece is *partial* while some of its blocks are
//! free, that is neither asked for nor held. A peer that begins a piece owns it and gets its blocks in order; others take
//! from its end, and only when there is nothing better. A very fast one fetches several large pieces side by side.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{Bitfield, BlockRef, PieceIndex, Time};
use bitlode_metainfo::Info;

use crate::input::PeerKey;
use crate::rarity::Rarity;
pub(crate) use stripes::Stripes;

/// How long a piece that must come from one peer waits for that peer alone.
const ALONE: Duration = Duration::from_secs(30);
/// Relisted pieces that are remembered one by one.
const RELISTED: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Free,
    Asked(PeerKey),
    Held(PeerKey),
    /// Nothing but padding: storage knows it (BEP 47).
    Pad,
}

#[derive(Debug)]
struct Open {
    blocks: Vec<Block>,
    free: u32,
    /// Blocks that are to come: neither held nor padding.
    missing: u32,
    /// No free block lies before it.
    front: usize,
    /// No free block lies at it or behind.
    back: usize,
    owner: Option<PeerKey>,
    /// Its owner fetches it beside others.
    striped: bool,
    /// Only its owner may fetch it until then: the piece failed before, or its owner is on parole.
    alone: Option<Time>,
}

/// What a peer that wants blocks brings along.
pub(crate) struct Asker<'a> {
    pub(crate) key: PeerKey,
    pub(crate) has: &'a Bitfield,
    /// Listed pieces that it has.
    pub(crate) fresh: u32,
    /// It fetches whole pieces alone, so that it answers for them alone.
    pub(crate) parole: bool,
    /// Pieces not to be asked of it now.
    pub(crate) avoid: &'a [(PieceIndex, Time)],
    /// The piece that it fetches.
    pub(crate) current: &'a mut Option<PieceIndex>,
}

/// How much it wants, and of what kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    /// Blocks, at most.
    pub(crate) max: u32,
    /// Partial pieces to stay within.
    pub(crate) wish: usize,
    /// Pieces that the peer fetches side by side.
    pub(crate) stripes: Stripes,
    /// New pieces are taken at random, not rarest first.
    pub(crate) random: bool,
    /// The peer has no request open: rather one piece too many than a peer that waits.
    pub(crate) idle: bool,
}

/// What became of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// First copy: cancel it at these peers.
    Kept {
        cancel: Vec<PeerKey>,
    },
    Duplicate,
}

/// The state of all pieces of one torrent.
#[derive(Debug)]
pub(crate) struct Picker {
    info: Arc<Info>,
    wanted: Bitfield,
    had: Bitfield,
    wanted_had: u32,
    /// Pieces of nothing but padding: no peer is needed for them.
    padding: Bitfield,
    rarity: Rarity,
    /// Peers that have everything.
    seeds: u32,
    /// Peers that have not.
    others: u32,
    open: BTreeMap<PieceIndex, Open>,
    partial: BTreeSet<PieceIndex>,
    /// Further peers that were asked for the same block.
    copies: BTreeMap<(PieceIndex, u32), Vec<PeerKey>>,
    urgent: Vec<PieceIndex>,
    /// The newest of the pieces that left the list or came back to it, and how many ever did: so that a peer's count of
    /// listed pieces can be brought in line when it is needed, which for most peers is never.
    relisted: VecDeque<(PieceIndex, bool)>,
    relistings: u64,
    /// Useful pieces that were verified, ever: no peer can have lost more of use than came since it was counted.
    gained: u64,
}

impl Picker {
    pub(crate) fn new(info: Arc<Info>, had: Bitfield) -> Picker {
        let pieces = info.layout.piece_count();
        let mut padding = Bitfield::none(pieces);
        for piece in info.layout.pad_pieces() {
            padding.set(piece);
        }
        let mut picker = Picker {
            info,
            padding,
            wanted: Bitfield::all(pieces),
            wanted_had: had.count(),
            had,
            rarity: Rarity::new(pieces),
            seeds: 0,
            others: 0,
            open: BTreeMap::new(),
            partial: BTreeSet::new(),
            copies: BTreeMap::new(),
            urgent: Vec::new(),
            relisted: VecDeque::new(),
            relistings: 0,
            gained: 0,
        };
        for piece in 0..pieces {
            picker.relist(PieceIndex(piece));
        }
        picker.relisted = VecDeque::new();
        picker
    }

    pub(crate) fn pieces(&self) -> u32 {
        self.had.len()
    }

    pub(crate) fn had(&self) -> &Bitfield {
        &self.had
    }

    pub(crate) fn wanted(&self) -> &Bitfield {
        &self.wanted
    }

    pub(crate) fn wanted_had(&self) -> u32 {
        self.wanted_had
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.wanted_had == self.wanted.count()
    }

    /// Whether the piece is wanted, not had, and can be fetched.
    pub(crate) fn is_useful(&self, piece: PieceIndex) -> bool {
        self.wanted.has(piece) && !self.had.has(piece) && !self.padding.has(piece)
    }

    pub(crate) fn is_listed(&self, piece: PieceIndex) -> bool {
        self.rarity.is_listed(piece.0)
    }

    pub(crate) fn open_pieces(&self) -> u32 {
        self.open.len() as u32
    }

    /// Useful and listed pieces among those of a peer.
    pub(crate) fn count(&self, has: &Bitfield) -> (u32, u32) {
        let (wanted, had, padding) = (self.wanted.as_bytes(), self.had.as_bytes(), self.padding.as_bytes());
        let ours = wanted.iter().zip(had).zip(padding).map(|((wanted, had), padding)| wanted & !had & !padding);
        let useful = has.as_bytes().iter().zip(ours).map(|(has, ours)| (has & ours).count_ones()).sum();
        let listed = has.as_bytes().iter().zip(self.rarity.listed().as_bytes());
        (useful, listed.map(|(has, listed)| (has & listed).count_ones()).sum())
    }

    /// Useful pieces that were verified since this picker was made.
    pub(crate) fn gained(&self) -> u64 {
        self.gained
    }

    /// Pieces that left the list or came to it, ever.
    pub(crate) fn relistings(&self) -> u64 {
        self.relistings
    }

    /// Whether what happened since that number is still known one by one.
    pub(crate) fn remembers(&self, at: u64) -> bool {
        self.relistings.saturating_sub(at) <= self.relisted.len() as u64
    }

    /// Listed pieces among those of a peer, of which there were `fresh` when the number of relistings was `at`.
    pub(crate) fn fresh(&self, has: &Bitfield, fresh: u32, at: u64) -> u32 {
        if !self.remembers(at) {
            return self.count(has).1;
        }
        let behind = self.relistings.saturating_sub(at) as usize;
        let news = self.relisted.range(self.relisted.len() - behind..).filter(|(piece, _)| has.has(*piece));
        news.fold(fresh, |fresh, (_, listed)| if *listed { fresh.saturating_add(1) } else { fresh.saturating_sub(1) })
    }

    pub(crate) fn add_peer(&mut self, has: &Bitfield) {
        if has.is_full() {
            self.seeds = self.seeds.saturating_add(1);
        } else {
            self.others = self.others.saturating_add(1);
            self.rarity.add_all(has);
        }
    }

    pub(crate) fn remove_peer(&mut self, has: &Bitfield) {
        if has.is_full() {
            self.seeds = self.seeds.saturating_sub(1);
        } else {
            self.others = self.others.saturating_sub(1);
            self.rarity.remove_all(has);
        }
        if self.seeds == 0 && self.others == 0 {
            self.rarity.sleep();
        }
    }

    /// A peer got a piece; `has` holds it already.
    pub(crate) fn add_have(&mut self, piece: PieceIndex, has: &Bitfield) {
        if has.is_full() {
            // It counts as a seed from now on.
            let mut before = has.clone();
            before.clear(piece);
            self.rarity.remove_all(&before);
            self.others = self.others.saturating_sub(1);
            self.seeds = self.seeds.saturating_add(1);
        } else {
            self.rarity.add(piece.0);
        }
    }

    pub(crate) fn set_wanted(&mut self, wanted: Bitfield) {
        if wanted.len() != self.wanted.len() {
            return;
        }
        self.wanted = wanted;
        self.wanted_had = self.wanted.iter().filter(|piece| self.had.has(*piece)).count() as u32;
        for piece in 0..self.pieces() {
            self.relist(PieceIndex(piece));
        }
        let partial = self.open.iter().filter(|(piece, open)| open.free > 0 && self.wanted.has(**piece));
        self.partial = partial.map(|(piece, _)| *piece).collect();
    }

    pub(crate) fn set_urgent(&mut self, pieces: &[PieceIndex], max: usize) {
        self.urgent = pieces.iter().copied().filter(|piece| self.is_useful(*piece)).take(max).collect();
    }

    /// Whether every block that is wanted is asked for or held.
    pub(crate) fn is_end_game(&self) -> bool {
        self.rarity.len() == 0 && self.partial.is_empty() && !self.open.is_empty()
    }

    /// Asks one more peer for a block that another was asked for; false when there are enough or it may not be.
    pub(crate) fn copy(&mut self, now: Time, key: PeerKey, block: BlockRef, max: u32) -> bool {
        let Some(open) = self.open.get(&block.piece) else { return false };
        let Some(Block::Asked(by)) = open.blocks.get(block.number() as usize) else { return false };
        let alone = open.alone.is_some_and(|until| now < until) && open.owner.is_some();
        let copies = self.copies.entry((block.piece, block.number())).or_default();
        let may = *by != key && !alone && !copies.contains(&key) && copies.len() as u32 + 1 < max;
        if may {
            copies.push(key);
        } else if copies.is_empty() {
            self.copies.remove(&(block.piece, block.number()));
        }
        may
    }

    /// A block came that this peer was asked for.
    pub(crate) fn arrived(&mut self, key: PeerKey, block: BlockRef) -> Arrival {
        let number = block.number();
        let Some(open) = self.open.get_mut(&block.piece) else { return Arrival::Duplicate };
        let Some(state) = open.blocks.get_mut(number as usize) else { return Arrival::Duplicate };
        let mut cancel = Vec::new();
        match *state {
            Block::Asked(by) => {
                cancel = self.copies.remove(&(block.piece, number)).unwrap_or_default();
                cancel.push(by);
                cancel.retain(|other| *other != key);
            }
            Block::Free => open.free = open.free.saturating_sub(1),
            Block::Held(_) | Block::Pad => return Arrival::Duplicate,
        }
        *state = Block::Held(key);
        open.missing = open.missing.saturating_sub(1);
        if open.free == 0 {
            self.partial.remove(&block.piece);
        }
        Arrival::Kept { cancel }
    }

    /// The planted bug: a second copy counts for a block that is still to come. Gives that block and who was asked.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn count_twice(&mut self, key: PeerKey, piece: PieceIndex) -> Option<(PeerKey, BlockRef)> {
        let open = self.open.get_mut(&piece)?;
        let asked = open.blocks.iter().enumerate().find_map(|(number, block)| match block {
            Block::Asked(by) => Some((number, *by)),
            Block::Free | Block::Held(_) | Block::Pad => None,
        });
        let (number, by) = asked?;
        *open.blocks.get_mut(number)? = Block::Held(key);
        open.missing = open.missing.saturating_sub(1);
        Some((by, self.info.layout.block(piece, number as u32)))
    }

    /// Whether every block of an open piece is held.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn is_whole(&self, piece: PieceIndex) -> bool {
        self.open.get(&piece).is_some_and(|open| open.missing == 0)
    }

    /// This peer will not send that block: it is free again, unless another was asked for it too.
    pub(crate) fn release(&mut self, key: PeerKey, block: BlockRef) {
        let number = block.number();
        let Some(open) = self.open.get_mut(&block.piece) else { return };
        let Some(state) = open.blocks.get_mut(number as usize) else { return };
        let Block::Asked(by) = *state else { return };
        let at = (block.piece, number);
        if let Some(copies) = self.copies.get_mut(&at) {
            if by == key {
                // The next in line answers for it.
                *state = copies.pop().map_or(Block::Free, Block::Asked);
            } else {
                copies.retain(|other| *other != key);
            }
            if copies.is_empty() {
                self.copies.remove(&at);
            }
        } else if by == key {
            *state = Block::Free;
        }
        if *state == Block::Free {
            self.freed(block.piece, number);
        }
    }

    /// This peer owns nothing any more: it left, chokes us or is silent.
    pub(crate) fn disown(&mut self, key: PeerKey) -> bool {
        let mut owned = false;
        for piece in &self.partial {
            if let Some(open) = self.open.get_mut(piece).filter(|open| open.owner == Some(key)) {
                open.owner = None;
                owned = true;
            }
        }
        owned
    }

    /// Storage dropped a block that was held.
    pub(crate) fn lost(&mut self, block: BlockRef) {
        let Some(open) = self.open.get_mut(&block.piece) else { return };
        let Some(state) = open.blocks.get_mut(block.number() as usize) else { return };
        if matches!(state, Block::Held(_)) {
            *state = Block::Free;
            open.missing = open.missing.saturating_add(1);
            self.freed(block.piece, block.number());
        }
    }

    /// The piece is had. Gives who sent its blocks and who still has requests open for it.
    pub(crate) fn verified(&mut self, piece: PieceIndex) -> (Vec<PeerKey>, Vec<(PeerKey, BlockRef)>) {
        self.gained += u64::from(self.is_useful(piece));
        if self.had.set(piece) && self.wanted.has(piece) {
            self.wanted_had = self.wanted_had.saturating_add(1);
        }
        self.relist(piece);
        self.partial.remove(&piece);
        self.urgent.retain(|urgent| *urgent != piece);
        let open = self.open.remove(&piece);
        let mut asked = Vec::new();
        for (number, block) in open.iter().flat_map(|open| open.blocks.iter().enumerate()) {
            if let Block::Asked(by) = block {
                let at = self.info.layout.block(piece, number as u32);
                let copies = self.copies.remove(&(piece, number as u32)).unwrap_or_default();
                asked.extend(copies.into_iter().chain([*by]).map(|peer| (peer, at)));
            }
        }
        (open.as_ref().map_or_else(Vec::new, Open::senders), asked)
    }

    /// The piece failed: all that was held is free again. Gives who sent its blocks.
    pub(crate) fn failed(&mut self, now: Time, piece: PieceIndex) -> Vec<PeerKey> {
        let Some(open) = self.open.get_mut(&piece) else { return Vec::new() };
        let senders = open.senders();
        for block in &mut open.blocks {
            if matches!(block, Block::Held(_)) {
                *block = Block::Free;
                open.free += 1;
                open.missing += 1;
            }
        }
        (open.front, open.back) = (0, open.blocks.len());
        open.owner = None;
        open.alone = (senders.len() > 1).then(|| now + ALONE);
        if open.free > 0 && self.wanted.has(piece) {
            self.partial.insert(piece);
        }
        senders
    }

    /// A piece that was had is gone.
    pub(crate) fn unhave(&mut self, piece: PieceIndex) -> bool {
        let was = self.had.clear(piece);
        if was && self.wanted.has(piece) {
            self.wanted_had = self.wanted_had.saturating_sub(1);
        }
        self.relist(piece);
        was
    }

    fn relist(&mut self, piece: PieceIndex) {
        let list = self.is_useful(piece) && !self.open.contains_key(&piece);
        let changed = if list { self.rarity.list(piece.0) } else { self.rarity.unlist(piece.0) };
        if changed {
            self.relistings += 1;
            self.relisted.push_back((piece, list));
            if self.relisted.len() > RELISTED {
                self.relisted.pop_front();
            }
        }
    }

    fn freed(&mut self, piece: PieceIndex, number: u32) {
        let Some(open) = self.open.get_mut(&piece) else { return };
        open.free = open.free.saturating_add(1);
        open.front = open.front.min(number as usize);
        open.back = open.back.max(number as usize + 1);
        if open.free == 1 {
            // It was out of the game: whoever comes next may own it.
            open.owner = None;
        }
        if self.wanted.has(piece) {
            self.partial.insert(piece);
        }
    }

    fn open_piece(&mut self, piece: PieceIndex) {
        let mut blocks = vec![Block::Free; self.info.layout.blocks_in(piece) as usize];
        let mut count = blocks.len() as u32;
        for number in self.info.layout.pad_blocks(piece) {
            if let Some(block) = blocks.get_mut(number as usize) {
                *block = Block::Pad;
                count = count.saturating_sub(1);
            }
        }
        let back = blocks.len();
        let open =
            Open { blocks, free: count, missing: count, front: 0, back, owner: None, striped: false, alone: None };
        self.open.insert(piece, open);
        self.relist(piece);
        if count > 0 {
            self.partial.insert(piece);
        }
    }
}

impl Open {
    /// Who sent what is held, each once.
    fn senders(&self) -> Vec<PeerKey> {
        let held = self.blocks.iter().filter_map(|block| match block {
            Block::Held(by) => Some(*by),
            Block::Free | Block::Asked(_) | Block::Pad => None,
        });
        held.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn senders_none(&self) -> bool {
        !self.blocks.iter().any(|block| matches!(block, Block::Held(_)))
    }
}

mod choose;
mod stripes;
#[cfg(test)]
mod tests;
