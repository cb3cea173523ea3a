//! Closed lists of words or characters, chosen by how often they occur or when they were first seen.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::Tokenizer;
use crate::control::Control;
use crate::count::{Counts, Limits, WordCounts};
use crate::encode::MARK;
use crate::error::{Error, Result};
use crate::learn::Tie;
use crate::random::SplitMix;
use crate::vocab::{Vocab, quote};
use crate::words::{lowercase, places};

/// The specials of a list, in the order of the original's files: begin, padding, end, any other word.
pub const LIST_SPECIALS: [&str; 4] = ["<START>", "<PAD>", "<END>", UNKNOWN];

/// The row for words outside the list.
pub(crate) const UNKNOWN: &str = "<UNKNOWN>";

/// The most words that a list may be asked for.
const MAX_WORDS: u32 = 1 << 24;

/// So many pieces are looked at between two looks at the interrupt flag.
const PIECES_PER_CHECK: usize = 1 << 14;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListUnit {
    /// Words in lower case, counted by [`crate::words::WORD`].
    Word,
    /// Characters as they are, counted by [`crate::words::CHARACTER`].
    Character,
}

/// In which order words get their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The most frequent first; of equally frequent ones, by code points.
    Frequency,
    /// As the text has them; the list then is of the words that came first.
    FirstSeen,
    /// The most frequent words, in an order that this seed decides.
    Shuffled(u64),
}

/// Which words are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// words or characters
    pub unit: ListUnit,
    /// the order of their ids
    pub order: Order,
    /// how many at most, without the specials
    pub max_words: u32,
}

/// What a list holds of the text that it was made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListReport {
    /// bytes of text
    pub num_bytes: u64,
    /// different words in the text
    pub num_distinct: u64,
    /// words in the text
    pub num_words: u64,
    /// different words in the list
    pub num_listed: u64,
    /// words in the text that the list has
    pub num_known: u64,
}

impl Tokenizer {
    /// The list of the words or characters in what was counted by the pattern of the unit.
    ///
    /// # Errors
    /// [`Error::Text`] for pieces that are not UTF-8, or no word at all; [`Error::Argument`] for no words
    /// asked for or too many, and for the order of the text where the counts do not have it; as
    /// [`Counts::load`].
    pub fn list(
        counts: &Counts,
        limits: Limits,
        listing: Listing,
        control: &Control,
    ) -> Result<(Self, ListReport)> {
        let Listing { unit, order, max_words } = listing;
        if !(1..=MAX_WORDS).contains(&max_words) {
            return Err(Error::Argument(format!(
                "max_words must be between 1 and {MAX_WORDS}; found {max_words}"
            )));
        }
        if order == Order::FirstSeen && !counts.has_text_order() {
            return Err(Error::Argument(
                "the order first-seen needs that of the text, which counts in files or under a limit of \
                 memory do not keep: leave the limit out, or take another order"
                    .to_owned(),
            ));
        }
        let loaded = counts.load(limits, Tie::default(), control)?;
        let mut words = match unit {
            ListUnit::Word => {
                let mut lowered = String::new();
                tally(&loaded.words, control, |piece, visit| {
                    for place in places(piece) {
                        lowered.clear();
                        lowercase(piece.get(place).unwrap_or_default(), &mut lowered);
                        visit(&lowered);
                    }
                })?
            }
            ListUnit::Character => tally(&loaded.words, control, |piece, visit| visit(piece))?,
        };
        if words.is_empty() {
            return Err(Error::Text(
                "there is no word in the text: expected at least one letter, digit or sign"
                    .to_owned(),
            ));
        }
        let mut report = ListReport {
            num_bytes: loaded.words.num_bytes(),
            num_distinct: words.len() as u64,
            num_words: words.iter().map(|(_, count)| count).sum(),
            ..ListReport::default()
        };
        if order != Order::FirstSeen {
            words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        }
        words.truncate(max_words as usize);
        report.num_listed = words.len() as u64;
        report.num_known = words.iter().map(|(_, count)| count).sum();
        if let Order::Shuffled(seed) = order {
            let mut source = SplitMix::new(seed);
            for last in (1..words.len()).rev() {
                words.swap(last, source.below(last as u64 + 1) as usize);
            }
        }
        Ok((listed(unit, words.into_iter().map(|(word, _)| word))?, report))
    }
}

/// The list of these words, after the specials.
fn listed(unit: ListUnit, words: impl Iterator<Item = Box<str>>) -> Result<Tokenizer> {
    let specials: Vec<_> = LIST_SPECIALS.iter().map(|&name| name.to_owned()).zip(0..).collect();
    let first = specials.len() as u32;
    let mark = if unit == ListUnit::Word { MARK } else { "" };
    let tokens = (first..).zip(words.map(|word| [&word, mark].concat().into_bytes())).collect();
    let vocab = Vocab::new(tokens, specials)?;
    match unit {
        ListUnit::Word => {
            let unknown = vocab.id_of_name(UNKNOWN);
            Tokenizer::from_list(vocab, unknown)
        }
        ListUnit::Character => Tokenizer::from_characters(vocab, Some(UNKNOWN)),
    }
}

/// How often each word occurs, in the order of the pieces; `cut` gives a piece's words.
fn tally(
    counts: &WordCounts,
    control: &Control,
    mut cut: impl FnMut(&str, &mut dyn FnMut(&str)),
) -> Result<Vec<(Box<str>, u64)>> {
    let mut numbers: HashMap<Box<str>, usize, FixedState> = HashMap::default();
    let mut tallied: Vec<(Box<str>, u64)> = Vec::new();
    for (at, (piece, count)) in counts.iter().enumerate() {
        if at.is_multiple_of(PIECES_PER_CHECK) {
            control.check()?;
        }
        let text = std::str::from_utf8(piece).map_err(|_| {
            Error::Text(format!(
                "the piece {} is not valid UTF-8: words can only be listed from text; say its encoding",
                quote(piece)
            ))
        })?;
        cut(text, &mut |word| match numbers.entry(word.into()) {
            Entry::Occupied(found) => {
                if let Some((_, sum)) = tallied.get_mut(*found.get()) {
                    *sum = sum.saturating_add(count);
                }
            }
            Entry::Vacant(place) => {
                place.insert(tallied.len());
                tallied.push((word.into(), count));
            }
        });
    }
    Ok(tallied)
}
