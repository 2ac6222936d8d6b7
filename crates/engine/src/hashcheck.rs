//! Checking content that no torrent here stands for: parse, look at the folder, hash on the workers.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bitlode_base::{Bitfield, Code, Coded, FileIndex, PieceIndex, Pool};
use bitlode_metainfo::{Info, Metainfo, MetainfoError};
use bitlode_storage::sys::RealDisk;
use bitlode_storage::{FilePool, Files, Scratch, check_pieces, survey};

use crate::api::{CheckContent, Failure, ReplyBody};
use crate::workers::{Pace, Workers};

/// What a check needs of its surroundings.
pub(crate) struct Checker<'a> {
    pub(crate) workers: &'a Workers,
    /// Tasks that run side by side.
    pub(crate) parallel: usize,
    pub(crate) files: Arc<FilePool<RealDisk>>,
    pub(crate) slabs: Pool,
    pub(crate) limits: bitlode_metainfo::Limits,
    pub(crate) storage: bitlode_storage::Limits,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// Pieces looked at, pieces in all.
    pub(crate) progress: &'a dyn Fn(u32, u32),
}

impl Checker<'_> {
    /// Which of the wished pieces are right.
    pub(crate) fn run(&self, wish: CheckContent) -> Result<ReplyBody, Failure> {
        let info = Metainfo::parse(&wish.metainfo, &self.limits).map_err(coded)?.info;
        checkable(&info)?;
        let wanted = wanted(&info, &wish)?;
        let total = wanted.count();
        (self.progress)(0, total);
        let files = Arc::new(Files::new(self.files.clone(), self.slabs.clone(), wish.folder));
        let (info, present) = survey(&info, &self.storage, &files).map_err(coded)?;
        let right = self.check(&info, &files, &wanted, &present)?;
        Ok(ReplyBody::ContentChecked { checked: total, right })
    }

    fn check(
        &self,
        info: &Arc<Info>,
        files: &Arc<Files<RealDisk>>,
        wanted: &Bitfield,
        present: &Bitfield,
    ) -> Result<Bitfield, Failure> {
        let mut tasks = self.tasks(info, wanted, present).into_iter();
        let mut right = Bitfield::none(wanted.len());
        let total = wanted.count();
        // What is not there is looked at already.
        let mut looked_at = wanted.iter().filter(|piece| !present.has(*piece)).count() as u32;
        let (tx, rx) = mpsc::channel();
        let hasher = self.workers.hasher();
        let mut running = 0;
        loop {
            while running < self.parallel.max(1)
                && let Some(pieces) = tasks.next()
            {
                running += 1;
                let (info, files, limits) = (info.clone(), files.clone(), self.storage.clone());
                let (cancelled, tx) = (self.cancelled.clone(), tx.clone());
                let task = move |scratch: &mut Scratch| {
                    let of = (&*info, &limits);
                    let right = check_pieces(of, &files, &pieces, &cancelled, hasher, scratch);
                    let _ = tx.send((pieces.len() as u32, right));
                };
                self.workers.submit(Pace::Hash, Box::new(task));
            }
            (self.progress)(looked_at, total);
            if running == 0 {
                return Ok(right);
            }
            // A task that was dropped because the engine ends never answers, so this looks up now and then.
            let answer = rx.recv_timeout(Duration::from_millis(100));
            if self.cancelled.load(Relaxed) {
                return Err(Failure { code: Code::Aborted, message: "the check was aborted".into() });
            }
            let Ok((count, found)) = answer else { continue };
            running -= 1;
            looked_at += count;
            for piece in found.map_err(coded)? {
                right.set(piece);
            }
        }
    }

    /// Runs of pieces that are wanted and there.
    fn tasks(&self, info: &Info, wanted: &Bitfield, present: &Bitfield) -> Vec<Vec<PieceIndex>> {
        let mut tasks: Vec<Vec<PieceIndex>> = Vec::new();
        let (mut bytes, least) = (0, self.storage.check_pieces.max(1) as usize);
        for piece in wanted.iter().filter(|piece| present.has(*piece)) {
            let len = u64::from(info.layout.piece_len(piece));
            match tasks.last_mut() {
                Some(last) if last.len() < least || bytes + len <= self.storage.check_job => last.push(piece),
                _ => {
                    tasks.push(vec![piece]);
                    bytes = 0;
                }
            }
            bytes += len;
        }
        tasks
    }
}

/// A torrent without any hash for some of its pieces cannot be checked.
fn checkable(info: &Info) -> Result<(), Failure> {
    let unknown = |piece: u32| {
        let piece = PieceIndex(piece);
        info.verifier.v1(piece).is_none() && info.verifier.v2(piece).is_none()
    };
    match (0..info.layout.piece_count()).any(unknown) {
        true => {
            let why = "the .torrent file lacks the hashes of a file's pieces";
            Err(coded(MetainfoError::Invalid { key: "piece layers", why }))
        }
        false => Ok(()),
    }
}

/// The pieces that are to be checked.
fn wanted(info: &Info, wish: &CheckContent) -> Result<Bitfield, Failure> {
    let layout = &info.layout;
    let count = layout.piece_count();
    if wish.pieces.is_none() && wish.files.is_none() {
        return Ok(Bitfield::all(count));
    }
    let beyond = |what: &str, most: u32, got: u32| Failure {
        code: Code::InvalidOption,
        message: format!("Expected {what} below {most}, got `{got}`"),
    };
    let mut wanted = Bitfield::none(count);
    for (first, last) in wish.pieces.iter().flatten() {
        let most = *first.max(last);
        if most >= count {
            return Err(beyond("a piece", count, most));
        }
        for piece in *first..=*last {
            wanted.set(PieceIndex(piece));
        }
    }
    let files = u32::try_from(layout.files().len()).unwrap_or(u32::MAX);
    for file in wish.files.iter().flatten() {
        if *file >= files {
            return Err(beyond("a file", files, *file));
        }
        for piece in layout.pieces_of(FileIndex(*file)) {
            wanted.set(PieceIndex(piece));
        }
    }
    Ok(wanted)
}

fn coded(error: impl Coded) -> Failure {
    Failure { code: error.code(), message: error.to_string() }
}
