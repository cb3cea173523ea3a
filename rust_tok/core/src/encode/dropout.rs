//! Random segmentations of one text: BPE-dropout (Provilkov, Emelianenko and Voita, 2020).

use crate::error::{Error, Result};
use crate::random::{SplitMix, mixed};

/// Leaves out merges at random; equal for equal seeds, documents and pieces, however the work is shared
/// out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    probability: f64,
    seed: u64,
}

impl Dropout {
    /// In each step of merging a piece, every pair that could merge is left out with `probability`.
    /// `None` where nothing would be.
    ///
    /// # Errors
    /// [`Error::Argument`] for a probability outside 0 to 1.
    pub fn new(probability: f64, seed: u64) -> Result<Option<Self>> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::Argument(format!(
                "dropout must be a probability between 0 and 1; found {probability}"
            )));
        }
        Ok((probability > 0.0).then_some(Self { probability, seed }))
    }

    /// The draws of the piece that begins at byte `at` of a document.
    pub(crate) fn draws(self, document: usize, at: usize) -> Draws {
        let state =
            mixed(mixed(mixed(self.seed).wrapping_add(document as u64)).wrapping_add(at as u64));
        Draws { source: SplitMix::from_state(state), probability: self.probability }
    }
}

/// What is drawn for one piece, one number after the other.
#[derive(Debug)]
pub(crate) struct Draws {
    source: SplitMix,
    probability: f64,
}

impl Draws {
    /// Whether the next pair is left out.
    pub(crate) fn drops(&mut self) -> bool {
        let number = f64::from((self.source.draw() >> 32) as u32) / 4_294_967_296.0;
        number < self.probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_between_none_and_all() {
        assert_eq!(Dropout::new(0.0, 7).unwrap(), None);
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = Dropout::new(wrong, 7).unwrap_err().to_string();
            assert!(error.contains("between 0 and 1"), "{error}");
        }
        let mut all = Dropout::new(1.0, 7).unwrap().unwrap().draws(0, 0);
        assert!((0..1000).all(|_| all.drops()));
    }

    #[test]
    fn draws_differ_by_seed_document_and_piece_and_are_as_many_as_asked() {
        let of = |seed, document, at| {
            let mut draws = Dropout::new(0.3, seed).unwrap().unwrap().draws(document, at);
            (0..64).fold(0_u64, |bits, _| bits << 1 | u64::from(draws.drops()))
        };
        assert_eq!(of(1, 2, 3), of(1, 2, 3));
        let keys =
            (0..4).flat_map(|seed| (0..4).flat_map(move |d| (0..4).map(move |at| (seed, d, at))));
        let mut all: Vec<u64> = keys.map(|(seed, document, at)| of(seed, document, at)).collect();
        let dropped: u32 = all.iter().map(|bits| bits.count_ones()).sum();
        // 4096 draws: 0.3 of them within five standard deviations
        assert!((1082..1376).contains(&dropped), "{dropped}");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 64);
    }
}
