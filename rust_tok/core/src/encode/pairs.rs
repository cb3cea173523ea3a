//! What two neighbouring symbols merge into: an open-addressing table of (left, right).

/// A merge: its rank (lower first) and the symbol it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) rank: u32,
    pub(crate) id: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    merged: Merged,
}

/// No symbol is this large, so no pair is.
const FREE: u64 = u64::MAX;

/// Merges by pair. At most half full, so an absent pair is found absent quickly.
#[derive(Debug, Clone)]
pub(crate) struct PairTable {
    slots: Vec<Slot>,
    shift: u32,
    len: usize,
}

#[inline]
fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl PairTable {
    pub(crate) fn with_capacity(pairs: usize) -> Self {
        let size = (pairs.max(8) * 2).next_power_of_two();
        let free = Slot { key: FREE, merged: Merged { rank: 0, id: 0 } };
        Self { slots: vec![free; size], shift: 64 - size.trailing_zeros(), len: 0 }
    }

    /// Where `key` is or would be.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: the high bits of the product depend on all bits of the key
        let mut at = ((key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        loop {
            let found = self.slots[at].key;
            if found == key || found == FREE {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Add a pair; `false` if it is there already, and then nothing changes.
    pub(crate) fn insert(&mut self, left: u32, right: u32, merged: Merged) -> bool {
        if self.len * 2 >= self.slots.len() {
            let mut larger = Self::with_capacity(self.slots.len());
            for slot in self.slots.iter().filter(|slot| slot.key != FREE) {
                let at = larger.slot(slot.key);
                larger.slots[at] = *slot;
            }
            larger.len = self.len;
            *self = larger;
        }
        let at = self.slot(key(left, right));
        if self.slots[at].key != FREE {
            return false;
        }
        self.slots[at] = Slot { key: key(left, right), merged };
        self.len += 1;
        true
    }

    #[inline]
    pub(crate) fn get(&self, left: u32, right: u32) -> Option<Merged> {
        let slot = &self.slots[self.slot(key(left, right))];
        (slot.key != FREE).then_some(slot.merged)
    }
}
