//! The send path: messages gathered in one buffer, blocks by reference, all in order.

use std::collections::VecDeque;

use bitlode_base::{BlockRef, Chunk};
use bitlode_wire::{Message, PIECE_HEADER_LEN, piece_header};

use crate::{Event, SendPlan, Stats};

/// Messages are appended to the last buffer until it has this many bytes; then it can be freed once sent.
const GATHER: usize = 4096;

enum Part {
    Messages(Vec<u8>),
    /// Most blocks fit one slab: only `rest` is a list.
    Block {
        block: BlockRef,
        header: [u8; PIECE_HEADER_LEN],
        first: Chunk,
        rest: Vec<Chunk>,
    },
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Messages(bytes) => bytes.len(),
            Part::Block { block, header, .. } => header.len().saturating_add(block.len as usize),
        }
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (head, first, rest): (&[u8], &[u8], &[Chunk]) = match self {
            Part::Messages(bytes) => (bytes, &[], &[]),
            Part::Block { header, first, rest, .. } => (header, first, rest),
        };
        [head, first].into_iter().chain(rest.iter().map(|chunk| &**chunk))
    }
}

#[derive(Default)]
pub(crate) struct Sender {
    parts: VecDeque<Part>,
    /// Bytes of the first part that are gone.
    at: usize,
    /// Bytes that wait.
    queued: usize,
    /// Bytes of `parts` that are messages, gone ones of the first part included.
    messages: usize,
    /// A buffer to gather the next messages in.
    spare: Vec<u8>,
}

impl Sender {
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    pub(crate) fn push(&mut self, message: &Message<'_>) {
        self.gather(|bytes| message.encode(bytes));
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.gather(|to| to.extend_from_slice(bytes));
    }

    fn gather(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !matches!(self.parts.back(), Some(Part::Messages(bytes)) if bytes.len() < GATHER) {
            self.parts.push_back(Part::Messages(std::mem::take(&mut self.spare)));
        }
        if let Some(Part::Messages(bytes)) = self.parts.back_mut() {
            let before = bytes.len();
            write(bytes);
            let added = bytes.len().saturating_sub(before);
            self.queued = self.queued.saturating_add(added);
            self.messages = self.messages.saturating_add(added);
        }
    }

    /// One PIECE, however many chunks its payload lies in; `block.len` is what they have together.
    pub(crate) fn push_block(&mut self, block: BlockRef, first: Chunk, rest: Vec<Chunk>) {
        let part = Part::Block { block, header: piece_header(block), first, rest };
        self.queued = self.queued.saturating_add(part.len());
        self.parts.push_back(part);
    }

    pub(crate) fn plan(&self) -> SendPlan<'_> {
        let mut plan = SendPlan::new();
        let mut skip = self.at;
        for slice in self.parts.iter().flat_map(Part::slices) {
            let room = plan.push(slice.get(skip..).unwrap_or_default());
            skip = skip.saturating_sub(slice.len());
            if !room {
                break;
            }
        }
        plan
    }

    /// The first `n` bytes were taken; more than there are count as all.
    pub(crate) fn sent(&mut self, n: usize, events: &mut VecDeque<Event>, stats: &mut Stats) {
        let mut left = n;
        while let Some(part) = self.parts.front() {
            let (from, to) = (self.at, self.at.saturating_add(left).min(part.len()));
            let header = match part {
                Part::Messages(bytes) => bytes.len(),
                Part::Block { header, .. } => header.len(),
            };
            let protocol = to.min(header).saturating_sub(from.min(header));
            let payload = to.saturating_sub(from).saturating_sub(protocol);
            stats.sent_protocol = stats.sent_protocol.wrapping_add(protocol as u64);
            stats.sent_payload = stats.sent_payload.wrapping_add(payload as u64);
            left = left.saturating_sub(to.saturating_sub(from));
            self.queued = self.queued.saturating_sub(to.saturating_sub(from));
            if to < part.len() {
                self.at = to;
                return;
            }
            self.at = 0;
            match self.parts.pop_front() {
                Some(Part::Block { block, .. }) => events.push_back(Event::BlockSent { block }),
                Some(Part::Messages(mut bytes)) => {
                    self.messages = self.messages.saturating_sub(bytes.len());
                    bytes.clear();
                    if bytes.capacity() <= GATHER {
                        self.spare = bytes;
                    }
                }
                None => {}
            }
        }
    }

    /// Frees what an idle connection can do without.
    pub(crate) fn shrink(&mut self) {
        self.spare = Vec::new();
        self.parts.shrink_to_fit();
    }
}
