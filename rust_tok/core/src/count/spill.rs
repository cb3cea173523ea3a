//! Counting in bounded memory: full tables are written to disk as sorted runs.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::control::Control;
use crate::count::feed::Feed;
use crate::count::file::{Encoder, Pieces, Summary};
use crate::count::harvest::{HARVEST_BYTES, SORT_BYTES, SortedCounts};
use crate::count::shards::TALLY_BYTES;
use crate::count::sorted::Sorted;
use crate::count::{Counter, WordCounts};
use crate::error::{Error, Result};
use crate::parallel::share_out;
use crate::split::Splitter;

/// This many files are read at once; more are first merged into fewer.
pub(super) const FAN_IN: usize = 64;

/// Written to the system in pieces of about this size.
const WRITE_BYTES: usize = 256 << 10;

/// How many words may pass between two looks at the interrupt flag.
const WORDS_PER_CHECK: u64 = 1 << 14;

/// The least that counting works with: its tables start at some size, and so do its buffers.
pub const LEAST_MEMORY: u64 = 16 << 20;

/// How much memory counting may take, and where its runs go.
#[derive(Debug, Clone)]
pub struct Spill {
    /// bytes, of which an eighth is left for texts on their way here
    pub limit: u64,
    /// an existing folder; whoever made it removes it
    pub folder: PathBuf,
}

/// Write words to a counts file and leave syncing it to the caller. `advance` hears of the words
/// that were written, and may end it.
pub(super) fn write_sorted(
    path: &Path,
    words: &mut dyn Sorted,
    pieces: &Pieces,
    shards: Option<Vec<String>>,
    mut advance: impl FnMut(u64) -> Result<()>,
) -> Result<Summary> {
    let name = path.display().to_string();
    let io = |error: std::io::Error| Error::io(&name, &error);
    let mut file = File::create(path).map_err(io)?;
    let mut out = Vec::with_capacity(WRITE_BYTES + (WRITE_BYTES >> 1));
    let mut encoder = Encoder::new(pieces, &mut out);
    let mut until_check = WORDS_PER_CHECK;
    while words.advance()? {
        until_check -= 1;
        if until_check == 0 {
            advance(WORDS_PER_CHECK)?;
            until_check = WORDS_PER_CHECK;
        }
        encoder.push(words.word(), words.count(), &mut out)?;
        if out.len() >= WRITE_BYTES {
            file.write_all(&out).map_err(io)?;
            out.clear();
        }
    }
    let summary = encoder.finish(shards, &mut out);
    file.write_all(&out).map_err(io)?;
    Ok(summary)
}

/// So much text is counted between two looks at the size of the tables: they may double meanwhile, but
/// not twice.
fn batch_bytes(limit: u64) -> usize {
    (limit / 512).max(64 << 10) as usize
}

/// Counts texts; over a memory limit the tables go to disk as sorted runs.
#[derive(Debug)]
pub struct Counting {
    splitter: Splitter,
    threads: usize,
    counter: Counter,
    spill: Option<Spill>,
    runs: Vec<PathBuf>,
    spilled_bytes: u64,
}

/// Leaves a feed however counting ends, so that nobody waits for it.
struct Leaving<'f, T: AsRef<[u8]>>(&'f Feed<T>);

impl<T: AsRef<[u8]>> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What was counted: a table, or else runs.
#[derive(Debug)]
pub struct Counted {
    /// what is still in memory
    pub table: WordCounts,
    /// sorted runs on disk
    pub runs: Vec<PathBuf>,
    /// how many bytes of runs were written
    pub spilled_bytes: u64,
}

impl Counting {
    /// Counting with nothing counted; without `spill` memory is not limited. Of `threads` there are as
    /// many as have room in a quarter of the limit.
    ///
    /// # Errors
    /// [`Error::Argument`] for a limit under [`LEAST_MEMORY`].
    pub fn new(splitter: Splitter, threads: usize, spill: Option<Spill>) -> Result<Self> {
        if let Some(Spill { limit, .. }) = spill
            && limit < LEAST_MEMORY
        {
            return Err(Error::Argument(format!(
                "the memory limit must be at least {LEAST_MEMORY} bytes (16MiB) for counting; \
                 found {limit}"
            )));
        }
        let limit = spill.as_ref().map_or(u64::MAX, |spill| spill.limit);
        let threads = threads.min((limit / 4 / TALLY_BYTES) as usize).max(1);
        let counter = Counter::new(splitter.clone(), threads);
        Ok(Self { splitter, threads, counter, spill, runs: Vec::new(), spilled_bytes: 0 })
    }

