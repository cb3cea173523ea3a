//! What a bank is made of, each choice an enum with its name in Python and TOML.

use crate::error::{Error, Result};

/// The most samples a signal may have.
pub(super) const MAX_SAMPLES: usize = 1 << 16;
/// The most symbols a bank may have.
pub(super) const MAX_SYMBOLS: usize = 1 << 16;

macro_rules! named {
    ($(#[$about:meta])* $name:ident, $what:literal: $($(#[$each:meta])* $variant:ident = $word:literal,)+) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $name {
            /// The choice of that name.
            ///
            /// # Errors
            /// [`Error::Argument`] with all the names.
            pub fn of_name(name: &str) -> Result<Self> {
                match name {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(Error::Argument(format!(
                        "{} must be one of {}; found {name:?}", $what, [$($word),+].join(", ")
                    ))),
                }
            }
        }
    };
}

named! {
    /// What a symbol's row of samples is.
    Atoms, "atoms":
    /// One sine at the symbol's prime frequency.
    PrimeTone = "prime_tone",
    /// One sine each, at distinct frequencies spread over the upper band.
    SpreadTone = "spread_tone",
    /// `tones` sines of random frequency and phase.
    Comb = "comb",
    /// Every frequency at one strength, phases random.
    Flat = "flat",
}

named! {
    /// Where the samples lie.
    Sampling, "sampling":
    /// Both ends of the unit interval: the period is one sample less than the length.
    Inclusive = "inclusive",
    /// The end left out: the period is the length, and a cyclic shift is a change of phase.
    Periodic = "periodic",
}

named! {
    /// Which frequencies tones get, in order of the symbols.
    Frequencies, "frequencies":
    /// 2, 3, 5, 7, ...
    Primes = "primes",
    /// Primes whose tones are neither equal nor opposite to an earlier one's, slow ones left out.
    FirstCollisionFreePrimes = "first_collision_free_primes",
    /// Evenly over the band, none twice.
    Spread = "spread",
}

named! {
    /// How a row says where in the context its symbol stands.
    Position, "position":
    /// Shifted cyclically by its place, the oldest not at all.
    Roll = "roll",
    /// Its samples in another random order at every place.
    Permute = "permute",
    /// Its frequencies turned by random phases of the place.
    Phase = "phase",
}

named! {
    /// What a summed signal is divided by.
    Norm, "norm":
    /// Its Euclidean length.
    L2 = "l2",
    /// Its root mean square.
    Rms = "rms",
    /// Nothing.
    None = "none",
}

named! {
    /// How sines are computed.
    Numerics, "numerics":
    /// Phases reduced in integers, every sample correctly rounded.
    Exact = "exact",
    /// The order of operations of the original, in 32-bit floats.
    ClassicF32 = "classic_f32",
}

/// Everything that decides a bank.
#[derive(Debug, Clone)]
pub struct Settings {
    /// how many symbols have an atom
    pub num_symbols: usize,
    /// samples of a signal
    pub num_samples: usize,
    /// what an atom is
    pub atoms: Atoms,
    /// sines in an atom of [`Atoms::Comb`]
    pub tones: usize,
    /// where samples lie
    pub sampling: Sampling,
    /// the frequencies of tones
    pub frequencies: Frequencies,
    /// how place is encoded
    pub position: Position,
    /// what sums are divided by
    pub norm: Norm,
    /// how sines are computed
    pub numerics: Numerics,
    /// places of the longest context; integer sums are scaled so that it cannot overflow
    pub max_window: usize,
    /// of everything that is random
    pub seed: u64,
    /// the sampling times of [`Numerics::ClassicF32`], where they are not to be computed
    pub times: Option<Vec<f32>>,
}

impl Settings {
    /// The original's: prime tones sampled with both ends, shifted, divided by their length.
    pub fn classic(num_symbols: usize, num_samples: usize) -> Self {
        Self {
            num_symbols,
            num_samples,
            atoms: Atoms::PrimeTone,
            tones: 16,
            sampling: Sampling::Inclusive,
            frequencies: Frequencies::Primes,
            position: Position::Roll,
            norm: Norm::L2,
            numerics: Numerics::Exact,
            max_window: 255,
            seed: 0,
            times: None,
        }
    }

    /// Samples after which every sine is where it began.
    pub fn period(&self) -> usize {
        match self.sampling {
            Sampling::Inclusive => self.num_samples.saturating_sub(1).max(1),
            Sampling::Periodic => self.num_samples,
        }
    }

    /// Whether an atom is a single sine.
    pub(super) fn is_tone(&self) -> bool {
        matches!(self.atoms, Atoms::PrimeTone | Atoms::SpreadTone)
    }

    pub(super) fn check(&self) -> Result<()> {
        let within = |what: &str, found: usize, most: usize| {
            if (1..=most).contains(&found) {
                Ok(())
            } else {
                Err(Error::Argument(format!("{what} must be between 1 and {most}; found {found}")))
            }
        };
        within("num_symbols", self.num_symbols, MAX_SYMBOLS)?;
        within("num_samples", self.num_samples, MAX_SAMPLES)?;
        within("max_window", self.max_window, 1 << 20)?;
        if self.atoms == Atoms::Comb {
            within("tones", self.tones, self.period().div_ceil(2).saturating_sub(1))?;
        }
        if self.atoms == Atoms::Flat && self.period() < 3 {
            return Err(Error::Argument(format!(
                "flat atoms need at least one frequency between 0 and half the period, so 3 samples \
                 or more; found num_samples {}",
                self.num_samples
            )));
        }
        let own = match self.atoms {
            Atoms::SpreadTone => self.frequencies == Frequencies::Spread,
            Atoms::PrimeTone => self.frequencies != Frequencies::Spread,
            Atoms::Comb | Atoms::Flat => true,
        };
        if !own {
            return Err(Error::Argument(format!(
                "prime_tone goes with primes or first_collision_free_primes, spread_tone with \
                 spread; found {:?} with {:?}: change atoms or frequencies",
                self.atoms, self.frequencies
            )));
        }
        if self.numerics == Numerics::ClassicF32
            && !(self.is_tone()
                && self.sampling == Sampling::Inclusive
                && self.position == Position::Roll)
        {
            return Err(Error::Argument(
                "numerics classic_f32 is for tones sampled inclusively and placed by roll; choose \
                 numerics exact for anything else"
                    .to_owned(),
            ));
        }
        if let Some(times) = &self.times
            && (self.numerics != Numerics::ClassicF32 || times.len() != self.num_samples)
        {
            return Err(Error::Argument(format!(
                "times are one number a sample ({}) and go with numerics classic_f32; found {} times",
                self.num_samples,
                times.len()
            )));
        }
        Ok(())
    }
}
