//! Many texts at once, over the cores the caller grants.

use super::scratch::Scratch;
use super::specials::{Finder, Segment};
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

/// A run of text that can be encoded by itself, or a special token that was found.
struct Unit<'t> {
    text: usize,
    segment: Segment<'t>,
}

/// Encode `texts`; the result does not depend on `threads`.
pub(crate) fn encode_batch(
    tokenizer: &Tokenizer,
    texts: &[&[u8]],
    finder: &Finder,
    threads: usize,
    control: &Control,
) -> Result<Batch> {
    let units = units_of(tokenizer, texts, finder);
    let total: usize = texts.iter().map(|text| text.len()).sum();
    control.begin(Stage::Encode, total as u64);
    let scratches = tokenizer.scratches();
    let workers = threads.min(total / UNIT_BYTES + 1).min(units.len()).max(1);
    if workers == 1 {
        let (mut ids, mut scratch, mut ends) = (Vec::new(), scratches.take(), Vec::new());
        for unit in &units {
            encode_unit(tokenizer, unit, &mut ids, &mut scratch, control)?;
            ends.push(ids.len() as u64);
        }
        scratches.give(scratch);
        return Ok(Batch { offsets: text_offsets(texts.len(), &units, &ends), ids });
    }
    let states = (0..workers).map(|_| (Vec::new(), scratches.take())).collect();
    let states = share_out(states, units.len(), |(done, scratch), number| {
        let mut ids = Vec::new();
        encode_unit(tokenizer, &units[number], &mut ids, scratch, control)?;
        done.push((number, ids));
        Ok(())
    })?;
    let mut parts: Vec<Vec<u32>> = vec![Vec::new(); units.len()];
    for (done, scratch) in states {
        scratches.give(scratch);
        for (number, ids) in done {
            parts[number] = ids;
        }
    }
    let mut ids = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    let mut ends = Vec::with_capacity(parts.len());
    for part in parts {
        ids.extend_from_slice(&part);
        ends.push(ids.len() as u64);
    }
    Ok(Batch { offsets: text_offsets(texts.len(), &units, &ends), ids })
}

fn units_of<'t>(tokenizer: &Tokenizer, texts: &[&'t [u8]], finder: &Finder) -> Vec<Unit<'t>> {
    let mut units = Vec::with_capacity(texts.len());
    for (text, bytes) in texts.iter().enumerate() {
        for segment in finder.segments(bytes) {
            match segment {
                Segment::Text(run) if run.len() > 2 * UNIT_BYTES => {
                    let runs = tokenizer.units_of(run, UNIT_BYTES).into_iter();
                    units.extend(runs.map(|run| Unit { text, segment: Segment::Text(run) }));
                }
                _ => units.push(Unit { text, segment }),
            }
        }
    }
    units
}

fn encode_unit(
    tokenizer: &Tokenizer,
    unit: &Unit<'_>,
    ids: &mut Vec<u32>,
    scratch: &mut Scratch,
    control: &Control,
) -> Result<()> {
    match unit.segment {
        Segment::Special(id) => ids.push(id),
        Segment::Text(text) => {
            tokenizer.encode_text(text, ids, scratch, control)?;
            control.advance(text.len() as u64);
        }
    }
    Ok(())
}

/// Where each text begins, from where each unit ends; texts without units are empty.
fn text_offsets(texts: usize, units: &[Unit<'_>], ends: &[u64]) -> Vec<u64> {
    let mut offsets = vec![0; texts + 1];
    for (unit, &end) in units.iter().zip(ends) {
        offsets[unit.text + 1] = end;
    }
    for at in 1..offsets.len() {
        offsets[at] = offsets[at].max(offsets[at - 1]);
    }
    offsets
}
