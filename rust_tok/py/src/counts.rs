//! Word counts as Python sees them; `primetone.WordCounts` wraps them with files and defaults.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyString, PyTuple};
use rust_tok::control::Control;
use rust_tok::count::file::Summary;
use rust_tok::count::{self, Counter, Counting, Feed, Sorted, Spill, TextStream};

use crate::door::{LOOK_EVERY, Lookout, beside, enter, quick};
use crate::errors::to_python;
use crate::text::Text;
use crate::tokenizer::splitter;

/// Texts are handed on in batches of about this size.
const BATCH_BYTES: usize = 256 << 10;

/// So much text is on its way for each thread, ...
const BYTES_PER_THREAD: usize = 1 << 20;

/// ... and at least so much in all.
const LEAST_BYTES: usize = 3 << 20;

/// A batch also ends after this many texts, so that short ones do not pile up.
const BATCH_TEXTS: usize = 1 << 16;

/// Have all threads share one arena of the allocator from now on, where address space is dear.
#[pyfunction]
pub(crate) fn share_one_arena() {
    rust_tok::share_one_arena();
}

/// Word counts, in memory or in files. Immutable.
#[pyclass(frozen, module = "primetone._rust_tok")]
pub(crate) struct Counts(pub(crate) count::Counts);

/// A text to count, or a part of one.
struct Item {
    text: Text,
    weight: u64,
    /// the next item goes on with the same document
    goes_on: bool,
}

/// A `str` or `bytes`; (text, weight); or (text, weight, goes on) for the parts of a document.
fn item(given: &Bound<'_, PyAny>) -> PyResult<Item> {
    let Ok(tuple) = given.cast::<PyTuple>() else {
        return Ok(Item { text: given.extract()?, weight: 1, goes_on: false });
    };
    let refuse = |found: &str| {
        let message =
            format!("expected (text, weight) with a weight of 0 to 2^64 - 1, found {found}");
        PyErr::new::<pyo3::exceptions::PyTypeError, _>(message)
    };
    if !(2..=3).contains(&tuple.len()) {
        return Err(refuse(&format!("{} values", tuple.len())));
    }
    let weight = tuple.get_item(1)?;
    let weight = weight.extract().map_err(|_| {
        refuse(
            &weight
                .repr()
                .map_or_else(|_| String::new(), |repr: Bound<'_, PyString>| repr.to_string()),
        )
    })?;
    let goes_on =
        tuple.len() == 3 && tuple.get_item(2)?.extract().map_err(|_| refuse("3 values"))?;
    Ok(Item { text: tuple.get_item(0)?.extract()?, weight, goes_on })
}

/// A text that is ready to be counted: as it was given, or joined from parts.
enum Ready {
    Given(Text),
    Joined(Vec<u8>),
}

impl AsRef<[u8]> for Ready {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Given(text) => text.bytes(),
            Self::Joined(bytes) => bytes,
        }
    }
}

/// Reads texts and parts of texts from Python, as far as they are ready to be counted.
struct Reader<'py> {
    items: Bound<'py, PyIterator>,
    stream: TextStream,
    batch_bytes: usize,
    num_documents: u64,
}

impl Reader<'_> {
    /// The next texts with their weights, and whether there may be more.
    fn batch(&mut self) -> PyResult<(Vec<(Ready, u64)>, bool)> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for _ in 0..BATCH_TEXTS {
            let Some(given) = self.items.next() else { return Ok((batch, false)) };
            let given = given?;
            let Item { text, weight, goes_on } = item(&given)?;
            self.num_documents += u64::from(!goes_on);
            bytes += text.bytes().len();
            if !goes_on && !self.stream.is_inside() {
                batch.push((Ready::Given(text), weight));
            } else if let Some(text) = self
                .stream
                .push(text.bytes(), goes_on)
                .map_err(|error| to_python(given.py(), &error))?
            {
                batch.push((Ready::Joined(text), weight));
            }
            if bytes >= self.batch_bytes {
                break;
            }
        }
        Ok((batch, true))
    }

    /// Read all texts into `feed`, and end it.
    fn read(&mut self, feed: &Feed<Ready>, mut lookout: Lookout<'_>) -> PyResult<()> {
        let _ending = Ending(feed);
        let py = self.items.py();
        loop {
            let (batch, goes_on) = self.batch()?;
            lookout.look(py)?;
            let is_counting = feed.push(batch);
            if !goes_on || !is_counting {
                return Ok(());
            }
            if !feed.has_room(Duration::ZERO) {
                while !py.detach(|| feed.has_room(LOOK_EVERY)) {
                    lookout.look(py)?;
                }
            }
        }
    }
}

/// Ends a feed however reading ends, so that nobody waits for it.
struct Ending<'f>(&'f Feed<Ready>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn totals<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("num_words", summary.num_words)?;
    dict.set_item("num_pieces", summary.num_pieces)?;
    dict.set_item("num_bytes", summary.num_bytes)?;
    dict.set_item("fingerprint", &summary.fingerprint)?;
    dict.set_item("shards", &summary.shards)?;
    Ok(dict)
}

