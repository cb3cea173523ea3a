//! Word counts wherever they are, in memory or in files: added, saved, and loaded for learning.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::control::{Control, Stage};
use crate::count::WordCounts;
use crate::count::file::{Encoder, Pieces, Reader, Summary};
use crate::count::sorted::{Merged, Sorted, SortedTable};
use crate::count::spill::{Counted, FAN_IN, write_sorted};
use crate::error::{Error, Result};
use crate::learn::Tie;
use crate::split::Splitter;

/// How many words may pass between two looks at the interrupt flag.
const WORDS_PER_CHECK: u64 = 1 << 14;

/// A counts file that is part of a sum.
#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    /// what it was when it was first looked at
    fingerprint: String,
}

impl Part {
    fn open(&self) -> Result<Reader> {
        let reader = Reader::open(&self.path)?;
        if reader.summary().fingerprint == self.fingerprint {
            return Ok(reader);
        }
        Err(Error::format(
            "counts file",
            format!("{} changed while it was in use; start again", self.path.display()),
        ))
    }
}

/// Word counts that know what they are pieces of and which shards they hold.
#[derive(Debug)]
pub struct Counts {
    pieces: Pieces,
    table: Arc<WordCounts>,
    is_in_text_order: bool,
    files: Vec<Part>,
    /// named shards, sorted; where there is no name, the shard is named by its fingerprint
    shards: Option<Vec<String>>,
    summary: OnceLock<Summary>,
}

/// Words in memory, ready for learning.
#[derive(Debug)]
pub struct Loaded {
    /// the words
    pub words: Arc<WordCounts>,
    /// what they are pieces of
    pub pieces: Pieces,
    /// distinct words left out because they are too rare
    pub num_dropped_words: u64,
    /// how many pieces those were
    pub num_dropped_pieces: u64,
}

impl Loaded {
    /// The splitter that made these words.
    ///
    /// # Errors
    /// As [`Pieces::splitter`].
    pub fn splitter(&self) -> Result<Splitter> {
        self.pieces.splitter("the counts file")
    }
}

/// What learning may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// bytes for words and learning together, if limited
    pub memory: Option<u64>,
    /// words that occur less often are left out
    pub min_word_count: u64,
    /// how many ids there will be
    pub num_ids: u32,
}

impl Counts {
    /// What was just counted, as one shard.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`] where runs cannot be read again; [`Error::Interrupted`].
    pub fn new(
        splitter: &Splitter,
        counted: Counted,
        shard: Option<String>,
        control: &Control,
    ) -> Result<Self> {
        let pieces = Pieces::of(splitter);
        let folder = counted.runs.first().and_then(|run| run.parent()).map(Path::to_owned);
        let part = |path: PathBuf| -> Result<Part> {
            let fingerprint = Reader::open(&path)?.summary().fingerprint.clone();
            Ok(Part { path, fingerprint })
        };
        let mut files = counted.runs.into_iter().map(part).collect::<Result<_>>()?;
        if let Some(folder) = folder {
            files = reduce(files, &folder, &pieces, control)?;
        }
        Ok(Self {
            pieces,
            table: Arc::new(counted.table),
            is_in_text_order: true,
            files,
            shards: shard.map(|name| vec![name]),
            summary: OnceLock::new(),
        })
    }

