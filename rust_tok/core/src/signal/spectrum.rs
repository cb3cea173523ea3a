//! From lines of a spectrum to samples, in 64-bit floats with an order of operations that is fixed.

use super::sine::{cosine_of_turns, sine_of_turns};

/// One frequency of an atom: `sine * sin(2 pi bin k / period) + cosine * cos(...)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) bin: usize,
    pub(super) sine: f64,
    pub(super) cosine: f64,
}

impl Line {
    /// The line with its phase moved ahead by `turns` / 2^53 of a turn.
    pub(super) fn turned(self, turns: u64) -> Self {
        let (sine, cosine) = (sine_of_turns(turns, TURN), cosine_of_turns(turns, TURN));
        Self {
            bin: self.bin,
            sine: self.sine * cosine - self.cosine * sine,
            cosine: self.sine * sine + self.cosine * cosine,
        }
    }
}

/// Random phases are fractions of this; four times it still fits where cosines are taken.
pub(super) const TURN: u64 = 1 << 51;

/// Sums lines over one period.
pub(super) struct Synthesis {
    sines: Vec<f64>,
    cosines: Vec<f64>,
}

impl Synthesis {
    pub(super) fn new(period: usize) -> Self {
        let of = |wave: fn(u64, u64) -> f64| {
            (0..period as u64).map(|sample| wave(sample, period as u64)).collect()
        };
        Self { sines: of(sine_of_turns), cosines: of(cosine_of_turns) }
    }

    /// The samples of one period.
    pub(super) fn samples(&self, lines: &[Line]) -> Vec<f64> {
        let period = self.sines.len();
        if period.is_power_of_two() && period > 1 && lines.len() > 4 * period.ilog2() as usize {
            self.transformed(lines)
        } else {
            self.summed(lines)
        }
    }

    fn summed(&self, lines: &[Line]) -> Vec<f64> {
        let period = self.sines.len();
        let mut samples = vec![0.0; period];
        for line in lines {
            let mut phase = 0;
            for sample in &mut samples {
                *sample += line.sine * self.sines[phase] + line.cosine * self.cosines[phase];
                phase += line.bin;
                if phase >= period {
                    phase -= period;
                }
            }
        }
        samples
    }

    /// The real part of an inverse transform of (cosine - i sine), radix 2, in place.
    fn transformed(&self, lines: &[Line]) -> Vec<f64> {
        let period = self.sines.len();
        let (mut real, mut imaginary) = (vec![0.0; period], vec![0.0; period]);
        let bits = period.trailing_zeros();
        for line in lines {
            let place = line.bin.reverse_bits() >> (usize::BITS - bits);
            real[place] += line.cosine;
            imaginary[place] -= line.sine;
        }
        let mut half = 1;
        while half < period {
            for start in (0..period).step_by(2 * half) {
                for offset in 0..half {
                    let turn = offset * (period / (2 * half));
                    let (cosine, sine) = (self.cosines[turn], self.sines[turn]);
                    let (low, high) = (start + offset, start + offset + half);
                    let moved_real = real[high] * cosine - imaginary[high] * sine;
                    let moved_imaginary = real[high] * sine + imaginary[high] * cosine;
                    (real[high], imaginary[high]) =
                        (real[low] - moved_real, imaginary[low] - moved_imaginary);
                    real[low] += moved_real;
                    imaginary[low] += moved_imaginary;
                }
            }
            half *= 2;
        }
        real
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_equals_the_sum() {
        for period in [8, 64, 512] {
            let synthesis = Synthesis::new(period);
            let lines: Vec<_> = (1..period / 2)
                .map(|bin| {
                    Line { bin, sine: 1.0, cosine: 0.0 }.turned(bin as u64 * 0x1234_5678_9abc)
                })
                .collect();
            let (fast, slow) = (synthesis.transformed(&lines), synthesis.summed(&lines));
            for (one, other) in fast.iter().zip(&slow) {
                assert!((one - other).abs() < 1e-11 * period as f64, "{period}");
            }
        }
    }

    #[test]
    fn turning_moves_the_phase() {
        let line = Line { bin: 1, sine: 1.0, cosine: 0.0 }.turned(TURN / 4);
        assert!((line.sine).abs() < 1e-15 && (line.cosine - 1.0).abs() < 1e-15);
    }
}
