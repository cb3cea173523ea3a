//! Special tokens in text: plain text unless the caller allows them by name.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::error::{Error, Result};

/// Which special tokens a call recognises in its text.
#[derive(Debug, Clone, Default)]
pub enum Allowed {
    /// None: text that looks like a special token is text.
    #[default]
    Nothing,
    /// Every one.
    All,
    /// These, by name.
    Names(Vec<String>),
}

/// The special tokens of a vocabulary, and how to find all of them.
#[derive(Debug, Clone)]
pub(crate) struct Specials {
    all: Finder,
    by_name: Vec<(String, u32)>,
}

/// Finds some special tokens, the leftmost first, the longest of those.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finder {
    automaton: Option<AhoCorasick>,
    ids: Vec<u32>,
    names: Vec<Vec<u8>>,
}

impl Specials {
    pub(crate) fn new(by_name: &[(String, u32)]) -> Result<Self> {
        Ok(Self { all: Finder::new(by_name.iter())?, by_name: by_name.to_vec() })
    }

    /// The finder of what a call allows.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a name that is no special token here.
    pub(crate) fn finder(&self, allowed: &Allowed) -> Result<Finder> {
        match allowed {
            Allowed::Nothing => Ok(Finder::default()),
            Allowed::All => Ok(self.all.clone()),
            Allowed::Names(names) => {
                let mut chosen = Vec::new();
                for name in names {
                    let found = self.by_name.iter().find(|(known, _)| known == name);
                    chosen.push(found.ok_or_else(|| self.not_special(name))?);
                }
                Finder::new(chosen.into_iter())
            }
        }
    }

    fn not_special(&self, name: &str) -> Error {
        let known: Vec<_> = self.by_name.iter().take(8).map(|(name, _)| name.as_str()).collect();
        let more = if self.by_name.len() > known.len() { ", ..." } else { "" };
        Error::UnknownToken(format!(
            "allowed_special names {name:?}, which is not a special token of this tokenizer; it has \
             {}: {}{more}",
            self.by_name.len(),
            known.join(", "),
        ))
    }
}

impl Finder {
    fn new<'s>(specials: impl Iterator<Item = &'s (String, u32)>) -> Result<Self> {
        let (names, ids): (Vec<_>, Vec<_>) =
            specials.map(|(name, id)| (name.as_str(), *id)).unzip();
        if names.is_empty() {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&names)
            .map_err(|error| Error::Vocabulary(format!("too many special tokens: {error}")))?;
        let mut names: Vec<_> = names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        names.sort_unstable();
        Ok(Self { automaton: Some(automaton), ids, names })
    }

    /// The parts of a document, in order: runs of plain text, and between them the specials found.
    pub(crate) fn parts<'t>(&self, document: usize, text: &'t [u8]) -> Vec<Part<'t>> {
        let part = |at, end, special| Part { document, at, text: &text[at..end], special };
        let Some(automaton) = &self.automaton else { return vec![part(0, text.len(), None)] };
        let (mut parts, mut at) = (Vec::new(), 0);
        for found in automaton.find_iter(text) {
            if found.start() > at {
                parts.push(part(at, found.start(), None));
            }
            at = found.end();
            parts.push(part(found.start(), at, Some(self.ids[found.pattern().as_usize()])));
        }
        if at < text.len() {
            parts.push(part(at, text.len(), None));
        }
        parts
    }

    /// The names that are looked for, in ascending order.
    pub(super) fn names(&self) -> &[Vec<u8>] {
        &self.names
    }
}

/// A part of a document that is encoded by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'t> {
    /// the number of the document
    pub(crate) document: usize,
    /// where in the document it begins
    pub(crate) at: usize,
    /// its bytes
    pub(crate) text: &'t [u8],
    /// the special token whose name it is, if that was looked for
    pub(crate) special: Option<u32>,
}
