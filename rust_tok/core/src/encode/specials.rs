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
        Ok(Self { automaton: Some(automaton), ids })
    }

    /// `text` in order: runs of plain text, and between them the ids of the specials found.
    pub(crate) fn segments<'t>(&self, text: &'t [u8]) -> Vec<Segment<'t>> {
        let Some(automaton) = &self.automaton else { return vec![Segment::Text(text)] };
        let (mut segments, mut end) = (Vec::new(), 0);
        for found in automaton.find_iter(text) {
            if found.start() > end {
                segments.push(Segment::Text(&text[end..found.start()]));
            }
            segments.push(Segment::Special(self.ids[found.pattern().as_usize()]));
            end = found.end();
        }
        if end < text.len() {
            segments.push(Segment::Text(&text[end..]));
        }
        segments
    }
}

/// A part of a text with specials in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment<'t> {
    Text(&'t [u8]),
    Special(u32),
}
