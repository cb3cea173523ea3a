//! Counts of words of up to 15 bytes, as the keys of a flat table.

use super::key::{Key, Seed};
use super::overflow;
use crate::error::Result;
use crate::memory::{Block, prefetch};

/// Slots of a table with a word.
const FIRST_SLOTS: usize = 256;

/// Up to this many slots a table that is full doubles, later it grows by half.
const MOST_DOUBLED: usize = 1024;

/// A short word, how often it occurs, and where it was first seen; free where the key's length is 0.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) count: u64,
    pub(super) first: u64,
}

impl Slot {
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.key.high == 0
    }
}

/// Counts of words of 1 to 15 bytes: open addressing, two slots a cache line, at most three quarters
/// full.
#[derive(Debug)]
pub(super) struct ShortWords {
    /// at first none
    slots: Block<Slot>,
    len: usize,
}

impl ShortWords {
    pub(super) fn new() -> Self {
        Self { slots: Block::filled(0, Slot::default()), len: 0 }
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All slots, free ones too.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How many slots follow after so many.
    fn grown(num_slots: usize) -> usize {
        match num_slots {
            0 => FIRST_SLOTS,
            1..=MOST_DOUBLED => num_slots * 2,
            _ => num_slots / 2 * 3,
        }
    }

    /// Where a word of this hash belongs.
    #[inline]
    fn place(hash: u64, num_slots: usize) -> usize {
        ((u128::from(hash) * num_slots as u128) >> 64) as usize
    }

    /// Have the slots where `hash` belongs brought near.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        if let Some(slot) = self.slots.get(Self::place(hash, self.slots.len())) {
            prefetch(slot);
        }
    }

    /// Add what was counted elsewhere.
    #[inline]
    pub(super) fn add(&mut self, seed: Seed, hash: u64, counted: &Slot) -> Result<()> {
        if self.len >= self.slots.len() / 4 * 3 {
            self.grow(seed);
        }
        let slots = &mut *self.slots;
        let mut at = Self::place(hash, slots.len());
        while slots[at].key != counted.key {
            if slots[at].is_free() {
                slots[at] = *counted;
                self.len += 1;
                return Ok(());
            }
            at = if at + 1 == slots.len() { 0 } else { at + 1 };
        }
        let slot = &mut slots[at];
        slot.count = slot.count.checked_add(counted.count).ok_or_else(overflow)?;
        slot.first = slot.first.min(counted.first);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, seed: Seed) {
        let num_slots = Self::grown(self.slots.len());
        let mut slots = Block::filled(num_slots, Slot::default());
        for slot in self.slots.iter().filter(|slot| !slot.is_free()) {
            let mut at = Self::place(seed.hash(slot.key), num_slots);
            while !slots[at].is_free() {
                at = if at + 1 == num_slots { 0 } else { at + 1 };
            }
            slots[at] = *slot;
        }
        self.slots = slots;
    }

    /// How much memory in bytes the table takes after `num_new` more words.
    pub(super) fn heap_bytes(&self, num_new: usize) -> usize {
        let mut num_slots = self.slots.len();
        while self.len + num_new >= num_slots / 4 * 3 && num_new > 0 {
            num_slots = Self::grown(num_slots);
        }
        num_slots * size_of::<Slot>()
    }
}
