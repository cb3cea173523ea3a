//! What a caller may choose about learning; docs/bpe.md gives each rule's source and argument.

use std::fmt::Display;

use crate::error::{Error, Result};

/// Which of the pairs with the same count is merged first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tie {
    /// The smallest (left id, right id): Hugging Face's `BpeTrainer`.
    #[default]
    Hf,
    /// The same, but the symbols that learning starts from stand in the order of their bytes, as
    /// where a byte's id is its value: rustbpe, bpeasy.
    Raw,
    /// The pair whose earliest occurrence, as the words stand now, comes first: minbpe, and seed 003's
    /// learner. Words stand in the order of their first occurrence in the text.
    FirstOccurrence,
    /// The greatest (left bytes, right bytes): CS336, unitoken.
    BytesMax,
    /// The smallest (left bytes, right bytes).
    BytesMin,
    /// The fewest initial symbols in the merged token, then its smallest bytes: sentencepiece.
    SentencePiece,
    /// The smallest larger id, then the smallest smaller id, then the largest left id: `YouTokenToMe`.
    YouTokenToMe,
}

/// The longest token that may be learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxLength {
    /// Up to this many bytes.
    Exact(u32),
    /// Hugging Face's `max_token_length`: fewer than this many initial symbols, or just two of them.
    HfCompat(u32),
}

/// What to do when a merge would spell a token that the vocabulary already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// Never merge that pair: sentencepiece.
    #[default]
    Skip,
    /// Merge it into the token that is there, a special one too; no new id is used: Hugging Face.
    Reuse,
    /// Merge it into a new id with the same bytes: rustbpe, minbpe.
    Mint,
    /// Refuse.
    Error,
}

/// How merges are learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// which of equally frequent pairs comes first
    pub tie: Tie,
    /// pairs that occur less often than this are not merged; 0 means 1
    pub min_count: u64,
    /// the longest token to learn, if there is a limit
    pub max_token_bytes: Option<MaxLength>,
    /// what to do about a second token of the same bytes
    pub duplicates: Duplicates,
    /// how many threads may help; the result does not depend on it
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tie: Tie::default(),
            min_count: 1,
            max_token_bytes: None,
            duplicates: Duplicates::default(),
            threads: 1,
        }
    }
}

/// A choice that has a name in files, messages and arguments.
pub trait Named: Copy + 'static {
    /// What is chosen, as a message calls it.
    const WHAT: &'static str;
    /// Every choice with its name.
    const ALL: &'static [(&'static str, Self)];

    /// The choice of this name.
    ///
    /// # Errors
    /// [`Error::Argument`] for another name.
    fn of_name(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, choice)| *choice).ok_or_else(|| unknown(Self::WHAT, name, Self::ALL))
    }
}

fn unknown<T>(what: &str, found: impl Display, all: &[(&str, T)]) -> Error {
    let known: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    Error::Argument(format!("{what} must be one of {}; found \"{found}\"", known.join(", ")))
}

impl Named for Tie {
    const WHAT: &'static str = "tie";
    const ALL: &'static [(&'static str, Self)] = &[
        ("hf", Self::Hf),
        ("raw", Self::Raw),
        ("first_occurrence", Self::FirstOccurrence),
        ("bytes_max", Self::BytesMax),
        ("bytes_min", Self::BytesMin),
        ("sentencepiece", Self::SentencePiece),
        ("youtokentome", Self::YouTokenToMe),
    ];
}

impl Named for Duplicates {
    const WHAT: &'static str = "duplicates";
    const ALL: &'static [(&'static str, Self)] = &[
        ("skip", Self::Skip),
        ("reuse", Self::Reuse),
        ("mint", Self::Mint),
        ("error", Self::Error),
    ];
}
