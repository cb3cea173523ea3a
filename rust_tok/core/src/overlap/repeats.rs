//! Exact copies: documents and lines that stand in the other text, and those that a text repeats.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

/// Different lines or documents that are remembered; of more, a sample.
const MOST_KEPT: usize = 1 << 22;

/// 128 bits of BLAKE3 of a text without white space around it.
pub(super) fn digest(text: &[u8]) -> u128 {
    let hash = blake3::hash(text.trim_ascii());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

/// How often a text repeats itself, in bounded memory.
///
/// When there are too many different digests, only those that end in zeros are kept and the figure is an
/// estimate; which ones are kept does not depend on their order.
#[derive(Debug, Clone)]
pub(super) struct Distinct {
    kept: HashSet<u128, FixedState>,
    most: usize,
    level: u32,
    total: u64,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { kept: HashSet::default(), most: MOST_KEPT, level: 0, total: 0 }
    }
}

impl Distinct {
    pub(super) fn add(&mut self, digest: u128) {
        self.total += 1;
        if digest.trailing_zeros() < self.level {
            return;
        }
        self.kept.insert(digest);
        while self.kept.len() > self.most {
            self.level += 1;
            let level = self.level;
            self.kept.retain(|digest| digest.trailing_zeros() >= level);
        }
    }

    pub(super) fn repeats(&self) -> Repeats {
        let distinct = (self.kept.len() as u64) << self.level;
        Repeats {
            total: self.total,
            repeats: self.total.saturating_sub(distinct),
            is_estimate: self.level > 0,
        }
    }
}

/// What a text repeats of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    /// all of them
    pub total: u64,
    /// those that stood before
    pub repeats: u64,
    /// whether there were too many to remember all
    pub is_estimate: bool,
}

/// Which of one text stand in the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    digests: Vec<u128>,
    /// how often each stands in the other text
    places: HashMap<u128, u64, FixedState>,
}

impl Shared {
    pub(super) fn push(&mut self, digest: u128) {
        self.digests.push(digest);
        self.places.entry(digest).or_insert(0);
    }

    pub(super) fn note(&mut self, digest: u128) {
        if let Some(places) = self.places.get_mut(&digest) {
            *places += 1;
        }
    }

    /// How many of the text stand in the other one.
    pub(super) fn seen(&self) -> u64 {
        self.digests.iter().filter(|digest| self.places[*digest] > 0).count() as u64
    }

    /// Whether that one does.
    pub(super) fn is_seen(&self, number: usize) -> bool {
        self.places[&self.digests[number]] > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stands_for_all_and_does_not_depend_on_order() {
        let lines: Vec<u128> =
            (0..40_000).map(|line| digest(format!("{}", line % 20_000).as_bytes())).collect();
        let distinct = |lines: &mut dyn Iterator<Item = &u128>, most| {
            let mut made = Distinct { most, ..Distinct::default() };
            lines.for_each(|&line| made.add(line));
            made.repeats()
        };
        let exact = distinct(&mut lines.iter(), MOST_KEPT);
        assert_eq!(exact, Repeats { total: 40_000, repeats: 20_000, is_estimate: false });
        let sampled = distinct(&mut lines.iter(), 2_000);
        assert_eq!(sampled, distinct(&mut lines.iter().rev(), 2_000));
        assert!(sampled.is_estimate);
        assert!(sampled.repeats.abs_diff(20_000) < 2_500, "{sampled:?}");
    }

    #[test]
    fn white_space_around_a_line_is_none_of_it() {
        assert_eq!(digest(b" a line\r"), digest(b"a line"));
        assert_ne!(digest(b"a line"), digest(b"A line"));
    }
}
