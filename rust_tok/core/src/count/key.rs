//! Short words as two numbers, and hashes of words.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// The longest word that is a key by itself.
pub(crate) const SHORT: usize = 15;

/// A word of 1 to 15 bytes: zeros after its end, its length in the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Key {
    pub(crate) low: u64,
    /// the length in the highest byte; 0 where there is no word
    pub(crate) high: u64,
}

/// The bytes of a key that belong to a word of each length.
static KEPT: [Key; SHORT + 1] = kept();

const fn kept() -> [Key; SHORT + 1] {
    let mut kept = [Key { low: 0, high: 0 }; SHORT + 1];
    let mut len = 1;
    while len <= SHORT {
        let bits = u128::MAX >> (128 - 8 * len);
        kept[len] = Key { low: bits as u64, high: (bits >> 64) as u64 };
        len += 1;
    }
    kept
}

impl Key {
    /// The key of the `len` bytes, 1 to 15, at `start`.
    #[inline]
    pub(crate) fn new(text: &[u8], start: usize, len: usize) -> Self {
        let Some(bytes) = text[start..].first_chunk::<16>() else {
            // too near the end of the text for a load of 16 bytes
            let mut bytes = [0; 16];
            bytes[..len].copy_from_slice(&text[start..start + len]);
            return Self::of_chunk(bytes, len);
        };
        Self::of_chunk(*bytes, len)
    }

    #[inline]
    fn of_chunk(bytes: [u8; 16], len: usize) -> Self {
        let both = u128::from_le_bytes(bytes);
        let kept = KEPT[len];
        Self {
            low: both as u64 & kept.low,
            high: (both >> 64) as u64 & kept.high | (len as u64) << 56,
        }
    }

    /// Whether both are the same, without a branch.
    #[inline]
    pub(super) fn is(self, other: Self) -> bool {
        (self.low ^ other.low) | (self.high ^ other.high) == 0
    }

    pub(super) fn len(self) -> usize {
        (self.high >> 56) as usize
    }

    pub(super) fn bytes(self) -> [u8; 16] {
        (u128::from(self.high) << 64 | u128::from(self.low)).to_le_bytes()
    }

    /// Bytes from the first to the last, then the length: ascends as the words do.
    pub(super) fn rank(self) -> u128 {
        u128::from_be_bytes(self.bytes())
    }
}

/// Makes places in a table of keys; two numbers that nobody outside knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed([u64; 2]);

impl Seed {
    /// One that differs from run to run, so that no text can be written to fill one place. Results
    /// do not depend on it.
    pub(crate) fn random() -> Self {
        let random = std::hash::RandomState::new();
        Self([0, 1].map(|number: u64| random.hash_one(number)))
    }

    #[inline]
    pub(crate) fn hash(self, key: Key) -> u64 {
        let product = u128::from(key.low ^ self.0[0]) * u128::from(key.high ^ self.0[1]);
        product as u64 ^ (product >> 64) as u64
    }

    #[inline]
    pub(super) fn hash_long(self, word: &[u8]) -> u64 {
        let mut hasher = FixedState::with_seed(self.0[0]).build_hasher();
        hasher.write(word);
        hasher.finish()
    }
}
