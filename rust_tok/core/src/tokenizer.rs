//! The facade: one tokenizer, four kinds of model behind it.

mod learning;

pub use learning::LearnReport;

use std::borrow::Cow;

use crate::control::Control;
use crate::digest::Digest;
use crate::encode::{Allowed, Batch, Bpe, Characters, Merge, Scratch, Specials, encode_batch};
use crate::error::{Error, Result};
use crate::format::ranks;
use crate::split::{Scheme, Splitter, UNICODE_VERSION};
use crate::vocab::{Token, Vocab, quote};

/// Text is encoded in runs of about this many bytes between two looks at the interrupt flag.
const BYTES_PER_CHECK: usize = 64 << 10;

/// What a tokenizer's ids stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Byte-level BPE.
    Bpe,
    /// Single bytes.
    Byte,
    /// Characters of a frozen alphabet.
    Char,
    /// Whole pieces, and single bytes for the pieces outside the vocabulary.
    Word,
}

impl Kind {
    /// The name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bpe => "bpe",
            Self::Byte => "byte",
            Self::Char => "char",
            Self::Word => "word",
        }
    }
}

#[derive(Debug, Clone)]
enum Model {
    Bytes { splitter: Splitter, bpe: Box<Bpe> },
    Characters(Box<Characters>),
}

/// Text to ids and back. Immutable.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    vocab: Vocab,
    model: Model,
    specials: Specials,
    fingerprint: String,
    /// not part of what the tokenizer is: only learning knows them
    merge_counts: Option<Vec<u64>>,
}

impl Tokenizer {
    /// A byte-level tokenizer of text tokens, merges and specials.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when they do not fit together.
    pub fn from_merges(
        vocab: Vocab,
        merges: Vec<Merge>,
        ignore_merges: bool,
        splitter: Splitter,
    ) -> Result<Self> {
        let bpe = Box::new(Bpe::new(&vocab, merges, ignore_merges)?);
        Self::new(vocab, Model::Bytes { splitter, bpe })
    }

    /// A byte-level tokenizer of merges that reach every token, as learning and
    /// [`ranks::recover`] give them; this is not checked.
    pub(crate) fn from_clean_merges(
        vocab: Vocab,
        merges: Vec<Merge>,
        splitter: Splitter,
    ) -> Result<Self> {
        let bpe = Box::new(Bpe::of_learnt(&vocab, merges)?);
        Self::new(vocab, Model::Bytes { splitter, bpe })
    }

    /// The same tokenizer, with how often the pair of each merge occurred when it was learnt.
    ///
    /// # Errors
    /// [`Error::Argument`] when there are not as many counts as merges.
    pub fn with_merge_counts(mut self, counts: Vec<u64>) -> Result<Self> {
        let (expected, found) = (self.merges().len(), counts.len());
        if expected != found {
            return Err(Error::Argument(format!(
                "expected a count for each of the {expected} merges, found {found}"
            )));
        }
        self.merge_counts = Some(counts);
        Ok(self)
    }

