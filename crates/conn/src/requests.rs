//! Requests whose answers are expected, and those that were given up.

use std::collections::VecDeque;

use bitlode_base::BlockRef;

/// Whom an arriving block belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To an open request, which is closed now.
    Open,
    /// To a request that was given up; it is forgotten now.
    Tolerated,
    /// To nobody.
    Never,
}

/// The requests of one connection. Peers answer nearly in order, so every search starts at the oldest.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    open: VecDeque<BlockRef>,
    given_up: VecDeque<BlockRef>,
}

impl Requests {
    pub(crate) fn add(&mut self, block: BlockRef) {
        self.open.push_back(block);
    }

    /// Open requests.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Open requests, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = BlockRef> + '_ {
        self.open.iter().copied()
    }

    /// A block arrives, or the peer says that it never will.
    pub(crate) fn answer(&mut self, block: BlockRef) -> Answer {
        if remove(&mut self.open, block) {
            Answer::Open
        } else if remove(&mut self.given_up, block) {
            Answer::Tolerated
        } else {
            Answer::Never
        }
    }

    /// Gives an open request up and remembers at most `most` of them; says whether it was open.
    pub(crate) fn give_up(&mut self, block: BlockRef, most: usize) -> bool {
        let found = remove(&mut self.open, block);
        if found {
            self.remember(block, most);
        }
        found
    }

    /// Gives every open request up: BEP 3, a choke drops them all.
    pub(crate) fn give_up_all(&mut self, most: usize) {
        while let Some(block) = self.open.pop_front() {
            self.remember(block, most);
        }
    }

    /// Frees what an idle connection can do without.
    pub(crate) fn shrink(&mut self) {
        self.open.shrink_to_fit();
        self.given_up.shrink_to_fit();
    }

    fn remember(&mut self, block: BlockRef, most: usize) {
        self.given_up.push_back(block);
        while self.given_up.len() > most {
            self.given_up.pop_front();
        }
    }
}

fn remove(list: &mut VecDeque<BlockRef>, block: BlockRef) -> bool {
    if list.front() == Some(&block) {
        list.pop_front();
        return true;
    }
    match list.iter().position(|other| *other == block) {
        Some(at) => list.remove(at).is_some(),
        None => false,
    }
}
