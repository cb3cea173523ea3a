//! Text to pieces: named schemes as data, or a user's own pattern.
//!
//! A piece is what merges may never cross. The pieces of a text tile it: joined, they are the text.
//! Text is bytes; a byte that is not part of valid UTF-8 counts as a symbol.

pub(crate) mod classes;
mod cut;
mod pattern;
mod scan;
mod schemes;
mod unicode_ranges;

pub use classes::{UNICODE_VERSION, class_of};
pub use cut::safe_cuts;
pub use scan::{PieceEnds, Tier};
pub use schemes::Scheme;

use std::result::Result;

use cut::{cut_between_pieces, last_safe_cut};
use pattern::CustomPattern;

/// A way to cut text into pieces.
#[derive(Debug, Clone)]
pub struct Splitter {
    kind: Kind,
    tier: Tier,
}

#[derive(Debug, Clone)]
enum Kind {
    Scheme(Scheme),
    Custom(CustomPattern),
}

impl Splitter {
    /// The splitter of a named scheme.
    pub fn scheme(scheme: Scheme) -> Self {
        Self { kind: Kind::Scheme(scheme), tier: Tier::best() }
    }

    /// The splitter of a pattern: the named scheme that it spells, if there is one, else the pattern
    /// itself in a linear-time engine. Text that the pattern does not match becomes pieces of its own.
    ///
    /// # Errors
    /// [`crate::Error::Pattern`] for a pattern that the linear-time engine does not take.
    pub fn pattern(pattern: &str) -> crate::Result<Self> {
        let kind = match Scheme::of_pattern(pattern) {
            Some(scheme) => Kind::Scheme(scheme),
            None => Kind::Custom(CustomPattern::new(pattern)?),
        };
        Ok(Self { kind, tier: Tier::best() })
    }

    /// The scheme's name, or `custom`.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Scheme(scheme) => scheme.name(),
            Kind::Custom(_) => "custom",
        }
    }

    /// The pattern that files carry; `None` for the scheme `none`, which does not split.
    pub fn pattern_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scheme(scheme) => scheme.pattern(),
            Kind::Custom(custom) => Some(custom.text()),
        }
    }

    /// The same splitter on another tier; on [`Tier::Table`] where the processor lacks what `tier` needs.
    /// For tests and benchmarks: all tiers give the same pieces.
    #[must_use]
    pub fn on_tier(self, tier: Tier) -> Self {
        Self { tier, ..self }
    }

    /// Call `visit` with run after run of pieces of `text`, in order, until it fails: the start of the
    /// run's first piece, and where each piece of the run ends (and the next begins). `ends` is room
    /// to work in.
    ///
    /// # Errors
    /// Whatever `visit` returns.
    ///
    /// # Complexity
    /// O(n) for the schemes; for a custom pattern O(n) a match, as the regex engine promises.
    pub fn try_for_each_run<E>(
        &self,
        text: &[u8],
        ends: &mut PieceEnds,
        mut visit: impl FnMut(usize, &[usize]) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.kind {
            Kind::Scheme(scheme) => {
                let mut start = 0;
                while start < text.len() {
                    ends.clear();
                    let end = scan::fill(self.tier, *scheme, text, start, ends);
                    visit(start, ends.as_slice())?;
                    start = end;
                }
                Ok(())
            }
            Kind::Custom(custom) => custom.try_for_each_run(text, ends, visit),
        }
    }

    /// Call `visit` with each piece of `text`, in order, until it fails.
    ///
    /// # Errors
    /// Whatever `visit` returns.
    #[inline]
    pub fn try_for_each_piece<'t, E>(
        &self,
        text: &'t [u8],
        mut visit: impl FnMut(&'t [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.try_for_each_run(text, &mut PieceEnds::default(), |mut start, ends| {
            for &end in ends {
                visit(&text[start..end])?;
                start = end;
            }
            Ok(())
        })
    }

    /// The pieces of `text`, in order.
    pub fn pieces<'t>(&self, text: &'t [u8]) -> Vec<&'t [u8]> {
        let mut pieces = Vec::new();
        let Ok(()) = self.try_for_each_piece(text, |piece| {
            pieces.push(piece);
            Ok::<(), std::convert::Infallible>(())
        });
        pieces
    }

    /// Where the longest beginning of `text` ends that splits as it would however the text went on;
    /// what follows splits by itself, too. 0 where there is no such place, or none can be known.
    pub fn last_cut(&self, text: &[u8]) -> usize {
        match &self.kind {
            Kind::Scheme(scheme) if *scheme != Scheme::None => {
                last_safe_cut(text).unwrap_or_else(|| cut_between_pieces(&self.pieces(text)))
            }
            Kind::Scheme(_) => 0,
            Kind::Custom(custom) => custom.last_cut(text),
        }
    }

    /// `text` in runs of about `unit_bytes` that can be split each by itself; one run where the
    /// splitter has no safe place to cut.
    pub fn units<'t>(&self, text: &'t [u8], unit_bytes: usize) -> Vec<&'t [u8]> {
        match &self.kind {
            Kind::Scheme(scheme) if *scheme != Scheme::None => {
                safe_cuts(text, text.len() / unit_bytes + 1)
            }
            _ => vec![text],
        }
    }
}
