//! Blocks: who is asked for which, what comes, what fails, what takes too long.

use std::time::Duration;

use bitlode_base::{BLOCK_LEN, BlockRef, PieceIndex, Time};

use crate::event::{Output, Reason, SwarmEvent};
#[cfg(feature = "planted-bugs")]
use crate::input::Bug;
use crate::input::PeerKey;
use crate::peer::{Has, Peer, Watched};
use crate::picker::{Arrival, Asker, Stripes, Want};
use crate::requests::Request;
use crate::swarm::Swarm;

/// Requests that go out together at most, once a quarter of the window is free.
const BATCH: u32 = 32;
/// Open requests that every peer gets as long as there is memory.
const SHARE: u32 = 2;
/// Waiting peers that are asked in vain until the rest has to wait for the next time, and when that is.
const IN_VAIN: u32 = 100;
const PUMP_AGAIN: Duration = Duration::from_millis(50);
/// Memory of which storage gives back less than one part in `MOVES` within this time waits for blocks, not for the disk.
const STUCK: Duration = Duration::from_millis(20);
const MOVES: u32 = 8;
/// Blocks that come later than this from a slow peer are asked of idle ones too, before the end game.
const HOSTAGE: Duration = Duration::from_secs(10);
/// The part of its grant that a torrent's unfinished runs may fill.
const STRIPE_ROOM: u32 = 4;
/// The pieces at which `Limits::open_pieces` is meant.
const PIECE: u32 = 1 << 20;

impl Swarm {
    /// Asks a peer for as much as its window, the memory and the pieces allow.
    pub(crate) fn refill(&mut self, now: Time, key: PeerKey) {
        self.refill_with(now, key, false);
    }

    fn refill_with(&mut self, now: Time, key: PeerKey, patient: bool) {
        if !self.running {
            return;
        }
        let (wish, left) = (self.wished_pieces(), self.left());
        let stripes = self.peers.get(&key).map_or(Stripes::NONE, |peer| self.stripes(peer));
        let (Some(peer), Some(picker)) = (self.peers.get_mut(&key), &mut self.picker) else { return };
        if !peer.gives() {
            return;
        }
        let open = peer.requests.len();
        let window = peer.window.size().min(peer.ceiling(&self.limits));
        let room = window.saturating_sub(open);
        if room == 0 || (open > 0 && room < (window / 4).clamp(1, BATCH)) {
            return;
        }
        let others = self.reserved.saturating_sub(peer.reserved);
        let share = SHARE.saturating_sub(open).min(left);
        let most = left.saturating_sub(others).max(share).min(room);
        let mut blocks = Vec::new();
        if most > 0 {
            let random = picker.had().count() < self.limits.random_pieces;
            let parole = peer.trust.on_parole();
            peer.refresh(picker);
            let Has::Known(has) = &peer.has else { return };
            let (avoid, current) = (&peer.avoid[..], &mut peer.current);
            let asker = Asker { key, has, fresh: peer.fresh, parole, avoid, current };
            picker.pick(
                now,
                asker,
                Want { max: most, wish, stripes, random, idle: open == 0 },
                &mut self.choice,
                &mut blocks,
            );
            let short = most.saturating_sub(blocks.len() as u32);
            if short > 0 {
                self.copies(now, key, short, patient, &mut blocks);
            }
        }
        self.promised = self.promised.saturating_add(blocks.len() as u32);
        if let Some(peer) = self.peers.get_mut(&key) {
            blocks.iter().for_each(|block| peer.requests.push(now, *block));
        }
        for block in &blocks {
            self.say(Output::Request { peer: key, block: *block });
        }
        self.note(key);
        if (blocks.len() as u32) < room {
            self.wait(key);
        }
        if most < room {
            self.starve(now);
        }
    }

    /// Slabs of the grant that nothing holds and nothing is promised.
    fn left(&self) -> u32 {
        self.grant.saturating_sub(self.promised).saturating_sub(self.unfreed)
    }

