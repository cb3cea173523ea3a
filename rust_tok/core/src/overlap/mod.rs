//! What a validation text shares with a training text: copies, long runs, near duplicates, and how far apart
//! their words and characters are.
//!
//! The validation text is held and indexed; the training text passes by once, in batches of documents. Time is
//! linear in both, memory in the validation text alone. Nothing depends on threads or on how the training text
//! is batched.

#![expect(clippy::cast_precision_loss, reason = "counts of text are below 2^53")]

mod clusters;
mod minhash;
mod reading;
mod repeats;
mod shift;
mod units;
mod windows;

use std::ops::Range;

pub use clusters::{Clusters, Division, SHARED};
pub use minhash::Near;
pub use repeats::Repeats;
pub use shift::Spread;
pub use windows::{Found, Stretch};

use crate::control::Control;
use crate::parallel::share_out;
use crate::{Error, Result};
use minhash::{Nearest, SHINGLE};
use reading::{Reader, Slice, Traits, Words, slices};
use repeats::{Distinct, Shared};
use shift::{Alphabet, Lexicon, Tally};
use units::unit_at;
use windows::Windows;

/// Units of the longest window.
pub const LONGEST_WINDOW: usize = 1 << 16;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// windows of characters as they are; ascending
    pub characters: Vec<usize>,
    /// windows of words in lower case; ascending
    pub words: Vec<usize>,
    /// a window in more places of the training text than this is common: a phrase, a header, a licence
    pub usual: u32,
    /// least likeness of near duplicates, 0 to 1
    pub likeness: f64,
}

/// What the training text is compared with.
pub(crate) struct Known {
    characters: Windows,
    words: Windows,
    alphabet: Alphabet,
    lexicon: Lexicon,
}

/// A validation text, and what has been seen of it in a training text.
pub struct Overlap {
    options: Options,
    known: Known,
    /// bytes of each validation document
    lengths: Vec<usize>,
    /// where in its document each character begins
    character_places: Vec<u32>,
    word_places: Vec<Range<u32>>,
    own_characters: Tally,
    own_words: Tally,
    characters: Tally,
    words: Tally,
    documents: Shared,
    lines: Shared,
    nearest: Nearest,
    own_documents: Distinct,
    own_lines: Distinct,
    training_documents: Distinct,
    training_lines: Distinct,
    num_documents: u32,
    num_bytes: u64,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// by size
    pub characters: Vec<Found>,
    /// by size
    pub words: Vec<Found>,
    /// validation documents that stand in the training text
    pub seen_documents: u64,
    /// validation lines that stand in the training text
    pub seen_lines: u64,
    /// what each side repeats of itself: validation documents and lines, then training documents and lines
    pub repeats: [Repeats; 4],
    /// for each validation document whether it stands in the training text, whole
    pub copies: Vec<bool>,
    /// for each validation document its near duplicate
    pub near: Vec<Option<Near>>,
    /// how far the characters are from those of the training text
    pub character_shift: Spread,
    /// how far the words are from those of the training text
    pub word_shift: Spread,
    /// bytes of the training text
    pub training_bytes: u64,
}

