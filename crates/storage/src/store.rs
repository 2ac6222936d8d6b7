//! One torrent's storage on its shard, sans-IO.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bitlode_base::{Bitfield, BlockRef, Chunk, Code, Coded, FileIndex, PieceIndex, Time};
use bitlode_metainfo::Info;

use crate::check::Check;
use crate::claims::Claims;
use crate::error::StorageError;
use crate::event::{Mode, StoreInput, StoreOutput, StoreSetup};
use crate::job::{Done, Found, Hashed, Job, Trouble, Work};
use crate::limits::Limits;
use crate::piece::{OpenPiece, Spill};
use crate::work::pieces_of_range;

/// One torrent's storage. Call [`Store::handle`] with [`StoreInput::Open`] first, and drain [`Store::poll`] after every
/// call. Total: no input makes it panic, and every failure becomes an output.
pub struct Store {
    info: Arc<Info>,
    limits: Arc<Limits>,
    mode: Mode,
    phase: Phase,
    out: VecDeque<StoreOutput>,
    claims: Claims,
    pieces: BTreeMap<u32, OpenPiece>,
    /// Jobs that are out.
    jobs: u32,
    /// When the next barrier is due; `NEVER` while nothing waits for one.
    barrier_at: Time,
    unsynced_bytes: u64,
    /// The next barrier syncs every file: what a check has found may be in nothing but the page cache.
    sync_everything: bool,
    found: Option<Found>,
    check: Option<Check>,
    /// The check's result that waits for space or for the marker.
    checked: Option<Bitfield>,
    /// Blocks have been taken once: what stands in the folder is ours.
    begun: bool,
    /// The marker is there, or will be before the first byte.
    marker: bool,
    /// Everything is durable and the marker is on its way out.
    finishing: bool,
    completed: bool,
    /// A check was asked for and waits until no job can write any more.
    recheck: bool,
    /// The check that is about to start is to be stopped.
    cancel: bool,
    /// A barrier was asked for and waits until there is something to sync.
    barrier_asked: bool,
    /// Claimed, but not said yet: a barrier that somebody asked for meanwhile will say it with its own.
    unsaid: Vec<PieceIndex>,
    stopped: Option<Code>,
    retry_at: Time,
    woken: Time,
    /// No piece that is at rest has to be written before this time for its age alone. It may lie before the true time, which
    /// would cost a look at all pieces at every block.
    aged: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was asked yet, or what was asked has failed.
    Idle,
    /// Looking at the folder, and what to do then.
    Opening(Then),
    Checking,
    /// The marker and the empty files are being made.
    Beginning,
    Ready,
    Closing,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Check,
    /// The check is over; there was no space, or the marker could not be made.
    Begin,
    /// It was ready, and something failed.
    Resume,
}

impl Store {
    /// A store that has not looked at anything yet.
    pub fn new(setup: StoreSetup) -> Store {
        let StoreSetup { info, limits, mode } = setup;
        let claims = Claims::new(info.layout.piece_count());
        Store {
            info,
            limits,
            mode,
            phase: Phase::Idle,
            out: VecDeque::new(),
            claims,
            pieces: BTreeMap::new(),
            jobs: 0,
            barrier_at: Time::NEVER,
            unsynced_bytes: 0,
            sync_everything: false,
            found: None,
            check: None,
            checked: None,
            begun: false,
            marker: false,
            finishing: false,
            completed: false,
            recheck: false,
            cancel: false,
            barrier_asked: false,
            unsaid: Vec::new(),
            stopped: None,
            retry_at: Time::NEVER,
            woken: Time::NEVER,
            aged: Time::NEVER,
        }
    }

