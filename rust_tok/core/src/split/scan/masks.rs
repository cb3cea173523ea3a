//! From the classes of 64 bytes to the pieces that begin in them: the rules of a scheme as algebra
//! on bit masks.
//!
//! Bit `i` of a mask speaks of byte `i` of a window, and a window always begins where a piece begins.
//! So nothing is carried from one window to the next, and "no byte before" reads as a boundary. What
//! is to the right of the window may still change what its last bytes mean: of these nothing is
//! said, and the next window begins at the last piece that is certain.

#![expect(clippy::inline_always, reason = "the rules of each scheme must fold into its scanner")]

use super::super::schemes::{Rules, SymbolTail, Words};

/// Class bits of a byte, as the scanners look them up. `FIRST` and `SECOND` tell apart within a
/// class what some rule tells apart.
pub(super) const LETTER: u8 = 1;
pub(super) const NUMBER: u8 = 2;
pub(super) const SPACE: u8 = 4;
/// of white space: a newline; of symbols: the slash
pub(super) const FIRST: u8 = 8;
/// of letters: upper case; of white space: the blank; of symbols: the quote
pub(super) const SECOND: u8 = 16;
/// not ASCII; such a byte has no other bit
pub(super) const HIGH: u8 = 32;

/// The class bits of every byte.
pub(super) static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [HIGH; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' => LETTER | SECOND,
            b'a'..=b'z' => LETTER,
            b'0'..=b'9' => NUMBER,
            b'\r' | b'\n' => SPACE | FIRST,
            b' ' => SPACE | SECOND,
            b'\t' | 0x0b | 0x0c => SPACE,
            b'/' => FIRST,
            b'\'' => SECOND,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// Which of 64 bytes have which class bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) letter: u64,
    pub(super) number: u64,
    pub(super) space: u64,
    pub(super) first: u64,
    pub(super) second: u64,
    pub(super) high: u64,
}

/// Where pieces begin in a window of which byte 0 begins a piece, as far as the window can tell; bit 0
/// itself is left out.
#[inline(always)]
pub(super) fn piece_starts(rules: &Rules, masks: &Masks, window: &[u8; 64]) -> u64 {
    let Masks { letter, number, space, first, second, high } = *masks;
    let symbol = !(letter | number | space | high);
    let (blank, upper, quote) = (space & second, letter & second, symbol & second);
    let newline = space & first;

    // the bytes before the first that is not ASCII, and of them the run of white space at the end
    // but for its first byte: what follows it decides how it is cut
    let known = high.wrapping_sub(1) & !high;
    let last_black = (known & !space).leading_zeros();
    let mut certain = known & (u64::MAX.checked_shr(last_black).unwrap_or(0) << 1 | 1);

    // newlines (and slashes) that belong to the symbols before them, and what follows those
    let (tail, after_tail) = match rules.symbol_tail {
        SymbolTail::Nothing => (0, 0),
        SymbolTail::Newlines => run_tail(newline & symbol << 1, newline),
        SymbolTail::NewlinesAndSlashes => {
            let slash = symbol & first;
            let tails = newline & symbol << 1;
            if slash & newline << 1 == 0 {
                run_tail(tails, newline)
            } else {
                slashed_tail(tails, newline | slash)
            }
        }
    };
    let symbol = symbol & !tail;

    // symbols that begin a piece of their own; a blank before them would be its first byte
    let symbol_starts = symbol & !(symbol << 1) & !(blank << 1);

    let mut starts = symbol_starts | after_tail | space & !(space << 1) & !tail;
    let after_letter = letter << 1;
    if rules.words == Words::SpaceThenLetters {
        starts |= letter & !(after_letter | blank << 1);
        starts |= number & !(number << 1 | blank << 1);
        // the last byte of white space leads what follows, or is cut off for it
        starts |= space & !space >> 1;
    } else {
        let lead = space & !newline | symbol_starts;
        starts |= letter & !(after_letter | lead << 1);
        if rules.words != Words::AnyThenLetters {
            starts |= upper & (letter & !upper) << 1;
        }
        starts |= number_starts(rules.digits, number);
        let inner = space & !newline;
        starts |= inner & !space >> 1;
        starts |= after_last_newline(inner, newline);
    }
    if rules.words != Words::Cased {
        // a quote may begin a contraction only where a letter may follow
        let unseen = high >> 1 | 1 << 63;
        let mut quotes = quote & symbol_starts & known & (letter >> 1 | unseen);
        if rules.words == Words::CasedWithEnding {
            quotes &= after_letter;
        }
        if quotes != 0 {
            contractions(rules, quotes, window, known, &mut starts, &mut certain);
        }
    }
    starts & certain & !1
}

