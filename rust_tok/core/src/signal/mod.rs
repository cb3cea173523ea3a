//! Sine signals: characters as rows of samples, a context as the sum of its shifted rows, normalised.
//!
//! A [`Bank`] holds one row (an *atom*) per symbol as 32-bit integers. Sums of integers are the same
//! in any order, so that a sliding window, a direct sum, any chunking, any instruction set and any
//! number of threads give the same bits.

#![allow(
    clippy::cast_precision_loss,
    reason = "frequencies, lengths and energies become floats, of which 52 bits are plenty"
)]

mod advance;
mod aligned;
mod atoms;
mod bank;
mod collisions;
mod frequencies;
mod gram;
mod lanes;
mod output;
mod phasors;
mod settings;
mod sine;
mod spectrum;
mod work;

pub use bank::Bank;
pub use collisions::{Collision, Relation};
pub use frequencies::{collision_free_primes, primes};
pub use lanes::Path;
pub use output::{Bf16, F16, F32, Format};
pub use settings::{Atoms, Frequencies, Norm, Numerics, Position, Sampling, Settings};
pub use work::Symbol;
