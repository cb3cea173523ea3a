//! Reading a training text beside a validation text: slices for threads, and what each slice gives.

use std::ops::Range;

use super::Known;
use super::minhash::{SHINGLE, Signature, shingle};
use super::repeats::digest;
use super::shift::Tally;
use super::units::{each_word, read_characters, word_hash};
use super::windows::Beginnings;

/// Bytes of a text that one thread reads at once.
const SLICE: usize = 1 << 17;
/// A word that the validation text does not have.
const STRANGER: u32 = u32::MAX;

/// A stretch of one document.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) document: usize,
    pub(super) range: Range<usize>,
}

/// Documents in slices, short ones together.
pub(super) fn slices(documents: &[&[u8]]) -> Vec<Vec<Slice>> {
    let mut units = Vec::new();
    let mut open = Vec::new();
    let mut filled = 0;
    for (document, bytes) in documents.iter().enumerate() {
        let mut start = 0;
        loop {
            let end = bytes.len().min(start + SLICE);
            filled += end - start + 1;
            open.push(Slice { document, range: start..end });
            if filled >= SLICE {
                units.push(std::mem::take(&mut open));
                filled = 0;
            }
            start = end;
            if start == bytes.len() {
                break;
            }
        }
    }
    if !open.is_empty() {
        units.push(open);
    }
    units
}

/// What a slice says of its document.
#[derive(Default)]
pub(super) struct Traits {
    /// of the whole document, from the slice that begins it
    pub(super) document: Option<u128>,
    pub(super) lines: Vec<u128>,
    /// None of a slice in which no shingle begins
    pub(super) signature: Option<Signature>,
}

impl Traits {
    pub(super) fn join(&mut self, next: Self) {
        self.document = self.document.or(next.document);
        self.lines.extend(next.lines);
        match (&mut self.signature, next.signature) {
            (Some(own), Some(other)) => own.join(&other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }
}

/// Digests of the lines that begin in a range and are not blank.
fn lines(bytes: &[u8], range: Range<usize>) -> Vec<u128> {
    let mut found = Vec::new();
    let mut at = range.start;
    if at > 0 && bytes[at - 1] != b'\n' {
        at = memchr::memchr(b'\n', &bytes[range.clone()]).map_or(range.end, |feed| at + feed + 1);
    }
    while at < range.end {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |feed| at + feed);
        let line = bytes[at..end].trim_ascii();
        if !line.is_empty() {
            found.push(digest(line));
        }
        at = end + 1;
    }
    found
}

/// The words of a slice, as many as shingles and windows need.
#[derive(Default)]
pub(super) struct Words {
    pub(super) hashes: Vec<u64>,
    pub(super) places: Vec<Range<usize>>,
    pub(super) own: usize,
}

impl Words {
    /// Read the words that begin in a range and `more`; `take` sees them all.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        range: &Range<usize>,
        more: usize,
        mut take: impl FnMut(&[u8], u64),
    ) {
        self.hashes.clear();
        self.places.clear();
        each_word(bytes, range.clone(), more, |word| {
            let hash = word_hash(word.letters);
            self.hashes.push(hash);
            self.places.push(word.place.clone());
            take(word.letters, hash);
        });
        self.own = self.places.partition_point(|place| place.start < range.end);
    }

    /// The signature of the shingles that begin in the slice; a document of fewer words is one shingle.
    fn signature(&self, is_whole: bool) -> Option<Signature> {
        let mut signature = Signature::default();
        if self.hashes.len() < SHINGLE {
            if !is_whole || self.hashes.is_empty() {
                return None;
            }
            signature.add(shingle(&self.hashes));
            return Some(signature);
        }
        for words in self.hashes.windows(SHINGLE).take(self.own) {
            signature.add(shingle(words));
        }
        (self.own > 0).then_some(signature)
    }

    /// What there is to know of a slice whose words have been read.
    pub(super) fn traits(&self, bytes: &[u8], range: &Range<usize>) -> Traits {
        Traits {
            document: (range.start == 0).then(|| digest(bytes)),
            lines: lines(bytes, range.clone()),
            signature: self.signature(*range == (0..bytes.len())),
        }
    }
}

/// One thread's part of reading the training text.
pub(super) struct Reader {
    pub(super) words: Tally,
    pub(super) characters: Tally,
    /// by the number of the document within the batch, then where the slice begins
    pub(super) traits: Vec<(usize, usize, Traits)>,
    units: Vec<u32>,
    numbers: Vec<u32>,
    found: Words,
    beginnings: Beginnings,
}

impl Reader {
    pub(super) fn new(known: &Known) -> Self {
        Self {
            words: Tally::of(known.lexicon.len()),
            characters: Tally::of(known.alphabet.len()),
            traits: Vec::new(),
            units: Vec::new(),
            numbers: Vec::new(),
            found: Words::default(),
            beginnings: Beginnings::default(),
        }
    }

    /// Compare a slice with what is known; `source` is the document's number over all batches.
    pub(super) fn read(&mut self, known: &Known, bytes: &[u8], slice: &Slice, source: u32) {
        let range = &slice.range;
        let more = known.characters.largest().saturating_sub(1);
        let own = read_characters(bytes, range.clone(), more, &mut self.units);
        known.characters.note(&self.units, own, source, &mut self.beginnings);
        for &unit in &self.units[..own] {
            self.characters.add(known.alphabet.number(unit));
        }
        let more = known.words.largest().max(SHINGLE) - 1;
        let numbers = &mut self.numbers;
        numbers.clear();
        self.found.read(bytes, range, more, |letters, hash| {
            numbers.push(known.lexicon.number(letters, hash).unwrap_or(STRANGER));
        });
        let own = self.found.own;
        known.words.note(&self.numbers, own, source, &mut self.beginnings);
        for &number in &self.numbers[..own] {
            self.words.add(Some(number));
        }
        let traits = self.found.traits(bytes, range);
        self.traits.push((slice.document, range.start, traits));
    }
}
