//! The sine of a fraction of a turn, the same bits on every machine.
//!
//! The system's own `sin` differs between platforms; this one is additions and products alone.

use std::f64::consts::FRAC_PI_2;

/// Numerators and denominators of a phase stay below this, so that four times one fits.
pub(super) const MAX_DENOMINATOR: u64 = 1 << 53;

/// sin(2 pi numerator / denominator), at most 2 units in the last place off.
///
/// Exactly odd: a fraction and its complement to a whole turn give opposite numbers.
pub(super) fn sine_of_turns(numerator: u64, denominator: u64) -> f64 {
    debug_assert!((1..=MAX_DENOMINATOR).contains(&denominator));
    let fourfold = 4 * (numerator % denominator);
    let (quarter, rest) = (fourfold / denominator, fourfold % denominator);
    // rising quarters run from 0 to 1, falling ones back
    let rising = if quarter % 2 == 0 { rest } else { denominator - rest };
    let size = rising_quarter(rising, denominator);
    // not -size: no negative zeros
    if quarter < 2 { size } else { 0.0 - size }
}

/// cos(2 pi numerator / denominator).
pub(super) fn cosine_of_turns(numerator: u64, denominator: u64) -> f64 {
    // a quarter turn ahead, in quarters of the unit so that it stays exact
    sine_of_turns(4 * (numerator % denominator) + denominator, 4 * denominator)
}

/// sin(pi / 2 * part / whole) for a part up to the whole.
fn rising_quarter(part: u64, whole: u64) -> f64 {
    let angle = |part: u64| part as f64 / whole as f64 * FRAC_PI_2;
    if 2 * part <= whole { small_sine(angle(part)) } else { small_cosine(angle(whole - part)) }
}

/// The sine of an argument in radians of any size that a classic phase has (below 1e6).
pub(super) fn sine(radians: f64) -> f64 {
    // pi / 2 in two parts: the first has 33 significant bits, so that its multiples are exact
    const HIGH: f64 = 1.570_796_326_734_125_6;
    const LOW: f64 = 6.077_100_506_506_192e-11;
    let quarters = (radians / FRAC_PI_2).round();
    let rest = (radians - quarters * HIGH) - quarters * LOW;
    match (quarters as i64).rem_euclid(4) {
        0 => small_sine(rest),
        1 => small_cosine(rest),
        2 => -small_sine(rest),
        _ => -small_cosine(rest),
    }
}

/// Taylor series, below 1e-19 off for arguments up to pi / 4.
fn small_sine(x: f64) -> f64 {
    let square = x * x;
    let mut sum = 0.0;
    for odd in (3..=17).rev().step_by(2) {
        sum = (1.0 - sum) * square / f64::from(odd * (odd - 1));
    }
    x - x * sum
}

fn small_cosine(x: f64) -> f64 {
    let square = x * x;
    let mut sum = 0.0;
    for even in (2..=18).rev().step_by(2) {
        sum = (1.0 - sum) * square / f64::from(even * (even - 1));
    }
    1.0 - sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_systems_sine() {
        for denominator in [1, 2, 3, 4, 5, 8, 511, 512, 1023, 4096, 65_535] {
            for numerator in 0..denominator {
                let angle = numerator as f64 / denominator as f64 * std::f64::consts::TAU;
                let sine = sine_of_turns(numerator, denominator);
                let cosine = cosine_of_turns(numerator, denominator);
                assert!((sine - angle.sin()).abs() < 2e-15, "{numerator} / {denominator}");
                assert!((cosine - angle.cos()).abs() < 2e-15, "{numerator} / {denominator}");
            }
        }
        for step in 0..20_000 {
            let radians = f64::from(step) * 0.777;
            assert!((sine(radians) - radians.sin()).abs() < 1e-11 * radians.max(1.0));
        }
    }

    #[test]
    fn is_exactly_odd_and_exact_at_quarters() {
        for denominator in [3_u64, 511, 512, 1000] {
            for numerator in 1..denominator {
                let mirrored = sine_of_turns(denominator - numerator, denominator);
                assert_eq!(
                    sine_of_turns(numerator, denominator).to_bits(),
                    (-mirrored + 0.0).to_bits()
                );
            }
        }
        assert_eq!(sine_of_turns(1, 4).to_bits(), (1.0_f64).to_bits());
        assert_eq!(sine_of_turns(1, 2).to_bits(), (0.0_f64).to_bits());
        assert_eq!(sine_of_turns(3, 4).to_bits(), (-1.0_f64).to_bits());
    }
}
