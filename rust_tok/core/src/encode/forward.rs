//! Long pieces, encoded from their front in linear time.
//!
//! What merging makes of a text begins, up to any of its borders, with what merging makes of the text
//! up to there (docs/bpe.md). So the tokens are found one after the other: the longest that fits behind
//! the last one, or the next shorter; where none does, the last one was wrong and gives way, and its end is
//! not tried again.

use super::borders::Borders;
use super::pairs::Packed;
use super::prefixes::Prefixes;
use crate::control::Control;
use crate::error::Result;

/// So many tokens are found between two looks at the interrupt flag.
const TOKENS_PER_CHECK: u32 = 1 << 14;

/// Append the ids of `text`, which is not empty, all of whose bytes are tokens.
pub(super) fn encode_forward(
    prefixes: &Prefixes,
    borders: &Borders,
    pairs: &Packed,
    text: &[u8],
    ids: &mut Vec<u32>,
    control: &Control,
) -> Result<()> {
    let first = ids.len();
    // a bit for each place in the text: nothing that ends there can be gone on with
    let mut dead = vec![0_u64; text.len() / 64 + 1];
    let (mut at, mut tried) = (0, 0_u32);
    let mut candidate = Some(prefixes.longest(text));
    while at < text.len() {
        tried = tried.wrapping_add(1);
        if tried.is_multiple_of(TOKENS_PER_CHECK) {
            control.check()?;
        }
        let last = ids[first..].last().copied();
        let Some(id) = candidate else {
            // nothing fits behind the last token
            dead[at / 64] |= 1 << (at % 64);
            let Some(last) = last else { break };
            ids.pop();
            at -= prefixes.len(last);
            candidate = prefixes.shorter(last);
            continue;
        };
        let end = at + prefixes.len(id);
        let is_dead = dead[end / 64] >> (end % 64) & 1 != 0;
        if !is_dead && last.is_none_or(|last| borders.hold(pairs, last, id)) {
            ids.push(id);
            at = end;
            if at < text.len() {
                candidate = Some(prefixes.longest(&text[at..]));
            }
        } else {
            candidate = prefixes.shorter(id);
        }
    }
    Ok(())
}
