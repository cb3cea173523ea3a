//! Tokenizers learnt from word counts.

use super::{Kind, Tokenizer, Units};
use crate::control::Control;
use crate::count::WordCounts;
use crate::encode::Merge;
use crate::error::{Error, Result};
use crate::format::byte_level;
use crate::learn::{Base, Bytes, Learned, Options, Stop, Tie, learn};
use crate::split::Splitter;
use crate::vocab::{Token, Vocab};

/// What learning did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnReport {
    /// bytes of text counted
    pub num_bytes: u64,
    /// pieces counted, repeats included
    pub num_pieces: u64,
    /// distinct pieces
    pub num_words: u64,
    /// merges learnt
    pub num_merges: u64,
    /// why there are no more
    pub stop: Stop,
}

impl Tokenizer {
    /// Learn byte-level BPE from word counts. Ids: specials, the 256 bytes in the order of their
    /// byte-level characters, merges in order, as Hugging Face numbers them; under the tie rule
    /// `raw` the bytes are in the order of their values, as in rustbpe.
    ///
    /// # Errors
    /// [`Error::Text`] when nothing was counted; [`Error::Argument`] for a `vocab_size` under 256 and
    /// the specials; [`Error::Vocabulary`] as [`crate::learn::Duplicates`] says, and for two tokens of
    /// the same bytes; [`Error::Interrupted`].
    pub fn learn(
        counts: &WordCounts,
        vocab_size: u32,
        specials: &[String],
        splitter: Splitter,
        options: &Options,
        control: &Control,
    ) -> Result<(Self, LearnReport)> {
        let by_value = options.tie == Tie::Raw;
        let start = Start::new(counts, vocab_size, specials, by_value, "merges")?;
        let vocab = Vocab::new(start.tokens, start.specials)?;
        let learned = grow(&vocab, &[], counts, vocab_size, options, control)?;
        let tokenizer = Self::from_clean_merges(learned.vocab, learned.merges, splitter)?;
        Ok((tokenizer.with_merge_counts(learned.merge_counts)?, learned.report))
    }

    /// This tokenizer with more merges, learnt from word counts that its splitter made: its own merges
    /// are applied to all words in order, then learning goes on. With the counts and options it was
    /// learnt from, this equals learning the larger vocabulary at once.
    ///
    /// # Errors
    /// As [`Tokenizer::learn`]; [`Error::Argument`] for a tokenizer that is not byte-level BPE, and for
    /// a `vocab_size` under its own.
    pub fn extend(
        &self,
        counts: &WordCounts,
        vocab_size: u32,
        options: &Options,
        control: &Control,
    ) -> Result<(Self, LearnReport)> {
        let (Some(splitter), Kind::Bpe | Kind::Byte) = (self.splitter(), self.kind()) else {
            let what = match self.units() {
                Units::Words { .. } => "one of characters with an end-of-word mark",
                Units::List => "a list of words",
                _ => self.kind().name(),
            };
            return Err(Error::Argument(format!(
                "only a bpe or byte tokenizer of bytes can be extended; this is {what}: learn it \
                 anew at the larger size"
            )));
        };
        check_counts(counts)?;
        check_size(vocab_size, self.vocab.len() as u32, "the tokenizer to extend", "merges")?;
        let (given, looks_up) = self.plain_merges()?;
        let learned = grow(&self.vocab, &given, counts, vocab_size, options, control)?;
        let splitter = splitter.clone();
        let extended = Self::from_merges(learned.vocab, learned.merges, looks_up, splitter)?;
        Ok((extended.with_merge_counts(learned.merge_counts)?, learned.report))
    }

    /// A word tokenizer: the most frequent pieces, ties by smaller bytes; a piece outside the
    /// vocabulary is spelled in single bytes, so nothing is lost.
    ///
    /// # Errors
    /// As [`Tokenizer::learn`].
    pub fn learn_words(
        counts: &WordCounts,
        vocab_size: u32,
        specials: &[String],
        splitter: Splitter,
    ) -> Result<(Self, LearnReport)> {
        let start = Start::new(counts, vocab_size, specials, false, "words")?;
        let mut words: Vec<_> = counts.iter().filter(|(word, _)| word.len() > 1).collect();
        words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let stop =
            if words.len() < start.num_new as usize { Stop::NoPairsLeft } else { Stop::Enough };
        let mut tokens = start.tokens;
        let chosen = words.into_iter().zip(start.first_new_id..start.first_new_id + start.num_new);
        tokens.extend(chosen.map(|((word, _), id)| (id, word.to_vec())));
        let num_words = tokens.len() - 256;
        let vocab = Vocab::new(tokens, start.specials)?;
        let report = LearnReport::new(counts, num_words, stop);
        Ok((Self::from_merges(vocab, Vec::new(), true, splitter)?, report))
    }
}

