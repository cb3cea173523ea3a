//! Byte-level BPE: the pieces of a text are bytes, and bytes merge.

use std::sync::OnceLock;

use super::borders::Borders;
use super::dropout::Draws;
use super::forward::encode_forward;
use super::merge::{Merge, Merger};
use super::pieces::{FewIds, Hashed, SHORT, ShortTokens};
use super::prefixes::Prefixes;
use super::scratch::Scratch;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::vocab::Vocab;

/// The merges of a byte-level vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct Bpe {
    byte_ids: [u32; 256],
    pub(super) merger: Merger,
    ignore_merges: bool,
    /// ascending ids of tokens that merging their bytes does not give
    unreachable: Vec<u32>,
    short: ShortTokens,
    /// where one merge makes each token
    borders: Option<Borders>,
    /// made for the first long piece, where long ones can be encoded from their front
    prefixes: OnceLock<Option<Prefixes>>,
}

/// Longer pieces are encoded from their front, if the merges allow it.
const LONG: usize = 256;

/// So many pieces are looked up at once.
const BATCH: usize = 32;

/// Pieces of a text, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'t> {
    pub(crate) text: &'t [u8],
    /// where the first piece begins
    pub(crate) start: usize,
    /// where each piece ends, and the next begins
    pub(crate) ends: &'t [usize],
}

impl Bpe {
    /// The model of `merges`, in the order files list them, which reach every token: as learnt, where
    /// a token's bytes take the same steps wherever they stand (docs/bpe.md).
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when a byte has no token, a merge names a pair twice, or makes a token
    /// that is not the two joined.
    pub(crate) fn of_learnt(vocab: &Vocab, merges: Vec<Merge>) -> Result<Self> {
        let mut byte_ids = [0; 256];
        for byte in 0..=255_u8 {
            byte_ids[byte as usize] = vocab.id_of(&[byte]).ok_or_else(|| {
                Error::Vocabulary(format!(
                    "the vocabulary has no token for byte 0x{byte:02x}; a byte-level vocabulary must \
                     hold all 256 single bytes"
                ))
            })?;
        }
        let merger = Merger::new(vocab, merges)?;
        let short = ShortTokens::new(vocab.text_tokens());
        Ok(Self {
            byte_ids,
            borders: Borders::new(vocab.len(), merger.merges()),
            merger,
            ignore_merges: false,
            unreachable: Vec::new(),
            short,
            prefixes: OnceLock::new(),
        })
    }

    /// The model of any merges; with `ignore_merges` a piece that is a token is taken whole even where
    /// merging would not make it.
    ///
    /// # Errors
    /// As [`Bpe::of_learnt`].
    pub(crate) fn new(vocab: &Vocab, merges: Vec<Merge>, ignore_merges: bool) -> Result<Self> {
        let mut bpe = Self { ignore_merges, ..Self::of_learnt(vocab, merges)? };
        bpe.unreachable = bpe.find_unreachable(vocab)?;
        if !ignore_merges && !bpe.unreachable.is_empty() {
            let is_reached = |(id, _): &(u32, &[u8])| bpe.unreachable.binary_search(id).is_err();
            bpe.short = ShortTokens::new(vocab.text_tokens().filter(is_reached));
        }
        Ok(bpe)
    }

    /// The ids, ascending, of tokens that merging their bytes does not give.
    fn find_unreachable(&self, vocab: &Vocab) -> Result<Vec<u32>> {
        let mut unreachable = Vec::new();
        if let (Some(borders), Some(pairs)) = (&self.borders, self.merger.packed()) {
            // a token is reached if its two parts are, and nothing joins them before it does
            let mut is_reached = vec![false; vocab.len()];
            for id in self.byte_ids {
                is_reached[id as usize] = true;
            }
            for merge in self.merger.merges() {
                is_reached[merge.id as usize] = is_reached[merge.left as usize]
                    && is_reached[merge.right as usize]
                    && borders.is_reached(pairs, merge.id);
            }
            let ids = vocab.text_tokens().map(|(id, _)| id);
            unreachable.extend(ids.filter(|&id| !is_reached[id as usize]));
            return Ok(unreachable);
        }
        let (mut ids, mut scratch, idle) = (Vec::new(), Scratch::default(), Control::default());
        for (id, bytes) in vocab.text_tokens() {
            ids.clear();
            self.merge(bytes, &mut ids, &mut scratch, &idle)?;
            if ids != [id] {
                unreachable.push(id);
            }
        }
        Ok(unreachable)
    }

