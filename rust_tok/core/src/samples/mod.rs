//! Measures of generated text against real text, over tokens: BLEU, divergence of n-grams, variety, copying.
//!
//! Sentences are rows of token numbers from one [`Vocabulary`]; n-grams are numbered order by order, each from
//! the number of the one before it and a token. Sums run in the order of the sentences, so that a result has
//! the same bits whenever it is asked for.

#![expect(clippy::cast_precision_loss, reason = "counts of tokens are far below 2^53")]

mod bleu;
mod copies;
mod ngrams;
mod variety;

pub use bleu::{bleu, self_bleu};
pub use copies::{Copies, copies};
pub use variety::{distinct, divergence};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{Error, Result};

/// The highest order of n-grams.
pub const MAX_ORDER: usize = 16;

/// Numbers for tokens, given out as they are met.
#[derive(Debug, Default)]
pub struct Vocabulary {
    numbers: HashMap<Box<str>, u32, FixedState>,
}

impl Vocabulary {
    /// The number of a token, a new one if it was not met before.
    pub fn number(&mut self, token: &str) -> u32 {
        if let Some(&number) = self.numbers.get(token) {
            return number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(token.into(), number);
        number
    }
}

/// Sentences as token numbers, one after another.
#[derive(Debug, Default, Clone)]
pub struct Sentences {
    tokens: Vec<u32>,
    ends: Vec<usize>,
}

impl Sentences {
    /// Add a sentence.
    pub fn push(&mut self, tokens: impl IntoIterator<Item = u32>) {
        self.tokens.extend(tokens);
        self.ends.push(self.tokens.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The tokens of all, in order.
    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The tokens of each.
    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let sentence = self.tokens.get(start..end).unwrap_or_default();
            start = end;
            sentence
        })
    }
}

/// An order within 1 to [`MAX_ORDER`].
fn checked_order(order: usize) -> Result<usize> {
    if (1..=MAX_ORDER).contains(&order) {
        return Ok(order);
    }
    Err(wrong_order(order))
}

/// What is said of an order that is not within 1 to [`MAX_ORDER`].
pub fn wrong_order(found: impl std::fmt::Display) -> Error {
    Error::Argument(format!("n: expected an order of 1 to {MAX_ORDER}, found {found}"))
}

/// At least `least` sentences of that name.
fn require(sentences: &Sentences, least: usize, name: &str) -> Result<()> {
    if sentences.len() >= least {
        return Ok(());
    }
    let plural = if least == 1 { "" } else { "s" };
    Err(Error::Argument(format!(
        "{name}: expected at least {least} sentence{plural}, found {}",
        sentences.len()
    )))
}
