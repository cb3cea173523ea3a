//! Smaller vocabularies out of a learnt one: every step of learning is free of the size asked for.

use super::Tokenizer;
use crate::error::{Error, Result};
use crate::vocab::Vocab;

impl Tokenizer {
    /// The tokenizer of the ids under `vocab_size`: what learning would have given for that size.
    /// This tokenizer itself, where it has no more.
    ///
    /// # Errors
    /// [`Error::Argument`] for a kind that is not learnt to a size, or a size that leaves out a
    /// single byte or a special token.
    pub fn prefix(&self, vocab_size: u32) -> Result<Self> {
        let Some(splitter) = self.splitter() else {
            return Err(Error::Argument("a character vocabulary has no smaller ones".to_owned()));
        };
        if vocab_size as usize >= self.vocab.len() {
            return Ok(self.clone());
        }
        let bytes = self.vocab.text_tokens().filter(|(_, token)| token.len() == 1);
        let needed = bytes.map(|(id, _)| id).chain(self.vocab.specials().iter().map(|s| s.1));
        let least = needed.max().map_or(0, |id| id + 1);
        if vocab_size < least {
            return Err(Error::Argument(format!(
                "vocab_size must be at least {least}, for the single bytes and special tokens of this \
                 tokenizer; found {vocab_size}"
            )));
        }
        // a merge into an older token may stand behind the last new one; a shorter run stops there
        let last = self.merges().iter().position(|merge| merge.id + 1 == vocab_size);
        let merges = self.merges()[..last.map_or(0, |last| last + 1)].to_vec();
        let tokens = self.vocab.text_tokens().filter(|(id, _)| *id < vocab_size);
        let tokens = tokens.map(|(id, bytes)| (id, bytes.to_vec())).collect();
        let vocab = Vocab::new(tokens, self.vocab.specials().to_vec())?;
        let counts = self.merge_counts().map(|counts| counts[..merges.len()].to_vec());
        let ignore_merges = self.ignore_merges();
        let prefix = Self::from_merges(vocab, merges, ignore_merges, splitter.clone())?;
        match counts {
            Some(counts) => prefix.with_merge_counts(counts),
            None => Ok(prefix),
        }
    }
}
