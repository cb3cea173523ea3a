//! Our own text form: every merge with its count, one a line, under a header that says the rest.
//!
//! docs/formats.md describes it. Ids are not listed where they are the usual ones: after the ids that
//! the header gives, bytes and then the tokens that merges make take the next free id.

use std::fmt::Write;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::{Read, Seal, byte_level, escape};
use crate::encode::Merge;
use crate::error::{Error, Result};
use crate::split::{Scheme, Splitter, UNICODE_VERSION};
use crate::tokenizer::{Tokenizer, Units, WordUnits};
use crate::vocab::{Token, Vocab};

const WHAT: &str = "merges file";
const FIRST_LINE: &str = "primetone-merges 1";

/// Gives out ids: the next one after the largest given so far that is not taken.
struct Numbering {
    taken: HashSet<u32, FixedState>,
    next: u32,
}

impl Numbering {
    fn new(taken: impl Iterator<Item = u32>) -> Self {
        Self { taken: taken.collect(), next: 0 }
    }

    fn peek(&mut self) -> u32 {
        while self.taken.contains(&self.next) {
            self.next += 1;
        }
        self.next
    }

    fn give(&mut self, id: u32) {
        self.taken.insert(id);
        self.next = self.next.max(id.saturating_add(1));
    }
}

/// The file of a byte-level tokenizer, or one of words of characters.
///
/// # Errors
/// [`Error::Vocabulary`] for a character tokenizer, which has no merges.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    let vocab = tokenizer.vocab();
    let mut out = format!("{FIRST_LINE}\n");
    let mut line = |word: &str, rest: &str| {
        // writing to a String cannot fail
        let _ = writeln!(out, "{word} {rest}");
    };
    let escaped = |bytes: &[u8]| {
        let mut word = String::new();
        escape::write(bytes, &mut word);
        word
    };
    match (tokenizer.units(), tokenizer.splitter()) {
        (Units::Bytes, Some(splitter)) => {
            line("units", "bytes");
            match (splitter.name(), splitter.pattern_text()) {
                ("custom", Some(pattern)) => line("pattern", &escaped(pattern.as_bytes())),
                (name, _) => line("split", name),
            }
        }
        (Units::Words { lowercase }, _) => {
            line("units", if lowercase { "characters lowercase" } else { "characters" });
        }
        _ => {
            return Err(Error::Vocabulary(format!(
                "a {} tokenizer cannot be written as a merges file: it has no merges; write \
                 tokenizer.json",
                tokenizer.kind().name()
            )));
        }
    }
    line("unicode", UNICODE_VERSION);
    if let Some(id) = tokenizer.unknown_id() {
        line("unknown", &id.to_string());
    }
    if tokenizer.ignore_merges() {
        line("ignore_merges", "true");
    }
    line("fingerprint", tokenizer.fingerprint());
    for (name, id) in vocab.specials() {
        line("special", &format!("{id} {}", escaped(name.as_bytes())));
    }
    let made: HashSet<u32, FixedState> = tokenizer.merges().iter().map(|m| m.id).collect();
    let usual = usual_bytes(tokenizer, &made);
    let listed: Vec<u32> = vocab
        .text_tokens()
        .map(|(id, _)| id)
        .filter(|id| !made.contains(id) && !usual.contains(id))
        .collect();
    let text = |id| vocab.spelled(id);
    for &id in &listed {
        line("token", &format!("{id} {}", escaped(text(id))));
    }
    let counts = tokenizer.merge_counts();
    let has_counts = if counts.is_some() { " counts" } else { "" };
    line("merges", &format!("{}{has_counts}", tokenizer.merges().len()));
    let specials = vocab.specials().iter().map(|(_, id)| *id);
    let mut ids = Numbering::new(specials.chain(listed));
    for id in usual {
        ids.give(id);
    }
    let mut seen: HashSet<u32, FixedState> = HashSet::default();
    for (number, merge) in tokenizer.merges().iter().enumerate() {
        escape::write(text(merge.left), &mut out);
        out.push(' ');
        escape::write(text(merge.right), &mut out);
        if let Some(count) = counts.and_then(|counts| counts.get(number)) {
            let _ = write!(out, " {count}");
        }
        if seen.insert(merge.id) {
            if ids.peek() != merge.id {
                let _ = write!(out, " ={}", merge.id);
            }
            ids.give(merge.id);
        }
        out.push('\n');
    }
    Ok(out.into_bytes())
}