    /// The counts of a file; its words are read and checked when they are used.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let reader = Reader::open(path)?;
        let summary = reader.summary().clone();
        let part = Part { path: path.to_owned(), fingerprint: summary.fingerprint.clone() };
        Ok(Self {
            pieces: reader.pieces().clone(),
            table: Arc::default(),
            is_in_text_order: false,
            files: vec![part],
            shards: Some(summary.shards.clone()),
            summary: OnceLock::from(summary),
        })
    }

    /// The sum of `parts`, each with a name for messages. Where the sum has more files than can be
    /// read at once, some are first merged into files in `folder`.
    ///
    /// # Errors
    /// [`Error::Argument`] for pieces of different kinds or a shard that is given twice; as
    /// [`Counts::new`].
    pub fn sum(
        parts: &[(String, &Self)],
        folder: Option<&Path>,
        control: &Control,
    ) -> Result<Self> {
        let Some((first_name, first)) = parts.first() else {
            return Err(Error::Argument(
                "there are no counts to add: give at least one".to_owned(),
            ));
        };
        let mut shards: Vec<(String, &str)> = Vec::new();
        for (name, counts) in parts {
            first.pieces.require_same(&counts.pieces, first_name, name)?;
            shards.extend(counts.summary(control)?.shards.iter().map(|id| (id.clone(), &name[..])));
        }
        shards.sort();
        for pair in shards.windows(2) {
            if pair[0].0 == pair[1].0 {
                return Err(twice(&pair[0].0, pair[0].1, pair[1].1));
            }
        }
        let mut table = Arc::new(WordCounts::default());
        for (_, counts) in parts.iter().filter(|(_, counts)| !counts.table.is_empty()) {
            if table.is_empty() {
                table = Arc::clone(&counts.table);
            } else {
                Arc::make_mut(&mut table).merge(&counts.table)?;
            }
            control.check()?;
        }
        let mut files: Vec<_> = parts.iter().flat_map(|(_, counts)| counts.files.clone()).collect();
        if let Some(folder) = folder {
            files = reduce(files, folder, &first.pieces, control)?;
        }
        Ok(Self {
            pieces: first.pieces.clone(),
            table,
            is_in_text_order: parts.len() == 1 && first.is_in_text_order,
            files,
            shards: Some(shards.into_iter().map(|(id, _)| id).collect()),
            summary: OnceLock::new(),
        })
    }

    /// What the words are pieces of.
    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Every word in ascending order.
    ///
    /// # Errors
    /// As [`Counts::new`].
    pub fn sorted(&self) -> Result<Box<dyn Sorted + '_>> {
        let mut sources: Vec<Box<dyn Sorted + '_>> = Vec::new();
        if !self.table.is_empty() {
            sources.push(Box::new(SortedTable::new(&self.table)));
        }
        for file in &self.files {
            sources.push(Box::new(file.open()?));
        }
        if sources.len() == 1
            && let Some(only) = sources.pop()
        {
            return Ok(only);
        }
        Ok(Box::new(Merged::new(sources)))
    }

    /// Totals, fingerprint and shards; the first call may read all words.
    ///
    /// # Errors
    /// As [`Counts::new`].
    pub fn summary(&self, control: &Control) -> Result<&Summary> {
        if let Some(summary) = self.summary.get() {
            return Ok(summary);
        }
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&self.pieces, &mut out);
        for_each(&mut *self.sorted()?, control, |word, count| {
            out.clear();
            encoder.push(word, count, &mut out)
        })?;
        let summary = encoder.finish(self.shards.clone(), &mut out);
        Ok(self.summary.get_or_init(|| summary))
    }

    /// Write a counts file over `path`, without syncing it.
    ///
    /// # Errors
    /// As [`Counts::new`].
    pub fn write(&self, path: &Path, control: &Control) -> Result<()> {
        control.begin(Stage::Save, self.summary.get().map_or(0, |summary| summary.num_words));
        let advance = |words: u64| {
            control.advance(words);
            control.check()
        };
        let summary =
            write_sorted(path, &mut *self.sorted()?, &self.pieces, self.shards.clone(), advance)?;
        self.summary.get_or_init(|| summary);
        Ok(())
    }

    /// Whether words stand in the order of their first occurrence: not in files or sums.
    pub fn has_text_order(&self) -> bool {
        self.files.is_empty() && self.is_in_text_order
    }

    /// The words in memory, to be learnt from by this tie rule. From a table of one shard they keep the
    /// order of first occurrence.
    ///
    /// # Errors
    /// [`Error::Argument`] when they do not fit, with what would, and for the rule of first occurrences
    /// without the order of the text; as [`Counts::new`].
    pub fn load(&self, limits: Limits, tie: Tie, control: &Control) -> Result<Loaded> {
        let is_table = self.files.is_empty();
        if tie == Tie::FirstOccurrence && !self.has_text_order() {
            return Err(Error::Argument(
                "the tie rule first_occurrence needs the order of the text, which files of counts \
                 and counts that were spilled or added up do not hold: learn from the text without \
                 --max-memory or with a higher one, or take another rule"
                    .to_owned(),
            ));
        }
        let copies = !is_table || limits.min_word_count > 1;
        let mut loaded = WordCounts::default();
        let (mut need, mut dropped) = (Need::new(limits), (0, 0));
        let mut visit = |word: &[u8], count: u64| {
            let fits = need.add(word, count);
            if count < limits.min_word_count {
                dropped.0 += 1;
                dropped.1 += count;
            } else if fits && copies {
                // no word comes twice: nothing is looked up
                loaded.push_new(word, count)?;
            } else if !loaded.is_empty() {
                // only the figures for the message are still wanted
                loaded = WordCounts::default();
            }
            Ok(())
        };
        if is_table {
            for (number, (word, count)) in (0_u64..).zip(self.table.iter()) {
                if number.is_multiple_of(WORDS_PER_CHECK) {
                    control.check()?;
                }
                visit(word, count)?;
            }
        } else {
            for_each(&mut *self.sorted()?, control, visit)?;
        }
        need.check()?;
        let (num_dropped_words, num_dropped_pieces) = dropped;
        if copies && loaded.is_empty() && num_dropped_words > 0 {
            return Err(Error::Argument(format!(
                "none of the {num_dropped_words} distinct words occurs {} times: lower min_word_count \
                 (--min-word-count)",
                limits.min_word_count
            )));
        }
        loaded.shrink();
        Ok(Loaded {
            words: if copies { Arc::new(loaded) } else { Arc::clone(&self.table) },
            pieces: self.pieces.clone(),
            num_dropped_words,
            num_dropped_pieces,
        })
    }
}

