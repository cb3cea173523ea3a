//! How many ids the short pieces have that a thread counted.
//!
//! Tokens and merged pieces stand in one table of 16 bytes each: a piece takes one look, where encoding
//! takes one at the tokens and perhaps another at what was merged.

use super::pieces::{Hashed, Hasher};
use crate::count::key::Key;
use crate::memory::{on_large_pages, prefetch};

/// Slots, as powers of two: from 64 KiB to 4 MiB.
const FIRST_SLOTS: u32 = 12;
const MOST_SLOTS: u32 = 18;

/// A key has its length in the four lowest bits of its highest byte; in a slot the number of ids, which
/// is no greater, stands in the other four.
const COUNT_SHIFT: u32 = 60;
const KEY_BITS: u64 = (1 << COUNT_SHIFT) - 1;

/// Pieces and how many ids they have: open addressing, at most half full. A table that is full grows;
/// where it is as large as it may be, it begins anew.
#[derive(Debug, Default)]
pub(super) struct PieceCounts {
    slots: Vec<Key>,
    /// a hash shifted right by this is a place
    shift: u32,
    len: usize,
}

impl PieceCounts {
    /// Make room, if there is none.
    pub(super) fn begin(&mut self) {
        if self.slots.is_empty() {
            *self = Self::with_slots(FIRST_SLOTS);
        }
    }

    fn with_slots(log_slots: u32) -> Self {
        Self { slots: on_large_pages(1 << log_slots), shift: 64 - log_slots, len: 0 }
    }

    /// Have the place of a piece brought near.
    #[inline]
    pub(super) fn prefetch(&self, piece: &Hashed) {
        prefetch(&self.slots[(piece.hash >> self.shift) as usize]);
    }

    /// The place of a piece, or the free one where it would be.
    #[inline]
    fn place(&self, piece: &Hashed) -> usize {
        let last = self.slots.len() - 1;
        let mut at = (piece.hash >> self.shift) as usize;
        loop {
            let slot = self.slots[at & last];
            let other = (slot.low ^ piece.key.low) | ((slot.high & KEY_BITS) ^ piece.key.high);
            if other == 0 || slot.high == 0 {
                return at & last;
            }
            at += 1;
        }
    }

    /// How many ids a piece has; 0 where that is not known, or the piece is not short.
    #[inline]
    pub(super) fn get(&self, piece: &Hashed) -> u64 {
        self.slots[self.place(piece)].high >> COUNT_SHIFT
    }

    /// Keep how many ids a piece has, if it is short.
    pub(super) fn insert(&mut self, hasher: Hasher, piece: &Hashed, count: u64) {
        if !piece.is_short() {
            return;
        }
        if 2 * self.len >= self.slots.len() {
            self.make_room(hasher);
        }
        let (Key { low, high }, place) = (piece.key, self.place(piece));
        self.len += usize::from(self.slots[place].high == 0);
        self.slots[place] = Key { low, high: high | count << COUNT_SHIFT };
    }

    #[cold]
    fn make_room(&mut self, hasher: Hasher) {
        let log_slots = 64 - self.shift;
        if log_slots == MOST_SLOTS {
            self.slots.fill(Key::default());
            self.len = 0;
            return;
        }
        let mut larger = Self::with_slots(log_slots + 1);
        for slot in self.slots.iter().filter(|slot| slot.high != 0) {
            let key = Key { low: slot.low, high: slot.high & KEY_BITS };
            larger.insert(hasher, &hasher.of_key(key), slot.high >> COUNT_SHIFT);
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::ShortTokens;
    use super::*;

    #[test]
    fn a_count_that_is_known_is_right_and_the_room_is_bounded() {
        let hasher = ShortTokens::new(std::iter::empty()).hasher();
        let mut counts = PieceCounts::default();
        counts.begin();
        let piece = |number: u32| hasher.hashed(&number.to_le_bytes(), 0, 4);
        let expected = |number: u32| u64::from(1 + number % 4);
        for number in 0..2 << MOST_SLOTS {
            assert_eq!(counts.get(&piece(number)), 0);
            counts.insert(hasher, &piece(number), expected(number));
            assert_eq!(counts.get(&piece(number)), expected(number));
            let older = counts.get(&piece(number / 2));
            let is_forgotten = older == 0 && number >= 1 << (MOST_SLOTS - 1);
            assert!(older == expected(number / 2) || is_forgotten, "{number}");
        }
        assert_eq!(counts.slots.len(), 1 << MOST_SLOTS);
        // as many ids as bytes, and lengths that tell pieces apart
        for len in 1..=15 {
            let piece = hasher.hashed(&[b'a'; 15], 0, len);
            counts.insert(hasher, &piece, len as u64);
            assert_eq!(counts.get(&piece), len as u64);
        }
        let len = counts.len;
        counts.insert(hasher, &hasher.hashed(&[b'a'; 15], 0, 15), 15);
        assert_eq!(counts.len, len);
        counts.insert(hasher, &Hashed::default(), 3);
        assert_eq!(counts.get(&Hashed::default()), 0);
    }
}
