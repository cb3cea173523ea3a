//! Documents that come in parts: cut where the parts split as the whole does.

use crate::error::{Error, Result};
use crate::split::Splitter;

/// Puts the parts of documents together just as far as splitting them needs.
#[derive(Debug)]
pub struct TextStream {
    splitter: Splitter,
    /// the end of a document so far that has not been given out
    kept: Vec<u8>,
    /// no cut is looked for before this much is kept
    look_at: usize,
    /// more than this is not kept
    most_kept: usize,
}

/// A document is given out in runs of at least this much.
const RUN_BYTES: usize = 1 << 20;

impl TextStream {
    /// A stream that holds at most `most_kept` bytes of a document without a place to cut it.
    pub fn new(splitter: Splitter, most_kept: usize) -> Self {
        Self { splitter, kept: Vec::new(), look_at: RUN_BYTES.min(most_kept), most_kept }
    }

    /// Take the next part of a document; `goes_on` says that it is not the last. What comes back is
    /// a text to be split by itself, if one is ready.
    ///
    /// # Errors
    /// [`Error::Argument`] when too much would have to be kept.
    pub fn push(&mut self, part: &[u8], goes_on: bool) -> Result<Option<Vec<u8>>> {
        self.kept.extend_from_slice(part);
        if !goes_on {
            self.look_at = RUN_BYTES.min(self.most_kept);
            return Ok(Some(std::mem::take(&mut self.kept)));
        }
        if self.kept.len() < self.look_at {
            return Ok(None);
        }
        let cut = self.splitter.last_cut(&self.kept);
        if cut == 0 {
            if self.kept.len() >= self.most_kept {
                return Err(self.too_long());
            }
            // the text is walked anew each time, so look at it a bounded number of times
            self.look_at = self.kept.len().saturating_mul(2).min(self.most_kept);
            return Ok(None);
        }
        let rest = self.kept.split_off(cut);
        self.look_at = RUN_BYTES.min(self.most_kept).max(2 * rest.len());
        Ok(Some(std::mem::replace(&mut self.kept, rest)))
    }

    /// Whether a document has begun that has not ended.
    pub fn is_inside(&self) -> bool {
        !self.kept.is_empty()
    }

    fn too_long(&self) -> Error {
        Error::Argument(format!(
            "found {} bytes of a document without a place where split {} lets it be cut, which is \
             all that the memory limit leaves room for: raise the limit (--max-memory), or read \
             lines or paragraphs as documents (--per line)",
            self.kept.len(),
            self.splitter.name()
        ))
    }
}
