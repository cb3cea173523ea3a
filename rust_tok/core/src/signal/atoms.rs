//! The rows of a bank: samples of every symbol, and of every symbol at every place where needed.

use super::aligned::{AlignedRows, padded};
use super::settings::{Atoms, Numerics, Position, Settings};
use super::sine::sine;
use super::spectrum::{Line, Synthesis, TURN};
use crate::error::{Error, Result};
use crate::random::{STEP, mixed};

/// Sums of `max_window` rows stay below this.
const LARGEST_SUM: f64 = (1_u64 << 31) as f64 - 2.0 * (1 << 20) as f64;
/// Unit sines are scaled by 2 to the power of this where the window allows.
const USUAL_BITS: i32 = 23;
/// With fewer the rounding would be heard.
const COARSEST_BITS: i32 = 8;
/// A table of rows by place may have this many samples (4 bytes each).
const MAX_PLACED: usize = 1 << 28;

/// Rows as integers: a real sample is an integer times 2 to the power of `-bits`.
pub(super) struct Rows {
    /// every atom at place 0, `num_samples` each, in real units
    pub(super) reals: Vec<f64>,
    /// roll: every atom twice and one sample more; other positions: symbol by symbol, place by place
    pub(super) integers: AlignedRows,
    pub(super) bits: i32,
}

pub(super) fn build(settings: &Settings, frequencies: &[u32]) -> Result<Rows> {
    if settings.numerics == Numerics::ClassicF32 {
        return quantise_doubled(settings, classic(settings, frequencies));
    }
    let synthesis = Synthesis::new(settings.period());
    let spectra: Vec<Vec<Line>> =
        (0..settings.num_symbols).map(|symbol| spectrum(settings, frequencies, symbol)).collect();
    let extended = |lines: &[Line]| {
        let period = synthesis.samples(lines);
        period.into_iter().cycle().take(settings.num_samples).collect::<Vec<f64>>()
    };
    match settings.position {
        Position::Roll => {
            let reals = spectra.iter().flat_map(|lines| extended(lines)).collect();
            quantise_doubled(settings, reals)
        }
        Position::Permute | Position::Phase => {
            let placed = settings.num_symbols * settings.max_window * padded(settings.num_samples);
            if placed > MAX_PLACED {
                return Err(Error::Argument(format!(
                    "permute and phase keep a row for every symbol at every place: {} x {} x {} \
                     samples are more than {MAX_PLACED}; lower max_window or num_samples",
                    settings.num_symbols, settings.max_window, settings.num_samples
                )));
            }
            let mut all = Vec::with_capacity(placed);
            for lines in &spectra {
                if settings.position == Position::Permute {
                    let row = extended(lines);
                    for place in 0..settings.max_window {
                        all.extend(permutation(settings, place).into_iter().map(|from| row[from]));
                    }
                } else {
                    for place in 0..settings.max_window {
                        let turned: Vec<Line> = lines
                            .iter()
                            .map(|line| {
                                line.turned(random(settings.seed, 2, place, line.bin) % TURN)
                            })
                            .collect();
                        all.extend(extended(&turned));
                    }
                }
            }
            quantise_placed(settings, &all)
        }
    }
}

/// The lines of one symbol at place 0. Every atom has the energy of a unit sine.
fn spectrum(settings: &Settings, frequencies: &[u32], symbol: usize) -> Vec<Line> {
    let period = settings.period();
    let phase = |bin: usize| random(settings.seed, 1, symbol, bin) % TURN;
    let noisy = |bins: Vec<usize>| {
        let strength = 1.0 / (bins.len() as f64).sqrt();
        bins.into_iter()
            .map(|bin| Line { bin, sine: strength, cosine: 0.0 }.turned(phase(bin)))
            .collect()
    };
    let end = period.div_ceil(2);
    match settings.atoms {
        Atoms::PrimeTone | Atoms::SpreadTone => {
            vec![Line { bin: frequencies[symbol] as usize % period, sine: 1.0, cosine: 0.0 }]
        }
        Atoms::Flat => noisy((1..end).collect()),
        Atoms::Comb => {
            let mut bins: Vec<usize> = (1..end).collect();
            bins.sort_unstable_by_key(|bin| (random(settings.seed, 3, symbol, *bin), *bin));
            bins.truncate(settings.tones);
            noisy(bins)
        }
    }
}