    /// Count the pieces of texts, each as often as its weight says.
    ///
    /// # Errors
    /// As [`Counter::add`]; [`Error::Io`] where a run cannot be written.
    pub fn add(&mut self, texts: &[(&[u8], u64)], control: &Control) -> Result<()> {
        let Some(Spill { limit, .. }) = self.spill else {
            return self.counter.add(texts, control);
        };
        let most = batch_bytes(limit);
        let mut batch = Vec::new();
        let mut bytes = 0;
        for &(text, weight) in texts {
            for unit in self.splitter.units(text, most / 4) {
                batch.push((unit, weight));
                bytes += unit.len();
                if bytes >= most {
                    self.counter.add(&batch, control)?;
                    self.spill_if_full(limit, control)?;
                    (batch, bytes) = (Vec::new(), 0);
                }
            }
        }
        self.counter.add(&batch, control)?;
        self.spill_if_full(limit, control)
    }

    /// Count all texts that come in by `feed`, until it ends. Whoever feeds learns of an error by having
    /// [`Feed::push`] say that nobody counts any more.
    ///
    /// # Errors
    /// As [`Counting::add`].
    pub fn add_all<T: AsRef<[u8]> + Send + Sync>(
        &mut self,
        feed: &Feed<T>,
        control: &Control,
    ) -> Result<()> {
        let _leaving = Leaving(feed);
        if self.spill.is_none() {
            return self.counter.add_all(feed, control);
        }
        while let Some(share) = feed.take(true) {
            let outcome = self.add(&share.load.texts(), control);
            feed.done(share);
            outcome?;
        }
        Ok(())
    }

    fn spill_if_full(&mut self, limit: u64, control: &Control) -> Result<()> {
        // hardly any text has more than one new word in four bytes
        let tables = self.counter.heap_bytes(batch_bytes(limit) / 4);
        if (tables + self.counter.most_words() * SORT_BYTES) as u64 > limit / 4 * 3 {
            self.spill_all(control)?;
        }
        Ok(())
    }

    /// Write the shards as runs, one for each thread, and begin anew.
    fn spill_all(&mut self, control: &Control) -> Result<()> {
        let Some(Spill { folder, .. }) = &self.spill else { return Ok(()) };
        let pieces = Pieces::of(&self.splitter);
        let fresh = Counter::new(self.splitter.clone(), self.threads);
        let shards = std::mem::replace(&mut self.counter, fresh).into_shards()?;
        let tables: Vec<_> = shards
            .chunks(shards.len().div_ceil(self.threads.max(1)))
            .filter(|table| table.iter().any(|shard| shard.len() > 0))
            .collect();
        let numbers = self.runs.len()..self.runs.len() + tables.len();
        let paths: Vec<_> = numbers.map(|number| folder.join(format!("run-{number}"))).collect();
        share_out(vec![(); tables.len().max(1)], tables.len(), |(), number| {
            let mut words = SortedCounts::new(tables[number]);
            write_sorted(&paths[number], &mut words, &pieces, None, |_| control.check()).map(|_| ())
        })?;
        for path in &paths {
            self.spilled_bytes += std::fs::metadata(path).map_or(0, |data| data.len());
        }
        self.runs.extend(paths);
        Ok(())
    }

    /// What was counted. Where runs were written, or the sum might not fit, all becomes runs.
    ///
    /// # Errors
    /// As [`Counting::add`].
    pub fn finish(mut self, control: &Control) -> Result<Counted> {
        let limit = self.spill.as_ref().map_or(u64::MAX, |spill| spill.limit);
        let table = self.counter.most_words() * HARVEST_BYTES;
        let fits = (self.counter.heap_bytes(0) + table) as u64 <= limit / 8 * 7;
        if self.runs.is_empty() && fits {
            let table = self.counter.finish(control)?;
            return Ok(Counted { table, runs: Vec::new(), spilled_bytes: 0 });
        }
        self.spill_all(control)?;
        let table = WordCounts::default();
        Ok(Counted { table, runs: self.runs, spilled_bytes: self.spilled_bytes })
    }
}
