//! The kinds of tokenizer, and what their tokens are made of.

/// What a tokenizer's ids stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Byte-level BPE.
    Bpe,
    /// Single bytes.
    Byte,
    /// Characters of a frozen alphabet.
    Char,
    /// Whole pieces, and single bytes for the pieces outside the vocabulary; or words of a closed list.
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

/// What the tokens are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// Bytes: any text can be spelled.
    Bytes,
    /// One character each.
    Characters,
    /// Characters of words, with a mark after each word; white space is not kept.
    Words {
        /// whether words are lower-cased, character by character
        lowercase: bool,
    },
    /// Words of a closed list, each with a mark after it; white space is not kept.
    List,
}

/// How [`Tokenizer::from_words`] reads words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordUnits {
    /// whether words are lower-cased, character by character
    pub lowercase: bool,
    /// the id of every character outside the alphabet; without one they are errors
    pub unknown: Option<u32>,
}
