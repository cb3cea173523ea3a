//! Merging within a piece: always the pair of lowest rank, the leftmost of equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{Merged, PairTable};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::vocab::{Vocab, quote};

/// Pieces up to this many bytes are merged by scanning for the lowest rank; longer ones by a heap.
const SCAN_LIMIT: usize = 64;

const NO_RANK: u32 = u32::MAX;
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

/// The merges of a byte-level vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct Bpe {
    byte_ids: [u32; 256],
    pairs: PairTable,
    merges: Vec<Merge>,
    ignore_merges: bool,
    /// ascending ids of tokens that merging their bytes does not give: these pieces must be merged,
    /// any other piece that is a token may be looked up. Empty where `ignore_merges` is set.
    unreachable: Vec<u32>,
}

/// Buffers that one thread uses again and again.
#[derive(Default)]
pub(crate) struct Scratch {
    nodes: Vec<Node>,
    heap: BinaryHeap<Reverse<u64>>,
}

/// A symbol of a long piece in a linked list.
#[derive(Clone, Copy)]
struct Node {
    id: u32,
    previous: u32,
    next: u32,
    /// rank of the pair that starts here, `NO_RANK` where it does not merge
    rank: u32,
}

impl Bpe {
    /// The model of `merges`, in the order files list them.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when a byte has no token, a merge names a pair twice, or makes a token
    /// that is not the two joined.
    pub(crate) fn new(vocab: &Vocab, merges: Vec<Merge>, ignore_merges: bool) -> Result<Self> {
        let mut byte_ids = [0; 256];
        for byte in 0..=255_u8 {
            byte_ids[byte as usize] = vocab.id_of(&[byte]).ok_or_else(|| {
                Error::Vocabulary(format!(
                    "the vocabulary has no token for byte 0x{byte:02x}; a byte-level vocabulary must \
                     hold all 256 single bytes"
                ))
            })?;
        }
        let mut pairs = PairTable::with_capacity(merges.len());
        for (number, merge) in merges.iter().enumerate() {
            let text = |id| vocab.text(id).unwrap_or_default();
            let (left, right) = (text(merge.left), text(merge.right));
            if left.is_empty() || right.is_empty() || [left, right].concat() != text(merge.id) {
                return Err(Error::Vocabulary(format!(
                    "merge {number}, of {} and {}, does not make token {} ({})",
                    quote(left),
                    quote(right),
                    merge.id,
                    quote(text(merge.id)),
                )));
            }
            let merged = Merged { rank: merge.rank, id: merge.id };
            if !pairs.insert(merge.left, merge.right, merged) {
                return Err(Error::Vocabulary(format!(
                    "merge {number}, of {} and {}, is listed twice",
                    quote(left),
                    quote(right),
                )));
            }
        }
        Ok(Self { byte_ids, pairs, merges, ignore_merges, unreachable: Vec::new() })
    }

    /// Find the tokens that merging cannot reach. Merges as learnt need no such search: there a token's
    /// bytes take the same steps wherever they stand, so every token reaches itself (docs/bpe.md).
    pub(crate) fn find_unreachable(&mut self, vocab: &Vocab) -> Result<()> {
        if self.ignore_merges {
            return Ok(());
        }
        let (mut ids, mut scratch, idle) = (Vec::new(), Scratch::default(), Control::default());
        for (id, bytes) in vocab.text_tokens() {
            ids.clear();
            self.merge(bytes, &mut ids, &mut scratch, &idle)?;
            if ids != [id] {
                self.unreachable.push(id);
            }
        }
        Ok(())
    }

    pub(crate) fn merges(&self) -> &[Merge] {
        &self.merges
    }

    pub(crate) fn ignore_merges(&self) -> bool {
        self.ignore_merges
    }

    /// Append the ids of `piece`.
    #[inline]
    pub(crate) fn encode_piece(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if let [byte] = piece {
            ids.push(self.byte_ids[*byte as usize]);
            return Ok(());
        }
        if let Some(id) = vocab.id_of(piece)
            && (self.unreachable.is_empty() || self.unreachable.binary_search(&id).is_err())
        {
            ids.push(id);
            return Ok(());
        }
        self.merge(piece, ids, scratch, control)
    }

