//! The tokens of a tokenizer: id to bytes and back. Every invariant is checked at the door.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::{HashSet, HashTable};

use crate::error::{Error, Result};

/// The largest id a vocabulary may hold.
pub const MAX_ID: u32 = (1 << 31) - 1;

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'v> {
    /// Bytes of text.
    Text(&'v [u8]),
    /// A special token; these bytes are its name, never text.
    Special(&'v [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hole,
    Text,
    Special,
}

/// Tokens by id, and ids by bytes.
///
/// Text tokens are distinct non-empty byte strings; specials are distinct names; no id is given
/// twice. Ids may have holes.
#[derive(Debug, Clone)]
pub struct Vocab {
    arena: Vec<u8>,
    /// per id: where its bytes end in the arena (they start where the id before ends)
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    /// ids of text tokens, hashed by their bytes
    by_bytes: HashTable<u32>,
    specials: Vec<(String, u32)>,
}

impl Vocab {
    /// The vocabulary of these text tokens and specials, in any order.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a repeated id, token or name, an empty one, or an id over [`MAX_ID`].
    pub fn new(tokens: Vec<(u32, Vec<u8>)>, specials: Vec<(String, u32)>) -> Result<Self> {
        let text = tokens.into_iter().map(|(id, bytes)| (id, Kind::Text, bytes));
        let names =
            specials.iter().map(|(name, id)| (*id, Kind::Special, name.clone().into_bytes()));
        let mut entries: Vec<_> = text.chain(names).collect();
        entries.sort_unstable_by_key(|entry| entry.0);
        for pair in entries.windows(2) {
            if pair[0].0 == pair[1].0 {
                return Err(Error::Vocabulary(format!(
                    "id {} is given to two tokens, {} and {}; every id must be given once",
                    pair[0].0,
                    quote(&pair[0].2),
                    quote(&pair[1].2),
                )));
            }
        }
        let len = match entries.last() {
            Some(&(id, ..)) if id > MAX_ID => {
                return Err(Error::Vocabulary(format!("id {id} is over the largest, {MAX_ID}")));
            }
            // a file of a few lines must not make us allocate for two thousand million ids
            Some(&(id, ..)) if id as usize > entries.len().saturating_mul(16) + (1 << 20) => {
                return Err(Error::Vocabulary(format!(
                    "id {id} in a vocabulary of {} tokens: the ids leave too many holes",
                    entries.len(),
                )));
            }
            Some(&(id, ..)) => id as usize + 1,
            None => 0,
        };
        let mut vocab = Self {
            arena: Vec::with_capacity(entries.iter().map(|entry| entry.2.len()).sum()),
            ends: Vec::with_capacity(len),
            kinds: Vec::with_capacity(len),
            by_bytes: HashTable::with_capacity(entries.len()),
            specials,
        };
        vocab.specials.sort_by_key(|(_, id)| *id);
        for (id, kind, bytes) in entries {
            vocab.push(id, kind, &bytes)?;
        }
        match first_repeated(&vocab.specials) {
            None => Ok(vocab),
            Some(name) => Err(Error::Vocabulary(format!("special token {name:?} is given twice"))),
        }
    }

    fn push(&mut self, id: u32, kind: Kind, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Err(Error::Vocabulary(format!(
                "the token with id {id} is empty: every token needs at least one byte"
            )));
        }
        let hole_end = self.ends.last().copied().unwrap_or(0);
        self.ends.resize(id as usize, hole_end);
        self.kinds.resize(id as usize, Kind::Hole);
        self.arena.extend_from_slice(bytes);
        let end = u32::try_from(self.arena.len())
            .map_err(|_| Error::Vocabulary("the tokens together exceed 4 GiB".to_owned()))?;
        self.ends.push(end);
        self.kinds.push(kind);
        if kind == Kind::Text {
            if let Some(first) = self.id_of(bytes) {
                return Err(Error::Vocabulary(format!(
                    "token {} has two ids, {first} and {id}; every token must be given once",
                    quote(bytes)
                )));
            }
            let Self { arena, ends, by_bytes, .. } = self;
            by_bytes.insert_unique(hash(bytes), id, |&other| hash(span(arena, ends, other)));
        }
        Ok(())
    }

    /// One more than the largest id.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What `id` stands for; `None` for a hole and beyond the end.
    #[inline]
    pub fn token(&self, id: u32) -> Option<Token<'_>> {
        match self.kinds.get(id as usize)? {
            Kind::Hole => None,
            Kind::Text => Some(Token::Text(span(&self.arena, &self.ends, id))),
            Kind::Special => Some(Token::Special(span(&self.arena, &self.ends, id))),
        }
    }

    /// The bytes of text that `id` stands for; `None` for a special, a hole and beyond the end.
    #[inline]
    pub fn text(&self, id: u32) -> Option<&[u8]> {
        match self.token(id)? {
            Token::Text(bytes) => Some(bytes),
            Token::Special(_) => None,
        }
    }

    /// The id of the text token with these bytes.
    #[inline]
    pub fn id_of(&self, bytes: &[u8]) -> Option<u32> {
        let found =
            self.by_bytes.find(hash(bytes), |&id| span(&self.arena, &self.ends, id) == bytes);
        found.copied()
    }

    /// The id of the special of this name, or else of the text token spelled so.
    pub fn id_of_name(&self, name: &str) -> Option<u32> {
        let special = self.specials.iter().find(|(special, _)| special == name);
        special.map(|(_, id)| *id).or_else(|| self.id_of(name.as_bytes()))
    }

    /// What an id spells: its text, or the name of a special, which learning may make the result of a
    /// merge; nothing for a hole.
    #[inline]
    pub fn spelled(&self, id: u32) -> &[u8] {
        match self.token(id) {
            Some(Token::Text(bytes) | Token::Special(bytes)) => bytes,
            None => &[],
        }
    }

    /// (name, id) of the specials, by id.
    pub fn specials(&self) -> &[(String, u32)] {
        &self.specials
    }

    /// (id, bytes) of the text tokens, by id.
    pub fn text_tokens(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..self.ends.len() as u32).filter_map(|id| self.text(id).map(|bytes| (id, bytes)))
    }
}

#[inline]
fn span<'a>(arena: &'a [u8], ends: &[u32], id: u32) -> &'a [u8] {
    let start = if id == 0 { 0 } else { ends[id as usize - 1] };
    &arena[start as usize..ends[id as usize] as usize]
}

#[inline]
fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

fn first_repeated(specials: &[(String, u32)]) -> Option<&str> {
    let mut seen = HashSet::with_hasher(FixedState::default());
    specials.iter().map(|(name, _)| name.as_str()).find(|&name| !seen.insert(name))
}

/// Bytes as a message shows them: text in quotes, other bytes escaped, long ones cut.
pub fn quote(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    let (shown, rest) = bytes.split_at(bytes.len().min(LONGEST));
    let more = if rest.is_empty() { String::new() } else { format!("... ({} bytes)", bytes.len()) };
    match std::str::from_utf8(shown) {
        Ok(text) => format!("{text:?}{more}"),
        Err(_) => format!("b\"{}\"{more}", shown.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_given_twice_is_found_however_far_apart() {
        let mut specials: Vec<_> = (0..10_000).map(|id| (format!("<{id}>"), id)).collect();
        assert!(Vocab::new(Vec::new(), specials.clone()).is_ok());
        specials.push(("<0>".to_owned(), 10_000));
        let error = Vocab::new(Vec::new(), specials).unwrap_err().to_string();
        assert!(error.contains("\"<0>\" is given twice"), "{error}");
    }
}