/// The original's table: float times, float products, the sine of those.
fn classic(settings: &Settings, frequencies: &[u32]) -> Vec<f64> {
    let times = settings.times.clone().unwrap_or_else(|| linspace(settings.num_samples));
    let of_symbol = |frequency: &u32| {
        let rate = std::f32::consts::TAU * *frequency as f32;
        let row = times.iter().map(move |time| f64::from(sine(f64::from(rate * time)) as f32));
        row.collect::<Vec<_>>()
    };
    frequencies.iter().flat_map(of_symbol).collect()
}

/// 0 to 1 in `count` steps as torch's CPU kernel has them: fused, from the nearer end.
fn linspace(count: usize) -> Vec<f32> {
    let last = count.saturating_sub(1);
    let step = 1.0 / last.max(1) as f32;
    let time = |k: usize| {
        if k < count / 2 || count == 1 {
            step * k as f32
        } else {
            (-step).mul_add((last - k) as f32, 1.0)
        }
    };
    (0..count).map(time).collect()
}

/// Sample `k` of the result is sample `permutation[k]` of the atom; place 0 leaves all as it is.
fn permutation(settings: &Settings, place: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..settings.num_samples).collect();
    if place > 0 {
        order.sort_unstable_by_key(|sample| (random(settings.seed, 4, place, *sample), *sample));
    }
    order
}

/// Rolled by `place`, an atom begins at sample `num_samples - place` of its row; rolled by -1 at
/// `num_samples + 1`, which a stream reads at every step: there lies the start of a vector.
fn quantise_doubled(settings: &Settings, reals: Vec<f64>) -> Result<Rows> {
    let bits = scale_bits(settings, &reals)?;
    let length = settings.num_samples;
    let mut integers = AlignedRows::new(settings.num_symbols, 2 * length + 1, length + 1);
    for (symbol, row) in reals.chunks(length).enumerate() {
        for (integer, value) in integers.row_mut(symbol).iter_mut().zip(row.iter().cycle()) {
            *integer = quantised(*value, bits);
        }
    }
    Ok(Rows { reals, integers, bits })
}

fn quantise_placed(settings: &Settings, all: &[f64]) -> Result<Rows> {
    let bits = scale_bits(settings, all)?;
    let length = settings.num_samples;
    let mut integers = AlignedRows::new(all.len() / length, length, 0);
    for (number, row) in all.chunks(length).enumerate() {
        for (integer, value) in integers.row_mut(number).iter_mut().zip(row) {
            *integer = quantised(*value, bits);
        }
    }
    let stride = settings.max_window * length;
    let reals = all.chunks(stride).flat_map(|rows| &rows[..length]).copied().collect();
    Ok(Rows { reals, integers, bits })
}

fn quantised(value: f64, bits: i32) -> i32 {
    (value * f64::from(1 << bits)).round_ties_even() as i32
}

/// The most bits after the point with which no sum of `max_window` rows overflows.
fn scale_bits(settings: &Settings, values: &[f64]) -> Result<i32> {
    let peak = values.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
    let largest = peak * settings.max_window as f64;
    let fits = |bits: &i32| largest * f64::from(1 << *bits) < LARGEST_SUM;
    (COARSEST_BITS..=USUAL_BITS).rev().find(fits).ok_or_else(|| {
        Error::Argument(format!(
            "integer sums of {} rows would be too coarse; lower max_window",
            settings.max_window
        ))
    })
}

/// 64 random bits of a purpose, a row and a column: splitmix64 over the three.
fn random(seed: u64, purpose: u64, row: usize, column: usize) -> u64 {
    let mixed = mix(seed.wrapping_add(mix(purpose)));
    mix(mixed.wrapping_add(mix(row as u64).rotate_left(17)).wrapping_add(mix(!(column as u64))))
}

/// The first number after this state.
fn mix(value: u64) -> u64 {
    mixed(value.wrapping_add(STEP))
}
