//! A character-level model: one id a character of a frozen alphabet.

use std::ops::ControlFlow;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::specials::Part;
use crate::error::{Error, Result};

const NONE: u32 = u32::MAX;

/// Ids by character.
#[derive(Debug, Clone)]
pub(crate) struct Characters {
    ascii: [u32; 128],
    others: HashMap<char, u32, FixedState>,
    unknown: Option<u32>,
}

impl Characters {
    /// The model of (character, id) pairs; `unknown` is the id of every other character.
    pub(crate) fn new(ids: impl Iterator<Item = (char, u32)>, unknown: Option<u32>) -> Self {
        let mut model = Self {
            ascii: [NONE; 128],
            others: HashMap::with_hasher(FixedState::default()),
            unknown,
        };
        for (character, id) in ids {
            match model.ascii.get_mut(character as usize) {
                Some(slot) => *slot = id,
                None => drop(model.others.insert(character, id)),
            }
        }
        model
    }

    pub(crate) fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// The id of a character of the alphabet.
    #[inline]
    pub(crate) fn id_of(&self, character: char) -> Option<u32> {
        match self.ascii.get(character as usize) {
            Some(&NONE) => None,
            Some(&id) => Some(id),
            None => self.others.get(&character).copied(),
        }
    }

    /// The text of a part of a document, which is made of characters.
    ///
    /// # Errors
    /// [`Error::Text`] for bytes that are not UTF-8.
    pub(crate) fn text(part: Part<'_>) -> Result<&str> {
        std::str::from_utf8(part.text).map_err(|error| {
            Error::Text(format!(
                "a tokenizer of characters needs UTF-8 text; the byte at {} is not part of any: decode \
                 the text first, or use a byte-level tokenizer",
                part.at + error.valid_up_to()
            ))
        })
    }

    /// Call `visit` with where each character of a part begins, and its id, until it says that this is
    /// enough.
    ///
    /// # Errors
    /// [`Error::Text`] for bytes that are not UTF-8; [`Error::UnknownToken`] for a character outside
    /// the alphabet when there is no unknown id.
    pub(crate) fn for_each(
        &self,
        part: Part<'_>,
        mut visit: impl FnMut(usize, u32) -> ControlFlow<()>,
    ) -> Result<()> {
        for (at, character) in Self::text(part)?.char_indices() {
            let id = self.id_of(character).or(self.unknown);
            let at = part.at + at;
            let id = id.ok_or_else(|| self.unknown_character(character, at))?;
            if visit(at, id).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Append the ids of a part.
    ///
    /// # Errors
    /// As [`Characters::for_each`].
    pub(crate) fn encode(&self, part: Part<'_>, ids: &mut Vec<u32>) -> Result<()> {
        ids.reserve(part.text.len());
        self.for_each(part, |_, id| {
            ids.push(id);
            ControlFlow::Continue(())
        })
    }

    pub(crate) fn unknown_character(&self, character: char, at: usize) -> Error {
        let size = self.ascii.iter().filter(|&&id| id != NONE).count() + self.others.len();
        Error::UnknownToken(format!(
            "character {character:?} (U+{:04X}) at byte {at} is not among the {size} characters of \
             this tokenizer's alphabet; remove it, or make the tokenizer with an unknown token, such as \
             unknown=\"<unk>\"",
            u32::from(character)
        ))
    }
}
