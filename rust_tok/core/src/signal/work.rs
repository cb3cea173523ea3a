//! Work on a caller's buffer shared out over threads, each piece a run of whole signals.

use std::sync::{Mutex, PoisonError};

use crate::control::Control;
use crate::error::{Error, Result};
use crate::parallel::share_out;

/// A thread is worth its start from about this many samples on.
const SAMPLES_PER_THREAD: usize = 1 << 19;

/// The types that ids may have.
pub trait Symbol: Copy + Send + Sync {
    /// The id as a place in the bank.
    fn index(self) -> usize;
}

impl Symbol for u8 {
    fn index(self) -> usize {
        usize::from(self)
    }
}

impl Symbol for u16 {
    fn index(self) -> usize {
        usize::from(self)
    }
}

impl Symbol for u32 {
    fn index(self) -> usize {
        self as usize
    }
}

/// Refuse ids outside the bank, before anything is written.
pub(super) fn check_ids<I: Symbol>(ids: &[I], num_symbols: usize) -> Result<()> {
    match ids.iter().position(|id| id.index() >= num_symbols) {
        None => Ok(()),
        Some(place) => Err(Error::UnknownToken(format!(
            "expected ids below {num_symbols}, the number of symbols of this bank; found {} at \
             position {place}",
            ids[place].index()
        ))),
    }
}

/// Call `work(state, first_signal, words)` for pieces of `out`, `per_piece` signals of `length` each.
pub(super) fn fill<W: Send, S: Send>(
    out: &mut [W],
    length: usize,
    per_piece: usize,
    threads: usize,
    control: &Control,
    new_state: impl Fn() -> S,
    work: impl Fn(&mut S, usize, &mut [W]) + Sync,
) -> Result<()> {
    let worth = (out.len() / SAMPLES_PER_THREAD).max(1);
    let pieces: Vec<Mutex<&mut [W]>> = out.chunks_mut(per_piece * length).map(Mutex::new).collect();
    let num_threads = threads.clamp(1, worth).min(pieces.len().max(1));
    let states = (0..num_threads).map(|_| new_state()).collect();
    share_out(states, pieces.len(), |state, number| {
        control.check()?;
        // each piece is claimed once, so that nobody waits here
        let mut words = pieces[number].lock().unwrap_or_else(PoisonError::into_inner);
        work(state, number * per_piece, &mut words);
        Ok(())
    })?;
    Ok(())
}
