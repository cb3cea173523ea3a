//! Text to ids, to how many there are, and to where each stands.

use std::ops::ControlFlow;

use super::{Kind, Model, Tokenizer};
use crate::control::Control;
use crate::encode::{
    Allowed, Batch, Dropout, Encoded, How, OffsetUnit, Part, Run, Scratch, Scratches, count_batch,
    count_until, encode_batch, encode_with_spans, word_units,
};
use crate::error::{Error, Result};

/// Words are counted in runs of about this many bytes.
const COUNTED_BYTES: usize = 64 << 10;

/// Why a text is not read to its end.
enum Stop {
    Enough,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Tokenizer {
    /// The ids of `text`.
    ///
    /// # Errors
    /// [`Error::UnknownToken`], [`Error::Text`] as the model says; [`Error::Interrupted`].
    pub fn encode(&self, text: &[u8], allowed: &Allowed, control: &Control) -> Result<Vec<u32>> {
        self.encode_batch(&[text], allowed, None, 1, control).map(|batch| batch.ids)
    }

    /// The ids of several texts, on up to `threads` threads; the ids do not depend on how many.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_batch(
        &self,
        texts: &[&[u8]],
        allowed: &Allowed,
        dropout: Option<Dropout>,
        threads: usize,
        control: &Control,
    ) -> Result<Batch> {
        encode_batch(self, texts, &self.how(allowed, dropout)?, threads, control)
    }

    /// How many ids each of several texts has, without making them.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn count_batch(
        &self,
        texts: &[&[u8]],
        allowed: &Allowed,
        threads: usize,
        control: &Control,
    ) -> Result<Vec<u64>> {
        count_batch(self, texts, &self.specials.finder(allowed)?, threads, control)
    }

    /// How many ids `text` has, or `None` once that is sure to be more than `limit`: what follows is not
    /// encoded. It is still searched for special tokens, and has to be UTF-8 where characters are counted.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn count_until(
        &self,
        text: &[u8],
        allowed: &Allowed,
        limit: u64,
        control: &Control,
    ) -> Result<Option<u64>> {
        let finder = self.specials.finder(allowed)?;
        // every id stands for at least one byte, and for no more than the longest token has
        let at_least = (text.len() as u64).div_ceil(self.longest_token.max(1));
        if matches!(self.model, Model::Bytes { .. }) && at_least > limit {
            return Ok(None);
        }
        count_until(self, text, &finder, limit, control)
    }

    /// The ids of `text`, and where in it each stands.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; [`Error::Text`] for places in characters of text that is not UTF-8.
    pub fn encode_with_spans(
        &self,
        text: &[u8],
        allowed: &Allowed,
        unit: OffsetUnit,
        control: &Control,
    ) -> Result<Encoded> {
        let parts = self.specials.finder(allowed)?.parts(0, text);
        encode_with_spans(self, text, &parts, unit, control)
    }

    pub(crate) fn how(&self, allowed: &Allowed, dropout: Option<Dropout>) -> Result<How> {
        Ok(How { finder: self.specials.finder(allowed)?, dropout })
    }

    /// What threads work with, kept between calls.
    pub(crate) fn scratches(&self) -> &Scratches {
        &self.scratches
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// `text` in runs of about `unit_bytes` that can be encoded each by itself.
    pub(crate) fn units_of<'t>(&self, text: &'t [u8], unit_bytes: usize) -> Vec<&'t [u8]> {
        match &self.model {
            Model::Bytes { splitter, .. } => splitter.units(text, unit_bytes),
            Model::Characters(_) => vec![text],
            Model::Words(_) | Model::List(_) => word_units(text, unit_bytes),
        }
    }

    /// How many bytes of `text`, without specials, have ids that do not depend on what follows `text`.
    pub fn certain(&self, text: &[u8]) -> usize {
        if let Model::Bytes { splitter, .. } = &self.model {
            if self.kind() == Kind::Byte {
                return text.len();
            }
            let mut end = 0;
            loop {
                let more = splitter.last_cut(&text[end..]);
                if more == 0 {
                    return end;
                }
                end += more;
            }
        }
        let whole = match std::str::from_utf8(text) {
            Ok(whole) => whole,
            // the beginning of a character
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default()
            }
            // to be told about when it is encoded
            Err(_) => return text.len(),
        };
        match &self.model {
            Model::Words(_) | Model::List(_) => {
                let space = whole.char_indices().rev().find(|(_, c)| c.is_whitespace());
                space.map_or(0, |(at, space)| at + space.len_utf8())
            }
            _ => whole.len(),
        }
    }

    /// Append the ids of a text without specials.
    pub(crate) fn encode_text(
        &self,
        part: Part<'_>,
        dropout: Option<Dropout>,
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        match &self.model {
            Model::Characters(characters) => characters.encode(part, ids),
            Model::Words(words) => words.encode(part, dropout, ids, scratch, control),
            Model::List(list) => list.encode(&self.vocab, part, ids, control),
            Model::Bytes { splitter, bpe } => {
                let (text, mut room) = (part.text, std::mem::take(&mut scratch.ends));
                let outcome = splitter.try_for_each_run(text, &mut room, |mut start, ends| {
                    control.check()?;
                    let Some(dropout) = dropout else {
                        let run = Run { text, start, ends };
                        return bpe.encode_run(&self.vocab, run, ids, scratch, control);
                    };
                    for &end in ends {
                        let draws = dropout.draws(part.document, part.at + start);
                        let piece = &text[start..end];
                        bpe.encode_dropping(&self.vocab, piece, draws, ids, scratch, control)?;
                        start = end;
                    }
                    Ok(())
                });
                scratch.ends = room;
                outcome
            }
        }
    }

    /// How many ids a text without specials has, or some number over `limit`.
    pub(crate) fn count_text(
        &self,
        part: Part<'_>,
        limit: u64,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<u64> {
        let mut count = 0;
        match &self.model {
            Model::Characters(characters) => characters.for_each(part, |_, _| {
                count += 1;
                if count > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?,
            Model::List(list) => list.for_each(&self.vocab, part, control, |_, _| {
                count += 1;
                if count > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?,
            Model::Words(words) => {
                let (mut ids, mut at) = (Vec::new(), part.at);
                for text in word_units(part.text, COUNTED_BYTES) {
                    ids.clear();
                    words.encode(Part { at, text, ..part }, None, &mut ids, scratch, control)?;
                    at += text.len();
                    count += ids.len() as u64;
                    if count > limit {
                        break;
                    }
                }
            }
            Model::Bytes { splitter, bpe } => {
                let (text, mut room) = (part.text, std::mem::take(&mut scratch.ends));
                let outcome = splitter.try_for_each_run(text, &mut room, |start, ends| {
                    control.check()?;
                    let run = Run { text, start, ends };
                    count += bpe.count_run(&self.vocab, run, scratch, control)?;
                    if count > limit { Err(Stop::Enough) } else { Ok(()) }
                });
                scratch.ends = room;
                if let Err(Stop::Failed(error)) = outcome {
                    return Err(error);
                }
            }
        }
        Ok(count)
    }
}
