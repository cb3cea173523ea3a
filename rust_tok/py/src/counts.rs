//! Word counts as Python sees them; `primetone.WordCounts` wraps them with files and defaults.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyString, PyTuple};
use rust_tok::control::Control;
use rust_tok::count::file::Summary;
use rust_tok::count::{self, Counter, Counting, Sorted, Spill, TextStream};

use crate::door::{beside, enter, quick};
use crate::text::Text;
use crate::tokenizer::splitter;

/// Texts are counted in batches of about this size for each thread, but at least of that size together:
/// two batches are in memory at a time.
const BATCH_BYTES_PER_THREAD: usize = 1 << 20;
const LEAST_BATCH_BYTES: usize = 2 << 20;

/// A batch also ends after this many texts, so that short ones do not pile up.
const BATCH_TEXTS: usize = 1 << 16;

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
    let goes_on = tuple.len() == 3 && tuple.get_item(2)?.extract()?;
    Ok(Item { text: tuple.get_item(0)?.extract()?, weight, goes_on })
}

/// Some items of an iterator.
fn batch(items: &mut Bound<'_, PyIterator>, batch_bytes: usize) -> PyResult<Vec<Item>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while bytes < batch_bytes
        && batch.len() < BATCH_TEXTS
        && let Some(given) = items.next()
    {
        batch.push(item(&given?)?);
        bytes += batch.last().map_or(0, |item| item.text.bytes().len());
    }
    Ok(batch)
}

/// Count one batch; whole documents as they stand, parts as far as they are ready.
fn count_batch(
    batch: &[Item],
    counting: &mut Counting,
    stream: &mut TextStream,
    control: &Control,
) -> rust_tok::Result<()> {
    let mut ready: Vec<(Option<Vec<u8>>, &Item)> = Vec::with_capacity(batch.len());
    for item in batch {
        if !item.goes_on && !stream.is_inside() {
            ready.push((None, item));
        } else if let Some(text) = stream.push(item.text.bytes(), item.goes_on)? {
            ready.push((Some(text), item));
        }
    }
    let texts: Vec<(&[u8], u64)> = ready
        .iter()
        .map(|(joined, item)| (joined.as_deref().unwrap_or(item.text.bytes()), item.weight))
        .collect();
    counting.add(&texts, control)
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
        // an eighth of the limit is for two batches and what is kept of a document
        let batch_bytes = LEAST_BATCH_BYTES.max(threads.saturating_mul(BATCH_BYTES_PER_THREAD));
        let batch_bytes =
            max_memory.map_or(batch_bytes, |limit| batch_bytes.min((limit / 64) as usize));
        let most_kept = max_memory.map_or(usize::MAX, |limit| (limit / 16) as usize);
        let mut counting = quick(py, |_| Counting::new(splitter.clone(), threads, spill))?;
        let mut stream = TextStream::new(splitter.clone(), most_kept);
        let mut texts = PyIterator::from_object(texts)?;
        let mut num_documents = 0_u64;
        let mut current = batch(&mut texts, batch_bytes)?;
        while !current.is_empty() {
            num_documents += current.iter().filter(|item| !item.goes_on).count() as u64;
            // the next batch is read while this one is counted
            let work = |control: &_| count_batch(&current, &mut counting, &mut stream, control);
            let read = || batch(&mut texts, batch_bytes);
            let ((), next) = beside(py, &control, progress.as_ref(), work, read)?;
            current = next;
        }
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
