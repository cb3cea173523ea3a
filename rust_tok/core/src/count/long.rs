//! Counts of words of more than 15 bytes, which lie one after the other.

use hashbrown::HashTable;

use super::overflow;
use crate::error::{Error, Result};

/// A word of more than 15 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongWord {
    start: usize,
    len: usize,
    pub(super) hash: u64,
    pub(super) count: u64,
    pub(super) first: u64,
}

/// Long words one after the other, perhaps some of them again and again.
#[derive(Debug, Default)]
pub(super) struct LongList {
    arena: Vec<u8>,
    words: Vec<LongWord>,
}

impl LongList {
    pub(super) fn push(&mut self, word: &[u8], hash: u64, count: u64, first: u64) {
        self.words.push(LongWord { start: self.arena.len(), len: word.len(), hash, count, first });
        self.arena.extend_from_slice(word);
    }

    pub(super) fn words(&self) -> &[LongWord] {
        &self.words
    }

    #[inline]
    pub(super) fn bytes(&self, word: &LongWord) -> &[u8] {
        &self.arena[word.start..word.start + word.len]
    }

    /// How many bytes the words have together.
    pub(super) fn num_bytes(&self) -> usize {
        self.arena.len()
    }

    pub(super) fn clear(&mut self) {
        self.arena.clear();
        self.words.clear();
    }
}

/// Counts of long words: a list of different ones, and a table of their numbers.
#[derive(Debug, Default)]
pub(super) struct LongWords {
    list: LongList,
    by_bytes: HashTable<u32>,
}

impl LongWords {
    /// The words, all different.
    pub(super) fn list(&self) -> &LongList {
        &self.list
    }

    /// Add what was counted elsewhere.
    pub(super) fn add(&mut self, word: &[u8], hash: u64, count: u64, first: u64) -> Result<()> {
        let Self { list, by_bytes } = self;
        let is_it = |&number: &u32| {
            let known = &list.words[number as usize];
            known.hash == hash && list.bytes(known) == word
        };
        if let Some(&number) = by_bytes.find(hash, is_it) {
            let known = &mut list.words[number as usize];
            known.count = known.count.checked_add(count).ok_or_else(overflow)?;
            known.first = known.first.min(first);
            return Ok(());
        }
        let number = u32::try_from(list.words.len())
            .map_err(|_| Error::Text("more than 2^32 distinct pieces".to_owned()))?;
        by_bytes.insert_unique(hash, number, |&number| list.words[number as usize].hash);
        list.push(word, hash, count, first);
        Ok(())
    }

    /// How much memory in bytes the table takes, with `may_grow` also when it has grown once more.
    pub(super) fn heap_bytes(&self, may_grow: bool) -> usize {
        let LongList { arena, words } = &self.list;
        let numbers = self.by_bytes.capacity() * (size_of::<u32>() + 1) * 8 / 7;
        let bytes = words.capacity() * size_of::<LongWord>() + numbers + arena.capacity();
        if may_grow { bytes * 2 } else { bytes }
    }
}
