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
    /// Somebody asked for a barrier while one was out.
    barrier_again: bool,
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
    finishing: bool,
    completed: bool,
    stopped: Option<Code>,
    retry_at: Time,
    woken: Time,
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
            barrier_again: false,
            sync_everything: false,
            found: None,
            check: None,
            checked: None,
            begun: false,
            marker: false,
            finishing: false,
            completed: false,
            stopped: None,
            retry_at: Time::NEVER,
            woken: Time::NEVER,
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
            StoreInput::Check => self.recheck(),
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
        let found = match result {
            Ok(found) => found,
            Err(error) => {
                self.phase = if then == Then::Resume { Phase::Ready } else { Phase::Idle };
                return self.stop(now, error);
            }
        };
        match then {
            Then::Check => {
                let ours = found.marker || self.begun;
                self.out.push_back(StoreOutput::Opened { ours, existing: found.existing });
                self.check = Some(Check::new(found.present.clone()));
                self.found = Some(found);
                self.phase = Phase::Checking;
                self.go_on_checking(now);
            }
            Then::Begin => {
                self.found = Some(found);
                self.begin(now);
            }
            Then::Resume => {
                self.phase = Phase::Ready;
                for &file in &found.changed {
                    self.lose_file(file);
                }
                if let Err(error) = self.enough_space(&found) {
                    return self.stop(now, error);
                }
                self.stopped = None;
                self.retry_at = Time::NEVER;
                self.out.push_back(StoreOutput::Resumed);
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
        self.begin(now);
    }

    /// The check is over: is this folder ours to write into, and is there room?
    fn begin(&mut self, now: Time) {
        let (Some(have), Some(found)) = (&self.checked, self.found.take()) else { return };
        let Mode::Download { overwrite } = self.mode else { return self.ready() };
        let full = have.is_full();
        if !full {
            if !overwrite && !found.marker && !self.begun && found.existing > 0 {
                self.phase = Phase::Idle;
                self.checked = None;
                return self.stop(now, StorageError::Exists { path: found.example });
            }
            if let Err(error) = self.enough_space(&found) {
                self.phase = Phase::Idle;
                return self.stop(now, error);
            }
        }
        self.marker = found.marker || !full;
        self.phase = Phase::Beginning;
        self.job(Work::Begin { marker: !full });
    }

    fn begun(&mut self, now: Time, result: Result<(), StorageError>) {
        match result {
            Ok(()) => self.ready(),
            Err(error) => {
                self.phase = if self.checked.is_some() { Phase::Idle } else { Phase::Ready };
                self.marker = false;
                self.stop(now, error);
            }
        }
    }

    fn ready(&mut self) {
        self.phase = Phase::Ready;
        self.stopped = None;
        self.retry_at = Time::NEVER;
        let Some(have) = self.checked.take() else { return };
        self.begun = true;
        self.completed = false;
        self.claims.replace(have.clone());
        self.sync_everything = true;
        self.out.push_back(StoreOutput::Checked { have });
        if !self.is_download() && self.claims.is_done() {
            self.completed = true;
            self.out.push_back(StoreOutput::Completed);
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

    fn recheck(&mut self) {
        if !matches!(self.phase, Phase::Ready | Phase::Idle) || self.finishing {
            return;
        }
        self.drop_memory();
        self.distrust_all();
        self.stopped = None;
        self.retry_at = Time::NEVER;
        self.checked = None;
        self.look(Then::Check);
    }

    fn cancel_check(&mut self, now: Time) {
        if let Some(check) = &mut self.check {
            check.cancel();
            self.go_on_checking(now);
        }
    }

    // Blocks

    fn block(&mut self, now: Time, block: BlockRef, data: Chunk) {
        let ready = self.phase == Phase::Ready && self.stopped.is_none() && !self.finishing && self.is_download();
        if !ready {
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
        self.pump(now, piece, None);
    }

    /// Sends what the piece has to do, if it has anything to do.
    fn pump(&mut self, now: Time, piece: PieceIndex, spill: Option<Spill>) {
        let Some(open) = self.pieces.get_mut(&piece.0) else { return };
        if open.is_empty() {
            self.pieces.remove(&piece.0);
            return;
        }
        if self.stopped.is_some() || self.phase != Phase::Ready {
            return;
        }
        let whole = open.len() <= self.limits.whole_piece;
        let usual = Spill::Runs { run: if whole { u32::MAX } else { self.limits.run } };
        let spill = spill.unwrap_or(if open.pressed { Spill::All } else { usual });
        if let Some(work) = open.work(now, spill) {
            self.job(Work::Piece(work));
        }
    }

    fn press(&mut self, now: Time) {
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
            return self.pump(now, piece, None);
        }
        match result {
            Ok(Hashed::On(hash)) => {
                open.written(hash);
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

    /// What was spilled so far may not be on the disk: it is wanted again.
    fn distrust_all(&mut self) {
        self.distrust(0..u32::MAX);
    }

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
        let bytes: u64 = blocks.iter().map(|block| u64::from(block.len)).sum();
        if bytes > u64::from(self.limits.read_max) || !blocks.iter().all(had) || self.phase == Phase::Closing {
            return self.out.push_back(StoreOutput::ReadFailed { id, code: Code::StorageMissing });
        }
        self.job(Work::Read { id, blocks });
    }

    fn read_range(&mut self, id: u64, file: FileIndex, offset: u64, len: u32) {
        let Some(known) = self.info.layout.file(file).filter(|_| self.phase != Phase::Closing) else {
            return self.out.push_back(StoreOutput::ReadFailed { id, code: Code::NotFound });
        };
        let left = u32::try_from(known.len.saturating_sub(offset)).unwrap_or(u32::MAX);
        let mut len = len.min(left).min(self.limits.read_max);
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
        if !self.is_download() || self.phase != Phase::Ready || self.stopped.is_some() {
            return self.out.push_back(StoreOutput::Durable { pieces: Vec::new() });
        }
        self.start_barrier();
    }

    fn start_barrier(&mut self) {
        self.barrier_at = Time::NEVER;
        self.unsynced_bytes = 0;
        if self.claims.syncing.is_some() {
            self.barrier_again = true;
            return;
        }
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
                self.out.push_back(StoreOutput::Durable { pieces });
                if std::mem::take(&mut self.barrier_again) {
                    self.start_barrier();
                }
            }
            Err(trouble) => {
                // After a failed sync the page cache may hold what the disk does not, and a second sync may succeed
                // without having written it. So nothing since the last good barrier is believed, read back or synced
                // again: it is fetched anew.
                pieces.append(&mut self.claims.unsynced);
                pieces.into_iter().for_each(|piece| self.unhave(piece));
                self.distrust_all();
                self.barrier_again = false;
                self.unsynced_bytes = 0;
                self.barrier_at = Time::NEVER;
                self.fail(now, trouble);
                self.out.push_back(StoreOutput::Durable { pieces: Vec::new() });
            }
        }
    }

    fn finished(&mut self, now: Time, result: Result<(), Trouble>) {
        self.finishing = false;
        if self.claims.have.is_full() || result.is_ok() {
            self.marker = self.marker && (result.is_err() || !self.claims.have.is_full());
        }
        match result {
            Ok(()) if self.claims.is_claimed() => {
                self.completed = true;
                self.out.push_back(StoreOutput::Completed);
            }
            Ok(()) => self.marker = false,
            Err(trouble) => self.fail(now, trouble),
        }
    }

    fn unhave(&mut self, piece: PieceIndex) {
        if self.claims.lost(piece) {
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
        for open in self.pieces.values_mut() {
            open.drop_memory();
        }
        self.pieces.retain(|_, open| !open.is_empty());
    }

    fn wake(&mut self, now: Time) {
        self.woken = Time::NEVER;
        if self.stopped.is_some() {
            if now >= self.retry_at {
                self.retry();
            }
            return;
        }
        if self.phase != Phase::Ready {
            return;
        }
        let age = self.limits.block_age;
        let old = self.pieces.iter().filter(|(_, open)| !open.busy && open.oldest() != Time::NEVER);
        let old: Vec<u32> = old.filter(|(_, open)| open.oldest() + age <= now).map(|(piece, _)| *piece).collect();
        for piece in old {
            self.pump(now, PieceIndex(piece), Some(Spill::All));
        }
        if now >= self.barrier_at {
            self.start_barrier();
        }
    }

    fn deadline(&self) -> Time {
        if self.stopped.is_some() {
            return self.retry_at;
        }
        if self.phase != Phase::Ready {
            return Time::NEVER;
        }
        let age = self.limits.block_age;
        let pieces = self.pieces.values().filter(|open| !open.busy && open.oldest() != Time::NEVER);
        pieces.map(|open| open.oldest() + age).fold(self.barrier_at, Time::min)
    }

    fn done(&mut self, now: Time, done: Done) {
        match (done, self.phase) {
            (Done::Open(result), Phase::Opening(then)) => self.opened(now, then, result),
            (Done::Begin(result), Phase::Beginning) => self.begun(now, result),
            (Done::Open(_) | Done::Begin(_), _) => {}
            (Done::Piece { piece, slabs, result }, _) => self.piece_done(now, piece, slabs, result),
            (Done::Barrier(result), _) => self.barrier_done(now, result),
            (Done::Finish(result), _) => self.finished(now, result),
            (Done::Check { right, looked_at, error }, phase) => {
                let Some(check) = &mut self.check else { return };
                check.done(right, looked_at, error);
                if phase == Phase::Checking {
                    let (pieces, total) = (check.looked_at, check.total());
                    self.out.push_back(StoreOutput::CheckProgress { pieces, total });
                    self.go_on_checking(now);
                }
            }
            (Done::Read { id, blocks, result }, _) => match result {
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
        if self.phase == Phase::Closing && self.jobs == 0 {
            let unsynced = self.begun && self.is_download() && !self.claims.unsynced.is_empty();
            if unsynced && self.stopped.is_none() {
                self.start_barrier();
            } else {
                self.phase = Phase::Closed;
                self.out.push_back(StoreOutput::Closed);
            }
        }
        if self.phase != Phase::Ready || self.stopped.is_some() || !self.is_download() || self.finishing {
            return;
        }
        if !self.marker && !self.claims.have.is_full() {
            // A finished torrent lost something and writes again: the marker goes before.
            self.marker = true;
            self.phase = Phase::Beginning;
            self.job(Work::Begin { marker: true });
        } else if self.completed || !self.claims.is_done() {
        } else if self.claims.is_claimed() {
            self.finishing = true;
            self.job(Work::Finish { unlink: self.claims.have.is_full() });
        } else if self.claims.syncing.is_none() {
            self.start_barrier();
        }
    }
}
