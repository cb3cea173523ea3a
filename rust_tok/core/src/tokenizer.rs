//! The facade: one tokenizer, whatever model is behind it.

mod characters;
mod encoding;
mod identity;
mod kinds;
mod learning;
mod listing;
mod prefix;
mod renumber;

pub use characters::CharacterWords;
pub use kinds::{Kind, Units, WordUnits};
pub use learning::LearnReport;
pub(crate) use listing::UNKNOWN;
pub use listing::{LIST_SPECIALS, ListReport, ListUnit, Listing, Order};

use crate::encode::{Bpe, Characters, MARK, Merge, Scratches, Specials, WordList, Words};
use crate::error::{Error, Result};
use crate::split::{Scheme, Splitter, UNICODE_VERSION};
use crate::vocab::{Token, Vocab, quote};

#[derive(Debug, Clone)]
pub(crate) enum Model {
    Bytes { splitter: Splitter, bpe: Box<Bpe> },
    Characters(Box<Characters>),
    Words(Box<Words>),
    List(WordList),
}

/// Text to ids and back. Immutable.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    vocab: Vocab,
    model: Model,
    specials: Specials,
    /// bytes of the longest token, or of the longest name of a special
    longest_token: u64,
    fingerprint: String,
    /// not part of what the tokenizer is: only learning knows them
    merge_counts: Option<Vec<u64>>,
    scratches: Scratches,
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

    /// A tokenizer of words of characters: BPE from characters, with a mark, whose token is one space,
    /// after every word. Words are what stands between white space, which is not kept.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when there is no mark, or tokens and merges do not fit together.
    pub fn from_words(vocab: Vocab, merges: Vec<Merge>, units: WordUnits) -> Result<Self> {
        let WordUnits { lowercase, unknown } = units;
        if let Some(id) = unknown.filter(|&id| vocab.token(id).is_none()) {
            return Err(Error::Vocabulary(format!("the unknown token, id {id}, is not a token")));
        }
        let words = Box::new(Words::new(&vocab, merges, lowercase, unknown)?);
        Self::new(vocab, Model::Words(words))
    }

    /// A tokenizer of a closed list of words, each token of which is a word and the space after it;
    /// `unknown` is the id of every other word. White space is not kept, and words are lower-cased.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a token that is no word, or an unknown id that is no token.
    pub fn from_list(vocab: Vocab, unknown: Option<u32>) -> Result<Self> {
        if let Some(id) = unknown.filter(|&id| vocab.token(id).is_none()) {
            return Err(Error::Vocabulary(format!("the unknown token, id {id}, is not a token")));
        }
        let list = WordList::new(&vocab, unknown)?;
        Self::new(vocab, Model::List(list))
    }

    fn new(vocab: Vocab, model: Model) -> Result<Self> {
        let specials = Specials::new(vocab.specials())?;
        let lens = (0..vocab.len() as u32).map(|id| vocab.spelled(id).len() as u64);
        let longest_token = lens.max().unwrap_or(0);
        let mut tokenizer = Self {
            vocab,
            model,
            specials,
            longest_token,
            fingerprint: String::new(),
            merge_counts: None,
            scratches: Scratches::default(),
        };
        tokenizer.fingerprint = tokenizer.digest(UNICODE_VERSION)?;
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
            Model::Words(_) => Kind::Bpe,
            Model::Bytes { bpe, .. } if !bpe.merges().is_empty() => Kind::Bpe,
            Model::Bytes { .. } if self.vocab.text_tokens().all(|(_, t)| t.len() == 1) => {
                Kind::Byte
            }
            Model::Bytes { .. } | Model::List(_) => Kind::Word,
        }
    }

    /// What the tokens are made of.
    pub fn units(&self) -> Units {
        match &self.model {
            Model::Bytes { .. } => Units::Bytes,
            Model::Characters(_) => Units::Characters,
            Model::Words(words) => Units::Words { lowercase: words.lowercase() },
            Model::List(_) => Units::List,
        }
    }

    /// The tokens.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// How text is cut into pieces; `None` for tokenizers of characters.
    pub fn splitter(&self) -> Option<&Splitter> {
        match &self.model {
            Model::Bytes { splitter, .. } => Some(splitter),
            Model::Characters(_) | Model::Words(_) | Model::List(_) => None,
        }
    }

    /// The merges, in the order files list them.
    pub fn merges(&self) -> &[Merge] {
        match &self.model {
            Model::Bytes { bpe, .. } => bpe.merges(),
            Model::Words(words) => words.merges(),
            Model::Characters(_) | Model::List(_) => &[],
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

    /// The id of the mark after a word of characters.
    pub fn end_of_word_id(&self) -> Option<u32> {
        match &self.model {
            Model::Words(words) => Some(words.mark()),
            _ => None,
        }
    }

    /// The id that stands for characters outside the alphabet, or words outside the list.
    pub fn unknown_id(&self) -> Option<u32> {
        match &self.model {
            Model::Bytes { .. } => None,
            Model::Characters(characters) => characters.unknown(),
            Model::Words(words) => words.unknown(),
            Model::List(list) => list.unknown(),
        }
    }

    /// The bytes of one token: its text, or the name of a special.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for an id that the vocabulary does not hold.
    pub fn token(&self, id: impl Into<i64>) -> Result<&[u8]> {
        let id = id.into();
        let token = u32::try_from(id).ok().and_then(|id| self.vocab.token(id));
        token
            .map(|(Token::Text(bytes) | Token::Special(bytes))| bytes)
            .ok_or_else(|| self.no_such_id(id, ""))
    }

    /// The id of the text token with these bytes; of a word in a list, without the space after it.
    pub fn id_of(&self, token: &[u8]) -> Option<u32> {
        match self.model {
            Model::List(_) => self.vocab.id_of(&[token, MARK.as_bytes()].concat()),
            _ => self.vocab.id_of(token),
        }
    }

    fn no_such_id(&self, id: i64, place: &str) -> Error {
        Error::UnknownToken(format!(
            "id {id}{place} is not in the vocabulary, whose ids run from 0 to {}{}",
            self.vocab.len().saturating_sub(1),
            if usize::try_from(id).is_ok_and(|id| id < self.vocab.len()) {
                " with holes"
            } else {
                ""
            },
        ))
    }

    /// The bytes that `ids` spell; a special spells its name. The space of a mark after the last word
    /// is left out.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for an id that the vocabulary does not hold, with its position.
    pub fn decode(&self, ids: impl IntoIterator<Item = u32>) -> Result<Vec<u8>> {
        let (mut bytes, mut last) = (Vec::new(), None);
        for (position, id) in ids.into_iter().enumerate() {
            let Some(Token::Text(token) | Token::Special(token)) = self.vocab.token(id) else {
                return Err(self.no_such_id(id.into(), &format!(" at position {position}")));
            };
            bytes.extend_from_slice(token);
            last = Some(id);
        }
        let last = last.and_then(|id| self.vocab.text(id)).unwrap_or_default();
        if matches!(self.model, Model::Words(_) | Model::List(_)) && last.ends_with(MARK.as_bytes())
        {
            bytes.pop();
        }
        Ok(bytes)
    }
}
