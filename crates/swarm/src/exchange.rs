//! The extended handshake (BEP 10) and the metadata exchange (BEP 9).

use std::net::SocketAddr;

use bitlode_base::Time;
use bitlode_wire::{ExtendedHandshake, METADATA_PIECE_LEN, MetadataMessage, OwnedMessage};

use crate::event::{Output, Reason, SwarmEvent};
use crate::input::{Candidate, PeerKey, Source};
use crate::metadata::{Fetch, Step};
use crate::swarm::Swarm;

/// Our number for `ut_metadata`, the same as libtorrent's.
const UT_METADATA: u8 = 2;
const UT_METADATA_NAME: &str = "ut_metadata";

impl Swarm {
    pub(crate) fn send_extended_handshake(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get(&key) else { return };
        let mut shake = ExtendedHandshake {
            p: self.listen_port.filter(|port| *port != 0),
            v: (!self.client.is_empty()).then(|| self.client.clone()),
            yourip: Some(peer.addr.ip()),
            reqq: Some(self.limits.reqq_ours),
            ..ExtendedHandshake::default()
        };
        if self.info.as_ref().is_none_or(|info| !info.private) {
            shake.m.insert(UT_METADATA_NAME.to_owned(), UT_METADATA);
            shake.metadata_size = self.info.as_ref().and_then(|info| u32::try_from(info.raw.len()).ok());
        }
        self.say(Output::Send { peer: key, message: OwnedMessage::Extended { id: 0, payload: shake.build() } });
    }

    pub(crate) fn on_extended(&mut self, now: Time, key: PeerKey, id: u8, payload: &[u8]) {
        match id {
            0 => self.on_shake(now, key, payload),
            UT_METADATA => self.on_metadata_message(now, key, payload),
            // BEP 10: numbers that we never gave out are ignored.
            _ => {}
        }
    }