#[pymethods]
impl Counts {
    /// Count the pieces of an iterable of texts, weighted texts and parts of texts: (counts, report).
    ///
    /// With `max_memory` (bytes) tables that grow beyond it are written into `folder`.
    #[staticmethod]
    #[pyo3(signature = (
        texts, *, split, pattern, threads, max_memory, folder, shard, total_bytes, progress
    ))]
    #[expect(clippy::too_many_arguments, reason = "all of them are named in Python")]
    fn count<'py>(
        texts: &Bound<'py, PyAny>,
        split: Option<&str>,
        pattern: Option<&str>,
        threads: usize,
        max_memory: Option<u64>,
        folder: Option<PathBuf>,
        shard: Option<String>,
        total_bytes: u64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let py = texts.py();
        let splitter = quick(py, |_| splitter(split, pattern))?;
        let control = Control::default();
        Counter::begin(&control, total_bytes);
        let spill = max_memory.zip(folder).map(|(limit, folder)| Spill { limit, folder });
        // an eighth of the limit is for what is on its way, two batches more, and what is kept of a document
        let most_bytes = LEAST_BYTES.max(threads.saturating_mul(BYTES_PER_THREAD));
        let most_bytes =
            max_memory.map_or(most_bytes, |limit| most_bytes.min((limit / 64) as usize));
        let most_kept = max_memory.map_or(usize::MAX, |limit| (limit / 16) as usize);
        // within a limit a batch is counted as a whole: it must have enough for all threads
        let batch_bytes =
            if spill.is_some() { most_bytes / 2 } else { BATCH_BYTES.min(most_bytes) };
        let mut counting = quick(py, |_| Counting::new(splitter.clone(), threads, spill))?;
        let mut reader = Reader {
            items: PyIterator::from_object(texts)?,
            stream: TextStream::new(splitter.clone(), most_kept),
            batch_bytes,
            num_documents: 0,
        };
        // texts are read while others are counted
        let feed = Feed::new(splitter.clone(), most_bytes);
        let work = |control: &_| counting.add_all(&feed, control);
        let read = |lookout: Lookout<'_>| reader.read(&feed, lookout);
        beside(py, &control, progress.as_ref(), work, read)?;
        let num_documents = reader.num_documents;
        let (counts, spilled_bytes) = enter(py, &control, progress.as_ref(), |control| {
            let counted = counting.finish(control)?;
            let spilled_bytes = counted.spilled_bytes;
            let counts = count::Counts::new(&splitter, counted, shard, control)?;
            Ok((counts, spilled_bytes))
        })?;
        let report = PyDict::new(py);
        report.set_item("num_documents", num_documents)?;
        report.set_item("spilled_bytes", spilled_bytes)?;
        Ok((Self(counts), report))
    }

    /// The counts of a file.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        quick(py, |_| count::Counts::open(&path)).map(Self)
    }

    /// The sum of named counts; `folder` is for what has to be merged beforehand.
    #[staticmethod]
    #[pyo3(signature = (parts, *, folder))]
    fn sum(
        py: Python<'_>,
        parts: Vec<(String, Py<Self>)>,
        folder: Option<PathBuf>,
    ) -> PyResult<Self> {
        let parts: Vec<(String, &count::Counts)> =
            parts.iter().map(|(name, counts)| (name.clone(), &counts.get().0)).collect();
        enter(py, &Control::default(), None, |control| {
            count::Counts::sum(&parts, folder.as_deref(), control)
        })
        .map(Self)
    }

    /// Write a counts file over `path`; the caller syncs it.
    #[pyo3(signature = (path, *, progress))]
    fn write(&self, py: Python<'_>, path: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<()> {
        enter(py, &Control::default(), progress.as_ref(), |control| self.0.write(&path, control))
    }

    /// Totals, fingerprint and shards; may read everything.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let summary = enter(py, &Control::default(), None, |control| self.0.summary(control))?;
        totals(py, summary)
    }

    /// Every word with its count, in ascending order.
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let mut words = quick(py, |_| self.0.sorted())?;
        while quick(py, |_| words.advance())? {
            dict.set_item(PyBytes::new(py, words.word()), words.count())?;
        }
        Ok(dict)
    }

    /// The name of the split scheme, or "custom".
    #[getter]
    fn split(&self) -> &str {
        &self.0.pieces().split
    }

    /// The split pattern, if it is a custom one.
    #[getter]
    fn pattern(&self) -> Option<&str> {
        self.0.pieces().pattern.as_deref()
    }

    /// The Unicode version that the texts were split with.
    #[getter]
    fn unicode_version(&self) -> &str {
        &self.0.pieces().unicode
    }
}
