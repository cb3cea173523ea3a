//! One complex number a symbol that says all a signal of periodic tones can say.

use super::bank::Bank;
use super::sine::{cosine_of_turns, sine_of_turns};
use super::work::{Symbol, check_ids};
use crate::error::{Error, Result};

impl Bank {
    /// Per context and symbol, the sum over its places i of exp(-2 pi j f i / period), as
    /// (real, imaginary) pairs: the signal before the norm is the imaginary part of the sum over
    /// symbols of this times exp(2 pi j f k / period).
    ///
    /// `ids` holds `length` symbols a context, the last at place `window - 1`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless atoms are tones, sampled periodically and placed by roll;
    /// [`Error::UnknownToken`] for an id outside the bank.
    pub fn phasors<I: Symbol>(&self, ids: &[I], length: usize, window: usize) -> Result<Vec<f64>> {
        if !self.has_phasors() {
            return Err(Error::Argument(
                "phasors are for exact tones with periodic sampling, placed by roll: a shift is then \
                 a change of phase; build such a bank"
                    .to_owned(),
            ));
        }
        if length == 0 || length > window || !ids.len().is_multiple_of(length) {
            return Err(Error::Argument(format!(
                "expected contexts of 1 to {window} symbols, found {} ids in contexts of {length}",
                ids.len()
            )));
        }
        check_ids(ids, self.settings.num_symbols)?;
        let (symbols, period) = (self.settings.num_symbols, self.settings.period() as u64);
        let mut phasors = vec![0.0; ids.len() / length * symbols * 2];
        for (context, row) in ids.chunks_exact(length).zip(phasors.chunks_exact_mut(2 * symbols)) {
            for (number, id) in context.iter().enumerate() {
                let place = (window - length + number) as u64;
                let phase = u64::from(self.frequencies[id.index()]) * place % period;
                row[2 * id.index()] += cosine_of_turns(phase, period);
                row[2 * id.index() + 1] -= sine_of_turns(phase, period);
            }
        }
        Ok(phasors)
    }
}
