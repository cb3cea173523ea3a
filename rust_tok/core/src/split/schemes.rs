//! The named split schemes: one scalar walk, told apart by a handful of rules as data.
//!
//! This walk is the ground truth of the schemes: the tests hold it against the published patterns in
//! a backtracking engine over exhaustive strings of class representatives, and the fast scanners of
//! `scan` against it.

#![expect(clippy::inline_always, reason = "the rules of each scheme must fold into its walk")]

use super::classes::{LETTER, LOWER, NEWLINE, NUMBER, SPACE, UPPER, class_at, decode};

/// A named way to cut text into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// GPT-2 and `r50k_base`.
    Gpt2,
    /// GPT-4: `cl100k_base`.
    Gpt4,
    /// GPT-4o: `o200k_base`.
    O200k,
    /// Llama 3; `cl100k_base` as it was first published.
    Llama3,
    /// Qwen 2 and 2.5: Llama 3 with one digit a piece.
    Qwen2,
    /// Mistral's Tekken: words as in `o200k` but without endings, one digit a piece.
    Tekken,
    /// The whole text is one piece.
    None,
}

/// How a scheme reads a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// ` ?\p{L}+`, contractions first and in lower case only
    SpaceThenLetters,
    /// `[^\r\n\p{L}\p{N}]?\p{L}+`, contractions first and in any case
    AnyThenLetters,
    /// `[^\r\n\p{L}\p{N}]?` upper part, lower part
    Cased,
    /// the same, and a contraction that follows belongs to the word
    CasedWithEnding,
}

/// What may follow a run of symbols in its piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SymbolTail {
    Nothing,
    Newlines,
    NewlinesAndSlashes,
}

/// The rules of a scheme.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) words: Words,
    /// the most digits in a piece; 0: any number, after an optional space
    pub(super) digits: usize,
    pub(super) symbol_tail: SymbolTail,
    /// a run of spaces with a newline in it ends after the last newline
    newline_ends_space: bool,
    /// white space that ends the text is one piece, newlines or not
    final_space_whole: bool,
}

pub(super) const GPT2: Rules = Rules {
    words: Words::SpaceThenLetters,
    digits: 0,
    symbol_tail: SymbolTail::Nothing,
    newline_ends_space: false,
    final_space_whole: true,
};
pub(super) const LLAMA3: Rules = Rules {
    words: Words::AnyThenLetters,
    digits: 3,
    symbol_tail: SymbolTail::Newlines,
    newline_ends_space: true,
    final_space_whole: false,
};
pub(super) const GPT4: Rules = Rules { final_space_whole: true, ..LLAMA3 };
pub(super) const QWEN2: Rules = Rules { digits: 1, ..LLAMA3 };
pub(super) const O200K: Rules =
    Rules { words: Words::CasedWithEnding, symbol_tail: SymbolTail::NewlinesAndSlashes, ..LLAMA3 };
pub(super) const TEKKEN: Rules = Rules { words: Words::Cased, digits: 1, ..O200K };

const GPT2_PATTERN: &str =
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const GPT4_PATTERN: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K_PATTERN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN_PATTERN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Other published spellings of the same splits.
const ALIASES: [(&str, Scheme); 5] = [
    (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Scheme::Gpt2),
    (
        r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        Scheme::Gpt2,
    ),
    (
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
        Scheme::Gpt2,
    ),
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        Scheme::Gpt4,
    ),
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        Scheme::Llama3,
    ),
];

impl Scheme {
    /// All schemes.
    pub const ALL: [Self; 7] =
        [Self::Gpt2, Self::Gpt4, Self::O200k, Self::Llama3, Self::Qwen2, Self::Tekken, Self::None];

