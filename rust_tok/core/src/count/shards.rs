//! The counts of all threads: one table in shards, each with a lock of its own.
//!
//! A thread keeps what it met lately to itself ([`Recent`]) and hands on what leaves there by the
//! handful, so that locks are seldom taken and the places of a shard are looked up one after the other.
//! Sums do not depend on who adds first; of two places of first occurrence the smaller one stays.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::key::{Key, SHORT, Seed};
use super::long::{LongList, LongWords};
use super::recent::Recent;
use super::short::{ShortWords, Slot};
use crate::error::Result;

/// So many words are looked up at once, here and in a shard.
const BATCH: usize = 32;

/// A handful of words on their way to a shard.
const HANDFUL: usize = 64;

/// A handful of long words has at most so many bytes, ...
const HANDFUL_BYTES: usize = 2 << 10;

/// ... and words of more go to their shard at once.
const VERY_LONG: usize = 1 << 10;

/// The fewest and the most shards there are, and how many for each thread.
const LEAST_SHARDS: usize = 64;
const MOST_SHARDS: usize = 512;
const SHARDS_PER_THREAD: usize = 8;

/// The words of some hashes.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) short: ShortWords,
    pub(super) long: LongWords,
}

impl Shard {
    fn new() -> Self {
        Self { short: ShortWords::new(), long: LongWords::default() }
    }

    /// How many distinct words there are.
    pub(super) fn len(&self) -> usize {
        self.short.len() + self.long.list().words().len()
    }

    fn add_short(&mut self, seed: Seed, words: &[Slot]) -> Result<()> {
        let mut hashes = [0; BATCH];
        for words in words.chunks(BATCH) {
            for (word, hash) in words.iter().zip(&mut hashes) {
                *hash = seed.hash(word.key);
                self.short.prefetch(*hash);
            }
            for (word, &hash) in words.iter().zip(&hashes) {
                self.short.add(seed, hash, word)?;
            }
        }
        Ok(())
    }

    fn add_long(&mut self, list: &LongList) -> Result<()> {
        list.words()
            .iter()
            .try_for_each(|word| self.long.add(list.bytes(word), word.hash, word.count, word.first))
    }
}

/// The words of all hashes.
#[derive(Debug)]
pub(super) struct Shards {
    seed: Seed,
    /// a power of two of them
    shards: Vec<Mutex<Shard>>,
}

impl Shards {
    pub(super) fn new(threads: usize) -> Self {
        let wanted = threads.saturating_mul(SHARDS_PER_THREAD).clamp(LEAST_SHARDS, MOST_SHARDS);
        let shards = std::iter::repeat_with(|| Mutex::new(Shard::new()));
        Self { seed: Seed::random(), shards: shards.take(wanted.next_power_of_two()).collect() }
    }

    #[inline]
    fn number_of(&self, hash: u64) -> usize {
        hash as usize & (self.shards.len() - 1)
    }

