//! How the n-grams of two texts are spread, and how many are different.

use super::ngrams::{NONE, Table};
use super::{Sentences, checked_order, require};
use crate::control::Control;
use crate::{Error, Result};

/// Jensen-Shannon divergences in bits, 0 to 1, between the n-grams of two texts, for orders 1 to `order`.
///
/// Over the union of what both have, without smoothing, as Gulrajani et al. 2017 (arXiv 1704.00028) count it.
///
/// # Errors
/// [`Error::Argument`] for a text without an n-gram of some order, or an order outside 1 to 16;
/// [`Error::Interrupted`].
pub fn divergence(
    left: &Sentences,
    right: &Sentences,
    order: usize,
    control: &Control,
) -> Result<Vec<f64>> {
    require(left, 1, "samples")?;
    require(right, 1, "references")?;
    let (mut left_shorter, mut right_shorter) = (None, None);
    (1..=checked_order(order)?)
        .map(|level| {
            let mut table = Table::default();
            let left_numbers = table.extend(left, left_shorter.as_deref(), control)?;
            let right_numbers = table.extend(right, right_shorter.as_deref(), control)?;
            let left_shares = shares(&left_numbers, table.len(), "samples", level)?;
            let right_shares = shares(&right_numbers, table.len(), "references", level)?;
            (left_shorter, right_shorter) = (Some(left_numbers), Some(right_numbers));
            let part = |share: f64, mean: f64| {
                if share > 0.0 { share * (share / mean).log2() } else { 0.0 }
            };
            let sum: f64 = left_shares
                .iter()
                .zip(&right_shares)
                .map(|(&p, &q)| part(p, f64::midpoint(p, q)) + part(q, f64::midpoint(p, q)))
                .sum();
            Ok((sum / 2.0).clamp(0.0, 1.0))
        })
        .collect()
}

/// Different n-grams over all n-grams, for orders 1 to `order`; 0 where there are none.
///
/// Li et al. 2016 (arXiv 1510.03055).
///
/// # Errors
/// [`Error::Argument`] for no samples, or an order outside 1 to 16; [`Error::Interrupted`].
pub fn distinct(samples: &Sentences, order: usize, control: &Control) -> Result<Vec<f64>> {
    require(samples, 1, "samples")?;
    let mut shorter = None;
    let shares = (1..=checked_order(order)?).map(|_| {
        let mut table = Table::default();
        let numbers = table.extend(samples, shorter.as_deref(), control)?;
        let total = numbers.iter().filter(|&&number| number != NONE).count();
        shorter = Some(numbers);
        Ok(table.len() as f64 / total.max(1) as f64)
    });
    shares.collect()
}

fn shares(numbers: &[u32], num_ngrams: usize, name: &str, level: usize) -> Result<Vec<f64>> {
    let mut counts = vec![0_u64; num_ngrams];
    let mut total = 0_u64;
    for &number in numbers {
        if let Some(count) = counts.get_mut(number as usize) {
            *count += 1;
            total += 1;
        }
    }
    if total == 0 {
        return Err(Error::Argument(format!(
            "{name}: expected sentences of at least {level} tokens, found none so long: ask for a lower n"
        )));
    }
    Ok(counts.iter().map(|&count| count as f64 / total as f64).collect())
}