    /// Takes an input. Drain [`Store::poll`] afterwards.
    pub fn handle(&mut self, now: Time, input: StoreInput) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            StoreInput::Open if self.phase == Phase::Idle => self.look(Then::Check),
            StoreInput::Open => {}
            StoreInput::Wanted(wanted) if wanted.len() == self.claims.have.len() => {
                self.claims.set_wanted(wanted);
                self.completed = false;
            }
            StoreInput::Wanted(_) => {}
            StoreInput::Block { block, data } => self.block(now, block, data),
            StoreInput::Read { id, blocks } => self.read(id, blocks),
            StoreInput::ReadRange { id, file, offset, len } => self.read_range(id, file, offset, len),
            StoreInput::Check => self.ask_for_check(),
            StoreInput::CancelCheck => self.cancel_check(now),
            StoreInput::Barrier => self.barrier(),
            StoreInput::Done(done) => {
                self.jobs = self.jobs.saturating_sub(1);
                self.done(now, done.0);
            }
            StoreInput::Pressure => self.press(now),
            StoreInput::Retry => self.retry(),
            StoreInput::Close => self.close(),
            StoreInput::Wake => self.wake(now),
        }
        self.settle();
    }

    /// The next output; `None` when there is nothing more to say for now.
    pub fn poll(&mut self) -> Option<StoreOutput> {
        if let Some(output) = self.out.pop_front() {
            return Some(output);
        }
        let at = self.deadline();
        if at == self.woken {
            return None;
        }
        self.woken = at;
        Some(StoreOutput::Wake { at })
    }

    /// The pieces that are had.
    pub fn have(&self) -> &Bitfield {
        &self.claims.have
    }

    /// Whether the torrent had to stop, and why.
    pub fn stopped(&self) -> Option<Code> {
        self.stopped
    }

    fn is_download(&self) -> bool {
        matches!(self.mode, Mode::Download { .. })
    }

    fn job(&mut self, work: Work) {
        self.jobs += 1;
        let (info, limits) = (self.info.clone(), self.limits.clone());
        self.out.push_back(StoreOutput::Job(Job { info, limits, work }));
    }

    // Opening, checking, beginning

    fn look(&mut self, then: Then) {
        let create = self.is_download() && !self.begun;
        self.phase = Phase::Opening(then);
        self.job(Work::Open { create, keep: then == Then::Resume });
    }

    fn opened(&mut self, now: Time, then: Then, result: Result<Found, StorageError>) {
        let mut found = match result {
            Ok(found) => found,
            Err(error) => {
                self.phase = if then == Then::Resume { Phase::Ready } else { Phase::Idle };
                return self.stop(now, error);
            }
        };
        if let Some(info) = found.fitted.take() {
            self.info = info.clone();
            self.out.push_back(StoreOutput::Renamed { info });
        }
        match then {
            Then::Check => {
                let ours = found.marker || self.begun;
                self.out.push_back(StoreOutput::Opened { ours, existing: found.existing });
                let mut check = Check::new(found.present.clone());
                if std::mem::take(&mut self.cancel) {
                    check.cancel();
                }
                self.check = Some(check);
                self.found = Some(found);
                self.phase = Phase::Checking;
                self.go_on_checking(now);
            }
            Then::Begin => {
                self.found = Some(found);
                self.begin(now, None);
            }
            Then::Resume => {
                self.phase = Phase::Ready;
                for &file in &found.changed {
                    self.lose_file(file);
                }
                if let Err(error) = self.enough_space(&found) {
                    return self.stop(now, error);
                }
                self.make_marker(!self.claims.have.is_full());
            }
        }
    }

    fn go_on_checking(&mut self, now: Time) {
        let Some(check) = &mut self.check else { return };
        let mut works = Vec::new();
        while let Some(work) = check.work(&self.info.layout, &self.limits) {
            works.push(work);
        }
        let over = check.is_over();
        works.into_iter().for_each(|work| self.job(work));
        if over && let Some(check) = self.check.take() {
            self.check_is_over(now, check);
        }
    }

    fn check_is_over(&mut self, now: Time, check: Check) {
        if let Some(error) = check.error {
            self.phase = Phase::Idle;
            return self.stop(now, error);
        }
        if check.cancelled {
            self.phase = if self.begun { Phase::Ready } else { Phase::Idle };
            self.out.push_back(StoreOutput::CheckCancelled);
            return;
        }
        self.checked = Some(check.right);
        self.begin(now, check.unreadable);
    }

    /// The check is over: is this folder ours to write into, and is there room?
    fn begin(&mut self, now: Time, unreadable: Option<StorageError>) {
        let (Some(have), Some(found)) = (&self.checked, self.found.take()) else { return };
        let Mode::Download { overwrite } = self.mode else { return self.ready(now) };
        let full = have.is_full();
        if !full {
            if !overwrite && !found.marker && !self.begun && found.existing > 0 {
                self.phase = Phase::Idle;
                self.checked = None;
                // What a failing device did not give may be right: it is no proof that the files are somebody else's.
                return self.stop(now, unreadable.unwrap_or(StorageError::Exists { path: found.example }));
            }
            if let Err(error) = self.enough_space(&found) {
                self.phase = Phase::Idle;
                return self.stop(now, error);
            }
        }
        self.make_marker(!full);
    }

    /// The marker goes before the first byte that is written.
    fn make_marker(&mut self, marker: bool) {
        self.marker = marker;
        self.phase = Phase::Beginning;
        self.job(Work::Begin { marker });
    }

    fn begun(&mut self, now: Time, result: Result<(), StorageError>) {
        match result {
            Ok(()) => self.ready(now),
            Err(error) => {
                self.phase = if self.checked.is_some() { Phase::Idle } else { Phase::Ready };
                self.stop(now, error);
            }
        }
    }

    fn ready(&mut self, now: Time) {
        self.phase = Phase::Ready;
        self.retry_at = Time::NEVER;
        let stopped = self.stopped.take().is_some();
        if let Some(have) = self.checked.take() {
            self.begun = true;
            self.completed = false;
            self.claims.replace(have.clone());
            self.sync_everything = true;
            self.out.push_back(StoreOutput::Checked { have });
            if !self.is_download() && self.claims.is_done() {
                self.completed = true;
                self.out.push_back(StoreOutput::Completed);
            }
        } else if stopped {
            self.out.push_back(StoreOutput::Resumed);
        }
        for piece in self.pieces.keys().copied().collect::<Vec<_>>() {
            self.pump(now, PieceIndex(piece), None);
        }
    }

    fn enough_space(&self, found: &Found) -> Result<(), StorageError> {
        match found.free {
            // With a part of the files wanted the sum says too much; the writes will tell.
            Some(free) if free < found.needed && self.claims.wanted().is_full() => {
                Err(StorageError::Space { needed: found.needed, free })
            }
            _ => Ok(()),
        }
    }

    fn ask_for_check(&mut self) {
        if matches!(self.phase, Phase::Opening(Then::Check | Then::Begin) | Phase::Checking | Phase::Closing) {
            return;
        }
        self.recheck = true;
        self.cancel = false;
        self.drop_memory();
        self.distrust(0..u32::MAX);
    }

    fn cancel_check(&mut self, now: Time) {
        if let Some(check) = &mut self.check {
            check.cancel();
            self.go_on_checking(now);
        } else if self.recheck || self.phase == Phase::Opening(Then::Check) {
            self.cancel = true;
        }
    }

    // Blocks

    fn block(&mut self, now: Time, block: BlockRef, data: Chunk) {
        if !self.takes_blocks() || self.finishing || !self.is_download() {
            drop(data);
            self.out.push_back(StoreOutput::Lost { block });
            return self.out.push_back(StoreOutput::Freed { slabs: 1 });
        }
        let piece = block.piece;
        if !self.info.layout.contains(block) || self.claims.have.has(piece) {
            return self.out.push_back(StoreOutput::Freed { slabs: 1 });
        }
        let layout = &self.info.layout;
        let open = self.pieces.entry(piece.0).or_insert_with(|| OpenPiece::new(layout, piece));
        if !open.put(now, block, data) {
            return self.out.push_back(StoreOutput::Freed { slabs: 1 });
        }
        self.rests(piece);
        self.pump(now, piece, None);
    }

    fn takes_blocks(&self) -> bool {
        self.phase == Phase::Ready && self.stopped.is_none() && !self.recheck
    }

    /// Sends what the piece has to do, if it has anything to do.
    fn pump(&mut self, now: Time, piece: PieceIndex, spill: Option<Spill>) {
        let Some(open) = self.pieces.get_mut(&piece.0) else { return };
        if open.is_empty() {
            self.pieces.remove(&piece.0);
            return;
        }
        // One that came whole is written to its end, also when that is the last thing to do.
        let closing = self.phase == Phase::Closing && self.stopped.is_none() && open.is_whole();
        if !self.takes_blocks() && !closing {
            return;
        }
        let Some(open) = self.pieces.get_mut(&piece.0) else { return };
        let whole = open.len() <= self.limits.whole_piece;
        let usual = Spill::Runs { run: if whole { u32::MAX } else { self.limits.run } };
        let spill = spill.unwrap_or(if open.pressed { Spill::All } else { usual });
        if let Some(mut work) = open.work(now, spill) {
            work.urgent |= self.is_last();
            work.whole = self.claims.wanted().is_full();
            self.job(Work::Piece(Box::new(work)));
        }
    }

    /// Nothing else is to come: every piece that is wanted is had, or whole in memory.
    fn is_last(&self) -> bool {
        let undone = self.claims.undone() as usize;
        undone <= self.pieces.len() && {
            let whole =
                |(piece, open): &(&u32, &OpenPiece)| open.is_whole() && self.claims.wanted().has(PieceIndex(**piece));
            self.pieces.iter().filter(whole).count() >= undone
        }
    }

    fn press(&mut self, now: Time) {
        // What jobs hold comes back without help; pieces that are taken apart cost more, and bring less than that.
        let both = self.pieces.values().map(OpenPiece::in_memory);
        let (held, moving) = both.fold((0, 0), |(held, moving), (more, with_job)| (held + more, moving + with_job));
        if moving > held {
            return;
        }
        for piece in self.pieces.keys().copied().collect::<Vec<_>>() {
            if let Some(open) = self.pieces.get_mut(&piece) {
                open.pressed = open.busy;
            }
            self.pump(now, PieceIndex(piece), Some(Spill::All));
        }
    }

    fn piece_done(&mut self, now: Time, piece: PieceIndex, slabs: u32, result: Result<Hashed, Trouble>) {
        if slabs > 0 {
            self.out.push_back(StoreOutput::Freed { slabs });
        }
        let Some(open) = self.pieces.get_mut(&piece.0) else { return };
        if std::mem::take(&mut open.doomed) {
            let lost = open.failed();
            self.lose_blocks(lost);
            self.rests(piece);
            return self.pump(now, piece, None);
        }
        match result {
            Ok(Hashed::On(hash)) => {
                open.written(hash);
                self.rests(piece);
                self.pump(now, piece, None);
            }
            Ok(Hashed::Right) => {
                self.pieces.remove(&piece.0);
                self.unsynced_bytes += u64::from(self.info.layout.piece_len(piece));
                self.claims.had(piece);
                self.out.push_back(StoreOutput::Verified { piece });
                if self.barrier_at == Time::NEVER {
                    self.barrier_at = now + self.limits.barrier_every;
                }
                if self.unsynced_bytes >= self.limits.barrier_bytes {
                    self.start_barrier();
                }
            }
            Ok(Hashed::Wrong) => {
                self.pieces.remove(&piece.0);
                self.out.push_back(StoreOutput::Failed { piece });
            }
            Err(trouble) => {
                let lost = open.failed();
                self.lose_blocks(lost);
                self.rests(piece);
                self.fail(now, trouble);
            }
        }
    }

    fn lose_blocks(&mut self, blocks: Vec<BlockRef>) {
        self.out.extend(blocks.into_iter().map(|block| StoreOutput::Lost { block }));
    }

    /// Blocks in memory are wanted again; their memory goes back.
    fn drop_memory(&mut self) {
        let mut lost = Vec::new();
        for open in self.pieces.values_mut() {
            lost.extend(open.drop_memory());
        }
        if !lost.is_empty() {
            let slabs = lost.len() as u32;
            self.lose_blocks(lost);
            self.out.push_back(StoreOutput::Freed { slabs });
        }
        self.pieces.retain(|_, open| !open.is_empty());
    }

    /// What was spilled in these pieces may not be on the disk: it is wanted again.
    fn distrust(&mut self, pieces: std::ops::Range<u32>) {
        let mut lost = Vec::new();
        for (_, open) in self.pieces.range_mut(pieces) {
            lost.extend(open.distrust());
        }
        self.lose_blocks(lost);
        self.pieces.retain(|_, open| !open.is_empty());
    }

    // Reading

    fn read(&mut self, id: u64, blocks: Vec<BlockRef>) {
        let had = |block: &BlockRef| self.info.layout.contains(*block) && self.claims.have.has(block.piece);
        if !blocks.iter().all(had) || self.phase == Phase::Closing {
            return self.out.push_back(StoreOutput::ReadFailed { id, code: Code::StorageMissing });
        }
        self.job(Work::Read { id, blocks });
    }

    fn read_range(&mut self, id: u64, file: FileIndex, offset: u64, len: u32) {
        let Some(known) = self.info.layout.file(file).filter(|_| self.phase != Phase::Closing) else {
            return self.out.push_back(StoreOutput::ReadFailed { id, code: Code::NotFound });
        };
        let left = u32::try_from(known.len.saturating_sub(offset)).unwrap_or(u32::MAX);
        let mut len = len.min(left).min(self.limits.read_job);
        let length = u64::from(self.info.layout.nominal_piece_len());
        let missing =
            pieces_of_range(&self.info, file, offset, len).find(|piece| !self.claims.have.has(PieceIndex(*piece)));
        if let Some(piece) = missing {
            let had = (u64::from(piece) * length).saturating_sub(known.offset.saturating_add(offset));
            len = len.min(u32::try_from(had).unwrap_or(u32::MAX));
        }
        if len == 0 {
            return self.out.push_back(StoreOutput::RangeDone { id, chunks: Vec::new() });
        }
        self.job(Work::Range { id, file, offset, len });
    }

    fn read_failed(&mut self, id: u64, pieces: impl Iterator<Item = PieceIndex>, trouble: Trouble) {
        let code = trouble.error.code();
        if let Some(file) = trouble.changed {
            self.lose_file(file);
        } else if !matches!(code, Code::StorageFds | Code::OutOfMemory) {
            pieces.for_each(|piece| self.unhave(piece));
        }
        self.out.push_back(StoreOutput::ReadFailed { id, code });
    }

    // Claims

    fn barrier(&mut self) {
        if !self.is_download() || !self.begun {
            return self.out.push_back(StoreOutput::Durable { pieces: Vec::new() });
        }
        self.barrier_asked = true;
    }

    fn start_barrier(&mut self) {
        self.barrier_at = Time::NEVER;
        self.unsynced_bytes = 0;
        if self.claims.syncing.is_some() {
            self.barrier_asked = true;
            return;
        }
        self.barrier_asked = false;
        self.claims.syncing = Some(std::mem::take(&mut self.claims.unsynced));
        let everything = std::mem::take(&mut self.sync_everything);
        self.job(Work::Barrier { everything });
    }

    fn barrier_done(&mut self, now: Time, result: Result<(), Trouble>) {
        #[allow(unused_mut)]
        let mut pieces = self.claims.syncing.take().unwrap_or_default();
        match result {
            Ok(()) => {
                #[cfg(feature = "planted-bugs")]
                if crate::planted::is(crate::planted::Bug::ClaimLate) {
                    pieces.append(&mut self.claims.unsynced);
                }
                self.claims.claim(&pieces);
                self.unsaid.append(&mut pieces);
                if !self.barrier_asked {
                    self.say_durable();
                }
            }
            Err(trouble) => {
                // After a failed sync the page cache may hold what the disk does not, and a second sync may succeed
                // without having written it. So nothing since the last good barrier is believed, read back or synced
                // again: it is fetched anew.
                pieces.append(&mut self.claims.unsynced);
                pieces.retain(|piece| {
                    let nowhere = self.info.layout.is_padding(*piece);
                    self.claims.unsynced.extend(nowhere.then_some(*piece));
                    !nowhere
                });
                pieces.into_iter().for_each(|piece| self.unhave(piece));
                self.distrust(0..u32::MAX);
                self.barrier_asked = false;
                self.unsynced_bytes = 0;
                self.barrier_at = Time::NEVER;
                self.fail(now, trouble);
                self.say_durable();
            }
        }
    }

    fn say_durable(&mut self) {
        let mut pieces = std::mem::take(&mut self.unsaid);
        pieces.retain(|piece| self.claims.have.has(*piece));
        self.out.push_back(StoreOutput::Durable { pieces });
    }

    fn finished(&mut self, now: Time, result: Result<(), Trouble>) {
        self.finishing = false;
        match result {
            Ok(()) => {
                self.marker = false;
                // A read may have found a file changed in the meantime.
                if self.claims.is_claimed() {
                    self.complete();
                }
            }
            Err(trouble) => self.fail(now, trouble),
        }
    }

    fn complete(&mut self) {
        self.completed = true;
        self.out.push_back(StoreOutput::Completed);
    }

    fn unhave(&mut self, piece: PieceIndex) {
        // What is nothing but padding is on no disk, and cannot be lost or fetched.
        if !self.info.layout.is_padding(piece) && self.claims.lost(piece) {
            self.completed = false;
            self.out.push_back(StoreOutput::Unhave { piece });
        }
    }

    /// The file is gone or another: nothing that was in it is had.
    fn lose_file(&mut self, file: FileIndex) {
        let pieces = self.info.layout.pieces_of(file);
        pieces.clone().for_each(|piece| self.unhave(PieceIndex(piece)));
        self.distrust(pieces);
    }

    // Stopping and going on

    fn fail(&mut self, now: Time, trouble: Trouble) {
        if let Some(file) = trouble.changed {
            self.lose_file(file);
        }
        self.stop(now, trouble.error);
    }

    fn stop(&mut self, now: Time, error: StorageError) {
        let code = error.code();
        self.drop_memory();
        // Whoever stopped may have lost it, and it is looked for before the next byte.
        self.marker = false;
        if self.phase == Phase::Idle && std::mem::take(&mut self.barrier_asked) {
            self.say_durable();
        }
        // What may pass by itself is tried again by itself.
        let passes = matches!(
            code,
            Code::StorageFull | Code::StorageIo | Code::StorageMissing | Code::StorageFds | Code::OutOfMemory
        );
        self.retry_at = if passes { now + self.limits.retry_every } else { Time::NEVER };
        if self.stopped.replace(code) == Some(code) {
            return;
        }
        let mut message = error.to_string();
        if code == Code::StorageFull && !matches!(error, StorageError::Space { .. }) {
            let layout = &self.info.layout;
            let missing = self.claims.wanted().iter().filter(|piece| !self.claims.have.has(*piece));
            let needed: u64 = missing.map(|piece| u64::from(layout.piece_len(piece))).sum();
            message += &format!("; {needed} bytes are needed");
        }
        self.out.push_back(StoreOutput::Stopped { code, message });
    }

    fn retry(&mut self) {
        if self.stopped.is_none() {
            return;
        }
        self.retry_at = Time::NEVER;
        match self.phase {
            Phase::Ready => self.look(Then::Resume),
            Phase::Idle if self.checked.is_some() => self.look(Then::Begin),
            Phase::Idle => self.look(Then::Check),
            _ => {}
        }
    }

    fn close(&mut self) {
        if let Some(check) = &mut self.check {
            check.cancel();
        }
        self.phase = Phase::Closing;
        let stopped = self.stopped.is_some();
        for open in self.pieces.values_mut().filter(|open| stopped || !open.busy || !open.is_whole()) {
            open.drop_memory();
        }
        self.pieces.retain(|_, open| !open.is_empty());
    }

    fn wake(&mut self, now: Time) {
        self.woken = Time::NEVER;
        if self.stopped.is_some() && now >= self.retry_at {
            return self.retry();
        }
        if self.phase != Phase::Ready {
            return;
        }
        if now >= self.aged {
            let old = self.pieces.iter().filter(|(_, open)| self.age(open) <= now);
            for piece in old.map(|(piece, _)| *piece).collect::<Vec<_>>() {
                self.pump(now, PieceIndex(piece), Some(Spill::All));
            }
            self.aged = self.pieces.values().map(|open| self.age(open)).fold(Time::NEVER, Time::min);
        }
        if now >= self.barrier_at {
            self.start_barrier();
        }
    }

    fn deadline(&self) -> Time {
        if self.phase != Phase::Ready || self.stopped.is_some() {
            let barrier_at = if self.phase == Phase::Ready { self.barrier_at } else { Time::NEVER };
            return self.retry_at.min(barrier_at);
        }
        if self.pieces.is_empty() { self.barrier_at } else { self.barrier_at.min(self.aged) }
    }

    /// When a piece has to be written for its age alone.
    fn age(&self, open: &OpenPiece) -> Time {
        match open.oldest() {
            oldest if oldest < Time::NEVER && !open.busy => oldest + self.limits.block_age,
            _ => Time::NEVER,
        }
    }

    /// No job of this piece is out, and it may hold blocks.
    fn rests(&mut self, piece: PieceIndex) {
        if let Some(open) = self.pieces.get(&piece.0) {
            let others = if self.pieces.len() > 1 { self.aged } else { Time::NEVER };
            self.aged = others.min(self.age(open));
        }
    }

    fn done(&mut self, now: Time, done: Done) {
        match (done, self.phase) {
            (Done::Open(result), Phase::Opening(then)) => self.opened(now, then, result),
            (Done::Begin(result), Phase::Beginning) => self.begun(now, result),
            (Done::Open(_) | Done::Begin(_), _) => {}
            (Done::Piece { piece, slabs, result }, _) => self.piece_done(now, piece, slabs, result),
            (Done::Barrier(result), _) => self.barrier_done(now, result),
            (Done::Finish(result), _) => self.finished(now, result),
            (Done::Check { right, looked_at, unreadable, error }, phase) => {
                let Some(check) = &mut self.check else { return };
                check.done(right, looked_at, unreadable, error);
                if phase == Phase::Checking {
                    let (pieces, total) = (check.looked_at, check.total());
                    self.out.push_back(StoreOutput::CheckProgress { pieces, total });
                    self.go_on_checking(now);
                }
            }
            (Done::Read { id, blocks, result, .. }, _) => match result {
                Ok(chunks) => self.out.push_back(StoreOutput::ReadDone { id, chunks }),
                Err(trouble) => self.read_failed(id, blocks.into_iter().map(|block| block.piece), trouble),
            },
            (Done::Range { id, pieces, result }, _) => match result {
                Ok(chunks) => self.out.push_back(StoreOutput::RangeDone { id, chunks }),
                Err(trouble) => self.read_failed(id, pieces.map(PieceIndex), trouble),
            },
        }
    }

    /// What follows from the state, whatever led to it.
    fn settle(&mut self) {
        match self.phase {
            Phase::Closing if self.jobs == 0 => {
                let unsynced = self.begun && self.is_download() && !self.claims.unsynced.is_empty();
                if unsynced {
                    self.start_barrier();
                } else {
                    self.phase = Phase::Closed;
                    self.out.push_back(StoreOutput::Closed);
                }
                return;
            }
            Phase::Ready | Phase::Idle => {}
            _ => return,
        }
        if self.claims.syncing.is_some() || self.finishing {
            return;
        }
        if self.recheck {
            // A write that is still out could change what a check has just found right.
            if self.pieces.is_empty() {
                self.recheck = false;
                self.stopped = None;
                self.retry_at = Time::NEVER;
                self.checked = None;
                self.look(Then::Check);
            }
            return;
        }
        if self.phase == Phase::Idle {
            return;
        }
        if self.barrier_asked {
            return self.start_barrier();
        }
        if self.stopped.is_some() || !self.is_download() {
            return;
        }
        let full = self.claims.have.is_full();
        if !self.marker && !full {
            // A finished torrent lost something and will write again.
            self.make_marker(true);
        } else if self.completed || !self.claims.is_done() {
        } else if !self.claims.is_claimed() {
            self.start_barrier();
        } else if full {
            self.finishing = true;
            self.job(Work::Finish);
        } else {
            self.complete();
        }
    }
}
