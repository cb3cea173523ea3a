//! Merging alone, symbols to symbols: always the pair of lowest rank, the leftmost of equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{NO_RANK, Packed, PairTable, Pairs};
use super::scratch::Scratch;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::vocab::{Vocab, quote};

/// Pieces up to this many symbols are merged by scanning for the lowest rank; longer ones by a heap.
const SCAN_LIMIT: usize = 64;

const NONE: u32 = u32::MAX;

/// One merge, as files list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// the symbol on the left
    pub left: u32,
    /// the symbol on the right
    pub right: u32,
    /// the symbol that replaces both
    pub id: u32,
    /// lower merges first
    pub rank: u32,
}

/// A list of merges, ready to apply.
#[derive(Debug, Clone)]
pub(crate) struct Merger {
    pairs: PairTable,
    merges: Vec<Merge>,
}

/// A symbol of a long piece in a linked list.
#[derive(Clone, Copy)]
pub(super) struct Node {
    id: u32,
    previous: u32,
    next: u32,
    /// rank of the pair that starts here, `NO_RANK` where it does not merge
    rank: u32,
}

impl Merger {
    /// No merges yet, room for `merges`.
    pub(crate) fn with_capacity(merges: usize) -> Self {
        Self { pairs: PairTable::with_capacity(merges), merges: Vec::with_capacity(merges) }
    }

    /// These merges, in the order files list them.
    ///
    /// # Errors
    /// As [`Merger::push`].
    pub(crate) fn new(vocab: &Vocab, merges: Vec<Merge>) -> Result<Self> {
        let mut merger = Self::with_capacity(merges.len());
        merges.into_iter().try_for_each(|merge| merger.push(vocab, merge))?;
        Ok(merger)
    }

    /// One more merge.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a pair that is there already, or a token that is not the two joined.
    pub(crate) fn push(&mut self, vocab: &Vocab, merge: Merge) -> Result<()> {
        // a special token can be the result of a merge where learning re-used its id
        let text = |id| vocab.spelled(id);
        let (left, right, made) = (text(merge.left), text(merge.right), text(merge.id));
        let refuse = |problem: String| {
            let number = self.merges.len();
            let (left, right) = (quote(left), quote(right));
            Err(Error::Vocabulary(format!("merge {number}, of {left} and {right}, {problem}")))
        };
        let joins = made.strip_prefix(left).is_some_and(|rest| rest == right);
        if left.is_empty() || right.is_empty() || !joins {
            return refuse(format!("does not make token {} ({})", merge.id, quote(made)));
        }
        if self.pairs.contains(merge.left, merge.right) {
            return refuse("is listed twice".to_owned());
        }
        self.merges.push(merge);
        self.pairs.insert_last(&self.merges);
        Ok(())
    }

    pub(crate) fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// The table of the pairs, where ids ascend as ranks do.
    pub(super) fn packed(&self) -> Option<&Packed> {
        match &self.pairs {
            PairTable::Packed(pairs) => Some(pairs),
            PairTable::Wide(_) => None,
        }
    }

    pub(crate) fn into_merges(self) -> Vec<Merge> {
        self.merges
    }

    /// Append what the symbols of a piece merge to.
    ///
    /// # Errors
    /// [`Error::Text`] for a piece of 2^32 symbols; [`Error::Interrupted`].
    #[inline]
    pub(crate) fn merge(
        &self,
        piece: impl ExactSizeIterator<Item = u32>,
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if self.merges.is_empty() {
            ids.extend(piece);
            return Ok(());
        }
        match &self.pairs {
            PairTable::Packed(pairs) => merge(pairs, piece, ids, scratch, control),
            PairTable::Wide(pairs) => merge(pairs, piece, ids, scratch, control),
        }
    }

    /// As [`Merger::merge`], with each pair that could merge left out of a step where `drops` says so.
    ///
    /// # Errors
    /// As [`Merger::merge`].
    pub(crate) fn merge_dropping(
        &self,
        piece: impl ExactSizeIterator<Item = u32>,
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
        drops: impl FnMut() -> bool,
    ) -> Result<()> {
        match &self.pairs {
            PairTable::Packed(pairs) => merge_by_heap(pairs, piece, ids, scratch, control, drops),
            PairTable::Wide(pairs) => merge_by_heap(pairs, piece, ids, scratch, control, drops),
        }
    }
}

#[inline]
fn merge(
    pairs: &impl Pairs,
    piece: impl ExactSizeIterator<Item = u32>,
    ids: &mut Vec<u32>,
    scratch: &mut Scratch,
    control: &Control,
) -> Result<()> {
    if piece.len() <= SCAN_LIMIT {
        merge_by_scan(pairs, piece, ids);
        Ok(())
    } else {
        merge_by_heap(pairs, piece, ids, scratch, control, || false)
    }
}

