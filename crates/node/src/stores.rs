//! Between a torrent's store and the rest: blocks and reads in, what is on disk out.

use bitlode_base::{Code, Time};
use bitlode_storage::{StoreInput, StoreOutput};
use bitlode_swarm::Input;

use crate::fact::Fact;
use crate::shard::{Shard, caught};
use crate::timers::Who;
use crate::torrent::{Life, ReadFor, Torrent};
use crate::types::Output;

impl Shard {
    /// Tells a store something and drains it. What it says to the swarm waits in the torrent's `feeds`.
    pub(crate) fn store(&mut self, now: Time, t: &mut Torrent, input: StoreInput) {
        let Some(store) = &mut t.store else { return };
        #[cfg(any(test, feature = "planted-bugs"))]
        let planted = t.planted == Some("store");
        let told = caught(|| {
            #[cfg(any(test, feature = "planted-bugs"))]
            assert!(!planted, "a planted bug");
            store.handle(now, input);
        });
        if told.is_none() {
            return self.broken_store(t);
        }
        while let Some(store) = &mut t.store {
            let Some(said) = caught(|| store.poll()) else { return self.broken_store(t) };
            let Some(said) = said else { return };
            self.heard(now, t, said);
        }
    }

    fn heard(&mut self, now: Time, t: &mut Torrent, said: StoreOutput) {
        match said {
            StoreOutput::Job(job) => self.out.push_back(Output::Job { torrent: t.id, job }),
            StoreOutput::Verified { piece } => {
                t.add_have(piece);
                t.readers.verified();
                t.feeds.push_back(Input::Verified { piece });
                self.changed(t);
            }
            StoreOutput::Failed { piece } => t.feeds.push_back(Input::Failed { piece }),
            StoreOutput::Lost { block } => t.feeds.push_back(Input::Lost { block }),
            StoreOutput::Freed { slabs } => t.feeds.push_back(Input::Freed { slabs }),
            StoreOutput::ReadDone { id, chunks } => {
                let Some(ReadFor::Peer { peer, slabs, blocks }) = t.reads.remove(&id) else { return };
                self.upload_read(now, t, peer, slabs, &blocks, chunks);
            }
            StoreOutput::RangeDone { id, chunks } => {
                let Some(ReadFor::User(read)) = t.reads.remove(&id) else { return };
                let out = &mut self.out;
                t.readers.done(read, chunks, |data| out.push_back(Output::Fact(Fact::Read { read, data })));
            }
            StoreOutput::ReadFailed { id, code } => match t.reads.remove(&id) {
                Some(ReadFor::Peer { peer, slabs, blocks }) => self.upload_failed(t, peer, slabs, &blocks),
                Some(ReadFor::User(read)) => {
                    t.readers.close(read);
                    self.fact(Fact::ReadFailed { read, code });
                }
                None => {}
            },
            StoreOutput::Durable { pieces } => {
                for piece in pieces {
                    t.add_durable(piece);
                }
                self.answer_barriers(t, None);
                self.changed(t);
            }
            StoreOutput::Completed => {
                t.complete = true;
                self.fact(Fact::Completed { torrent: t.id });
                self.changed(t);
            }
            StoreOutput::Unhave { piece } => {
                t.take_have(piece);
                t.feeds.push_back(Input::Unhave { piece });
                self.changed(t);
            }
            StoreOutput::Opened { ours, existing } => {
                tracing::debug!(torrent = t.id.0, ours, existing, "opened");
            }
            StoreOutput::Renamed { info } => {
                t.info = Some(info.clone());
                self.fact(Fact::Metadata { torrent: t.id, info });
            }
            StoreOutput::CheckProgress { pieces, .. } => {
                t.checked = Some(pieces);
                self.changed(t);
            }
            StoreOutput::Checked { have } => self.checked(t, have),
            StoreOutput::CheckCancelled => self.check_cancelled(t),
            StoreOutput::Stopped { code, message } => self.fail(t, code, message),
            StoreOutput::Resumed => self.resumed(t),
            StoreOutput::Closed => t.store = None,
            StoreOutput::Wake { at } => {
                t.store_at = at;
                self.timers.arm(Who::Store(t.slot), &mut t.store_armed, at);
            }
        }
    }

    /// Tells those who wait for a barrier.
    pub(crate) fn answer_barriers(&mut self, t: &mut Torrent, error: Option<Code>) {
        for _ in 0..std::mem::take(&mut t.barriers) {
            self.fact(Fact::Barrier { torrent: t.id, error });
        }
    }

    pub(crate) fn store_timeout(&mut self, now: Time, slot: u32) {
        let Some(mut t) = self.torrents.take(slot) else { return };
        t.store_armed = Time::NEVER;
        if t.store_at <= now {
            t.store_at = Time::NEVER;
            self.store(now, &mut t, StoreInput::Wake);
        } else {
            self.timers.arm(Who::Store(slot), &mut t.store_armed, t.store_at);
        }
        self.finish(now, t);
    }

    /// Whether the content is on disk and may be read.
    pub(crate) fn readable(t: &Torrent) -> bool {
        t.ready && matches!(t.life, Life::Ready)
    }
}