    fn lock(&self, number: usize) -> MutexGuard<'_, Shard> {
        // a panic elsewhere ends the whole call anyhow
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many distinct words there are.
    pub(super) fn len(&mut self) -> usize {
        self.each().map(|shard| shard.len()).sum()
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.shards.iter_mut().map(|shard| shard.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// The most memory in bytes that the shards take while `num_new` words come in.
    pub(super) fn heap_bytes(&mut self, num_new: usize) -> usize {
        // words are spread evenly, about; what grows stands beside its old self for a while
        let for_each = num_new / self.shards.len() * 5 / 4 + usize::from(num_new > 0) * HANDFUL;
        let bytes = self
            .each()
            .map(|shard| shard.short.heap_bytes(for_each) + shard.long.heap_bytes(num_new > 0));
        bytes.sum()
    }

    /// The shards when all is counted.
    pub(super) fn into_shards(self) -> Vec<Shard> {
        let shards = self.shards.into_iter();
        shards.map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

/// What a thread keeps to itself takes about so many bytes where there are few shards.
pub(super) const TALLY_BYTES: u64 = tally_bytes(LEAST_SHARDS) as u64;

/// A long word and its bytes take twice a slot, and lists double.
const fn tally_bytes(num_shards: usize) -> usize {
    Recent::HEAP_BYTES + num_shards * HANDFUL * size_of::<Slot>() * 3
}

/// Words on their way to a shard.
#[derive(Debug, Default)]
struct Handful {
    short: Vec<Slot>,
    long: LongList,
}

/// Add a word to its handful, and a whole handful to its shard.
#[inline]
fn hand_on(leaving: &mut [Handful], shards: &Shards, word: Slot) -> Result<()> {
    let number = shards.number_of(shards.seed.hash(word.key));
    let short = &mut leaving[number].short;
    short.push(word);
    if short.len() < HANDFUL {
        return Ok(());
    }
    let outcome = shards.lock(number).add_short(shards.seed, short);
    short.clear();
    outcome
}

/// What one thread counts, and has not yet handed on.
#[derive(Debug)]
pub(super) struct Tally {
    recent: Recent,
    /// by the number of the shard
    leaving: Vec<Handful>,
}

impl Tally {
    pub(super) fn new(shards: &Shards) -> Self {
        let leaving = std::iter::repeat_with(Handful::default).take(shards.shards.len()).collect();
        Self { recent: Recent::new(), leaving }
    }

    /// Count the pieces of `text` that begin at `start` and at each of `ends` but the last, each
    /// `times` times. `first` is where the text begins in the order of all texts.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] when a sum exceeds 64 bits; [`crate::Error::Text`] for too many long words.
    pub(super) fn add_run(
        &mut self,
        shards: &Shards,
        text: &[u8],
        mut start: usize,
        ends: &[usize],
        times: u64,
        first: u64,
    ) -> Result<()> {
        let seed = shards.seed;
        let mut hashed = [(Key::default(), 0); BATCH];
        for ends in ends.chunks(BATCH) {
            let mut begin = start;
            for (&end, hashed) in ends.iter().zip(&mut hashed) {
                let len = end.wrapping_sub(begin);
                *hashed = (Key::default(), 0);
                if len <= SHORT {
                    let key = Key::new(text, begin, len);
                    *hashed = (key, seed.hash(key));
                    self.recent.prefetch(hashed.1);
                }
                begin = end;
            }
            for (&end, &(key, hash)) in ends.iter().zip(&hashed) {
                let first = first.wrapping_add(start as u64);
                if key.high == 0 {
                    self.add_long(shards, &text[start..end], times, first)?;
                } else if let Some(left) = self.recent.add(key, hash, times, first)? {
                    hand_on(&mut self.leaving, shards, left)?;
                }
                start = end;
            }
        }
        Ok(())
    }

    fn add_long(&mut self, shards: &Shards, word: &[u8], times: u64, first: u64) -> Result<()> {
        let hash = shards.seed.hash_long(word);
        let number = shards.number_of(hash);
        if word.len() > VERY_LONG {
            return shards.lock(number).long.add(word, hash, times, first);
        }
        let long = &mut self.leaving[number].long;
        long.push(word, hash, times, first);
        if long.words().len() < HANDFUL && long.num_bytes() < HANDFUL_BYTES {
            return Ok(());
        }
        let outcome = shards.lock(number).add_long(long);
        long.clear();
        outcome
    }

    /// Hand on all that is left.
    ///
    /// # Errors
    /// As [`Tally::add_run`].
    pub(super) fn finish(mut self, shards: &Shards) -> Result<()> {
        let Self { recent, leaving } = &mut self;
        recent.drain().try_for_each(|word| hand_on(leaving, shards, word))?;
        for (number, Handful { short, long }) in self.leaving.iter().enumerate() {
            let mut shard = shards.lock(number);
            shard.add_short(shards.seed, short)?;
            shard.add_long(long)?;
        }
        Ok(())
    }

    /// How much memory in bytes one takes, about, and how many words it holds at most.
    pub(super) fn heap_bytes(&self) -> usize {
        tally_bytes(self.leaving.len())
    }

    pub(super) fn most_words(&self) -> usize {
        Recent::MOST_WORDS + self.leaving.len() * HANDFUL
    }
}
