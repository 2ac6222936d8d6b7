//! Peers that mean harm. They are written by hand and speak through the real encoding, rightly and wrongly.

use std::collections::VecDeque;
use std::sync::Arc;

use bitlode_base::{BLOCK_LEN, Bitfield, BlockRef, Choice, PieceIndex};
use bitlode_metainfo::Info;
use bitlode_wire::{ExtendedHandshake, ExtendedLimits, Handshake, Message, MetadataMessage, Reserved};

use crate::config::Villainy;

// The number under which we take metadata messages.
const UT_METADATA: u8 = 3;

/// One connection of a villain.
#[derive(Debug)]
pub(crate) struct Mask {
    kind: Villainy,
    info: Arc<Info>,
    content: Arc<[u8]>,
    choice: Choice,
    peer_id: [u8; 20],
    unread: Vec<u8>,
    shaken: bool,
    greeted: bool,
    theirs: Option<u8>,
    /// It has asked for more than it will ever read.
    sated: bool,
    /// Bytes to send.
    pub(crate) out: VecDeque<u8>,
}

impl Mask {
    /// A connection; the one who dialled speaks first.
    pub(crate) fn new(
        kind: Villainy,
        info: Arc<Info>,
        content: Arc<[u8]>,
        peer_id: [u8; 20],
        choice: Choice,
        dialled: bool,
    ) -> Mask {
        let (out, unread) = (VecDeque::new(), Vec::new());
        let (shaken, greeted, theirs, sated) = (false, false, None, false);
        let mut mask = Mask { kind, info, content, choice, peer_id, unread, shaken, greeted, theirs, sated, out };
        if dialled {
            mask.greet();
        }
        mask
    }

    /// Whether it takes bytes.
    pub(crate) fn reads(&self) -> bool {
        !self.sated
    }

