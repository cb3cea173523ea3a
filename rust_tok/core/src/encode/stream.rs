//! Text that comes in pieces to ids that no later text can change.

use super::batch::{How, encode_batch};
use super::dropout::Dropout;
use super::specials::{Allowed, Part};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// Of less that is kept, every byte that comes is looked at anew.
const SMALL_BYTES: usize = 1 << 10;

/// Ids of one text that is appended to; all of them, one after the other, are those of the whole.
///
/// It belongs to the tokenizer that it was made with.
pub struct StreamEncoder {
    how: How,
    /// the end of the text so far whose ids are not given out
    kept: Vec<u8>,
    /// where in the text that begins
    at: usize,
    /// nothing is looked for before this much is kept: where it is much, looking takes long
    look_at: usize,
}

impl StreamEncoder {
    /// An encoder at the beginning of a text.
    ///
    /// # Errors
    /// [`crate::Error::UnknownToken`] for a name that is no special token.
    pub fn new(tokenizer: &Tokenizer, allowed: &Allowed, dropout: Option<Dropout>) -> Result<Self> {
        let how = tokenizer.how(allowed, dropout)?;
        Ok(Self { how, kept: Vec::new(), at: 0, look_at: 0 })
    }

    /// How many bytes wait for what follows them.
    pub fn num_waiting(&self) -> usize {
        self.kept.len()
    }

    /// The ids that `text`, which comes next, makes certain.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; it is then as if `text` had not come, and where what waited is at fault,
    /// as if that had not come either.
    pub fn push(
        &mut self,
        tokenizer: &Tokenizer,
        text: &[u8],
        control: &Control,
    ) -> Result<Vec<u32>> {
        let known = self.kept.len();
        self.kept.extend_from_slice(text);
        if self.kept.len() < self.look_at {
            return Ok(Vec::new());
        }
        match self.encode(tokenizer, false, control) {
            Ok((ids, end)) => {
                self.kept.drain(..end);
                self.at += end;
                let waiting = self.kept.len();
                self.look_at = if waiting < SMALL_BYTES { 0 } else { waiting + waiting / 4 };
                Ok(ids)
            }
            Err(error) => {
                self.kept.truncate(known);
                self.forget_faults(tokenizer, &error, control);
                Err(error)
            }
        }
    }

    /// The ids of what waits, since nothing follows it. The next push begins another text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; what waits then goes on waiting, but where it is at fault whatever follows:
    /// that is as if it had not come.
    pub fn finish(&mut self, tokenizer: &Tokenizer, control: &Control) -> Result<Vec<u32>> {
        let outcome = self.encode(tokenizer, true, control);
        let (ids, _) =
            outcome.inspect_err(|error| self.forget_faults(tokenizer, error, control))?;
        self.kept.clear();
        (self.at, self.look_at) = (0, 0);
        Ok(ids)
    }

    /// After `error`, what is kept goes if nothing that follows could mend it: a word of characters waits for
    /// its end before it is looked at.
    fn forget_faults(&mut self, tokenizer: &Tokenizer, error: &Error, control: &Control) {
        if matches!(error, Error::Interrupted) {
            return;
        }
        let settled = &self.kept[..self.settled()];
        let whole = match std::str::from_utf8(settled) {
            Err(error) if error.error_len().is_none() => &settled[..error.valid_up_to()],
            _ => settled,
        };
        let outcome = encode_batch(tokenizer, &[whole], &self.how, 1, control);
        if outcome.is_err_and(|error| !matches!(error, Error::Interrupted)) {
            self.kept.clear();
            self.look_at = 0;
        }
    }

    /// The ids that are certain, and where in what is kept their text ends.
    fn encode(
        &self,
        tokenizer: &Tokenizer,
        is_end: bool,
        control: &Control,
    ) -> Result<(Vec<u32>, usize)> {
        let settled = if is_end { self.kept.len() } else { self.settled() };
        let parts = self.how.finder.parts(0, &self.kept);
        let (mut ids, mut done) = (Vec::new(), 0);
        let mut scratch = tokenizer.scratches().take();
        for (number, part) in parts.iter().enumerate().take_while(|(_, part)| part.at < settled) {
            if let Some(id) = part.special {
                ids.push(id);
                done = part.at + part.text.len();
                continue;
            }
            let next = parts.get(number + 1);
            let mut text = part.text;
            if !is_end && next.is_none_or(|next| next.at >= settled) {
                text = &self.kept[part.at..settled];
                text = &text[..tokenizer.certain(text)];
            }
            let certain = Part { text, at: self.at + part.at, ..*part };
            tokenizer.encode_text(certain, self.how.dropout, &mut ids, &mut scratch, control)?;
            done = part.at + text.len();
        }
        tokenizer.scratches().give(scratch);
        Ok((ids, done))
    }

    /// No special token begins in so many bytes of what is kept but those that are found in it, whatever
    /// follows.
    fn settled(&self) -> usize {
        let (kept, names) = (&self.kept, self.how.finder.names());
        let longest = names.iter().map(Vec::len).max().unwrap_or(0);
        let from = kept.len().saturating_sub(longest.saturating_sub(1));
        let may_begin = |&at: &usize| {
            let suffix = &kept[at..];
            // names that it begins stand right behind it
            let next = names.partition_point(|name| name[..] <= *suffix);
            names.get(next).is_some_and(|name| name.starts_with(suffix))
        };
        (from..kept.len()).find(may_begin).unwrap_or(kept.len())
    }
}
