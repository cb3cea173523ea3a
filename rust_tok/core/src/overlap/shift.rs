//! How far one text's words and characters are from another's.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

use super::units::word_hash;

/// Words that are named in a report.
const NAMED: usize = 20;

/// The different words of a text, numbered as they come.
#[derive(Default)]
pub(super) struct Lexicon {
    letters: Vec<u8>,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl Lexicon {
    fn word(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.letters[start..self.ends[number]]
    }

    /// The number of a word, given its hash.
    pub(super) fn number(&self, letters: &[u8], hash: u64) -> Option<u32> {
        self.numbers.find(hash, |&number| self.word(number) == letters).copied()
    }

    /// The number of a word, a new one if need be.
    pub(super) fn add(&mut self, letters: &[u8], hash: u64) -> u32 {
        if let Some(number) = self.number(letters, hash) {
            return number;
        }
        let number = self.ends.len() as u32;
        self.letters.extend_from_slice(letters);
        self.ends.push(self.letters.len());
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.insert_unique(hash, number, |&other| word_hash(self.word(other)));
        self.numbers = numbers;
        number
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// How often each unit occurs, by its number; those without a number together.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    counts: Vec<u64>,
    others: u64,
}

impl Tally {
    pub(super) fn of(different: usize) -> Self {
        Self { counts: vec![0; different], others: 0 }
    }

    pub(super) fn add(&mut self, number: Option<u32>) {
        match number.and_then(|number| self.counts.get_mut(number as usize)) {
            Some(count) => *count += 1,
            None => self.others += 1,
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (own, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *own += theirs;
        }
        self.others += other.others;
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.others
    }
}

/// The different characters of a text, numbered as they come.
#[derive(Default)]
pub(super) struct Alphabet {
    numbers: HashMap<u32, u32, FixedState>,
    units: Vec<u32>,
}

impl Alphabet {
    pub(super) fn number(&self, unit: u32) -> Option<u32> {
        self.numbers.get(&unit).copied()
    }

    pub(super) fn add(&mut self, unit: u32) -> u32 {
        let units = &mut self.units;
        *self.numbers.entry(unit).or_insert_with(|| {
            units.push(unit);
            (units.len() - 1) as u32
        })
    }

    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    pub(super) fn name(&self, number: usize) -> String {
        char::from_u32(self.units[number])
            .map_or_else(|| "a byte that is no text".to_owned(), String::from)
    }
}

impl Lexicon {
    pub(super) fn name(&self, number: usize) -> String {
        String::from_utf8_lossy(self.word(number as u32)).into_owned()
    }
}

/// How far the words, or the characters, of a text are from those of the training text.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// all of the text
    pub total: u64,
    /// different ones
    pub different: u64,
    /// of `total`, those that the training text does not have
    pub unseen: u64,
    /// of `different`, those that the training text does not have
    pub unseen_different: u64,
    /// Jensen-Shannon divergence of the two distributions in bits, 0 to 1
    pub divergence: f64,
    /// the most frequent ones that the training text does not have, with their counts
    pub most_unseen: Vec<(String, u64)>,
}

impl Spread {
    /// Compare the tally of a text with that of the training text, numbered alike.
    pub(super) fn of(own: &Tally, training: &Tally, name: impl Fn(usize) -> String) -> Self {
        let (total, known) = (own.total(), training.total());
        let mut divergence = training.others as f64 / known.max(1) as f64 / 2.0;
        let mut missing = Vec::new();
        for (number, (&count, &theirs)) in own.counts.iter().zip(&training.counts).enumerate() {
            let p = count as f64 / total.max(1) as f64;
            let q = theirs as f64 / known.max(1) as f64;
            for share in [p, q] {
                if share > 0.0 {
                    divergence += share / 2.0 * (2.0 * share / (p + q)).log2();
                }
            }
            if theirs == 0 {
                missing.push((number, count));
            }
        }
        let unseen = missing.iter().map(|&(_, count)| count).sum();
        let unseen_different = missing.len() as u64;
        missing.sort_by_key(|&(number, count)| (std::cmp::Reverse(count), number));
        let most_unseen = missing.iter().take(NAMED);
        Self {
            total,
            different: own.counts.len() as u64,
            unseen,
            unseen_different,
            divergence,
            most_unseen: most_unseen.map(|&(number, count)| (name(number), count)).collect(),
        }
    }
}
