//! Word counts to merges: the most frequent pair first, again and again.
//!
//! Ties follow the Hugging Face rule: of pairs with the same count the one with the smallest
//! (left id, right id). A pair's count never rises after the merge that made its newer symbol, and no
//! word joins its list, because a merge only makes pairs that hold the new symbol. So the list of
//! words of a pair is complete when the pair is born, and an entry of the heap can only be too high:
//! it is put right when it is popped.
//!
//! Source: Zouhar et al. 2023, arXiv 2306.16837, for the heap and the lists of occurrences.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::control::{Control, Stage};
use crate::count::WordCounts;
use crate::error::{Error, Result};

mod options;

pub use options::{Duplicates, MaxLength, Named, Options, Tie};

/// Why learning ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// As many merges as were asked for.
    Enough,
    /// No pair is left that occurs often enough.
    NoPairsLeft,
}

/// The merges that were learnt: merge `i` makes symbol `first_new_id + i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// (left, right), in the order they apply
    pub merges: Vec<(u32, u32)>,
    /// how often each pair occurred when it was merged
    pub counts: Vec<u64>,
    /// why there are no more
    pub stop: Stop,
}

/// A pair of symbols that stand side by side somewhere.
struct Pair {
    left: u32,
    right: u32,
    count: u64,
    /// words in which the pair may stand, ascending; complete, some may be stale
    words: Vec<u32>,
}

/// A place in the queue of pairs: highest count first, then smallest ids.
#[derive(PartialEq, Eq)]
struct Candidate {
    count: u64,
    left: u32,
    right: u32,
    pair: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let ids = |candidate: &Self| (candidate.left, candidate.right);
        self.count.cmp(&other.count).then_with(|| ids(other).cmp(&ids(self)))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What one merge changes about the pairs that some symbol forms with the merged pair.
#[derive(Default, Clone)]
struct Change {
    removed: u64,
    added: u64,
    /// words that hold the new pair, ascending
    words: Vec<u32>,
}

/// Changes by neighbouring symbol, dense, with the list of those touched.
struct Changes {
    by_symbol: Vec<Change>,
    touched: Vec<u32>,
}

impl Changes {
    fn new(num_symbols: usize) -> Self {
        Self { by_symbol: vec![Change::default(); num_symbols], touched: Vec::new() }
    }

    fn of(&mut self, symbol: u32) -> &mut Change {
        let change = &mut self.by_symbol[symbol as usize];
        if change.removed == 0 && change.added == 0 {
            self.touched.push(symbol);
        }
        change
    }

    fn remove(&mut self, symbol: u32, count: u64) {
        self.of(symbol).removed += count;
    }

