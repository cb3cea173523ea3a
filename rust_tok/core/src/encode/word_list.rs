//! A closed list of words: one id a word, and one for all others if the list has it.
//!
//! White space is not kept; every word ends with the mark of words of characters, one space, as there.

use std::ops::{ControlFlow, Range};

use super::characters::Characters;
use super::specials::Part;
use super::words::MARK;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::vocab::Vocab;
use crate::words::{lowercase, places};

/// So many words are looked up between two looks at the interrupt flag.
const WORDS_PER_CHECK: usize = 1 << 14;

/// What a list of words adds to its vocabulary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WordList {
    unknown: Option<u32>,
}

impl WordList {
    /// The model of the words in `vocab`; `unknown` is the id of every other word.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a token that is not a word with its mark.
    pub(crate) fn new(vocab: &Vocab, unknown: Option<u32>) -> Result<Self> {
        for (id, token) in vocab.text_tokens() {
            if token.len() <= MARK.len() || !token.ends_with(MARK.as_bytes()) {
                let shown = crate::vocab::quote(token);
                return Err(Error::Vocabulary(format!(
                    "token {shown} (id {id}) of a word list is not a word and the space after it"
                )));
            }
        }
        Ok(Self { unknown })
    }

    pub(crate) fn unknown(self) -> Option<u32> {
        self.unknown
    }

    /// Call `visit` with where each word of a part stands in the document, and its id, until it says that
    /// this is enough.
    ///
    /// # Errors
    /// [`Error::Text`] for bytes that are not UTF-8; [`Error::UnknownToken`] for a word outside the list
    /// when there is no unknown id; [`Error::Interrupted`].
    pub(crate) fn for_each(
        self,
        vocab: &Vocab,
        part: Part<'_>,
        control: &Control,
        mut visit: impl FnMut(Range<usize>, u32) -> ControlFlow<()>,
    ) -> Result<()> {
        let text = Characters::text(part)?;
        let mut spelled = String::new();
        for (number, place) in places(text).enumerate() {
            if number.is_multiple_of(WORDS_PER_CHECK) {
                control.check()?;
            }
            let word = text.get(place.clone()).unwrap_or_default();
            spelled.clear();
            lowercase(word, &mut spelled);
            spelled.push_str(MARK);
            let start = part.at + place.start;
            let id = vocab
                .id_of(spelled.as_bytes())
                .or(self.unknown)
                .ok_or_else(|| unknown_word(word, start, vocab))?;
            if visit(start..part.at + place.end, id).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Append the ids of a part.
    ///
    /// # Errors
    /// As [`WordList::for_each`].
    pub(crate) fn encode(
        self,
        vocab: &Vocab,
        part: Part<'_>,
        ids: &mut Vec<u32>,
        control: &Control,
    ) -> Result<()> {
        self.for_each(vocab, part, control, |_, id| {
            ids.push(id);
            ControlFlow::Continue(())
        })
    }
}

fn unknown_word(word: &str, at: usize, vocab: &Vocab) -> Error {
    Error::UnknownToken(format!(
        "the word {word:?} at byte {at} is not among the {} words of this list, which has no row for \
         unknown words: leave such sentences out (primetone sentences --in-vocabulary), or take a list \
         with a row <UNKNOWN>",
        vocab.text_tokens().count()
    ))
}