    /// Bytes came; false ends the connection.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> bool {
        self.unread.extend_from_slice(bytes);
        let mut unread = std::mem::take(&mut self.unread);
        let mut at = 0;
        if !self.shaken {
            let Some(first) = unread.first_chunk::<{ Handshake::LEN }>() else {
                self.unread = unread;
                return true;
            };
            if Handshake::parse(first).is_err() {
                return false;
            }
            at = Handshake::LEN;
            self.shaken = true;
            self.greet();
            self.open();
        }
        while let Some(head) = unread.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            let len = u32::from_be_bytes(*head) as usize;
            let Some(frame) = unread.get(at + 4..at + 4 + len) else { break };
            at += 4 + len;
            if let Some((id, payload)) = frame.split_first()
                && let Ok(message) = Message::parse(*id, payload)
            {
                self.heard(&message);
            }
        }
        unread.drain(..at);
        self.unread = unread;
        true
    }

    fn greet(&mut self) {
        if self.greeted {
            return;
        }
        self.greeted = true;
        let reserved = Reserved::NONE.with_extended();
        let reserved = if self.choice.below(4) > 0 { reserved.with_fast() } else { reserved };
        let info_hash = self.info.hashes.best();
        let handshake = Handshake { reserved, info_hash, peer_id: self.peer_id };
        self.out.extend(handshake.encode());
    }

    fn open(&mut self) {
        let size = match self.kind {
            Villainy::MetadataLiar if self.choice.below(2) == 0 => 1 + self.choice.below(100_000) as u32,
            _ => self.info.raw.len() as u32,
        };
        let hello = ExtendedHandshake {
            m: [("ut_metadata".to_owned(), UT_METADATA)].into(),
            metadata_size: Some(size),
            reqq: Some(1 + self.choice.below(500) as u32),
            v: Some("villain".to_owned()),
            ..ExtendedHandshake::default()
        };
        self.say(&Message::Extended { id: 0, payload: &hello.build() });
        let all = Bitfield::all(self.info.layout.piece_count());
        self.say(&Message::Bitfield(all.as_bytes()));
        self.say(&Message::Unchoke);
        self.say(&Message::Interested);
        if self.kind == Villainy::Vandal {
            self.vandalise();
        }
    }

    fn heard(&mut self, message: &Message<'_>) {
        match (self.kind, message) {
            (_, Message::Extended { id: 0, payload }) => {
                let theirs = ExtendedHandshake::parse(payload, &limits()).ok();
                self.theirs = theirs.and_then(|hello| hello.m.get("ut_metadata").copied());
            }
            (Villainy::MetadataLiar, Message::Extended { id: UT_METADATA, payload }) => self.lie(payload),
            (_, Message::Extended { id: UT_METADATA, payload }) => self.refuse(payload),
            (Villainy::Poison { wrong }, Message::Request(block)) => self.poison(*block, wrong),
            (Villainy::Miser, Message::Request(block)) if self.choice.below(2) == 0 => {
                self.say(&Message::Reject(*block));
            }
            (Villainy::MetadataLiar | Villainy::Vandal, Message::Request(block)) => self.poison(*block, 0),
            (Villainy::Glutton, Message::Unchoke) => {
                self.sated = true;
                let pieces = self.info.layout.piece_count();
                for n in 0..2_000 {
                    let piece = PieceIndex(n % pieces);
                    let block = self.info.layout.block(piece, (n / pieces) % self.info.layout.blocks_in(piece).max(1));
                    self.say(&Message::Request(block));
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, message: &Message<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.out.extend(bytes);
    }

    fn poison(&mut self, block: BlockRef, wrong: u64) {
        let at = block.piece.at() * self.info.layout.nominal_piece_len() as usize + block.begin as usize;
        let Some(right) = self.content.get(at..at + block.len as usize) else { return };
        let mut data = right.to_vec();
        if self.choice.below(1000) < wrong
            && let Some(at) = self.choice.index(data.len())
        {
            data[at] ^= 1;
        }
        self.say(&Message::Piece { piece: block.piece, begin: block.begin, data: &data });
    }

    fn request_of(&self, payload: &[u8]) -> Option<(u8, u32)> {
        match MetadataMessage::parse(payload, &limits()) {
            Ok(MetadataMessage::Request { piece }) => Some((self.theirs?, piece)),
            _ => None,
        }
    }

    fn refuse(&mut self, payload: &[u8]) {
        if let Some((id, piece)) = self.request_of(payload) {
            self.say(&Message::Extended { id, payload: &MetadataMessage::Reject { piece }.build() });
        }
    }

    fn lie(&mut self, payload: &[u8]) {
        let Some((id, piece)) = self.request_of(payload) else { return };
        let total_size = self.info.raw.len() as u32;
        let data: Vec<u8> = (0..total_size.min(16 * 1024)).map(|_| self.choice.next() as u8).collect();
        self.say(&Message::Extended { id, payload: &MetadataMessage::Data { piece, total_size, data: &data }.build() });
    }

    fn vandalise(&mut self) {
        let pieces = self.info.layout.piece_count();
        let block = BlockRef { piece: PieceIndex(0), begin: 0, len: BLOCK_LEN };
        match self.choice.below(13) {
            0 => self.say(&Message::Bitfield(&vec![0xff; pieces as usize / 8 + 2])),
            1 => self.say(&Message::Have(PieceIndex(pieces))),
            2 => self.out.extend([0xff, 0xff, 0xff, 0xff, 7]),
            3 => (0..100).for_each(|_| {
                let data = [0; BLOCK_LEN as usize];
                self.say(&Message::Piece { piece: PieceIndex(0), begin: 0, data: &data });
            }),
            4 => (0..30_000).for_each(|_| self.say(&Message::Have(PieceIndex(0)))),
            5 => (0..100).for_each(|n| {
                self.say(&Message::Request(BlockRef { begin: u32::MAX - n, len: u32::MAX, ..block }));
            }),
            6 => (0..1_000).for_each(|_| {
                let byte = self.choice.next() as u8;
                self.out.push_back(byte);
            }),
            7 => self.say(&Message::HaveNone),
            8 => (0..2_000).for_each(|_| {
                self.say(&Message::Choke);
                self.say(&Message::Unchoke);
                self.say(&Message::NotInterested);
                self.say(&Message::Interested);
            }),
            9 => (0..100).for_each(|_| self.out.extend([0, 0, 0, 2, 99, 0])),
            10 => (0..2_000).for_each(|n| {
                self.say(&Message::Request(block));
                if n % 2 == 0 {
                    self.say(&Message::Cancel(block));
                }
            }),
            11 => self.out.extend([0, 0, 0, 6, 4, 0, 0, 0, 0, 0]),
            _ => (0..1_000).for_each(|n| {
                self.say(&Message::Reject(block));
                self.say(&Message::AllowedFast(PieceIndex(n)));
                self.say(&Message::Suggest(PieceIndex(n)));
            }),
        }
    }
}

fn limits() -> ExtendedLimits {
    bitlode_node::limits::swarm(&bitlode_session::Settings::default()).bencode
}