    /// Somebody could be asked for more if there were more memory.
    fn starve(&mut self, now: Time) {
        self.starved = true;
        if self.pressed || self.unfreed / 2 <= self.promised {
            return;
        }
        // Most of the memory lies in storage: on its way to the disk, or waiting for the rest of its pieces.
        let stuck = self.gave + STUCK;
        if now < stuck {
            self.pump_at = self.pump_at.min(stuck);
            return;
        }
        self.pressed = true;
        // What it does then has as long to help as what it did by itself.
        (self.gave, self.given) = (now, 0);
        self.say(Output::Pressure);
    }

    /// Partial pieces to stay within: as many as are meant at 1 MiB a piece, and as the grant can hold.
    fn wished_pieces(&self) -> usize {
        let Some(info) = &self.info else { return 1 };
        let length = info.layout.nominal_piece_len().max(1);
        let by_length = u64::from(self.limits.open_pieces) * u64::from(PIECE) / u64::from(length.max(PIECE));
        let by_grant = u64::from(self.grant / length.div_ceil(BLOCK_LEN));
        by_length.min(by_grant).max(1) as usize
    }

    /// How many large pieces a peer fetches side by side: half as many again as are hashed side by side, since the next run
    /// of a piece waits while one is hashed. When a run of each of these comes so fast that hashing them together pays,
    /// and faster than a spinning disk could give them.
    fn stripes(&self, peer: &Peer) -> Stripes {
        let Some(info) = &self.info else { return Stripes::NONE };
        let run = (self.limits.run / BLOCK_LEN).max(1);
        let large = info.layout.nominal_piece_len() > self.limits.whole_piece;
        let fast = || peer.window.eta(run.saturating_mul(self.limits.open_pieces));
        if !large || fast().is_none_or(|round| round > self.limits.stripe_round) {
            return Stripes::NONE;
        }
        // Runs that are not whole yet must find room several times over.
        let (together, room) = (self.limits.open_pieces, self.grant / run / STRIPE_ROOM);
        let pieces = together.saturating_add(together / 2).min(room).max(1);
        Stripes { pieces: pieces as usize, run: run as usize }
    }

    /// The end game: a peer with nothing else to fetch takes blocks over that slower ones owe us.
    fn copies(&mut self, now: Time, key: PeerKey, max: u32, patient: bool, out: &mut Vec<BlockRef>) {
        let (Some(picker), Some(peer)) = (&mut self.picker, self.peers.get(&key)) else { return };
        let ends = picker.is_end_game();
        if !ends && !patient {
            return;
        }
        self.end_game_due |= ends && !self.end_game;
        let open = peer.requests.len() + out.len() as u32;
        let max = max.min(self.limits.requests_floor.saturating_sub(open)) as usize;
        let ours = peer.window.eta(open + 1).unwrap_or(if open == 0 { Duration::ZERO } else { Duration::MAX });
        let late = |other: &Peer| if other.snubbed { Duration::MAX } else { eta(other) };
        let mut slower: Vec<(Duration, &Peer)> = (self.peers.values())
            .filter(|other| other.key != key && other.requests.len() > 0)
            .map(|other| (late(other), other))
            .filter(|(late, _)| *late > ours && (ends || *late > HOSTAGE))
            .collect();
        slower.sort_by_key(|(late, _)| std::cmp::Reverse(*late));
        let begin = out.len();
        for (_, other) in slower {
            for request in other.requests.newest() {
                if out.len() - begin >= max {
                    return;
                }
                let block = request.block;
                let avoided = peer.avoid.iter().any(|(piece, _)| *piece == block.piece);
                if peer.has(block.piece)
                    && !avoided
                    && !peer.requests.has(block)
                    && picker.copy(now, key, block, self.limits.endgame_copies)
                {
                    out.push(block);
                }
            }
        }
    }

