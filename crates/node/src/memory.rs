//! Who gets memory: the torrents' shares of the pool, blocks on their way to peers, users' reads.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bitlode_base::{BLOCK_LEN, BlockRef, Chunk, Time};
use bitlode_session::{Grant, Need};
use bitlode_storage::StoreInput;
use bitlode_swarm::{Input, PeerKey};

use crate::fact::Fact;
use crate::shard::{Shard, caught, slabs};
use crate::timers::Who;
use crate::torrent::{ReadFor, Torrent};

/// Beyond what a torrent holds now, this part of it again may come before the next deal.
const HEADROOM: u32 = 2;
/// While somebody waits for memory that others hold, all are dealt theirs so many times as often,
const DEALS_SOONER: u32 = 10;
/// but for each of them at least this long after the last time, so that with hundreds it is no more often than ever.
const DEAL_PAUSE: Duration = Duration::from_micros(200);
/// Blocks that a peer may have on their way to it however little memory there is.
const LEAST_UPLOAD: u32 = 2;
/// One part in so many of the memory that a torrent's other peers leave may be on its way to one peer.
const UPLOAD_PART: u32 = 3;

impl Shard {
    // Shares of the pool

    /// What a torrent needs; `None` when it needs nothing and holds nothing.
    fn need(&self, t: &Torrent) -> Option<Need> {
        let stats = t.stats();
        let download_held = stats.requests + stats.unfreed;
        let need = Need {
            active: t.running,
            peers_unchoking_us: stats.unchoking_us,
            download_wanted: match (stats.useful, stats.starved) {
                (0, false) => 0,
                (_, true) => u32::MAX,
                (peers, false) => (download_held * HEADROOM).max(self.swarm_limits.requests_floor * peers),
            },
            download_held,
            peers_downloading: t.wanting,
            // With it, each may have its whole send buffer.
            upload_wanted: match t.wanting {
                0 => t.upload_held,
                _ => {
                    let buffer = slabs(self.conn_limits.send_buffer as u32);
                    t.upload_held.max((self.upload_slots() + UPLOAD_PART).saturating_mul(buffer))
                }
            },
            upload_held: t.upload_held,
        };
        let idle = Need { active: need.active, peers_unchoking_us: need.peers_unchoking_us, ..Need::default() };
        (need != idle).then_some(need)
    }

    fn upload_slots(&self) -> u32 {
        u32::try_from(self.swarm_limits.upload_slots).unwrap_or(u32::MAX).max(1)
    }

    /// Deals memory to a torrent that needs it, at once when it did not need any before.
    pub(crate) fn enliven(&mut self, now: Time, t: &mut Torrent) {
        if t.dealt || t.swarm.is_none() || t.peers.is_empty() {
            return;
        }
        let Some(need) = self.need(t) else { return };
        t.dealt = true;
        self.dealt.push(t.slot);
        let grant = self.session().deal(now, t.id, need);
        self.granted(now, t, grant);
        let at = now + self.settings.deal_interval;
        self.timers.arm(Who::Deal, &mut self.deal_armed, at);
    }

    fn granted(&mut self, now: Time, t: &mut Torrent, grant: Grant) {
        let old = std::mem::replace(&mut t.grant, grant);
        if grant.download != old.download {
            self.tell(now, t, Input::Grant { slabs: grant.download }, None);
        }
        // All who wait for upload memory look again: places may have come free unnoticed, too.
        for slot in std::mem::take(&mut t.starved) {
            if let Some(link) = self.links.at(slot) {
                link.starved = false;
                self.links.touch(slot);
            }
        }
    }

    /// Deals anew soon if somebody, perhaps on another shard, waits for what is held here beyond what is due.
    pub(crate) fn deal_sooner(&mut self) {
        if !self.dealt.is_empty() && self.shortage.load(Relaxed) {
            let pause = DEAL_PAUSE.saturating_mul(u32::try_from(self.dealt.len()).unwrap_or(u32::MAX));
            let at = self.dealt_at + pause.max(self.settings.deal_interval / DEALS_SOONER);
            self.timers.arm(Who::Deal, &mut self.deal_armed, at);
        }
    }

    /// Deals memory to all who need it.
    pub(crate) fn deal_all(&mut self, now: Time) {
        self.dealt_at = now;
        for slot in std::mem::take(&mut self.dealt) {
            let Some(mut t) = self.torrents.take(slot) else { continue };
            let need = self.need(&t);
            let grant = self.session().deal(now, t.id, need.unwrap_or_default());
            t.dealt = need.is_some();
            if t.dealt {
                self.dealt.push(slot);
            }
            self.granted(now, &mut t, grant);
            self.finish(now, t);
        }
        if !self.dealt.is_empty() {
            let at = now + self.settings.deal_interval;
            self.timers.arm(Who::Deal, &mut self.deal_armed, at);
        }
    }

    // Uploads

    /// Takes requests of a peer whose send queue has room, and reads what they ask for: from the page cache only while its
    /// carrier `takes` bytes.
    pub(crate) fn feed_uploads(&mut self, now: Time, t: &mut Torrent, slot: u32, takes: bool) {
        while self.feed_once(now, t, slot, takes) {}
    }

