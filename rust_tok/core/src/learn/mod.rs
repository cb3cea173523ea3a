//! Words and their counts to merges: the most frequent pair first, again and again.
//!
//! A merge only makes pairs that hold its new symbol, so the count of any other pair can only sink
//! and no place joins its list. Everything here rests on that: a list of places is complete when its
//! pair is born ([`merge`]), an entry of the queue can only be too high and is put right when it
//! comes up, and pairs under a threshold need not be known before it is lowered ([`index`]).
//! docs/bpe.md has the proofs and the sources of the tie rules.

mod census;
mod characters;
mod index;
mod merge;
mod options;
mod places;
mod queue;
mod square;
mod symbols;
mod table;
#[cfg(test)]
mod tests;
mod words;

use crate::control::{Control, Stage};
use crate::count::WordCounts;
use crate::error::{Error, Result};
use crate::memory::give_back;
use crate::vocab::{MAX_ID, quote};
use index::{Aim, Index};
use merge::{Merger, Step};
use places::{Bare, Counted, Place};
use queue::{Candidate, Queue};
use symbols::Symbols;
use table::PairMap;
use words::{Symbol, Words};

pub use characters::{Characters, EndMark};
pub use options::{Duplicates, MaxLength, Named, Options, Tie};
pub use words::Front;

/// Why learning ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// As many merges as were asked for.
    Enough,
    /// No pair is left that occurs often enough.
    NoPairsLeft,
}

/// The merges of a vocabulary: those it began with, then those that were learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// (left, right, what replaces them), in the order they apply
    pub merges: Vec<(u32, u32, u32)>,
    /// how often each pair occurred when it was merged
    pub counts: Vec<u64>,
    /// why there are no more
    pub stop: Stop,
}

/// What learning starts from.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// what each id spells, its name for a special token, nothing for a hole; new ids follow these
    pub spelled: Vec<Vec<u8>>,
    /// (left, right, what replaces them): merges to apply first, each to all words, in this order
    pub merges: Vec<(u32, u32, u32)>,
}

/// Words as sequences of bytes.
#[derive(Debug)]
pub struct Bytes<'c> {
    counts: &'c WordCounts,
    ids: [u32; 256],
}

impl<'c> Bytes<'c> {
    /// The words of `counts`, where `ids` gives the symbol of each byte.
    pub fn new(counts: &'c WordCounts, ids: [u32; 256]) -> Self {
        Self { counts, ids }
    }
}

impl Front for Bytes<'_> {
    fn words(&self) -> impl Iterator<Item = (impl Iterator<Item = u32>, u64)> {
        self.counts
            .iter()
            .map(|(word, count)| (word.iter().map(|&byte| self.ids[byte as usize]), count))
    }
}

/// Where one way of working gives way to another; the result does not depend on it.
#[derive(Debug, Clone, Copy)]
struct Tuning {
    /// of n merges of text the last one occurs more than once in n times so many pairs: an epoch that
    /// begins with few symbols knows what occurs as often, and is the only one
    last_merge: u64,
    /// where there are many symbols, the first epoch knows about this many pairs; a later one as many as
    /// there are merges to come, which is how many it lasts for, and some more
    first_pairs: usize,
    /// up to this many ids the pairs have a square table
    square_ids: u32,
    /// there is a bucket for about this many cells, ...
    cells_per_bucket: usize,
    /// ... but at least so many in all: pairs that share one keep the threshold high for longer
    least_buckets: usize,
    /// a thread is given at least this many cells to count
    cells_per_thread: usize,
    /// the arena may double and grow by this much before the places of dead pairs are dropped
    arena_slack: usize,
    /// words of more symbols than this on average are few: their places need no counts of their own
    long_words: usize,
}

const TUNING: Tuning = Tuning {
    last_merge: 80,
    first_pairs: 1000,
    square_ids: 512,
    cells_per_bucket: 4,
    least_buckets: 1 << 12,
    cells_per_thread: 1 << 18,
    arena_slack: 1 << 20,
    long_words: 256,
};

