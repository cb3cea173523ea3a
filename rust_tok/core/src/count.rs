//! Pieces to word counts: streaming, over all cores granted, mergeable.
//!
//! Counts are a commutative monoid: however a corpus is cut and shared out, the sum is the same.

mod counter;
mod counts;
mod feed;
pub mod file;
mod harvest;
pub(crate) mod key;
mod long;
mod recent;
mod shards;
mod short;
mod sorted;
mod spill;
mod stream;
#[cfg(test)]
mod tests;

pub use counter::Counter;
pub use counts::{Counts, Limits, Loaded};
pub use feed::Feed;
pub use sorted::Sorted;
pub use spill::{Counted, Counting, LEAST_MEMORY, Spill};
pub use stream::TextStream;

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::error::{Error, Result};

/// A distinct piece and how often it occurs.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// where its bytes end in the arena; they begin where those of the entry before end
    end: usize,
    count: u64,
}

/// How often each distinct piece ("word") occurs.
#[derive(Debug, Clone, Default)]
pub struct WordCounts {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// the numbers of the first so many entries: it is made when it is first needed
    by_bytes: HashTable<u32>,
    num_pieces: u64,
    num_bytes: u64,
}

/// The bytes of entry number `at`.
fn spelled<'a>(arena: &'a [u8], entries: &[Entry], at: usize) -> &'a [u8] {
    let start = if at == 0 { 0 } else { entries[at - 1].end };
    &arena[start..entries[at].end]
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

pub(crate) fn overflow() -> Error {
    Error::Argument("counts exceed 64 bits: weigh the documents less".to_owned())
}

impl WordCounts {
    /// Add `times` occurrences of `word`.
    ///
    /// # Errors
    /// [`Error::Argument`] when a sum exceeds 64 bits; [`Error::Text`] for a word of 4 GiB.
    #[inline]
    pub fn add(&mut self, word: &[u8], times: u64) -> Result<()> {
        self.index_all();
        let hash_of = hash(word);
        let Self { arena, entries, by_bytes, .. } = self;
        let found = by_bytes.find(hash_of, |&at| spelled(arena, entries, at as usize) == word);
        if let Some(&at) = found {
            let count = &mut entries[at as usize].count;
            *count = count.checked_add(times).ok_or_else(overflow)?;
            self.add_totals(word, times)
        } else {
            self.push_new(word, times)?;
            self.index_all();
            Ok(())
        }
    }

    /// Make room for more words, of so many bytes together.
    fn reserve(&mut self, words: usize, bytes: usize) {
        self.entries.reserve(words);
        self.arena.reserve(bytes);
    }

    /// Give back spare room.
    fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.arena.shrink_to_fit();
    }

    /// Add a word that is not there yet; it is not looked at where words are looked up.
    fn push_new(&mut self, word: &[u8], times: u64) -> Result<()> {
        if u32::try_from(self.entries.len()).is_err() {
            return Err(Error::Text("more than 2^32 distinct pieces".to_owned()));
        }
        if u32::try_from(word.len()).is_err() {
            return Err(Error::Text("a piece of text of 4 GiB or more".to_owned()));
        }
        self.arena.extend_from_slice(word);
        self.entries.push(Entry { end: self.arena.len(), count: times });
        self.add_totals(word, times)
    }

    fn add_totals(&mut self, word: &[u8], times: u64) -> Result<()> {
        self.num_pieces = self.num_pieces.checked_add(times).ok_or_else(overflow)?;
        let bytes = times.checked_mul(word.len() as u64).ok_or_else(overflow)?;
        self.num_bytes = self.num_bytes.checked_add(bytes).ok_or_else(overflow)?;
        Ok(())
    }

    /// Enter words that were pushed where words are looked up.
    fn index_all(&mut self) {
        let Self { arena, entries, by_bytes, .. } = self;
        let hash_at = |at: u32| hash(spelled(arena, entries, at as usize));
        for at in by_bytes.len()..entries.len() {
            by_bytes.insert_unique(hash_at(at as u32), at as u32, |&at| hash_at(at));
        }
    }

    /// Add all of `other`.
    ///
    /// # Errors
    /// As [`WordCounts::add`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        other.iter().try_for_each(|(word, count)| self.add(word, count))
    }

    /// (word, count), in order of first occurrence in this table.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let mut start = 0;
        self.entries.iter().map(move |&Entry { end, count }| {
            let word = &self.arena[start..end];
            start = end;
            (word, count)
        })
    }

    /// How many distinct words there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no word has been counted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how many bytes of memory the table takes, spare room included.
    pub fn heap_bytes(&self) -> usize {
        // a slot of the hash table is a number and a byte of control, and an eighth stays free
        let slots = self.by_bytes.capacity() * (size_of::<u32>() + 1) * 8 / 7;
        self.arena.capacity() + self.entries.capacity() * size_of::<Entry>() + slots
    }

    /// How many pieces were counted, repeats included.
    pub fn num_pieces(&self) -> u64 {
        self.num_pieces
    }

    /// How many bytes those pieces hold.
    pub fn num_bytes(&self) -> u64 {
        self.num_bytes
    }
}
