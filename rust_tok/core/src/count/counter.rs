//! Counting on several threads, which keep the words they meet often to themselves and share a table.

use super::WordCounts;
use super::harvest::in_text_order;
use super::shards::{Shard, Shards, Tally};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::parallel::share_out;
use crate::split::{PieceEnds, Splitter};

/// Texts are shared out in units of about this size.
const UNIT_BYTES: usize = 128 << 10;

/// Counts the pieces of a stream of texts on several threads.
#[derive(Debug)]
pub struct Counter {
    splitter: Splitter,
    workers: Vec<Worker>,
    shards: Shards,
    /// how many bytes of text came before
    position: u64,
}

/// What a thread counts, and what it works with.
#[derive(Debug)]
struct Worker {
    tally: Tally,
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
        let shards = Shards::new(threads);
        let worker = || Worker { tally: Tally::new(&shards), ends: PieceEnds::default() };
        let workers = std::iter::repeat_with(worker).take(threads.max(1)).collect();
        Self { splitter, workers, shards, position: 0 }
    }

    /// Count the pieces of texts, each as often as its weight says; each text is split by itself.
    ///
    /// # Errors
    /// As [`WordCounts::add`]; [`crate::Error::Interrupted`]. After an error the counts are incomplete.
    pub fn add(&mut self, texts: &[(&[u8], u64)], control: &Control) -> Result<()> {
        let jobs = self.jobs(texts);
        let workers = std::mem::take(&mut self.workers);
        let Self { splitter, shards, .. } = &*self;
        self.workers = share_out(workers, jobs.len(), |worker, number| {
            jobs[number].iter().try_for_each(|unit| worker.count(unit, splitter, shards, control))
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

    /// The most distinct words there may be.
    pub(super) fn most_words(&mut self) -> usize {
        let kept: usize = self.workers.iter().map(|worker| worker.tally.most_words()).sum();
        self.shards.len() + kept
    }

    /// The most memory in bytes that counting takes while `num_new` words come in.
    pub(super) fn heap_bytes(&mut self, num_new: usize) -> usize {
        let tallies: usize = self.workers.iter().map(|worker| worker.tally.heap_bytes()).sum();
        self.shards.heap_bytes(num_new) + tallies
    }

    /// All counts, in shards of which no two hold the same word.
    ///
    /// # Errors
    /// As [`WordCounts::add`].
    pub(super) fn into_shards(self) -> Result<Vec<Shard>> {
        for worker in self.workers {
            worker.tally.finish(&self.shards)?;
        }
        Ok(self.shards.into_shards())
    }

    /// The counts in order of first occurrence: the same for any number of threads.
    ///
    /// # Errors
    /// As [`WordCounts::add`].
    pub fn finish(self) -> Result<WordCounts> {
        let threads = self.workers.len();
        in_text_order(&self.into_shards()?, threads)
    }
}

impl Worker {
    fn count(
        &mut self,
        unit: &Unit<'_>,
        splitter: &Splitter,
        shards: &Shards,
        control: &Control,
    ) -> Result<()> {
        let &Unit { text, weight, position } = unit;
        let Self { tally, ends } = self;
        splitter.try_for_each_run(text, ends, |start, ends| {
            tally.add_run(shards, text, start, ends, weight, position)?;
            control.check()
        })?;
        control.advance(text.len() as u64);
        Ok(())
    }
}
