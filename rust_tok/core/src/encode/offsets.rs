//! Ids with the places in the text that they stand for.

use std::ops::ControlFlow;

use super::specials::Part;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::tokenizer::{Model, Tokenizer};

/// What places in a text are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetUnit {
    /// Bytes of UTF-8.
    Bytes,
    /// Unicode scalar values, as Python indexes text.
    Characters,
}

/// The ids of one text, and where the text of each begins and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// the ids
    pub ids: Vec<u32>,
    /// as many spans as ids
    pub spans: Vec<[u64; 2]>,
}

/// Encode the parts of a text, with spans in `unit`.
///
/// In characters a token that begins or ends inside a character has the whole character: its span is the
/// shortest that holds it.
pub(crate) fn encode_with_spans(
    tokenizer: &Tokenizer,
    text: &[u8],
    parts: &[Part<'_>],
    unit: OffsetUnit,
    control: &Control,
) -> Result<Encoded> {
    let scratches = tokenizer.scratches();
    let (mut encoded, mut scratch) = (Encoded::default(), scratches.take());
    let Encoded { ids, spans } = &mut encoded;
    let vocab = tokenizer.vocab();
    for &part in parts {
        let mut at = part.at as u64;
        if let Some(id) = part.special {
            ids.push(id);
            spans.push([at, at + part.text.len() as u64]);
            continue;
        }
        match tokenizer.model() {
            Model::Bytes { .. } => {
                let first = ids.len();
                tokenizer.encode_text(part, None, ids, &mut scratch, control)?;
                for &id in &ids[first..] {
                    let end = at + vocab.spelled(id).len() as u64;
                    spans.push([at, end]);
                    at = end;
                }
            }
            Model::Characters(characters) => {
                let (first, end) = (spans.len(), at + part.text.len() as u64);
                characters.for_each(part, |at, id| {
                    ids.push(id);
                    spans.push([at as u64, end]);
                    ControlFlow::Continue(())
                })?;
                for number in first + 1..spans.len() {
                    spans[number - 1][1] = spans[number][0];
                }
            }
            Model::List(list) => list.for_each(vocab, part, control, |place, id| {
                ids.push(id);
                spans.push([place.start as u64, place.end as u64]);
                ControlFlow::Continue(())
            })?,
            Model::Words(words) => {
                words.encode_with_spans(vocab, part, ids, spans, &mut scratch, control)?;
            }
        }
    }
    scratches.give(scratch);
    if unit == OffsetUnit::Characters {
        in_characters(text, &mut encoded.spans)?;
    }
    Ok(encoded)
}

/// Bytes to characters; neither starts nor ends descend.
fn in_characters(text: &[u8], spans: &mut [[u64; 2]]) -> Result<()> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(Error::Text(format!(
            "expected UTF-8 text, whose characters can be counted; the byte at {} is not part of any: \
             ask for offsets in bytes",
            error.valid_up_to()
        )));
    }
    let begins = |byte: &u8| u64::from(byte & 0xc0 != 0x80);
    let count = |bytes: &[u8]| bytes.iter().map(begins).sum::<u64>();
    // (byte, characters that begin before it)
    let (mut of_start, mut of_end) = ((0, 0), (0, 0));
    for span in spans {
        let [start, end] = span.map(|byte| byte as usize);
        for (known, byte) in [(&mut of_start, start), (&mut of_end, end)] {
            *known = (byte, known.1 + count(&text[known.0..byte]));
        }
        // a start inside a character is that of the character
        let is_inside = start < end && text.get(start).is_some_and(|byte| begins(byte) == 0);
        *span = [of_start.1 - u64::from(is_inside), of_end.1];
    }
    Ok(())
}
