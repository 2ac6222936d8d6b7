//! The send path: messages gathered in one buffer, blocks by reference, all in order.

use std::collections::VecDeque;

use bitlode_base::{BlockRef, Chunk};
use bitlode_wire::{Message, PIECE_HEADER_LEN, piece_header};

use crate::{Event, SendPlan, Stats};

/// Messages are appended to the last buffer until it has this many bytes; then it can be freed once sent.
const GATHER: usize = 4096;

enum Part {
    Messages(Vec<u8>),
    Block { block: BlockRef, header: [u8; PIECE_HEADER_LEN], data: Chunk },
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Messages(bytes) => bytes.len(),
            Part::Block { header, data, .. } => header.len().saturating_add(data.len()),
        }
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

    pub(crate) fn push_block(&mut self, block: BlockRef, data: Chunk) {
        let part = Part::Block { block, header: piece_header(block), data };
        self.queued = self.queued.saturating_add(part.len());
        self.parts.push_back(part);
    }

    pub(crate) fn plan(&self) -> SendPlan<'_> {
        let mut plan = SendPlan::new();
        let mut skip = self.at;
        for part in &self.parts {
            let (first, second): (&[u8], &[u8]) = match part {
                Part::Messages(bytes) => (bytes, &[]),
                Part::Block { header, data, .. } => (header, data),
            };
            let behind = skip.saturating_sub(first.len());
            let room =
                plan.push(first.get(skip..).unwrap_or_default()) && plan.push(second.get(behind..).unwrap_or_default());
            skip = 0;
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