/// Learn up to `num_new` new symbols from `words`, after the merges of `base`.
///
/// # Errors
/// [`Error::Vocabulary`] for merges of `base` that do not fit its ids, and as
/// [`Duplicates::Error`] says; [`Error::Argument`] when counts exceed 64 bits together; [`Error::Text`]
/// for more than 2^32 symbols in the distinct words; [`Error::Interrupted`].
///
/// # Complexity
/// O(n log n) for n symbols in the distinct words, about, and as many operations on the queue as
/// there are pairs that occur often.
pub fn learn(
    words: &impl Front,
    base: &Base,
    num_new: u32,
    options: &Options,
    control: &Control,
) -> Result<Learned> {
    // what counting has left, and then what learning leaves: each is worth tens of megabytes
    give_back();
    let learned = learn_tuned(words, base, num_new, options, TUNING, control);
    give_back();
    learned
}

fn learn_tuned(
    words: &impl Front,
    base: &Base,
    num_new: u32,
    options: &Options,
    tuning: Tuning,
    control: &Control,
) -> Result<Learned> {
    control.begin(Stage::Merge, u64::from(num_new));
    let initial = base.spelled.len() as u32;
    let num_ids = initial.saturating_add(num_new);
    if num_ids > MAX_ID {
        return Err(Error::Argument(format!(
            "{initial} ids and {num_new} new ones are more than {MAX_ID}: ask for fewer"
        )));
    }
    if u16::try_from(num_ids).is_ok() {
        let words = Words::<u16>::new(words, initial, num_ids, control)?;
        start(words, base, num_new, options, tuning, control)
    } else {
        let words = Words::<u32>::new(words, initial, num_ids, control)?;
        start(words, base, num_new, options, tuning, control)
    }
}

fn start<S: Symbol>(
    words: Words<S>,
    base: &Base,
    num_new: u32,
    options: &Options,
    tuning: Tuning,
    control: &Control,
) -> Result<Learned> {
    if words.cells.len() / tuning.long_words > words.counts.len() {
        Learner::<S, Bare>::new(words, base, options, tuning)?.run(base, num_new, control)
    } else {
        Learner::<S, Counted>::new(words, base, options, tuning)?.run(base, num_new, control)
    }
}

struct Learner<'o, S, P> {
    options: &'o Options,
    tuning: Tuning,
    symbols: Symbols,
    /// the ids that words hold, or have held
    used: Vec<bool>,
    words: Words<S>,
    index: Index<P>,
    queue: Queue,
    merger: Merger<P>,
    learned: Learned,
    /// how long the arena may grow before the places of dead pairs are dropped
    arena_limit: usize,
}

impl<'o, S: Symbol, P: Place> Learner<'o, S, P> {
    fn new(words: Words<S>, base: &Base, options: &'o Options, tuning: Tuning) -> Result<Self> {
        let num_ids = words.widths.len();
        let mut given = PairMap::with_capacity(base.merges.len());
        for &(left, right, made) in &base.merges {
            let bytes = |id: u32| base.spelled.get(id as usize).filter(|bytes| !bytes.is_empty());
            let fits = bytes(left).zip(bytes(right)).zip(bytes(made)).is_some_and(
                |((left, right), made)| {
                    made.len() == left.len() + right.len()
                        && made.starts_with(left)
                        && made.ends_with(right)
                },
            );
            if !fits {
                return Err(Error::Vocabulary(format!(
                    "merge ({left}, {right}) does not make token {made} of the vocabulary to extend"
                )));
            }
            given.entry(left, right);
        }
        let mut used = vec![false; num_ids];
        for cell in words.cells.iter().filter(|&&cell| cell != words.separator) {
            used[cell.id() as usize] = true;
        }
        Ok(Self {
            options,
            tuning,
            symbols: Symbols::new(&base.spelled, options.tie, options.max_token_bytes),
            used,
            words,
            index: Index::new(
                (!base.merges.is_empty()).then_some(given),
                options.min_count.max(1),
                options.threads,
                tuning,
            ),
            queue: Queue::default(),
            merger: Merger::new(num_ids),
            learned: Learned { merges: Vec::new(), counts: Vec::new(), stop: Stop::Enough },
            arena_limit: 0,
        })
    }

