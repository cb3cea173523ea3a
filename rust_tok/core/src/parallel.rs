//! Work shared out over scoped threads: no pool, nothing left behind, so fork is harmless.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::error::Result;

/// Call `work(state, number)` for every number under `num_units`, each worker on a state of its own.
///
/// Units are claimed in order, so which worker gets which depends on timing: what is made of the
/// states must not.
///
/// # Errors
/// The error of any unit; the others stop at their next claim.
pub(crate) fn share_out<S: Send>(
    states: Vec<S>,
    num_units: usize,
    work: impl Fn(&mut S, usize) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let next = AtomicUsize::new(0);
    let run = |mut state: S| -> Result<S> {
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= num_units {
                return Ok(state);
            }
            work(&mut state, number).inspect_err(|_| next.store(num_units, Relaxed))?;
        }
    };
    let mut states = states;
    if states.len() == 1 {
        return states.pop().map(run).into_iter().collect();
    }
    let run = &run;
    thread::scope(|scope| {
        let handles: Vec<_> =
            states.into_iter().map(|state| scope.spawn(move || run(state))).collect();
        let joined = handles.into_iter().map(|handle| match handle.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}