    /// One read; says whether there may be another.
    fn feed_once(&mut self, now: Time, t: &mut Torrent, slot: u32, takes: bool) -> bool {
        let Some(link) = self.links.at(slot).filter(|link| link.wants) else { return false };
        let coming = link.reading as usize * BLOCK_LEN as usize;
        let room = link.conn.send_room().saturating_sub(coming);
        let busy = link.reading + link.sending > 0;
        if busy && room < self.conn_limits.send_buffer / 2 {
            return false; // BlockSent comes, and brings us here again
        }
        let peer = link.key;
        // One that does not read must not hold what all share: it may have a part of what the others leave, so there is
        // always some left for one more (the dynamic threshold of Choudhury and Hahne, 1998).
        let own = link.reading + link.sending;
        let free = t.grant.upload.saturating_sub(t.upload_held);
        let fair = (free.saturating_add(own) / UPLOAD_PART).max(LEAST_UPLOAD);
        // What a disk has to bring is asked for while the rest is being sent.
        if own >= fair || (busy && (t.cached || fair - own < fair / 2)) {
            return false; // BlockSent comes, and brings us here again
        }
        // What lies in the page cache is read when it is sent: it would leave the processor's cache if it waited behind what
        // other peers get, and the pool's memory if the carrier took nothing.
        if t.cached && !takes {
            link.due = true;
            return false; // `prepare_send` comes, and brings us here again
        }
        let next = t.swarm.as_ref().and_then(|swarm| swarm.next_upload(peer)).map_or(0, |block| slabs(block.len));
        if free == 0 || (free < next && t.upload_held > 0) {
            if !link.starved {
                link.starved = true;
                t.starved.push_back(slot);
            }
            return false;
        }
        let most = u32::try_from(room).unwrap_or(u32::MAX).min(free.min(fair - own).saturating_mul(BLOCK_LEN));
        let most = most.min(self.storage_limits.read_job);
        let Some(swarm) = &mut t.swarm else { return false };
        let mut blocks = Vec::new();
        if caught(|| swarm.take_uploads(now, peer, most, &mut blocks)).is_none() {
            self.broken_swarm(t);
            return false;
        }
        if blocks.is_empty() {
            link.wants = false;
            t.wanting -= 1;
            return false;
        }
        let count = blocks.iter().map(|block| slabs(block.len)).sum();
        link.reading += count;
        t.upload_held += count;
        let read = ReadFor::Peer { peer, slabs: count, blocks: blocks.as_slice().into() };
        let id = t.add_read(read);
        self.store(now, t, StoreInput::Read { id, blocks });
        true
    }

    /// Blocks were read for a peer.
    pub(crate) fn upload_read(
        &mut self,
        now: Time,
        t: &mut Torrent,
        peer: PeerKey,
        count: u32,
        blocks: &[BlockRef],
        chunks: Vec<(BlockRef, Chunk)>,
    ) {
        let Some(link) = self.links.peer(peer) else { return self.upload_freed(t, count) };
        link.reading = link.reading.saturating_sub(count);
        link.sending += count;
        let conn = &mut link.conn;
        let sent = caught(|| {
            let mut chunks = chunks.into_iter().map(|(_, chunk)| chunk);
            // Storage gives a block in parts that fit a slab each; the peer gets one PIECE for one REQUEST (BEP 3).
            for block in blocks {
                conn.send_block(now, *block, chunks.by_ref().take(slabs(block.len) as usize));
            }
        });
        let Some(slot) = self.links.of_peer(peer) else { return };
        if sent.is_none() {
            return self.broken_link(t, slot);
        }
        self.links.touch(slot);
    }

    /// Blocks could not be read for a peer.
    pub(crate) fn upload_failed(&mut self, t: &mut Torrent, peer: PeerKey, count: u32, blocks: &[BlockRef]) {
        if let Some(link) = self.links.peer(peer) {
            link.reading = link.reading.saturating_sub(count);
            t.feeds.extend(blocks.iter().map(|block| Input::ReadFailed { peer, block: *block }));
        }
        self.upload_freed(t, count);
    }

    /// Upload memory came back: the next who waits for it looks again.
    pub(crate) fn upload_freed(&mut self, t: &mut Torrent, count: u32) {
        t.upload_held = t.upload_held.saturating_sub(count);
        while t.upload_held < t.grant.upload {
            let Some(slot) = t.starved.pop_front() else { return };
            // The slot may be another link's by now: that one does not mind.
            if let Some(link) = self.links.at(slot).filter(|link| link.starved) {
                link.starved = false;
                return self.links.touch(slot);
            }
        }
    }

    // Users' reads

    /// Goes on with what users read.
    pub(crate) fn pump_readers(&mut self, now: Time, t: &mut Torrent) {
        if t.readers.idle() {
            return;
        }
        let ahead = self.settings.read_ahead_bytes as u64;
        let Some(info) = t.info.clone().filter(|_| Shard::readable(t)) else { return };
        while let Some((read, part)) = t.readers.next(&info.layout, &t.have, ahead, t.grant.upload) {
            let id = t.add_read(ReadFor::User(read));
            self.store(now, t, StoreInput::ReadRange { id, file: part.file, offset: part.offset, len: part.len });
        }
        while let Some(read) = t.readers.ended() {
            self.fact(Fact::ReadEnded { read });
        }
        let urgent = t.readers.urgent(&info.layout, &t.have, ahead).map(<[_]>::to_vec);
        if let Some(urgent) = urgent {
            self.tell(now, t, Input::Urgent(&urgent), None);
        }
    }
}
