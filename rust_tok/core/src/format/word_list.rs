//! Lists of words or characters as rows of `id,word`, the form of the original text GAN.
//!
//! A word with a comma, a quote, a line break or a carriage return stands in quotes, with quotes doubled, as CSV
//! has it. The original's own files, which quote nothing, are read, too: what follows the first comma is the
//! word, a line feed is an empty word before an empty line, and its signs ¶ ∅ ↔ are begin, end and padding.

use std::fmt::Write;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::encode::MARK;
use crate::error::{Error, Result};
use crate::tokenizer::{LIST_SPECIALS, Tokenizer, UNKNOWN, Units};
use crate::vocab::{Token, Vocab, quote};
use crate::words::is_word;

const WHAT: &str = "word list";

/// What the original's lists of characters have in place of names.
const SIGNS: [(&str, &str); 3] = [("¶", "<START>"), ("∅", "<END>"), ("↔", "<PAD>")];

/// A list that was read.
#[derive(Debug)]
pub struct ReadList {
    /// the list
    pub tokenizer: Tokenizer,
    /// entries that no text has, because the rule of words cuts or spells them otherwise
    pub never_found: Vec<String>,
}

/// One row of a file.
struct Row<'t> {
    number: usize,
    id: u32,
    word: std::borrow::Cow<'t, str>,
}

/// Read a list: of characters where every word is one character, else of words.
///
/// # Errors
/// [`Error::Format`] for rows that are none, with their number; [`Error::Vocabulary`] for an id or a word that
/// comes twice, and where the rows for begin, end and padding are missing.
pub fn read(data: &[u8]) -> Result<ReadList> {
    let text = std::str::from_utf8(data).map_err(|error| {
        Error::format(
            WHAT,
            format!(
                "expected UTF-8, found another byte at {}: write the file anew in UTF-8",
                error.valid_up_to()
            ),
        )
    })?;
    let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    refuse_repeated(&rows)?;
    name_signs(&mut rows);
    let (specials, words): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| LIST_SPECIALS.contains(&&*row.word));
    let has = |name: &str| specials.iter().any(|row| row.word == name);
    if let Some(missing) = LIST_SPECIALS.iter().find(|&&name| name != UNKNOWN && !has(name)) {
        return Err(Error::Vocabulary(format!(
            "a word list has the rows <START>, <PAD> and <END>, and <UNKNOWN> if there are to be unknown \
             words; this file of {} rows has no {missing}: add it with an id of its own, or make the list \
             anew (primetone vocab)",
            specials.len() + words.len()
        )));
    }
    if words.is_empty() {
        return Err(Error::Vocabulary("the list has special rows, but no word".to_owned()));
    }
    let is_of_characters = words.iter().all(|row| row.word.chars().nth(1).is_none());
    let mark = if is_of_characters { "" } else { MARK };
    let never_found = words.iter().filter(|row| !is_of_characters && !is_word(&row.word));
    let never_found = never_found.map(|row| row.word.to_string()).collect();
    let unknown = specials.iter().find(|row| row.word == UNKNOWN).map(|row| row.id);
    let tokens =
        words.iter().map(|row| (row.id, [&row.word, mark].concat().into_bytes())).collect();
    let names = specials.iter().map(|row| (row.word.to_string(), row.id)).collect();
    let vocab = Vocab::new(tokens, names)?;
    let tokenizer = if is_of_characters {
        Tokenizer::from_characters(vocab, unknown.map(|_| UNKNOWN))?
    } else {
        Tokenizer::from_list(vocab, unknown)?
    };
    Ok(ReadList { tokenizer, never_found })
}