impl LearnReport {
    pub(super) fn new(counts: &WordCounts, num_merges: usize, stop: Stop) -> Self {
        Self {
            num_bytes: counts.num_bytes(),
            num_pieces: counts.num_pieces(),
            num_words: counts.len() as u64,
            num_merges: num_merges as u64,
            stop,
        }
    }
}

/// A vocabulary that has grown.
struct Grown {
    vocab: Vocab,
    merges: Vec<Merge>,
    merge_counts: Vec<u64>,
    report: LearnReport,
}

/// Learn merges until `vocab` has `vocab_size` ids, after `given` ones.
fn grow(
    vocab: &Vocab,
    given: &[Merge],
    counts: &WordCounts,
    vocab_size: u32,
    options: &Options,
    control: &Control,
) -> Result<Grown> {
    let spelled = (0..vocab.len() as u32).map(|id| match vocab.token(id) {
        Some(Token::Text(bytes) | Token::Special(bytes)) => bytes.to_vec(),
        None => Vec::new(),
    });
    let mut base = Base {
        spelled: spelled.collect(),
        merges: given.iter().map(|merge| (merge.left, merge.right, merge.id)).collect(),
    };
    let mut byte_ids = [0; 256];
    for (byte, id) in (0..=255_u8).zip(&mut byte_ids) {
        // a byte-level tokenizer has all 256
        *id = vocab.id_of(&[byte]).unwrap_or_default();
    }
    let first_new_id = vocab.len() as u32;
    let front = Bytes::new(counts, byte_ids);
    let learned = learn(&front, &base, vocab_size - first_new_id, options, control)?;
    let Learned { merges: made, counts: merge_counts, stop } = learned;
    let mut tokens: Vec<_> = vocab.text_tokens().map(|(id, bytes)| (id, bytes.to_vec())).collect();
    let mut merges = given.to_vec();
    let first_rank = given.iter().map(|merge| merge.rank + 1).max().unwrap_or(0);
    for (&(left, right, id), rank) in made[given.len()..].iter().zip(first_rank..) {
        merges.push(Merge { left, right, id, rank });
        if id as usize == base.spelled.len() {
            let bytes = [&*base.spelled[left as usize], &base.spelled[right as usize]].concat();
            base.spelled.push(bytes.clone());
            tokens.push((id, bytes));
        }
    }
    let report = LearnReport::new(counts, merges.len() - given.len(), stop);
    Ok(Grown {
        vocab: Vocab::new(tokens, vocab.specials().to_vec())?,
        merges,
        merge_counts,
        report,
    })
}

pub(super) fn check_counts(counts: &WordCounts) -> Result<()> {
    if counts.is_empty() {
        return Err(Error::Text(
            "there is no text to learn from: the input is empty; give at least one non-empty document"
                .to_owned(),
        ));
    }
    Ok(())
}

pub(super) fn check_size(vocab_size: u32, least: u32, what: &str, new: &str) -> Result<()> {
    if vocab_size < least {
        return Err(Error::Argument(format!(
            "vocab_size must be at least {least} ({what}) plus the {new} to learn; found {vocab_size}"
        )));
    }
    if vocab_size > MAX_LEARNT {
        return Err(Error::Argument(format!(
            "vocab_size must be at most {MAX_LEARNT}; found {vocab_size}"
        )));
    }
    Ok(())
}

/// The largest vocabulary that learning makes room for.
const MAX_LEARNT: u32 = 1 << 24;

/// What a learnt vocabulary begins with: specials, then the 256 bytes.
struct Start {
    specials: Vec<(String, u32)>,
    tokens: Vec<(u32, Vec<u8>)>,
    first_new_id: u32,
    num_new: u32,
}

impl Start {
    fn new(
        counts: &WordCounts,
        vocab_size: u32,
        specials: &[String],
        by_value: bool,
        new: &str,
    ) -> Result<Self> {
        check_counts(counts)?;
        let first_new_id = specials.len() as u32 + 256;
        let what = format!("256 bytes and {} special tokens", specials.len());
        check_size(vocab_size, first_new_id, &what, new)?;
        let mut alphabet: Vec<u8> = byte_level::alphabet().collect();
        if by_value {
            alphabet.sort_unstable();
        }
        let ids = specials.len() as u32..;
        Ok(Self {
            specials: specials.iter().cloned().zip(0..).collect(),
            tokens: alphabet.into_iter().zip(ids).map(|(byte, id)| (id, vec![byte])).collect(),
            first_new_id,
            num_new: vocab_size - first_new_id,
        })
    }
}
