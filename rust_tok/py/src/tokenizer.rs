//! The tokenizer as Python sees it; `primetone.Tokenizer` wraps it with files and defaults.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rust_tok as core;
use rust_tok::control::Control;
use rust_tok::count::file::Pieces;
use rust_tok::encode::Dropout;
use rust_tok::learn::Tie;
use rust_tok::split::Scheme;
use rust_tok::tokenizer::{CharacterWords, ListUnit, Listing, Order, Units};
use rust_tok::{Error, Splitter};

use crate::counts::Counts;
use crate::door::{enter, quick, released};
use crate::encoding::{AllowedSpecial, Dtype, Unit, long_or_quick};
use crate::learning::{LearnLimits, LearnOptions, report};
use crate::text::{Text, Texts};

/// Text to ids and back. Immutable.
#[pyclass(frozen, module = "primetone._rust_tok")]
pub(crate) struct Tokenizer(pub(crate) core::Tokenizer);

pub(crate) fn splitter(split: Option<&str>, pattern: Option<&str>) -> core::Result<Splitter> {
    match (split, pattern) {
        (_, Some(pattern)) => Splitter::pattern(pattern),
        (Some(name), None) => Scheme::of_name(name).map(Splitter::scheme).ok_or_else(|| {
            let known: Vec<_> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
            Error::Pattern(format!(
                "split must be one of {}; found {name:?} (a pattern of your own goes into pattern=)",
                known.join(", ")
            ))
        }),
        (None, None) => Err(Error::Pattern("give a split or a pattern".to_owned())),
    }
}