    fn on_shake(&mut self, now: Time, key: PeerKey, payload: &[u8]) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.shake(now, &self.limits) {
            return self.close(now, key, Reason::Protocol("too many extended handshakes"));
        }
        let Ok(shake) = ExtendedHandshake::parse(payload, &self.limits.bencode) else {
            peer.bad_shakes = peer.bad_shakes.saturating_add(1);
            if peer.bad_shakes > 1 {
                self.close(now, key, Reason::Protocol("extended handshakes that are not bencoding"));
            }
            return;
        };
        // What is named changes, what is not stays (BEP 10).
        if let Some(id) = shake.m.get(UT_METADATA_NAME) {
            peer.metadata_id = Some(*id).filter(|id| *id != 0);
        }
        let most = self.limits.metadata_bytes;
        peer.metadata_size = shake.metadata_size.filter(|size| (1..=most).contains(size)).or(peer.metadata_size);
        peer.client = shake.v.or(peer.client.take());
        peer.upload_only = shake.upload_only.unwrap_or(peer.upload_only);
        if let Some(reqq) = shake.reqq {
            peer.reqq = reqq.max(1);
        }
        if let Some(port) = shake.p.filter(|_| peer.listens.is_none()) {
            let addr = SocketAddr::new(peer.addr.ip(), port);
            peer.listens = Some(addr);
            self.candidates.add(now, Candidate { addr, source: Source::Incoming }, self.limits.candidates);
            self.candidates.connected(addr);
        }
        self.check_both_complete(now, key);
        self.start_fetch(now);
    }

    fn on_metadata_message(&mut self, now: Time, key: PeerKey, payload: &[u8]) {
        // What is none of BEP 9's messages is ignored.
        match MetadataMessage::parse(payload, &self.limits.bencode).ok() {
            Some(MetadataMessage::Request { piece }) => self.serve_metadata(now, key, piece),
            Some(MetadataMessage::Data { piece, total_size, data }) => {
                self.on_metadata_data(now, key, piece, total_size, data);
            }
            Some(MetadataMessage::Reject { .. }) => self.fetch_failed(now, key),
            Some(MetadataMessage::Unknown) | None => {}
        }
    }

    fn serve_metadata(&mut self, now: Time, key: PeerKey, piece: u32) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Some(id) = peer.metadata_id else { return };
        if self.info.as_ref().is_some_and(|info| info.private) {
            return;
        }
        let begin = (piece as usize).saturating_mul(METADATA_PIECE_LEN as usize);
        let raw = self.info.as_ref().map_or(&[][..], |info| &info.raw);
        let rest = raw.get(begin..).filter(|rest| !rest.is_empty());
        let data = rest.map(|rest| rest.get(..METADATA_PIECE_LEN as usize).unwrap_or(rest));
        let (size, times) = (raw.len() as u64, self.limits.metadata_served);
        let data = data.filter(|data| peer.served.allow(now, data.len() as u64, size, times));
        let message = match data {
            Some(data) => MetadataMessage::Data { piece, total_size: raw.len() as u32, data },
            None => MetadataMessage::Reject { piece },
        };
        let payload = message.build();
        self.say(Output::Send { peer: key, message: OwnedMessage::Extended { id, payload } });
    }

    /// Whether metadata is missing and may be asked for.
    pub(crate) fn wants_metadata(&self) -> bool {
        self.running && self.info.is_none() && !self.fetched
    }

    /// Asks one peer for the metadata, unless one is being asked.
    pub(crate) fn start_fetch(&mut self, now: Time) {
        if !self.wants_metadata() || self.fetch.is_some() {
            return;
        }
        let able = self.peers.values().filter(|peer| peer.metadata_id.is_some() && peer.metadata_again <= now);
        let offers: Vec<(PeerKey, u32)> = able.filter_map(|peer| Some((peer.key, peer.metadata_size?))).collect();
        let Some((key, size)) = self.choice.index(offers.len()).and_then(|at| offers.get(at).copied()) else { return };
        self.fetch = Some(Fetch::new(now, key, size));
        (0..self.limits.metadata_requests.max(1)).for_each(|_| self.ask_metadata());
    }

    fn ask_metadata(&mut self) {
        let Some(fetch) = &mut self.fetch else { return };
        let key = fetch.peer;
        let Some(id) = self.peers.get(&key).and_then(|peer| peer.metadata_id) else { return };
        let Some(piece) = fetch.ask() else { return };
        let payload = MetadataMessage::Request { piece }.build();
        self.say(Output::Send { peer: key, message: OwnedMessage::Extended { id, payload } });
    }

    fn on_metadata_data(&mut self, now: Time, key: PeerKey, piece: u32, total_size: u32, data: &[u8]) {
        let Some(fetch) = self.fetch.as_mut().filter(|fetch| fetch.peer == key) else { return };
        match fetch.data(now, piece, total_size, data) {
            Step::Ignored => {}
            Step::More => self.ask_metadata(),
            Step::Complete(bytes) if self.hashes.matches(&bytes) => {
                self.fetch = None;
                self.fetched = true;
                self.say(Output::Metadata(bytes));
            }
            Step::Complete(_) => {
                // It sent every byte, so it is the one who lied.
                self.fetch = None;
                self.event(SwarmEvent::MetadataFailed { peer: key });
                self.close(now, key, Reason::MetadataPoison);
                self.start_fetch(now);
            }
        }
    }

    /// The peer that is being asked said no, or nothing.
    fn fetch_failed(&mut self, now: Time, key: PeerKey) {
        if self.fetch.as_ref().is_some_and(|fetch| fetch.peer == key) {
            self.fetch = None;
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.metadata_again = now + self.limits.metadata_backoff;
            }
            self.start_fetch(now);
        }
    }

    pub(crate) fn check_fetch(&mut self, now: Time) {
        let timeout = self.limits.metadata_timeout;
        match self.fetch.as_ref().map(|fetch| (fetch.peer, fetch.deadline(timeout))) {
            Some((peer, deadline)) if deadline <= now => self.fetch_failed(now, peer),
            Some(_) => {}
            None => self.start_fetch(now),
        }
    }
}
