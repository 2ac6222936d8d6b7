//! The scheduler of lanes.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86 has lanes"))]

use core::array;

use crate::blocks::{Block, Blocks};

/// Messages that wait for a lane, in the order in which they should get one: the longest first, so that lanes run dry
/// together.
pub(crate) trait Queue<'a, const N: usize> {
    /// The next message: its number, its state, what is to be hashed.
    fn take(&mut self) -> Option<(usize, [u32; N], Blocks<'a>)>;
    /// A message whose blocks are hashed.
    fn give(&mut self, number: usize, words: [u32; N], blocks: &Blocks<'a>);
}

/// The words of `L` messages, those of one lane in one column.
pub(crate) type Columns<const N: usize, const L: usize> = [[u32; L]; N];

/// One message in a lane.
struct Busy<'a> {
    number: usize,
    blocks: Blocks<'a>,
}

/// Hashes all of `queue`. `turn` takes the first so many blocks of a run in each lane; `compress` one stream, when fewer
/// than `worth` messages are left.
pub(crate) fn run<'a, const N: usize, const L: usize>(
    queue: &mut impl Queue<'a, N>,
    worth: usize,
    turn: impl Fn(&mut Columns<N, L>, &[&[Block]; L], usize),
    compress: impl Fn(&mut [u32; N], &[Block]),
) {
    let mut columns = [[0; L]; N];
    let mut lanes: [Option<Busy<'a>>; L] = array::from_fn(|_| None);
    loop {
        // Messages that end make room for those that wait.
        let mut busy = 0;
        for (lane, slot) in lanes.iter_mut().enumerate() {
            while slot.as_ref().is_none_or(|message| message.blocks.run().is_empty()) {
                if let Some(done) = slot.take() {
                    queue.give(done.number, column(&columns, lane), &done.blocks);
                }
                let Some((number, words, blocks)) = queue.take() else { break };
                columns.iter_mut().zip(words).for_each(|(row, word)| row[lane] = word);
                *slot = Some(Busy { number, blocks });
            }
            busy += usize::from(slot.is_some());
        }
        if busy == 0 || busy < worth {
            break;
        }
        // An idle lane hashes along with a busy one, and nobody looks at its column.
        let Some(any) = lanes.iter().flatten().map(|message| message.blocks.run()).next() else { break };
        let runs: [&[Block]; L] =
            array::from_fn(|lane| lanes[lane].as_ref().map_or(any, |message| message.blocks.run()));
        let blocks = runs.iter().map(|run| run.len()).min().unwrap_or(0);
        turn(&mut columns, &runs, blocks);
        lanes.iter_mut().flatten().for_each(|message| message.blocks.advance(blocks));
    }
    for (lane, slot) in lanes.into_iter().enumerate() {
        let Some(Busy { number, mut blocks }) = slot else { continue };
        let mut words = column(&columns, lane);
        stream(&mut words, &mut blocks, &compress);
        queue.give(number, words, &blocks);
    }
}

/// Hashes all of `queue`, one after the other.
pub(crate) fn one_by_one<'a, const N: usize>(
    queue: &mut impl Queue<'a, N>,
    compress: impl Fn(&mut [u32; N], &[Block]),
) {
    while let Some((number, mut words, mut blocks)) = queue.take() {
        stream(&mut words, &mut blocks, &compress);
        queue.give(number, words, &blocks);
    }
}

fn stream<const N: usize>(words: &mut [u32; N], blocks: &mut Blocks<'_>, compress: impl Fn(&mut [u32; N], &[Block])) {
    while !blocks.run().is_empty() {
        compress(words, blocks.run());
        blocks.advance(blocks.run().len());
    }
}

fn column<const N: usize, const L: usize>(columns: &Columns<N, L>, lane: usize) -> [u32; N] {
    array::from_fn(|row| columns[row][lane])
}
