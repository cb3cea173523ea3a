//! Bytes as one word of a text line: no space, no control character, nothing lost.
//!
//! `\s` is a space, `\t` `\n` `\r` `\\` are as usual, and `\xHH` is any byte: those of control characters
//! and other white space, and bytes that are not part of UTF-8. Everything else stands as it is.

use std::fmt::Write;

/// Append `bytes` as one word.
pub(super) fn write(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                ' ' => out.push_str(r"\s"),
                '\t' => out.push_str(r"\t"),
                '\n' => out.push_str(r"\n"),
                '\r' => out.push_str(r"\r"),
                '\\' => out.push_str(r"\\"),
                other if other.is_control() || other.is_whitespace() => {
                    hex(other.encode_utf8(&mut [0; 4]).as_bytes(), out);
                }
                other => out.push(other),
            }
        }
        hex(chunk.invalid(), out);
    }
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // writing to a String cannot fail
        let _ = write!(out, r"\x{byte:02x}");
    }
}

/// The bytes of a word.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(word: &str) -> Result<Vec<u8>, String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(word.len()), word);
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let (byte, len) = match escape.as_bytes().first() {
            Some(b's') => (b' ', 1),
            Some(b't') => (b'\t', 1),
            Some(b'n') => (b'\n', 1),
            Some(b'r') => (b'\r', 1),
            Some(b'\\') => (b'\\', 1),
            Some(b'x') => {
                let digits = escape.get(1..3).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                (
                    byte.ok_or_else(|| {
                        format!(r"two hexadecimal digits must follow \x in {word:?}")
                    })?,
                    3,
                )
            }
            _ => return Err(format!(r"expected \s, \t, \n, \r, \\ or \xHH in {word:?}")),
        };
        bytes.push(byte);
        rest = &escape[len..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    if bytes.is_empty() { Err("the token is empty".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_token_is_one_plain_word(bytes in prop::collection::vec(any::<u8>(), 1..20)) {
            let mut word = String::new();
            write(&bytes, &mut word);
            prop_assert!(!word.contains(|c: char| c.is_whitespace() || c.is_control()));
            prop_assert_eq!(read(&word), Ok(bytes));
        }

        #[test]
        fn any_word_is_read_or_refused(word in r"[\\sxnt0-9a-f\u{e9}]{0,8}") {
            let _ = read(&word);
        }
    }
}
