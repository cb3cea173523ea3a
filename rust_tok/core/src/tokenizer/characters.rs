//! Tokenizers of words of characters, learnt from counts.

use super::{LearnReport, Tokenizer, WordUnits};
use crate::control::Control;
use crate::count::WordCounts;
use crate::encode::{MARK, Merge};
use crate::error::{Error, Result};
use crate::learn::{Base, Characters, EndMark, Learned, Options, learn};
use crate::vocab::{Vocab, quote};

/// How words of characters are learnt.
#[derive(Debug, Clone, Copy, Default)]
pub struct CharacterWords<'n> {
    /// whether words are lower-cased, character by character
    pub lowercase: bool,
    /// the special that stands for characters that no word held; without one they are errors
    pub unknown: Option<&'n str>,
}

impl Tokenizer {
    /// Learn words of characters from counts of pieces, which are cut at white space. Ids: specials,
    /// the mark after a word, the characters in the order of their code points, merges in order. The
    /// mark never merges.
    ///
    /// # Errors
    /// [`Error::Text`] for pieces that are not UTF-8 and when there is no word; [`Error::Argument`] for
    /// a `vocab_size` under what comes before the merges; [`Error::Vocabulary`] for an unknown token
    /// that is no special; else as [`Tokenizer::learn`].
    pub fn learn_characters(
        counts: &WordCounts,
        vocab_size: u32,
        specials: &[String],
        words: CharacterWords<'_>,
        options: &Options,
        control: &Control,
    ) -> Result<(Self, LearnReport)> {
        let unknown = words.unknown.map(|name| {
            let place = specials.iter().position(|special| special == name);
            place.map(|id| id as u32).ok_or_else(|| {
                Error::Vocabulary(format!("unknown token {name:?} is not a special token"))
            })
        });
        let units = WordUnits { lowercase: words.lowercase, unknown: unknown.transpose()? };
        let counts = words_of(counts, words.lowercase)?;
        super::learning::check_counts(&counts)?;
        let mark = specials.len() as u32;
        let front = Characters::new(&counts, [], EndMark::Apart, mark + 1)?;
        let mut spelled: Vec<Vec<u8>> = specials.iter().map(|name| name.clone().into()).collect();
        spelled.push(MARK.into());
        spelled.extend(front.alphabet().iter().map(|character| character.clone().into_bytes()));
        let first_new_id = spelled.len() as u32;
        let what = format!(
            "{} characters, the end of a word and {mark} special tokens",
            front.alphabet().len()
        );
        super::learning::check_size(vocab_size, first_new_id, &what, "merges")?;
        let mut base = Base { spelled, merges: Vec::new() };
        let Learned { merges: made, counts: merge_counts, stop } =
            learn(&front, &base, vocab_size - first_new_id, options, control)?;
        let mut merges = Vec::with_capacity(made.len());
        for (&(left, right, id), rank) in made.iter().zip(0..) {
            merges.push(Merge { left, right, id, rank });
            if id as usize == base.spelled.len() {
                let joined =
                    [&*base.spelled[left as usize], &base.spelled[right as usize]].concat();
                base.spelled.push(joined);
            }
        }
        let report = LearnReport::new(&counts, merges.len(), stop);
        let tokens = (0..).zip(base.spelled).skip(specials.len()).collect();
        let vocab = Vocab::new(tokens, specials.iter().cloned().zip(0..).collect())?;
        let tokenizer = Self::from_words(vocab, merges, units)?;
        Ok((tokenizer.with_merge_counts(merge_counts)?, report))
    }
}

/// The words in counted pieces, in the order of their first occurrence.
fn words_of(counts: &WordCounts, lowercase: bool) -> Result<WordCounts> {
    let mut words = WordCounts::default();
    let mut lowered = String::new();
    for (piece, count) in counts.iter() {
        let text = std::str::from_utf8(piece).map_err(|_| {
            Error::Text(format!(
                "the piece {} is not valid UTF-8: characters can only be learnt from text",
                quote(piece)
            ))
        })?;
        for word in text.split_whitespace() {
            if lowercase {
                lowered.clear();
                lowered.extend(word.chars().flat_map(char::to_lowercase));
                words.add(lowered.as_bytes(), count)?;
            } else {
                words.add(word.as_bytes(), count)?;
            }
        }
    }
    Ok(words)
}
