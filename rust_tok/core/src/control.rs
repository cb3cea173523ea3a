//! How a long call is watched and stopped from outside: plain atomics, no callbacks on worker threads.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

use crate::error::{Error, Result};

/// What a long call is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Splitting text and counting its pieces, in bytes.
    Count = 0,
    /// Learning merges, in merges.
    Merge = 1,
    /// Encoding, in bytes.
    Encode = 2,
    /// Writing word counts to a file, in words.
    Save = 3,
}

impl Stage {
    /// The stage's name in progress reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Merge => "merge",
            Self::Encode => "encode",
            Self::Save => "save",
        }
    }
}

/// Shared between a long call and whoever watches it.
#[derive(Debug, Default)]
pub struct Control {
    interrupted: AtomicBool,
    stage: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
}

impl Control {
    /// Ask the call to stop; it returns [`Error::Interrupted`] soon after.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Relaxed);
    }

    /// `Err(Interrupted)` once somebody has called [`Control::interrupt`].
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.interrupted.load(Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Begin a stage of `total` units; 0 where the total is not known.
    pub fn begin(&self, stage: Stage, total: u64) {
        self.stage.store(stage as u8, Relaxed);
        self.done.store(0, Relaxed);
        self.total.store(total, Relaxed);
    }

    /// Add `units` to what is done.
    pub fn advance(&self, units: u64) {
        self.done.fetch_add(units, Relaxed);
    }

    /// (stage, units done, units in all).
    pub fn progress(&self) -> (Stage, u64, u64) {
        let stage = match self.stage.load(Relaxed) {
            0 => Stage::Count,
            1 => Stage::Merge,
            2 => Stage::Encode,
            _ => Stage::Save,
        };
        (stage, self.done.load(Relaxed), self.total.load(Relaxed))
    }
}
