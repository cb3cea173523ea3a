//! Text that comes in chunks, cut anywhere: whether it is UTF-8, and where its documents end.

use memchr::{memchr_iter, memmem};

/// Checks text in UTF-8 chunk by chunk; a chunk may end inside a character.
#[derive(Debug, Default)]
pub struct Utf8Checker {
    /// the character that the last chunk ended in, as far as it came
    kept: Vec<u8>,
    num_lines: u64,
}

impl Utf8Checker {
    /// Take the next chunk; `false` when it does not go on in UTF-8, and then nothing is taken.
    pub fn push(&mut self, chunk: &[u8]) -> bool {
        let missing = self.kept.first().map_or(0, |&lead| width(lead) - self.kept.len());
        let (head, rest) = chunk.split_at(missing.min(chunk.len()));
        let first = [&self.kept, head].concat();
        let (Some(kept_of_first), Some(kept)) = (incomplete_end(&first), incomplete_end(rest))
        else {
            return false;
        };
        // where the first character is still not whole, there is no rest
        self.kept = [kept_of_first, kept].concat();
        self.num_lines += memchr_iter(b'\n', chunk).count() as u64;
        true
    }

    /// The bytes of the character that the last chunk ended in; none between characters.
    pub fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// How many line feeds there were.
    pub fn num_lines(&self) -> u64 {
        self.num_lines
    }
}

/// How many bytes a character of two bytes or more has that begins with `lead`.
fn width(lead: u8) -> usize {
    lead.leading_ones() as usize
}

/// The incomplete character at the end of a text, if all before is UTF-8.
fn incomplete_end(text: &[u8]) -> Option<&[u8]> {
    match std::str::from_utf8(text) {
        Ok(_) => Some(&[]),
        Err(error) => error.error_len().is_none().then(|| &text[error.valid_up_to()..]),
    }
}

/// Divides a text that comes in chunks wherever a separator stands, which may lie across chunks.
#[derive(Debug)]
pub struct Divider {
    separator: memmem::Finder<'static>,
    /// what came since the last separator
    pending: Vec<u8>,
}

impl Divider {
    /// A divider for a separator, which is not empty.
    ///
    /// # Panics
    /// For an empty separator.
    pub fn new(separator: &[u8]) -> Self {
        assert!(!separator.is_empty(), "an empty separator divides nothing");
        Self { separator: memmem::Finder::new(separator).into_owned(), pending: Vec::new() }
    }

    /// Take the next chunk; `found` gets each part that a separator ends, empty ones too.
    ///
    /// # Errors
    /// Those of `found`, at once: the divider is of no use then.
    pub fn push<E>(
        &mut self,
        mut chunk: &[u8],
        mut found: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { separator, pending } = self;
        let len = separator.needle().len();
        // a separator that began before this chunk
        let tail = pending.len().saturating_sub(len - 1);
        let seam = [&pending[tail..], &chunk[..chunk.len().min(len - 1)]].concat();
        if let Some(at) = separator.find(&seam) {
            chunk = &chunk[tail + at + len - pending.len()..];
            pending.truncate(tail + at);
            found(pending)?;
            pending.clear();
        }
        let mut start = 0;
        for end in separator.find_iter(chunk) {
            if pending.is_empty() {
                found(&chunk[start..end])?;
            } else {
                pending.extend_from_slice(&chunk[start..end]);
                found(pending)?;
                pending.clear();
            }
            start = end + len;
        }
        pending.extend_from_slice(&chunk[start..]);
        Ok(())
    }

    /// What stands behind the last separator.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `text` in chunks that end at some of `cuts`.
    fn chunks<'t>(text: &'t [u8], cuts: &[usize]) -> Vec<&'t [u8]> {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        ends.extend([0, text.len()]);
        ends.sort_unstable();
        ends.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect()
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let text = "[a\n\u{e9}\u{20ac}\u{1f600}]{0,12}".prop_map(String::into_bytes);
        let spoiled =
            (text.clone(), any::<usize>(), any::<u8>()).prop_map(|(mut text, at, byte)| {
                text.insert(at % (text.len() + 1), byte);
                text
            });
        let cut = (text.clone(), 0..4_usize)
            .prop_map(|(text, by)| text[..text.len().saturating_sub(by)].to_vec());
        prop_oneof![text, spoiled, cut, prop::collection::vec(any::<u8>(), 0..12)]
    }

    proptest! {
        #[test]
        fn chunks_are_utf8_as_the_whole_is(text in bytes(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
            let mut checker = Utf8Checker::default();
            let mut taken = 0;
            let is_good = chunks(&text, &cuts).into_iter().all(|chunk| {
                let is_good = checker.push(chunk);
                taken += if is_good { chunk.len() } else { 0 };
                is_good
            });
            let expected = incomplete_end(&text);
            prop_assert_eq!(is_good, expected.is_some());
            prop_assert_eq!(checker.kept(), incomplete_end(&text[..taken]).unwrap());
            let lines = text[..taken].split(|&byte| byte == b'\n').count() - 1;
            prop_assert_eq!(checker.num_lines(), lines as u64);
        }

        #[test]
        fn chunks_are_divided_as_the_whole_is(
            text in "[ab|]{0,24}",
            separator in "[ab|]{1,4}",
            cuts in prop::collection::vec(any::<usize>(), 0..8),
        ) {
            let mut divider = Divider::new(separator.as_bytes());
            let mut found = Vec::new();
            for chunk in chunks(text.as_bytes(), &cuts) {
                let outcome: Result<(), ()> = divider.push(chunk, |part| {
                    found.push(part.to_vec());
                    Ok(())
                });
                outcome.unwrap();
            }
            found.push(divider.finish());
            let expected: Vec<Vec<u8>> =
                text.split(&separator).map(|part| part.as_bytes().to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