    fn run(mut self, base: &Base, num_new: u32, control: &Control) -> Result<Learned> {
        if !base.merges.is_empty() {
            self.index.rebuild(&self.words, &self.symbols, None, control)?;
            for &(left, right, made) in &base.merges {
                let count = self.index.pairs.get(left, right).map_or(0, |pair| pair.count);
                self.merge(Step { left, right, made }, count, control)?;
            }
        }
        self.index.given = None;
        let mut to_come = num_new;
        if to_come > 0 {
            self.begin_epoch(to_come, control)?;
        }
        while to_come > 0 {
            control.check()?;
            let Some(Candidate { left, right, count, .. }) = self.next() else {
                if self.index.least == self.index.min_count {
                    self.learned.stop = Stop::NoPairsLeft;
                    break;
                }
                self.begin_epoch(to_come, control)?;
                continue;
            };
            let made = match (self.symbols.find_joined(left, right), self.options.duplicates) {
                (Some(_), Duplicates::Skip) => {
                    self.index.refused.entry(left, right);
                    continue;
                }
                (Some(id), Duplicates::Error) => {
                    return Err(Error::Vocabulary(format!(
                        "the most frequent pair spells {}, which is token {id} already: choose another \
                         policy for duplicates, or rename that token",
                        quote(self.symbols.bytes(id))
                    )));
                }
                (Some(id), Duplicates::Reuse) => id,
                (None, _) | (_, Duplicates::Mint) => {
                    to_come -= 1;
                    control.advance(1);
                    self.symbols.mint(left, right)
                }
            };
            self.merge(Step { left, right, made }, count, control)?;
            if self.index.arena.len() > self.arena_limit {
                self.words.compact(None, control)?;
                self.refresh(None, control)?;
            }
        }
        Ok(self.learned)
    }

    /// Know enough pairs for a good part of the merges to come.
    fn begin_epoch(&mut self, to_come: u32, control: &Control) -> Result<()> {
        let pairs = if self.learned.merges.is_empty() {
            self.tuning.first_pairs
        } else {
            self.words.compact(None, control)?;
            to_come as usize * 17 / 16 + self.tuning.first_pairs / 8 + 1
        };
        self.refresh(Some(Aim { merges: to_come, pairs }), control)
    }

    /// Find all wanted pairs and their places anew; with `aim` first lower the threshold.
    fn refresh(&mut self, aim: Option<Aim>, control: &Control) -> Result<()> {
        self.index.rebuild(&self.words, &self.symbols, aim, control)?;
        self.arena_limit = self.index.arena.len() * 2 + self.tuning.arena_slack;
        let Self { index, symbols, .. } = self;
        let candidates = index.pairs.iter().map(|(left, right, pair)| {
            let first = index.arena[pair.start].at();
            Candidate { count: pair.count, key: symbols.key(left, right, first), left, right }
        });
        self.queue.refill(candidates, symbols);
        Ok(())
    }

    /// Take the first pair off the queue; `None` when the known ones are used up.
    fn next(&mut self) -> Option<Candidate> {
        let least = self.index.least;
        loop {
            let top = self.queue.peek()?;
            let Candidate { left, right, .. } = top;
            let pair = self.index.pairs.get_mut(left, right).filter(|pair| pair.count >= least);
            let Some(pair) = pair else {
                self.queue.drop_first(&self.symbols);
                continue;
            };
            let mut current = Candidate { count: pair.count, ..top };
            if self.options.tie == Tie::FirstOccurrence && current.count == top.count {
                // the first place only moves back, so a key can only be too early
                while !self.words.stands(self.index.arena[pair.start].at(), left, right) {
                    pair.start += 1;
                    pair.len -= 1;
                }
                let first = self.index.arena[pair.start].at();
                current.key = self.symbols.key(left, right, first);
            }
            if (current.count, current.key) == (top.count, top.key) {
                self.queue.drop_first(&self.symbols);
                return Some(top);
            }
            self.queue.replace_first(current, &self.symbols);
        }
    }

    /// Apply one merge to all words.
    fn merge(&mut self, step: Step, count: u64, control: &Control) -> Result<()> {
        let Step { left, right, made } = step;
        self.learned.merges.push((left, right, made));
        self.learned.counts.push(count);
        if self.used[made as usize] {
            if count > 0 {
                // the pairs of a symbol that is there already rise: count anew
                self.words.compact(Some(step), control)?;
                self.refresh(None, control)?;
            }
            return Ok(());
        }
        self.symbols.make(left, right, made);
        if count == 0 {
            return Ok(());
        }
        self.used[made as usize] = true;
        let Self { words, index, symbols, merger, queue, .. } = self;
        merger.merge(step, words, index, symbols, control)?;
        for &(left, right, pair) in &merger.born {
            let first = index.arena[pair.start].at();
            let key = symbols.key(left, right, first);
            queue.push(Candidate { count: pair.count, key, left, right }, symbols);
        }
        Ok(())
    }
}
