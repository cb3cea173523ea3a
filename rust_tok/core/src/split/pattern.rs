//! A user's own split pattern, in an engine whose time is linear in the text.

use std::sync::{Arc, OnceLock};

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

use super::PieceEnds;
use crate::error::{Error, Result};

/// The largest compiled pattern.
const COMPILED_LIMIT_BYTES: usize = 10 << 20;

/// A compiled pattern with its text.
#[derive(Debug, Clone)]
pub(super) struct CustomPattern {
    text: String,
    regex: Regex,
    /// tells where a match is sure to end; made when it is first asked
    walker: Arc<OnceLock<Option<DFA>>>,
}

impl CustomPattern {
    pub(super) fn new(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::Pattern(
                "expected a split pattern, found an empty one; to leave text whole, use the scheme none"
                    .to_owned(),
            ));
        }
        if let Some(quantifier) = possessive_quantifier(text) {
            return Err(Error::Pattern(format!(
                "split pattern {text:?}: the possessive quantifier {quantifier:?} is not supported \
                 in a custom pattern; write it without the last '+', or use a named scheme"
            )));
        }
        let regex = Regex::builder()
            .syntax(syntax_of_patterns())
            .configure(
                Regex::config()
                    .nfa_size_limit(Some(COMPILED_LIMIT_BYTES))
                    .onepass_size_limit(Some(COMPILED_LIMIT_BYTES)),
            )
            .build(text)
            .map_err(|error| {
                let reason = match error.syntax_error() {
                    Some(syntax) => syntax.to_string(),
                    None => error.to_string(),
                };
                Error::Pattern(format!(
                    "split pattern {text:?} cannot be used: {reason}.\nA custom pattern runs in a \
                     linear-time engine: no look-around, no back-references; or use a named scheme \
                     (gpt2, gpt4, o200k, llama3, qwen2, tekken, none)"
                ))
            })?;
        Ok(Self { text: text.to_owned(), regex, walker: Arc::default() })
    }

    /// Where the longest beginning of `text` ends that splits as it would however the text went on.
    ///
    /// Matches are walked byte by byte: where no thread of the automaton is left alive, nothing that
    /// follows can change the match before it. Cuts lie behind such matches. 0 for patterns that look
    /// around, or match nothing at all, which what is cut off would be missed by.
    pub(super) fn last_cut(&self, text: &[u8]) -> usize {
        let Some(walker) = self.walker.get_or_init(|| walker(&self.text)) else { return 0 };
        let (mut cache, mut cut) = (walker.create_cache(), 0);
        while let Some(end) = certain_match(walker, &mut cache, text, cut) {
            cut = end;
        }
        cut
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn try_for_each_run<E>(
        &self,
        text: &[u8],
        ends: &mut PieceEnds,
        mut visit: impl FnMut(usize, &[usize]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let (mut run_start, mut end) = (0, 0);
        ends.clear();
        for found in self.regex.find_iter(text).filter(|found| !found.is_empty()) {
            if ends.is_full() {
                visit(run_start, ends.as_slice())?;
                run_start = end;
                ends.clear();
            }
            if found.start() > end {
                ends.push(found.start());
            }
            end = found.end();
            ends.push(end);
        }
        if end < text.len() {
            ends.push(text.len());
        }
        if ends.as_slice().is_empty() { Ok(()) } else { visit(run_start, ends.as_slice()) }
    }
}

/// An automaton of `pattern` to walk along, if what stands before and behind a text plays no part.
fn walker(pattern: &str) -> Option<DFA> {
    let properties = regex_syntax::parse(pattern).ok()?;
    let properties = properties.properties();
    if !properties.look_set().is_empty() || properties.minimum_len().is_none_or(|len| len == 0) {
        return None;
    }
    let limits = thompson::Config::new().nfa_size_limit(Some(COMPILED_LIMIT_BYTES));
    DFA::builder().syntax(syntax_of_patterns()).thompson(limits).build(pattern).ok()
}

/// Where the first match at or after `from` ends, if nothing that follows `text` can change that.
fn certain_match(walker: &DFA, cache: &mut Cache, text: &[u8], from: usize) -> Option<usize> {
    let input = Input::new(text).span(from..text.len());
    let mut state = walker.start_state_forward(cache, &input).ok()?;
    let mut end = None;
    for (at, &byte) in text.iter().enumerate().skip(from) {
        state = walker.next_state(cache, state, byte).ok()?;
        if state.is_match() {
            // told one byte late
            end = Some(at);
        } else if state.is_dead() {
            return end;
        } else if state.is_quit() {
            return None;
        }
    }
    None
}

fn syntax_of_patterns() -> syntax::Config {
    syntax::Config::new().unicode(true).utf8(true)
}

/// The first possessive quantifier of `pattern`: this engine would read `a++` as `(a+)+`.
fn possessive_quantifier(pattern: &str) -> Option<&str> {
    let bytes = pattern.as_bytes();
    let (mut at, mut class_depth, mut quantified) = (0, 0_usize, false);
    while at < bytes.len() {
        let byte = bytes[at];
        match byte {
            b'\\' => {
                quantified = false;
                at = escape_end(bytes, at);
                continue;
            }
            b'[' => class_depth += 1,
            b']' => class_depth = class_depth.saturating_sub(1),
            _ => {}
        }
        if class_depth > 0 {
            quantified = false;
        } else if byte == b'+' && quantified {
            return pattern.get(at - 1..=at);
        } else {
            quantified = matches!(byte, b'*' | b'+' | b'?' | b'}')
                && !(byte == b'?' && at > 0 && bytes[at - 1] == b'(');
        }
        at += 1;
    }
    None
}

/// The end of the escape at `at`: `\n`, or a braced one such as `\p{L}` or `\x{1F600}`.
fn escape_end(pattern: &[u8], at: usize) -> usize {
    let braced = matches!(pattern.get(at + 1), Some(b'p' | b'P' | b'x' | b'u' | b'U'))
        && pattern.get(at + 2) == Some(&b'{');
    if !braced {
        return at + 2;
    }
    let close = pattern[at..].iter().position(|&byte| byte == b'}');
    close.map_or(pattern.len(), |offset| at + offset + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possessive_quantifiers_are_found_and_only_they() {
        for pattern in ["a++", r"\p{L}++", "a?+b", "a{1,3}+", "x|a*+"] {
            assert!(possessive_quantifier(pattern).is_some(), "{pattern}");
            assert!(matches!(CustomPattern::new(pattern), Err(Error::Pattern(_))), "{pattern}");
        }
        for pattern in
            ["a+", r"\++", "[+]+", "[?+]", "a+?", "(?:a)+", r"\?+", "[a+]+b+", r"\p{L}+|\s"]
        {
            assert!(possessive_quantifier(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn what_a_linear_engine_cannot_do_is_refused_with_the_reason() {
        for pattern in [r"\s+(?!\S)", r"(a)\1", "(", "[z-a]", r"(?:\w{1000}){1000}"] {
            let error = CustomPattern::new(pattern).unwrap_err().to_string();
            assert!(error.contains("cannot be used") && error.contains("gpt4"), "{error}");
        }
    }

    #[test]
    fn unmatched_text_and_broken_bytes_become_pieces() {
        let splitter = crate::Splitter::pattern(r"\w+").unwrap();
        let pieces = splitter.pieces(b"ab -- cd\xff\xfe e");
        let expected: [&[u8]; 5] = [b"ab", b" -- ", b"cd", b"\xff\xfe ", b"e"];
        assert_eq!(pieces, expected);
    }
}