/// The ids of the 256 bytes, if they need not be listed: they take the first free ids, in the order of
/// their byte-level characters.
fn usual_bytes(tokenizer: &Tokenizer, made: &HashSet<u32, FixedState>) -> Vec<u32> {
    let vocab = tokenizer.vocab();
    if tokenizer.units() != Units::Bytes {
        return Vec::new();
    }
    let is_listed = |id: &u32| match vocab.token(*id) {
        Some(Token::Text(bytes)) => bytes.len() > 1 && !made.contains(id),
        Some(Token::Special(_)) => true,
        None => false,
    };
    let mut ids = Numbering::new((0..vocab.len() as u32).filter(is_listed));
    let mut usual = Vec::with_capacity(256);
    for byte in byte_level::alphabet() {
        let id = ids.peek();
        if vocab.id_of(&[byte]) != Some(id) {
            return Vec::new();
        }
        ids.give(id);
        usual.push(id);
    }
    usual
}

/// What a header says.
#[derive(Default)]
struct Header<'f> {
    units: Option<&'f str>,
    split: Option<&'f str>,
    pattern: Option<&'f str>,
    unicode: Option<&'f str>,
    unknown: Option<&'f str>,
    ignore_merges: Option<&'f str>,
    fingerprint: Option<&'f str>,
    specials: Vec<(String, u32)>,
    tokens: Vec<(u32, Vec<u8>)>,
}

/// A line of the list.
struct Line {
    left: Vec<u8>,
    right: Vec<u8>,
    count: Option<u64>,
    id: Option<u32>,
}

/// The lines of a file with their numbers, from 1.
struct Lines<'f> {
    lines: std::str::Lines<'f>,
    number: usize,
}

impl<'f> Lines<'f> {
    fn next(&mut self) -> Option<&'f str> {
        self.number += 1;
        self.lines.next()
    }

    fn error(&self, problem: impl AsRef<str>) -> Error {
        Error::format(WHAT, format!("line {}: {}", self.number, problem.as_ref()))
    }
}

/// Read a file.
///
/// # Errors
/// [`Error::Format`] with the line; [`Error::Vocabulary`], [`Error::Pattern`].
pub fn read(data: &[u8]) -> Result<Read> {
    let text = std::str::from_utf8(data)
        .map_err(|error| Error::format(WHAT, format!("not UTF-8: {error}")))?;
    let mut lines = Lines { lines: text.lines(), number: 0 };
    if lines.next() != Some(FIRST_LINE) {
        return Err(lines.error(format!("expected {FIRST_LINE:?}")));
    }
    let (header, num_merges, has_counts) = read_header(&mut lines)?;
    let mut list = Vec::new();
    while list.len() < num_merges {
        let line = lines.next().ok_or_else(|| {
            lines.error(format!("the file ends after {} of {num_merges} merges", list.len()))
        })?;
        let merge = read_line(line, has_counts).map_err(|problem| lines.error(problem))?;
        list.push(merge);
    }
    if lines.next().is_some() || !text.ends_with('\n') {
        return Err(lines.error(format!("expected the file to end after {num_merges} merges")));
    }
    let seal = Seal { fingerprint: header.fingerprint, unicode_version: header.unicode };
    let tokenizer = build(header, &list, text.lines().count() - num_merges)?;
    Read::sealed(WHAT, tokenizer, seal)
}