/// Merge files into others in `folder` until few enough are left to read them at once.
fn reduce(
    mut files: Vec<Part>,
    folder: &Path,
    pieces: &Pieces,
    control: &Control,
) -> Result<Vec<Part>> {
    let mut number = 0;
    while files.len() > FAN_IN {
        let group: Vec<_> = files.drain(..FAN_IN).collect();
        let sources = group.iter().map(Part::open).collect::<Result<Vec<_>>>()?;
        let path = folder.join(format!("sum-{number}"));
        number += 1;
        let mut words = Merged::new(sources);
        let summary = write_sorted(&path, &mut words, pieces, None, |_| control.check())?;
        files.push(Part { path, fingerprint: summary.fingerprint });
        drop(words);
        for old in group.iter().filter(|part| part.path.parent() == Some(folder)) {
            std::fs::remove_file(&old.path)
                .map_err(|error| Error::io(&old.path.display().to_string(), &error))?;
        }
    }
    Ok(files)
}

fn twice(shard: &str, one: &str, other: &str) -> Error {
    Error::Argument(format!(
        "the shard {shard} is in {one} and in {other}, and would be counted twice: leave one of them \
         out (or, if the texts differ, count one of them again with another --shard-id)"
    ))
}

/// Visit every word, with a look at the interrupt flag now and then.
fn for_each(
    words: &mut dyn Sorted,
    control: &Control,
    mut visit: impl FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    let mut number = 0_u64;
    while words.advance()? {
        number += 1;
        if number.is_multiple_of(WORDS_PER_CHECK) {
            control.check()?;
        }
        visit(words.word(), words.count())?;
    }
    Ok(())
}

/// About what learning holds in bytes: in any case, for an id, for a word, and for a byte of a word.
///
/// Bounds of the growth of the resident set, measured for 1,000 to 100,000 ids. Random words, where
/// pairs are as many as they can be: 91,318 of 5.5 bytes take 17 to 28 MiB (bound: 21 to 33), 420,497
/// take 76 to 110 MiB (82 to 119), 1,000,000 of 16 bytes 427 to 462 MiB (440 to 477); 4,000,001 of
/// 5.7 bytes with counts as in a language 490 MiB (736 for 32,000 ids).
const NEED_ALWAYS: u64 = 4 << 20;
const NEED_PER_ID: u64 = 400;
const NEED_PER_WORD: u64 = 40;
const NEED_PER_BYTE: u64 = 26;

/// What learning from some words would hold.
#[derive(Debug)]
struct Need {
    limits: Limits,
    /// bytes and words, all that are frequent enough
    bytes: u64,
    words: u64,
    /// the same by the place of the count's highest bit, for words of every count
    by_bits: [(u64, u64); 64],
}

impl Need {
    fn new(limits: Limits) -> Self {
        let bytes = NEED_ALWAYS + NEED_PER_ID * u64::from(limits.num_ids);
        Self { limits, bytes, words: 0, by_bits: [(0, 0); 64] }
    }

    /// Take note of a word; whether learning from all so far would fit.
    fn add(&mut self, word: &[u8], count: u64) -> bool {
        let bytes = NEED_PER_WORD + NEED_PER_BYTE * word.len() as u64;
        let (all_bytes, all_words) = &mut self.by_bits[count.max(1).ilog2() as usize];
        *all_bytes += bytes;
        *all_words += 1;
        if count >= self.limits.min_word_count {
            self.bytes += bytes;
            self.words += 1;
        }
        self.fits()
    }

    fn fits(&self) -> bool {
        self.limits.memory.is_none_or(|memory| self.bytes <= memory)
    }

    fn check(&self) -> Result<()> {
        let Some(memory) = self.limits.memory.filter(|_| !self.fits()) else { return Ok(()) };
        let always = NEED_ALWAYS + NEED_PER_ID * u64::from(self.limits.num_ids);
        let bytes_from =
            |bits: usize| always + self.by_bits[bits..].iter().map(|b| b.0).sum::<u64>();
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let or_else = (1..64).find(|&bits| bytes_from(bits) <= memory).map(|bits| {
            let dropped: u64 = self.by_bits[..bits].iter().map(|b| b.1).sum();
            format!(
                ", or leave out rare words, which may change the merges: --min-word-count {} leaves \
                 out {dropped}",
                1_u64 << bits
            )
        });
        Err(Error::Argument(format!(
            "learning holds {} distinct words in memory, about {} MiB, and the limit is {}: raise \
             it to --max-memory {}MiB{}",
            self.words,
            mib(self.bytes),
            if memory < 1 << 20 {
                format!("{memory} bytes")
            } else {
                format!("{} MiB", memory >> 20)
            },
            mib(self.bytes),
            or_else.unwrap_or_default(),
        )))
    }
}
