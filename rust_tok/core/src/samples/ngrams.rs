//! Numbers for the n-grams of one order, made from those of the order before.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::Sentences;
use crate::Result;
use crate::control::Control;

/// No n-gram of this order ends here, or one that is not in the table.
pub(super) const NONE: u32 = u32::MAX;

/// The n-grams of one order that were met, numbered from 0.
#[derive(Default)]
pub(super) struct Table {
    numbers: HashMap<u64, u32, FixedState>,
}

impl Table {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// From `shorter`, the numbers of the n-grams of one order less that end at every position, to those of this
    /// order, adding what is new. `shorter` is `None` for single tokens.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn extend(
        &mut self,
        sentences: &Sentences,
        shorter: Option<&[u32]>,
        control: &Control,
    ) -> Result<Vec<u32>> {
        numbered(sentences, shorter, control, |key| {
            let next = self.numbers.len() as u32;
            match self.numbers.entry(key) {
                Entry::Occupied(found) => *found.get(),
                Entry::Vacant(place) => *place.insert(next),
            }
        })
    }

    /// As `extend`, without adding: what is not in the table is `NONE`.
    pub(super) fn look_up(
        &self,
        sentences: &Sentences,
        shorter: Option<&[u32]>,
        control: &Control,
    ) -> Result<Vec<u32>> {
        numbered(sentences, shorter, control, |key| self.numbers.get(&key).copied().unwrap_or(NONE))
    }
}

/// The number of the n-gram that ends at each position, from the one that ended a token before.
fn numbered(
    sentences: &Sentences,
    shorter: Option<&[u32]>,
    control: &Control,
    mut number: impl FnMut(u64) -> u32,
) -> Result<Vec<u32>> {
    let mut numbers = Vec::with_capacity(sentences.tokens().len());
    for sentence in sentences.iter() {
        control.check()?;
        let start = numbers.len();
        for (offset, &token) in sentence.iter().enumerate() {
            let before = match shorter {
                None => 0,
                Some(_) if offset == 0 => NONE,
                Some(shorter) => shorter.get(start + offset - 1).copied().unwrap_or(NONE),
            };
            let found = if before == NONE {
                NONE
            } else {
                number(u64::from(before) << 32 | u64::from(token))
            };
            numbers.push(found);
        }
    }
    Ok(numbers)
}