fn rows(text: &str) -> Result<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    let mut lines =
        text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let wrong = |what: &str| {
            let shown = quote(line.as_bytes());
            Error::format(WHAT, format!("row {number}: {what}, found {shown}"))
        };
        let row = line.split_once(',').filter(|(id, _)| id.bytes().all(|b| b.is_ascii_digit()));
        let (id, word) = row.ok_or_else(|| wrong("expected id,word such as 4,the"))?;
        let id = id.parse().map_err(|_| wrong("expected an id under 2^32 before the comma"))?;
        let next = lines.peek().map(|(line, _)| *line);
        let word = match (word, next) {
            // a line feed: unquoted before an empty line, or in quotes that close in the next one
            ("", Some("")) | ("\"", Some("\"")) => {
                lines.next();
                "\n".into()
            }
            ("" | "\"\"", _) => return Err(wrong("expected a word after the comma")),
            // the sign itself, as the original wrote it
            ("\"", _) => word.into(),
            _ => match word.strip_prefix('"') {
                None => word.into(),
                Some(quoted) => {
                    let inner = quoted
                        .strip_suffix('"')
                        .filter(|inner| !inner.replace("\"\"", "").contains('"'));
                    let inner = inner.ok_or_else(|| wrong("expected quotes that close"))?;
                    inner.replace("\"\"", "\"").into()
                }
            },
        };
        rows.push(Row { number, id, word });
    }
    if rows.is_empty() {
        return Err(Error::format(WHAT, "the file has no rows; expected id,word such as 4,the"));
    }
    Ok(rows)
}

