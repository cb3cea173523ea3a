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

/// How far from the end of a text a safe cut is looked for.
const LOOK_BACK_BYTES: usize = 64 << 10;

/// The last safe cut near the end of `text`.
pub(super) fn last_safe_cut(text: &[u8]) -> Option<usize> {
    let start = text.len().saturating_sub(LOOK_BACK_BYTES);
    let found = text[start..]
        .windows(3)
        .rposition(|w| w[0].is_ascii_alphanumeric() && w[1] == b' ' && w[2].is_ascii_alphabetic());
    found.map(|at| start + at + 1)
}

/// A cut between pieces of a named scheme, for text without safe cuts, such as Chinese; 0 for none.
///
/// A piece is found from its start alone, by looking at most to the end of the run of white space
/// or of the contraction behind it, which are parts of the next two pieces. So where three pieces
/// follow, the end of the text played no part. Nor must the end of the beginning that is cut off:
/// only white space is split otherwise at the end of a text, so a cut lies behind something else.
pub(super) fn cut_between_pieces(pieces: &[&[u8]]) -> usize {
    let Some(known) = pieces.len().checked_sub(3) else { return 0 };
    let ends_in_space = |piece: &[u8]| {
        let text = String::from_utf8_lossy(piece);
        text.chars().next_back().is_none_or(|last| last.is_whitespace() || last.is_control())
    };
    let last = pieces[..known].iter().rposition(|piece| !ends_in_space(piece));
    last.map_or(0, |last| pieces[..=last].iter().map(|piece| piece.len()).sum())
}
