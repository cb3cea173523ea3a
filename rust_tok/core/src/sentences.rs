//! Lines of text to clean sentences: cut into words, filtered by name, and everything counted.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::control::Control;
use crate::encode::MARK;
use crate::error::{Error, Result};
use crate::tokenizer::{Tokenizer, Units};
use crate::vocab::quote;
use crate::words::{is_sign, lowercase, places};

/// So many different unknown words are told apart; others are counted together.
const MOST_UNKNOWN: usize = 1 << 20;

/// So many lines are read between two looks at the interrupt flag.
const LINES_PER_CHECK: u64 = 1 << 10;

/// Which sentences are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filters {
    /// the fewest words
    pub min_words: u64,
    /// the most
    pub max_words: u64,
    /// the least share of words that are no signs, 0 to 1
    pub min_share: f64,
    /// whether signs are left out, before words are counted
    pub drops_signs: bool,
    /// no more sentences than so many
    pub limit: u64,
}

/// How many lines went where: each is counted once, under the first filter that drops it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// read
    pub lines: u64,
    /// without any word
    pub empty: u64,
    /// with too few words
    pub too_short: u64,
    /// with too many
    pub too_long: u64,
    /// with too many signs
    pub too_many_signs: u64,
    /// with a word that is not in the vocabulary
    pub unknown: u64,
    /// kept
    pub kept: u64,
    /// words of those that were kept
    pub words: u64,
    /// words outside the vocabulary, in lines that only these drop
    pub unknown_words: u64,
}

/// Reads text as it comes and gives out the sentences that pass, a line each, words joined by a space.
#[derive(Debug)]
pub struct SentenceFilter {
    filters: Filters,
    tally: Tally,
    unknown: HashMap<Box<str>, u64, FixedState>,
    /// the beginning of a line whose end has not come
    line: Vec<u8>,
    sentence: String,
}

impl SentenceFilter {
    /// Ready to read.
    ///
    /// # Errors
    /// [`Error::Argument`] for filters that nothing can pass, or a share outside 0 to 1.
    pub fn new(filters: Filters) -> Result<Self> {
        let Filters { min_words, max_words, min_share, limit, .. } = filters;
        if max_words == 0 || min_words > max_words {
            return Err(Error::Argument(format!(
                "expected at least one word and min_words up to max_words, found min_words {min_words} and \
                 max_words {max_words}"
            )));
        }
        if !(0.0..=1.0).contains(&min_share) {
            return Err(Error::Argument(format!(
                "min_share must be between 0 and 1; found {min_share}"
            )));
        }
        if limit == 0 {
            return Err(Error::Argument("limit must be at least 1; found 0".to_owned()));
        }
        Ok(Self {
            filters,
            tally: Tally::default(),
            unknown: HashMap::default(),
            line: Vec::new(),
            sentence: String::new(),
        })
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether there are as many sentences as may be.
    pub fn is_full(&self) -> bool {
        self.tally.kept >= self.filters.limit
    }

    /// The most frequent words outside the vocabulary, with how often they occur in lines that only these drop.
    pub fn most_unknown(&self, count: usize) -> Vec<(&str, u64)> {
        let mut words: Vec<_> =
            self.unknown.iter().map(|(word, &count)| (&**word, count)).collect();
        words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        words.truncate(count);
        words
    }

    /// Append to `out` the sentences of the lines that end in `text`; with `ends`, of the last one, too.
    ///
    /// # Errors
    /// [`Error::Text`] for bytes that are not UTF-8; [`Error::Argument`] for a vocabulary that is no list of
    /// words; [`Error::Interrupted`].
    pub fn push(
        &mut self,
        text: &[u8],
        ends: bool,
        vocabulary: Option<&Tokenizer>,
        out: &mut Vec<u8>,
        control: &Control,
    ) -> Result<()> {
        if let Some(other) = vocabulary.filter(|vocabulary| vocabulary.units() != Units::List) {
            return Err(Error::Argument(format!(
                "expected a list of words as the vocabulary, found a {} tokenizer of {}; `primetone vocab` \
                 makes one",
                other.kind().name(),
                if other.units() == Units::Bytes { "bytes" } else { "characters" },
            )));
        }
        let mut rest = text;
        while !self.is_full() {
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.take(line, vocabulary, out, control)?;
            } else {
                self.line.extend_from_slice(line);
                self.take_waiting(vocabulary, out, control)?;
            }
        }
        if self.is_full() {
            return Ok(());
        }
        self.line.extend_from_slice(rest);
        if ends && !self.line.is_empty() {
            self.take_waiting(vocabulary, out, control)?;
        }
        Ok(())
    }

