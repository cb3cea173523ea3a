//! Inner products of rolled atoms: norms of sums without the sums.

use super::bank::Bank;
use super::settings::Position;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::parallel::share_out;

/// A table may have this many entries (8 bytes each).
const MAX_ENTRIES: usize = 1 << 27;

impl Bank {
    /// `table[a][b][window - 1 + d]` is the inner product of atom a with atom b rolled by d, for all
    /// |d| < window, in real units.
    ///
    /// Rolls keep inner products, so that the squared norm of a context is the sum over its pairs of
    /// places i, j of `table[a_i][a_j][window - 1 + j - i]`. Cost: symbols squared times
    /// `2 window - 1` times samples.
    ///
    /// # Errors
    /// [`Error::Argument`] where places are no rolls or the table would be too large;
    /// [`Error::Interrupted`].
    pub fn gram(&self, window: usize, threads: usize, control: &Control) -> Result<Vec<f64>> {
        let symbols = self.settings.num_symbols;
        let shifts = (2 * window).saturating_sub(1);
        if self.settings.position != Position::Roll {
            return Err(Error::Argument(
                "a Gram table is for atoms placed by roll: other places keep no inner products"
                    .to_owned(),
            ));
        }
        if symbols.saturating_mul(symbols).saturating_mul(shifts) > MAX_ENTRIES {
            return Err(Error::Argument(format!(
                "a Gram table of {symbols} x {symbols} x {shifts} entries is more than \
                 {MAX_ENTRIES}: lower the window"
            )));
        }
        let unit = 1.0 / f64::from(1 << self.rows.bits).powi(2);
        let states = vec![Vec::new(); threads.clamp(1, symbols)];
        let found = share_out(states, symbols, |rows: &mut Vec<(usize, Vec<f64>)>, a| {
            control.check()?;
            let mut row = Vec::with_capacity(symbols * shifts);
            for b in 0..symbols {
                for shift in 0..shifts {
                    let (first, second) = if shift + 1 >= window {
                        (self.row(a, 0), self.row(b, shift + 1 - window))
                    } else {
                        (self.row(a, window - 1 - shift), self.row(b, 0))
                    };
                    row.push(product(first, second) as f64 * unit);
                }
            }
            rows.push((a, row));
            Ok(())
        })?;
        let mut rows: Vec<_> = found.into_iter().flatten().collect();
        rows.sort_unstable_by_key(|(a, _)| *a);
        Ok(rows.into_iter().flat_map(|(_, row)| row).collect())
    }
}

/// Exact: atoms have at most 27 bits and rows at most 2^16 samples, so 70 bits would be the most.
fn product(first: &[i32], second: &[i32]) -> i128 {
    let partial = |first: &[i32], second: &[i32]| {
        let terms =
            first.iter().zip(second).map(|(a, b)| i64::from(*a).wrapping_mul(i64::from(*b)));
        terms.fold(0_i64, i64::wrapping_add)
    };
    // 64 products of 27-bit numbers stay below 2^60
    first.chunks(64).zip(second.chunks(64)).map(|(a, b)| i128::from(partial(a, b))).sum()
}
