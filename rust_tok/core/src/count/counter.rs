//! Counting on several threads, which keep the words they meet often to themselves and share a table.

use super::WordCounts;
use super::feed::{Feed, Load};
use super::harvest::in_text_order;
use super::shards::{Shard, Shards, Tally};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::parallel::{on_threads, share_out};
use crate::split::{PieceEnds, Splitter};

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
        let Self { splitter, workers, shards, position } = self;
        let load = Load::new(texts.to_vec(), splitter, position);
        *workers = share_out(std::mem::take(workers), load.num_jobs(), |worker, job| {
            worker.count(load.units(job), splitter, shards, control)
        })?;
        Ok(())
    }

    /// Count all texts that come in by `feed`.
    ///
    /// # Errors
    /// As [`Counter::add`].
    pub(super) fn add_all<T: AsRef<[u8]> + Send + Sync>(
        &mut self,
        feed: &Feed<T>,
        control: &Control,
    ) -> Result<()> {
        let Self { splitter, workers, shards, .. } = self;
        let num_workers = workers.len();
        *workers = share_out(std::mem::take(workers), num_workers, |worker, _| {
            while let Some(share) = feed.take(false) {
                let units = share.jobs.clone().flat_map(|job| share.load.units(job));
                let outcome = worker.count(units, splitter, shards, control);
                feed.done(share);
                outcome.inspect_err(|_| feed.leave())?;
            }
            Ok(())
        })?;
        Ok(())
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
        on_threads(self.workers, |worker| worker.tally.finish(&self.shards))?;
        Ok(self.shards.into_shards())
    }

    /// The counts in order of first occurrence: the same for any number of threads.
    ///
    /// # Errors
    /// As [`WordCounts::add`]; [`crate::Error::Interrupted`].
    pub fn finish(self, control: &Control) -> Result<WordCounts> {
        let threads = self.workers.len();
        in_text_order(&self.into_shards()?, threads, control)
    }
}

impl Worker {
    /// Count units of text: (text, weight, position).
    fn count<'t>(
        &mut self,
        mut units: impl Iterator<Item = (&'t [u8], u64, u64)>,
        splitter: &Splitter,
        shards: &Shards,
        control: &Control,
    ) -> Result<()> {
        let Self { tally, ends } = self;
        units.try_for_each(|(text, weight, position)| {
            splitter.try_for_each_run(text, ends, |start, ends| {
                tally.add_run(shards, text, start, ends, weight, position)?;
                control.check()
            })?;
            control.advance(text.len() as u64);
            Ok(())
        })
    }
}