    fn take_waiting(
        &mut self,
        vocabulary: Option<&Tokenizer>,
        out: &mut Vec<u8>,
        control: &Control,
    ) -> Result<()> {
        let mut line = std::mem::take(&mut self.line);
        let outcome = self.take(&line, vocabulary, out, control);
        line.clear();
        self.line = line;
        outcome
    }

    fn take(
        &mut self,
        line: &[u8],
        vocabulary: Option<&Tokenizer>,
        out: &mut Vec<u8>,
        control: &Control,
    ) -> Result<()> {
        if self.tally.lines.is_multiple_of(LINES_PER_CHECK) {
            control.check()?;
        }
        self.tally.lines += 1;
        let line = std::str::from_utf8(line).map_err(|_| {
            Error::Text(format!(
                "line {} is not UTF-8: {}; say the encoding of the text",
                self.tally.lines,
                quote(line)
            ))
        })?;
        let Filters { min_words, max_words, min_share, drops_signs, .. } = self.filters;
        let (mut num_all, mut num_signs) = (0_u64, 0_u64);
        self.sentence.clear();
        for place in places(line) {
            let word = line.get(place).unwrap_or_default();
            num_all += 1;
            if is_sign(word) {
                num_signs += 1;
                if drops_signs {
                    continue;
                }
            }
            // every word ends with the mark of a list: it is looked up as it stands here
            lowercase(word, &mut self.sentence);
            self.sentence.push_str(MARK);
        }
        let num_words = if drops_signs { num_all - num_signs } else { num_all };
        #[expect(clippy::cast_precision_loss, reason = "a line has far fewer than 2^53 words")]
        let has_share = (num_all - num_signs) as f64 >= min_share * num_all as f64;
        let dropped_by = if num_words == 0 {
            Some(&mut self.tally.empty)
        } else if num_words < min_words {
            Some(&mut self.tally.too_short)
        } else if num_words > max_words {
            Some(&mut self.tally.too_long)
        } else if !has_share {
            Some(&mut self.tally.too_many_signs)
        } else {
            let found = vocabulary.map_or(0, |vocabulary| self.note_unknown(vocabulary));
            self.tally.unknown_words += found;
            (found > 0).then_some(&mut self.tally.unknown)
        };
        if let Some(reason) = dropped_by {
            *reason += 1;
            return Ok(());
        }
        self.tally.kept += 1;
        self.tally.words += num_words;
        out.extend_from_slice(self.sentence.trim_end_matches(MARK).as_bytes());
        out.push(b'\n');
        Ok(())
    }

    /// How many words of the sentence are not in the vocabulary.
    fn note_unknown(&mut self, vocabulary: &Tokenizer) -> u64 {
        let mut found = 0;
        for word in self.sentence.split_inclusive(MARK) {
            if vocabulary.vocab().id_of(word.as_bytes()).is_some() {
                continue;
            }
            found += 1;
            let word = word.trim_end_matches(MARK);
            if let Some(count) = self.unknown.get_mut(word) {
                *count += 1;
            } else if self.unknown.len() < MOST_UNKNOWN {
                self.unknown.insert(word.into(), 1);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Filters =
        Filters { min_words: 1, max_words: 9, min_share: 0.0, drops_signs: false, limit: u64::MAX };

    fn cleaned(filters: Filters, text: &str, cut: usize) -> (String, Tally) {
        let mut filter = SentenceFilter::new(filters).unwrap();
        let (mut out, control) = (Vec::new(), Control::default());
        let pieces: Vec<_> = text.as_bytes().chunks(cut).collect();
        for (number, piece) in pieces.iter().enumerate() {
            let ends = number + 1 == pieces.len();
            filter.push(piece, ends, None, &mut out, &control).unwrap();
        }
        (String::from_utf8(out).unwrap(), filter.tally())
    }

    #[test]
    fn lines_come_whole_however_they_are_cut_and_each_is_counted_once() {
        let text = "A man's dog.\r\n\n--\nno\nÄ é ¶ one two three\nlast, line";
        let filters = Filters { min_words: 2, max_words: 5, min_share: 0.5, ..ALL };
        for cut in 1..=text.len() {
            let (out, tally) = cleaned(filters, text, cut);
            assert_eq!(out, "a man's dog .\nlast , line\n");
            let expected = Tally {
                lines: 6,
                empty: 1,
                too_short: 1,
                too_long: 1,
                too_many_signs: 1,
                kept: 2,
                words: 7,
                ..Tally::default()
            };
            assert_eq!(tally, expected);
        }
        let bare = Filters { drops_signs: true, ..ALL };
        assert_eq!(cleaned(bare, "a, b!\n...\n", 3).0, "a b\n");
        let first = Filters { limit: 1, ..ALL };
        assert_eq!(
            cleaned(first, "a\nb\nc", 2),
            ("a\n".to_owned(), { Tally { lines: 1, kept: 1, words: 1, ..Tally::default() } })
        );
    }
}
