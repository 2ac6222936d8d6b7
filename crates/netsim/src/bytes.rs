//! How bytes get from one end of a link to the other.

use std::time::Duration;

use crate::link::WINDOW;
use crate::tap::Truth;
use crate::world::{Event, World};

impl World {
    /// How many bytes of `n` are moved at once: cuts can be anywhere.
    pub(crate) fn cut(&mut self, n: usize) -> usize {
        if n > 1 && self.choice.below(1000) < self.config.crumbs {
            1 + self.choice.below(n.min(200) as u64) as usize
        } else {
            n.min(1 + self.choice.below(128 * 1024) as usize)
        }
    }

    /// Takes what an end has to send while the window has room.
    pub(crate) fn flush(&mut self, link: u64, from: usize) {
        loop {
            let Some(it) = self.links.get_mut(&link) else { return };
            if !it.ends[from].open {
                return;
            }
            let (actor, life, carrier) = (it.ends[from].actor, it.ends[from].life, it.ends[from].carrier);
            let room = WINDOW.saturating_sub(it.ends[1 - from].waiting);
            if room == 0 {
                it.ends[from].blocked = true;
                return;
            }
            let most = self.cut(room);
            if actor < self.peers.len() {
                self.with(actor, life, |now, running| running.node.prepare_send(now, carrier));
            }
            let bytes: Vec<u8> = if actor < self.peers.len() {
                let Some(running) = &self.peers[actor].running else { return };
                let Some(plan) = running.node.send_plan(carrier) else { return };
                let mut bytes = Vec::new();
                for slice in plan.as_io_slices() {
                    bytes.extend_from_slice(&slice[..slice.len().min(most - bytes.len())]);
                }
                bytes
            } else {
                let Some(mask) = self.villains[actor - self.peers.len()].masks.get_mut(&link) else { return };
                let n = most.min(mask.out.len());
                mask.out.drain(..n).collect()
            };
            if bytes.is_empty() {
                return;
            }
            let n = bytes.len();
            self.transmit(link, from, bytes);
            self.with_peer(actor, life, |now, running| running.node.sent(now, carrier, n));
            if self.failure.is_some() {
                return;
            }
        }
    }

    pub(crate) fn transmit(&mut self, link: u64, from: usize, bytes: Vec<u8>) {
        let (n, now) = (bytes.len() as u64, self.now);
        let Some(it) = self.links.get_mut(&link) else { return };
        let (sender, receiver) = (it.ends[from].actor, it.ends[1 - from].actor);
        let torrent = &self.torrent;
        let heard = match self.peers.get_mut(sender) {
            Some(peer) => {
                let sound = !peer.troubled;
                let mut has = |piece| peer.has(torrent, piece);
                let (content, layout) = (&torrent.reference.content[..], &torrent.info.layout);
                it.tap.sent(now, from, &bytes, Some(Truth { content, layout, sound, has: &mut has }))
            }
            None => it.tap.sent(now, from, &bytes, None),
        };
        if let Err(what) = heard {
            self.blame(sender, &what);
        }
        let span = |rate: u64| Duration::from_micros(n * 1_000_000 / rate.max(1));
        let (ours, theirs) = (self.link_of(sender), self.link_of(receiver));
        self.up[sender] = self.up[sender].max(now) + span(ours.up);
        let middle = self.up[sender] + ours.delay + theirs.delay;
        self.down[receiver] = self.down[receiver].max(middle) + span(theirs.down);
        let arrival = self.down[receiver];
        if let Some(it) = self.links.get_mut(&link) {
            it.ends[1 - from].waiting += bytes.len();
            it.ends[1 - from].last = arrival;
        }
        self.later(arrival, Event::Arrive { link, to: 1 - from, bytes });
    }

    /// Gives an end what has arrived.
    pub(crate) fn read(&mut self, link: u64, to: usize) {
        loop {
            let Some(it) = self.links.get_mut(&link) else { return };
            let end = &mut it.ends[to];
            if !end.open || end.unread.is_empty() {
                break;
            }
            let (actor, life, carrier, unread) = (end.actor, end.life, end.carrier, end.unread.len());
            if actor >= self.peers.len() {
                if !self.villain_reads(link, to, actor) {
                    break;
                }
                continue;
            }
            let cut = self.cut(unread).min(self.links[&link].tap.before_choke(to));
            let Some(running) = &mut self.peers[actor].running else { return };
            // What is already queued when a CHOKE arrives may still go out.
            let pending = running.node.send_plan(carrier).and_then(|plan| {
                let slices = plan.as_io_slices();
                (slices.len() < 64).then(|| slices.iter().map(|slice| slice.len()).sum())
            });
            let Some(mut plan) = running.node.recv_plan(carrier) else { return };
            let Some(it) = self.links.get_mut(&link) else { return };
            let end = &mut it.ends[to];
            let n = plan.fill(&end.unread.make_contiguous()[..cut]);
            if n == 0 {
                // Nothing may be read now: the socket stays full for a while.
                if !std::mem::replace(&mut end.reading, true) {
                    self.later(self.now + Duration::from_millis(20), Event::Read { link, to });
                }
                break;
            }
            end.unread.drain(..n);
            end.waiting -= n;
            it.tap.arrived(self.now, to, n, pending);
            self.with(actor, life, |now, running| running.node.received(now, carrier, n));
            if self.failure.is_some() {
                return;
            }
        }
        self.unblock(link, to);
    }

    /// Bytes were read at `to`: the other end may send again.
    pub(crate) fn unblock(&mut self, link: u64, to: usize) {
        let Some(it) = self.links.get_mut(&link) else { return };
        let room = it.ends[to].waiting < WINDOW / 2;
        let other = &mut it.ends[1 - to];
        if other.blocked && room && other.open {
            other.blocked = false;
            let (a, b) = (it.ends[0].actor, it.ends[1].actor);
            let delay = self.link_of(a).delay + self.link_of(b).delay;
            self.later(self.now + delay, Event::Flush { link, from: 1 - to });
        }
    }

    pub(crate) fn villain_reads(&mut self, link: u64, to: usize, actor: usize) -> bool {
        let Some(it) = self.links.get_mut(&link) else { return false };
        let villain = &mut self.villains[actor - self.peers.len()];
        let Some(mask) = villain.masks.get_mut(&link).filter(|mask| mask.reads()) else { return false };
        let end = &mut it.ends[to];
        let bytes: Vec<u8> = end.unread.drain(..).collect();
        end.waiting -= bytes.len();
        it.tap.arrived(self.now, to, bytes.len(), None);
        if mask.received(&bytes) {
            self.soon(Event::Flush { link, from: to });
        } else {
            self.close(link, to);
        }
        true
    }
}
