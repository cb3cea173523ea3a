//! Many texts at once, over the cores the caller grants.

use super::dropout::Dropout;
use super::scratch::Scratch;
use super::specials::{Finder, Part};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::parallel::share_out;
use crate::tokenizer::Tokenizer;

/// Work is handed to threads in units of about this size.
const UNIT_BYTES: usize = 128 << 10;

/// The ids of several texts, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// ids of text 0, then of text 1, ...
    pub ids: Vec<u32>,
    /// text `i` is `ids[offsets[i]..offsets[i + 1]]`; one more entry than texts
    pub offsets: Vec<u64>,
}

/// What a call asks for beside the text.
pub(crate) struct How {
    /// finds the special tokens that are allowed
    pub(crate) finder: Finder,
    /// merges that are left out
    pub(crate) dropout: Option<Dropout>,
}

/// Encode `texts`; the result does not depend on `threads`.
pub(crate) fn encode_batch(
    tokenizer: &Tokenizer,
    texts: &[&[u8]],
    how: &How,
    threads: usize,
    control: &Control,
) -> Result<Batch> {
    let parts = parts_of(tokenizer, texts, &how.finder);
    let workers = num_workers(texts, &parts, threads, control);
    let dropout = how.dropout;
    if workers == 1 {
        let scratches = tokenizer.scratches();
        let (mut ids, mut scratch, mut ends) = (Vec::new(), scratches.take(), Vec::new());
        for &part in &parts {
            encode_part(tokenizer, part, dropout, &mut ids, &mut scratch, control)?;
            ends.push(ids.len() as u64);
        }
        scratches.give(scratch);
        return Ok(Batch { offsets: text_offsets(texts.len(), &parts, &ends), ids });
    }
    let encoded = of_each_part(tokenizer, &parts, workers, |part, scratch| {
        let mut ids = Vec::new();
        encode_part(tokenizer, part, dropout, &mut ids, scratch, control)?;
        Ok(ids)
    })?;
    let mut ids = Vec::with_capacity(encoded.iter().map(Vec::len).sum());
    let mut ends = Vec::with_capacity(encoded.len());
    for part in encoded {
        ids.extend_from_slice(&part);
        ends.push(ids.len() as u64);
    }
    Ok(Batch { offsets: text_offsets(texts.len(), &parts, &ends), ids })
}

/// How many ids each of `texts` has; the result does not depend on `threads`.
pub(crate) fn count_batch(
    tokenizer: &Tokenizer,
    texts: &[&[u8]],
    finder: &Finder,
    threads: usize,
    control: &Control,
) -> Result<Vec<u64>> {
    let parts = parts_of(tokenizer, texts, finder);
    let workers = num_workers(texts, &parts, threads, control);
    let counted = of_each_part(tokenizer, &parts, workers, |part, scratch| {
        count_part(tokenizer, part, u64::MAX, scratch, control)
    })?;
    let mut counts = vec![0; texts.len()];
    for (part, count) in parts.iter().zip(counted) {
        counts[part.document] += count;
    }
    Ok(counts)
}

/// How many ids `text` has, or `None` once that is sure to be more than `limit`.
pub(crate) fn count_until(
    tokenizer: &Tokenizer,
    text: &[u8],
    finder: &Finder,
    limit: u64,
    control: &Control,
) -> Result<Option<u64>> {
    let scratches = tokenizer.scratches();
    let (mut scratch, mut count) = (scratches.take(), 0);
    for part in finder.parts(0, text) {
        count += count_part(tokenizer, part, limit - count, &mut scratch, control)?;
        if count > limit {
            break;
        }
    }
    scratches.give(scratch);
    Ok((count <= limit).then_some(count))
}

/// Documents in parts that can be encoded each by itself.
fn parts_of<'t>(tokenizer: &Tokenizer, texts: &[&'t [u8]], finder: &Finder) -> Vec<Part<'t>> {
    let mut parts = Vec::with_capacity(texts.len());
    for (document, text) in texts.iter().enumerate() {
        for part in finder.parts(document, text) {
            if part.special.is_some() || part.text.len() <= 2 * UNIT_BYTES {
                parts.push(part);
                continue;
            }
            let mut at = part.at;
            for text in tokenizer.units_of(part.text, UNIT_BYTES) {
                parts.push(Part { at, text, ..part });
                at += text.len();
            }
        }
    }
    parts
}

/// How many threads are worth starting; `control` hears how much there is to do.
fn num_workers(texts: &[&[u8]], parts: &[Part<'_>], threads: usize, control: &Control) -> usize {
    let total: usize = texts.iter().map(|text| text.len()).sum();
    control.begin(Stage::Encode, total as u64);
    threads.min(total / UNIT_BYTES + 1).min(parts.len()).max(1)
}

/// What `work` makes of each part, in their order.
fn of_each_part<T: Send>(
    tokenizer: &Tokenizer,
    parts: &[Part<'_>],
    workers: usize,
    work: impl Fn(Part<'_>, &mut Scratch) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let scratches = tokenizer.scratches();
    let states = (0..workers).map(|_| (Vec::new(), scratches.take())).collect();
    let states = share_out(states, parts.len(), |(done, scratch), number| {
        done.push((number, work(parts[number], scratch)?));
        Ok(())
    })?;
    let mut all = Vec::with_capacity(parts.len());
    for (done, scratch) in states {
        scratches.give(scratch);
        all.extend(done);
    }
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, made)| made).collect())
}

fn encode_part(
    tokenizer: &Tokenizer,
    part: Part<'_>,
    dropout: Option<Dropout>,
    ids: &mut Vec<u32>,
    scratch: &mut Scratch,
    control: &Control,
) -> Result<()> {
    match part.special {
        Some(id) => ids.push(id),
        None => tokenizer.encode_text(part, dropout, ids, scratch, control)?,
    }
    control.advance(part.text.len() as u64);
    Ok(())
}

/// How many ids a part has, or some number over `limit`.
fn count_part(
    tokenizer: &Tokenizer,
    part: Part<'_>,
    limit: u64,
    scratch: &mut Scratch,
    control: &Control,
) -> Result<u64> {
    let count = match part.special {
        Some(_) => 1,
        None => tokenizer.count_text(part, limit, scratch, control)?,
    };
    control.advance(part.text.len() as u64);
    Ok(count)
}

/// Where each text begins, from where each part ends; texts without parts are empty.
fn text_offsets(texts: usize, parts: &[Part<'_>], ends: &[u64]) -> Vec<u64> {
    let mut offsets = vec![0; texts + 1];
    for (part, &end) in parts.iter().zip(ends) {
        offsets[part.document + 1] = end;
    }
    for at in 1..offsets.len() {
        offsets[at] = offsets[at].max(offsets[at - 1]);
    }
    offsets
}