impl Overlap {
    /// Index a validation text.
    ///
    /// # Errors
    /// [`Error::Argument`] for sizes that do not ascend or a likeness outside 0 to 1, [`Error::Text`] for no text or
    /// a document of 4 GiB, [`Error::Interrupted`].
    pub fn new(documents: &[&[u8]], options: Options, control: &Control) -> Result<Self> {
        check(&options)?;
        if documents.iter().all(|bytes| bytes.is_empty()) {
            return Err(Error::Text("the validation text is empty: expected some text".to_owned()));
        }
        if documents.iter().any(|bytes| u32::try_from(bytes.len()).is_err()) {
            return Err(Error::Text(
                "expected validation documents of less than 4 GiB: divide them".to_owned(),
            ));
        }
        let (mut alphabet, mut lexicon) = (Alphabet::default(), Lexicon::default());
        let (mut units, mut character_places) = (Vec::new(), Vec::new());
        let (mut numbers, mut word_places) = (Vec::new(), Vec::new());
        let (mut character_starts, mut word_starts) = (vec![0], vec![0]);
        let (mut shared_documents, mut shared_lines) = (Shared::default(), Shared::default());
        let (mut own_documents, mut own_lines) = (Distinct::default(), Distinct::default());
        let mut nearest = Nearest::default();
        let mut found = Words::default();
        for bytes in documents {
            control.check()?;
            let mut at = 0;
            while at < bytes.len() {
                let (unit, length) = unit_at(bytes, at);
                alphabet.add(unit);
                units.push(unit);
                character_places.push(at as u32);
                at += length;
            }
            character_starts.push(units.len());
            let range = 0..bytes.len();
            found.read(bytes, &range, 0, |letters, hash| numbers.push(lexicon.add(letters, hash)));
            let narrow = |place: &Range<usize>| place.start as u32..place.end as u32;
            word_places.extend(found.places.iter().map(narrow));
            word_starts.push(numbers.len());
            let traits = found.traits(bytes, &range);
            if let Some(digest) = traits.document {
                shared_documents.push(digest);
                own_documents.add(digest);
            }
            for digest in traits.lines {
                shared_lines.push(digest);
                own_lines.add(digest);
            }
            nearest.push(traits.signature);
        }
        let mut own_characters = Tally::of(alphabet.len());
        for &unit in &units {
            own_characters.add(alphabet.number(unit));
        }
        let mut own_words = Tally::of(lexicon.len());
        for &number in &numbers {
            own_words.add(Some(number));
        }
        Ok(Self {
            characters: Tally::of(alphabet.len()),
            words: Tally::of(lexicon.len()),
            known: Known {
                characters: Windows::new(units, character_starts, &options.characters, control)?,
                words: Windows::new(numbers, word_starts, &options.words, control)?,
                alphabet,
                lexicon,
            },
            options,
            lengths: documents.iter().map(|bytes| bytes.len()).collect(),
            character_places,
            word_places,
            own_characters,
            own_words,
            documents: shared_documents,
            lines: shared_lines,
            nearest,
            own_documents,
            own_lines,
            training_documents: Distinct::default(),
            training_lines: Distinct::default(),
            num_documents: 0,
            num_bytes: 0,
        })
    }

    /// Compare the next documents of the training text.
    ///
    /// # Errors
    /// [`Error::Argument`] for no threads, [`Error::Text`] for more than 2^32 documents, [`Error::Interrupted`]: part
    /// of the documents has then been counted.
    pub fn feed(&mut self, documents: &[&[u8]], threads: usize, control: &Control) -> Result<()> {
        if threads == 0 {
            return Err(Error::Argument("threads: expected at least 1, found 0".to_owned()));
        }
        let first = self.num_documents;
        let end = u32::try_from(documents.len()).ok().and_then(|number| first.checked_add(number));
        let end = end.ok_or_else(|| {
            Error::Text("expected fewer than 2^32 training documents: join some".to_owned())
        })?;
        let units = slices(documents);
        let known = &self.known;
        let readers = (0..threads.min(units.len().max(1))).map(|_| Reader::new(known)).collect();
        let readers = share_out(readers, units.len(), |reader: &mut Reader, number| {
            for slice in &units[number] {
                control.check()?;
                let Slice { document, .. } = *slice;
                reader.read(known, documents[document], slice, first + document as u32);
            }
            Ok(())
        })?;
        let mut parts = Vec::new();
        for reader in readers {
            self.characters.join(&reader.characters);
            self.words.join(&reader.words);
            parts.extend(reader.traits);
        }
        parts.sort_by_key(|&(document, start, _)| (document, start));
        for (document, traits) in whole(parts) {
            self.note(traits, first + document as u32);
        }
        self.num_documents = end;
        self.num_bytes += documents.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        Ok(())
    }

    fn note(&mut self, traits: Traits, source: u32) {
        if let Some(digest) = traits.document {
            self.documents.note(digest);
            self.training_documents.add(digest);
        }
        for digest in traits.lines {
            self.lines.note(digest);
            self.training_lines.add(digest);
        }
        if let Some(signature) = &traits.signature {
            self.nearest.compare(signature, source);
        }
    }

