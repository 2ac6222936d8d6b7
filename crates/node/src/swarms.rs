//! Between a torrent's swarm and the rest: facts in, intents carried out.

use bitlode_base::{Chunk, Coded, Time};
use bitlode_conn::Conn;
use bitlode_session::DialPermit;
use bitlode_storage::StoreInput;
use bitlode_swarm::{Input, Output as Intent, PeerKey, SwarmEvent};

use crate::fact::Fact;
use crate::shard::{End, Shard, caught};
use crate::timers::Who;
use crate::torrent::Torrent;
use crate::types::Output;

impl Shard {
    /// Tells a swarm a fact and drains it. `data` are the bytes of the block that the fact is about.
    pub(crate) fn tell(&mut self, now: Time, t: &mut Torrent, input: Input<'_>, mut data: Option<Chunk>) {
        let Some(swarm) = &mut t.swarm else { return };
        #[cfg(any(test, feature = "planted-bugs"))]
        let planted = t.planted == Some("swarm");
        let told = caught(|| {
            #[cfg(any(test, feature = "planted-bugs"))]
            assert!(!planted, "a planted bug");
            swarm.handle(now, input);
        });
        if told.is_none() {
            return self.broken_swarm(t);
        }
        while let Some(swarm) = &mut t.swarm {
            let Some(intent) = caught(|| swarm.poll()) else { return self.broken_swarm(t) };
            let Some(intent) = intent else { return };
            self.carry_out(now, t, intent, &mut data);
        }
    }

    /// Tells a swarm what storage and others had to say meanwhile.
    pub(crate) fn run_feeds(&mut self, now: Time, t: &mut Torrent) {
        while let Some(feed) = t.feeds.pop_front() {
            self.tell(now, t, feed, None);
        }
    }

    fn carry_out(&mut self, now: Time, t: &mut Torrent, intent: Intent, data: &mut Option<Chunk>) {
        match intent {
            Intent::Send { peer, message } => self.on_peer(t, peer, |conn| conn.send(now, &message.as_ref())),
            Intent::Request { peer, block } => self.on_peer(t, peer, |conn| conn.request(now, block)),
            Intent::Cancel { peer, block } => self.on_peer(t, peer, |conn| conn.cancel(now, block)),
            Intent::Forget { peer, block } => self.on_peer(t, peer, |conn| conn.forget(block)),
            Intent::Keep { block, .. } => {
                if let Some(data) = data.take() {
                    self.store(now, t, StoreInput::Block { block, data });
                }
            }
            Intent::Drop { .. } => *data = None,
            Intent::Uploads { peer } => {
                if let Some(slot) = self.links.of_peer(peer) {
                    if let Some(link) = self.links.at(slot).filter(|link| !link.wants) {
                        link.wants = true;
                        t.wanting += 1;
                    }
                    self.links.touch(slot);
                }
            }
            Intent::Close { peer, reason, ban } => {
                let Some(slot) = self.links.of_peer(peer) else { return };
                let ip = self.links.at(slot).map(|link| link.addr.ip());
                if let Some(ip) = ip.filter(|_| ban) {
                    self.session().ban(ip);
                    for other in self.torrents.iter_mut() {
                        other.feeds.push_back(Input::Banned { ip });
                    }
                    self.torrents.touch_all();
                }
                self.leave(t, slot, End::ours(reason.code(), reason));
            }
            Intent::Dial { addr } => {
                let permit = self.session().dial(now, t.id, addr);
                match permit {
                    DialPermit::Now => {
                        let dial = self.dials.add(t.id, addr);
                        self.out.push_back(Output::Dial { dial, addr });
                    }
                    DialPermit::Later(at) => t.feeds.push_back(Input::DialLater { addr, at }),
                    DialPermit::Never => t.feeds.push_back(Input::DialFailed { addr }),
                }
            }
            Intent::Metadata(bytes) => self.learned(now, t, &bytes),
            Intent::Pressure => self.store(now, t, StoreInput::Pressure),
            Intent::Event(event) => self.swarm_event(t, event),
            Intent::Wake { at, why } => {
                tracing::trace!(torrent = t.id.0, at = at.micros(), why, "swarm waits");
                t.swarm_at = at;
                self.timers.arm(Who::Swarm(t.slot), &mut t.swarm_armed, at);
            }
        }
    }

    fn swarm_event(&mut self, t: &mut Torrent, event: SwarmEvent) {
        tracing::debug!(torrent = t.id.0, ?event, "swarm");
        match event {
            SwarmEvent::PieceFailed { piece, .. } => self.fact(Fact::PieceFailed { torrent: t.id, piece }),
            SwarmEvent::Choked { .. } | SwarmEvent::Unchoked { .. } => self.changed(t),
            SwarmEvent::Complete | SwarmEvent::Seeding => self.changed(t),
            SwarmEvent::Snubbed { .. }
            | SwarmEvent::PieceDone { .. }
            | SwarmEvent::MetadataFailed { .. }
            | SwarmEvent::EndGame => {}
        }
    }

    fn on_peer(&mut self, t: &mut Torrent, peer: PeerKey, call: impl FnOnce(&mut Conn)) {
        let Some(slot) = self.links.of_peer(peer) else { return };
        let Some(link) = self.links.at(slot) else { return };
        let conn = &mut link.conn;
        if caught(|| call(conn)).is_some() {
            self.links.touch(slot);
        } else {
            self.broken_link(t, slot);
        }
    }

    pub(crate) fn swarm_timeout(&mut self, now: Time, slot: u32) {
        let Some(mut t) = self.torrents.take(slot) else { return };
        t.swarm_armed = Time::NEVER;
        if t.swarm_at <= now {
            t.swarm_at = Time::NEVER;
            self.tell(now, &mut t, Input::Wake, None);
        } else {
            self.timers.arm(Who::Swarm(slot), &mut t.swarm_armed, t.swarm_at);
        }
        self.finish(now, t);
    }
}
