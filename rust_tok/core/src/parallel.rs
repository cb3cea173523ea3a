//! Work shared out over scoped threads: no pool, nothing left behind, so fork is harmless.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::error::{Error, Result};

/// Call `work(state, number)` for every number under `num_units`, each worker on a state of its own.
///
/// Units are claimed in order, so which worker gets which depends on timing: what is made of the
/// states must not. No more threads are started than there are units.
///
/// # Errors
/// The error of any unit; the others stop at their next claim. [`Error::Argument`] when the system
/// has no room for so many threads.
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
    let idle = states.split_off(states.len().min(num_units.max(1)));
    if states.len() == 1 {
        return states.into_iter().map(run).chain(idle.into_iter().map(Ok)).collect();
    }
    let run = &run;
    thread::scope(|scope| {
        let start = |state| thread::Builder::new().spawn_scoped(scope, move || run(state));
        let started: Vec<_> = states.into_iter().map(start).collect();
        let joined: Vec<_> = started
            .into_iter()
            .map(|handle| match handle.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => Err(too_many_threads(&error)),
            })
            .collect();
        joined.into_iter().chain(idle.into_iter().map(Ok)).collect()
    })
}

/// What `work` makes of each unit, on a thread for each, in the order of the units.
///
/// # Errors
/// The error of the first unit that has one; [`Error::Argument`] when the system has no room for so many
/// threads.
pub(crate) fn on_threads<U: Send, R: Send>(
    units: Vec<U>,
    work: impl Fn(U) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if units.len() == 1 {
        return units.into_iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let start = |unit| thread::Builder::new().spawn_scoped(scope, move || work(unit));
        let handles: Vec<_> = units.into_iter().map(start).collect();
        let joined =
            handles.into_iter().map(|handle| match handle.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => Err(too_many_threads(&error)),
            });
        joined.collect()
    })
}

fn too_many_threads(error: &std::io::Error) -> Error {
    Error::Argument(format!("the system cannot start that many threads ({error}): ask for fewer"))
}