fn read_header<'f>(lines: &mut Lines<'f>) -> Result<(Header<'f>, usize, bool)> {
    let mut header = Header::default();
    loop {
        let line =
            lines.next().ok_or_else(|| lines.error("the file ends before its \"merges\" line"))?;
        let Some((word, rest)) = line.split_once(' ') else {
            return Err(lines.error(format!("expected a word and its value, found {line:?}")));
        };
        let field = match word {
            "units" => &mut header.units,
            "split" => &mut header.split,
            "pattern" => &mut header.pattern,
            "unicode" => &mut header.unicode,
            "unknown" => &mut header.unknown,
            "ignore_merges" => &mut header.ignore_merges,
            "fingerprint" => &mut header.fingerprint,
            "special" | "token" => {
                let (id, bytes) = read_token(rest).map_err(|problem| lines.error(problem))?;
                if word == "token" {
                    header.tokens.push((id, bytes));
                } else {
                    let name = String::from_utf8(bytes)
                        .map_err(|_| lines.error("the name of a special token must be UTF-8"))?;
                    header.specials.push((name, id));
                }
                continue;
            }
            "merges" => {
                let (count, has_counts) = match rest.strip_suffix(" counts") {
                    Some(count) => (count, true),
                    None => (rest, false),
                };
                let count = number(count).ok_or_else(|| {
                    lines.error("expected \"merges NUMBER\" or \"merges NUMBER counts\"")
                })?;
                return Ok((header, count, has_counts));
            }
            _ => return Err(lines.error(format!("{word:?} is not a word of the header"))),
        };
        if field.replace(rest).is_some() {
            return Err(lines.error(format!("{word:?} is said twice")));
        }
    }
}

/// A number without sign, spaces or leading zeros.
fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| is_plain)
}

fn read_token(rest: &str) -> std::result::Result<(u32, Vec<u8>), String> {
    let (id, word) =
        rest.split_once(' ').ok_or_else(|| format!("expected `id token`, found {rest:?}"))?;
    let id = number(id).ok_or_else(|| format!("expected an id under 2^32, found {id:?}"))?;
    Ok((id, escape::read(word)?))
}

fn read_line(line: &str, has_counts: bool) -> std::result::Result<Line, String> {
    let expected = if has_counts { "`left right count`" } else { "`left right`" };
    let wrong = || format!("expected {expected} and perhaps `=id`, found {line:?}");
    let mut words = line.split(' ');
    let (Some(left), Some(right)) = (words.next(), words.next()) else { return Err(wrong()) };
    let mut next = words.next();
    let mut count = None;
    if has_counts {
        count = Some(next.and_then(number::<u64>).ok_or_else(wrong)?);
        next = words.next();
    }
    let id = match next {
        None => None,
        Some(word) => Some(word.strip_prefix('=').and_then(number::<u32>).ok_or_else(wrong)?),
    };
    if words.next().is_some() {
        return Err(wrong());
    }
    Ok(Line { left: escape::read(left)?, right: escape::read(right)?, count, id })
}

