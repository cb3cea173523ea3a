//! A hash table of pairs that numbers them. A pair is never taken out.

/// What an empty slot holds.
const EMPTY: u64 = 0;

#[inline]
fn key_of(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// A hash of a pair.
#[inline]
pub(super) fn hash_of(left: u32, right: u32) -> u64 {
    spread(key_of(left, right))
}

/// Spreads keys: both halves of the product are needed, so that either id moves every bit.
#[inline]
fn spread(key: u64) -> u64 {
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (product >> 64) as u64 ^ product as u64
}

/// Values by pair. Most questions are about pairs that are not here: they touch one small slot.
pub(super) struct PairMap<V> {
    /// open addressing, a power of two of slots, at most half full: in the upper half bits of the
    /// hash, in the lower one the pair's number plus one
    slots: Vec<u64>,
    entries: Vec<(u64, V)>,
}

const NUMBER: u64 = (1 << 32) - 1;

impl<V: Copy + Default> PairMap<V> {
    pub(super) fn with_capacity(pairs: usize) -> Self {
        let slots = (pairs * 2).next_power_of_two().max(16);
        Self { slots: vec![EMPTY; slots], entries: Vec::with_capacity(pairs) }
    }

    /// The number of a pair, or where its slot would be.
    #[inline]
    fn find(&self, key: u64, hash: u64) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return Err(at);
            }
            if (slot ^ hash) & !NUMBER == 0 {
                let number = (slot & NUMBER) as usize - 1;
                if self.entries[number].0 == key {
                    return Ok(number);
                }
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    pub(super) fn get(&self, left: u32, right: u32) -> Option<V> {
        let key = key_of(left, right);
        self.find(key, spread(key)).ok().map(|number| self.entries[number].1)
    }

    #[inline]
    pub(super) fn contains(&self, left: u32, right: u32) -> bool {
        let key = key_of(left, right);
        self.find(key, spread(key)).is_ok()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, left: u32, right: u32) -> Option<&mut V> {
        let key = key_of(left, right);
        let number = self.find(key, spread(key)).ok()?;
        Some(&mut self.entries[number].1)
    }

    /// The number of a pair, a new one if it is not here; its value is then the default one.
    #[inline]
    pub(super) fn number(&mut self, left: u32, right: u32) -> usize {
        let key = key_of(left, right);
        let hash = spread(key);
        match self.find(key, hash) {
            Ok(number) => number,
            Err(slot) => self.insert(key, hash, slot),
        }
    }

    /// Out of line: pairs are asked for far more often than they are new.
    #[inline(never)]
    fn insert(&mut self, key: u64, hash: u64, slot: usize) -> usize {
        let number = self.entries.len();
        self.entries.push((key, V::default()));
        self.slots[slot] = hash & !NUMBER | (number as u64 + 1);
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        self.slots = vec![EMPTY; self.slots.len() * 2];
        let mask = self.slots.len() - 1;
        for (&(key, _), number) in self.entries.iter().zip(1..) {
            let hash = spread(key);
            let mut at = hash as usize & mask;
            while self.slots[at] != EMPTY {
                at = (at + 1) & mask;
            }
            self.slots[at] = hash & !NUMBER | number;
        }
    }

    /// The value of a pair, the default one if it is new.
    #[inline]
    pub(super) fn entry(&mut self, left: u32, right: u32) -> &mut V {
        let number = self.number(left, right);
        &mut self.entries[number].1
    }

    /// The value of a number.
    #[inline]
    pub(super) fn at_mut(&mut self, number: usize) -> &mut V {
        &mut self.entries[number].1
    }

    /// (left, right, value) by number.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (u32, u32, V)> {
        self.entries.iter().map(|&(key, value)| ((key >> 32) as u32, key as u32, value))
    }
}
