//! Which frequency each symbol's tone has.

use super::settings::{Atoms, Frequencies, Settings};
use crate::error::{Error, Result};

/// Frequencies below this share of the period turn too little from one place to the next.
const SLOW: usize = 32;

/// The first `count` primes.
pub fn primes(count: usize) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::with_capacity(count);
    let mut candidate = 2_u32;
    while found.len() < count {
        let is_prime = found
            .iter()
            .take_while(|prime| u64::from(**prime).pow(2) <= u64::from(candidate))
            .all(|prime| !candidate.is_multiple_of(*prime));
        if is_prime {
            found.push(candidate);
        }
        candidate += 1;
    }
    found
}

/// Frequencies with the same tone but for its sign: the smaller of the rest and its complement.
pub(super) fn folded(frequency: u32, period: usize) -> usize {
    let rest = frequency as usize % period;
    rest.min(period - rest)
}

/// The first `count` primes of which no two give equal or opposite tones, none of them slow.
///
/// A prime is kept if its folded class is new, coprime to the period and at least a 32nd of it.
///
/// # Errors
/// [`Error::Argument`] when there are not that many classes.
pub fn collision_free_primes(count: usize, period: usize) -> Result<Vec<u32>> {
    let slowest = period.div_ceil(SLOW);
    let classes = (slowest..=period / 2).filter(|class| gcd(*class, period) == 1).count();
    if count > classes {
        return Err(Error::Argument(format!(
            "a period of {period} samples has {classes} prime tones that do not collide; found \
             {count} symbols: {}",
            advice(count, period)
        )));
    }
    let mut kept = Vec::with_capacity(count);
    let mut is_taken = vec![false; period / 2 + 1];
    let mut batch = 4 * count.max(16);
    loop {
        kept.clear();
        is_taken.fill(false);
        for prime in primes(batch) {
            let class = folded(prime, period);
            if class >= slowest && gcd(class, period) == 1 && !is_taken[class] {
                is_taken[class] = true;
                kept.push(prime);
                if kept.len() == count {
                    return Ok(kept);
                }
            }
        }
        // every coprime class holds primes, so that this ends
        batch *= 2;
    }
}

/// What to do about too many symbols.
fn advice(count: usize, period: usize) -> String {
    let enough =
        std::iter::successors(Some(period.next_power_of_two()), |size| size.checked_mul(2)).find(
            |size| (size.div_ceil(SLOW)..=size / 2).filter(|class| class % 2 == 1).count() >= count,
        );
    match enough {
        Some(size) => format!("num_samples={size} with periodic sampling would do"),
        None => "take flat atoms".to_owned(),
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The frequency of every symbol, where atoms are tones.
pub(super) fn choose(settings: &Settings) -> Result<Vec<u32>> {
    let (count, period) = (settings.num_symbols, settings.period());
    match (settings.atoms, settings.frequencies) {
        (Atoms::Comb | Atoms::Flat, _) => Ok(Vec::new()),
        (_, Frequencies::Primes) => Ok(primes(count)),
        (_, Frequencies::FirstCollisionFreePrimes) => collision_free_primes(count, period),
        (_, Frequencies::Spread) => spread(count, period),
    }
}

/// Distinct frequencies over the band from a 32nd of the period to half of it, or below it too.
fn spread(count: usize, period: usize) -> Result<Vec<u32>> {
    let end = period.div_ceil(2);
    if count >= end {
        return Err(Error::Argument(format!(
            "a period of {period} samples has {} distinct tones; found {count} symbols: \
             num_samples={} would do",
            end.saturating_sub(1),
            (2 * count + 2).next_power_of_two()
        )));
    }
    let start = period.div_ceil(SLOW).min(end - count);
    Ok((0..count).map(|rank| (start + rank * (end - start) / count) as u32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_the_primes() {
        assert_eq!(primes(10), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        assert_eq!(primes(97)[96], 509);
        assert_eq!(primes(256)[255], 1619);
        assert!(primes(0).is_empty());
    }

    #[test]
    fn golden_collision_free_primes() {
        for (period, last, most) in [(511, 599, 203), (512, 757, 120)] {
            assert_eq!(collision_free_primes(97, period).unwrap()[96], last);
            assert_eq!(collision_free_primes(most, period).unwrap().len(), most);
            let refused = collision_free_primes(most + 1, period).unwrap_err().to_string();
            assert!(refused.contains("would do"), "{refused}");
        }
        for (period, most) in [(1023, 282), (1024, 240), (2047, 907), (2048, 480)] {
            assert!(collision_free_primes(most, period).is_ok());
            assert!(collision_free_primes(most + 1, period).is_err());
        }
    }

    #[test]
    fn spread_frequencies_are_distinct_and_below_the_half() {
        for (count, period) in [(1, 3), (97, 512), (97, 511), (255, 512), (2, 5)] {
            let found = spread(count, period).unwrap();
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{count} of {period}");
            assert!(found.iter().all(|f| *f > 0 && 2 * (*f as usize) < period));
        }
        assert!(spread(256, 512).unwrap_err().to_string().contains("num_samples=1024"));
    }
}