#[pymethods]
impl Tokenizer {
    /// Learn byte-level BPE from word counts: (tokenizer, report).
    #[staticmethod]
    #[pyo3(signature = (counts, *, vocab_size, specials, options, limits, threads, progress))]
    #[expect(clippy::too_many_arguments, reason = "all of them are named in Python")]
    fn learn_bpe<'py>(
        py: Python<'py>,
        counts: &Counts,
        vocab_size: u32,
        specials: Vec<String>,
        options: LearnOptions,
        limits: LearnLimits,
        threads: usize,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let options = quick(py, |_| options.into_core(threads))?;
        let (tokenizer, learnt, loaded) =
            enter(py, &Control::default(), progress.as_ref(), |control| {
                let loaded = counts.0.load(limits.into_core(vocab_size), options.tie, control)?;
                let splitter = loaded.splitter()?;
                let words = &loaded.words;
                let (tokenizer, learnt) = core::Tokenizer::learn(
                    words, vocab_size, &specials, splitter, &options, control,
                )?;
                Ok((tokenizer, learnt, loaded))
            })?;
        Ok((Self(tokenizer), report(py, &learnt, &loaded)?))
    }

    /// This tokenizer with more merges, learnt from word counts of its split: (tokenizer, report).
    #[pyo3(signature = (counts, *, vocab_size, options, limits, threads, progress))]
    #[expect(clippy::too_many_arguments, reason = "all of them are named in Python")]
    fn extend_bpe<'py>(
        &self,
        py: Python<'py>,
        counts: &Counts,
        vocab_size: u32,
        options: LearnOptions,
        limits: LearnLimits,
        threads: usize,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let options = quick(py, |_| options.into_core(threads))?;
        let (tokenizer, learnt, loaded) =
            enter(py, &Control::default(), progress.as_ref(), |control| {
                if let Some(splitter) = self.0.splitter() {
                    let pieces = Pieces::of(splitter);
                    pieces.require_same(counts.0.pieces(), "the tokenizer", "the counts")?;
                }
                let loaded = counts.0.load(limits.into_core(vocab_size), options.tie, control)?;
                let (tokenizer, learnt) =
                    self.0.extend(&loaded.words, vocab_size, &options, control)?;
                Ok((tokenizer, learnt, loaded))
            })?;
        Ok((Self(tokenizer), report(py, &learnt, &loaded)?))
    }

    /// Learn words of characters from the counts of pieces: (tokenizer, report).
    #[staticmethod]
    #[pyo3(signature = (
        counts, *, vocab_size, specials, lowercase, unknown, options, limits, threads, progress
    ))]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the Python method")]
    fn learn_characters<'py>(
        py: Python<'py>,
        counts: &Counts,
        vocab_size: u32,
        specials: Vec<String>,
        lowercase: bool,
        unknown: Option<&str>,
        options: LearnOptions,
        limits: LearnLimits,
        threads: usize,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let options = quick(py, |_| options.into_core(threads))?;
        let words = CharacterWords { lowercase, unknown };
        let (tokenizer, learnt, loaded) =
            enter(py, &Control::default(), progress.as_ref(), |control| {
                let loaded = counts.0.load(limits.into_core(vocab_size), options.tie, control)?;
                let (tokenizer, learnt) = core::Tokenizer::learn_characters(
                    &loaded.words,
                    vocab_size,
                    &specials,
                    words,
                    &options,
                    control,
                )?;
                Ok((tokenizer, learnt, loaded))
            })?;
        Ok((Self(tokenizer), report(py, &learnt, &loaded)?))
    }

    /// A word tokenizer of the most frequent words: (tokenizer, report).
    #[staticmethod]
    #[pyo3(signature = (counts, *, vocab_size, specials, limits, progress))]
    fn learn_words<'py>(
        py: Python<'py>,
        counts: &Counts,
        vocab_size: u32,
        specials: Vec<String>,
        limits: LearnLimits,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let (tokenizer, learnt, loaded) =
            enter(py, &Control::default(), progress.as_ref(), |control| {
                let loaded =
                    counts.0.load(limits.into_core(vocab_size), Tie::default(), control)?;
                let splitter = loaded.splitter()?;
                let words = &loaded.words;
                let (tokenizer, learnt) =
                    core::Tokenizer::learn_words(words, vocab_size, &specials, splitter)?;
                Ok((tokenizer, learnt, loaded))
            })?;
        Ok((Self(tokenizer), report(py, &learnt, &loaded)?))
    }

    /// A closed list of words or characters from their counts: (tokenizer, report).
    #[staticmethod]
    #[pyo3(signature = (counts, *, max_words, unit, order, seed, limits, progress))]
    #[expect(clippy::too_many_arguments, reason = "all of them are named in Python")]
    fn list_words<'py>(
        py: Python<'py>,
        counts: &Counts,
        max_words: u32,
        unit: &str,
        order: &str,
        seed: u64,
        limits: LearnLimits,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let unit = if unit == "char" { ListUnit::Character } else { ListUnit::Word };
        let order = match order {
            "first-seen" => Order::FirstSeen,
            "shuffled" => Order::Shuffled(seed),
            _ => Order::Frequency,
        };
        let listing = Listing { unit, order, max_words };
        let (tokenizer, found) = enter(py, &Control::default(), progress.as_ref(), |control| {
            core::Tokenizer::list(&counts.0, limits.into_core(max_words), listing, control)
        })?;
        let dict = PyDict::new(py);
        dict.set_item("num_bytes", found.num_bytes)?;
        dict.set_item("num_distinct", found.num_distinct)?;
        dict.set_item("num_words", found.num_words)?;
        dict.set_item("num_listed", found.num_listed)?;
        dict.set_item("num_known", found.num_known)?;
        Ok((Self(tokenizer), dict))
    }

    /// The tokenizer of the first `vocab_size` ids.
    fn prefix(&self, py: Python<'_>, vocab_size: u32) -> PyResult<Self> {
        quick(py, |_| self.0.prefix(vocab_size)).map(Self)
    }

    /// A byte tokenizer: the specials, then the 256 bytes.
    #[staticmethod]
    #[pyo3(signature = (*, specials))]
    fn byte_tokenizer(py: Python<'_>, specials: Vec<String>) -> PyResult<Self> {
        quick(py, |_| core::Tokenizer::bytes(&specials)).map(Self)
    }

    /// A character tokenizer: the specials, then the characters of `alphabet` in order.
    #[staticmethod]
    #[pyo3(signature = (alphabet, *, specials, unknown))]
    fn characters(
        py: Python<'_>,
        alphabet: &str,
        specials: Vec<String>,
        unknown: Option<&str>,
    ) -> PyResult<Self> {
        quick(py, |_| core::Tokenizer::characters(alphabet, &specials, unknown)).map(Self)
    }

    /// "bpe", "byte", "char" or "word".
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind().name()
    }

    /// One more than the largest id.
    #[getter]
    fn vocab_size(&self) -> usize {
        self.0.vocab().len()
    }

    /// 32 hexadecimal digits that name the content.
    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    /// The name of the split scheme, "custom", or None for a character tokenizer.
    #[getter]
    fn split(&self) -> Option<&'static str> {
        self.0.splitter().map(Splitter::name)
    }

    /// The split pattern, if there is one.
    #[getter]
    fn pattern(&self) -> Option<&str> {
        self.0.splitter().and_then(Splitter::pattern_text)
    }

    /// (name, id) of the special tokens, by id.
    #[getter]
    fn specials(&self) -> Vec<(String, u32)> {
        self.0.vocab().specials().to_vec()
    }

    /// The id of characters outside the alphabet, if there is one.
    #[getter]
    fn unknown_id(&self) -> Option<u32> {
        self.0.unknown_id()
    }

    /// "bytes", "characters" or "words".
    #[getter]
    fn units(&self) -> &'static str {
        match self.0.units() {
            Units::Bytes => "bytes",
            Units::Characters | Units::Words { .. } => "characters",
            Units::List => "words",
        }
    }

    /// Whether words are lower-cased.
    #[getter]
    fn lowercase(&self) -> bool {
        matches!(self.0.units(), Units::Words { lowercase: true } | Units::List)
    }

    /// The id of the mark after a word, if there is one.
    #[getter]
    fn end_of_word_id(&self) -> Option<u32> {
        self.0.end_of_word_id()
    }

    /// How often the pair of each merge occurred when it was learnt, if that is known.
    fn merge_counts<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<u64>>> {
        self.0.merge_counts().map(|counts| PyArray1::from_slice(py, counts))
    }

    /// The same tokenizer with these counts of its merges.
    fn with_merge_counts(
        &self,
        py: Python<'_>,
        counts: PyReadonlyArray1<'_, u64>,
    ) -> PyResult<Self> {
        let counts = counts.as_array().to_vec();
        quick(py, |_| self.0.clone().with_merge_counts(counts)).map(Self)
    }

    /// The same tokens and merges under new ids, in the order that lists of ranks need, and the new id
    /// of each old one (None for a hole).
    fn renumbered(&self, py: Python<'_>) -> PyResult<(Self, Vec<Option<u32>>)> {
        let (tokenizer, new_ids) = quick(py, |_| self.0.renumbered())?;
        Ok((Self(tokenizer), new_ids))
    }

    /// The number of merges.
    #[getter]
    fn num_merges(&self) -> usize {
        self.0.merges().len()
    }

    /// (left, right, id) of every merge, in order.
    fn merges(&self) -> Vec<(u32, u32, u32)> {
        self.0.merges().iter().map(|merge| (merge.left, merge.right, merge.id)).collect()
    }

    /// The ids of one text.
    #[pyo3(signature = (text, *, allowed_special, dropout, seed, dtype))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: Text,
        allowed_special: AllowedSpecial,
        dropout: f64,
        seed: u64,
        dtype: Dtype,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (texts, width) = ([text.bytes()], quick(py, |_| dtype.width(&self.0))?);
        let batch = long_or_quick(py, texts[0].len(), |control| {
            let dropout = Dropout::new(dropout, seed)?;
            self.0.encode_batch(&texts, &allowed_special.into_core()?, dropout, 1, control)
        })?;
        Ok(width.array(py, batch.ids))
    }

    /// How many bytes at the beginning of a text have ids that nothing that follows can change.
    fn settled_bytes(&self, py: Python<'_>, text: &[u8]) -> PyResult<usize> {
        released(py, || Ok(self.0.certain(text)))
    }

    /// The ids of several texts, one after the other, and where each begins.
    #[pyo3(signature = (texts, *, allowed_special, dropout, seed, dtype, threads))]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the Python method")]
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        texts: Texts,
        allowed_special: AllowedSpecial,
        dropout: f64,
        seed: u64,
        dtype: Dtype,
        threads: usize,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<u64>>)> {
        let (texts, num_bytes) = (texts.slices(), texts.num_bytes());
        let width = quick(py, |_| dtype.width(&self.0))?;
        let batch = long_or_quick(py, num_bytes, |control| {
            let dropout = Dropout::new(dropout, seed)?;
            self.0.encode_batch(&texts, &allowed_special.into_core()?, dropout, threads, control)
        })?;
        Ok((width.array(py, batch.ids), PyArray1::from_vec(py, batch.offsets)))
    }

    /// The ids of one text, and where each begins and ends, flat; `unit` is "bytes" or "characters".
    #[pyo3(signature = (text, *, allowed_special, unit, dtype))]
    fn encode_with_offsets<'py>(
        &self,
        py: Python<'py>,
        text: Text,
        allowed_special: AllowedSpecial,
        unit: Unit,
        dtype: Dtype,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<u64>>)> {
        let width = quick(py, |_| dtype.width(&self.0))?;
        let encoded = long_or_quick(py, text.bytes().len(), |control| {
            let allowed = allowed_special.into_core()?;
            self.0.encode_with_spans(text.bytes(), &allowed, unit.into_core()?, control)
        })?;
        let spans = encoded.spans.into_flattened();
        Ok((width.array(py, encoded.ids), PyArray1::from_vec(py, spans)))
    }

    /// How many ids each of several texts has.
    #[pyo3(signature = (texts, *, allowed_special, threads))]
    fn count_batch<'py>(
        &self,
        py: Python<'py>,
        texts: Texts,
        allowed_special: AllowedSpecial,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let (texts, num_bytes) = (texts.slices(), texts.num_bytes());
        let counts = long_or_quick(py, num_bytes, |control| {
            self.0.count_batch(&texts, &allowed_special.into_core()?, threads, control)
        })?;
        Ok(PyArray1::from_vec(py, counts))
    }

    /// How many ids a text has, or None once that is sure to be more than `limit`.
    #[pyo3(signature = (text, *, allowed_special, limit))]
    fn count_until(
        &self,
        py: Python<'_>,
        text: Text,
        allowed_special: AllowedSpecial,
        limit: u64,
    ) -> PyResult<Option<u64>> {
        long_or_quick(py, text.bytes().len(), |control| {
            self.0.count_until(text.bytes(), &allowed_special.into_core()?, limit, control)
        })
    }

    /// The bytes that ids spell.
    fn decode_bytes<'py>(
        &self,
        py: Python<'py>,
        ids: PyReadonlyArray1<'py, u32>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let ids = ids.as_array();
        let decode = || self.0.decode(ids.iter().copied());
        let bytes = quick(py, |_| decode())?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The bytes of one token; the name of a special.
    fn token<'py>(&self, py: Python<'py>, id: i64) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, quick(py, |_| self.0.token(id))?))
    }

    /// The bytes of every token in the order of ids; ids without one are left out.
    fn tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let ids = 0..self.0.vocab().len() as u32;
        let tokens = ids.filter_map(|id| self.0.token(id).ok());
        PyList::new(py, tokens.map(|token| PyBytes::new(py, token)).collect::<Vec<_>>())
    }

    /// The id of the text token with these bytes.
    fn id_of(&self, token: &[u8]) -> Option<u32> {
        self.0.id_of(token)
    }

    /// How many bytes of text each id stands for; 0 for specials and holes.
    fn token_lengths<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        let vocab = self.0.vocab();
        let length = |id| vocab.text(id).map_or(0, |bytes| bytes.len() as u32);
        PyArray1::from_vec(py, (0..vocab.len() as u32).map(length).collect())
    }

    /// The pieces of a text.
    fn pieces<'py>(&self, py: Python<'py>, text: Text) -> Vec<Bound<'py, PyBytes>> {
        let splitter = self.0.splitter().cloned();
        let splitter = splitter.unwrap_or_else(|| Splitter::scheme(Scheme::None));
        splitter.pieces(text.bytes()).into_iter().map(|piece| PyBytes::new(py, piece)).collect()
    }
}
