//! Near duplicates: documents whose sets of five-word runs are alike, by `MinHash`.
//!
//! Source: Broder 1997 (On the resemblance and containment of documents); bands as in Leskovec, Rajaraman &
//! Ullman, Mining of Massive Datasets, chapter 3. With 16 bands of 8 a pair of likeness 0.7 is found nearly
//! always, one of 0.5 hardly ever.

use std::array;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::units::scramble;

/// Words of a shingle.
pub(super) const SHINGLE: usize = 5;
/// Values of a signature.
const HASHES: usize = 128;
const BANDS: usize = 16;
const ROWS: usize = HASHES / BANDS;

/// The least hash of all shingles under each of 128 orders of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature(Box<[u32; HASHES]>);

impl Default for Signature {
    fn default() -> Self {
        Self(Box::new([u32::MAX; HASHES]))
    }
}

impl Signature {
    /// Take a shingle in, by its hash.
    pub(super) fn add(&mut self, shingle: u64) {
        let (one, other) = (shingle as u32, (shingle >> 32) as u32 | 1);
        for (number, least) in (0_u32..).zip(self.0.iter_mut()) {
            // one order for each multiple of the second half, well stirred
            let mut value = one.wrapping_add(other.wrapping_mul(number)) ^ (number << 24);
            value = (value ^ (value >> 16)).wrapping_mul(0x85eb_ca6b);
            value = (value ^ (value >> 13)).wrapping_mul(0xc2b2_ae35);
            *least = (*least).min(value ^ (value >> 16));
        }
    }

    /// Of two parts of a document, the signature of the whole.
    pub(super) fn join(&mut self, other: &Self) {
        for (own, theirs) in self.0.iter_mut().zip(other.0.iter()) {
            *own = (*own).min(*theirs);
        }
    }

    /// Share of equal values, which estimates shared shingles over all shingles of the two.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        let equal = self.0.iter().zip(other.0.iter()).filter(|(one, two)| one == two).count();
        equal as f64 / HASHES as f64
    }

    /// A key for each band; alike documents share one.
    pub(super) fn bands(&self) -> [u64; BANDS] {
        array::from_fn(|band| {
            let rows = &self.0[band * ROWS..(band + 1) * ROWS];
            rows.iter().fold(scramble(band as u64 + 1), |key, &row| scramble(key ^ u64::from(row)))
        })
    }
}

/// The hash of a run of words, from theirs.
pub(super) fn shingle(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash: u64, &word| scramble(hash.rotate_left(5) ^ word))
}

/// Documents by their signatures, to find the most alike.
#[derive(Default)]
pub(super) struct Nearest {
    signatures: Vec<Option<Signature>>,
    bands: HashMap<u64, Vec<u32>, FixedState>,
    best: Vec<Option<Near>>,
}

/// A pair of near duplicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// the document of the other text; the first of equals
    pub source: u32,
    /// estimated shared shingles over all shingles of the two
    pub likeness: f64,
}

impl Nearest {
    /// The next document; `None` for one without a shingle.
    pub(super) fn push(&mut self, signature: Option<Signature>) {
        let number = self.signatures.len() as u32;
        for band in signature.iter().flat_map(Signature::bands) {
            self.bands.entry(band).or_default().push(number);
        }
        self.signatures.push(signature);
        self.best.push(None);
    }

    /// Compare a document of the other text with those that share a band with it.
    pub(super) fn compare(&mut self, signature: &Signature, source: u32) {
        let mut candidates: Vec<u32> = signature
            .bands()
            .iter()
            .filter_map(|band| self.bands.get(band))
            .flatten()
            .copied()
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        for number in candidates {
            let Some(own) = &self.signatures[number as usize] else { continue };
            let likeness = own.likeness(signature);
            let best = &mut self.best[number as usize];
            if best.is_none_or(|best| {
                likeness > best.likeness || (likeness >= best.likeness && source < best.source)
            }) {
                *best = Some(Near { source, likeness });
            }
        }
    }

    /// For each document the most alike of the other text, if it is at least so alike.
    pub(super) fn pairs(&self, least: f64) -> Vec<Option<Near>> {
        self.best.iter().map(|best| best.filter(|best| best.likeness >= least)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signature(shingles: impl Iterator<Item = u64>) -> Signature {
        let mut made = Signature::default();
        shingles.for_each(|shingle| made.add(scramble(shingle + 1)));
        made
    }

    proptest! {
        #[test]
        fn parts_join_to_the_whole(shingles in prop::collection::vec(any::<u32>(), 0..20), at in 0_usize..20) {
            let at = at.min(shingles.len());
            let all = |part: &[u32]| signature(part.iter().map(|&shingle| u64::from(shingle)));
            let mut joined = all(&shingles[..at]);
            joined.join(&all(&shingles[at..]));
            prop_assert_eq!(joined, all(&shingles));
        }
    }

    #[test]
    fn likeness_estimates_shared_over_all() {
        for (shared, alone) in [(0_u64, 100_u64), (50, 100), (100, 50), (300, 20), (100, 0)] {
            let mean = (0..40)
                .map(|trial| {
                    let start = trial * 1_000;
                    let one = signature(start..start + shared + alone);
                    let other =
                        signature((start..start + shared).chain(start + 500..start + 500 + alone));
                    one.likeness(&other)
                })
                .sum::<f64>()
                / 40.0;
            let exact = shared as f64 / (shared + 2 * alone) as f64;
            // five standard errors of 40 estimates by 128 values
            let error = (exact * (1.0 - exact) / (40.0 * 128.0)).sqrt();
            assert!((mean - exact).abs() <= 5.0 * error + 1e-12, "{mean} {exact} {error}");
        }
    }

    #[test]
    fn copies_are_found_and_strangers_are_not() {
        let mut nearest = Nearest::default();
        nearest.push(Some(signature(0..200)));
        nearest.push(None);
        nearest.push(Some(signature(1_000..1_200)));
        nearest.compare(&signature(10..205), 7);
        nearest.compare(&signature(10..205), 3);
        nearest.compare(&signature(5_000..5_200), 1);
        let pairs = nearest.pairs(0.7);
        assert_eq!(pairs[0].map(|near| near.source), Some(3));
        assert!(pairs[1].is_none() && pairs[2].is_none());
    }
}