    /// Puts a peer in the line for memory or work.
    fn wait(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key).filter(|peer| !peer.hungry) {
            peer.hungry = true;
            self.hungry.push_back(key);
        }
    }

    /// Asks those who wait, in the order of waiting. However many they are, it ends soon when there is nothing for them.
    pub(crate) fn pump(&mut self, now: Time, patient: bool) {
        self.starved = false;
        self.pump_at = Time::NEVER;
        let mut in_vain = 0;
        for _ in 0..self.hungry.len() {
            if self.left() == 0 {
                return self.starve(now);
            }
            if in_vain == IN_VAIN {
                self.pump_at = now + PUMP_AGAIN;
                return;
            }
            let Some(key) = self.hungry.pop_front() else { return };
            if let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.hungry) {
                peer.hungry = false;
                let promised = self.promised;
                self.refill_with(now, key, patient);
                in_vain += u32::from(self.promised == promised);
            }
        }
    }

    /// Brings what is kept back for a peer in line with its open requests.
    pub(crate) fn note(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let share = if peer.gives() { SHARE.saturating_sub(peer.requests.len()) } else { 0 };
        self.reserved = self.reserved.saturating_sub(peer.reserved).saturating_add(share);
        peer.reserved = share;
    }

    // Blocks come

    pub(crate) fn on_block(&mut self, now: Time, key: PeerKey, block: BlockRef) {
        let len = u64::from(block.len);
        let taken = self.peers.get_mut(&key).and_then(|peer| Some((peer.requests.take(block)?, peer)));
        let Some((request, peer)) = taken else {
            self.wasted = self.wasted.saturating_add(len);
            return self.say(Output::Drop { peer: key, block });
        };
        self.promised = self.promised.saturating_sub(1);
        let ceiling = peer.ceiling(&self.limits);
        peer.window.block(now, len, now.since(request.at), ceiling, &self.limits);
        peer.requests.progressed(now);
        peer.snubbed = false;
        peer.forgive();
        let arrival = self.picker.as_mut().map_or(Arrival::Duplicate, |picker| picker.arrived(key, block));
        #[cfg(feature = "planted-bugs")]
        let arrival = self.planted_duplicate(key, block, arrival);
        match arrival {
            Arrival::Kept { cancel } => {
                self.say(Output::Keep { peer: key, block });
                if self.unfreed == 0 {
                    (self.gave, self.given) = (now, 0);
                }
                self.unfreed = self.unfreed.saturating_add(1);
                self.down.add(now, len);
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.down.add(now, len);
                }
                for other in cancel {
                    self.cancel(other, block);
                    self.refill(now, other);
                }
                #[cfg(feature = "planted-bugs")]
                if self.has_bug(Bug::UnverifiedHave)
                    && self.picker.as_ref().is_some_and(|picker| picker.is_whole(block.piece))
                {
                    self.send_have(block.piece);
                }
            }
            Arrival::Duplicate => {
                self.wasted = self.wasted.saturating_add(len);
                self.say(Output::Drop { peer: key, block });
            }
        }
        self.note(key);
        self.refill(now, key);
    }

    /// The planted bug: copies are neither cancelled nor dropped, and a second one counts once more.
    #[cfg(feature = "planted-bugs")]
    fn planted_duplicate(&mut self, key: PeerKey, block: BlockRef, arrival: Arrival) -> Arrival {
        if !self.has_bug(Bug::DuplicateAccepted) {
            return arrival;
        }
        if arrival == Arrival::Duplicate
            && let Some((by, other)) = self.picker.as_mut().and_then(|picker| picker.count_twice(key, block.piece))
        {
            self.cancel(by, other);
        }
        Arrival::Kept { cancel: Vec::new() }
    }

    pub(crate) fn on_unrequested(&mut self, now: Time, key: PeerKey, block: BlockRef, tolerated: bool) {
        self.wasted = self.wasted.saturating_add(u64::from(block.len));
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if tolerated {
            // Its REJECT will not come any more.
            peer.cancelled = peer.cancelled.saturating_sub(1);
            return;
        }
        peer.unrequested = peer.unrequested.saturating_add(1);
        peer.unrequested_bytes = peer.unrequested_bytes.saturating_add(u64::from(block.len));
        if peer.unrequested > self.limits.unrequested_blocks || peer.unrequested_bytes > self.limits.unrequested_bytes {
            self.close(now, key, Reason::Unrequested);
        }
    }

    pub(crate) fn on_reject(&mut self, now: Time, key: PeerKey, block: BlockRef) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Some(request) = peer.requests.take(block) else {
            if peer.cancelled > 0 {
                peer.cancelled -= 1;
                return;
            }
            peer.stray_rejects = peer.stray_rejects.saturating_add(1);
            if peer.stray_rejects >= self.limits.rejects {
                self.close(now, key, Reason::Rejects);
            }
            return;
        };
        self.promised = self.promised.saturating_sub(1);
        // Rejects after a choke are what BEP 6 asks for. Transmission sends them before it; then the choke makes up for them.
        if !peer.choking {
            peer.rejected(now, request.at, &self.limits);
            peer.avoid(now, block.piece, &self.limits);
            if let Some(picker) = &mut self.picker {
                picker.disown(key);
            }
        }
        let many = peer.rejects >= self.limits.rejects;
        self.next_tick = self.next_tick.min(peer.retry_at(&self.limits));
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(Bug::RejectIgnored) {
            return self.note(key);
        }
        self.released(key, block);
        if many {
            return self.close(now, key, Reason::Rejects);
        }
        self.note(key);
        self.refill(now, key);
    }

    // Storage says

    pub(crate) fn on_verified(&mut self, now: Time, piece: PieceIndex) {
        let Some(picker) = &mut self.picker else { return };
        if piece.0 >= picker.pieces() || picker.had().has(piece) {
            return;
        }
        let useful = picker.is_useful(piece);
        let (senders, asked) = picker.verified(piece);
        for (peer, block) in asked {
            self.cancel(peer, block);
        }
        for sender in &senders {
            if let Some(peer) = self.peers.get_mut(sender) {
                peer.trust.verified(senders.len() == 1);
            }
        }
        self.event(SwarmEvent::PieceDone { piece });
        self.send_have(piece);
        if useful {
            self.look_at_dwindling(now);
        }
        self.check_complete(now);
    }

    /// Counts those peers again of whose pieces the last useful one may have come.
    fn look_at_dwindling(&mut self, now: Time) {
        let mut done = Vec::new();
        while let Some(picker) = &self.picker
            && let Some(key) = self.dwindling.due(picker.gained())
        {
            let Some(peer) = self.peers.get_mut(&key) else { continue };
            peer.watched = Watched::default();
            if peer.runs_out_at() <= picker.gained() {
                peer.count(picker);
            }
            match peer.useful {
                0 => done.push(key),
                _ => self.dwindling.watch(peer),
            }
        }
        done.sort_unstable();
        done.into_iter().for_each(|key| self.update_interest(now, key));
        debug_assert!(
            self.picker.iter().all(|picker| self
                .peers
                .values()
                .all(|peer| { peer.field().is_none_or(|field| (picker.count(field).0 > 0) == (peer.useful > 0)) })),
            "whoever has run out is known"
        );
    }

    pub(crate) fn on_failed(&mut self, now: Time, piece: PieceIndex) {
        let Some(picker) = &mut self.picker else { return };
        let senders = picker.failed(now, piece);
        let bytes = self.info.as_ref().map_or(0, |info| info.layout.piece_len(piece));
        self.hash_failed = self.hash_failed.saturating_add(u64::from(bytes));
        self.end_game = false;
        self.event(SwarmEvent::PieceFailed { piece, peers: senders.clone() });
        let alone = senders.len() == 1;
        for sender in senders {
            let guilty = self.peers.get_mut(&sender).is_some_and(|peer| peer.trust.failed() || alone);
            if guilty {
                self.close(now, sender, Reason::Poison);
            }
        }
        self.pump_due = true;
    }

    pub(crate) fn on_lost(&mut self, block: BlockRef) {
        if let Some(picker) = &mut self.picker {
            picker.lost(block);
            self.pump_due = true;
        }
    }

    pub(crate) fn on_freed(&mut self, now: Time, slabs: u32) {
        self.given = self.given.saturating_add(slabs);
        if self.given >= self.unfreed / MOVES {
            (self.gave, self.given) = (now, 0);
        }
        self.unfreed = self.unfreed.saturating_sub(slabs);
        self.pressed = false;
        self.pump_due |= self.starved;
    }

    pub(crate) fn on_grant(&mut self, slabs: u32) {
        self.pump_due |= slabs > self.grant && !self.hungry.is_empty();
        self.pressed = false;
        self.grant = slabs;
    }

    // Requests end without a block

    /// Looks for peers that are silent and requests that are old.
    pub(crate) fn check_requests(&mut self, now: Time) {
        let (soon, late) = (self.limits.request_timeout, self.limits.snub_after);
        let mut given_up: Vec<(PeerKey, Vec<Request>)> = Vec::new();
        let mut snubbed = Vec::new();
        for peer in self.peers.values_mut() {
            peer.avoid.retain(|(_, until)| now < *until);
            if peer.retry_at(&self.limits) <= now {
                // It has nothing else for us: better a further reject than a peer that waits.
                peer.avoid.clear();
            }
            let silence = peer.requests.silence(now);
            let old = if peer.choking && silence >= soon {
                peer.requests.take_newest(0)
            } else if silence >= soon {
                peer.window.collapse(now, &self.limits);
                peer.current = None;
                if silence >= late && !peer.snubbed {
                    peer.snubbed = true;
                    snubbed.push(peer.key);
                }
                peer.requests.take_newest(usize::from(silence < late))
            } else {
                peer.requests.take_older(now, late)
            };
            if !old.is_empty() {
                old.iter().for_each(|request| peer.avoid(now, request.block.piece, &self.limits));
                if let Some(picker) = &mut self.picker {
                    picker.disown(peer.key);
                }
                peer.cancelled = peer.cancelled.saturating_add(old.len() as u32);
                given_up.push((peer.key, old));
            }
        }
        for (key, old) in given_up {
            for request in old {
                self.promised = self.promised.saturating_sub(1);
                self.say(Output::Cancel { peer: key, block: request.block });
                self.given_up(key, request.block);
            }
            self.note(key);
            self.wait(key);
        }
        for peer in snubbed {
            self.event(SwarmEvent::Snubbed { peer });
        }
    }

    /// The block is of no use from this peer any more.
    fn cancel(&mut self, key: PeerKey, block: BlockRef) {
        if self.peers.get_mut(&key).is_some_and(|peer| peer.cancel(block)) {
            self.promised = self.promised.saturating_sub(1);
            self.say(Output::Cancel { peer: key, block });
            self.note(key);
            self.wait(key);
        }
    }

    /// A peer that choked us without the fast extension dropped what it was asked for.
    pub(crate) fn forget_all(&mut self, key: PeerKey) {
        for block in self.give_up_all(key) {
            self.say(Output::Forget { peer: key, block });
        }
        self.note(key);
    }

    /// Nothing is asked of a peer any more; gives what was.
    pub(crate) fn give_up_all(&mut self, key: PeerKey) -> Vec<BlockRef> {
        let open = self.peers.get_mut(&key).map(|peer| peer.requests.take_newest(0)).unwrap_or_default();
        self.promised = self.promised.saturating_sub(open.len() as u32);
        let blocks: Vec<BlockRef> = open.into_iter().map(|request| request.block).collect();
        for block in &blocks {
            self.given_up(key, *block);
        }
        blocks
    }

    /// Nothing is asked of anybody any more.
    pub(crate) fn drop_requests(&mut self) {
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            for block in self.give_up_all(key) {
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.cancelled = peer.cancelled.saturating_add(1);
                }
                self.say(Output::Cancel { peer: key, block });
            }
            self.note(key);
        }
    }

    /// The request took too long, or its peer can no longer answer.
    fn given_up(&mut self, key: PeerKey, block: BlockRef) {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(Bug::TimedOutForgotten) {
            return;
        }
        self.released(key, block);
    }

    /// The block may be asked of others.
    fn released(&mut self, key: PeerKey, block: BlockRef) {
        if let Some(picker) = &mut self.picker {
            picker.release(key, block);
            self.pump_due = true;
        }
    }
}

/// How long a peer will take for what it was asked, as far as one can tell.
fn eta(peer: &Peer) -> Duration {
    peer.window.eta(peer.requests.len()).unwrap_or(Duration::MAX)
}