    /// The name in files, on the command line and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Gpt4 => "gpt4",
            Self::O200k => "o200k",
            Self::Llama3 => "llama3",
            Self::Qwen2 => "qwen2",
            Self::Tekken => "tekken",
            Self::None => "none",
        }
    }

    /// The scheme of that name, also by the name of the vocabulary that made it known.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "r50k_base" => Some(Self::Gpt2),
            "cl100k" | "cl100k_base" => Some(Self::Gpt4),
            "o200k_base" => Some(Self::O200k),
            _ => Self::ALL.into_iter().find(|scheme| scheme.name() == name),
        }
    }

    /// The pattern that files carry: valid in the engines of tiktoken and of Hugging Face tokenizers.
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Gpt2 => Some(GPT2_PATTERN),
            Self::Gpt4 => Some(GPT4_PATTERN),
            Self::O200k => Some(O200K_PATTERN),
            Self::Llama3 => Some(LLAMA3_PATTERN),
            Self::Qwen2 => Some(QWEN2_PATTERN),
            Self::Tekken => Some(TEKKEN_PATTERN),
            Self::None => None,
        }
    }

    /// The scheme that a published pattern spells.
    pub fn of_pattern(pattern: &str) -> Option<Self> {
        let own = Self::ALL.into_iter().find(|scheme| scheme.pattern() == Some(pattern));
        own.or_else(|| ALIASES.iter().find(|(alias, _)| *alias == pattern).map(|(_, s)| *s))
    }
}

/// The end of the piece that starts at `start < text.len()`.
#[inline(always)]
pub(super) fn piece_end(rules: &Rules, text: &[u8], start: usize) -> usize {
    let (class, len) = class_at(text, start);
    let next = start + len;
    if matches!(rules.words, Words::Cased | Words::CasedWithEnding) {
        let takes_ending = rules.words == Words::CasedWithEnding;
        if let Some(end) = cased_word_end(text, start, class, next, takes_ending) {
            return end;
        }
    } else {
        if class & LETTER != 0 {
            return run_end(text, next, LETTER);
        }
        if text[start] == b'\'' {
            let any_case = rules.words == Words::AnyThenLetters;
            if let Some(end) = contraction_end(text, start, any_case) {
                return end;
            }
        }
        let may_lead = match rules.words {
            Words::SpaceThenLetters => text[start] == b' ',
            _ => class & (NEWLINE | NUMBER) == 0,
        };
        if may_lead && next < text.len() {
            let (second, second_len) = class_at(text, next);
            if second & LETTER != 0 {
                return run_end(text, next + second_len, LETTER);
            }
        }
    }
    if class & NUMBER != 0 {
        return match rules.digits {
            0 => run_end(text, next, NUMBER),
            most => bounded_run_end(text, next, NUMBER, most - 1),
        };
    }
    if class & SPACE == 0 {
        return symbols_end(rules, text, next);
    }
    if text[start] == b' ' && next < text.len() {
        let (second, second_len) = class_at(text, next);
        if rules.digits == 0 && second & NUMBER != 0 {
            return run_end(text, next + second_len, NUMBER);
        }
        if second & (SPACE | LETTER | NUMBER) == 0 {
            return symbols_end(rules, text, next + second_len);
        }
    }
    spaces_end(rules, text, start)
}

/// The end of the run of characters of any of the classes in `mask`, from `at`.
#[inline(always)]
fn run_end(text: &[u8], mut at: usize, mask: u8) -> usize {
    while at < text.len() {
        let (class, len) = class_at(text, at);
        if class & mask == 0 {
            break;
        }
        at += len;
    }
    at
}

#[inline(always)]
fn bounded_run_end(text: &[u8], mut at: usize, mask: u8, most: usize) -> usize {
    for _ in 0..most {
        if at == text.len() {
            break;
        }
        let (class, len) = class_at(text, at);
        if class & mask == 0 {
            break;
        }
        at += len;
    }
    at
}

