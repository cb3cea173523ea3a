//! The one door into the core: releases the interpreter, acts on Ctrl-C, maps errors, stops panics.
//!
//! `quick` for what is over at once, `released` for some milliseconds or what cannot be stopped half-way,
//! `enter` for anything long.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rust_tok::control::Control;
use rust_tok::{Error, Result};

use crate::errors::{internal, to_python};

/// How often a long call looks for Ctrl-C and reports its progress.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Calls on less input than this take too short a time to be interrupted.
pub(crate) const QUICK_BYTES: usize = 64 << 10;

/// Do short work on this thread, the interpreter held.
pub(crate) fn quick<T>(py: Python<'_>, work: impl FnOnce(&Control) -> Result<T>) -> PyResult<T> {
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&Control::default())));
    finish(py, outcome)
}

/// Do work of bounded length on this thread, the interpreter released.
pub(crate) fn released<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    let outcome = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    finish(py, outcome)
}

/// Do long work on a thread of its own while this one waits for it, for Ctrl-C and for progress.
///
/// `progress`, if any, is called as `progress(stage, done, total)` on this thread.
pub(crate) fn enter<T: Send>(
    py: Python<'_>,
    control: &Control,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Control) -> Result<T> + Send,
) -> PyResult<T> {
    beside(py, control, progress, work, |_| Ok(())).map(|(value, ())| value)
}

/// Looks for Ctrl-C and reports progress, the interpreter held.
pub(crate) struct Lookout<'p> {
    control: &'p Control,
    progress: Option<&'p Py<PyAny>>,
    next: Instant,
}

impl Lookout<'_> {
    /// Look, unless that was a moment ago.
    pub(crate) fn look(&mut self, py: Python<'_>) -> PyResult<()> {
        if Instant::now() < self.next {
            return Ok(());
        }
        look(py, self.control, self.progress)?;
        self.next = Instant::now() + LOOK_EVERY;
        Ok(())
    }
}

/// As [`enter`]; meanwhile, and before it waits, this thread does what is `own`, the interpreter held.
/// What takes long has to look out itself.
pub(crate) fn beside<T: Send, O>(
    py: Python<'_>,
    control: &Control,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Control) -> Result<T> + Send,
    own: impl FnOnce(Lookout<'_>) -> PyResult<O>,
) -> PyResult<(T, O)> {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(1);
        let worker = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(control)));
            // the receiver waits for this until it has it
            let _ = sender.send(outcome);
        };
        if let Err(error) = thread::Builder::new().spawn_scoped(scope, worker) {
            let why = format!("the system has no room for one more thread ({error})");
            return Err(to_python(py, &Error::Argument(why)));
        }
        let lookout = Lookout { control, progress, next: Instant::now() + LOOK_EVERY };
        let own = own(lookout).inspect_err(|_| control.interrupt());
        let (outcome, interruption) = py.detach(move || wait(&receiver, control, progress));
        let own = own?;
        match (interruption, outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => Ok((finish(py, outcome)?, own)),
            (None, None) => Err(internal(py, "a worker ended without a result")),
        }
    })
}

type Outcome<T> = std::result::Result<Result<T>, Box<dyn Any + Send>>;

/// Wait for a worker, for Ctrl-C and for progress; what the worker sent, and what interrupted it.
fn wait<T>(
    receiver: &mpsc::Receiver<Outcome<T>>,
    control: &Control,
    progress: Option<&Py<PyAny>>,
) -> (Option<Outcome<T>>, Option<PyErr>) {
    let mut interruption = None;
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(outcome) => return (Some(outcome), interruption),
            Err(RecvTimeoutError::Disconnected) => return (None, interruption),
            Err(RecvTimeoutError::Timeout) if interruption.is_none() => {
                interruption = Python::attach(|py| look(py, control, progress)).err();
                if interruption.is_some() {
                    control.interrupt();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn look(py: Python<'_>, control: &Control, progress: Option<&Py<PyAny>>) -> PyResult<()> {
    py.check_signals()?;
    if let Some(callback) = progress {
        let (stage, done, total) = control.progress();
        callback.call1(py, (stage.name(), done, total))?;
    }
    Ok(())
}

fn finish<T>(py: Python<'_>, outcome: Outcome<T>) -> PyResult<T> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(to_python(py, &error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(internal(py, text.unwrap_or("a panic without a message")))
        }
    }
}
