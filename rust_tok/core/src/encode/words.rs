//! Words of characters: BPE whose symbols are characters, with a mark after every word.
//!
//! White space ends words and is not kept; the mark, whose text is one space, stands for it.

use super::characters::Characters;
use super::dropout::Dropout;
use super::merge::{Merge, Merger};
use super::scratch::Scratch;
use super::specials::Part;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::vocab::{Vocab, quote};

/// The text of the mark after a word.
pub(crate) const MARK: &str = " ";

/// Words are encoded in runs of about this many bytes between two looks at the interrupt flag.
const BYTES_PER_CHECK: usize = 64 << 10;

/// Stands for an unknown character while a word is merged: no vocabulary holds it, so nothing merges it.
const UNKNOWN: u32 = u32::MAX - 1;

/// A character of a word, or its mark.
struct Symbol {
    id: u32,
    /// where in the document it is
    start: usize,
    end: usize,
}

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

    /// Append the ids of a part of a document.
    ///
    /// # Errors
    /// As [`Characters::encode`]; [`Error::Interrupted`].
    pub(crate) fn encode(
        &self,
        part: Part<'_>,
        dropout: Option<Dropout>,
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        self.for_each_word(part, control, |at, symbols| {
            let first = ids.len();
            let piece = symbols.iter().map(|symbol| symbol.id);
            match dropout.map(|dropout| dropout.draws(part.document, at)) {
                None => self.merger.merge(piece, ids, scratch, control)?,
                Some(mut draws) => {
                    let drops = || draws.drops();
                    self.merger.merge_dropping(piece, ids, scratch, control, drops)?;
                }
            }
            self.name_unknown(&mut ids[first..]);
            Ok(())
        })
    }

    /// Append the ids of a part of a document, and to `spans` where in the document the text of each
    /// begins and ends; that of a mark by itself is the end of its word.
    ///
    /// # Errors
    /// As [`Words::encode`].
    pub(crate) fn encode_with_spans(
        &self,
        vocab: &Vocab,
        part: Part<'_>,
        ids: &mut Vec<u32>,
        spans: &mut Vec<[u64; 2]>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        self.for_each_word(part, control, |_, symbols| {
            let first = ids.len();
            self.merger.merge(symbols.iter().map(|symbol| symbol.id), ids, scratch, control)?;
            let mut rest = symbols;
            for &id in &ids[first..] {
                let num_symbols = if id == UNKNOWN {
                    1
                } else {
                    String::from_utf8_lossy(vocab.spelled(id)).chars().count()
                };
                let (token, after) = rest.split_at(num_symbols.min(rest.len()));
                if let (Some(begin), Some(end)) = (token.first(), token.last()) {
                    spans.push([begin.start as u64, end.end as u64]);
                }
                rest = after;
            }
            self.name_unknown(&mut ids[first..]);
            Ok(())
        })
    }

    fn name_unknown(&self, ids: &mut [u32]) {
        if let Some(unknown) = self.unknown() {
            ids.iter_mut().filter(|id| **id == UNKNOWN).for_each(|id| *id = unknown);
        }
    }

    /// Call `visit` with where each word of a part begins in the document, and its symbols.
    fn for_each_word(
        &self,
        part: Part<'_>,
        control: &Control,
        mut visit: impl FnMut(usize, &[Symbol]) -> Result<()>,
    ) -> Result<()> {
        let text = Characters::text(part)?;
        let (mut symbols, mut until_check) = (Vec::new(), BYTES_PER_CHECK);
        for word in text.split_whitespace() {
            if until_check < word.len() {
                control.check()?;
                until_check = BYTES_PER_CHECK;
            }
            until_check = until_check.saturating_sub(word.len());
            symbols.clear();
            let at = part.at + (word.as_ptr().addr() - text.as_ptr().addr());
            for (offset, character) in word.char_indices() {
                let start = at + offset;
                let end = start + character.len_utf8();
                if self.lowercase {
                    for lower in character.to_lowercase() {
                        symbols.push(Symbol { id: self.symbol(lower, start)?, start, end });
                    }
                } else {
                    symbols.push(Symbol { id: self.symbol(character, start)?, start, end });
                }
            }
            let end = at + word.len();
            symbols.push(Symbol { id: self.mark, start: end, end });
            visit(at, &symbols)?;
        }
        Ok(())
    }

    #[inline]
    fn symbol(&self, character: char, at: usize) -> Result<u32> {
        match (self.alphabet.id_of(character), self.unknown()) {
            (Some(id), _) => Ok(id),
            (None, Some(_)) => Ok(UNKNOWN),
            (None, None) => Err(self.alphabet.unknown_character(character, at)),
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
