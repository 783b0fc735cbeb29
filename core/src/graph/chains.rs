//! Finding repeated blocks: neighbouring runs of boxes with the same operations and shapes, each reading only the one
//! before it.
//!
//! Invariant: a chain has one way in and one way out, so that it can be drawn as one box without changing what is
//! connected with what.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{GraphBox, GraphLayer};

/// The longest block looked for, boxes.
const LONGEST_BLOCK: usize = 48;
/// Fewer repetitions than this are shown one by one.
const FEWEST_BLOCKS: usize = 3;
/// Fewer boxes than this are shown one by one.
const FEWEST_BOXES: usize = 6;

/// Equal blocks one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first box, by position.
    pub first: usize,
    /// Boxes of one block.
    pub period: usize,
    /// Number of blocks.
    pub count: usize,
}

impl Chain {
    /// One past its last box.
    pub const fn end(&self) -> usize {
        self.first + self.period * self.count
    }

    /// Its boxes, by position.
    pub const fn boxes(&self) -> Range<usize> {
        self.first..self.end()
    }

    /// The boxes of its first block.
    pub const fn block(&self) -> Range<usize> {
        self.first..self.first + self.period
    }
}

/// The chains of a network, the longest first where they would share boxes.
pub(super) fn find(layers: &[GraphLayer], boxes: &[GraphBox]) -> Vec<Chain> {
    let search = Search::of(layers, boxes);
    let mut found = Vec::new();
    for period in 1..=LONGEST_BLOCK.min(boxes.len() / FEWEST_BLOCKS) {
        search.period(period, &mut found);
    }
    found.sort_by_key(|c: &Chain| (usize::MAX - c.period * c.count, c.period, c.first));
    let mut is_taken = vec![false; boxes.len()];
    found.retain(|chain| {
        let is_free = !is_taken[chain.boxes()].contains(&true);
        if is_free {
            is_taken[chain.boxes()].fill(true);
        }
        is_free
    });
    found.sort_by_key(|chain| chain.first);
    found
}

struct Search<'a> {
    boxes: &'a [GraphBox],
    /// For every box a number that equal boxes share.
    signature: Vec<usize>,
    /// For every box those that read it.
    readers: Vec<Vec<usize>>,
    /// Whether a value of the box leaves the network.
    is_output: Vec<bool>,
    /// Whether a value enters the network in the box: what a network is given is not hidden in a chain.
    is_given: Vec<bool>,
}

impl<'a> Search<'a> {
    fn of(layers: &[GraphLayer], boxes: &'a [GraphBox]) -> Self {
        let mut known = BTreeMap::new();
        let mut signature = Vec::with_capacity(boxes.len());
        let mut readers = vec![Vec::new(); boxes.len()];
        for (at, one) in boxes.iter().enumerate() {
            let of = |l: &usize| (layers[*l].summary.as_str(), layers[*l].dims.as_slice());
            let looks: Vec<_> = one.layers.iter().map(of).collect();
            let next = known.len();
            signature.push(*known.entry(looks).or_insert(next));
            for input in &one.inputs {
                readers[*input].push(at);
            }
        }
        let is_output = |one: &GraphBox| one.layers.iter().any(|l| !layers[*l].outputs.is_empty());
        let is_given = |one: &GraphBox| layers[one.main].kind == "Input";
        Self {
            boxes,
            signature,
            readers,
            is_output: boxes.iter().map(is_output).collect(),
            is_given: boxes.iter().map(is_given).collect(),
        }
    }

    /// Adds the chains of blocks of `period` boxes.
    fn period(&self, period: usize, found: &mut Vec<Chain>) {
        let count = self.boxes.len();
        let is_equal = |i: usize| self.signature[i] == self.signature[i + period];
        let mut start = 0;
        while start + period < count {
            let run = (start..count - period).take_while(|i| is_equal(*i)).count();
            if run + period >= period * FEWEST_BLOCKS {
                // Equal boxes do not say where a block begins; the connections do.
                let longest = (start..start + period.min(run + 1))
                    .filter_map(|first| self.chain(first, period, start + run + period))
                    .max_by_key(|chain| (chain.count, usize::MAX - chain.first));
                found.extend(longest);
            }
            start += run + 1;
        }
    }

    /// The longest chain that begins at a box and ends before `end`.
    fn chain(&self, first: usize, period: usize, end: usize) -> Option<Chain> {
        let mut count = 0;
        while first + (count + 1) * period <= end {
            let at = first + count * period;
            let is_next = match self.entry(at, period) {
                Some(entry) if count > 0 => {
                    let before = at - period;
                    entry == at - 1
                        && self.is_same_inside(before, at, period)
                        && !self.is_output[at - 1]
                        && self.readers[at - 1].iter().all(|r| *r < at + period)
                }
                entry => entry.is_some(),
            };
            if !is_next {
                break;
            }
            count += 1;
        }
        let is_long = count >= FEWEST_BLOCKS && count * period >= FEWEST_BOXES;
        is_long.then_some(Chain {
            first,
            period,
            count,
        })
    }

    /// The only box before a block that it reads, if nothing but its last box is read from behind it.
    fn entry(&self, at: usize, period: usize) -> Option<usize> {
        let block = at..at + period;
        let inside = at..at + period - 1;
        let mut inputs = block.clone().flat_map(|i| &self.boxes[i].inputs);
        let entry = *inputs.find(|input| **input < at)?;
        let is_only = inputs.all(|input| *input >= at || *input == entry);
        let is_closed = inside.into_iter().all(|i| {
            !self.is_output[i] && self.readers[i].iter().all(|reader| block.contains(reader))
        });
        let is_given = self.is_given[block].contains(&true);
        (is_only && is_closed && !is_given).then_some(entry)
    }

    /// Whether two blocks are connected inside in the same way.
    fn is_same_inside(&self, one: usize, other: usize, period: usize) -> bool {
        let relative = |block: usize, i: usize| {
            let inputs = self.boxes[block + i].inputs.iter();
            inputs.map(move |input| input.checked_sub(block))
        };
        (0..period).all(|i| relative(one, i).eq(relative(other, i)))
    }
}