/// The tokenizer of a header and its list, which begins on the line after `lines_before`.
fn build(header: Header<'_>, list: &[Line], lines_before: usize) -> Result<Tokenizer> {
    let missing = |word: &str| Error::format(WHAT, format!("the header does not say {word:?}"));
    if header.unicode.is_none() {
        return Err(missing("unicode"));
    }
    let units = header.units.ok_or_else(|| missing("units"))?;
    let lowercase = match units {
        "bytes" => None,
        "characters" => Some(false),
        "characters lowercase" => Some(true),
        other => {
            return Err(wrong_value("units", other, "bytes, characters, characters lowercase"));
        }
    };
    let ignore_merges = match header.ignore_merges {
        None => false,
        Some("true") if lowercase.is_none() => true,
        Some(other) => return Err(wrong_value("ignore_merges", other, "true, with units bytes")),
    };
    let mut tokens = header.tokens;
    let mut ids = Numbering::new(
        header.specials.iter().map(|(_, id)| *id).chain(tokens.iter().map(|(id, _)| *id)),
    );
    if lowercase.is_none() && !tokens.iter().any(|(_, bytes)| bytes.len() == 1) {
        for byte in byte_level::alphabet() {
            let id = ids.peek();
            ids.give(id);
            tokens.push((id, vec![byte]));
        }
    }
    let mut by_bytes: HashMap<Vec<u8>, u32, FixedState> =
        tokens.iter().map(|(id, bytes)| (bytes.clone(), *id)).collect();
    let specials: HashMap<Vec<u8>, u32, FixedState> =
        header.specials.iter().map(|(name, id)| (name.clone().into_bytes(), *id)).collect();
    let error = |number: usize, problem: String| {
        Error::format(WHAT, format!("line {}: {problem}", lines_before + number + 1))
    };
    for (number, line) in list.iter().enumerate() {
        let joined = [&line.left[..], &line.right].concat();
        match (by_bytes.get(&joined), line.id) {
            (Some(known), Some(id)) => {
                return Err(error(
                    number,
                    format!("the token is there already, as id {known}, not {id}"),
                ));
            }
            (Some(_), None) => {}
            // learning merged into a special token
            (None, Some(id)) if specials.get(&joined[..]) == Some(&id) => {
                ids.give(id);
                by_bytes.insert(joined, id);
            }
            (None, said) => {
                let id = said.unwrap_or_else(|| ids.peek());
                ids.give(id);
                by_bytes.insert(joined.clone(), id);
                tokens.push((id, joined));
            }
        }
    }
    let id_of = |number: usize, bytes: &[u8]| {
        by_bytes
            .get(bytes)
            .copied()
            .ok_or_else(|| error(number, format!("{} is not a token", crate::vocab::quote(bytes))))
    };
    let (mut merges, mut counts) = (Vec::with_capacity(list.len()), Vec::new());
    for (number, line) in list.iter().enumerate() {
        let (left, right) = (id_of(number, &line.left)?, id_of(number, &line.right)?);
        let id = id_of(number, &[&line.left[..], &line.right].concat())?;
        merges.push(Merge { left, right, id, rank: number as u32 });
        counts.extend(line.count);
    }
    let has_counts = !counts.is_empty();
    let vocab = Vocab::new(tokens, header.specials)?;
    let tokenizer = if let Some(lowercase) = lowercase {
        if header.split.is_some() || header.pattern.is_some() {
            return Err(Error::format(WHAT, "words of characters have no split and no pattern"));
        }
        let unknown = match header.unknown {
            None => None,
            Some(id) => Some(number(id).ok_or_else(|| wrong_value("unknown", id, "an id"))?),
        };
        Tokenizer::from_words(vocab, merges, WordUnits { lowercase, unknown })?
    } else {
        if let Some(id) = header.unknown {
            return Err(wrong_value("unknown", id, "no such line, with units bytes"));
        }
        Tokenizer::from_merges(
            vocab,
            merges,
            ignore_merges,
            splitter(header.split, header.pattern)?,
        )?
    };
    if has_counts { tokenizer.with_merge_counts(counts) } else { Ok(tokenizer) }
}

fn wrong_value(word: &str, found: &str, expected: &str) -> Error {
    Error::format(WHAT, format!("{word} is {found:?}; expected {expected}"))
}

fn splitter(split: Option<&str>, pattern: Option<&str>) -> Result<Splitter> {
    match (split, pattern) {
        (Some(name), None) => Scheme::of_name(name)
            .map(Splitter::scheme)
            .ok_or_else(|| wrong_value("split", name, "the name of a split")),
        (None, Some(pattern)) => {
            let bytes = escape::read(pattern).map_err(|problem| Error::format(WHAT, problem))?;
            let pattern = String::from_utf8(bytes)
                .map_err(|_| Error::format(WHAT, "the pattern is not UTF-8"))?;
            Splitter::pattern(&pattern)
        }
        _ => Err(Error::format(WHAT, "the header must say either \"split\" or \"pattern\"")),
    }
}