    /// A character-level tokenizer: every text token of `vocab` must be one character, `unknown` the
    /// name of the special that stands for any other.
    ///
    /// # Errors
    /// [`Error::Vocabulary`].
    pub fn from_characters(vocab: Vocab, unknown: Option<&str>) -> Result<Self> {
        let mut ids = Vec::new();
        for (id, bytes) in vocab.text_tokens() {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(character), None) => ids.push((character, id)),
                _ => {
                    return Err(Error::Vocabulary(format!(
                        "token {} (id {id}) of a character vocabulary is not one character",
                        quote(bytes)
                    )));
                }
            }
        }
        let unknown = unknown.map(|name| {
            let found = vocab.specials().iter().find(|(special, _)| special == name);
            found.map(|(_, id)| *id).ok_or_else(|| {
                Error::Vocabulary(format!("unknown token {name:?} is not a special token"))
            })
        });
        let characters = Characters::new(ids.into_iter(), unknown.transpose()?);
        Self::new(vocab, Model::Characters(Box::new(characters)))
    }

    fn new(vocab: Vocab, model: Model) -> Result<Self> {
        let specials = Specials::new(vocab.specials())?;
        let mut tokenizer =
            Self { vocab, model, specials, fingerprint: String::new(), merge_counts: None };
        tokenizer.fingerprint = tokenizer.digest()?;
        Ok(tokenizer)
    }

    /// A byte tokenizer: 256 single bytes after the specials.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a repeated or empty special.
    pub fn bytes(specials: &[String]) -> Result<Self> {
        let specials: Vec<_> = specials.iter().cloned().zip(0..).collect();
        let first = specials.len() as u32;
        let tokens = (0..=255_u8).map(|byte| (first + u32::from(byte), vec![byte])).collect();
        let vocab = Vocab::new(tokens, specials)?;
        Self::from_merges(vocab, Vec::new(), false, Splitter::scheme(Scheme::None))
    }

    /// A character tokenizer of this alphabet: specials first, then the characters in order.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a repeated character or special, or an `unknown` that is no special.
    pub fn characters(alphabet: &str, specials: &[String], unknown: Option<&str>) -> Result<Self> {
        let specials: Vec<_> = specials.iter().cloned().zip(0..).collect();
        let first = specials.len() as u32;
        let tokens = alphabet
            .chars()
            .zip(first..)
            .map(|(character, id)| (id, character.to_string().into_bytes()))
            .collect();
        Self::from_characters(Vocab::new(tokens, specials)?, unknown)
    }

    /// What the ids stand for.
    pub fn kind(&self) -> Kind {
        match &self.model {
            Model::Characters(_) => Kind::Char,
            Model::Bytes { bpe, .. } if !bpe.merges().is_empty() => Kind::Bpe,
            Model::Bytes { .. } if self.vocab.text_tokens().all(|(_, t)| t.len() == 1) => {
                Kind::Byte
            }
            Model::Bytes { .. } => Kind::Word,
        }
    }

    /// The tokens.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// How text is cut into pieces; `None` for a character tokenizer.
    pub fn splitter(&self) -> Option<&Splitter> {
        match &self.model {
            Model::Bytes { splitter, .. } => Some(splitter),
            Model::Characters(_) => None,
        }
    }

    /// The merges, in the order files list them.
    pub fn merges(&self) -> &[Merge] {
        match &self.model {
            Model::Bytes { bpe, .. } => bpe.merges(),
            Model::Characters(_) => &[],
        }
    }

    /// Whether a piece that is a token is that token even where merging would not make it.
    pub fn ignore_merges(&self) -> bool {
        matches!(&self.model, Model::Bytes { bpe, .. } if bpe.ignore_merges())
    }

    /// How often the pair of each merge occurred when it was learnt, where that is known.
    pub fn merge_counts(&self) -> Option<&[u64]> {
        self.merge_counts.as_deref()
    }

    /// The id that stands for characters outside a character tokenizer's alphabet.
    pub fn unknown_id(&self) -> Option<u32> {
        match &self.model {
            Model::Bytes { .. } => None,
            Model::Characters(characters) => characters.unknown(),
        }
    }

    /// 32 hexadecimal digits that name this tokenizer by content: vocabulary, merges, split, specials
    /// and Unicode version. The merges count in the form that [`Tokenizer::plain_merges`] gives, so
    /// that a list of ranks and the merges it was made from have one fingerprint.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The merges, and whether tokens are looked up that merging does not reach, in the simplest form
    /// that makes the same ids: one merge a token where the rank rule over all splits comes to that.
    ///
    /// # Errors
    /// [`Error::Text`] for a token of 4 GiB.
    pub(crate) fn plain_merges(&self) -> Result<(Cow<'_, [Merge]>, bool)> {
        let Model::Bytes { bpe, .. } = &self.model else { return Ok((Cow::Borrowed(&[]), false)) };
        let looks_up = bpe.looks_up_the_unreachable();
        if !looks_up
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

    fn digest(&self) -> Result<String> {
        let mut digest = Digest::default();
        digest.field(b"primetone tokenizer 1");
        digest.field(UNICODE_VERSION.as_bytes());
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
        }
        for id in 0..self.vocab.len() as u32 {
            let (kind, bytes) = match self.vocab.token(id) {
                None => (0, &[][..]),
                Some(Token::Text(bytes)) => (1, bytes),
                Some(Token::Special(name)) => (2, name),
            };
            digest.update(&[kind]);
            digest.field(bytes);
        }
        for merge in merges.iter() {
            digest.update(&merge.left.to_le_bytes());
            digest.update(&merge.right.to_le_bytes());
        }
        Ok(digest.fingerprint())
    }

    /// The ids of `text`.
    ///
    /// # Errors
    /// [`Error::UnknownToken`], [`Error::Text`] as the model says; [`Error::Interrupted`].
    pub fn encode(&self, text: &[u8], allowed: &Allowed, control: &Control) -> Result<Vec<u32>> {
        self.encode_batch(&[text], allowed, 1, control).map(|batch| batch.ids)
    }

    /// The ids of several texts, on up to `threads` threads; the ids do not depend on how many.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_batch(
        &self,
        texts: &[&[u8]],
        allowed: &Allowed,
        threads: usize,
        control: &Control,
    ) -> Result<Batch> {
        encode_batch(self, texts, &self.specials.finder(allowed)?, threads, control)
    }

    /// Append the ids of a text without specials.
    pub(crate) fn encode_text(
        &self,
        text: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        match &self.model {
            Model::Characters(characters) => characters.encode(text, ids),
            Model::Bytes { splitter, bpe } => {
                let mut until_check = BYTES_PER_CHECK;
                let mut ends = std::mem::take(&mut scratch.ends);
                let outcome = splitter.try_for_each_run(text, &mut ends, |mut start, ends| {
                    for &end in ends {
                        let piece = &text[start..end];
                        if until_check < piece.len() {
                            control.check()?;
                            until_check = BYTES_PER_CHECK;
                        }
                        until_check = until_check.saturating_sub(piece.len());
                        bpe.encode_piece(&self.vocab, piece, ids, scratch, control)?;
                        start = end;
                    }
                    Ok(())
                });
                scratch.ends = ends;
                outcome
            }
        }
    }

    /// The bytes that `ids` spell; a special spells its name.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for an id that the vocabulary does not hold.
    pub fn decode(&self, ids: impl IntoIterator<Item = u32>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (position, id) in ids.into_iter().enumerate() {
            match self.vocab.token(id) {
                Some(Token::Text(text) | Token::Special(text)) => bytes.extend_from_slice(text),
                None => {
                    return Err(Error::UnknownToken(format!(
                        "id {id} at position {position} is not in the vocabulary, whose ids run from \
                         0 to {}{}",
                        self.vocab.len().saturating_sub(1),
                        if (id as usize) < self.vocab.len() { " with holes" } else { "" },
                    )));
                }
            }
        }
        Ok(bytes)
    }
}