/// The end of a run of symbols whose first ends at `at`, with what the scheme lets follow it.
#[inline(always)]
fn symbols_end(rules: &Rules, text: &[u8], mut at: usize) -> usize {
    while at < text.len() {
        let (class, len) = class_at(text, at);
        if class & (SPACE | LETTER | NUMBER) != 0 {
            break;
        }
        at += len;
    }
    let slashes = match rules.symbol_tail {
        SymbolTail::Nothing => return at,
        SymbolTail::Newlines => false,
        SymbolTail::NewlinesAndSlashes => true,
    };
    let in_tail = |byte: &u8| matches!(byte, b'\r' | b'\n') || (slashes && *byte == b'/');
    at + text[at..].iter().take_while(|byte| in_tail(byte)).count()
}

/// The end of the piece of white space that starts at `start`.
#[inline(always)]
fn spaces_end(rules: &Rules, text: &[u8], start: usize) -> usize {
    let (mut end, mut last_start, mut after_newline) = (start, start, start);
    while end < text.len() {
        let (class, len) = class_at(text, end);
        if class & SPACE == 0 {
            break;
        }
        last_start = end;
        end += len;
        if class & NEWLINE != 0 {
            after_newline = end;
        }
    }
    let ends_text = end == text.len();
    if ends_text && rules.final_space_whole {
        end
    } else if rules.newline_ends_space && after_newline > start {
        after_newline
    } else if ends_text || last_start == start {
        end
    } else {
        // the last space leads the word that follows
        last_start
    }
}

/// The end of `'s 't 'm 'd 'll 've 're` at `start`, where the quote stands.
#[inline(always)]
fn contraction_end(text: &[u8], start: usize, any_case: bool) -> Option<usize> {
    let fold = |byte: u8| {
        if any_case { byte.to_ascii_lowercase() } else { byte }
    };
    let first = *text.get(start + 1)?;
    match fold(first) {
        b's' | b't' | b'm' | b'd' => Some(start + 2),
        lead @ (b'l' | b'v' | b'r') => {
            let second = fold(*text.get(start + 2)?);
            let whole = matches!((lead, second), (b'l', b'l') | (b'v' | b'r', b'e'));
            whole.then_some(start + 3)
        }
        // case folding maps the long s (U+017F) to s
        0xc5 if any_case => {
            matches!(decode(text, start + 1), Some((0x17f, _))).then_some(start + 3)
        }
        _ => None,
    }
}

/// The end of a cased word at `start`, or `None` where none starts: the two word alternatives in
/// their order, each with its backtracking resolved.
#[inline(always)]
fn cased_word_end(
    text: &[u8],
    start: usize,
    class: u8,
    next: usize,
    takes_ending: bool,
) -> Option<usize> {
    let leads = class & (NEWLINE | LETTER | NUMBER) == 0;
    let after_lead = if leads { next } else { start };
    // upper* lower+, then the same without the leading character, then upper+ lower*
    let (found, upper_end) = upper_then_lower(text, after_lead);
    let end = match found {
        Some(end) => end,
        // only a mark is both a lead and part of a word
        None if leads && class & LOWER != 0 => upper_then_lower(text, start).0?,
        None if upper_end > after_lead => upper_end,
        None => return None,
    };
    if takes_ending && text.get(end) == Some(&b'\'') {
        return Some(contraction_end(text, end, true).unwrap_or(end));
    }
    Some(end)
}

/// Match `upper* lower+` at `start`: its end, if it matches, and the end of the greedy upper run.
#[inline(always)]
fn upper_then_lower(text: &[u8], start: usize) -> (Option<usize>, usize) {
    let (mut at, mut after_both) = (start, None);
    while at < text.len() {
        let (class, len) = class_at(text, at);
        if class & UPPER == 0 {
            if class & LOWER != 0 {
                return (Some(run_end(text, at + len, LOWER)), at);
            }
            break;
        }
        at += len;
        if class & LOWER != 0 {
            // the upper run may give this one back to the lower part
            after_both = Some(at);
        }
    }
    (after_both, at)
}