    pub(crate) fn merges(&self) -> &[Merge] {
        self.merger.merges()
    }

    pub(crate) fn ignore_merges(&self) -> bool {
        self.ignore_merges
    }

    #[cfg(test)]
    pub(super) fn unreachable(&self) -> &[u32] {
        &self.unreachable
    }

    /// Whether long pieces have been encoded from their front.
    #[cfg(test)]
    pub(super) fn encodes_forward(&self) -> bool {
        self.prefixes.get().is_some_and(Option::is_some)
    }

    /// The first token that a piece is only by looking it up.
    pub(crate) fn first_looked_up(&self) -> Option<u32> {
        self.unreachable.first().copied().filter(|_| self.ignore_merges)
    }

    /// Append the ids of the pieces of `run`.
    pub(crate) fn encode_run(
        &self,
        vocab: &Vocab,
        run: Run<'_>,
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let Run { text, mut start, ends } = run;
        let hasher = self.short.hasher();
        let (mut pieces, mut tokens) = ([Hashed::default(); BATCH], [None; BATCH]);
        for ends in ends.chunks(BATCH) {
            let mut begin = start;
            for (&end, piece) in ends.iter().zip(&mut pieces) {
                let len = end.wrapping_sub(begin);
                *piece = Hashed::default();
                if len <= SHORT {
                    let hashed = hasher.hashed(text, begin, len);
                    self.short.prefetch(&hashed);
                    *piece = hashed;
                }
                begin = end;
            }
            for (piece, token) in pieces[..ends.len()].iter().zip(&mut tokens) {
                *token = self.short.get(piece);
                if token.is_none() {
                    scratch.merged.prefetch(piece);
                }
            }
            // ids wait here: the room for the most is written, whatever their number
            let (mut waiting, mut len) = ([0; (BATCH + 1) * FewIds::MOST], 0);
            for ((&end, piece), &token) in ends.iter().zip(&pieces).zip(&tokens) {
                if let Some(id) = token {
                    waiting[len] = id;
                    len += 1;
                } else if let Some(merged) = scratch.merged.get(piece) {
                    waiting[len..len + FewIds::MOST].copy_from_slice(&merged.all());
                    len += merged.len();
                } else {
                    ids.extend_from_slice(&waiting[..len]);
                    len = 0;
                    let begin = ids.len();
                    self.encode_other(vocab, &text[start..end], ids, scratch, control)?;
                    scratch.merged.insert(hasher, piece, &ids[begin..]);
                }
                start = end;
            }
            ids.extend_from_slice(&waiting[..len]);
        }
        Ok(())
    }

    /// How many ids the pieces of `run` have.
    pub(crate) fn count_run(
        &self,
        vocab: &Vocab,
        run: Run<'_>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<u64> {
        let Run { text, mut start, ends } = run;
        let (hasher, mut count) = (self.short.hasher(), 0);
        let mut pieces = [Hashed::default(); BATCH];
        scratch.piece_counts.begin();
        for ends in ends.chunks(BATCH) {
            let mut begin = start;
            for (&end, piece) in ends.iter().zip(&mut pieces) {
                let len = end.wrapping_sub(begin);
                *piece = Hashed::default();
                if len <= SHORT {
                    let hashed = hasher.hashed(text, begin, len);
                    scratch.piece_counts.prefetch(&hashed);
                    *piece = hashed;
                }
                begin = end;
            }
            // numbers of the pieces that were not counted yet, gathered without a branch
            let (mut others, mut num_others) = ([0; BATCH], 0);
            for (at, piece) in pieces[..ends.len()].iter().enumerate() {
                let known = scratch.piece_counts.get(piece);
                others[num_others] = at;
                num_others += usize::from(known == 0);
                count += known;
            }
            for &at in &others[..num_others] {
                let piece = &pieces[at];
                let known = if self.short.get(piece).is_some() {
                    1
                } else if let Some(merged) = scratch.merged.get(piece) {
                    merged.len() as u64
                } else {
                    let begin = if at == 0 { start } else { ends[at - 1] };
                    self.count_other(vocab, &text[begin..ends[at]], piece, scratch, control)?
                };
                scratch.piece_counts.insert(hasher, piece, known);
                count += known;
            }
            start = begin;
        }
        Ok(count)
    }

