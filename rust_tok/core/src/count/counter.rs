//! Counting on several threads, each with a table of its own.

use super::WordCounts;
use super::table::{Seed, Table, sum};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::parallel::share_out;
use crate::split::{PieceEnds, Splitter};

/// Texts are shared out in units of about this size.
const UNIT_BYTES: usize = 256 << 10;

/// Counts the pieces of a stream of texts on several threads.
#[derive(Debug)]
pub struct Counter {
    splitter: Splitter,
    workers: Vec<Worker>,
    /// how many bytes of text came before
    position: u64,
}

/// What a thread counts, and what it works with.
#[derive(Debug)]
struct Worker {
    table: Table,
    ends: PieceEnds,
}

/// Text that is split by itself.
struct Unit<'t> {
    text: &'t [u8],
    weight: u64,
    position: u64,
}

impl Counter {
    /// A counter with nothing counted.
    pub fn new(splitter: Splitter, threads: usize) -> Self {
        let seed = Seed::random();
        let worker = || Worker { table: Table::new(seed), ends: PieceEnds::default() };
        let workers = std::iter::repeat_with(worker).take(threads.max(1)).collect();
        Self { splitter, workers, position: 0 }
    }

    /// Count the pieces of texts, each as often as its weight says; each text is split by itself.
    ///
    /// # Errors
    /// As [`WordCounts::add`]; [`crate::Error::Interrupted`]. After an error the counts are incomplete.
    pub fn add(&mut self, texts: &[(&[u8], u64)], control: &Control) -> Result<()> {
        let jobs = self.jobs(texts);
        let splitter = &self.splitter;
        let workers = std::mem::take(&mut self.workers);
        self.workers = share_out(workers, jobs.len(), |worker, number| {
            jobs[number].iter().try_for_each(|unit| worker.count(unit, splitter, control))
        })?;
        Ok(())
    }

    /// The texts cut into units, and small units put together, in their order.
    fn jobs<'t>(&mut self, texts: &[(&'t [u8], u64)]) -> Vec<Vec<Unit<'t>>> {
        let (mut jobs, mut job, mut job_bytes) = (Vec::new(), Vec::new(), 0);
        for &(text, weight) in texts.iter().filter(|(_, weight)| *weight > 0) {
            let units = if text.len() < 2 * UNIT_BYTES {
                vec![text]
            } else {
                self.splitter.units(text, UNIT_BYTES)
            };
            for text in units {
                job.push(Unit { text, weight, position: self.position });
                self.position += text.len() as u64;
                job_bytes += text.len();
                if job_bytes >= UNIT_BYTES {
                    jobs.push(std::mem::take(&mut job));
                    job_bytes = 0;
                }
            }
        }
        jobs.push(job);
        jobs
    }

    /// Say what is being counted, for progress reports; `total_bytes` is 0 where it is not known.
    pub fn begin(control: &Control, total_bytes: u64) {
        control.begin(Stage::Count, total_bytes);
    }

    /// How many distinct words the threads have, added up.
    pub fn num_words(&self) -> usize {
        self.workers.iter().map(|worker| worker.table.len()).sum()
    }

    /// The most memory in bytes that the threads' tables take while `num_new` words come in.
    pub(super) fn heap_bytes(&self, num_new: usize) -> u64 {
        self.workers.iter().map(|worker| worker.table.heap_bytes(num_new) as u64).sum()
    }

    /// The threads' tables, whose sum is what was counted.
    pub(super) fn tables(&self) -> Vec<&Table> {
        self.workers.iter().map(|worker| &worker.table).collect()
    }

    /// The sum of all threads' counts, in order of first occurrence: the same for any number of them.
    ///
    /// # Errors
    /// As [`WordCounts::add`].
    pub fn finish(self) -> Result<WordCounts> {
        let tables: Vec<Table> = self.workers.into_iter().map(|worker| worker.table).collect();
        sum(&tables)
    }
}

impl Worker {
    fn count(&mut self, unit: &Unit<'_>, splitter: &Splitter, control: &Control) -> Result<()> {
        let &Unit { text, weight, position } = unit;
        let Self { table, ends, .. } = self;
        splitter.try_for_each_run(text, ends, |start, ends| {
            table.add_run(text, start, ends, weight, position)?;
            control.check()
        })?;
        control.advance(text.len() as u64);
        Ok(())
    }
}