    fn merge(
        &self,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if self.merges.is_empty() {
            ids.extend(piece.iter().map(|&byte| self.byte_ids[byte as usize]));
            Ok(())
        } else if piece.len() <= SCAN_LIMIT {
            self.merge_by_scan(piece, ids);
            Ok(())
        } else {
            self.merge_by_heap(piece, ids, scratch, control)
        }
    }

    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        self.pairs.get(left, right).map_or(NO_RANK, |merged| merged.rank)
    }

    /// O(n²) with a small constant.
    fn merge_by_scan(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let mut symbols = [0_u32; SCAN_LIMIT];
        let mut ranks = [NO_RANK; SCAN_LIMIT];
        let mut len = piece.len();
        for (symbol, &byte) in symbols.iter_mut().zip(piece) {
            *symbol = self.byte_ids[byte as usize];
        }
        for at in 1..len {
            ranks[at - 1] = self.rank(symbols[at - 1], symbols[at]);
        }
        while len > 1 {
            let (mut at, mut lowest) = (0, NO_RANK);
            for (index, &rank) in ranks[..len - 1].iter().enumerate() {
                if rank < lowest {
                    (at, lowest) = (index, rank);
                }
            }
            let Some(merged) = self.pairs.get(symbols[at], symbols[at + 1]) else { break };
            if lowest == NO_RANK {
                break;
            }
            symbols[at] = merged.id;
            symbols.copy_within(at + 2..len, at + 1);
            ranks.copy_within(at + 1..len - 1, at);
            len -= 1;
            ranks[len - 1] = NO_RANK;
            if at + 1 < len {
                ranks[at] = self.rank(symbols[at], symbols[at + 1]);
            }
            if at > 0 {
                ranks[at - 1] = self.rank(symbols[at - 1], symbols[at]);
            }
        }
        ids.extend_from_slice(&symbols[..len]);
    }

    /// O(n log n): a linked list of symbols and a heap of (rank, position), stale entries skipped.
    fn merge_by_heap(
        &self,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let Scratch { nodes, heap } = scratch;
        nodes.clear();
        heap.clear();
        let len = u32::try_from(piece.len())
            .ok()
            .filter(|&len| len < NONE)
            .ok_or_else(|| Error::Text("a piece of text of 4 GiB or more".to_owned()))?;
        nodes.extend(piece.iter().zip(0_u32..).map(|(&byte, at)| Node {
            id: self.byte_ids[byte as usize],
            previous: at.wrapping_sub(1),
            next: if at + 1 == len { NONE } else { at + 1 },
            rank: NO_RANK,
        }));
        let entry = |rank: u32, at: u32| Reverse(u64::from(rank) << 32 | u64::from(at));
        let mut entries = std::mem::take(heap).into_vec();
        for at in 0..len - 1 {
            let rank = self.rank(nodes[at as usize].id, nodes[at as usize + 1].id);
            nodes[at as usize].rank = rank;
            if rank != NO_RANK {
                entries.push(entry(rank, at));
            }
        }
        *heap = BinaryHeap::from(entries);
        let mut popped = 0_u32;
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
            let right = nodes[node.next as usize];
            let Some(merged) = self.pairs.get(node.id, right.id) else { continue };
            nodes[node.next as usize].rank = NO_RANK;
            let mut set_rank = |nodes: &mut Vec<Node>, at: u32, rank: u32| {
                nodes[at as usize].rank = rank;
                if rank != NO_RANK {
                    heap.push(entry(rank, at));
                }
            };
            nodes[at as usize].id = merged.id;
            nodes[at as usize].next = right.next;
            let mut after = NO_RANK;
            if right.next != NONE {
                nodes[right.next as usize].previous = at;
                after = self.rank(merged.id, nodes[right.next as usize].id);
            }
            set_rank(nodes, at, after);
            if node.previous != NONE {
                let before = self.rank(nodes[node.previous as usize].id, merged.id);
                set_rank(nodes, node.previous, before);
            }
        }
        let mut at = 0;
        while at != NONE {
            ids.push(nodes[at as usize].id);
            at = nodes[at as usize].next;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Merges over two letters in which any token may be split in several ways, with repeated ranks.
    fn model(choices: &[(usize, usize)], by_rank: bool) -> (Vocab, Bpe) {
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        for &(left, right) in choices {
            let pool: Vec<usize> =
                [b'a' as usize, b'b' as usize].into_iter().chain(256..tokens.len()).collect();
            let joined =
                [&tokens[pool[left % pool.len()]][..], &tokens[pool[right % pool.len()]]].concat();
            if !tokens.contains(&joined) && joined.len() < 40 {
                tokens.push(joined);
            }
        }
        let numbered: Vec<_> = tokens.iter().cloned().zip(0_u32..).map(|(t, id)| (id, t)).collect();
        let vocab = Vocab::new(numbered, Vec::new()).unwrap();
        let mut merges = Vec::new();
        for (id, token) in vocab.text_tokens().filter(|(_, token)| token.len() > 1) {
            for cut in 1..token.len() {
                if let (Some(left), Some(right)) =
                    (vocab.id_of(&token[..cut]), vocab.id_of(&token[cut..]))
                {
                    let rank = if by_rank { id } else { merges.len() as u32 };
                    merges.push(Merge { left, right, id, rank });
                }
            }
        }
        let mut bpe = Bpe::new(&vocab, merges, false).unwrap();
        bpe.find_unreachable(&vocab).unwrap();
        (vocab, bpe)
    }

    /// The definition: find the lowest rank, leftmost; merge it; again.
    fn oracle(bpe: &Bpe, piece: &[u8]) -> Vec<u32> {
        let mut symbols: Vec<u32> = piece.iter().map(|&b| bpe.byte_ids[b as usize]).collect();
        loop {
            let best = symbols
                .windows(2)
                .enumerate()
                .filter_map(|(at, pair)| {
                    bpe.pairs.get(pair[0], pair[1]).map(|m| (m.rank, at, m.id))
                })
                .min();
            let Some((_, at, id)) = best else { return symbols };
            symbols.splice(at..at + 2, [id]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2000, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn scan_heap_and_look_up_equal_the_definition(
            choices in prop::collection::vec((0..40_usize, 0..40_usize), 0..25),
            piece in prop::collection::vec(prop::sample::select(b"aab".to_vec()), 1..SCAN_LIMIT),
            by_rank in any::<bool>(),
        ) {
            let (vocab, bpe) = model(&choices, by_rank);
            let expected = oracle(&bpe, &piece);
            let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
            bpe.merge_by_scan(&piece, &mut ids);
            prop_assert_eq!(&ids, &expected);
            ids.clear();
            bpe.merge_by_heap(&piece, &mut ids, &mut scratch, &Control::default()).unwrap();
            prop_assert_eq!(&ids, &expected);
            ids.clear();
            bpe.encode_piece(&vocab, &piece, &mut ids, &mut scratch, &Control::default()).unwrap();
            prop_assert_eq!(&ids, &expected);
        }
    }
}
