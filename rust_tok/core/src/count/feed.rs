//! Texts on their way from whoever reads them to the threads that count them.
//!
//! Reading and counting go on side by side: nobody waits for a batch to be finished, only for room
//! where too much text is on its way, or for text where there is none.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::split::Splitter;

/// Texts are shared out in units of about this size.
const UNIT_BYTES: usize = 128 << 10;

/// What a text takes beside its bytes, about: the object that holds it, and its place in the feed.
const OBJECT_BYTES: usize = 128;

/// Texts cut into units, and small units put together to jobs.
pub(super) struct Load<T> {
    texts: Vec<(T, u64)>,
    units: Vec<Unit>,
    /// where the units of each job end
    jobs: Vec<usize>,
    /// what it holds in memory, about
    num_bytes: usize,
}

/// A part of a text that is split by itself.
struct Unit {
    /// the number of the text
    text: usize,
    bytes: Range<usize>,
    /// where it begins in the order of all texts
    position: u64,
}

impl<T: AsRef<[u8]>> Load<T> {
    /// Texts with their weights; the first one begins at `position`, which moves on behind the last.
    pub(super) fn new(texts: Vec<(T, u64)>, splitter: &Splitter, position: &mut u64) -> Self {
        let (mut units, mut jobs, mut job_bytes, mut num_bytes) = (Vec::new(), Vec::new(), 0, 0);
        for (number, (text, weight)) in texts.iter().enumerate() {
            let text = text.as_ref();
            num_bytes += text.len() + OBJECT_BYTES;
            let parts = match (*weight, text.len()) {
                (0, _) | (_, 0) => vec![],
                (_, len) if len < 2 * UNIT_BYTES => vec![text],
                _ => splitter.units(text, UNIT_BYTES),
            };
            let mut start = 0;
            for part in parts {
                let bytes = start..start + part.len();
                start = bytes.end;
                units.push(Unit { text: number, bytes, position: *position });
                *position += part.len() as u64;
                job_bytes += part.len();
                if job_bytes >= UNIT_BYTES {
                    jobs.push(units.len());
                    job_bytes = 0;
                }
            }
        }
        if jobs.last().is_none_or(|&end| end < units.len()) {
            jobs.push(units.len());
        }
        Self { texts, units, jobs, num_bytes }
    }

    /// How many jobs there are: at least one, perhaps without units.
    pub(super) fn num_jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Text, weight and position of the units of job number `job`.
    pub(super) fn units(&self, job: usize) -> impl Iterator<Item = (&[u8], u64, u64)> {
        let begin = if job == 0 { 0 } else { self.jobs[job - 1] };
        self.units[begin..self.jobs[job]].iter().map(|unit| {
            let (text, weight) = &self.texts[unit.text];
            (&text.as_ref()[unit.bytes.clone()], *weight, unit.position)
        })
    }

    /// The texts with their weights.
    pub(super) fn texts(&self) -> Vec<(&[u8], u64)> {
        self.texts.iter().map(|(text, weight)| (text.as_ref(), *weight)).collect()
    }
}

/// What a thread has to count: some jobs of a load. It goes back by [`Feed::done`].
pub(super) struct Share<T> {
    pub(super) load: Arc<Load<T>>,
    pub(super) jobs: Range<usize>,
}

/// Texts that wait to be counted, in their order.
pub struct Feed<T> {
    splitter: Splitter,
    most_bytes: usize,
    state: Mutex<State<T>>,
    /// something came, or nothing more will
    came: Condvar,
    /// something was counted, or nobody counts any more
    went: Condvar,
}

struct State<T> {
    position: u64,
    waiting: VecDeque<Arc<Load<T>>>,
    /// the first job of the first load that nobody has taken
    next_job: usize,
    /// of the loads that wait or are being counted
    held_bytes: usize,
    /// loads that nobody needs any more
    counted: Vec<Arc<Load<T>>>,
    has_ended: bool,
    is_left: bool,
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("most_bytes", &self.most_bytes).finish_non_exhaustive()
    }
}

impl<T: AsRef<[u8]>> Feed<T> {
    /// A feed for a counter with this splitter, with room until about `most_bytes` are on their way.
    pub fn new(splitter: Splitter, most_bytes: usize) -> Self {
        let state = State {
            position: 0,
            waiting: VecDeque::new(),
            next_job: 0,
            held_bytes: 0,
            counted: Vec::new(),
            has_ended: false,
            is_left: false,
        };
        let (came, went) = (Condvar::new(), Condvar::new());
        Self { splitter, most_bytes, state: Mutex::new(state), came, went }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // a panic elsewhere ends the whole call anyhow
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for more texts; if not, wait for it up to `patience`. There is always
    /// room when nobody counts any more.
    pub fn has_room(&self, patience: Duration) -> bool {
        let is_full = |state: &mut State<T>| state.held_bytes >= self.most_bytes && !state.is_left;
        if patience.is_zero() {
            return !is_full(&mut self.lock());
        }
        let waited = self.went.wait_timeout_while(self.lock(), patience, is_full);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Have texts counted, each as often as its weight says, room or not. Texts that were counted are
    /// dropped here, on the thread of the caller. `false` when nobody counts any more.
    pub fn push(&self, texts: Vec<(T, u64)>) -> bool {
        let mut state = self.lock();
        let counted = std::mem::take(&mut state.counted);
        let mut position = state.position;
        drop(state);
        drop(counted);
        let load = Load::new(texts, &self.splitter, &mut position);
        let mut state = self.lock();
        state.position = position;
        state.held_bytes += load.num_bytes;
        state.waiting.push_back(Arc::new(load));
        self.came.notify_all();
        !state.is_left
    }

    /// About how much is on its way.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.lock().held_bytes
    }

    /// Say that no more texts come.
    pub fn end(&self) {
        self.lock().has_ended = true;
        self.came.notify_all();
    }

    /// Say that nobody counts any more.
    pub(super) fn leave(&self) {
        self.lock().is_left = true;
        self.came.notify_all();
        self.went.notify_all();
    }

    /// The next job, or with `all` those of a whole load; waits for one. `None` when all is counted.
    pub(super) fn take(&self, all: bool) -> Option<Share<T>> {
        let mut state = self.lock();
        loop {
            if state.is_left {
                return None;
            }
            if let Some(load) = state.waiting.front().cloned() {
                let begin = state.next_job;
                let jobs = begin..if all { load.num_jobs() } else { begin + 1 };
                state.next_job = jobs.end;
                if jobs.end == load.num_jobs() {
                    state.waiting.pop_front();
                    state.next_job = 0;
                }
                return Some(Share { load, jobs });
            }
            if state.has_ended {
                return None;
            }
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Give back what was counted.
    pub(super) fn done(&self, share: Share<T>) {
        let mut state = self.lock();
        // shares come and go under the lock only: declared behind the guard, this one goes before it
        let load = share.load;
        if Arc::strong_count(&load) == 1 {
            state.held_bytes -= load.num_bytes;
            state.counted.push(load);
            self.went.notify_all();
        }
    }
}
