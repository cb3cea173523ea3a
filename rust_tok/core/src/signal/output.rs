//! What signals are written as: 32-bit floats, or one of the two 16-bit kinds as their bits.

#![expect(clippy::inline_always, reason = "compiled within the loop of each instruction set")]

/// A format of samples in a caller's buffer.
pub trait Format: Copy + Send + Sync + 'static {
    /// One sample as it lies in memory.
    type Word: Copy + Send + Default + PartialEq + std::fmt::Debug;

    /// The nearest word, ties to even.
    fn word(value: f32) -> Self::Word;
}

/// IEEE single precision.
#[derive(Debug, Clone, Copy)]
pub struct F32;
/// IEEE half precision, as bits.
#[derive(Debug, Clone, Copy)]
pub struct F16;
/// bfloat16, as bits.
#[derive(Debug, Clone, Copy)]
pub struct Bf16;

impl Format for F32 {
    type Word = f32;

    #[inline(always)]
    fn word(value: f32) -> f32 {
        value
    }
}

impl Format for Bf16 {
    type Word = u16;

    /// Values are finite, so that no rounding can make a number of what is none.
    #[inline(always)]
    fn word(value: f32) -> u16 {
        let bits = value.to_bits();
        (bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
    }
}

impl Format for F16 {
    type Word = u16;

    /// Without branches, so that a loop over it becomes vector instructions.
    #[inline(always)]
    fn word(value: f32) -> u16 {
        /// 2^-1: adding it aligns the last bit of a small number with that of a half's subnormals.
        const ALIGN: f32 = 0.5;
        let bits = value.to_bits();
        let sign = (bits >> 16) & 0x8000;
        let size = bits & 0x7FFF_FFFF;
        let small = (f32::from_bits(size) + ALIGN).to_bits().wrapping_sub(ALIGN.to_bits());
        let odd = (size >> 13) & 1;
        let normal = size.wrapping_sub(112 << 23).wrapping_add(0xFFF + odd) >> 13;
        let rounded = if size < 113 << 23 { small } else { normal };
        // from halfway between the largest half and the next power of two on: infinite
        let word = if size >= 0x477F_F000 { 0x7C00 } else { rounded };
        (sign | word) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_value(word: u16) -> f64 {
        let sign = if word >> 15 == 1 { -1.0 } else { 1.0 };
        let (exponent, mantissa) = (i32::from(word >> 10 & 31), f64::from(word & 1023));
        sign * match exponent {
            0 => mantissa * 2_f64.powi(-24),
            31 => f64::INFINITY,
            _ => (1024.0 + mantissa) * 2_f64.powi(exponent - 25),
        }
    }

    /// The nearest half by search: halves are ordered as their bits are.
    fn nearest_half(value: f32) -> u16 {
        let size = f64::from(value.abs());
        let above =
            (0..0x7C00_u16).collect::<Vec<_>>().partition_point(|w| half_value(*w) < size) as u16;
        let below = above.saturating_sub(1);
        // beyond the largest, rounding behaves as if there were one more step
        let high = if above == 0x7C00 { 65_536.0 } else { half_value(above) };
        let (up, down) = (high - size, size - half_value(below));
        let word = if up < down || (up <= down && above.is_multiple_of(2)) { above } else { below };
        word | if value.is_sign_negative() { 0x8000 } else { 0 }
    }

    #[test]
    fn halves_are_the_nearest() {
        let mut bits = 0x1234_5678_u32;
        let mut values = vec![
            0.0, -0.0, 1.0, 65_504.0, 65_519.9, 65_520.0, 1e9, 6.1e-5, 5.96e-8, 2.98e-8, 2.99e-8,
        ];
        for _ in 0..500 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // exponents from 2^-27 to 2^17
            let exponent = 100 + (bits >> 9) % 45;
            values.push(f32::from_bits((bits & 0x807F_FFFF) | (exponent << 23)));
        }
        for word in (0..0x7C00_u16).step_by(97) {
            values.push(half_value(word) as f32);
            values.push(f64::midpoint(half_value(word), half_value(word + 1)) as f32);
        }
        for value in values.into_iter().filter(|value| value.abs() < 65_536.0) {
            assert_eq!(F16::word(value), nearest_half(value), "{value:e}");
        }
        assert_eq!(F16::word(1e9), 0x7C00);
    }

    #[test]
    fn bfloats_are_the_nearest() {
        for (value, word) in [
            (1.0_f32, 0x3F80_u16),
            (-2.0, 0xC000),
            (0.0, 0),
            (1.003_906_2, 0x3F80),
            (1.011_718_8, 0x3F82),
        ] {
            assert_eq!(Bf16::word(value), word, "{value}");
        }
    }
}