/// O(n²) with a small constant.
#[inline]
fn merge_by_scan(
    pairs: &impl Pairs,
    piece: impl ExactSizeIterator<Item = u32>,
    ids: &mut Vec<u32>,
) {
    let mut symbols = [0_u32; SCAN_LIMIT];
    let mut ranks = [NO_RANK; SCAN_LIMIT];
    let mut len = piece.len();
    for (slot, symbol) in symbols.iter_mut().zip(piece) {
        *slot = symbol;
    }
    for at in 1..len {
        ranks[at - 1] = pairs.rank(symbols[at - 1], symbols[at]);
    }
    while len > 1 {
        let (mut at, mut lowest) = (0, NO_RANK);
        for (index, &rank) in ranks[..len - 1].iter().enumerate() {
            if rank < lowest {
                (at, lowest) = (index, rank);
            }
        }
        if lowest == NO_RANK {
            break;
        }
        symbols[at] = pairs.made(lowest, symbols[at], symbols[at + 1]);
        symbols.copy_within(at + 2..len, at + 1);
        ranks.copy_within(at + 1..len - 1, at);
        len -= 1;
        ranks[len - 1] = NO_RANK;
        if at + 1 < len {
            ranks[at] = pairs.rank(symbols[at], symbols[at + 1]);
        }
        if at > 0 {
            ranks[at - 1] = pairs.rank(symbols[at - 1], symbols[at]);
        }
    }
    ids.extend_from_slice(&symbols[..len]);
}

/// O(n log n): a linked list of symbols and a heap of (rank, position), stale entries skipped.
///
/// In each step `drops` is asked of pair after pair, the lowest rank first and the leftmost of equals;
/// the first that it does not drop merges, and the others may merge in later steps. A step in which it
/// drops all of them is the last. Where it drops a pair with chance p, a step asks of 1 / (1 - p) pairs on
/// average and puts all but one back, so that the whole takes as many times longer, at most O(n^2 log n).
fn merge_by_heap(
    pairs: &impl Pairs,
    piece: impl ExactSizeIterator<Item = u32>,
    ids: &mut Vec<u32>,
    scratch: &mut Scratch,
    control: &Control,
    mut drops: impl FnMut() -> bool,
) -> Result<()> {
    let Scratch { nodes, heap, .. } = scratch;
    nodes.clear();
    heap.clear();
    let len = u32::try_from(piece.len())
        .ok()
        .filter(|&len| len < NONE)
        .ok_or_else(|| Error::Text("a piece of text of 4 GiB or more".to_owned()))?;
    nodes.extend(piece.zip(0_u32..).map(|(id, at)| Node {
        id,
        previous: at.wrapping_sub(1),
        next: if at + 1 == len { NONE } else { at + 1 },
        rank: NO_RANK,
    }));
    let entry = |rank: u32, at: u32| Reverse(u64::from(rank) << 32 | u64::from(at));
    let mut entries = std::mem::take(heap).into_vec();
    for at in 0..len.saturating_sub(1) {
        if at.is_multiple_of(1 << 16) {
            control.check()?;
        }
        let rank = pairs.rank(nodes[at as usize].id, nodes[at as usize + 1].id);
        nodes[at as usize].rank = rank;
        if rank != NO_RANK {
            entries.push(entry(rank, at));
        }
    }
    *heap = BinaryHeap::from(entries);
    let (mut popped, mut dropped) = (0_u32, Vec::new());
    while let Some(Reverse(top)) = heap.pop() {
        popped = popped.wrapping_add(1);
        if popped.is_multiple_of(1 << 14) {
            control.check()?;
        }
        let (rank, at) = ((top >> 32) as u32, top as u32);
        let node = nodes[at as usize];
        if node.rank != rank || node.next == NONE {
            continue;
        }
        // one that was dropped and then came anew with its rank is still one
        if dropped.last() == Some(&Reverse(top)) {
            continue;
        }
        if drops() {
            dropped.push(Reverse(top));
            continue;
        }
        let right = nodes[node.next as usize];
        let made = pairs.made(rank, node.id, right.id);
        nodes[node.next as usize].rank = NO_RANK;
        let mut set_rank = |nodes: &mut Vec<Node>, at: u32, rank: u32| {
            nodes[at as usize].rank = rank;
            if rank != NO_RANK {
                heap.push(entry(rank, at));
            }
        };
        nodes[at as usize].id = made;
        nodes[at as usize].next = right.next;
        let mut after = NO_RANK;
        if right.next != NONE {
            nodes[right.next as usize].previous = at;
            after = pairs.rank(made, nodes[right.next as usize].id);
        }
        set_rank(nodes, at, after);
        if node.previous != NONE {
            let before = pairs.rank(nodes[node.previous as usize].id, made);
            set_rank(nodes, node.previous, before);
        }
        heap.extend(dropped.drain(..));
    }
    let mut at = if len == 0 { NONE } else { 0 };
    while at != NONE {
        ids.push(nodes[at as usize].id);
        at = nodes[at as usize].next;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