    /// What has been found so far.
    pub fn report(&self) -> Report {
        let Known { characters, words, alphabet, lexicon } = &self.known;
        Report {
            characters: characters.found(self.options.usual),
            words: words.found(self.options.usual),
            seen_documents: self.documents.seen(),
            seen_lines: self.lines.seen(),
            repeats: [
                self.own_documents.repeats(),
                self.own_lines.repeats(),
                self.training_documents.repeats(),
                self.training_lines.repeats(),
            ],
            copies: (0..self.lengths.len()).map(|number| self.documents.is_seen(number)).collect(),
            near: self.nearest.pairs(self.options.likeness),
            character_shift: Spread::of(&self.own_characters, &self.characters, |number| {
                alphabet.name(number)
            }),
            word_shift: Spread::of(&self.own_words, &self.words, |number| lexicon.name(number)),
            training_bytes: self.num_bytes,
        }
    }

    /// The bytes of a stretch of characters, in its document.
    pub fn character_bytes(&self, stretch: &Stretch) -> Range<usize> {
        let Range { start, end } = stretch.units;
        let length = self.lengths[stretch.document];
        let place = |unit: usize| self.character_places.get(unit).map(|&place| place as usize);
        // what follows a document begins at 0 again, or there is nothing
        let end = place(end).filter(|&place| place > 0).unwrap_or(length);
        place(start).unwrap_or(length)..end
    }

    /// The bytes of a stretch of words, in its document.
    pub fn word_bytes(&self, stretch: &Stretch) -> Range<usize> {
        let words = &self.word_places[stretch.units.clone()];
        let start = words.first().map_or(0, |place| place.start as usize);
        start..words.last().map_or(start, |place| place.end as usize)
    }

    /// Of every validation byte whether it stands in a seen window of characters of that size; all documents in
    /// a row.
    ///
    /// # Errors
    /// [`Error::Argument`] for a size that was not looked for.
    pub fn seen_bytes(&self, size: usize) -> Result<Vec<bool>> {
        let found = self.known.characters.found(self.options.usual);
        let Some(found) = found.into_iter().find(|found| found.size == size) else {
            return Err(Error::Argument(format!(
                "expected one of the sizes {:?}, found {size}",
                self.options.characters
            )));
        };
        let mut starts = Vec::with_capacity(self.lengths.len());
        let mut total = 0;
        for length in &self.lengths {
            starts.push(total);
            total += length;
        }
        let mut seen = vec![false; total];
        for stretch in &found.stretches {
            let start = starts[stretch.document];
            let Range { start: from, end: to } = self.character_bytes(stretch);
            seen[start + from..start + to].fill(true);
        }
        Ok(seen)
    }
}

/// Parts of documents, in order, as documents.
fn whole(parts: Vec<(usize, usize, Traits)>) -> Vec<(usize, Traits)> {
    let mut documents: Vec<(usize, Traits)> = Vec::new();
    for (document, _, traits) in parts {
        match documents.last_mut() {
            Some((last, whole)) if *last == document => whole.join(traits),
            _ => documents.push((document, traits)),
        }
    }
    documents
}

fn check(options: &Options) -> Result<()> {
    for (name, sizes) in [("characters", &options.characters), ("words", &options.words)] {
        let is_right = sizes.first().is_none_or(|&size| size > 0)
            && sizes.windows(2).all(|pair| pair[0] < pair[1])
            && sizes.last().is_none_or(|&size| size <= LONGEST_WINDOW);
        if !is_right {
            return Err(Error::Argument(format!(
                "{name}: expected sizes of 1 to {LONGEST_WINDOW} that ascend, found {sizes:?}"
            )));
        }
    }
    if !(0.0..=1.0).contains(&options.likeness) {
        return Err(Error::Argument(format!(
            "likeness: expected 0 to 1, found {}",
            options.likeness
        )));
    }
    Ok(())
}
