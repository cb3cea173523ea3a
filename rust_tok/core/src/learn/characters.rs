//! Words as sequences of characters, with or without a mark at their end.

use std::collections::{BTreeSet, HashMap};

use super::words::Front;
use crate::count::WordCounts;
use crate::error::{Error, Result};
use crate::vocab::quote;

/// How the end of a word is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndMark<'m> {
    /// Not at all, or by a token that never merges, as in seed 003: learning does not see it.
    Apart,
    /// By a symbol of its own after the last character, which merges like any other: Sennrich et al.
    /// 2016, arXiv 1508.07909.
    Symbol(&'m str),
    /// The last character carries it, both being one initial symbol: subword-nmt since 0.2, and
    /// `end_of_word_suffix` of Hugging Face's `BpeTrainer`.
    Suffix(&'m str),
}

/// Words whose initial symbols are characters.
#[derive(Debug)]
pub struct Characters<'c> {
    counts: &'c WordCounts,
    alphabet: Vec<String>,
    inner: HashMap<char, u32>,
    last: HashMap<char, u32>,
    end: Option<u32>,
}

impl<'c> Characters<'c> {
    /// The words of `counts` and the alphabet they need beside `alphabet`: ids from `first_id` on, in
    /// the order of the code points.
    ///
    /// # Errors
    /// [`Error::Text`] for a word that is not UTF-8.
    pub fn new(
        counts: &'c WordCounts,
        alphabet: impl IntoIterator<Item = String>,
        end_mark: EndMark<'_>,
        first_id: u32,
    ) -> Result<Self> {
        let (mut inner, mut last) = (BTreeSet::new(), BTreeSet::new());
        for (word, _) in counts.iter() {
            let text = std::str::from_utf8(word).map_err(|_| {
                Error::Text(format!(
                    "the word {} is not valid UTF-8: characters can only be learnt from text",
                    quote(word)
                ))
            })?;
            let mut characters = text.chars();
            if let EndMark::Suffix(_) = end_mark {
                last.extend(characters.next_back());
            }
            inner.extend(characters);
        }
        let mut symbols: BTreeSet<String> = alphabet.into_iter().collect();
        symbols.extend(inner.iter().map(char::to_string));
        match end_mark {
            EndMark::Apart => {}
            EndMark::Symbol(mark) => {
                symbols.insert(mark.to_owned());
            }
            EndMark::Suffix(mark) => symbols.extend(last.iter().map(|c| format!("{c}{mark}"))),
        }
        let alphabet: Vec<String> = symbols.into_iter().collect();
        // every symbol asked for was just put there
        let id_of = |symbol: &str| {
            let place = alphabet.binary_search_by(|known| known.as_str().cmp(symbol));
            first_id + place.unwrap_or_else(|place| place) as u32
        };
        let end = if let EndMark::Symbol(mark) = end_mark { Some(id_of(mark)) } else { None };
        let suffix = if let EndMark::Suffix(mark) = end_mark { mark } else { "" };
        let last = last.into_iter().map(|c| (c, id_of(&format!("{c}{suffix}")))).collect();
        let inner = inner.into_iter().map(|c| (c, id_of(&c.to_string()))).collect();
        Ok(Self { counts, alphabet, inner, last, end })
    }

    /// The initial symbols in the order of their ids.
    pub fn alphabet(&self) -> &[String] {
        &self.alphabet
    }
}

impl Front for Characters<'_> {
    fn words(&self) -> impl Iterator<Item = (impl Iterator<Item = u32>, u64)> {
        self.counts.iter().map(move |(word, count)| {
            // the constructor has seen that this is UTF-8
            let mut characters = std::str::from_utf8(word).unwrap_or_default().chars();
            let last = if self.last.is_empty() { None } else { characters.next_back() };
            let inner = characters.filter_map(|character| self.inner.get(&character));
            let last = last.and_then(|character| self.last.get(&character));
            (inner.chain(last).chain(&self.end).copied(), count)
        })
    }
}
