//! What makes two tokenizers the same one.

use std::borrow::Cow;

use super::{Model, Tokenizer};
use crate::digest::Digest;
use crate::encode::Merge;
use crate::error::Result;
use crate::format::ranks;
use crate::vocab::Token;

impl Tokenizer {
    /// 32 hexadecimal digits that name this tokenizer by content: vocabulary, merges, split, specials
    /// and Unicode version. The merges count in the form that [`Tokenizer::plain_merges`] gives, so
    /// that a list of ranks and the merges it was made from have one fingerprint.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The first token that no merge makes and that a piece is only by looking it up.
    pub(crate) fn first_looked_up(&self) -> Option<u32> {
        match &self.model {
            Model::Bytes { bpe, .. } => bpe.first_looked_up(),
            Model::Characters(_) | Model::Words(_) | Model::List(_) => None,
        }
    }

    /// The merges, and whether tokens are looked up that merging does not reach, in the simplest form
    /// that makes the same ids: one merge a token where the rank rule over all splits comes to that.
    ///
    /// # Errors
    /// [`Error::Text`] for a token of 4 GiB.
    pub(crate) fn plain_merges(&self) -> Result<(Cow<'_, [Merge]>, bool)> {
        let Model::Bytes { bpe, .. } = &self.model else {
            return Ok((Cow::Borrowed(self.merges()), false));
        };
        let looks_up = bpe.first_looked_up().is_some();
        // where each token has one split, that is its merge already
        let num_made = self.vocab.text_tokens().filter(|(_, token)| token.len() > 1).count();
        if !looks_up
            && bpe.merges().len() > num_made
            && ranks::may_be_all_splits(bpe.merges())
            && ranks::all_splits(&self.vocab)
                .map(|merge| (merge.left, merge.right))
                .eq(bpe.merges().iter().map(|merge| (merge.left, merge.right)))
            && let Some(merges) = ranks::recover(&self.vocab)?
        {
            return Ok((Cow::Owned(merges), false));
        }
        Ok((Cow::Borrowed(bpe.merges()), looks_up))
    }

    /// The fingerprint, as a build with these Unicode tables has it.
    pub(crate) fn digest(&self, unicode_version: &str) -> Result<String> {
        let mut digest = Digest::default();
        digest.field(b"primetone tokenizer 1");
        digest.field(unicode_version.as_bytes());
        let (merges, looks_up) = self.plain_merges()?;
        match &self.model {
            Model::Bytes { splitter, .. } => {
                digest.field(b"bytes");
                digest.field(splitter.name().as_bytes());
                digest.field(splitter.pattern_text().unwrap_or_default().as_bytes());
                digest.field(&[u8::from(looks_up)]);
            }
            Model::Characters(characters) => {
                digest.field(b"characters");
                digest.field(&characters.unknown().unwrap_or(u32::MAX).to_le_bytes());
            }
            Model::Words(words) => {
                digest.field(b"words");
                digest.field(&[u8::from(words.lowercase())]);
                digest.field(&words.unknown().unwrap_or(u32::MAX).to_le_bytes());
            }
            Model::List(list) => {
                digest.field(b"list");
                digest.field(&list.unknown().unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        // hashed at once: piece by piece takes several times as long
        let mut said = Vec::new();
        for id in 0..self.vocab.len() as u32 {
            let (kind, bytes) = match self.vocab.token(id) {
                None => (0, &[][..]),
                Some(Token::Text(bytes)) => (1, bytes),
                Some(Token::Special(name)) => (2, name),
            };
            said.push(kind);
            said.extend((bytes.len() as u64).to_le_bytes());
            said.extend(bytes);
        }
        for merge in merges.iter() {
            said.extend(merge.left.to_le_bytes());
            said.extend(merge.right.to_le_bytes());
        }
        digest.update(&said);
        Ok(digest.fingerprint())
    }
}