    fn add(&mut self, symbol: u32, count: u64, word: u32) {
        let change = self.of(symbol);
        change.added += count;
        if change.words.last() != Some(&word) {
            change.words.push(word);
        }
    }
}

struct Learner {
    /// symbols of all words, one after the other; a word shrinks in place
    symbols: Vec<u32>,
    starts: Vec<usize>,
    lens: Vec<u32>,
    counts: Vec<u64>,
    pairs: Vec<Pair>,
    by_ids: HashMap<(u32, u32), u32, FixedState>,
    queue: BinaryHeap<Candidate>,
}

/// Learn up to `num_merges` merges of pairs that occur at least `options.min_count` times.
///
/// `byte_ids` gives the symbol of each byte, `first_new_id` the symbol of the first merge; all of
/// `byte_ids` lie under it. The result depends on the counts alone, not on their order.
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::Argument`] when counts exceed 64 bits together.
///
/// # Complexity
/// O(total length of the distinct words x log of the number of pairs), about.
pub fn learn(
    words: &WordCounts,
    byte_ids: &[u32; 256],
    first_new_id: u32,
    num_merges: u32,
    options: &Options,
    control: &Control,
) -> Result<Learned> {
    let min_count = options.min_count;
    if *options != (Options { min_count, threads: options.threads, ..Options::default() }) {
        return Err(Error::Argument("only the tie rule hf is learnt so far".to_owned()));
    }
    control.begin(Stage::Merge, u64::from(num_merges));
    let mut learner = Learner::new(words, byte_ids, control)?;
    let num_symbols = first_new_id as usize + num_merges as usize;
    let (mut left, mut right) = (Changes::new(num_symbols), Changes::new(num_symbols));
    let mut learned = Learned { merges: Vec::new(), counts: Vec::new(), stop: Stop::Enough };
    for new_id in first_new_id..first_new_id + num_merges {
        control.check()?;
        let Some(number) = learner.pop(min_count.max(1)) else {
            learned.stop = Stop::NoPairsLeft;
            break;
        };
        let pair = &learner.pairs[number as usize];
        learned.merges.push((pair.left, pair.right));
        learned.counts.push(pair.count);
        learner.merge(number, new_id, &mut left, &mut right, control)?;
        control.advance(1);
    }
    Ok(learned)
}

impl Learner {
    fn new(words: &WordCounts, byte_ids: &[u32; 256], control: &Control) -> Result<Self> {
        let mut learner = Self {
            symbols: Vec::new(),
            starts: Vec::new(),
            lens: Vec::new(),
            counts: Vec::new(),
            pairs: Vec::new(),
            by_ids: HashMap::with_hasher(FixedState::default()),
            queue: BinaryHeap::new(),
        };
        // no count of a pair can exceed the number of bytes counted, which fits in 64 bits
        for (bytes, count) in words.iter().filter(|(bytes, _)| bytes.len() > 1) {
            if learner.counts.len().is_multiple_of(1 << 14) {
                control.check()?;
            }
            let word = learner.counts.len() as u32;
            learner.starts.push(learner.symbols.len());
            learner.lens.push(bytes.len() as u32);
            learner.counts.push(count);
            learner.symbols.extend(bytes.iter().map(|&byte| byte_ids[byte as usize]));
            for at in 1..bytes.len() {
                if at.is_multiple_of(1 << 16) {
                    control.check()?;
                }
                let ids = (byte_ids[bytes[at - 1] as usize], byte_ids[bytes[at] as usize]);
                let number = learner.number_of(ids);
                let pair = &mut learner.pairs[number as usize];
                pair.count = pair.count.checked_add(count).ok_or_else(|| {
                    Error::Argument("pair counts exceed 64 bits: weigh the documents less".into())
                })?;
                if pair.words.last() != Some(&word) {
                    pair.words.push(word);
                }
            }
        }
        for number in 0..learner.pairs.len() as u32 {
            learner.enqueue(number);
        }
        Ok(learner)
    }

    /// The number of the pair of `ids`, new with count 0 if it is not known yet.
    fn number_of(&mut self, ids: (u32, u32)) -> u32 {
        *self.by_ids.entry(ids).or_insert_with(|| {
            self.pairs.push(Pair { left: ids.0, right: ids.1, count: 0, words: Vec::new() });
            self.pairs.len() as u32 - 1
        })
    }

    fn enqueue(&mut self, number: u32) {
        let Pair { left, right, count, .. } = self.pairs[number as usize];
        self.queue.push(Candidate { count, left, right, pair: number });
    }

    /// The pair to merge next.
    fn pop(&mut self, min_count: u64) -> Option<u32> {
        loop {
            let top = self.queue.pop()?;
            let count = self.pairs[top.pair as usize].count;
            if count < min_count {
                // it can only sink further
                if top.count < min_count {
                    return None;
                }
            } else if count == top.count {
                return Some(top.pair);
            } else {
                self.enqueue(top.pair);
            }
        }
    }

    fn merge(
        &mut self,
        number: u32,
        new_id: u32,
        left: &mut Changes,
        right: &mut Changes,
        control: &Control,
    ) -> Result<()> {
        let pair = &mut self.pairs[number as usize];
        let ids = (pair.left, pair.right);
        let words = std::mem::take(&mut pair.words);
        let mut symbols_until_check = 1_u32 << 20;
        for &word in &words {
            let len = self.lens[word as usize];
            if symbols_until_check < len {
                control.check()?;
                symbols_until_check = 1 << 20;
            }
            symbols_until_check = symbols_until_check.saturating_sub(len);
            self.merge_in_word(word, ids, new_id, left, right);
        }
        self.pairs[number as usize].count = 0;
        self.apply(left, |x| (x, ids.0), |x| (x, new_id), ids);
        self.apply(right, |x| (ids.1, x), |x| (new_id, x), ids);
        Ok(())
    }

    /// Replace `ids` in one word, noting which pairs go and come.
    fn merge_in_word(
        &mut self,
        word: u32,
        ids: (u32, u32),
        new_id: u32,
        left: &mut Changes,
        right: &mut Changes,
    ) {
        let (start, len) = (self.starts[word as usize], self.lens[word as usize] as usize);
        let count = self.counts[word as usize];
        let symbols = &mut self.symbols[start..start + len];
        let (mut read, mut write) = (0, 0);
        // where the last match ended: the pair across that edge is already gone
        let mut last_end = usize::MAX;
        while read < len {
            if read + 1 < len && (symbols[read], symbols[read + 1]) == ids {
                if read > 0 && last_end != read {
                    // a symbol that is not merged stands on the left, unchanged in `write - 1`
                    left.remove(symbols[write - 1], count);
                }
                if read + 2 < len {
                    right.remove(symbols[read + 2], count);
                }
                if write > 0 {
                    left.add(symbols[write - 1], count, word);
                }
                symbols[write] = new_id;
                read += 2;
                last_end = read;
            } else {
                if last_end == read {
                    right.add(symbols[read], count, word);
                }
                symbols[write] = symbols[read];
                read += 1;
            }
            write += 1;
        }
        self.lens[word as usize] = write as u32;
    }

    /// Book the changes of one side: `old(x)` pairs shrink, `new(x)` pairs are born.
    fn apply(
        &mut self,
        changes: &mut Changes,
        old: impl Fn(u32) -> (u32, u32),
        new: impl Fn(u32) -> (u32, u32),
        merged: (u32, u32),
    ) {
        for symbol in std::mem::take(&mut changes.touched) {
            let change = std::mem::take(&mut changes.by_symbol[symbol as usize]);
            // in a run of one symbol the merged pair is its own neighbour; its count is 0 already
            if change.removed > 0
                && old(symbol) != merged
                && let Some(&number) = self.by_ids.get(&old(symbol))
            {
                self.pairs[number as usize].count -= change.removed;
            }
            if change.added > 0 {
                let number = self.number_of(new(symbol));
                let pair = &mut self.pairs[number as usize];
                pair.count += change.added;
                pair.words = change.words;
                self.enqueue(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The definition: count all pairs anew, merge the best, again.
    fn oracle(words: &[(Vec<u32>, u64)], first_new_id: u32, num_merges: u32) -> Vec<(u32, u32)> {
        let (mut words, mut merges) = (words.to_vec(), Vec::new());
        for new_id in first_new_id..first_new_id + num_merges {
            let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
            for (word, count) in &words {
                for pair in word.windows(2) {
                    *counts.entry((pair[0], pair[1])).or_default() += count;
                }
            }
            let best =
                counts.into_iter().max_by_key(|&(ids, count)| (count, std::cmp::Reverse(ids)));
            let Some((ids, _)) = best else { break };
            merges.push(ids);
            for (word, _) in &mut words {
                let (mut merged, mut at) = (Vec::new(), 0);
                while at < word.len() {
                    let matches = at + 1 < word.len() && (word[at], word[at + 1]) == ids;
                    merged.push(if matches { new_id } else { word[at] });
                    at += if matches { 2 } else { 1 };
                }
                *word = merged;
            }
        }
        merges
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 3000, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn learning_equals_the_definition(
            texts in prop::collection::vec(("[ab]{1,12}|[a-e]{1,9}|a{1,20}", 1..4_u64), 0..12),
            times in prop::sample::select(vec![1, 1 << 31, 1 << 40]),
        ) {
            let mut byte_ids = [0; 256];
            // descending, so that ties are seen to follow ids and not bytes
            byte_ids.iter_mut().enumerate().for_each(|(byte, id)| *id = 255 - byte as u32);
            let mut counts = WordCounts::default();
            for (word, count) in &texts {
                counts.add(word.as_bytes(), count * times).unwrap();
            }
            let words: Vec<(Vec<u32>, u64)> = counts
                .iter()
                .map(|(word, count)| (word.iter().map(|&b| byte_ids[b as usize]).collect(), count))
                .collect();
            let learned = learn(&counts, &byte_ids, 256, 30, &Options::default(), &Control::default()).unwrap();
            prop_assert_eq!(learned.merges, oracle(&words, 256, 30));
        }
    }
}
