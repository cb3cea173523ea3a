//! Words of characters: BPE whose symbols are characters, with a mark after every word.
//!
//! White space ends words and is not kept; the mark, whose text is one space, stands for it.

use super::characters::Characters;
use super::merge::{Merge, Merger};
use super::scratch::Scratch;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::vocab::{Vocab, quote};

/// The text of the mark after a word.
pub(crate) const MARK: &str = " ";

/// Words are encoded in runs of about this many bytes between two looks at the interrupt flag.
const BYTES_PER_CHECK: usize = 64 << 10;

/// Stands for an unknown character while a word is merged: no vocabulary holds it, so nothing merges it.
const UNKNOWN: u32 = u32::MAX - 1;

/// The merges of a vocabulary of words.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    alphabet: Characters,
    mark: u32,
    lowercase: bool,
    merger: Merger,
}

impl Words {
    /// The model of `merges`, in the order files list them.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when there is no mark, a token holds other white space, or a merge is wrong.
    pub(crate) fn new(
        vocab: &Vocab,
        merges: Vec<Merge>,
        lowercase: bool,
        unknown: Option<u32>,
    ) -> Result<Self> {
        let mark = vocab.id_of(MARK.as_bytes()).ok_or_else(|| {
            Error::Vocabulary("the vocabulary has no mark for the end of a word".to_owned())
        })?;
        let mut alphabet = Vec::new();
        for (id, token) in vocab.text_tokens().filter(|(id, _)| *id != mark) {
            let text = std::str::from_utf8(token).unwrap_or(MARK);
            let word = text.strip_suffix(MARK).unwrap_or(text);
            if word.is_empty() || word.contains(char::is_whitespace) {
                return Err(Error::Vocabulary(format!(
                    "token {} (id {id}) is not a part of one word",
                    quote(token)
                )));
            }
            let mut characters = text.chars();
            if let (Some(character), None) = (characters.next(), characters.next()) {
                alphabet.push((character, id));
            }
        }
        let alphabet = Characters::new(alphabet.into_iter(), unknown);
        Ok(Self { alphabet, mark, lowercase, merger: Merger::new(vocab, merges)? })
    }

    pub(crate) fn merges(&self) -> &[Merge] {
        self.merger.merges()
    }

    pub(crate) fn unknown(&self) -> Option<u32> {
        self.alphabet.unknown()
    }

    pub(crate) fn lowercase(&self) -> bool {
        self.lowercase
    }

    pub(crate) fn mark(&self) -> u32 {
        self.mark
    }

    /// Append the ids of `text`.
    ///
    /// # Errors
    /// As [`Characters::encode`]; [`Error::Interrupted`].
    pub(crate) fn encode(
        &self,
        text: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let text = Characters::text(text)?;
        let (mut symbols, mut until_check) = (Vec::new(), BYTES_PER_CHECK);
        for word in text.split_whitespace() {
            if until_check < word.len() {
                control.check()?;
                until_check = BYTES_PER_CHECK;
            }
            until_check = until_check.saturating_sub(word.len());
            symbols.clear();
            for (offset, character) in word.char_indices() {
                let at = || word.as_ptr().addr() - text.as_ptr().addr() + offset;
                if self.lowercase {
                    for lower in character.to_lowercase() {
                        symbols.push(self.symbol(lower, at)?);
                    }
                } else {
                    symbols.push(self.symbol(character, at)?);
                }
            }
            symbols.push(self.mark);
            let first = ids.len();
            self.merger.merge(symbols.iter().copied(), ids, scratch, control)?;
            if let Some(unknown) = self.unknown() {
                ids[first..].iter_mut().filter(|id| **id == UNKNOWN).for_each(|id| *id = unknown);
            }
        }
        Ok(())
    }

    #[inline]
    fn symbol(&self, character: char, at: impl Fn() -> usize) -> Result<u32> {
        match (self.alphabet.id_of(character), self.unknown()) {
            (Some(id), _) => Ok(id),
            (None, Some(_)) => Ok(UNKNOWN),
            (None, None) => Err(self.alphabet.unknown_character(character, at())),
        }
    }
}

/// `text` in runs of about `unit_bytes` that end in white space: words are encoded each by itself.
pub(crate) fn units(text: &[u8], unit_bytes: usize) -> Vec<&[u8]> {
    let (mut runs, mut rest) = (Vec::new(), text);
    while rest.len() > unit_bytes {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\n');
        let Some(space) = rest[unit_bytes..].iter().position(is_space) else { break };
        let (run, tail) = rest.split_at(unit_bytes + space + 1);
        runs.push(run);
        rest = tail;
    }
    runs.push(rest);
    runs
}