    /// How many ids a piece has that the tables of short ones do not hold.
    fn count_other(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        hashed: &Hashed,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<u64> {
        let mut ids = std::mem::take(&mut scratch.counted);
        ids.clear();
        self.encode_other(vocab, piece, &mut ids, scratch, control)?;
        scratch.merged.insert(self.short.hasher(), hashed, &ids);
        scratch.counted = ids;
        Ok(scratch.counted.len() as u64)
    }

    /// Append the ids of a piece of which merges are dropped as `draws` say; where it would be taken
    /// whole though no merges make it, that is dropped, too.
    pub(crate) fn encode_dropping(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        mut draws: Draws,
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if self.ignore_merges
            && let Some(id) = vocab.id_of(piece)
            && self.unreachable.binary_search(&id).is_ok()
            && !draws.drops()
        {
            ids.push(id);
            return Ok(());
        }
        let symbols = piece.iter().map(|&byte| self.byte_ids[byte as usize]);
        self.merger.merge_dropping(symbols, ids, scratch, control, || draws.drops())
    }

    /// Append the ids of a piece that the tables of short ones do not hold.
    fn encode_other(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let hash = scratch.long.hash(piece);
        if let Some(known) = hash.and_then(|hash| scratch.long.get(piece, hash)) {
            ids.extend_from_slice(known);
            return Ok(());
        }
        let begin = ids.len();
        if piece.len() > SHORT {
            self.encode_piece(vocab, piece, ids, scratch, control)?;
        } else {
            // had it been a token that is taken whole, the table of short ones would have had it
            self.merge(piece, ids, scratch, control)?;
        }
        let is_long = piece.len() > SHORT || ids.len() - begin > FewIds::MOST;
        if let Some(hash) = hash.filter(|_| is_long) {
            scratch.long.insert(piece, hash, &ids[begin..]);
        }
        Ok(())
    }

    /// Append the ids of `piece`.
    #[inline]
    pub(crate) fn encode_piece(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if let Some(id) = vocab.id_of(piece)
            && (self.ignore_merges
                || self.unreachable.is_empty()
                || self.unreachable.binary_search(&id).is_err())
        {
            ids.push(id);
            return Ok(());
        }
        if piece.len() > LONG {
            return self.merge_long(vocab, piece, ids, scratch, control);
        }
        self.merge(piece, ids, scratch, control)
    }

    #[inline]
    fn merge(
        &self,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let symbols = piece.iter().map(|&byte| self.byte_ids[byte as usize]);
        self.merger.merge(symbols, ids, scratch, control)
    }

    /// Append the ids of a long piece.
    pub(super) fn merge_long(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        ids: &mut Vec<u32>,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        if let (Some(borders), Some(pairs)) = (&self.borders, self.merger.packed())
            && self.unreachable.is_empty()
            && let Some(prefixes) = self.prefixes.get_or_init(|| {
                // a merge may make a special token, which no text begins with
                let num_made = self.merger.merges().len();
                let is_text = vocab.text_tokens().count() == self.byte_ids.len() + num_made;
                is_text.then(|| Prefixes::new(vocab, &self.byte_ids)).flatten()
            })
        {
            return encode_forward(prefixes, borders, pairs, piece, ids, control);
        }
        self.merge(piece, ids, scratch, control)
    }
}
