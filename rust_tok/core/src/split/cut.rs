//! Where a long text may be cut so that its parts split as the whole does.

/// Cut `text` into at most `parts` runs of about equal length whose pieces, one run after the other,
/// are the pieces of `text`.
///
/// A cut lies between an ASCII letter or digit and a space before an ASCII letter. In every named
/// scheme but `none` a piece ends there: letters and digits never share a piece with a following
/// space, the space begins the next word's piece, and no rule looks further than that.
pub fn safe_cuts(text: &[u8], parts: usize) -> Vec<&[u8]> {
    let mut runs = Vec::with_capacity(parts);
    let mut rest = text;
    for left in (2..=parts).rev() {
        let aim = rest.len() / left;
        let Some(cut) = next_safe_cut(rest, aim) else {
            break;
        };
        let (run, tail) = rest.split_at(cut);
        runs.push(run);
        rest = tail;
    }
    runs.push(rest);
    runs
}

/// The first safe cut at or after `from`.
fn next_safe_cut(text: &[u8], from: usize) -> Option<usize> {
    let start = from.max(1);
    let window = text.get(start - 1..)?;
    window
        .windows(3)
        .position(|w| w[0].is_ascii_alphanumeric() && w[1] == b' ' && w[2].is_ascii_alphabetic())
        .map(|found| start + found)
}