fn refuse_repeated(rows: &[Row<'_>]) -> Result<()> {
    let mut by_id: HashMap<u32, usize, FixedState> = HashMap::default();
    let mut by_word: HashMap<&str, usize, FixedState> = HashMap::default();
    for row in rows {
        let what = if let Some(first) = by_id.insert(row.id, row.number) {
            (format!("id {}", row.id), first)
        } else if let Some(first) = by_word.insert(&row.word, row.number) {
            (format!("the word {:?}", row.word), first)
        } else {
            continue;
        };
        return Err(Error::Vocabulary(format!(
            "{} stands in row {} and again in row {}: every id and every word may come once; remove one, or \
             make the list anew (primetone vocab)",
            what.0, what.1, row.number
        )));
    }
    Ok(())
}

/// The original's signs become names, where the file has no names.
fn name_signs(rows: &mut [Row<'_>]) {
    let has = |name: &str| rows.iter().any(|row| row.word == name);
    if SIGNS.iter().any(|(sign, name)| !has(sign) || has(name)) {
        return;
    }
    for row in rows {
        if let Some((_, name)) = SIGNS.iter().find(|(sign, _)| *sign == row.word) {
            row.word = (*name).into();
        }
    }
}

/// The file of a list; reading it gives the same list.
///
/// # Errors
/// [`Error::Vocabulary`] for another kind of tokenizer, or one that would be read as something else.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    let refuse = |why: &str| {
        Error::Vocabulary(format!(
            "this tokenizer cannot be written as rows of id,word: {why}; write tokenizer.json"
        ))
    };
    let (vocab, units) = (tokenizer.vocab(), tokenizer.units());
    if !matches!(units, Units::List | Units::Characters) {
        return Err(refuse("it is no list of words or characters"));
    }
    let mut out = String::new();
    for id in 0..vocab.len() as u32 {
        let word = match vocab.token(id) {
            None => continue,
            Some(Token::Special(name)) => std::str::from_utf8(name).unwrap_or_default(),
            Some(Token::Text(token)) => {
                let token = std::str::from_utf8(token).unwrap_or_default();
                if units == Units::List { token.strip_suffix(MARK).unwrap_or(token) } else { token }
            }
        };
        let is_quoted = word.contains(['"', ',', '\n', '\r']);
        // writing to a String cannot fail
        let _ = if is_quoted {
            writeln!(out, "{id},\"{}\"", word.replace('"', "\"\""))
        } else {
            writeln!(out, "{id},{word}")
        };
    }
    let out = out.into_bytes();
    match read(&out) {
        Ok(back) if back.tokenizer.fingerprint() == tokenizer.fingerprint() => Ok(out),
        Ok(_) => Err(refuse("it would be read as another one")),
        Err(error) => Err(refuse(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "0,<START>\n1,<PAD>\n2,<END>\n3,<UNKNOWN>\n";

    fn text_of(tokenizer: &Tokenizer, id: u32) -> &[u8] {
        tokenizer.token(id).unwrap()
    }

    #[test]
    fn the_originals_lists_are_read() {
        let list = read(format!("{HEAD}4,the\r\n5,a,b\n\n6,cat\n").as_bytes()).unwrap();
        let found = &list.tokenizer;
        assert_eq!((found.units(), found.unknown_id()), (Units::List, Some(3)));
        assert_eq!([4, 5, 6].map(|id| text_of(found, id)), [&b"the "[..], b"a,b ", b"cat "]);
        assert_eq!(list.never_found, ["a,b"]);
        let characters = "0,¶\n1,∅\n2,↔\n3,\n\n4,,\n5, \n6,\"\n7,a\n";
        let found = read(characters.as_bytes()).unwrap().tokenizer;
        assert_eq!((found.units(), found.unknown_id()), (Units::Characters, None));
        let expected: [&[u8]; 8] = [b"<START>", b"<END>", b"<PAD>", b"\n", b",", b" ", b"\"", b"a"];
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|id| text_of(&found, id)), expected);
        let ours = write(&found).unwrap();
        assert_eq!(
            std::str::from_utf8(&ours).unwrap(),
            "0,<START>\n1,<END>\n2,<PAD>\n3,\"\n\"\n4,\",\"\n5, \n6,\"\"\"\"\n7,a\n"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_row() {
        for (file, told) in [
            (String::new(), "no rows"),
            (format!("{HEAD}4,\n5,a"), "row 5: expected a word"),
            (format!("{HEAD}x,a"), "row 5: expected id,word"),
            (format!("{HEAD}-4,a"), "row 5: expected id,word"),
            (format!("{HEAD}99999999999,a"), "row 5: expected an id under"),
            (format!("{HEAD}4,\"ab"), "row 5: expected quotes that close"),
            (format!("{HEAD}4,\"a\"b\""), "row 5: expected quotes that close"),
            (format!("{HEAD}4,aa\n4,b"), "id 4 stands in row 5 and again in row 6"),
            (format!("{HEAD}4,aa\n5,\"aa\""), "the word \"aa\" stands in row 5 and again in row 6"),
            (format!("{HEAD}2147483648,aa"), "2147483648"),
            ("0,<START>\n1,<PAD>\n2,the".to_owned(), "has no <END>"),
            ("0,the\n1,a".to_owned(), "has no <START>"),
            (HEAD.to_owned(), "no word"),
        ] {
            let error = read(file.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{file:?}: {error}");
        }
        assert!(read(b"0,\xe9").unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn what_would_be_read_as_characters_is_not_written() {
        let tokens = vec![(3, b"a ".to_vec())];
        let names = ["<START>", "<PAD>", "<END>"].map(str::to_owned);
        let vocab = Vocab::new(tokens, names.into_iter().zip(0..).collect()).unwrap();
        let list = Tokenizer::from_list(vocab, None).unwrap();
        assert!(write(&list).unwrap_err().to_string().contains("read as another one"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            words in proptest::collection::btree_set("[a-c,\" '’é]{2,4}|\\PC{2,3}", 1..20),
            characters in proptest::collection::btree_set("(?s:.)", 1..30),
        ) {
            for (entries, mark) in [(words, MARK), (characters, "")] {
                let tokens = (4..).zip(entries.iter().map(|e| format!("{e}{mark}").into_bytes()));
                let specials = LIST_SPECIALS.map(str::to_owned).into_iter().zip(0..).collect();
                let vocab = Vocab::new(tokens.collect(), specials).unwrap();
                let list = if mark.is_empty() {
                    Tokenizer::from_characters(vocab, Some(UNKNOWN)).unwrap()
                } else {
                    Tokenizer::from_list(vocab, Some(3)).unwrap()
                };
                let back = read(&write(&list).unwrap()).unwrap().tokenizer;
                prop_assert_eq!(back.fingerprint(), list.fingerprint());
            }
        }
    }
}
