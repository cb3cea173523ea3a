//! Overlap of two texts; `primetone.evaluation.overlap` gives the findings names and words.

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rust_tok::control::Control;
use rust_tok::overlap::{self, Found, Options, Repeats, SHARED, Spread, Stretch};

use crate::door::{enter, quick, released};
use crate::text::Texts;

/// A validation text that training texts are compared with.
#[pyclass(module = "primetone._rust_tok")]
pub(crate) struct Overlap(overlap::Overlap);

#[pymethods]
impl Overlap {
    #[new]
    #[pyo3(signature = (documents, *, characters, words, usual, likeness))]
    fn new(
        py: Python<'_>,
        documents: Texts,
        characters: Vec<usize>,
        words: Vec<usize>,
        usual: u32,
        likeness: f64,
    ) -> PyResult<Self> {
        let documents = documents.slices();
        let options = Options { characters, words, usual, likeness };
        let work = |control: &Control| overlap::Overlap::new(&documents, options, control);
        enter(py, &Control::default(), None, work).map(Self)
    }

    /// Compare the next documents of the training text.
    #[pyo3(signature = (documents, *, threads))]
    fn feed(&mut self, py: Python<'_>, documents: Texts, threads: usize) -> PyResult<()> {
        let documents = documents.slices();
        let overlap = &mut self.0;
        enter(py, &Control::default(), None, |control| overlap.feed(&documents, threads, control))
    }

    /// All that was found; of stretches the `most` longest of each kind of window.
    fn report<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyDict>> {
        let overlap = &self.0;
        let report = released(py, || Ok(overlap.report()))?;
        let tree = PyDict::new(py);
        let found = |found: &[Found], place: &dyn Fn(&Stretch) -> std::ops::Range<usize>| {
            found
                .iter()
                .map(|found| window_tree(py, found, most, place))
                .collect::<PyResult<Vec<_>>>()
        };
        tree.set_item(
            "characters",
            found(&report.characters, &|one| overlap.character_bytes(one))?,
        )?;
        tree.set_item("words", found(&report.words, &|one| overlap.word_bytes(one))?)?;
        tree.set_item("seen_documents", report.seen_documents)?;
        tree.set_item("seen_lines", report.seen_lines)?;
        let names =
            ["validation_documents", "validation_lines", "training_documents", "training_lines"];
        for (name, Repeats { total, repeats, is_estimate }) in names.iter().zip(report.repeats) {
            let side = PyDict::new(py);
            side.set_item("total", total)?;
            side.set_item("repeats", repeats)?;
            side.set_item("is_estimate", is_estimate)?;
            tree.set_item(name, side)?;
        }
        tree.set_item("copies", report.copies)?;
        let near = report.near.iter().map(|near| near.map(|near| (near.source, near.likeness)));
        tree.set_item("near", near.collect::<Vec<_>>())?;
        tree.set_item("character_shift", spread_tree(py, report.character_shift)?)?;
        tree.set_item("word_shift", spread_tree(py, report.word_shift)?)?;
        tree.set_item("training_bytes", report.training_bytes)?;
        Ok(tree)
    }

    /// Of every validation byte 1 where it stands in a seen window of that many characters.
    fn seen_bytes<'py>(
        &self,
        py: Python<'py>,
        size: usize,
    ) -> PyResult<Bound<'py, PyArray1<bool>>> {
        let overlap = &self.0;
        released(py, || overlap.seen_bytes(size)).map(|seen| seen.into_pyarray(py))
    }
}

fn window_tree<'py>(
    py: Python<'py>,
    found: &Found,
    most: usize,
    place: &dyn Fn(&Stretch) -> std::ops::Range<usize>,
) -> PyResult<Bound<'py, PyDict>> {
    let tree = PyDict::new(py);
    tree.set_item("size", found.size)?;
    tree.set_item("windows", found.windows)?;
    tree.set_item("seen", found.seen)?;
    tree.set_item("common", found.common)?;
    tree.set_item("longest", found.longest)?;
    let mut stretches: Vec<&Stretch> = found.stretches.iter().collect();
    stretches.sort_by_key(|one| (std::cmp::Reverse(one.units.len()), one.units.start));
    let rows = stretches.into_iter().take(most).map(|one| {
        let bytes = place(one);
        (
            one.document,
            bytes.start,
            bytes.end,
            one.units.len(),
            one.places,
            one.source,
            one.is_common,
        )
    });
    tree.set_item("stretches", rows.collect::<Vec<_>>())?;
    Ok(tree)
}

fn spread_tree(py: Python<'_>, spread: Spread) -> PyResult<Bound<'_, PyDict>> {
    let tree = PyDict::new(py);
    tree.set_item("total", spread.total)?;
    tree.set_item("different", spread.different)?;
    tree.set_item("unseen", spread.unseen)?;
    tree.set_item("unseen_different", spread.unseen_different)?;
    tree.set_item("divergence", spread.divergence)?;
    tree.set_item("most_unseen", spread.most_unseen)?;
    Ok(tree)
}

/// Documents that are kept together when a corpus is divided.
#[pyclass(module = "primetone._rust_tok")]
pub(crate) struct Clusters(overlap::Clusters);

#[pymethods]
impl Clusters {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        quick(py, |_| Ok(Self(overlap::Clusters::default())))
    }

    /// Characters that documents on two sides share only where they are common.
    #[classattr]
    const SHARED_CHARACTERS: usize = SHARED;

    /// Take the next documents in.
    #[pyo3(signature = (documents, *, threads))]
    fn feed(&mut self, py: Python<'_>, documents: Texts, threads: usize) -> PyResult<()> {
        let documents = documents.slices();
        let clusters = &mut self.0;
        enter(py, &Control::default(), None, |control| clusters.feed(&documents, threads, control))
    }

    /// Whether each document validates; clusters, documents of the largest, common windows.
    #[pyo3(signature = (fraction, *, usual, likeness))]
    fn divide(
        &mut self,
        py: Python<'_>,
        fraction: f64,
        usual: u32,
        likeness: f64,
    ) -> PyResult<(Vec<bool>, usize, usize, u64)> {
        let clusters = &mut self.0;
        let work = |control: &Control| clusters.divide(fraction, usual, likeness, control);
        enter(py, &Control::default(), None, work)
            .map(|made| (made.validates, made.num_clusters, made.largest_cluster, made.common))
    }
}