/// The runs of `run` that begin in `begins`, each of which begins a run of `run`; and the bytes right
/// after them.
#[inline(always)]
fn run_tail(begins: u64, run: u64) -> (u64, u64) {
    let carried = run.wrapping_add(begins);
    (run & !carried, carried & !run)
}

/// As [`run_tail`], where a run may also be entered in its middle, and more than once.
#[cold]
fn slashed_tail(begins: u64, run: u64) -> (u64, u64) {
    let (mut tail, mut after, mut left) = (0, 0, begins);
    while left != 0 {
        let bit = left & left.wrapping_neg();
        let carried = run.wrapping_add(bit);
        tail |= run & !carried;
        after |= carried & !run;
        left &= !(tail | bit);
    }
    (tail, after)
}

/// The first of every `most` digits of a run; `most` is at least 1.
#[inline(always)]
fn number_starts(most: usize, number: u64) -> u64 {
    if most == 1 {
        return number;
    }
    let mut starts = number & !(number << 1);
    let mut inside = number;
    for _ in 0..most {
        inside &= inside << 1;
    }
    // digits that have `most` digits before them
    let mut next = starts << most & inside;
    while next != 0 {
        starts |= next;
        next = next << most & inside;
    }
    starts
}

/// The bytes after the last newline of each run of white space, where white space follows it.
#[inline(always)]
fn after_last_newline(inner: u64, newline: u64) -> u64 {
    let mut begins = inner & newline << 1;
    // where a run that begins after a newline ends before another
    let mut ends = inner.wrapping_add(begins) & newline;
    while ends != 0 {
        let end = ends & ends.wrapping_neg();
        let before = begins & end.wrapping_sub(1);
        // the nearest beginning is its own
        begins &= !(1 << 63 >> before.leading_zeros());
        ends &= !end;
    }
    begins
}

/// Correct `starts` for the contractions at `quotes`, and `certain` for those that the window's end
/// leaves open.
#[inline(always)]
fn contractions(
    rules: &Rules,
    mut quotes: u64,
    window: &[u8; 64],
    known: u64,
    starts: &mut u64,
    certain: &mut u64,
) {
    let is_ending = rules.words == Words::CasedWithEnding;
    let any_case = rules.words != Words::SpaceThenLetters;
    let fold = |byte: u8| {
        if any_case { byte.to_ascii_lowercase() } else { byte }
    };
    while quotes != 0 {
        let at = quotes.trailing_zeros() as usize;
        let quote = quotes & quotes.wrapping_neg();
        quotes &= !quote;
        if known & quote << 1 == 0 || known & quote << 2 == 0 {
            // without a contraction to follow, the quote itself is no longer certain only where it could
            // have ended the word before it
            *certain &= quote.wrapping_sub(1) | if is_ending { 0 } else { quote };
            return;
        }
        let len = match fold(window[(at + 1) & 63]) {
            b's' | b't' | b'm' | b'd' => 2,
            b'l' if fold(window[(at + 2) & 63]) == b'l' => 3,
            b'v' | b'r' if fold(window[(at + 2) & 63]) == b'e' => 3,
            _ => continue,
        };
        let after = quote << len;
        *starts = *starts & !(quote << 1 | quote << 2) | after;
        if is_ending {
            *starts &= !quote;
            // a quote there begins a piece, so it ends none
            quotes &= !after;
        }
    }
}
